"""The control socket: dead letters looked at, replayed, exported and purged, and the status, of a daemon that runs."""

import base64
import json
import os
import random
import socket
import stat
import subprocess
import unittest

from harness import BUILD, Rig, Until
from kafka_test import Cloud, PublishOne
from oracle import Consumed, Unbalanced
from servers import MockKafka, Mosquitto, Sluice

TOPIC = "order"
ROUTES = [{"name": "all", "match": "plant/#", "key": "one", "to": {"cloud": {"topic": TOPIC}}}]


class Control:
    """The command line, against one daemon."""

    def __init__(self, sluice):
        self.config = sluice.config

    def Run(self, *words, status=0):
        done = subprocess.run([os.path.join(BUILD, "sluice"), *words, "-c", self.config], capture_output=True, timeout=60)
        if done.returncode != status:
            raise AssertionError(f"{words}: exit {done.returncode}: {done.stderr.decode()}")
        return done.stderr.decode() if status else done.stdout.decode()

    def Letters(self, action="list"):
        extra = ["--json"] if action == "list" else []
        return [json.loads(line) for line in self.Run("dead-letters", action, *extra).splitlines()]

    def Status(self):
        """Its ledger has to add up, always."""
        status = json.loads(self.Run("status", "--json"))
        assert not Unbalanced(status), Unbalanced(status)
        return status

    def Lane(self):
        """The one lane."""
        lane, = self.Status()["lanes"]
        return lane

    def UntilLane(self, what, **expected):
        try:
            Until(lambda: expected.items() <= self.Lane().items(), 30, what)
        except TimeoutError as late:
            raise TimeoutError(f"{late}; the lane: {self.Lane()}") from None


def Arrived(kafka):
    """ce_id -> size, of what an unrelated consumer reads."""
    arrived = {}
    for line in Consumed(kafka, TOPIC, "-f", "%S %h\n").splitlines():
        size, headers = line.split(" ", 1)
        arrived[dict(header.split("=", 1) for header in headers.split(","))["ce_id"]] = int(size)
    return arrived


class DeadLetters(unittest.TestCase):
    def Payloads(self):
        text = ("{\"text\": \"" + "z" * 1_500_000 + "\"}").encode()
        return [random.Random(1).randbytes(1_400_000), text, b"x" * 1_600_000, b"y" * 1_700_000]

    def Start(self, rig, mosquitto, kafka, **rdkafka):
        sluice = Sluice(rig, mosquitto.port, Cloud(kafka, **rdkafka), routes=ROUTES, source={"max_payload": "4MiB"})
        sluice.Start()
        return sluice

    def test_they_are_listed_exported_byte_for_byte_replayed_under_their_ids_and_purged(self):
        with Rig() as rig:
            kafka = MockKafka(rig, [TOPIC + ":1"])
            mosquitto = Mosquitto(rig)
            sluice = self.Start(rig, mosquitto, kafka)
            control = Control(sluice)
            payloads = self.Payloads()
            for payload in payloads:
                PublishOne(mosquitto.port, "plant/small", b"{}")
                PublishOne(mosquitto.port, "plant/big", payload)
            control.UntilLane("the poison is set aside", dead_lettered=4, delivered=4, pending=0)

            listed = control.Letters()
            self.assertEqual([letter["bytes"] for letter in listed], [len(payload) for payload in payloads])
            for letter in listed:
                self.assertEqual((letter["sink"], letter["topic"], letter["destination"], letter["attempts"]), ("cloud", "plant/big", TOPIC, 1))
                self.assertTrue(letter["reason"])
            self.assertIn("plant/big", control.Run("dead-letters", "list"))
            exported = control.Letters("export")
            events = [letter["cloudevent"] for letter in exported]
            self.assertEqual([base64.b64decode(event["data_base64"]) if "data_base64" in event else event["data"].encode() for event in events],
                             payloads)
            self.assertEqual([event["id"] for event in events], [letter["event"] for letter in listed])
            shown = json.loads(control.Run("dead-letters", "show", listed[1]["event"]))
            self.assertEqual(shown["cloudevent"]["data"].encode(), payloads[1])

            # Replayed before the cause is mended, it is refused again.
            self.assertEqual(control.Run("dead-letters", "replay", listed[0]["id"]), "replayed 1\n")
            control.UntilLane("it is refused again", dead_lettered=4, dead_letters_replayed=1, pending=0)
            self.assertEqual(control.Letters()[0]["attempts"], 2)

            self.assertEqual(control.Run("dead-letters", "purge", listed[3]["id"]), "purged 1\n")
            self.assertIn("no such", control.Run("dead-letters", "purge", listed[3]["id"], status=1))
            control.UntilLane("the purge is counted", dead_lettered=4, dead_letters_purged=1)

            # Mended, but Kafka is away, and the daemon dies right after the replay.
            self.assertEqual(sluice.Stop(), 0)
            sluice = self.Start(rig, mosquitto, kafka, **{"message.max.bytes": 4_000_000})
            kafka.Tell("down")
            self.assertEqual(control.Run("dead-letters", "replay", listed[0]["id"], listed[1]["event"]), "replayed 2\n")
            control.UntilLane("they wait for their sink", dead_lettered=2, pending=2)
            sluice.Kill()
            kafka.Tell("up")
            sluice.Start()
            control.UntilLane("they are delivered", dead_lettered=2, pending=0, delivered=6)
            arrived = Arrived(kafka)
            for letter in listed[:2]:
                self.assertEqual(arrived[letter["event"]], letter["bytes"])

            self.assertEqual(control.Run("dead-letters", "purge", "--all"), "purged 1\n")
            self.assertEqual(control.Letters(), [])
            self.assertEqual(control.Status()["dead_letters_bytes"], 0)
            control.UntilLane("the purge is counted", dead_lettered=2, dead_letters_purged=2)
            self.assertEqual(sluice.Stop(), 0)


class Socket(unittest.TestCase):
    def test_without_a_daemon_the_error_names_the_socket_and_the_exit_status_is_1(self):
        with Rig() as rig:
            sluice = Sluice(rig, 1, Cloud(MockKafka(rig, [])), routes=ROUTES)
            for words in (["status"], ["dead-letters", "list"]):
                self.assertIn(os.path.join(rig.directory, "control.sock"), Control(sluice).Run(*words, status=1))
            for words in (["dead-letters", "purge"], ["dead-letters", "replay", "--all", "1/1"], ["dead-letters"]):
                Control(sluice).Run(*words, status=2)

    def test_it_is_for_the_daemons_user_and_group_outlives_a_kill_and_goes_with_a_stop(self):
        with Rig() as rig:
            sluice = Sluice(rig, Mosquitto(rig).port, Cloud(MockKafka(rig, [])), routes=ROUTES)
            path = os.path.join(rig.directory, "control.sock")
            sluice.Start()
            self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o660)
            sluice.Kill()
            self.assertTrue(os.path.exists(path))
            sluice.Start()
            self.assertEqual(Control(sluice).Status()["gateway"], "edge-1")
            self.assertEqual(sluice.Stop(), 0)
            self.assertFalse(os.path.exists(path))

    def test_whoever_floods_it_or_leaves_it_half_open_disturbs_neither_the_daemon_nor_the_operator(self):
        with Rig() as rig:
            mosquitto = Mosquitto(rig)
            kafka = MockKafka(rig, [TOPIC + ":1"])
            sluice = Sluice(rig, mosquitto.port, Cloud(kafka), routes=ROUTES)
            sluice.Start()
            control = Control(sluice)

            def Connect():
                stranger = socket.socket(socket.AF_UNIX)
                self.addCleanup(stranger.close)
                stranger.connect(os.path.join(rig.directory, "control.sock"))
                stranger.settimeout(20)
                return stranger

            def Answer(request):
                stranger = Connect()
                try:
                    stranger.sendall(request)
                except (BrokenPipeError, ConnectionResetError):
                    pass
                answer = b""
                try:
                    while chunk := stranger.recv(65536):
                        answer += chunk
                except ConnectionResetError:
                    pass
                return answer

            for garbage in (b"\n", b"\0\xff\n", b"[" * 60_000 + b"\n", b'{"command": 1}\n', b'{"command": "nothing"}\n',
                            b'{"command": "dead-letters.purge"}\n', b'{"command": "dead-letters.purge", "ids": ["1/0", {}]}\n',
                            b'{"command": "dead-letters.list", "ids": ["9/1"]}\n', b"x" * 70_000):
                self.assertIn(b'{"error":', Answer(garbage), garbage[:60])
            for command in (b"dead-letters.list", b"dead-letters.purge", b"outbox.list", b"outbox.export"):
                told = json.loads(Answer(b'{"command": "%s"}\n' % command))["error"]
                self.assertIn('say which: "ids", or "all": true (with "sink" and "class" to narrow it)', told)
            Answer(b"x" * 10_000_000)
            half_open = [Connect() for _ in range(30)]
            for stranger in half_open[::2]:
                try:
                    stranger.sendall(b'{"command": "st')
                except BrokenPipeError:
                    pass  # It had to give way already.
            PublishOne(mosquitto.port, "plant/small", b"{}")
            control.UntilLane("events flow", delivered=1)
            self.assertEqual(len(Answer(b'{"command": "status"}\nand more').splitlines()), 2)
            self.assertEqual(sluice.Stop(), 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
