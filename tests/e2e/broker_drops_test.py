"""What the broker says that it has dropped: told where it says it, and no trouble where it does not."""

import json
import os
import subprocess
import unittest

from control_test import Control
from harness import Rig, Until
from kafka_test import PublishOne
from oracle import FileReader, Publisher, TopicsBelow
from scripted_broker import DROP_COUNT, ScriptedBroker
from servers import Mosquitto, Sluice

QUICK = "sys_interval 1\n"


def Start(rig, broker, **source):
    out = os.path.join(rig.directory, "out.jsonl")
    sluice = Sluice(rig, broker.port, {"out": {"type": "file", "path": out}}, source=source,
                    routes=[{"name": "all", "match": ["plant/#", "$SYS/#"], "to": "out"}])
    sluice.Start()
    return sluice, FileReader(out)


def Source(sluice):
    return Control(sluice).Status()["sources"]["local"]


def Dropped(sluice):
    return Source(sluice)["since_start"].get("broker_dropped")


class Told(unittest.TestCase):
    def Overflow(self, mosquitto):
        """50 messages to a client that is away, whose queue takes 5."""
        publisher = Publisher(mosquitto.port, rate=1000, count=50, topic=TopicsBelow("other"))
        publisher.start()
        publisher.Finish()

    def Counter(self, mosquitto):
        done = subprocess.run(["mosquitto_sub", "-p", str(mosquitto.port), "-t", DROP_COUNT, "-C", "1", "-W", "2"], capture_output=True, timeout=20)
        return done.stdout.decode().strip()

    def test_drops_for_any_client_show_as_they_grow_and_over_a_restart_of_the_broker_and_make_no_event(self):
        for protocol in ("5", "3.1.1"):
            with self.subTest(protocol=protocol), Rig() as rig:
                mosquitto = Mosquitto(rig, head=QUICK, tail="max_queued_messages 5\n")
                subprocess.run(["mosquitto_sub", "-p", str(mosquitto.port), "-i", "hoarder", "-c", "-q", "1", "-t", "other/#", "-E"], check=True, timeout=20)
                self.Overflow(mosquitto)
                Until(lambda: self.Counter(mosquitto) == "45", 20, "the broker publishes what it has dropped")
                sluice, reader = Start(rig, mosquitto, protocol=protocol)
                Until(lambda: Dropped(sluice) == 0, 20, "what was dropped before is not ours to tell")
                self.Overflow(mosquitto)
                first = Until(lambda: Dropped(sluice), 20, "drops show")
                Until(lambda: Dropped(sluice) == 50, 20, "all of them")
                sluice.UntilLog("the broker has dropped messages", 10)
                mosquitto.Stop()
                mosquitto.Start()
                Until(lambda: sluice.process.Log().count("msg=connected") == 2, 20, "connected again")
                self.Overflow(mosquitto)
                Until(lambda: Dropped(sluice) == 100, 20, "drops of the new broker show")
                PublishOne(mosquitto.port, "plant/a", b'{"n": 1}')
                Until(lambda: reader.Numbers() == {1}, 20, "events go on")
                self.assertLessEqual(first, 50)
                self.assertEqual(Source(sluice)["received"], 1)
                self.assertEqual(sluice.Stop(), 0)

    def test_an_operator_who_subscribes_to_it_himself_gets_it_as_events(self):
        with Rig() as rig:
            mosquitto = Mosquitto(rig, head=QUICK)
            sluice, reader = Start(rig, mosquitto, subscribe={"$SYS/#": {"qos": 0}, "plant/#": {"qos": 1}})

            def Times(topic):
                if not os.path.exists(reader.path):
                    return 0
                with open(reader.path) as f:
                    return [json.loads(line)["subject"] for line in f if line.endswith("\n")].count(topic)
            Until(lambda: Times(DROP_COUNT), 20, "the counter is an event")
            PublishOne(mosquitto.port, "plant/a", b'{"n": 1}')
            Until(lambda: Times("plant/a"), 20, "events go on")
            self.assertEqual(Times(DROP_COUNT), 1)
            self.assertIsNone(Dropped(sluice))
            self.assertEqual(sluice.Stop(), 0)


class NotTold(unittest.TestCase):
    def Check(self, rig, sluice, publish, reader, connections=1):
        publish()
        Until(lambda: 1 in reader.Numbers(), 20, "events go on")
        self.assertEqual(Source(sluice)["state"], "live")
        self.assertIsNone(Dropped(sluice))
        log = sluice.process.Log()
        self.assertEqual(log.count("msg=connected"), connections)
        self.assertNotIn("level=error", log)
        self.assertEqual(log.count("level=warning part=mqtt"), connections - 1)
        self.assertEqual(sluice.Stop(), 0)

    def test_a_broker_whose_acl_denies_it_costs_nothing(self):
        with Rig() as rig:
            acl = os.path.join(rig.directory, "acl")
            with open(acl, "w") as f:
                f.write("topic readwrite plant/#\n")
            mosquitto = Mosquitto(rig, head=QUICK, tail=f"acl_file {acl}\n")
            sluice, reader = Start(rig, mosquitto)
            self.Check(rig, sluice, lambda: PublishOne(mosquitto.port, "plant/a", b'{"n": 1}'), reader)

    def Scripted(self, protocol, answer, connections=1):
        with Rig() as rig:
            broker = ScriptedBroker(rig, grant=lambda name, qos: answer() if name == DROP_COUNT else qos)
            sluice, reader = Start(rig, broker, protocol=protocol)
            first = broker.Live()
            Until(lambda: first.asked_for_drop_count, 20, "the counter is asked for")
            live = broker.Live(connections) if protocol == "5" else Until(lambda: broker.connections[connections - 1:], 20, "the connection")[0]
            Until(lambda: sluice.process.Log().count("msg=connected") == connections, 20, "it is live")
            self.Check(rig, sluice, lambda: live.Publish(b"plant/a", b'{"n": 1}', 1), reader, connections)
            self.assertEqual([connection.asked_for_drop_count for connection in broker.connections], [True] + [False] * (connections - 1))

    def test_a_broker_that_refuses_it_is_not_asked_again(self):
        self.Scripted("5", lambda: 0x87)
        self.Scripted("3.1.1", lambda: 0x80)

    def test_a_broker_that_does_not_answer_is_not_waited_for(self):
        self.Scripted("5", lambda: None)
        self.Scripted("3.1.1", lambda: None)

    def test_a_broker_that_ends_the_connection_over_it_is_not_asked_again(self):
        def End():
            raise ConnectionError("not authorized")
        self.Scripted("5", End, connections=2)
        self.Scripted("3.1.1", End, connections=2)


if __name__ == "__main__":
    unittest.main()
