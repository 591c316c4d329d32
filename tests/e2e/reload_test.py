"""A changed configuration, taken up by a daemon that runs; and a broken one, which strands no box."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

from control_test import Control
from harness import BUILD, FreePort, Process, Rig, Until
from kafka_test import PublishOne
from oracle import FileReader, Publisher, TopicsBelow, UntilArrived
from scripted_broker import TestCa
from servers import Mosquitto, Sluice

ROUTES = [{"name": "all", "match": "plant/#", "to": "cloud"}]
CANARY = "canary-7c1f0f3e"


def FileSink(rig, name="cloud"):
    return {"type": "file", "path": os.path.join(rig.directory, name + ".jsonl"), "rotate_bytes": "100GB"}


def Replace(*files):
    """(from, to), one after the other, each as a whole."""
    for source, target in files:
        shutil.copy(source, target + ".new")
        os.rename(target + ".new", target)


class Fixture:
    """A broker, and Sluice with a sink that writes to a file."""

    def __init__(self, rig, more=None, source=None, outbox=None, head="", tail="", start=True, connected=True):
        self.rig = rig
        self.state = os.path.join(rig.directory, "state")
        os.makedirs(self.state, exist_ok=True)
        self.mosquitto = Mosquitto(rig, head=head, tail=tail)
        self.sluice = Sluice(rig, self.mosquitto.port, {"cloud": FileSink(rig)}, routes=ROUTES, source=source, outbox=outbox, more=more)
        self.control = Control(self.sluice)
        self.arrived = FileReader(os.path.join(rig.directory, "cloud.jsonl"))
        if start:
            self.Start(connected)

    def Start(self, connected=True):
        self.sluice.Start(env={"STATE_DIRECTORY": self.state}, connected=connected)

    def Config(self):
        with open(self.sluice.config) as f:
            return json.load(f)

    def Change(self, change):
        """`change` is given the configuration and alters it."""
        config = self.Config()
        change(config)
        self.WriteText(json.dumps(config, indent=1))

    def WriteText(self, text):
        with open(self.sluice.config, "w") as f:
            f.write(text)

    def Reload(self, *options, status=0):
        done = subprocess.run([os.path.join(BUILD, "sluice"), "reload", "-c", self.sluice.config, *options], capture_output=True, text=True,
                              timeout=60)
        assert done.returncode == status, f"{done.returncode}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def Publish(self, count, first=0, topic=None):
        publisher = Publisher(self.mosquitto.port, rate=5_000, count=first + count, topic=topic)
        publisher.next = first
        publisher.start()
        publisher.Finish()
        return publisher


class Reload(unittest.TestCase):
    def test_what_changed_is_told_and_applied_and_events_keep_their_order_ids_and_account(self):
        with Rig() as rig:
            f = Fixture(rig)
            self.assertIn("nothing has changed", f.Reload())
            publisher = Publisher(f.mosquitto.port, rate=2_000)
            publisher.start()
            Until(lambda: len(f.arrived.Numbers()) > 500, 20, "events flow")
            second = FileSink(rig, "second")
            f.Change(lambda c: (c["sinks"].update(second=second), c["routes"][0].update(to={"cloud": {}, "second": {}}),
                                c["outbox"].update(max_bytes="64MiB", commit_every="20ms")))
            told = f.Reload("--dry-run")
            self.assertIn("+ /sinks/second/path", told)
            self.assertIn("~ /outbox/max_bytes", told)
            self.assertIn("not applied", told)
            self.assertFalse(os.path.exists(second["path"]))
            self.assertIn("applied", f.Reload())
            also = FileReader(second["path"])
            Until(lambda: len(also.Numbers()) > 500, 20, "events flow to the new sink, too")
            self.assertEqual(f.control.Status()["disk"]["max_bytes"], 64 << 20)
            publisher.Finish()
            account = UntilArrived(publisher, f.arrived, 20)
            account.Check()
            self.assertEqual(account.redelivered, 0)
            self.assertEqual(len({event["id"].split(":")[1] for event in f.arrived.Events()}), 1)
            f.control.Status()
            self.assertEqual(f.sluice.Stop(), 0)

    def test_a_filter_that_is_taken_out_is_unsubscribed_by_a_reload_or_at_the_next_start(self):
        for protocol in ("5", "3.1.1"):
            with Rig() as rig:
                f = Fixture(rig, source={"protocol": protocol})

                def Subscribe(*filters):
                    f.Change(lambda c: c["sources"]["local"].update(subscribe={name: {"qos": 1} for name in filters}))

                def Came(*topics):
                    """Of one message to each topic, the last of which comes."""
                    before = len(f.arrived.Events())
                    for topic in topics:
                        PublishOne(f.mosquitto.port, topic, b'{"n": 1}')
                    Until(lambda: topics[-1] in [event["subject"] for event in f.arrived.Events()[before:]], 20, "the last one comes")
                    return [event["subject"] for event in f.arrived.Events()[before:]]

                Subscribe("plant/graz/#", "plant/linz/#")
                f.Reload()
                f.sluice.UntilLog("are unsubscribed", 20)
                self.assertEqual(Came("plant/wien/a", "plant/graz/a"), ["plant/graz/a"], protocol)
                self.assertEqual(f.sluice.Stop(), 0)
                Subscribe("plant/graz/+")
                f.Start()
                f.sluice.UntilLog("are unsubscribed", 20)
                self.assertEqual(Came("plant/linz/a", "plant/graz/a"), ["plant/graz/a"], protocol)
                self.assertEqual(f.sluice.Stop(), 0)
                f.Start()
                self.assertEqual(Came("plant/linz/a", "plant/graz/a"), ["plant/graz/a"], protocol)
                self.assertNotIn("are unsubscribed", f.sluice.process.Log())
                self.assertEqual(f.sluice.Stop(), 0)

    def test_a_file_of_tls_that_is_not_there_is_named_by_source_and_sink(self):
        with Rig() as rig:
            f = Fixture(rig)
            missing = os.path.join(rig.directory, "ca.pem")
            broker = {"url": f"mqtts://127.0.0.1:{f.mosquitto.port}", "tls": {"ca_file": missing}}
            why = missing + ": No such file or directory"
            f.Change(lambda c: (c["sinks"].update(up={"type": "mqtt", **broker}), c["routes"][0].update(to={"cloud": {}, "up": {"topic": "away"}})))
            f.Reload()
            f.Publish(10)
            Until(lambda: why in str(f.control.Status()["lanes"]), 20, "the sink names it")
            f.Change(lambda c: c["sources"]["local"].update(broker))
            f.Reload()
            Until(lambda: why in str(f.control.Status()["sources"]["local"]), 20, "the source names it")
            self.assertEqual(f.sluice.Stop(), 0)

    def test_those_that_are_asked_for_at_once_are_done_one_after_the_other(self):
        with Rig() as rig:
            f = Fixture(rig, source={"url": "mqtt://127.0.0.1:1"}, connected=False)  # Its credentials are looked at all the time.
            f.sluice.UntilLog("msg=ready", 20)
            for minutes in range(1, 4):
                f.Change(lambda c: c["gateway"].update(report_every=f"{minutes}m"))
                command = [os.path.join(BUILD, "sluice"), "reload", "-c", f.sluice.config]
                asking = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for _ in range(4)]
                f.sluice.process.child.send_signal(signal.SIGHUP)
                told = [child.communicate(timeout=60)[0] for child in asking]
                self.assertEqual([child.returncode for child in asking], [0] * 4, told)
                self.assertNotIn("config_problem", f.control.Status())
            self.assertEqual(f.sluice.Stop(), 0)

    def test_a_mistake_changes_nothing_is_told_with_its_place_and_is_over_once_it_is_mended(self):
        with Rig() as rig:
            f = Fixture(rig)
            good = f.Config()
            before = f.control.Status()["config"]
            f.Change(lambda c: c["routes"][0].update(to="clowd"))
            told = f.Reload(status=2)
            self.assertRegex(told, r"sluice\.json:\d+:\d+: /routes/0/to.*`clowd`")
            status = f.control.Status()
            self.assertEqual(status["config"], before)
            self.assertIn("clowd", status["config_problem"])
            f.Publish(100)
            Until(lambda: len(f.arrived.Numbers()) == 100, 20, "the old configuration is at work")
            f.WriteText(json.dumps(good))
            self.assertIn("nothing has changed", f.Reload())
            self.assertNotIn("config_problem", f.control.Status())
            # What only a restart can change.
            f.Change(lambda c: c["outbox"].update(path=os.path.join(rig.directory, "other.db")))
            self.assertIn("/outbox/path can change at a restart only", f.Reload(status=1))
            self.assertFalse(os.path.exists(os.path.join(rig.directory, "other.db")))
            self.assertEqual(f.sluice.Stop(), 0)

    def test_a_sink_that_cannot_be_made_leaves_the_old_configuration_in_force(self):
        with Rig() as rig:
            f = Fixture(rig)
            f.Change(lambda c: (c["sinks"].update(bad={"type": "kafka", "brokers": ["127.0.0.1:1"], "rdkafka": {"fetch.wait.max.ms": "-5"}}),
                                c["routes"].insert(0, {"name": "bad", "match": "plant/bad", "to": {"bad": {"topic": "t"}}})))
            self.assertIn("sink bad", f.Reload(status=1))
            f.Publish(100)
            Until(lambda: len(f.arrived.Numbers()) == 100, 20, "the old configuration is at work")
            self.assertEqual(f.sluice.Stop(), 0)

    def test_a_hangup_reloads_and_the_log_tells(self):
        with Rig() as rig:
            f = Fixture(rig)
            f.Change(lambda c: c.update(log={"level": "debug"}))
            os.kill(f.sluice.Pid(), signal.SIGHUP)
            f.sluice.UntilLog("msg=reloaded", 20)
            self.assertIn("/log/level", f.sluice.process.Log())
            self.assertEqual(f.sluice.Stop(), 0)

    def test_while_the_uplink_is_down_a_reload_does_not_wait_for_it_and_the_backlog_leaves_afterwards(self):
        with Rig() as rig:
            f = Fixture(rig)
            port = FreePort()
            broker = {"type": "mqtt", "url": f"mqtt://127.0.0.1:{port}", "retry_min": "10ms", "retry_max": "100ms"}
            f.Change(lambda c: (c["sinks"].update(away=broker), c["routes"][0].update(to={"away": {}})))
            f.Reload()
            f.Publish(300)
            Until(lambda: f.control.Status()["lanes"][0]["pending"] == 300, 20, "a backlog")
            # The new rule is for a sink that works; what waits goes on waiting.
            f.Change(lambda c: c["routes"].insert(0, {"name": "here", "match": "plant/here/#", "to": "cloud"}))
            started = time.monotonic()
            f.Reload()
            print(f"reloaded in {time.monotonic() - started:.2f} s with the uplink down", flush=True)
            f.Publish(100, topic=TopicsBelow("plant/here"))
            Until(lambda: len(f.arrived.Numbers()) == 100, 20, "events flow to what works")
            lanes = {lane["sink"]: lane for lane in f.control.Status()["lanes"]}
            self.assertEqual(lanes["away"]["pending"], 300)
            # Removed: it is kept.
            f.Change(lambda c: (c["sinks"].pop("away"), c["routes"].pop(1)))
            f.Reload()
            lanes = {lane["sink"]: lane for lane in f.control.Status()["lanes"]}
            self.assertEqual(lanes["away"]["pending"], 300)
            # There again, as a file: it leaves.
            f.Change(lambda c: c["sinks"].update(away=FileSink(rig, "away")))
            f.Reload()
            Until(lambda: len(FileReader(os.path.join(rig.directory, "away.jsonl")).Numbers()) == 300, 20, "the backlog leaves")
            self.assertEqual(f.sluice.Stop(), 0)

    def test_many_reloads_under_load_lose_nothing_double_nothing_and_keep_order(self):
        reloads = int(os.environ.get("SLUICE_RELOADS", 100))
        with Rig() as rig:
            f = Fixture(rig)
            publisher = Publisher(f.mosquitto.port, rate=1_000)
            publisher.start()
            durations = []
            for turn in range(reloads):
                f.Change(lambda c: c.update(log={"level": "info" if turn % 2 else "warning"},
                                            rules=[{"alert": "A", "match": "plant/{line}/+", "when": "n > 1e9"}][:turn % 3 // 2]))
                started = time.monotonic()
                f.Reload()
                durations.append(time.monotonic() - started)
                Until(lambda: f.control.Status()["sources"]["local"]["state"] == "live", 20, "events come in again")
            publisher.Finish()
            account = UntilArrived(publisher, f.arrived, 60)
            account.Check()
            durations.sort()
            print(f"{reloads} reloads, seen from the command line: p50 {durations[reloads // 2] * 1e3:.0f} ms, "
                  f"p99 {durations[reloads * 99 // 100] * 1e3:.0f} ms", flush=True)
            self.assertEqual(account.redelivered, 0)
            self.assertEqual(f.sluice.Stop(), 0)

    def test_a_pending_alert_goes_on_pending_over_a_reload_that_does_not_change_its_rule(self):
        with Rig() as rig:
            rules = [{"alert": "High", "match": "plant/{line}/telemetry", "when": "n >= 0", "for": "10s"}]
            f = Fixture(rig, more={"rules": rules})
            f.Change(lambda c: (c["sinks"].update(alerts=FileSink(rig, "alerts")),
                                c["routes"].append({"name": "alerts", "match": "$sluice/alerts/#", "class": "alert", "to": "alerts"})))
            f.Reload()
            f.Publish(1)
            Until(lambda: self.Rule(f)["pending"] == 1, 20, "the alert is pending")
            f.Change(lambda c: c["rules"].append({"alert": "Other", "match": "plant/#", "when": "n < 0"}))
            f.Reload()
            self.assertEqual(self.Rule(f)["pending"], 1)
            Until(lambda: FileReader(os.path.join(rig.directory, "alerts.jsonl")).Events(), 40, "it fires, though nothing else came")
            self.assertEqual(f.sluice.Stop(), 0)

    def Rule(self, f):
        done = subprocess.run([os.path.join(BUILD, "sluice"), "rules", "list", "--json", "-c", f.sluice.config], capture_output=True, text=True,
                              timeout=30, check=True)
        return json.loads(done.stdout.splitlines()[0])

    def test_a_secret_that_changed_is_told_but_not_shown(self):
        with Rig() as rig:
            f = Fixture(rig)
            f.Change(lambda c: c["sources"]["local"].update(username="u", password=CANARY + "-1"))
            told = f.Reload()
            f.Change(lambda c: c["sources"]["local"].update(password=CANARY + "-2"))
            told += f.Reload()
            self.assertIn("~ /sources/local/password: changed", told)
            self.assertNotIn(CANARY, told + f.sluice.process.Log() + json.dumps(f.control.Status()))
            self.assertEqual(f.sluice.Stop(), 0)


class LastGood(unittest.TestCase):
    def Broken(self, f):
        """As a power cut leaves a file that was being written."""
        with open(f.sluice.config) as config:
            text = config.read()
        f.WriteText(text[:len(text) // 2])
        return text

    def test_a_half_written_configuration_is_no_reason_to_stand_still(self):
        with Rig() as rig:
            f = Fixture(rig)
            kept = os.path.join(f.state, "last-good-config.json")
            Until(lambda: os.path.exists(kept), 10, "the configuration is kept")
            self.assertEqual(os.stat(kept).st_mode & 0o777, 0o600)
            self.assertEqual(f.sluice.Stop(), 0)
            whole = self.Broken(f)
            f.Start()
            self.assertIn("the configuration is broken", f.sluice.process.Log())
            f.Publish(100)
            Until(lambda: len(f.arrived.Numbers()) == 100, 20, "the last good configuration is at work")
            socket = os.path.join(rig.directory, "control.sock")
            status = json.loads(subprocess.run([os.path.join(BUILD, "sluice"), "status", "--json", "--socket", socket], capture_output=True,
                                               text=True, timeout=30, check=True).stdout)
            self.assertIn("sluice.json", status["config_problem"])
            f.WriteText(whole)
            f.Reload()
            self.assertNotIn("config_problem", f.control.Status())
            self.assertEqual(f.sluice.Stop(), 0)

    def test_strict_or_without_one_a_broken_configuration_ends_the_start_with_78(self):
        with Rig() as rig:
            f = Fixture(rig)
            Until(lambda: os.path.exists(os.path.join(f.state, "last-good-config.json")), 10, "the configuration is kept")
            self.assertEqual(f.sluice.Stop(), 0)
            self.Broken(f)
            for options, environment in ([["--strict"], {"STATE_DIRECTORY": f.state}], [[], {"STATE_DIRECTORY": rig.directory}], [[], {}]):
                done = subprocess.run([os.path.join(BUILD, "sluice"), "run", "-c", f.sluice.config, *options], capture_output=True, text=True,
                                      timeout=30, env={**{k: v for k, v in os.environ.items() if k != "STATE_DIRECTORY"}, **environment})
                self.assertEqual(done.returncode, 78)
                self.assertIn("sluice.json", done.stderr)

    def test_a_configuration_that_a_reload_refused_is_not_what_the_next_start_goes_on_with(self):
        with Rig() as rig:
            f = Fixture(rig)
            f.Change(lambda c: c["gateway"].update(labels={"site": "graz"}))
            f.Reload()
            whole = self.Broken(f)
            f.Reload("--socket", os.path.join(rig.directory, "control.sock"), status=2)
            f.sluice.Kill()
            f.Start()
            f.WriteText(whole)
            self.assertIn("nothing has changed", f.Reload())
            self.assertEqual(f.sluice.Stop(), 0)

    def test_a_damaged_copy_is_as_none(self):
        with Rig() as rig:
            f = Fixture(rig)
            kept = os.path.join(f.state, "last-good-config.json")
            Until(lambda: os.path.exists(kept), 10, "the configuration is kept")
            self.assertEqual(f.sluice.Stop(), 0)
            self.Broken(f)
            with open(kept, "r+b") as file:
                file.truncate(os.path.getsize(kept) // 2)
            f.sluice.process = Process("sluice", [os.path.join(BUILD, "sluice"), "run", "-c", f.sluice.config], rig.directory,
                                       {"STATE_DIRECTORY": f.state})
            self.assertEqual(f.sluice.process.child.wait(20), 78)


class Credentials(unittest.TestCase):
    def test_a_password_that_was_changed_is_taken_up_when_the_broker_refuses_the_old_one(self):
        with Rig() as rig:
            users, secret = os.path.join(rig.directory, "users"), os.path.join(rig.directory, "secret")
            self.SetPassword(users, secret, CANARY + "-old")
            f = Fixture(rig, source={"username": "sluice", "password": "${file:%s}" % secret},
                        tail=f"allow_anonymous false\npassword_file {users}\n")
            self.SetPassword(users, secret, CANARY + "-new")
            f.mosquitto.Stop()
            f.mosquitto.Start()
            f.sluice.UntilLog("they are taken up", 30)
            Until(lambda: f.control.Status()["sources"]["local"]["state"] == "live", 30, "connected with the new password")
            self.assertNotIn(CANARY, f.sluice.process.Log())
            self.assertEqual(f.sluice.Stop(), 0)

    def test_a_certificate_that_was_replaced_is_taken_up_when_the_broker_refuses_the_old_one(self):
        with Rig() as rig:
            old, new = (TestCa(tempfile.mkdtemp(dir=rig.directory)) for _ in range(2))
            trusted, cert, key = (os.path.join(rig.directory, name) for name in ("trusted.pem", "box.pem", "box.key"))
            Replace((old.ca, trusted), (old.client_cert, cert), (old.client_key, key))
            f = Fixture(rig, start=False, tail=f"cafile {trusted}\ncertfile {old.server_cert}\nkeyfile {old.server_key}\nrequire_certificate true\n")
            f.Change(lambda c: c["sources"]["local"].update(url=f"mqtts://localhost:{f.mosquitto.port}",
                                                            tls={"ca_file": old.ca, "cert_file": cert, "key_file": key}))
            f.Start()
            # The broker trusts another authority from now on.
            Replace((new.ca, trusted))
            f.mosquitto.Stop()
            f.mosquitto.Start()
            Until(lambda: f.control.Status()["sources"]["local"]["state"] != "live", 20, "the old certificate is refused")
            Replace((new.client_cert, cert), (new.client_key, key))
            Until(lambda: f.control.Status()["sources"]["local"]["state"] == "live", 60, "connected with the new certificate")
            self.assertEqual(f.sluice.Stop(), 0)

    def SetPassword(self, users, secret, password):
        open(users, "w").close()
        subprocess.run(["mosquitto_passwd", "-b", users, "sluice", password], check=True, capture_output=True)
        with open(secret, "w") as f:
            f.write(password + "\n")


if __name__ == "__main__":
    unittest.main()
