"""What a broker sends again after a disconnect: dropped where it is proved to be a copy, otherwise kept, marked and counted."""

import json
import os
import signal
import unittest

from harness import Rig, Strace, Until
from oracle import FileReader, Publisher, Tap, UntilArrived
from scripted_broker import ScriptedBroker
from servers import Counters, Mosquitto, Sluice

EVENTS = 300


class Redelivery(unittest.TestCase):
    def MakeSluice(self, rig, port, source=None):
        self.out = os.path.join(rig.directory, "out.jsonl")
        routes = [{"name": "all", "match": "#", "to": "copy"}]
        sluice = Sluice(rig, port, {"copy": {"type": "file", "path": self.out}}, routes=routes, source=source)
        sluice.Start()
        return sluice

    def HoldDisk(self, rig, sluice):
        """No fsync returns until the Strace is detached. What waits for it is committed by nobody, and acknowledged to nobody."""
        self.syncs = os.path.join(rig.directory, "sync.strace")
        return rig.Add(Strace(rig, sluice.Pid(), ["-o", self.syncs, "-e", "trace=fsync,fdatasync", "-e", "inject=fsync,fdatasync:delay_enter=60s"]))

    def PublishInto(self, mosquitto, rate=100_000):
        publisher = Publisher(mosquitto.port, rate=rate, count=EVENTS)
        publisher.start()
        publisher.Finish()
        Until(lambda: os.path.getsize(self.syncs) > 0, 20, "a transaction waits for the disk")
        return publisher

    def Marked(self):
        with open(self.out) as f:
            return sum(json.loads(line).get("redelivered") == "true" for line in f)

    def test_a_message_whose_acknowledgement_never_left_is_dropped_when_it_comes_again(self):
        with Rig() as rig:
            mosquitto = Mosquitto(rig)
            tap = Tap(rig, mosquitto.port)
            sluice = self.MakeSluice(rig, tap.port)
            hold = self.HoldDisk(rig, sluice)
            publisher = self.PublishInto(mosquitto)
            self.assertFalse(tap.Acked())
            tap.Cut()
            Until(lambda: tap.connections == 2, 20, "another connection")
            hold.Detach()
            account = UntilArrived(publisher, FileReader(self.out), 60)
            account.Check()
            self.assertEqual(account.redelivered, 0)
            self.CheckLedger(rig, sluice, tap, publisher)

    def CheckLedger(self, rig, sluice, tap, publisher):
        Until(lambda: tap.Acked() == publisher.Acked(), 20, "all is acknowledged, copies too")
        self.assertEqual(sluice.Stop(), 0)
        counters = {name: value for name, value in Counters(rig).items() if name.startswith("source/local/")}
        print(counters, flush=True)
        duplicate = counters["source/local/duplicate"]
        self.assertGreater(duplicate, 0)
        self.assertEqual(counters["source/local/routed"], EVENTS)
        self.assertEqual(counters["source/local/received"], EVENTS + duplicate)
        self.assertEqual(counters["source/local/redelivered"], self.Marked() + duplicate)

    def test_what_a_pause_withdrew_is_kept_when_it_comes_again_and_what_was_in_the_works_is_dropped(self):
        with Rig() as rig:
            mosquitto = Mosquitto(rig)
            tap = Tap(rig, mosquitto.port)
            sluice = self.MakeSluice(rig, tap.port, {"keepalive": "2s"})
            hold = self.HoldDisk(rig, sluice)
            publisher = self.PublishInto(mosquitto, rate=500)  # More come while the first ones wait for the disk.
            sluice.UntilLog("msg=\"paused", 20)
            hold.Detach()
            account = UntilArrived(publisher, FileReader(self.out), 60)
            account.Check()
            self.assertEqual(account.redelivered, 0)
            self.CheckLedger(rig, sluice, tap, publisher)
            self.assertGreater(self.Marked(), 0)

    def test_after_a_death_nothing_is_proved_and_what_comes_again_is_kept_marked_and_counted(self):
        with Rig() as rig:
            mosquitto = Mosquitto(rig)
            sluice = self.MakeSluice(rig, mosquitto.port)
            hold = self.HoldDisk(rig, sluice)
            publisher = self.PublishInto(mosquitto)
            os.kill(sluice.Pid(), signal.SIGKILL)
            hold.Kill()  # Before it can die, what it has in a system call must be let go.
            sluice.Kill()
            sluice.Start()
            UntilArrived(publisher, FileReader(self.out), 60).Check()
            self.assertEqual(sluice.Stop(), 0)
            counters = Counters(rig)
            self.assertNotIn("source/local/duplicate", counters)
            self.assertGreater(self.Marked(), 0)
            self.assertEqual(self.Marked(), counters["source/local/redelivered"])

    def test_a_message_that_got_lost_with_its_connection_is_kept_though_it_looks_like_one_that_was_acknowledged(self):
        with Rig() as rig:
            broker = ScriptedBroker(rig)
            sluice = self.MakeSluice(rig, broker.port)
            first = broker.Live()
            first.Publish(b"plant/a", b"21.5", 1)
            Until(lambda: 1 in first.Acked(), 20, "the acknowledgement")
            first.Close()
            second = broker.Live(2)
            second.Publish(b"plant/a", b"21.5", 2, duplicate=True)
            Until(lambda: 2 in second.Acked(), 20, "the acknowledgement")
            self.assertEqual(sluice.Stop(), 0)
            self.assertEqual(Counters(rig)["source/local/routed"], 2, "an event is missing")
            self.assertEqual(self.Marked(), 1)


if __name__ == "__main__":
    unittest.main(verbosity=2)
