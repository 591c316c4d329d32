"""Against a real Apache Kafka: the whole path, its death under load, and a record that it will never take."""

import json
import os
import subprocess
import unittest

from harness import Rig, Until
from oracle import Consumed, Publisher, Reader, UntilArrived
from servers import MockKafka, Mosquitto, Query, RealKafka, Sluice


def StartKafka(rig, *options):
    try:
        return RealKafka(rig, *options)
    except RealKafka.Unavailable as why:
        if os.environ.get("SLUICE_REQUIRE_KAFKA"):
            raise
        raise unittest.SkipTest(str(why))


def Cloud(kafka, **rdkafka):
    return {"cloud": {"type": "kafka", "brokers": [kafka.bootstrap], "retry_min": "50ms", "retry_max": "500ms", "rdkafka": rdkafka}}


def PublishOne(port, topic, payload):
    subprocess.run(["mosquitto_pub", "-h", "127.0.0.1", "-p", str(port), "-q", "1", "-t", topic, "-s"], input=payload, check=True)


class Real(unittest.TestCase):
    def test_events_survive_the_death_of_kafka_and_of_sluice_and_arrive_in_order(self):
        with Rig() as rig:
            kafka = StartKafka(rig)
            mosquitto = Mosquitto(rig)
            sluice = Sluice(rig, mosquitto.port, Cloud(kafka, **{"reconnect.backoff.max.ms": 500}))
            sluice.Start()
            publisher = Publisher(mosquitto.port, rate=1500)
            publisher.start()
            reader = None
            for kill_kafka in (False, True, False):
                goal = len(publisher.Acked()) + 2000
                Until(lambda: len(publisher.Acked()) > goal, 60, "acknowledgements")
                if reader is None:
                    reader = Reader(rig, kafka.bootstrap)
                if kill_kafka:
                    kafka.Kill()
                    kafka.Start()
                sluice.Kill()
                sluice.Start()
            publisher.Finish()
            account = UntilArrived(publisher, reader, 90)
            account.Check()
            self.assertEqual(sluice.Stop(), 0)
            # An unrelated consumer, as users write it.
            self.assertGreaterEqual(len([json.loads(line) for line in Consumed(kafka, "plant").splitlines()]), len(account.acked))


class Order(unittest.TestCase):
    def Poisoned(self, rig, kafka, sinks):
        """One key; in mid-batch a record that is never taken. Only that one is set aside, nothing overtakes."""
        mosquitto = Mosquitto(rig)
        routes = [{"name": "all", "match": "plant/#", "key": "one", "to": {"cloud": {"topic": "order"}}}]
        sluice = Sluice(rig, mosquitto.port, sinks, routes=routes, source={"max_payload": "4MiB"})
        sluice.Start()
        for number in range(300):
            if number == 150:
                PublishOne(mosquitto.port, "plant/big", b"x" * 2_000_000)
            else:
                PublishOne(mosquitto.port, "plant/small", b'{"n": %d}' % number)
        sluice.UntilLog("set aside", 60)

        def Numbers():
            return [json.loads(line)["n"] for line in Consumed(kafka, "order").splitlines()]

        Until(lambda: len(set(Numbers())) == 299, 60, "the others arrive")
        first = list(dict.fromkeys(Numbers()))
        self.assertEqual(first, [n for n in range(300) if n != 150])
        self.assertEqual(sluice.Stop(), 0)
        self.assertEqual(Query(rig, "SELECT length(payload) FROM dead_letter"), [(2_000_000,)])

    def test_a_record_too_large_for_the_client_library_is_set_aside_and_nothing_overtakes(self):
        with Rig() as rig:
            kafka = MockKafka(rig, ["order:1"])
            self.Poisoned(rig, kafka, Cloud(kafka))

    def test_a_record_too_large_for_a_real_kafka_is_set_aside_and_nothing_overtakes(self):
        with Rig() as rig:
            kafka = StartKafka(rig)
            self.Poisoned(rig, kafka, Cloud(kafka, **{"message.max.bytes": 10_000_000, "compression.type": "none"}))


if __name__ == "__main__":
    unittest.main(verbosity=2)
