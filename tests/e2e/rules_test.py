"""Alert rules at work: what sensors publish becomes alerts for the cloud and for a local actuator, each with the event that caused it, and each
once, whatever the daemon goes through."""

import datetime
import json
import os
import subprocess
import unittest

from control_test import Control
from harness import RandomSeed, Rig, Until
from kafka_test import Cloud
from mqtt_reader import MqttReader
from oracle import Consumed, Publisher, Reader, Tap, UntilArrived
from servers import Counters, MockKafka, Mosquitto, Sluice

KILLS = int(os.environ.get("SLUICE_KILLS", "100"))
POINTS = ["after_receive", "before_commit", "after_commit", "after_produce", "before_settle", "before_checkpoint"]

MATCH = "plant/{line}/press/{press}"
HOT = {"alert": "Hot", "match": MATCH, "when": "temp > 80", "labels": {"severity": "critical"},
       "annotations": {"summary": "Press {press} of line {line} at {payload.temp} C"}}
SILENT = {"alert": "Silent", "match": MATCH, "absent_for": "1s", "expect": [{"line": "1", "press": "9"}]}
ROUTES = [{"name": "alerts", "match": "$sluice/alerts/{alert}", "class": "alert",
           "to": {"cloud": {"topic": "alerts"}, "andon": {"topic": "andon/{alert}/{payload.labels.press}"}}},
          {"name": "telemetry", "match": "plant/#", "to": {"cloud": {"topic": "plant"}}}]
NOT_OVER = "0001-01-01T00:00:00Z"


class Record:
    """A record of Kafka."""

    def __init__(self, record):
        self.headers = dict(zip(record["headers"][::2], record["headers"][1::2]))
        self.id, self.subject, self.seq = self.headers["ce_id"], self.headers["ce_subject"], int(self.headers["ce_sequence"])
        self.payload = record["payload"]
        self.document = json.loads(self.payload)

    def __getitem__(self, name):
        return self.document[name]


class Plant:
    """Sluice between the sensors' broker, a Kafka, and the broker of the actuators."""

    def __init__(self, rig, rules, source=None):
        self.rig, self.published = rig, 0
        self.kafka, self.sensors, self.actuators = MockKafka(rig, ["plant:1", "alerts:1"]), Mosquitto(rig), Mosquitto(rig, "actuators")
        self.tap, self.andon = Tap(rig, self.sensors.port), MqttReader(rig, self.actuators.port)
        sinks = {**Cloud(self.kafka, **{"reconnect.backoff.max.ms": 200}),
                 "andon": {"type": "mqtt", "url": f"mqtt://127.0.0.1:{self.actuators.port}", "retry_min": "50ms", "retry_max": "500ms"}}
        self.sluice = Sluice(rig, self.tap.port, sinks, routes=ROUTES, source=source, more={"rules": rules})
        self.control = Control(self.sluice)

    def SetRules(self, rules):
        """For the next start."""
        with open(self.sluice.config) as f:
            config = json.load(f)
        with open(self.sluice.config, "w") as f:
            json.dump({**config, "rules": rules}, f)

    def Publish(self, press, temp, *options):
        subprocess.run(["mosquitto_pub", "-h", "127.0.0.1", "-p", str(self.sensors.port), "-q", "1", "-t", f"plant/1/press/{press}", "-s", *options],
                       input=b'{"n": %d, "temp": %d}' % (self.published, temp), check=True, timeout=30)
        self.published += 1

    def Records(self, topic):
        """Each once, in the order of their places."""
        records = {one.id: one for one in map(Record, map(json.loads, Consumed(self.kafka, topic, "-J").splitlines()))}
        return sorted(records.values(), key=lambda one: one.seq)

    def Events(self):
        return self.Records("plant")

    def Alerts(self):
        return self.Records("alerts")

    def UntilEvents(self, count):
        return self.UntilRecords("plant", count)

    def UntilAlerts(self, count):
        """No more, and no less."""
        return self.UntilRecords("alerts", count)

    def UntilRecords(self, topic, count):
        def Enough():
            records = self.Records(topic)
            return records if len(records) >= count else None
        records = Until(Enough, 30, f"{count} records of {topic}")
        assert len(records) == count, [one.payload for one in records]
        return records

    def Rules(self):
        """As the command line tells of them, by their names."""
        return {rule["alert"]: rule for rule in map(json.loads, self.control.Run("rules", "list", "--json").splitlines())}

    def UntilRule(self, alert, **expected):
        Until(lambda: expected.items() <= self.Rules()[alert].items(), 30, f"{alert} has {expected}")

    def End(self, how):
        """What was published is not published again: it is acknowledged before."""
        Until(lambda: len(self.tap.Acked()) == self.published, 30, "everything is acknowledged")
        if how == "SIGKILL":
            self.sluice.Kill()
        else:
            assert self.sluice.Stop() == 0

    def StopAndCheckLedger(self, alerts):
        """All that was told is delivered, and counted."""
        Until(lambda: all(lane["pending"] == 0 for lane in self.control.Status()["lanes"]), 30, "everything is delivered")
        assert self.sluice.Stop() == 0
        ledger = Counters(self.rig)
        own = {what: ledger.get(f"source/$sluice/{what}", 0) for what in ("received", "routed", "unrouted")}
        assert own == {"received": alerts, "routed": alerts, "unrouted": 0}, own
        return ledger


def Time(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


class Alerts(unittest.TestCase):
    def test_an_alert_and_its_end_come_right_behind_their_events_to_the_cloud_and_to_the_actuator(self):
        with Rig() as rig:
            plant = Plant(rig, [HOT])
            plant.sluice.Start()
            for temp in (70, 91, 95):
                plant.Publish(7, temp)
            plant.Publish(8, 20)
            firing, = plant.UntilAlerts(1)
            self.CheckListed(plant)
            plant.Publish(7, 60)
            firing, resolved = plant.UntilAlerts(2)
            cool, hot, _, _, cool_again = plant.UntilEvents(5)
            self.CheckFiring(firing, hot)
            self.CheckResolved(resolved, firing, cool_again)
            Until(lambda: len(plant.andon.Published()) == 2, 30, "the actuator is told of both")
            self.assertEqual([(one.topic, one.payload.decode()) for one in plant.andon.Published()],
                             [("andon/Hot/7", firing.payload), ("andon/Hot/7", resolved.payload)])
            self.assertEqual([dict(one.properties)["id"] for one in plant.andon.Published()], [firing.id, resolved.id])
            ledger = plant.StopAndCheckLedger(alerts=2)
            self.assertEqual(ledger["source/local/received"], 5)

    def CheckFiring(self, firing, hot):
        self.assertEqual(firing.seq, hot.seq + 1)
        self.assertEqual({name: firing.headers[name] for name in ("ce_type", "ce_source", "ce_subject", "content-type")},
                         {"ce_type": "io.sluice.alerts", "ce_source": "/sluice/edge-1", "ce_subject": "$sluice/alerts/Hot", "content-type": "application/json"})
        said = dict(firing.document)
        self.assertRegex(said.pop("fingerprint"), "^[0-9a-f]{16}$")
        self.assertTrue(said["id"].startswith(hot.id.rsplit(":", 1)[0]), said)
        # When it was received, which is when it is told.
        self.assertAlmostEqual(Time(said.pop("startsAt")), Time(hot.headers["ce_time"]), delta=0.01)
        self.assertAlmostEqual(Time(said.pop("activeAt")), Time(hot.headers["ce_time"]), delta=0.01)
        self.assertEqual(said.pop("incident"), said.pop("id"))
        self.assertEqual(said, {"status": "firing", "labels": {"alertname": "Hot", "line": "1", "press": "7", "severity": "critical"},
                                "annotations": {"summary": "Press 7 of line 1 at 91 C"}, "endsAt": NOT_OVER, "value": 91, "cause": hot.id})

    def CheckResolved(self, resolved, firing, cool):
        self.assertEqual(resolved.seq, cool.seq + 1)
        said = dict(resolved.document)
        self.assertNotEqual(said.pop("id"), firing["id"])
        self.assertGreaterEqual(Time(said.pop("endsAt")), Time(firing["startsAt"]))
        kept = ("labels", "fingerprint", "startsAt", "activeAt", "incident")
        self.assertEqual(said, {**{name: firing[name] for name in kept}, "status": "resolved", "value": 60, "cause": cool.id,
                                "annotations": {"summary": "Press 7 of line 1 at 60 C"}})

    def CheckListed(self, plant):
        # The last event may still be on its way to the rules when the alert is in the cloud.
        plant.UntilRule("Hot", events=4)
        rule = plant.Rules()["Hot"]
        self.assertEqual({name: rule[name] for name in ("keys", "pending", "firing", "evaluations", "fired", "resolved", "last_key", "last_value")},
                         {"keys": 2, "pending": 0, "firing": 1, "evaluations": 4, "fired": 1, "resolved": 0, "last_key": "1/8", "last_value": 20})
        head, line = plant.control.Run("rules", "list").splitlines()
        self.assertEqual(head.split()[:5], ["alert", "keys", "pending", "firing", "evaluations"])
        self.assertEqual(line.split()[:5], ["Hot", "2", "0", "1", "4"])
        self.assertIn("1/8=20", line)
        self.assertEqual(plant.control.Status()["alerts"], {"rules": 1, "pending": 0, "firing": 1, "suppressed": 0, "forgotten": 0})
        self.assertIn("alerts  rules 1  pending 0  firing 1", plant.control.Run("status"))

    def test_with_the_cloud_away_the_actuator_is_told_all_the_same_and_the_cloud_afterwards(self):
        with Rig() as rig:
            plant = Plant(rig, [HOT])
            plant.sluice.Start()
            plant.kafka.Tell("down")
            plant.Publish(7, 91)
            told, = Until(plant.andon.Published, 30, "the actuator is told")
            waiting = [lane["pending"] for lane in plant.control.Status()["lanes"] if lane["sink"] == "cloud"]
            self.assertEqual(waiting, [1, 1], "the event and its alert wait for the cloud")
            plant.kafka.Tell("up")
            alert, = plant.UntilAlerts(1)
            self.assertEqual(told.payload.decode(), alert.payload)
            plant.StopAndCheckLedger(alerts=1)

    def test_a_condition_that_lasts_fires_when_its_time_has_come_though_no_event_comes(self):
        with Rig() as rig:
            plant = Plant(rig, [{**HOT, "for": "1s"}])
            plant.sluice.Start()
            plant.Publish(7, 91)
            firing, = plant.UntilAlerts(1)
            hot, = plant.Events()
            self.assertNotIn("cause", firing.document)
            self.assertAlmostEqual(Time(firing["activeAt"]), Time(hot.headers["ce_time"]), delta=0.01)
            self.assertGreaterEqual(Time(firing["startsAt"]) - Time(firing["activeAt"]), 0.999)
            self.assertEqual((firing["value"], firing["annotations"]), (91, {"summary": "Press 7 of line 1 at 91 C"}))
            plant.Publish(7, 60)
            _, resolved = plant.UntilAlerts(2)
            _, cool = plant.Events()
            self.assertEqual((resolved["status"], resolved["incident"], resolved["cause"]), ("resolved", firing["id"], cool.id))
            plant.StopAndCheckLedger(alerts=2)

    def test_a_sensor_that_is_expected_and_was_never_heard_of_is_missed_until_it_is(self):
        with Rig() as rig:
            plant = Plant(rig, [SILENT])
            plant.sluice.Start()
            firing, = plant.UntilAlerts(1)
            self.assertEqual((firing["status"], firing["labels"]), ("firing", {"alertname": "Silent", "line": "1", "press": "9"}))
            self.assertNotIn("cause", firing.document)
            self.assertEqual(plant.Events(), [])
            plant.Publish(9, 20)
            _, resolved = Until(lambda: plant.Alerts() if len(plant.Alerts()) > 1 else None, 30, "it is over")[:2]
            heard, = plant.Events()
            self.assertEqual((resolved["status"], resolved["incident"], resolved["cause"]), ("resolved", firing["id"], heard.id))
            self.assertEqual(resolved.seq, heard.seq + 1)

    def test_a_retained_copy_is_no_news_and_a_live_message_that_is_to_be_retained_is(self):
        with Rig() as rig:
            plant = Plant(rig, [HOT], source={"retained": "forward"})
            plant.Publish(7, 91, "-r")
            plant.sluice.Start()
            plant.UntilRule("Hot", retained=1)
            plant.Publish(8, 92, "-r")
            firing, = plant.UntilAlerts(1)
            self.assertEqual(firing["labels"]["press"], "8")
            plant.Publish(8, 60)
            plant.UntilAlerts(2)
            # Each connection has the copies of both anew.
            self.assertEqual(plant.sluice.Stop(), 0)
            plant.sluice.Start()
            plant.UntilRule("Hot", retained=2)
            plant.Publish(9, 93)
            *_, last = plant.UntilAlerts(3)
            self.assertEqual(last["labels"]["press"], "9")
            plant.UntilEvents(6)
            plant.StopAndCheckLedger(alerts=3)


class Restart(unittest.TestCase):
    ENDS = ("SIGTERM", "SIGKILL")

    def test_an_alert_fires_once_and_is_over_under_its_incident_whatever_ended_the_daemon_in_between(self):
        for how in self.ENDS:
            with self.subTest(how=how), Rig() as rig:
                plant = Plant(rig, [HOT])
                plant.sluice.Start()
                plant.Publish(7, 91)
                plant.UntilAlerts(1)
                for _ in range(2):
                    plant.End(how)
                    plant.sluice.Start()
                    self.assertEqual(plant.Rules()["Hot"]["firing"], 1, "it fires from the start")
                    plant.Publish(7, 92)
                plant.Publish(7, 60)
                firing, resolved = plant.UntilAlerts(2)
                self.assertEqual([firing["status"], resolved["status"]], ["firing", "resolved"])
                self.assertEqual((resolved["incident"], resolved["startsAt"], resolved["activeAt"]),
                                 (firing["id"], firing["startsAt"], firing["activeAt"]))
                self.assertEqual(resolved["cause"], plant.Events()[-1].id)
                plant.End(how)
                plant.sluice.Start()
                plant.Publish(7, 93)
                *_, again = plant.UntilAlerts(3)
                self.assertEqual((again["status"], again["cause"]), ("firing", plant.Events()[-1].id))
                self.assertNotEqual(again["incident"], firing["incident"])
                plant.StopAndCheckLedger(alerts=3)

    def test_what_is_pending_goes_on_where_it_was(self):
        for how in self.ENDS:
            with self.subTest(how=how), Rig() as rig:
                plant = Plant(rig, [{**HOT, "for": "12s"}])
                plant.sluice.Start()
                plant.Publish(7, 91)
                plant.UntilRule("Hot", pending=1)
                # Pending is told before it is durable.
                plant.UntilEvents(1)
                plant.End(how)
                self.assertEqual(plant.Alerts(), [])
                plant.sluice.Start()
                firing, = plant.UntilAlerts(1)
                self.assertNotIn("cause", firing.document)
                self.assertAlmostEqual(Time(firing["activeAt"]), Time(plant.Events()[0].headers["ce_time"]), delta=0.01)
                plant.StopAndCheckLedger(alerts=1)

    def test_a_sensor_that_is_missed_is_not_missed_anew(self):
        for how in self.ENDS:
            with self.subTest(how=how), Rig() as rig:
                plant = Plant(rig, [SILENT])
                plant.sluice.Start()
                firing, = plant.UntilAlerts(1)
                plant.End(how)
                plant.sluice.Start()
                # Another one is silent for as long, meanwhile.
                plant.Publish(8, 20)
                plant.UntilAlerts(2)
                self.assertEqual(plant.Rules()["Silent"]["firing"], 2)
                plant.Publish(9, 20)
                Until(lambda: len(plant.Alerts()) > 2, 30, "it is heard of")
                resolved = [alert for alert in plant.Alerts() if alert["labels"]["press"] == "9"][1]
                heard = plant.Events()[-1]
                self.assertEqual((resolved["status"], resolved["incident"], resolved["cause"]), ("resolved", firing["id"], heard.id))

    def test_an_alert_whose_rule_is_removed_or_changed_is_over_once(self):
        changed = {**HOT, "when": "temp > 70"}
        for how, rules in (("SIGTERM", []), ("SIGKILL", []), ("SIGTERM", [changed]), ("SIGKILL", [changed])):
            with self.subTest(how=how, rules=rules), Rig() as rig:
                plant = Plant(rig, [HOT])
                plant.sluice.Start()
                plant.Publish(7, 91)
                plant.UntilAlerts(1)
                plant.End(how)
                plant.SetRules(rules)
                plant.sluice.Start()
                firing, resolved = plant.UntilAlerts(2)
                same = ("labels", "fingerprint", "incident", "startsAt", "activeAt")
                self.assertEqual({name: resolved[name] for name in same}, {name: firing[name] for name in same})
                self.assertEqual((resolved["status"], resolved["reason"]), ("resolved", "rule changed"))
                plant.End(how)
                plant.sluice.Start()
                self.assertEqual(plant.control.Run("rules", "list") == "there are no rules\n", not rules)
                plant.Publish(7, 92)
                if rules:
                    self.assertEqual(plant.UntilAlerts(3)[-1]["status"], "firing")
                Until(lambda: plant.Events()[-1]["temp"] == 92, 30, "what came after it arrives")
                plant.StopAndCheckLedger(alerts=3 if rules else 2)


# ------------------------------------------------------------------------------------------------------------ the kill suite


def IsHigh(number, half):
    """Of each of 20 sensors so many events are high, the next ones low, and no two sensors change together. In SQL, numbers being numbers:"""
    return (number // 20 + number % 20) % (2 * half) >= half


def WhenHigh(half):
    return f"(n / 20 + n % 20) % {2 * half} >= {half}"


THRESHOLD = {"alert": "High", "match": "plant/{line}/telemetry", "when": WhenHigh(10), "max_per_minute": 100_000}
LASTING = {"alert": "StaysHigh", "match": "plant/{line}/telemetry", "when": WhenHigh(20), "for": "200ms", "max_per_minute": 100_000}


class RecordReader(Reader):
    """Keeps whole records, each once."""

    def __init__(self, rig, kafka, topic):
        self.by_id = {}
        super().__init__(rig, kafka.bootstrap, topic)

    def Take(self, record):
        one = Record(record)
        with self.lock:
            known = self.by_id.setdefault(one.id, one)
            assert (known.seq, known.payload) == (one.seq, one.payload), f"{one.id} stands for two"
        if "n" in one.document:
            super().Take(record)

    def Count(self):
        with self.lock:
            return len(self.by_id)

    def InOrder(self):
        with self.lock:
            return sorted(self.by_id.values(), key=lambda one: one.seq)


def ByKey(records, key):
    keys = {}
    for one in records:
        keys.setdefault(key(one), []).append(one)
    return keys


class Kill(unittest.TestCase):
    def test_whatever_moment_the_daemon_dies_at_each_alert_is_there_with_its_event_and_once(self):
        self.random = RandomSeed()
        with Rig() as rig:
            self.Build(rig)
            self.KillAllTheTime()
            self.publisher.Finish()
            UntilArrived(self.publisher, self.events, 90).Check()
            self.UntilToldAll(rig)
            self.CheckCauses()
            self.CheckPairs()
            self.CheckReplay()

    def Build(self, rig):
        mosquitto, kafka = Mosquitto(rig), MockKafka(rig, ["plant:16", "alerts:4"])
        routes = [{"name": "alerts", "match": "$sluice/alerts/#", "class": "alert", "to": {"cloud": {"topic": "alerts"}}},
                  {"name": "telemetry", "match": "plant/#", "to": {"cloud": {"topic": "plant"}}}]
        self.sluice = Sluice(rig, mosquitto.port, Cloud(kafka), routes=routes, outbox={"commit_every": "20ms", "max_bytes": "8MiB"},
                             binary="sluice-failpoints", more={"rules": [THRESHOLD, LASTING]})
        self.control = Control(self.sluice)
        self.events, self.alerts = RecordReader(rig, kafka, "plant"), RecordReader(rig, kafka, "alerts")
        self.sluice.Start()
        self.publisher = Publisher(mosquitto.port, rate=1000)
        self.publisher.start()

    def KillAllTheTime(self):
        died_at_point = 0
        for cycle in range(KILLS):
            place = cycle % (2 * len(POINTS))
            point = POINTS[place] if place < len(POINTS) else None
            self.sluice.Kill()
            self.sluice.Start(env=self.Environment(point), connected=False)
            goal = len(self.publisher.Acked()) + self.random.randint(20, 700)
            if point:
                Until(lambda: not self.sluice.process.IsAlive(), 30, f"death at {point}")
                died_at_point += 1
            else:
                Until(lambda: len(self.publisher.Acked()) > goal, 30, "progress")
        self.sluice.Kill()
        self.sluice.Start(binary="sluice")
        print(f"{KILLS} kills, {died_at_point} of them at a named point", flush=True)

    def Environment(self, point):
        if not point:
            return {}
        if point == "before_checkpoint":
            return {"SLUICE_KILL_AT": f"{point}:{self.random.randint(1, 2)}:{self.random.randint(1, 4000)}"}
        return {"SLUICE_KILL_AT": f"{point}:{self.random.randint(1, 20)}"}

    def UntilToldAll(self, rig):
        def Rests():
            rules = map(json.loads, self.control.Run("rules", "list", "--json").splitlines())
            return all(rule["pending"] == 0 for rule in rules) and all(lane["pending"] == 0 for lane in self.control.Status()["lanes"])
        Until(Rests, 30, "nothing is pending any more")
        self.assertEqual(self.sluice.Stop(), 0)
        ledger = Counters(rig)
        told, taken = ledger["source/$sluice/received"], ledger["source/local/routed"]
        self.assertEqual(ledger["source/$sluice/routed"], told)
        Until(lambda: (self.alerts.Count(), self.events.Count()) == (told, taken), 30, f"{told} alerts and {taken} events are there")
        self.assertGreater(told, 4 * KILLS)

    def CheckCauses(self):
        """Each alert that an event caused names it by its id, and it is there."""
        ids = {one.id: one for one in self.events.InOrder()}
        for alert in self.alerts.InOrder():
            if alert["labels"]["alertname"] == "High" or "cause" in alert.document:
                cause = ids.get(alert["cause"])
                self.assertIsNotNone(cause, f"the cause of {alert.payload} is not there")
                self.assertEqual(cause.subject, f"plant/{alert['labels']['line']}/telemetry")
                self.assertGreater(alert.seq, cause.seq)

    def CheckPairs(self):
        """Of each key one that fires and one that is over take turns, under one incident."""
        keys = ByKey(self.alerts.InOrder(), lambda alert: (alert["labels"]["alertname"], alert["labels"]["line"]))
        self.assertEqual(len(keys), 40)
        for key, alerts in keys.items():
            statuses = [alert["status"] for alert in alerts]
            self.assertEqual(statuses, (["firing", "resolved"] * len(alerts))[:len(alerts)], key)
            incidents = [alert["incident"] for alert in alerts]
            self.assertEqual(incidents[1::2], incidents[:-1:2], f"{key}: what is over is what fired")
            self.assertEqual(incidents[::2], [alert["id"] for alert in alerts[::2]])
            self.assertEqual(len({alert["id"] for alert in alerts}), len(alerts), f"{key}: each notification has an id of its own")

    def CheckReplay(self):
        """The rule worked out by hand over the events as they are in the cloud gives the very alerts that are."""
        told = ByKey([alert for alert in self.alerts.InOrder() if alert["labels"]["alertname"] == "High"],
                     lambda alert: f"plant/{alert['labels']['line']}/telemetry")
        for topic, events in ByKey(self.events.InOrder(), lambda one: one.subject).items():
            expected, was_high = [], False
            for event in events:
                is_high = IsHigh(event["n"], 10)
                if is_high != was_high:
                    expected.append(("firing" if is_high else "resolved", event.id))
                was_high = is_high
            self.assertEqual([(alert["status"], alert["cause"]) for alert in told[topic]], expected, topic)
        print(f"{sum(map(len, told.values()))} alerts, the very ones of {self.events.Count()} events", flush=True)


if __name__ == "__main__":
    unittest.main(verbosity=2)
