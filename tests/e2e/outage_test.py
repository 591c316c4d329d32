"""Outages: of the uplink, of the broker, of the disk. Nothing acknowledged is lost, memory stays flat, and it heals by itself."""

import json
import os
import socket
import subprocess
import unittest

from harness import BUILD, ROOT, PeakRss, RandomSeed, Rig, Strace, Until
from oracle import Account, FileReader, Publisher, Reader, Tap, UntilArrived
from servers import MockKafka, Mosquitto, Sluice

RSS_LIVE = 48     # MiB; what the bench measures is less, this is where memory would have begun to follow the backlog.
RSS_BACKLOG = 64


def Cloud(kafka):
    return {"cloud": {"type": "kafka", "brokers": [kafka.bootstrap], "retry_min": "50ms", "retry_max": "500ms",
                      "rdkafka": {"reconnect.backoff.max.ms": 500, "reconnect.backoff.ms": 50}}}


class Uplink(unittest.TestCase):
    def test_a_kafka_that_was_never_there_costs_nothing_but_disk_and_is_caught_up_with_when_it_comes(self):
        with Rig() as rig:
            mosquitto = Mosquitto(rig)
            kafka = MockKafka(rig, ["plant:16"])
            kafka.Tell("down")
            sluice = Sluice(rig, mosquitto.port, Cloud(kafka))
            sluice.Start()
            publisher = Publisher(mosquitto.port, rate=6000, count=60000)
            publisher.start()
            publisher.Finish(90)
            self.assertLess(PeakRss(sluice.Pid()), RSS_BACKLOG)
            # A restart in the outage: ready at once, whatever waits.
            sluice.Kill()
            sluice.Start()
            reader = Reader(rig, kafka.bootstrap)
            kafka.Tell("up")
            UntilArrived(publisher, reader, 60).Check()
            print(f"peak RSS {PeakRss(sluice.Pid()):.0f} MiB")
            self.assertLess(PeakRss(sluice.Pid()), RSS_BACKLOG)
            self.assertEqual(sluice.Stop(), 0)

    def test_a_kafka_that_flaps_loses_nothing_and_keeps_the_order_of_each_key(self):
        random = RandomSeed()
        with Rig() as rig:
            mosquitto = Mosquitto(rig)
            kafka = MockKafka(rig, ["plant:16"])
            reader = Reader(rig, kafka.bootstrap)
            sluice = Sluice(rig, mosquitto.port, Cloud(kafka))
            sluice.Start()
            publisher = Publisher(mosquitto.port, rate=1000)
            publisher.start()
            for _ in range(8):
                kafka.Tell("down")
                goal = len(publisher.Acked()) + random.randint(200, 1500)
                Until(lambda: len(publisher.Acked()) > goal, 30, "acknowledgements go on in the outage")
                kafka.Tell("up")
                goal = len(reader.Numbers()) + random.randint(50, 500)
                Until(lambda: len(reader.Numbers()) > goal, 30, "delivery goes on after the outage")
            publisher.Finish()
            UntilArrived(publisher, reader, 60).Check()
            self.assertEqual(sluice.Stop(), 0)

    def test_transient_refusals_by_kafka_lose_nothing_and_let_nothing_overtake(self):
        with Rig() as rig:
            mosquitto = Mosquitto(rig)
            kafka = MockKafka(rig, ["plant:1"])
            reader = Reader(rig, kafka.bootstrap)
            sluice = Sluice(rig, mosquitto.port, Cloud(kafka))
            sluice.Start()
            publisher = Publisher(mosquitto.port, rate=2000, keys=1)
            publisher.start()
            # INVALID_RECORD for a whole batch, then NOT_ENOUGH_REPLICAS and TOPIC_AUTHORIZATION_FAILED for whatever is on its way.
            for error in (87, 19, 29):
                goal = len(reader.Numbers()) + 200
                Until(lambda: len(reader.Numbers()) > goal, 60, "delivery goes on")
                kafka.Tell(f"error {error} 1")
            publisher.Finish()
            UntilArrived(publisher, reader, 90).Check()


class Broker(unittest.TestCase):
    def test_a_broker_that_dies_under_load_loses_nothing_that_sluice_had_acknowledged(self):
        """Mosquitto forgets what it acknowledged when it is killed; the reference is the PUBACKs seen on the wire."""
        with Rig() as rig:
            mosquitto = Mosquitto(rig)
            kafka = MockKafka(rig, ["plant:16"])
            reader = Reader(rig, kafka.bootstrap)
            tap = Tap(rig, mosquitto.port)
            sluice = Sluice(rig, tap.port, Cloud(kafka))
            sluice.Start()
            publisher = Publisher(mosquitto.port, rate=1500)
            publisher.start()
            for _ in range(6):
                goal = len(tap.Acked()) + 700
                Until(lambda: len(tap.Acked()) > goal, 30, "acknowledgements on the wire")
                mosquitto.Kill()
                mosquitto.Start()
            publisher.Finish()
            acked = tap.Acked()
            try:
                Until(lambda: acked <= reader.Numbers(), 60, "all arrives")
            except TimeoutError:
                pass
            account = Account(acked, reader.Records())
            # A broker that forgot what it had sent sends again, in an order of its own; that is not ours to judge.
            account.violations = [v for v in account.violations if " came after " not in v]
            account.Check()
            self.assertGreater(len(acked), 4000)


class Disk(unittest.TestCase):
    def Slow(self, delay_us, seconds_of_load, keepalive):
        with Rig() as rig:
            mosquitto = Mosquitto(rig)
            tap = Tap(rig, mosquitto.port)
            out = os.path.join(rig.directory, "out.jsonl")
            sluice = Sluice(rig, tap.port, {"cloud": {"type": "file", "path": out}}, source={"keepalive": keepalive})
            sluice.Start()
            rig.Add(Strace(rig, sluice.Pid(), ["-o", "/dev/null", "-e", "trace=fdatasync,fsync",
                                               "-e", f"inject=fdatasync,fsync:delay_exit={delay_us}"]))
            publisher = Publisher(mosquitto.port, rate=500, count=500 * seconds_of_load)
            publisher.start()
            publisher.Finish(60)
            UntilArrived(publisher, FileReader(out), 120).Check()
            print(f"connections: {tap.connections}, peak RSS {PeakRss(sluice.Pid()):.0f} MiB")
            self.assertLess(PeakRss(sluice.Pid()), RSS_LIVE)
            return tap.connections

    def test_a_disk_with_stalls_of_200_ms_is_no_reason_to_reconnect(self):
        self.assertEqual(self.Slow(200_000, 5, "20s"), 1)

    def test_a_disk_with_stalls_of_5_s_is_no_reason_to_reconnect(self):
        self.assertEqual(self.Slow(5_000_000, 3, "30s"), 1)

    def test_a_disk_whose_fsyncs_fail_stops_acknowledgements_and_heals_by_itself(self):
        with Rig() as rig:
            mosquitto = Mosquitto(rig)
            out = os.path.join(rig.directory, "out.jsonl")
            sluice = Sluice(rig, mosquitto.port, {"cloud": {"type": "file", "path": out}})
            sluice.Start()
            publisher = Publisher(mosquitto.port, rate=500)
            publisher.start()
            Until(lambda: len(publisher.Acked()) > 300, 30, "load")
            failing = rig.Add(Strace(rig, sluice.Pid(), ["-o", "/dev/null", "-e", "trace=fdatasync,fsync", "-e", "inject=fdatasync,fsync:error=EIO"]))
            sluice.UntilLog("cannot write", 30)
            settled = FileReader(out).Numbers()
            goal = len(publisher.Acked()) + 1000
            Until(lambda: len(publisher.Acked()) > goal, 30, "the sensors go on")
            # Nothing can have been made durable, so nothing new can count as delivered; the daemon is still there.
            self.assertLess(len(FileReader(out).Numbers() - settled), 500)
            self.assertTrue(sluice.process.IsAlive())
            failing.Detach()
            sluice.UntilLog("writing again", 30)
            publisher.Finish()
            UntilArrived(publisher, FileReader(out), 60).Check()
            self.assertEqual(sluice.Stop(), 0)


class Start(unittest.TestCase):
    def test_systemd_is_told_when_it_is_ready_and_when_it_stops(self):
        with Rig() as rig, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            path = os.path.join(rig.directory, "notify")
            notify.bind(path)
            notify.settimeout(20)
            mosquitto = Mosquitto(rig)
            sluice = Sluice(rig, mosquitto.port, {"cloud": {"type": "file", "path": os.path.join(rig.directory, "out.jsonl")}})
            sluice.Start(env={"NOTIFY_SOCKET": path})
            self.assertEqual(notify.recv(100), b"READY=1")
            self.assertEqual(sluice.Stop(), 0)
            self.assertEqual(notify.recv(100), b"STOPPING=1")

    def test_every_verb_has_help_and_a_version_and_a_mistake_in_the_command_line_is_status_2(self):
        def Run(*arguments):
            return subprocess.run([os.path.join(BUILD, "sluice"), *arguments], capture_output=True, text=True, timeout=20)
        for verb in ([], ["run"], ["check"], ["explain"], ["config"], ["config", "show"], ["config", "schema"], ["version"]):
            help_text = Run(*verb, "--help")
            self.assertEqual(help_text.returncode, 0, verb)
            self.assertIn("--help", help_text.stdout)
        self.assertRegex(Run("version").stdout, r"^sluice \d+\.\d+\.\d+")
        self.assertEqual(Run("rnu").returncode, 2)
        self.assertEqual(Run("check", "/nonexistent.json").returncode, 2)
        explained = Run("explain", "plant/graz/press/1", "-c", os.path.join(ROOT, "config", "examples", "plant.json"))
        self.assertIn("to      cloud, topic plant.press, key graz/1, class normal\n", explained.stdout)
        self.assertEqual(Run("check", os.path.join(ROOT, "config", "examples", "plant.json")).returncode, 0)
        json.loads(Run("config", "schema").stdout)
        json.loads(Run("config", "show", "-c", os.path.join(ROOT, "config", "examples", "plant.json")).stdout)

    def test_a_second_daemon_on_the_same_outbox_is_refused_and_told_who_holds_it(self):
        with Rig() as rig:
            mosquitto = Mosquitto(rig)
            sluice = Sluice(rig, mosquitto.port, {"cloud": {"type": "file", "path": os.path.join(rig.directory, "out.jsonl")}})
            sluice.Start()
            second = subprocess.run([os.path.join(BUILD, "sluice"), "run", "-c", sluice.config],
                                    capture_output=True, text=True, timeout=20)
            self.assertEqual(second.returncode, 1)
            self.assertIn(f"held by process {sluice.Pid()}", second.stderr)

    def test_a_bad_configuration_ends_with_78_before_anything_is_touched(self):
        with Rig() as rig:
            path = os.path.join(rig.directory, "sluice.json")
            with open(path, "w") as f:
                f.write('{ "outbox": { "path": "%s/outbox.db" }, "sinks": {}, "sorces": {} }' % rig.directory)
            binary = os.path.join(BUILD, "sluice")
            run = subprocess.run([binary, "run", "-c", path], capture_output=True, text=True, timeout=20)
            self.assertEqual(run.returncode, 78)
            self.assertIn("sluice.json:1:", run.stderr)
            self.assertIn("Did you mean `sources`?", run.stderr)
            self.assertEqual(os.listdir(rig.directory), ["sluice.json"])

    def test_sigterm_drains_and_leaves_nothing_unsettled(self):
        with Rig() as rig:
            mosquitto = Mosquitto(rig)
            kafka = MockKafka(rig, ["plant:4"])
            reader = Reader(rig, kafka.bootstrap)
            sluice = Sluice(rig, mosquitto.port, Cloud(kafka))
            sluice.Start()
            publisher = Publisher(mosquitto.port, rate=2000, count=4000)
            publisher.start()
            publisher.Finish()
            UntilArrived(publisher, reader, 30).Check()
            self.assertEqual(sluice.Stop(), 0)
            self.assertIn("msg=stopped", sluice.process.Log())
            sluice.Start()
            self.assertNotIn("backlog found", sluice.process.Log())


if __name__ == "__main__":
    unittest.main(verbosity=2)
