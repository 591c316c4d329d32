"""`sluice outbox`: what waits, looked at with a daemon and without one, and what a removed sink has left, purged or moved."""

import base64
import json
import os
import signal
import socket
import subprocess
import unittest

from control_test import Control
from harness import BUILD, FreePort, Rig, Until
from kafka_test import Cloud, PublishOne
from oracle import Consumed, Publisher, TopicsBelow, Unbalanced
from servers import MockKafka, Mosquitto, Sluice

PAYLOADS = [b'{"t": 1}', b"\0\xff\x1b[31m", b"x" * 300_000]
BACKLOG = 12_000
NOBODY = 65534


def Away():
    """A Kafka sink that nobody answers."""
    return {"type": "kafka", "brokers": [f"127.0.0.1:{FreePort()}"]}


def Route(sink, topic="plant"):
    return [{"name": "all", "match": "plant/#", "to": {sink: {"topic": topic}}}]


class Outbox(Control):
    """The command line of the outbox; asserts that the ledger adds up whenever it looks."""

    def Call(self, *words, status=0, stdin=None, env=None):
        """(stdout, stderr)"""
        # Who has become another user cannot be looked at by the leak sanitizer.
        env = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0", **(env or {})}
        done = subprocess.run([os.path.join(BUILD, "sluice"), *words, "-c", self.config], capture_output=True, timeout=120, stdin=stdin, env=env)
        if done.returncode != status:
            raise AssertionError(f"{words}: exit {done.returncode}: {done.stdout[-500:]} {done.stderr.decode()}")
        return done.stdout.decode(), done.stderr.decode()

    def Lines(self, *words):
        return [json.loads(line) for line in self.Call("outbox", *words)[0].splitlines()]

    def Stats(self):
        stats = json.loads(self.Call("outbox", "stats", "--json")[0])
        assert not Unbalanced(stats), Unbalanced(stats)
        return stats

    def LaneOf(self, sink):
        lane, = [lane for lane in self.Stats()["lanes"] if lane["sink"] == sink]
        return lane


class Case(unittest.TestCase):
    def Make(self, rig, sink="old", payloads=PAYLOADS):
        """A daemon with a backlog for a sink that is away."""
        mosquitto = Mosquitto(rig)
        sluice = Sluice(rig, mosquitto.port, {sink: Away()}, routes=Route(sink))
        sluice.Start()
        outbox = Outbox(sluice)
        for number, payload in enumerate(payloads):
            PublishOne(mosquitto.port, f"plant/{number}", payload)
        Until(lambda: outbox.LaneOf(sink)["pending"] == len(payloads), 30, "all of it waits")
        return mosquitto, sluice, outbox

    def Reconfigure(self, sluice, sinks, routes):
        with open(sluice.config) as f:
            config = json.load(f)
        config.update(sinks=sinks, routes=routes)
        with open(sluice.config, "w") as f:
            json.dump(config, f)

    def CheckLook(self, outbox, sink="old"):
        """Everything that can be looked at is as it was published; what is listed."""
        listed = outbox.Lines("list", "--json")
        self.assertEqual([(row["topic"], row["bytes"], row["sink"]) for row in listed],
                         [(f"plant/{number}", len(payload), sink) for number, payload in enumerate(PAYLOADS)])
        exported = outbox.Lines("export")
        events = [row["cloudevent"] for row in exported]
        self.assertEqual([base64.b64decode(event["data_base64"]) if "data_base64" in event else event["data"].encode() for event in events],
                         PAYLOADS)
        self.assertEqual([event["id"] for event in events], [row["event"] for row in listed])
        shown = json.loads(outbox.Call("outbox", "show", listed[1]["event"])[0])
        self.assertEqual(shown["id"], listed[1]["id"])
        self.assertEqual([row["id"] for row in outbox.Lines("list", "--json", "-n", "1")], [listed[0]["id"]])
        self.assertEqual(outbox.Call("outbox", "list", "--sink", sink)[0].count("\n"), 1 + len(PAYLOADS))
        self.assertIn("no lane of this sink", outbox.Call("outbox", "list", "--sink", "x", status=1)[1])
        self.assertIn("no such event", outbox.Call("outbox", "show", listed[0]["id"].split("/")[0] + "/4711", status=1)[1])
        return [(row["id"], row["event"]) for row in listed]


class Look(Case):
    def test_what_waits_is_the_same_with_a_daemon_and_without_and_looking_changes_nothing(self):
        with Rig() as rig:
            mosquitto, sluice, outbox = self.Make(rig)
            listed = self.CheckLook(outbox)
            path = os.path.join(rig.directory, "export.jsonl")
            outbox.Call("outbox", "export", "-o", path)
            sluice.Kill()

            before = sorted(os.listdir(rig.directory))
            os.unlink(os.path.join(rig.directory, "outbox.db-ballast"))
            self.assertEqual(self.CheckLook(outbox), listed)
            again = os.path.join(rig.directory, "again.jsonl")
            outbox.Call("outbox", "export", "-o", again)
            with open(path) as online, open(again) as offline:
                without_age = lambda lines: [{**json.loads(line), "age_s": 0} for line in lines]
                self.assertEqual(without_age(online), without_age(offline))
            out, told = outbox.Call("status", "--json")
            self.assertIn("no daemon runs", told)
            status = json.loads(out)
            self.assertEqual((status["running"], status["lanes"][0]["state"], status["lanes"][0]["pending"]), (False, "stopped", len(PAYLOADS)))
            self.assertIn("not running", outbox.Call("status")[0])
            self.assertEqual(outbox.Letters(), [])
            self.assertIn("no daemon answers", outbox.Call("rules", "list", status=1)[1])
            after = set(os.listdir(rig.directory)) - {"again.jsonl"}
            self.assertLessEqual(after, set(before))
            self.assertNotIn("outbox.db-ballast", after)

            # The daemon finds the traces of its death, and the backlog.
            sluice.Start()
            status = outbox.Status()
            self.assertEqual(status["start_reason"], "crash")
            self.assertEqual(status["lanes"][0]["pending"], len(PAYLOADS))
            self.assertEqual(sluice.Stop(), 0)

    def test_without_an_outbox_or_with_one_that_another_has_the_error_says_so_and_nothing_is_made(self):
        with Rig() as rig:
            sluice = Sluice(rig, Mosquitto(rig).port, {"old": Away()}, routes=Route("old"))
            outbox = Outbox(sluice)
            before = sorted(os.listdir(rig.directory))
            for words in (["outbox", "stats"], ["outbox", "list"], ["dead-letters", "list"], ["status"]):
                self.assertIn("there is no outbox", outbox.Call(*words, status=1)[1])
            self.assertEqual(sorted(os.listdir(rig.directory)), before)
            sluice.Start()
            os.unlink(os.path.join(rig.directory, "control.sock"))
            told = outbox.Call("outbox", "stats", status=1)[1]
            self.assertIn("no daemon answers on", told)
            self.assertIn(f"held by process {sluice.Pid()}", told)
            self.assertEqual(sluice.Stop(), 0)

    def test_if_the_configuration_is_broken_the_one_that_was_applied_last_tells_where_the_outbox_is(self):
        with Rig() as rig:
            state = os.path.join(rig.directory, "state")
            os.mkdir(state)
            kept = {"STATE_DIRECTORY": state}
            sluice = Sluice(rig, Mosquitto(rig).port, {"old": Away()}, routes=Route("old"))
            outbox = Outbox(sluice)
            sluice.Start(env=kept)
            Until(lambda: os.path.exists(os.path.join(state, "last-good-config.json")), 10, "the configuration is kept")
            with open(sluice.config, "w") as f:
                f.write("{")
            # Its socket is not the service's.
            self.assertIn("start_reason", json.loads(outbox.Call("status", "--json", env=kept)[0]))
            self.assertEqual(sluice.Stop(), 0)
            for words in (["status"], ["outbox", "stats"], ["outbox", "list"], ["dead-letters", "list"]):
                told = outbox.Call(*words, env=kept)[1]
                self.assertIn("has mistakes", told)
                self.assertIn("as it was applied last", told)
                self.assertIn(os.path.join(rig.directory, "outbox.db") + " itself is opened", told)
                told = outbox.Call(*words, status=2, env={"STATE_DIRECTORY": rig.directory})[1]
                self.assertTrue(told.endswith("; sluice check tells its mistakes\n"), told)
            # That of another file is not taken for it.
            outbox.config = os.path.join(rig.directory, "another.json")
            outbox.Call("outbox", "purge", "old/normal", "--yes", status=2, env=kept)

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_who_may_not_open_the_outbox_is_told_so_and_not_that_there_is_none(self):
        with Rig() as rig:
            state = os.path.join(rig.directory, "state")
            path = os.path.join(state, "outbox.db")
            sluice = Sluice(rig, Mosquitto(rig).port, {"old": Away()}, routes=Route("old"), outbox={"path": path},
                            more={"control": {"socket": os.path.join(rig.directory, "control.sock")}})
            sluice.Start()
            self.assertEqual(sluice.Stop(), 0)
            os.chmod(rig.directory, 0o755)
            for mode in (0o700, 0o755):  # The directory, and the file alone.
                os.chmod(state, mode)
                done = subprocess.run(["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", os.path.join(BUILD, "sluice"),
                                       "status", "-c", sluice.config], capture_output=True, text=True, timeout=60)
                self.assertEqual(done.returncode, 1)
                self.assertIn(f"{path}: Permission denied; without a daemon only root and the user that the daemon runs as can open it",
                              done.stderr)
            Outbox(sluice).Call("outbox", "stats")

    def test_a_row_that_is_damaged_is_named_and_the_others_are_shown(self):
        with Rig() as rig:
            _, sluice, outbox = self.Make(rig)
            sluice.Kill()
            subprocess.run(["sqlite3", os.path.join(rig.directory, "outbox.db"), "UPDATE lane_1 SET payload = 'y' WHERE rowid = "
                            "(SELECT min(seq) FROM lane_1)"], check=True)
            rows = outbox.Lines("export")
            self.assertEqual([row.get("damaged", False) for row in rows], [True, False, False])
            self.assertIn("(damaged)", outbox.Call("outbox", "list")[0])

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_root_leaves_no_file_that_the_daemons_user_cannot_open(self):
        with Rig() as rig:
            mosquitto = Mosquitto(rig)
            sluice = Sluice(rig, mosquitto.port, {"old": Away()}, routes=Route("old"))
            os.chown(rig.directory, NOBODY, NOBODY)
            as_nobody = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
            sluice.Start(prefix=as_nobody)
            outbox = Outbox(sluice)
            PublishOne(mosquitto.port, "plant/1", b"1")
            Until(lambda: outbox.LaneOf("old")["pending"] == 1, 30, "it waits")
            sluice.Kill()
            for name in ("outbox.db-lock", "outbox.db-ballast"):
                os.unlink(os.path.join(rig.directory, name))
            self.Reconfigure(sluice, {"new": Away()}, Route("new"))
            exported = os.path.join(rig.directory, "roots.jsonl")
            outbox.Call("outbox", "export", "-o", exported)
            self.assertEqual(outbox.Call("outbox", "purge", "old/normal", "--yes")[0], "purged 1\n")
            for name in os.listdir(rig.directory):
                if name.startswith("outbox.db"):
                    self.assertEqual(os.stat(os.path.join(rig.directory, name)).st_uid, NOBODY, name)
            self.assertEqual(os.stat(exported).st_uid, 0)
            sluice.Start(prefix=as_nobody)
            self.assertEqual(outbox.LaneOf("old")["dropped"], {"purged": 1})
            self.assertEqual(sluice.Stop(), 0)


class DeadLetters(Case):
    def test_they_are_replayed_and_purged_while_no_daemon_runs_and_leave_when_it_starts(self):
        with Rig() as rig:
            kafka = MockKafka(rig, ["plant:1"])
            mosquitto = Mosquitto(rig)
            sluice = Sluice(rig, mosquitto.port, Cloud(kafka), routes=Route("cloud"), source={"max_payload": "4MiB"})
            sluice.Start()
            outbox = Outbox(sluice)
            for number in range(3):
                PublishOne(mosquitto.port, f"plant/{number}", b"x" * 1_500_000)
            outbox.UntilLane("all are set aside", dead_lettered=3, pending=0)
            self.assertEqual(sluice.Stop(), 0)
            letters = outbox.Letters()
            self.assertEqual(outbox.Call("dead-letters", "purge", letters[0]["id"])[0], "purged 1\n")
            self.assertEqual(outbox.Call("dead-letters", "replay", letters[1]["id"])[0], "replayed 1\n")
            lane = outbox.LaneOf("cloud")
            self.assertEqual((lane["pending"], lane["dead_lettered"], lane["dead_letters_purged"]), (1, 2, 1))
            self.assertEqual([row["event"] for row in outbox.Lines("list", "--json")], [letters[1]["event"]])
            self.Reconfigure(sluice, Cloud(kafka, **{"message.max.bytes": 4_000_000}), Route("cloud"))
            sluice.Start()
            outbox.UntilLane("it is delivered", pending=0, delivered=1)
            self.assertEqual(outbox.Status()["start_reason"], "restart")
            self.assertIn(letters[1]["event"], Consumed(kafka, "plant", "-f", "%h\n"))
            self.assertEqual(sluice.Stop(), 0)


class Orphans(Case):
    def Orphan(self, rig, sinks, routes, count=BACKLOG):
        """A backlog whose sink is removed: the broker, the daemon with the new configuration (not started), ids of what waits."""
        mosquitto, sluice, outbox = self.Make(rig, payloads=[])
        publisher = Publisher(mosquitto.port, rate=20_000, size=200, count=count, topic=TopicsBelow("plant"))
        publisher.start()
        publisher.Finish()
        Until(lambda: outbox.LaneOf("old")["pending"] == count, 60, "all of it waits")
        ids = [row["event"] for row in outbox.Lines("list", "--json")]
        self.assertEqual(len(set(ids)), count)
        self.assertEqual(sluice.Stop(), 0)
        sluice = Sluice(rig, mosquitto.port, sinks, routes=routes)
        return mosquitto, sluice, Outbox(sluice), ids

    def UntilGaps(self, kafka, reason, events):
        """A record on $sluice/gaps tells of so many."""
        def Told():
            records = [json.loads(line) for line in Consumed(kafka, "gaps", "-f", "%s\n").splitlines()]
            return sum(gap["events"] for record in records if record["sink"] == "old" and record["class"] == "normal"
                       for gap in record["gaps"] if gap["reason"] == reason) == events
        Until(Told, 60, f"{events} events are told as {reason}")

    def test_they_are_shown_and_purged_only_on_purpose_with_or_without_a_daemon_and_told_in_gap_records(self):
        with Rig() as rig:
            kafka = MockKafka(rig, ["plant:1", "gaps:1"])
            routes = [{"name": "gaps", "match": "$sluice/gaps", "to": {"cloud": {"topic": "gaps"}}}, *Route("cloud")]
            _, sluice, outbox, ids = self.Orphan(rig, Cloud(kafka), routes)
            self.assertIn("say --yes", outbox.Call("outbox", "purge", "old/normal", status=2, stdin=subprocess.DEVNULL)[1])
            self.assertTrue(outbox.LaneOf("old")["orphaned"])

            # Some of it while no daemon runs, ended in the middle by the operator.
            purge = subprocess.Popen([os.path.join(BUILD, "sluice"), "outbox", "purge", "old/normal", "--yes", "-c", sluice.config],
                                     stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            purge.stderr.readline()
            purge.send_signal(signal.SIGINT)
            purge.communicate(timeout=30)
            lane = outbox.LaneOf("old")
            self.assertEqual(lane["pending"] + lane.get("dropped", {}).get("purged", 0), len(ids))

            sluice.Start()
            orphan, = [lane for lane in outbox.Status()["lanes"] if lane["sink"] == "old"]
            self.assertEqual(orphan["state"], "orphaned")
            self.assertIn("orphaned", outbox.Call("outbox", "stats")[0])
            self.assertIn("is configured", outbox.Call("outbox", "purge", "cloud/normal", "--yes", status=1)[1])
            self.assertIn("no lane", outbox.Call("outbox", "purge", "old/bulk", "--yes", status=1)[1])
            outbox.Call("outbox", "purge", "old/normal", "--yes")
            lane = outbox.LaneOf("old")
            self.assertEqual((lane["pending"], lane["pending_bytes"], lane["dropped"]), (0, 0, {"purged": len(ids)}))
            self.UntilGaps(kafka, "purged", len(ids))
            self.assertEqual(sluice.Stop(), 0)

    def test_they_are_moved_under_their_ids_through_a_kill_between_pages_and_arrive_in_order(self):
        with Rig() as rig:
            kafka = MockKafka(rig, ["plant:1", "gaps:1"])
            routes = [{"name": "gaps", "match": "$sluice/gaps", "to": {"cloud": {"topic": "gaps"}}}, *Route("cloud")]
            mosquitto, sluice, outbox, ids = self.Orphan(rig, Cloud(kafka), routes)
            kafka.Tell("down")
            sluice.Start()
            PublishOne(mosquitto.port, "plant/new", b"new")
            Until(lambda: outbox.LaneOf("cloud")["pending"] == 1, 30, "an event of the lane's own waits")
            newest, = [row["event"] for row in outbox.Lines("list", "--json", "--sink", "cloud")]
            self.assertIn("makes one at a start or a reload", outbox.Call("outbox", "move", "old/normal", "cloud/bulk", status=1)[1])
            self.assertIn("is configured", outbox.Call("outbox", "move", "cloud/normal", "cloud/normal", status=1)[1])

            with socket.socket(socket.AF_UNIX) as client:
                client.connect(os.path.join(rig.directory, "control.sock"))
                client.sendall(b'{"command": "outbox.move", "lane": "old/normal", "to": "cloud/normal"}\n')
                with client.makefile() as lines:
                    told = json.loads(lines.readline())
                sluice.Kill()
            self.assertGreater(told["moved"], 0)
            self.assertLess(told["moved"], len(ids))
            old, cloud = outbox.LaneOf("old"), outbox.LaneOf("cloud")
            self.assertGreaterEqual(old["dropped"]["moved"], told["moved"])
            self.assertEqual((old["pending"] + old["dropped"]["moved"], cloud["pending"]), (len(ids), 1 + old["dropped"]["moved"]))
            waiting = [row["event"] for row in outbox.Lines("list", "--json")]
            self.assertEqual((len(waiting), set(waiting)), (len(ids) + 1, {*ids, newest}))

            sluice.Start()
            left = outbox.LaneOf("old")["pending"]
            self.assertEqual(outbox.Call("outbox", "move", "old/normal", "cloud/normal")[0], f"moved {left}\n")
            self.assertEqual(outbox.LaneOf("old")["dropped"], {"moved": len(ids)})
            kafka.Tell("up")
            Until(lambda: outbox.LaneOf("cloud")["pending"] == 0, 60, "all are delivered")
            headers = [dict(header.split("=", 1) for header in line.split(",")) for line in Consumed(kafka, "plant", "-f", "%h\n").splitlines()]
            arrived = list(dict.fromkeys(header["ce_id"] for header in headers))
            self.assertEqual(arrived, [*ids, newest])
            # What an event names as the one before it is there, too.
            sequences = {header["ce_sequence"] for header in headers}
            self.assertLessEqual({header["ce_prevseq"] for header in headers if "ce_prevseq" in header}, sequences)
            self.UntilGaps(kafka, "moved", len(ids))
            self.assertEqual(sluice.Stop(), 0)

    def test_a_reload_that_removes_a_sink_leaves_an_orphan_and_one_that_brings_it_back_ends_that(self):
        with Rig() as rig:
            _, sluice, outbox = self.Make(rig)
            self.Reconfigure(sluice, Cloud(MockKafka(rig, ["plant:1"])), Route("cloud"))
            outbox.Call("reload")
            self.assertTrue(outbox.LaneOf("old")["orphaned"])
            self.assertEqual({lane["sink"]: lane["state"] for lane in outbox.Status()["lanes"]}["old"], "orphaned")
            self.assertIn("orphaned", outbox.Call("status")[0])
            self.Reconfigure(sluice, {"old": Away()}, Route("old"))
            outbox.Call("reload")
            self.assertFalse(outbox.LaneOf("old")["orphaned"])
            self.assertIn("is configured", outbox.Call("outbox", "purge", "old/normal", "--yes", status=1)[1])
            self.assertEqual(outbox.LaneOf("old")["pending"], len(PAYLOADS))
            self.assertEqual(sluice.Stop(), 0)

    def test_while_no_daemon_runs_they_are_moved_too_and_where_they_cannot_go_they_stay(self):
        with Rig() as rig:
            kafka = MockKafka(rig, ["other:1", "plant:1"])
            path = os.path.join(rig.directory, "events.jsonl")
            # A lane of the new sink is there once the daemon has run with it.
            _, sluice, outbox, ids = self.Orphan(rig, {"file": {"type": "file", "path": path}},
                                                 [{"name": "all", "match": "plant/#", "to": "file"}], count=500)
            self.assertIn("no lane", outbox.Call("outbox", "move", "old/normal", "file/normal", status=1)[1])
            sluice.Start()
            self.assertEqual(sluice.Stop(), 0)
            self.assertEqual(outbox.Call("outbox", "move", "old/normal", "file/normal")[0], "moved 500\n")
            self.assertEqual(outbox.Call("outbox", "move", "old/normal", "file/normal")[0], "moved 0\n")

            # Now that sink goes as well, and Kafka has no topic by that name.
            self.Reconfigure(sluice, Cloud(kafka), Route("cloud", "other"))
            sluice.Start()
            self.assertIn("--destination", outbox.Call("outbox", "move", "file/normal", "cloud/normal", "--destination", "no topic",
                                                       status=1)[1])
            self.assertEqual(outbox.Call("outbox", "move", "file/normal", "cloud/normal", "--destination", "other")[0], "moved 500\n")
            Until(lambda: outbox.LaneOf("cloud")["delivered"] == 500, 60, "all are delivered")
            arrived = [line.split("ce_id=")[1].split(",")[0] for line in Consumed(kafka, "other", "-f", "%h\n").splitlines()]
            self.assertEqual(arrived, ids)
            self.assertEqual(sluice.Stop(), 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
