"""Disks that are too small, full, or read-only for a time: nothing acknowledged is lost, and it heals without a restart."""

import os
import unittest

from harness import Rig, SmallDisk, Until
from lanes_test import Ledger
from oracle import FileReader, Publisher, Reader, Tap, UntilArrived
from outage_test import Cloud
from servers import MockKafka, Mosquitto, Sluice

KIB, MIB = 1 << 10, 1 << 20
MAX_BYTES = 8 * MIB
KEEP = {"classes": [{"name": "normal", "on_full": "keep"}]}


@unittest.skipUnless(os.geteuid() == 0, "mounting a disk needs root")
class FullDisk(unittest.TestCase):
    def test_a_disk_that_becomes_read_only_and_writable_again_loses_nothing(self):
        with Rig() as rig:
            disk, mosquitto = SmallDisk(rig, 64 * MIB), Mosquitto(rig)
            out = os.path.join(rig.directory, "out.jsonl")
            sluice = Sluice(rig, mosquitto.port, {"cloud": {"type": "file", "path": out}}, directory=disk.directory)
            publisher = Publisher(mosquitto.port, rate=500)
            sluice.Start()
            publisher.start()
            Until(lambda: len(FileReader(out).Numbers()) > 300, 30, "delivery")
            # Closed by a kill, the files are not held open for writing, and the disk can be made read-only under a new daemon's feet.
            sluice.Kill()
            disk.Remount("ro")
            sluice.Start(connected=False)
            self.assertEqual(sluice.process.child.wait(30), 1)
            self.assertIn("Read-only", sluice.process.Log())
            disk.Remount("rw")
            sluice.Start()
            publisher.Finish()
            UntilArrived(publisher, FileReader(out), 60).Check()
            self.assertEqual(sluice.Stop(), 0)

    def test_a_full_disk_pauses_the_source_without_a_storm_and_heals_by_itself(self):
        with Rig() as rig:
            disk, mosquitto = SmallDisk(rig, 12 * MIB), Mosquitto(rig)
            tap, kafka = Tap(rig, mosquitto.port), MockKafka(rig, ["plant:16"])
            reader = Reader(rig, kafka.bootstrap)
            sluice = Sluice(rig, tap.port, Cloud(kafka), source={"keepalive": "2s"}, directory=disk.directory, more=KEEP)
            sluice.Start()
            publisher = Publisher(mosquitto.port, rate=500)
            publisher.start()
            Until(lambda: len(reader.Numbers()) > 500, 30, "delivery before")
            kafka.Tell("down")
            disk.Fill()
            sluice.UntilLog("cannot write", 30)
            sluice.UntilLog("paused", 30)
            connections = tap.connections
            # Ten times the keepalive: a source that does not pause would be thrown out by the broker again and again.
            at_least = len(publisher.Acked()) + 500 * 20
            Until(lambda: len(publisher.Acked()) > at_least, 60, "20 s of load")
            self.assertTrue(sluice.process.IsAlive())
            self.assertLessEqual(tap.connections, connections + 1)
            disk.Free()
            kafka.Tell("up")
            publisher.Finish()
            account = UntilArrived(publisher, reader, 60)
            account.Check()
            self.assertLessEqual(account.redelivered, 2 * 1000 * (tap.connections - 1))


@unittest.skipUnless(os.geteuid() == 0, "mounting a disk needs root")
class Sweep(unittest.TestCase):
    """Where exactly room runs out (in the database, in its log, before or after the ballast) differs with each size."""

    def Start(self, rig, size):
        self.disk, self.mosquitto = SmallDisk(rig, size), Mosquitto(rig)
        self.kafka = MockKafka(rig, ["plant:4"])
        self.kafka.Tell("down")
        self.reader = Reader(rig, self.kafka.bootstrap)
        self.sluice = Sluice(rig, self.mosquitto.port, Cloud(self.kafka), directory=self.disk.directory, outbox={"max_bytes": MAX_BYTES}, more=KEEP)
        self.sluice.Start()
        self.publisher = Publisher(self.mosquitto.port, rate=5000, count=12000, size=400)

    def ArriveAll(self):
        self.publisher.Finish()
        UntilArrived(self.publisher, self.reader, 60).Check()
        self.assertTrue(self.sluice.process.IsAlive())
        self.assertEqual(self.sluice.Stop(), 0)

    def test_a_disk_of_any_size_that_the_backlog_fills_loses_nothing(self):
        for size in range(2 * MIB, 10 * MIB, 704 * KIB):
            with self.subTest(size=size), Rig() as rig:
                self.Start(rig, size)
                self.publisher.start()
                self.sluice.UntilLog("cannot write", 30)
                self.kafka.Tell("up")
                self.ArriveAll()

    def test_whatever_room_others_leave_nothing_is_lost_and_it_goes_on_when_they_give_it_back(self):
        for leave in (0, 4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, 512 * KIB, MIB, 2 * MIB, 3 * MIB, 4 * MIB):
            with self.subTest(leave=leave), Rig() as rig:
                self.Start(rig, 12 * MIB)
                self.publisher.start()
                Until(lambda: len(self.publisher.Acked()) > 2000, 30, "load")
                self.disk.Fill(leave)
                self.sluice.UntilLog("cannot write", 30)
                self.disk.Free()
                self.kafka.Tell("up")
                self.ArriveAll()

    def test_on_a_disk_of_any_size_a_dead_sink_pays_for_itself_and_the_live_one_misses_nothing(self):
        for size in range(2 * MIB, 10 * MIB, 1536 * KIB):
            with self.subTest(size=size), Rig() as rig:
                disk, mosquitto = SmallDisk(rig, size), Mosquitto(rig)
                live, dead = MockKafka(rig, ["plant:4"]), MockKafka(rig, ["plant:4"])
                dead.Tell("down")
                reader = Reader(rig, live.bootstrap)
                both = [{"name": "all", "match": "plant/#", "to": {sink: {"topic": "plant"} for sink in ("live", "dead")}}]
                sluice = Sluice(rig, mosquitto.port, {"live": Cloud(live)["cloud"], "dead": Cloud(dead)["cloud"]}, routes=both,
                                directory=disk.directory, outbox={"max_bytes": MAX_BYTES})
                sluice.Start()
                publisher = Publisher(mosquitto.port, rate=3000, count=15000, size=400)
                publisher.start()
                publisher.Finish()
                UntilArrived(publisher, reader, 60).Check()
                self.assertEqual(sluice.Stop(), 0)
                ledger = Ledger(disk)
                ledger.Check()
                self.assertEqual(ledger.Dropped(("live", "normal")), 0)
                self.assertGreater(ledger.Dropped(("dead", "normal")), 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
