"""Two sinks, one of them dead for the whole run, three classes, a quota and a time to live, and a daemon that is killed all the while: the live
sink misses nothing, the dead one pays for itself, and what was given up for it is named, each event once."""

import collections
import itertools
import json
import os
import shutil
import threading
import unittest

from control_test import Control
from harness import RandomSeed, Rig, Until
from kafka_test import Cloud
from oracle import Account, Consumed, Publisher, Reader, TopicsBelow, UntilArrived
from servers import Counters, MockKafka, Mosquitto, Query, Sluice

KILLS = int(os.environ.get("SLUICE_KILLS", "200"))
POINTS = ["after_receive", "before_commit", "after_commit", "after_produce", "before_settle", "before_checkpoint", "before_drop"]
PASSINGS = {"before_checkpoint": 2, "before_drop": 3}
# Within a checkpoint, or a transaction that drops: microseconds.
DELAYS = {"before_checkpoint": 4000, "before_drop": 4000}
GAP_RECORDS = 5  # Deaths around a gap record; each takes the ten seconds until the first one.

MAX_BYTES = 8 << 20
RATES = {"alert": 5, "normal": 200, "bulk": 700}
CLASSES = [{"name": "alert", "on_full": "keep"}, {"name": "normal"}, {"name": "bulk", "ttl": "20s"}]


def Routes():
    def Way(name, to, **more):
        return {"name": name, "match": f"plant/{name}/#", "to": {sink: {"topic": f"plant.{to}"} for sink in ("live", "dead")}, **more}

    return [Way("alert", "alert", **{"class": "alert"}), Way("normal", "normal"), Way("bulk", "bulk", **{"class": "bulk"}),
            Way("misfit", "normal", key="{payload.absent}"),
            {"name": "gaps", "match": "$sluice/gaps", "class": "alert", "to": {"live": {"topic": "sluice.gaps"}}}]


class LaneReader(Reader):
    """Knows of each event, besides, which one was before it in its lane."""

    def __init__(self, rig, kafka, topic):
        self.previous = {}  # By seq; None: it says that none was.
        super().__init__(rig, kafka.bootstrap, topic)

    def Take(self, record):
        seq, previous = Place(record)
        assert self.previous.setdefault(seq, previous) == previous, f"{seq} has come after {previous} and after {self.previous[seq]}"
        super().Take(record)

    def Count(self):
        with self.lock:
            return len(self.records)


def Place(record):
    """Of a record of Kafka in its lane: its seq, and that of the event before it."""
    headers = dict(zip(record["headers"][::2], record["headers"][1::2]))
    return int(headers["ce_sequence"]), int(headers["ce_prevseq"]) if "ce_prevseq" in headers else None


class DiskMeter(threading.Thread):
    """The most that an outbox has taken on disk."""

    def __init__(self, rig):
        super().__init__(daemon=True)
        self.directory, self.most, self.ended = rig.directory, 0, threading.Event()
        rig.Add(self)
        self.start()

    def run(self):
        while not self.ended.wait(0.005):
            self.most = max(self.most, sum(map(self.Size, os.listdir(self.directory))))

    def Size(self, name):
        try:
            return os.path.getsize(os.path.join(self.directory, name)) if name.startswith("outbox.db") else 0
        except FileNotFoundError:
            return 0

    def Kill(self):
        self.ended.set()
        self.join()


class Snapshot:
    """A copy of an outbox whose daemon was killed. SQLite would write the original's WAL back, which is for the daemon to do."""

    def __init__(self, rig):
        self.directory = os.path.join(rig.directory, "snapshot")
        shutil.rmtree(self.directory, ignore_errors=True)
        os.mkdir(self.directory)
        for name in ("outbox.db", "outbox.db-wal"):
            if os.path.exists(os.path.join(rig.directory, name)):
                shutil.copy(os.path.join(rig.directory, name), self.directory)


class Ledger:
    """The counters of an outbox, held against its tables."""

    def __init__(self, outbox):
        self.outbox = outbox
        self.counters = collections.Counter(Counters(outbox))
        self.lanes = {(sink, lane_class): id for id, sink, lane_class in Query(outbox, "SELECT id, sink, class FROM lane")}

    def Of(self, lane, what):
        return self.counters[f"lane/{self.lanes[lane]}/{what}"]

    def Below(self, prefix):
        return sum(value for name, value in self.counters.items() if name.startswith(prefix))

    def Dropped(self, lane):
        return self.Below(f"lane/{self.lanes[lane]}/dropped/")

    def Check(self):
        for source in ("local", "$sluice"):
            prefix = f"source/{source}/"
            outcomes = sum(self.counters[prefix + what] for what in ("routed", "unrouted", "duplicate")) + self.Below(prefix + "refused/")
            assert self.counters[prefix + "received"] == outcomes, (source, self.counters)
        for lane in self.lanes:
            self.CheckLane(lane)
        for sink, own in (("live", self.counters["source/$sluice/routed"]), ("dead", 0)):
            taken = sum(self.Of(lane, "in") for lane in self.lanes if lane[0] == sink)
            assert taken == self.counters["source/local/routed"] + own, (sink, taken, self.counters)

    def CheckLane(self, lane):
        id = self.lanes[lane]
        outcomes = sum(self.Of(lane, what) for what in ("delivered", "pending", "dead_lettered")) + self.Dropped(lane)
        assert self.Of(lane, "in") == outcomes, (lane, self.counters)
        rows, = Query(self.outbox, f"SELECT count(*), ifnull(sum(64 + length(destination) + ifnull(length(key), 0) + length(metadata) + length(payload)), 0)"
                                   f" FROM lane_{id}")
        assert (self.Of(lane, "pending"), self.Of(lane, "pending_bytes")) == rows, (lane, rows, self.counters)
        letters, = Query(self.outbox, f"SELECT count(*) FROM dead_letter WHERE lane = {id}")[0]
        assert self.Of(lane, "dead_lettered") == letters + self.Of(lane, "dead_letters_expired"), (lane, letters, self.counters)
        untold, = Query(self.outbox, f"SELECT ifnull(sum(events), 0) FROM gap WHERE lane = {id}")[0]
        assert untold <= self.Dropped(lane), (lane, untold, self.counters)

    def CheckWhoPays(self):
        for lane_class in RATES:
            assert self.Dropped(("live", lane_class)) == 0, f"live/{lane_class} has lost {self.Dropped(('live', lane_class))} events to the dead sink"
        assert self.Dropped(("dead", "alert")) == 0, f"{self.Dropped(('dead', 'alert'))} events of a class that is kept were dropped"


class Gaps:
    """What a consumer of the gap records knows."""

    def __init__(self, kafka):
        self.of_lane = collections.defaultdict(list)
        self.places = {}  # Of the records themselves in their lane.
        for record in map(json.loads, Consumed(kafka, "sluice.gaps", "-J").splitlines()):
            seq, previous = Place(record)
            if seq in self.places:
                continue  # Sent again.
            self.places[seq] = previous
            told = json.loads(record["payload"])
            self.of_lane[told["sink"], told["class"]] += told["gaps"]

    def Events(self):
        return sum(gap["events"] for gaps in self.of_lane.values() for gap in gaps)

    def Covering(self, lane, seq):
        return [gap for gap in self.of_lane[lane] if gap["first"] <= seq <= gap["last"]]


class Lanes(unittest.TestCase):
    def test_a_dead_sink_costs_a_live_one_nothing_and_each_event_it_loses_is_named_once_whenever_the_daemon_dies(self):
        self.random = RandomSeed()
        with Rig() as rig:
            self.Build(rig)
            self.KillAllTheTime()
            for publisher in self.publishers.values():
                publisher.Finish()
            self.CheckLive()
            self.CheckDead()

    def Build(self, rig):
        self.rig, self.mosquitto = rig, Mosquitto(rig)
        topics = [f"plant.{name}:4" for name in RATES]
        self.live, self.dead = MockKafka(rig, [*topics, "sluice.gaps:1"]), MockKafka(rig, topics)
        self.dead.Tell("down")
        self.sluice = Sluice(rig, self.mosquitto.port, {"live": Cloud(self.live)["cloud"], "dead": Cloud(self.dead)["cloud"]}, routes=Routes(),
                             outbox={"commit_every": "20ms", "max_bytes": MAX_BYTES}, more={"classes": CLASSES}, binary="sluice-failpoints")
        self.control = Control(self.sluice)
        self.readers = {name: LaneReader(rig, self.live, f"plant.{name}") for name in RATES}
        self.disk = DiskMeter(rig)
        self.sluice.Start()
        self.publishers = {name: Publisher(self.mosquitto.port, rate, topic=TopicsBelow(f"plant/{name}", keys=10))
                           for name, rate in {**RATES, "misfit": 2, "unrouted": 5}.items()}
        for publisher in self.publishers.values():
            publisher.start()
        Until(lambda: sum(sum(lane.get("dropped", {}).values()) for lane in self.control.Status()["lanes"]) > 0, 60, "the quota is reached")

    def Plan(self):
        """Where each life ends: at a point, or None, anywhere."""
        usual = itertools.cycle(POINTS + [None] * len(POINTS))
        every = max(1, KILLS // GAP_RECORDS)
        return ["before_gap_record" if cycle % every == every - 1 else next(usual) for cycle in range(KILLS)]

    def KillAllTheTime(self):
        died_at_point = 0
        for point in self.Plan():
            self.sluice.Kill()
            self.CheckLedger(Snapshot(self.rig))
            self.sluice.Start(env=self.Environment(point), connected=False)
            if point:
                Until(lambda: not self.sluice.process.IsAlive(), 60, f"death at {point}")
                died_at_point += 1
            else:
                goal = self.Arrived() + self.random.randint(20, 500)
                Until(lambda: self.Arrived() > goal, 30, "the live sink goes on")
        self.sluice.Kill()
        ledger = self.CheckLedger(Snapshot(self.rig))
        self.sluice.Start(binary="sluice")
        dropped = {lane: ledger.Dropped(lane) for lane in ledger.lanes if ledger.Dropped(lane)}
        print(f"{KILLS} kills, {died_at_point} of them at a named point; given up so far: {dropped}; at most {self.disk.most} bytes on disk", flush=True)

    def Environment(self, point):
        if not point:
            return {}
        passing = self.random.randint(1, PASSINGS.get(point, 1 if point == "before_gap_record" else 20))
        delay = f":{self.random.randint(1, DELAYS.get(point, 40000))}" if point in DELAYS or point == "before_gap_record" else ""
        return {"SLUICE_KILL_AT": f"{point}:{passing}{delay}"}

    def Arrived(self):
        return sum(reader.Count() for reader in self.readers.values())

    def CheckLedger(self, outbox):
        ledger = Ledger(outbox)
        ledger.Check()
        ledger.CheckWhoPays()
        self.assertLessEqual(self.disk.most, MAX_BYTES)
        return ledger

    def CheckLive(self):
        """All that was acknowledged is there, in order, and `prevseq` alone proves it."""
        for name in RATES:
            UntilArrived(self.publishers[name], self.readers[name], 60).Check()
        self.assertEqual(self.sluice.Stop(), 0)
        ledger = self.CheckLedger(self.rig)
        for name in RATES:
            self.assertEqual(ledger.Of(("live", name), "pending"), 0)
            self.assertEqual(ledger.Of(("dead", name), "delivered"), 0)
        self.assertGreater(ledger.Of(("dead", "normal"), "dead_lettered"), 0)
        self.assertGreater(ledger.counters["source/local/unrouted"], 0)
        reasons = {name.rsplit("/", 1)[1] for name in ledger.counters if "/dropped/" in name}
        self.assertEqual(reasons, {"quota", "ttl"})

    def CheckDead(self):
        """It comes back after all. With the gap records its consumer knows of every event what became of it."""
        readers = {name: LaneReader(self.rig, self.dead, f"plant.{name}") for name in RATES}
        self.dead.Tell("up")
        self.sluice.Start(binary="sluice")
        Until(lambda: all(lane["pending"] == 0 for lane in self.control.Status()["lanes"]), 60, "the dead sink's backlog leaves")
        Until(self.AllIsTold, 60, "every gap is told")
        self.assertEqual(self.sluice.Stop(), 0)
        ledger, gaps = self.CheckLedger(self.rig), Gaps(self.live)
        self.assertEqual(Query(self.rig, "SELECT * FROM gap"), [])
        for name in RATES:
            delivered = ledger.Of(("dead", name), "delivered")
            Until(lambda: len(readers[name].previous) == delivered, 30, f"all that counts as delivered has arrived: {delivered} of {name}")
            self.CheckComplete(name, readers[name], gaps)
            Account(set(), readers[name].Records(), topic=TopicsBelow(f"plant/{name}", keys=10)).CheckOrder()

    def AllIsTold(self):
        dropped = sum(sum(lane.get("dropped", {}).values()) for lane in self.control.Status()["lanes"])
        return Gaps(self.live).Events() == dropped and self.control.Status()

    def CheckComplete(self, name, reader, gaps):
        lane = ("dead", name)
        all_rows = self.readers[name].previous  # The live lane has the same ones,
        live = {**all_rows, **(gaps.places if name == "alert" else {})}  # and the gap records.
        expected = [None, *sorted(live)]
        self.assertEqual([live[seq] for seq in expected[1:]], expected[:-1], f"the chain of live/{name} has a hole")
        for seq in all_rows:
            named = len(gaps.Covering(lane, seq))
            self.assertEqual(named + (seq in reader.previous), 1, f"{seq} of dead/{name} has arrived, or is in one gap")
        for gap in gaps.of_lane[lane]:
            self.assertEqual(gap["events"], sum(gap["first"] <= seq <= gap["last"] for seq in all_rows), gap)
        for seq, previous in reader.previous.items():
            self.assertTrue(previous is None or previous in reader.previous or gaps.Covering(lane, previous), f"what was before {seq}")
        print(f"dead/{name}: {len(all_rows)} events, {len(reader.previous)} arrived, {len(gaps.of_lane[lane])} gaps", flush=True)


if __name__ == "__main__":
    unittest.main(verbosity=2)
