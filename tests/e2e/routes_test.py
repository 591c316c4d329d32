"""Routes at work: templates, headers, bare events, and what cannot go where its route sends it, across a death."""

import json
import os
import subprocess
import unittest

from control_test import Control
from harness import Rig, Until
from kafka_test import Cloud, PublishOne
from oracle import Consumed, FileReader
from servers import Counters, MockKafka, Mosquitto, Query, Sluice

ROUTES = [{"name": "meters", "match": "plant/{kind}", "key": "{payload.meter.id}", "headers": {"site": "{label.site}", "kind": "{kind}"},
           "to": {"cloud": {"topic": "e.{kind}", "envelope": "none"}, "copy": {"key": "{topic}"}}}]


def Meter(number, meter="m-1"):
    return json.dumps({"n": number, "meter": {"id": meter}}).encode()


def Read(kafka, topic):
    """[key, payload, headers] of each record."""
    records = map(json.loads, Consumed(kafka, topic, "-J").splitlines())
    return [[record["key"], record["payload"], record.get("headers", [])] for record in records]


class Routes(unittest.TestCase):
    def test_each_sink_gets_what_its_target_says_and_a_misfit_is_a_dead_letter_of_its_sink_alone(self):
        with Rig() as rig:
            mosquitto, kafka = Mosquitto(rig), MockKafka(rig, ["e.heat:1", "e.cold_water:1"])
            os.makedirs(os.path.join(rig.directory, "conf.d"))
            with open(os.path.join(rig.directory, "conf.d", "labels.json"), "w") as f:
                json.dump({"gateway": {"labels": {"site": "graz"}}}, f)
            path = os.path.join(rig.directory, "copy.jsonl")
            sinks = {"cloud": {**Cloud(kafka)["cloud"], "max_destinations": 2}, "copy": {"type": "file", "path": path}}
            sluice = Sluice(rig, mosquitto.port, sinks, routes=ROUTES)
            sluice.Start()
            PublishOne(mosquitto.port, "plant/heat", Meter(0, "m-7"))
            PublishOne(mosquitto.port, "plant/cold water", Meter(1))
            PublishOne(mosquitto.port, "plant/heat", b'{"n": 2}')
            PublishOne(mosquitto.port, "plant/third", Meter(3))
            PublishOne(mosquitto.port, "plant/heat", Meter(4, 12.50))
            copy = FileReader(path)
            Until(lambda: copy.Numbers() == {0, 1, 2, 3, 4}, 30, "all events are in the copy")
            sluice.Kill()
            sluice.Start()
            PublishOne(mosquitto.port, "plant/heat", Meter(5))
            Until(lambda: len({payload for _, payload, _ in Read(kafka, "e.heat")}) == 3, 30, "the events that fit are in Kafka")
            Until(lambda: 5 in copy.Numbers(), 30, "the last one is in the copy, too")
            # A replay would send them to a destination, or under a key, that is only half of what the route says.
            self.assertRegex(Control(sluice).Run("dead-letters", "replay", "--all", status=1), r"[2-9] stay")
            self.assertEqual(sluice.Stop(), 0)

            heat = ["kind", "heat", "site", "graz"]
            self.assertIn(["m-7", Meter(0, "m-7").decode(), heat], Read(kafka, "e.heat"))
            self.assertIn(["12.5", Meter(4, 12.50).decode(), heat], Read(kafka, "e.heat"))
            self.assertIn(["m-1", Meter(1).decode(), ["kind", "cold water", "site", "graz"]], Read(kafka, "e.cold_water"))
            self.assertEqual({record[5] for record in copy.Records()}, {"plant/heat", "plant/cold water", "plant/third"})
            dead = {json.loads(payload)["n"]: (lane, attempts, reason)
                    for lane, attempts, reason, payload in Query(rig, "SELECT lane, attempts, reason, payload FROM dead_letter")}
            self.assertEqual(set(dead), {2, 3})
            self.assertEqual(dead[2], (1, 0, "no payload field `meter.id`"))
            self.assertEqual(dead[3][:2], (1, 0))
            self.assertTrue(dead[3][2].startswith("too many destinations"), dead[3][2])
            ledger = Counters(rig)
            # What was on its way to the broker when Sluice died may have come again.
            received = 6 + ledger.get("source/local/redelivered", 0)
            self.assertEqual(ledger["lane/1/in"], received)
            self.assertEqual(ledger["lane/1/delivered"] + ledger["lane/1/dead_lettered"], received)
            self.assertGreaterEqual(ledger["lane/1/dead_lettered"], 2)
            self.assertEqual([ledger.get("lane/2/" + name, 0) for name in ("in", "delivered", "pending", "dead_lettered")], [received, received, 0, 0])

    def test_a_condition_divides_events_by_their_payload_and_what_it_cannot_judge_goes_on_to_the_next_route(self):
        with Rig() as rig:
            mosquitto = Mosquitto(rig)
            hot, rest = (os.path.join(rig.directory, name) for name in ("hot.jsonl", "rest.jsonl"))
            routes = [{"name": "hot", "match": "plant/{site}", "when": "temp > 80 AND site <> 'test'", "class": "alert", "to": "hot"},
                      {"name": "rest", "match": "plant/#", "to": "rest"}]
            sluice = Sluice(rig, mosquitto.port, {"hot": {"type": "file", "path": hot}, "rest": {"type": "file", "path": rest}}, routes=routes)
            sluice.Start()
            for number, (site, temp) in enumerate([("graz", 81), ("graz", 80), ("graz", "ERR"), ("graz", "95"), ("graz", None), ("test", 99)]):
                PublishOne(mosquitto.port, "plant/" + site, json.dumps({"n": number, "temp": temp}).encode())
            Until(lambda: FileReader(hot).Numbers() == {0, 3}, 30, "what is hot is there")
            Until(lambda: FileReader(rest).Numbers() == {1, 2, 4, 5}, 30, "the rest is in the other file")
            self.assertEqual(sluice.Stop(), 0)

    def test_a_broker_retains_a_bare_message_under_the_topic_that_the_payload_names(self):
        with Rig() as rig:
            mosquitto, second = Mosquitto(rig), Mosquitto(rig, "second")
            target = {"topic": "andon/{site}/{payload.lamp}", "headers": {"site": "{site}"}, "envelope": "none", "retain": True}
            sluice = Sluice(rig, mosquitto.port, {"andon": {"type": "mqtt", "url": f"mqtt://127.0.0.1:{second.port}"}},
                            routes=[{"name": "lamps", "match": "plant/{site}/alarm", "to": {"andon": target}}])
            sluice.Start()
            PublishOne(mosquitto.port, "plant/graz/alarm", b'{"n": 1, "lamp": "red#1"}')

            def Retained():
                return subprocess.run(["mosquitto_sub", "-p", str(second.port), "-V", "5", "-t", "#", "--retained-only", "-C", "1", "-W", "1",
                                       "-F", "%t|%P|%p"], capture_output=True, timeout=30).stdout.decode().strip()
            Until(Retained, 30, "the broker has the message")
            self.assertEqual(Retained(), 'andon/graz/red_1|site:graz|{"n": 1, "lamp": "red#1"}')
            self.assertEqual(sluice.Stop(), 0)


if __name__ == "__main__":
    unittest.main()
