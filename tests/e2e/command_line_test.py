"""The command line as such: help, usage, exit statuses, JSON, colour."""

import json
import os
import pty
import re
import subprocess
import unittest

from harness import BUILD, FreePort, Rig
from servers import WriteConfig

SLUICE = os.path.join(BUILD, "sluice")


def Run(*words, env=None):
    return subprocess.run([SLUICE, *words], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL, env={**os.environ, **(env or {})})


def OnTerminal(*words, **env):
    """What it prints where a terminal is."""
    ours, theirs = pty.openpty()
    done = subprocess.Popen([SLUICE, *words], stdin=theirs, stdout=theirs, stderr=theirs, env={**os.environ, "TERM": "xterm", **env})
    os.close(theirs)
    text = b""
    try:
        while chunk := os.read(ours, 65536):
            text += chunk
    except OSError:
        pass  # The other side is closed.
    done.wait(60)
    os.close(ours)
    return text.decode()


def Verbs(path=()):
    """Every verb and every group of verbs."""
    help_text = Run(*path, "--help").stdout
    yield path
    listed = help_text.partition("Subcommands:\n")[2].partition("\n\n")[0]
    for name in re.findall(r"^  (\S+)", listed, re.M):
        yield from Verbs((*path, name))


class CommandLine(unittest.TestCase):
    def Config(self, rig, sinks=None, routes=None):
        path = os.path.join(rig.directory, "sluice.json")
        source = {"type": "mqtt", "url": f"mqtt://127.0.0.1:{FreePort()}", "subscribe": {"plant/#": {"qos": 1}}}
        WriteConfig(path, {"local": source}, sinks or {"file": {"type": "file", "path": os.path.join(rig.directory, "out")}},
                    routes or [{"name": "all", "match": "plant/{site}/#", "key": "{site}", "to": "file"},
                               {"name": "own", "match": "$sluice/#", "to": "file"}])
        return path

    def test_every_verb_has_help_and_refuses_what_it_does_not_know(self):
        verbs = list(Verbs())
        for known in ("run", "check", "explain", "status", "tail", "version", "config show", "rules list", "outbox stats", "outbox list",
                      "outbox show", "outbox export", "outbox purge", "outbox move", "dead-letters list", "dead-letters replay"):
            self.assertIn(tuple(known.split()), verbs)
        for verb in verbs:
            help_text = Run(*verb, "--help")
            self.assertEqual((help_text.returncode, help_text.stderr), (0, ""), verb)
            self.assertIn("Usage: sluice", help_text.stdout)
            refused = Run(*verb, "--no-such-option")
            self.assertEqual(refused.returncode, 2, verb)
            self.assertNotEqual(refused.stderr, "", verb)
        self.assertEqual(Run().returncode, 2)
        self.assertEqual(Run("no-such-verb").returncode, 2)

    def test_a_command_that_is_not_known_is_named_with_the_one_that_was_probably_meant(self):
        for words, word, meant in ((["statsu"], "statsu", "status"), (["outbox", "lst"], "lst", "list"), (["outbox", "status"], "status", "stats"),
                                   (["rules", "tset", "-v"], "tset", "test")):
            refused = Run(*words)
            self.assertEqual((refused.returncode, refused.stdout), (2, ""), words)
            self.assertIn(f"unknown command `{word}`; did you mean `{meant}`?\n", refused.stderr)
        self.assertIn("unknown command `no-such-verb`\n", Run("no-such-verb").stderr)
        self.assertIn("required", Run("outbox").stderr)

    def test_version(self):
        version = Run("version")
        self.assertRegex(version.stdout, r"^sluice \d+\.\d+\.\d+\n$")
        self.assertEqual(Run("--version").stdout, version.stdout)
        self.assertEqual("sluice " + json.loads(Run("version", "--json").stdout)["version"] + "\n", version.stdout)

    def test_check_tells_each_mistake_with_its_place_and_warnings_alone_are_no_failure(self):
        with Rig() as rig:
            path = self.Config(rig)
            checked = Run("check", "--json", path)
            self.assertEqual((checked.returncode, checked.stdout, checked.stderr), (0, "", ""))
            with open(path) as f:
                good = f.read()
            with open(path, "w") as f:
                f.write(good.replace('"plant/#"', '"plant/#/x"').replace('"key"', '"kee"'))
            checked = Run("check", "--json", path)
            self.assertEqual(checked.returncode, 2)
            mistakes = [json.loads(line) for line in checked.stdout.splitlines()]
            self.assertEqual({mistake["severity"] for mistake in mistakes}, {"error"})
            kee, = [mistake for mistake in mistakes if mistake["pointer"] == "/routes/0/kee"]
            lines = good.replace('"key"', '"kee"').splitlines()
            self.assertEqual((kee["file"], lines[kee["line"] - 1][kee["column"] - 1:][:5]), (path, '"kee"'))
            self.assertEqual(len(Run("check", path).stderr.splitlines()), len(mistakes))
            with open(path, "w") as f:
                f.write(good.replace('"url"', '"username": "u", "password": "secret", "url"'))
            checked = Run("check", "--json", path)
            self.assertEqual((checked.returncode, {json.loads(line)["severity"] for line in checked.stdout.splitlines()}), (0, {"warning"}))
            self.assertNotIn("secret\"", checked.stdout)

    def test_explain_says_in_json_what_it_says_in_words(self):
        with Rig() as rig:
            path = self.Config(rig)
            explained = json.loads(Run("explain", "plant/graz/1", "--json", "-c", path).stdout)
            self.assertEqual(explained["sources"], [{"source": "local", "filter": "plant/#", "qos": 1, "format": "json"}])
            self.assertEqual(explained["routes"], ["all"])
            to, = explained["to"]
            self.assertEqual((to["sink"], to["key"], to["class"]), ("file", "graz", "normal"))
            self.assertEqual(json.loads(Run("explain", "x", "--json", "-c", path).stdout)["to"], [])
            self.assertEqual(Run("explain", "x/#", "-c", path).returncode, 2)

    def test_colour_only_on_a_terminal_that_wants_it_and_a_wrong_configuration_is_exit_2(self):
        with Rig() as rig:
            path = self.Config(rig)
            wrong = os.path.join(rig.directory, "wrong.json")
            with open(wrong, "w") as f:
                f.write("{")
            for words in (["check", wrong], ["status", "-c", wrong], ["outbox", "list", "-c", wrong], ["explain", "x", "-c", wrong]):
                done = Run(*words)
                self.assertEqual(done.returncode, 2, words)
                self.assertNotIn("\033", done.stderr)
            self.assertIn("\033[31merror:", OnTerminal("status", "-c", path))
            self.assertNotIn("\033", OnTerminal("status", "-c", path, NO_COLOR="1"))
            self.assertNotIn("\033", OnTerminal("status", "-c", path, TERM="dumb"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
