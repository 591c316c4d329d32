"""What a configuration must never do: be applied when it is broken, bring the daemon down, or give a secret away."""

import copy
import json
import os
import re
import subprocess
import unittest

from harness import BUILD, FreePort, RandomSeed, Rig, Until
from reload_test import Fixture

CANARY = "canary-5b2d9e41"
PLACE = re.compile(r"^error: \S+\.json:\d+:\d+: ")


def Spots(node, path=()):
    """The path of every member and item."""
    members = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in members:
        yield path + (key,)
        yield from Spots(value, path + (key,))


def At(node, path):
    for key in path:
        node = node[key]
    return node


class Mutations:
    """Configurations that somebody might leave behind: by a slip, a merge, a broken disk."""

    VALUES = [None, True, -1, 0, 1e308, 2**63, "", "x", "${", "${nonsense:x}", "\u0000", "{", "#/x", [], {}, [[]], {"a": {"b": {}}}, "9" * 400, "x" * 70_000]

    def __init__(self, random, config):
        self.random, self.config = random, config

    def Next(self):
        return self.random.choice([self.Value, self.Removed, self.Renamed, self.Doubled, self.Cut, self.Flipped, self.Inserted])()

    def Text(self, config):
        return json.dumps(config, indent=1).encode()

    def Changed(self, change):
        config = copy.deepcopy(self.config)
        path = self.random.choice(list(Spots(config)))
        change(At(config, path[:-1]), path[-1])
        return self.Text(config)

    def Value(self):
        return self.Changed(lambda parent, key: parent.__setitem__(key, self.random.choice(self.VALUES)))

    def Removed(self):
        return self.Changed(lambda parent, key: parent.pop(key))

    def Renamed(self):
        def Rename(parent, key):
            if isinstance(parent, dict):
                parent[key[:-1] + self.random.choice("xyz_")] = parent.pop(key)
            else:
                parent.append(parent[key])
        return self.Changed(Rename)

    def Doubled(self):
        lines = self.Text(self.config).split(b"\n")
        at = self.random.randrange(len(lines))
        return b"\n".join(lines[:at + 1] + lines[at:])

    def Cut(self):
        text = self.Text(self.config)
        return text[:self.random.randrange(len(text))]

    def Flipped(self):
        text = bytearray(self.Text(self.config))
        text[self.random.randrange(len(text))] ^= 1 << self.random.randrange(8)
        return bytes(text)

    def Inserted(self):
        text = self.Text(self.config)
        at = self.random.randrange(len(text))
        return text[:at] + bytes(self.random.randrange(256) for _ in range(self.random.randrange(1, 9))) + text[at:]


class Broken(unittest.TestCase):
    def Run(self, *words):
        return subprocess.run([os.path.join(BUILD, "sluice"), *words], capture_output=True, timeout=60)

    def test_five_hundred_broken_configurations_are_each_told_with_their_place_and_none_is_applied(self):
        random = RandomSeed()
        with Rig() as rig:
            f = Fixture(rig, more={"rules": [{"alert": "High", "match": "plant/{line}/+", "inputs": {"a": "avg(n, 30s)"}, "when": "a > 80", "for": "5s"}],
                                   "classes": [{"name": "normal", "share": "50%", "ttl": "1h"}, {"name": "bulk"}]})
            socket = ["--socket", os.path.join(rig.directory, "control.sock")]
            before = f.control.Status()["config"]
            mutations = Mutations(random, f.Config())
            broken = 0
            for _ in range(5_000):
                if broken == 500:
                    break
                text = mutations.Next()
                with open(f.sluice.config, "wb") as file:
                    file.write(text)
                check = self.Run("check", f.sluice.config)
                self.assertIn(check.returncode, (0, 2), (text, check.stderr))
                if check.returncode == 0:
                    continue  # It may be wanted so.
                broken += 1
                errors = check.stderr.decode("utf-8", "replace").split("\n")
                errors = [line for line in errors if line.startswith("error: ")]
                self.assertTrue(errors and all(PLACE.match(line) for line in errors), (text, errors))
                reload = self.Run("reload", "-c", f.sluice.config, *socket)
                self.assertEqual(reload.returncode, 2, (text, reload.stdout, reload.stderr))
            self.assertEqual(broken, 500)
            status = json.loads(self.Run("status", "--json", *socket).stdout)
            self.assertEqual(status["config"], before)
            self.assertNotIn("msg=reloaded", f.sluice.process.Log())
            f.Publish(100)
            Until(lambda: len(f.arrived.Numbers()) == 100, 20, "the daemon is well")
            self.assertEqual(f.sluice.Stop(), 0)


class Secrets(unittest.TestCase):
    def test_a_secret_is_in_no_log_status_command_line_or_file_of_ours(self):
        with Rig() as rig:
            slots = iter(range(100))
            secret_directory = os.path.join(rig.directory, "secrets")
            os.mkdir(secret_directory)

            def Secret(form="{}"):
                path = os.path.join(secret_directory, f"s{next(slots)}")
                with open(path, "w") as f:
                    f.write(form.format(CANARY))
                return "${file:%s}" % path

            def Proxy():
                return Secret("http://user:{}@127.0.0.1:" + str(FreePort()))

            away = f"127.0.0.1:{FreePort()}"
            mqtt = {"type": "mqtt", "url": f"mqtt://{away}", "username": "u", "password": Secret(), "proxy": Proxy()}
            sinks = {"cloud": {"type": "file", "path": os.path.join(rig.directory, "cloud.jsonl"), "rotate_bytes": "1GiB"},
                     "kafka": {"type": "kafka", "brokers": [away], "auth": {"mechanism": "PLAIN", "username": "u", "password": Secret()},
                               "rdkafka": {"ssl.keystore.password": Secret()}},
                     "kinesis": {"type": "kinesis", "region": "eu-central-1", "stream": "s", "endpoint": f"http://{away}", "proxy": Proxy(),
                                 "auth": {"type": "static", "access_key_id": "AKID", "secret_access_key": Secret(), "session_token": Secret()}},
                     "msk": {"type": "kafka", "brokers": [away], "tls": {"key_password": Secret()},
                             "auth": {"mechanism": "AWS_MSK_IAM", "region": "eu-central-1",
                                      "credentials": {"type": "static", "access_key_id": "AKID", "secret_access_key": Secret(), "session_token": Secret()}}},
                     "mqtt": mqtt}
            f = Fixture(rig, start=False, more={"log": {"level": "debug"}})
            f.Change(lambda c: (c["sinks"].update(sinks), c["sources"]["local"].update(username="u", password=Secret()),
                                c["sources"].update(other={**mqtt, "client_id": "other", "subscribe": {"elsewhere/#": {}}, "password": Secret()}),
                                c.update(routes=[{"name": "own", "match": ["plant/#", "$sluice/#"],
                                                  "to": {name: {} if name not in ("kafka", "msk") else {"topic": "t"} for name in sinks}}])))
            f.Start()
            f.Publish(200)
            Until(lambda: len(f.arrived.Events()) > 200, 20, "events and a report of the status arrive")
            Until(lambda: {lane["sink"] for lane in f.control.Status()["lanes"] if "last_error" in lane} >= {"kafka", "kinesis", "mqtt"}, 30,
                  "sinks say that they cannot connect")
            f.Change(lambda c: c["sinks"]["mqtt"].update(password=Secret("{}-2")))
            told = f.Reload()
            self.assertIn("/sinks/mqtt/password: changed", told)
            shown = f.control.Run("config", "show") + f.control.Run("status", "--json") + f.control.Run("explain", "plant/a") + told
            with open(f"/proc/{f.sluice.Pid()}/cmdline") as cmdline:
                shown += cmdline.read()
            self.assertNotIn(CANARY, shown)
            self.assertEqual(f.sluice.Stop(), 0)
            self.assertNotIn(CANARY, f.sluice.process.Log())
            looked_at = 0
            for directory, _, names in os.walk(rig.directory):
                for name in names:
                    if directory != secret_directory:
                        with open(os.path.join(directory, name), "rb") as file:
                            self.assertNotIn(CANARY.encode(), file.read(), name)
                        looked_at += 1
            self.assertGreater(looked_at, 5)


if __name__ == "__main__":
    unittest.main()
