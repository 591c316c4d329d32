"""`sluice tail`: events as they come in."""

import json
import os
import select
import signal
import socket
import subprocess
import unittest

from control_test import Control
from harness import BUILD, Rig, Until
from kafka_test import PublishOne
from oracle import FileReader, Publisher, TopicsBelow
from servers import Mosquitto, Sluice

ROUTES = [{"name": "all", "match": ["plant/#", "$sluice/#"], "except": "plant/nowhere", "to": "file"}]


class Tailing:
    """A client at work; its lines."""

    def __init__(self, case, sluice, *words):
        self.child = subprocess.Popen([os.path.join(BUILD, "sluice"), "tail", *words, "-c", sluice.config], stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE, bufsize=0)
        case.addCleanup(self.End)

    def End(self):
        if self.child.poll() is None:
            self.child.kill()
        self.child.communicate()

    def Line(self):
        return self.child.stdout.readline().decode()

    def Finish(self, sig=None):
        """Exit status, the rest of stdout, stderr."""
        if sig:
            self.child.send_signal(sig)
        out, err = self.child.communicate(timeout=30)
        return self.child.returncode, out.decode(), err.decode()


class Tail(unittest.TestCase):
    def Start(self, rig):
        mosquitto = Mosquitto(rig)
        sluice = Sluice(rig, mosquitto.port, {"file": {"type": "file", "path": os.path.join(rig.directory, "events.jsonl")}}, routes=ROUTES)
        sluice.Start()
        return mosquitto, sluice

    def Watch(self, mosquitto, sluice, topic, *words):
        """A client that is known to watch: it has shown an event."""
        tail = Tailing(self, sluice, *words)
        seen = []
        def Seen():
            PublishOne(mosquitto.port, topic, b"first")
            if select.select([tail.child.stdout], [], [], 0.2)[0]:
                seen.append(tail.Line())
            return seen
        Until(Seen, 30, "an event is shown")
        return tail, seen[0]

    def Connect(self, rig, topic):
        """A client that takes nothing by itself, and is known to watch."""
        client = socket.socket(socket.AF_UNIX)
        self.addCleanup(client.close)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(10)
        client.connect(os.path.join(rig.directory, "control.sock"))
        client.sendall(json.dumps({"command": "tail", "filter": topic}).encode() + b"\n")
        self.assertIn(b"missed", client.recv(4096))  # A sign of life.
        return client

    def test_events_are_shown_as_they_come_matching_filter_and_source_until_sigint(self):
        with Rig() as rig:
            mosquitto, sluice = self.Start(rig)
            tail, line = self.Watch(mosquitto, sluice, "plant/press/1", "plant/press/+")
            self.assertRegex(line, r"^20\d\d-.*Z  local  plant/press/1  first\n$")
            PublishOne(mosquitto.port, "plant/other", b"not this")
            PublishOne(mosquitto.port, "plant/press/2", b"\x1b[31m\xff\n")
            while "plant/press/1" in (line := tail.Line()):
                pass  # Of the first, as often as it took.
            self.assertTrue(line.endswith("plant/press/2  \\x1b[31m\\xff\\n\n"), line)
            status, out, err = tail.Finish(signal.SIGINT)
            self.assertEqual((status, out, err), (0, "", ""))

            tail, line = self.Watch(mosquitto, sluice, "plant/nowhere", "--source", "local")
            self.assertIn("local (unrouted)", line)
            self.assertEqual(tail.Finish(signal.SIGINT)[0], 0)
            refused = Tailing(self, sluice, "plant/#/x")
            self.assertEqual(refused.Finish()[0], 2)
            self.assertEqual(sluice.Stop(), 0)

    def test_as_json_they_are_what_is_delivered_and_it_ends_after_so_many_or_with_the_daemon(self):
        with Rig() as rig:
            mosquitto, sluice = self.Start(rig)
            forever, _ = self.Watch(mosquitto, sluice, "plant/0")
            tail, line = self.Watch(mosquitto, sluice, "plant/1", "--json", "-n", "3")
            for number in range(3):
                PublishOne(mosquitto.port, "plant/more", b'{"n": %d}' % number)
            status, out, _ = tail.Finish()
            events = [json.loads(text) for text in [line, *out.splitlines()]]
            self.assertEqual((status, len(events)), (0, 3))
            path = os.path.join(rig.directory, "events.jsonl")
            def Delivered():
                delivered = {event["id"]: event for event in FileReader(path).Events()}
                shown = {event["cloudevent"]["id"]: event["cloudevent"] for event in events}
                return {id: delivered.get(id, {}).get("data") for id in shown} == {id: event["data"] for id, event in shown.items()}
            Until(Delivered, 30, "what was shown is delivered under its id")
            own = self.Connect(rig, "$sluice/#")
            self.assertEqual(sluice.Stop(), 0)
            self.assertEqual(forever.Finish()[0], 0)
            with own.makefile() as lines:
                *shown, end = [json.loads(line) for line in lines]
            self.assertEqual(end, {"end": True})
            self.assertLessEqual({event["cloudevent"]["subject"] for event in shown if "cloudevent" in event}, {"$sluice/status"})
            self.assertEqual(Tailing(self, sluice).Finish()[0], 1)

    def test_it_goes_on_over_a_reload(self):
        with Rig() as rig:
            mosquitto, sluice = self.Start(rig)
            tail, _ = self.Watch(mosquitto, sluice, "plant/before")
            with open(sluice.config) as f:
                config = json.load(f)
            config["gateway"]["report_every"] = "7m"
            with open(sluice.config, "w") as f:
                json.dump(config, f)
            self.assertIn("applied", Control(sluice).Run("reload"))
            PublishOne(mosquitto.port, "plant/after", b"x")
            while "plant/after" not in (line := tail.Line()):
                self.assertIn("plant/before", line)
            self.assertEqual(tail.Finish(signal.SIGINT)[0], 0)
            self.assertEqual(sluice.Stop(), 0)

    def test_a_client_that_takes_nothing_holds_up_no_event_and_is_told_what_it_missed(self):
        with Rig() as rig:
            mosquitto, sluice = self.Start(rig)
            client = self.Connect(rig, "plant/#")
            control = Control(sluice)
            publisher = Publisher(mosquitto.port, rate=20_000, size=1_000, count=5_000, topic=TopicsBelow("plant"))
            publisher.start()
            publisher.Finish()
            Until(lambda: control.Lane()["delivered"] >= 5_000, 60, "all are delivered, although the client takes nothing")
            with open(f"/proc/{sluice.Pid()}/status") as f:
                peak, = [int(line.split()[1]) for line in f if line.startswith("VmHWM")]
            print(f"peak RSS {peak} KiB", flush=True)
            shown = missed = 0
            with client.makefile() as lines:
                while shown + missed < 5_000:
                    line = json.loads(lines.readline())
                    shown += "cloudevent" in line
                    missed = line.get("missed", missed)
            self.assertGreater(missed, 0)
            self.assertGreater(shown, 0)
            self.assertEqual(sluice.Stop(), 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
