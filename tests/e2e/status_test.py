"""What the gateway tells of itself on $sluice/status and $sluice/gaps, as a consumer in the cloud sees it."""

import json
import unittest

from control_test import Control
from harness import Rig, Until
from kafka_test import Cloud, PublishOne
from oracle import Consumed, Unbalanced
from servers import Counters, MockKafka, Mosquitto, Sluice

ROUTES = [{"name": "own", "match": "$sluice/#", "class": "alert", "to": {"cloud": {"topic": "own"}}},
          {"name": "all", "match": "#", "class": "bulk", "to": {"cloud": {"topic": "plant"}}}]


class Gateway:
    """Sluice between a Mosquitto and a Kafka, and what a consumer reads of it there."""

    def __init__(self, rig, routes=ROUTES, **settings):
        self.kafka, self.mosquitto = MockKafka(rig, ["plant:1", "own:1"]), Mosquitto(rig)
        self.sluice = Sluice(rig, self.mosquitto.port, Cloud(self.kafka, **{"reconnect.backoff.max.ms": 200}), routes=routes,
                             source={"subscribe": {"#": {"qos": 1}}})
        self.control = Control(self.sluice)
        self.Set(**settings)

    def Set(self, **settings):
        with open(self.sluice.config) as f:
            config = json.load(f)
        config["gateway"].update(settings)
        with open(self.sluice.config, "w") as f:
            json.dump(config, f)

    def Publish(self, topic, payload=b"{}"):
        PublishOne(self.mosquitto.port, topic, payload)

    def Own(self, kind):
        """[headers, document] of the gateway's own events of a kind ("status", "gaps"), each once."""
        events = {}
        for line in Consumed(self.kafka, "own", "-J").splitlines():
            record = json.loads(line)
            headers = dict(zip(record["headers"][::2], record["headers"][1::2]))
            if headers["ce_subject"] == "$sluice/" + kind:
                events[headers["ce_id"]] = [headers, json.loads(record["payload"])]
        return list(events.values())

    def Reports(self):
        return [report for _, report in self.Own("status")]

    def UntilReports(self, what, count, **members):
        """The reports that have these members, once there are so many."""
        def Enough():
            found = [report for report in self.Reports() if members.items() <= report.items()]
            return found if len(found) >= count else None
        return Until(Enough, 30, what)

    def UntilTrouble(self):
        Until(lambda: any("last_error" in lane for lane in self.control.Status()["lanes"]), 30, "the status says that Kafka is away")


class Status(unittest.TestCase):
    def test_starts_and_stops_are_told_with_their_reasons_and_each_report_is_whole(self):
        with Rig() as rig:
            gateway = Gateway(rig, report_every="0s")
            sluice = gateway.sluice
            sluice.Start()
            gateway.UntilReports("a first start", 1, reason="start", start_reason="first")
            self.assertIn("after a start by first, clock ", gateway.control.Run("status"))
            gateway.Publish("plant/a")
            Until(lambda: gateway.control.Status()["sources"]["local"]["received"] == 1, 30, "the event is counted")
            # The last report is on its way when the daemon ends: it does not wait for the next start.
            self.assertEqual(sluice.Stop(), 0)
            self.assertEqual([report["reason"] for report in gateway.Reports()], ["start", "stop"])
            gateway.Set(labels={"site": "graz"})
            sluice.Start()
            gateway.UntilReports("a restart", 1, reason="start", start_reason="restart")
            sluice.Kill()
            sluice.Start()
            gateway.UntilReports("a start after a crash", 1, reason="start", start_reason="crash")
            self.assertIn("after a start by crash, clock ", gateway.control.Run("status"))
            self.assertEqual(sluice.Stop(), 0)
            for headers, report in gateway.Own("status"):
                self.CheckWhole(headers, report)
            first, stop, restart, *_ = gateway.Reports()
            self.assertEqual(first["config"], stop["config"])
            self.assertNotEqual(stop["config"], restart["config"])
            self.assertEqual(stop["sources"]["local"]["received"], 1)
            self.assertEqual(sum(lane["in"] for lane in stop["lanes"]), 2)

    def CheckWhole(self, headers, report):
        self.assertEqual((headers["ce_type"], headers["ce_source"], headers["content-type"]), ("io.sluice.status", "/sluice/edge-1", "application/json"))
        self.assertEqual(headers["ce_id"], f"edge-1:{report['outbox']}:{int(headers['ce_sequence'])}")
        self.assertEqual(report["gateway"], "edge-1")
        self.assertRegex(report["version"], r"^\d+\.\d+")
        self.assertRegex(report["config"], "^[0-9a-f]{16}$")
        self.assertEqual(report["certificates"], [])
        self.assertEqual(Unbalanced(report), [])
        self.assertEqual([lane["class"] for lane in report["lanes"]], ["alert", "bulk"])
        self.assertIn("sessions_lost", report["sources"]["local"]["since_start"])
        self.assertGreater(report["disk"]["used_bytes"], 0)
        for lane in report["lanes"]:
            # Its own day, and no more than a few small events.
            self.assertLess(lane["sent_bytes_today"], 100_000)
            self.assertEqual("oldest_age_s" in lane, lane["pending"] > 0)
            self.assertLess(lane.get("oldest_age_s", 0), 60)

    def test_reports_come_at_the_interval_pause_in_an_outage_and_tell_when_it_is_over(self):
        with Rig() as rig:
            gateway = Gateway(rig, report_every="1s")
            gateway.sluice.Start()
            gateway.UntilReports("reports at the interval", 3, reason="interval")
            gateway.kafka.Tell("down")
            gateway.UntilTrouble()
            before = gateway.control.Status()["lanes"][0]
            # An interval may still find nothing waiting in the lane; after that there is none.
            waiting = Until(lambda: [lane for lane in gateway.control.Status()["lanes"] if lane.get("oldest_age_s", 0) >= 5], 60, "the oldest report ages")
            self.assertLessEqual(waiting[0]["in"], before["in"] + 2)
            self.assertIn("no broker can be reached", waiting[0]["last_error"])
            gateway.kafka.Tell("up")
            recovered = gateway.UntilReports("the outage is over", 1, reason="recovered")
            self.assertEqual(Unbalanced(recovered[0]), [])
            seen = len(gateway.Reports())
            Until(lambda: len(gateway.Reports()) >= seen + 2, 30, "the interval goes on")
            self.assertEqual(gateway.sluice.Stop(), 0)

    def test_with_kafka_away_a_stop_is_not_held_up_and_its_report_arrives_after_the_next_start(self):
        with Rig() as rig:
            gateway = Gateway(rig, report_every="0s")
            gateway.sluice.Start()
            gateway.UntilReports("the start", 1, reason="start")
            gateway.kafka.Tell("down")
            gateway.UntilTrouble()
            self.assertEqual(gateway.sluice.Stop(), 0)
            gateway.kafka.Tell("up")
            gateway.sluice.Start()
            gateway.UntilReports("the stop before", 1, reason="stop", start_reason="first")
            gateway.UntilReports("the restart", 1, reason="start", start_reason="restart")
            self.assertEqual(gateway.sluice.Stop(), 0)

    def test_who_publishes_to_the_topics_of_the_gateway_is_not_believed(self):
        with Rig() as rig:
            gateway = Gateway(rig, report_every="0s")
            gateway.sluice.Start()
            for kind in ("status", "gaps"):
                gateway.Publish("$sluice/" + kind, b'{"reason": "forged"}')
            gateway.Publish("plant/a")
            Until(lambda: Consumed(gateway.kafka, "plant"), 30, "what was published after it arrives")
            self.assertEqual(gateway.sluice.Stop(), 0)
            self.assertEqual([report["reason"] for report in gateway.Reports()], ["start", "stop"])
            self.assertEqual(gateway.Own("gaps"), [])
            self.assertEqual(Counters(rig)["source/local/received"], 1)


class Gaps(unittest.TestCase):
    def test_what_a_time_to_live_gave_up_is_told_once_and_the_ledger_agrees(self):
        with Rig() as rig:
            gateway = Gateway(rig, routes=[ROUTES[0], {**ROUTES[1], "ttl": "1s"}], report_every="0s")
            gateway.sluice.Start()
            gateway.UntilReports("the start", 1, reason="start")
            gateway.kafka.Tell("down")
            for number in range(20):
                gateway.Publish("plant/a", b"%d" % number)
            Until(lambda: self.Lane(gateway)["in"] == 20 and self.Lane(gateway)["oldest_age_s"] >= 5, 60, "all are in the lane, and old")
            gateway.sluice.Kill()  # What the client library had been given goes with it.
            gateway.kafka.Tell("up")
            gateway.sluice.Start()
            Until(lambda: self.Lane(gateway).get("dropped") and not self.Lane(gateway)["pending"], 30, "what is too old is given up")
            Until(lambda: gateway.Own("gaps"), 60, "the gap is told")
            self.assertEqual(gateway.sluice.Stop(), 0)
            dropped = gateway.Reports()[-1]["lanes"][1]["dropped"]
            self.assertEqual(list(dropped), ["ttl"])
            (headers, record), = gateway.Own("gaps")
            self.assertEqual((headers["ce_type"], headers["ce_source"]), ("io.sluice.gaps", "/sluice/edge-1"))
            self.assertEqual((record["sink"], record["class"]), ("cloud", "bulk"))
            self.assertEqual({gap["reason"] for gap in record["gaps"]}, {"ttl"})
            self.assertEqual(sum(gap["events"] for gap in record["gaps"]), dropped["ttl"])

    def Lane(self, gateway):
        return next(lane for lane in gateway.control.Status()["lanes"] if lane["class"] == "bulk")


if __name__ == "__main__":
    unittest.main(verbosity=2)
