"""Against a server of the Kinesis API, and against one that judges signatures and plays faults: the whole path, outages and deaths under load,
and the consumers that people write."""

import json
import os
import sys
import unittest

from harness import ROOT, RandomSeed, Rig, Until
from lambda_trigger import Handler, Trigger
from oracle import Publisher, UntilArrived
from servers import Kinesalite, Mosquitto, Proxy, Query, Sluice

sys.path.insert(0, os.path.join(ROOT, "tests", "kinesis"))
from kinesis_peer import CONTAINER_TOKEN, Peer, PeerReader  # noqa: E402

KEYS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}


def StartKinesis(rig):
    try:
        return Kinesalite(rig)
    except Kinesalite.Unavailable as why:
        if os.environ.get("SLUICE_REQUIRE_KINESIS"):
            raise
        raise unittest.SkipTest(str(why))


def Lake(endpoint, **more):
    return {"lake": {"type": "kinesis", "region": "eu-central-1", "endpoint": endpoint, "stream": "plant", "retry_min": "50ms",
                     "retry_max": "500ms", "timeout": "5s", **more}}


ROUTES = [{"name": "all", "match": "plant/#", "to": "lake"}]


class Real(unittest.TestCase):
    def test_events_survive_an_outage_of_kinesis_and_the_death_of_sluice_and_arrive_in_order(self):
        with Rig() as rig:
            kinesis = StartKinesis(rig)
            mosquitto = Mosquitto(rig)
            sluice = Sluice(rig, mosquitto.port, Lake(kinesis.endpoint), routes=ROUTES)
            sluice.Start(env=KEYS)
            publisher = Publisher(mosquitto.port, rate=800)
            publisher.start()
            function = Trigger(rig, kinesis, Handler)
            for outage in (False, True, True):
                goal = len(publisher.Acked()) + 1000
                Until(lambda: len(publisher.Acked()) > goal, 60, "acknowledgements")
                if outage:
                    kinesis.Kill()
                    goal = len(publisher.Acked()) + 1000
                    Until(lambda: len(publisher.Acked()) > goal, 60, "acknowledgements go on in the outage")
                    sluice.UntilLog("delivery failed", 20)
                    kinesis.Start()
                sluice.Kill()
                sluice.Start(env=KEYS)
            publisher.Finish()
            account = UntilArrived(publisher, function, 90)
            account.Check()
            self.assertEqual(sluice.Stop(), 0)
            self.assertEqual(self.ReadPlainly(kinesis), len(function.Records()))

    def ReadPlainly(self, kinesis):
        """The plain boto3 consumer: how many records it reads, each of them an event whose data is what the sensor sent."""
        client, count = kinesis.Client(), 0
        for shard in client.list_shards(StreamName="plant")["Shards"]:
            iterator = client.get_shard_iterator(StreamName="plant", ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
            while True:
                answer = client.get_records(ShardIterator=iterator)
                for record in answer["Records"]:
                    self.assertIn("crc", json.loads(json.loads(record["Data"])["data"]))
                    count += 1
                if not answer["Records"]:
                    break
                iterator = answer["NextShardIterator"]
        return count


class Scripted(unittest.TestCase):
    FAULTS = ["late", "hangup", "portal", "redirect", "half", "huge", "error 500 InternalFailure", "error 400 LimitExceededException",
              "error 403 AccessDeniedException", "records 0.5", "records 1.0"]

    def Start(self, rig, peer, lake=None, **publishing):
        mosquitto = Mosquitto(rig)
        url = f"http://127.0.0.1:{peer.port}"
        lake = lake or Lake(url, timeout="500ms", auth={"type": "container", "endpoint": url + "/container"})
        sluice = Sluice(rig, mosquitto.port, lake, routes=ROUTES)
        sluice.Start(env={"AWS_CONTAINER_AUTHORIZATION_TOKEN": CONTAINER_TOKEN})
        publisher = Publisher(mosquitto.port, **publishing)
        publisher.start()
        return sluice, publisher

    def test_whatever_kinesis_and_the_net_do_nothing_is_lost_and_no_key_is_out_of_order(self):
        random = RandomSeed()
        with Rig() as rig:
            peer = rig.Add(Peer(seed=random.random()))
            peer.Set(share=0.02)
            sluice, publisher = self.Start(rig, peer, rate=500)
            reader = PeerReader(peer)
            for round_number in range(30):
                peer.Play(random.choice(self.FAULTS))
                if round_number % 10 == 3:
                    peer.ExpireKeys()
                if round_number % 10 == 6:
                    peer.Set(clock=random.randint(-100_000, 100_000))
                if round_number % 10 == 9:
                    sluice.Kill()
                    sluice.Start(env={"AWS_CONTAINER_AUTHORIZATION_TOKEN": CONTAINER_TOKEN})
                goal = len(reader.Numbers()) + random.randint(20, 200)
                Until(lambda: len(reader.Numbers()) > goal, 60, "delivery goes on after the fault")
            publisher.Finish()
            account = UntilArrived(publisher, reader, 60)
            account.Check()
            self.assertEqual(peer.violations, [])
            self.assertEqual(sluice.Stop(), 0)

    def test_a_device_delivers_over_tls_through_a_proxy_with_keys_for_its_certificate(self):
        with Rig() as rig:
            peer = rig.Add(Peer())
            port = peer.ServeTls(rig.directory, "IP:127.0.0.1")
            proxy = Proxy(rig, b"gw:canary")
            cert, key = os.path.join(rig.directory, "cert.pem"), os.path.join(rig.directory, "key.pem")
            tls = {"ca_file": cert, "cert_file": cert, "key_file": key}
            iot = {"type": "iot", "endpoint": f"127.0.0.1:{port}", "role_alias": "gateway", "thing_name": "press-1", "tls": tls}
            lake = Lake(f"https://127.0.0.1:{port}", tls=tls, auth=iot, proxy=f"http://gw:canary@127.0.0.1:{proxy.port}")
            sluice, publisher = self.Start(rig, peer, lake, rate=1000, count=1000)
            publisher.Finish()
            UntilArrived(publisher, PeerReader(peer), 60).Check()
            self.assertEqual(set(proxy.targets), {f"127.0.0.1:{port}"})
            self.assertNotIn("canary", sluice.process.Log())
            self.assertEqual(sluice.Stop(), 0)

    def test_a_record_that_kinesis_will_never_take_is_set_aside_alone_and_nothing_overtakes(self):
        with Rig() as rig:
            peer = rig.Add(Peer())
            peer.Set(poison="\\\"n\\\":250,")
            sluice, publisher = self.Start(rig, peer, rate=2000, count=500)
            publisher.Finish()
            sluice.UntilLog("set aside", 60)
            Until(lambda: len(PeerReader(peer).Numbers()) == 499, 60, "the others arrive")
            numbers = [number for number, *_ in PeerReader(peer).Records()]
            for key in range(20):
                first = list(dict.fromkeys(number for number in numbers if number % 20 == key))
                self.assertEqual(first, [number for number in range(500) if number % 20 == key and number != 250])
            self.assertEqual(sluice.Stop(), 0)
            self.assertEqual(Query(rig, "SELECT count(*) FROM dead_letter"), [(1,)])


if __name__ == "__main__":
    unittest.main(verbosity=2)
