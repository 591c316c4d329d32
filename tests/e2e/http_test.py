"""HTTP: metrics, health and commands, of a daemon that works, that has no uplink, that has no disk, and that is being bothered."""

import contextlib
import http.client
import json
import os
import random
import re
import signal
import socket
import subprocess
import threading
import time
import unittest

from harness import FreePort, RandomSeed, Rig, SmallDisk, Until
from kafka_test import Cloud, PublishOne
from oracle import Publisher, Unbalanced
from servers import MockKafka, Mosquitto, Sluice

TOKEN = "a-token-for-the-tests"
BEARER = {"Authorization": "Bearer " + TOKEN}
ROUTES = [{"name": "own", "match": "$sluice/#", "to": {"cloud": {"topic": "plant"}}},
          {"name": "all", "match": "plant/#", "key": "one", "to": {"cloud": {"topic": "plant"}}}]
RULE = {"alert": "Hot", "match": "plant/{line}/telemetry", "when": "n > 1000000"}


class OverUnix(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=20)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Answer:
    def __init__(self, response):
        self.status, self.headers = response.status, response.headers
        self.text = response.read().decode()

    def Json(self):
        return json.loads(self.text)


class Web:
    """A client of one daemon."""

    def __init__(self, where):
        self.where = where

    def Ask(self, path, method="GET", body=None, headers=None):
        connection = OverUnix(self.where) if isinstance(self.where, str) else http.client.HTTPConnection("127.0.0.1", self.where, timeout=20)
        with contextlib.closing(connection):
            connection.request(method, path, body, headers or {})
            return Answer(connection.getresponse())

    def Answers(self):
        try:
            return self.Ask("/healthz").status == 200
        except OSError:
            return False

    def Metrics(self):
        """Sample -> value, from a text in which promtool finds nothing to complain of."""
        text = self.Ask("/metrics").text
        checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=60)
        assert checked.returncode == 0 and not checked.stdout + checked.stderr, checked.stdout + checked.stderr
        return {name: float(value) for name, value in re.findall(r"^([^#]\S*(?:\{.*\})?) (\S+)$", text, re.M)}

    def Status(self):
        """Its ledger has to add up, always."""
        status = self.Ask("/api/v1/status").Json()
        assert not Unbalanced(status), Unbalanced(status)
        return status

    def Ready(self):
        answer = self.Ask("/readyz")
        document = answer.Json()
        assert document["ready"] == (answer.status == 200) == (not document["reasons"]), (answer.status, document)
        return document


class Gateway:
    """Sluice between a Mosquitto and a Kafka, with HTTP."""

    def __init__(self, rig, http=None, more=None, **settings):
        self.kafka, self.mosquitto, self.port = MockKafka(rig, ["plant:1"]), Mosquitto(rig), FreePort()
        http = http or {"listen": f"127.0.0.1:{self.port}", "token": TOKEN}
        self.sluice = Sluice(rig, self.mosquitto.port, Cloud(self.kafka, **{"reconnect.backoff.max.ms": 200}), routes=ROUTES,
                             more={"http": http, **(more or {})}, **settings)
        self.web = Web(self.port)

    def Start(self):
        self.sluice.Start()
        Until(self.web.Answers, 20, "HTTP is served")
        return self

    def Configure(self, **members):
        with open(self.sluice.config) as f:
            config = json.load(f)
        config.update(members)
        with open(self.sluice.config, "w") as f:
            json.dump({name: value for name, value in config.items() if value is not None}, f)


class Monitoring(unittest.TestCase):
    def test_under_load_the_ledger_adds_up_at_each_poll_and_metrics_tell_the_same(self):
        with Rig() as rig:
            gateway = Gateway(rig, more={"rules": [RULE]}).Start()
            publisher = Publisher(gateway.mosquitto.port, 2000, count=6000)
            publisher.start()
            polls, before = 0, -1
            while not publisher.Done():
                received = gateway.web.Status()["sources"]["local"]["received"]
                metrics = gateway.web.Metrics()
                told = sum(value for name, value in metrics.items() if name.startswith("sluice_events_received_total{source=\"local\""))
                self.assertLessEqual(before, received)
                self.assertLessEqual(received, told)
                before, polls = told, polls + 1
            publisher.Finish()
            self.assertGreater(polls, 3)
            lane = '{sink="cloud",class="normal"}'

            def Done():
                metrics = gateway.web.Metrics()
                return metrics['sluice_events_received_total{source="local",qos="1"}'] == 6000 and metrics["sluice_lane_pending_events" + lane] == 0
            Until(Done, 30, "all is delivered")
            metrics = gateway.web.Metrics()
            self.assertGreaterEqual(metrics["sluice_events_delivered_total" + lane], 6000)
            self.assertEqual(metrics["sluice_ack_duration_seconds_count"], 6000)
            self.assertEqual(metrics['sluice_ack_duration_seconds_bucket{le="60"}'], 6000)
            self.assertGreater(metrics["sluice_outbox_commit_duration_seconds_count"], 0)
            self.assertGreater(metrics["sluice_outbox_commit_duration_seconds_sum"], 0)
            self.assertGreater(metrics["sluice_outbox_written_bytes_total"], 0)
            self.assertEqual(metrics['sluice_alerts{rule="Hot",state="firing"}'], 0)
            self.assertEqual(metrics['sluice_starts_total{reason="first"}'], 1)
            self.assertEqual(metrics['sluice_source_connected{source="local"}'], 1)
            self.assertLess(abs(metrics["process_open_fds"] - len(os.listdir(f"/proc/{gateway.sluice.Pid()}/fd"))), 3)
            self.assertLess(abs(metrics["process_start_time_seconds"] - time.time()), 600)
            self.assertEqual(gateway.sluice.Stop(), 0)
            gateway.Start()
            metrics = gateway.web.Metrics()
            self.assertEqual(metrics['sluice_events_received_total{source="local",qos="1"}'], 6000)
            Until(lambda: gateway.web.Metrics()['sluice_starts_total{reason="restart"}'] == 1, 20, "the start is counted")
            self.assertEqual(gateway.sluice.Stop(), 0)

    def test_qos_is_told_apart(self):
        with Rig() as rig:
            gateway = Gateway(rig, source={"subscribe": {"plant/#": {"qos": 2}}}).Start()
            for qos, times in ((0, 1), (1, 2), (2, 3)):
                for _ in range(times):
                    subprocess.run(["mosquitto_pub", "-p", str(gateway.mosquitto.port), "-t", "plant/a", "-m", "{}", "-q", str(qos)], check=True, timeout=20)
            name = 'sluice_events_received_total{{source="local",qos="{}"}}'
            Until(lambda: [gateway.web.Metrics()[name.format(qos)] for qos in (0, 1, 2)] == [1, 2, 3], 30, "each QoS has its count")
            self.assertEqual(gateway.sluice.Stop(), 0)

    def test_without_an_uplink_it_is_ready_and_says_what_is_away(self):
        with Rig() as rig:
            gateway = Gateway(rig).Start()
            Until(lambda: gateway.web.Ready()["problems"] == [], 30, "all is well")
            gateway.kafka.Tell("down")
            PublishOne(gateway.mosquitto.port, "plant/a", b"{}")
            Until(lambda: gateway.web.Metrics()['sluice_sink_up{sink="cloud"}'] == 0, 60, "the sink is told to be away")
            ready = gateway.web.Ready()
            self.assertTrue(ready["ready"])
            self.assertIn("sink cloud", ready["problems"][0])
            gateway.mosquitto.Kill()
            Until(lambda: any("source local" in problem for problem in gateway.web.Ready()["problems"]), 30, "the broker is told to be away, too")
            self.assertEqual(gateway.web.Metrics()['sluice_source_connected{source="local"}'], 0)
            gateway.kafka.Tell("up")
            gateway.mosquitto.Start()
            Until(lambda: gateway.web.Ready()["problems"] == [], 60, "all is well again")
            self.assertEqual(gateway.sluice.Stop(), 0)

    def test_without_a_disk_it_is_not_ready_until_there_is_one_and_metrics_go_on(self):
        with Rig() as rig:
            disk = SmallDisk(rig, "24m")
            gateway = Gateway(rig, outbox={"path": os.path.join(disk.directory, "outbox.db"), "max_bytes": "16MiB"},
                              more={"classes": [{"name": "normal", "on_full": "keep"}], "control": {"socket": os.path.join(rig.directory, "c.sock")}})
            gateway.kafka.Tell("down")
            gateway.Start()
            disk.Fill()
            publisher = Publisher(gateway.mosquitto.port, 2000, size=2000)
            publisher.start()
            Until(lambda: gateway.web.Ask("/readyz").status == 503, 60, "it is not ready")
            self.assertIn("outbox", gateway.web.Ready()["reasons"][0])
            self.assertEqual(gateway.web.Metrics()["sluice_outbox_up"], 0)
            self.assertEqual(gateway.web.Ask("/healthz").status, 200)
            gateway.kafka.Tell("up")
            disk.Free()
            Until(lambda: gateway.web.Ask("/readyz").status == 200, 60, "it is ready again")
            publisher.Finish()
            self.assertEqual(gateway.sluice.Stop(), 0)


class Guard(unittest.TestCase):
    def test_a_stranger_s_name_gets_nothing_and_changes_need_the_token_or_the_unix_socket(self):
        with Rig() as rig:
            gateway = Gateway(rig).Start()
            web = gateway.web
            for path in ("/", "/metrics", "/readyz", "/api/v1/status"):
                self.assertEqual(web.Ask(path, headers={"Host": "rebound.example"}).status, 421, path)
                self.assertEqual(web.Ask(path, headers={"Host": f"localhost:{gateway.port}"}).status, 200, path)
            for headers, status in (({}, 401), ({"Authorization": "Bearer a-token-for-the-test?"}, 401), (BEARER, 200)):
                self.assertEqual(web.Ask("/api/v1/dead-letters/purge", "POST", '{"all": true}', headers).status, status)
                for events in ("dead-letters/list?all=true", "outbox/list?all=true", "rules"):
                    self.assertEqual(web.Ask("/api/v1/" + events, headers=headers).status, status, events)
            self.assertEqual(web.Ask("/api/v1/dead-letters/purge?all=true", headers=BEARER).status, 405)
            answer = web.Ask("/api/v1/status")
            self.assertEqual(answer.headers["X-Content-Type-Options"], "nosniff")
            self.assertNotIn("Access-Control-Allow-Origin", answer.headers)
            self.assertNotIn(TOKEN, gateway.sluice.process.Log() + web.Ask("/metrics").text + answer.text)
            self.assertEqual(gateway.sluice.Stop(), 0)

    def test_over_the_unix_socket_dead_letters_are_listed_exported_replayed_and_purged(self):
        with Rig() as rig:
            path = os.path.join(rig.directory, "http.sock")
            gateway = Gateway(rig, http={"listen": "unix:" + path}, source={"max_payload": "4MiB"})
            gateway.web = Web(path)
            gateway.Start()
            for _ in range(3):
                PublishOne(gateway.mosquitto.port, "plant/big", random.Random(1).randbytes(1_400_000))
            name = 'sluice_events_dead_lettered_total{sink="cloud",class="normal",reason="refused"}'
            Until(lambda: gateway.web.Metrics()[name] == 3, 60, "they are set aside")

            def Lines(path, *request):
                answer = gateway.web.Ask("/api/v1/dead-letters/" + path, *request)
                self.assertEqual((answer.status, answer.headers["Content-Type"]), (200, "application/x-ndjson"), answer.text)
                return [json.loads(line) for line in answer.text.splitlines()]

            ids = [letter["id"] for letter in Lines("list?all=true")]
            self.assertEqual(len(ids), 3)
            self.assertEqual(Lines(f"list?ids={ids[0]}&ids={ids[2]}")[1]["id"], ids[2])
            self.assertEqual(len(Lines("export?all=true")[0]["cloudevent"]["data_base64"]), 1_866_668)
            self.assertEqual(Lines("replay", "POST", json.dumps({"ids": ids[:1]})), [{"replayed": 1, "stay": 0}])
            Until(lambda: gateway.web.Metrics()[name] == 4, 60, "one is refused again")
            self.assertEqual(Lines("purge", "POST", '{"all": true}')[-1], {"purged": 3})
            self.assertEqual(gateway.web.Ask("/api/v1/dead-letters/purge", "POST", "{}").status, 400)
            gateway.web.Status()
            self.assertEqual(gateway.sluice.Stop(), 0)
            self.assertFalse(os.path.exists(path))


class Watching(unittest.TestCase):
    def Tail(self, gateway, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=20)
        self.addCleanup(connection.close)
        connection.request("GET", "/api/v1/tail?filter=plant%2F%23", headers=headers)
        return connection, connection.getresponse()

    def test_events_are_shown_as_they_come_over_a_reload_until_either_side_ends(self):
        with Rig() as rig:
            gateway = Gateway(rig).Start()
            self.assertEqual(self.Tail(gateway)[1].status, 401)
            (leaving, _), (_, stream) = [self.Tail(gateway, **BEARER) for _ in range(2)]
            Until(lambda: json.loads(stream.readline()) == {"missed": 0}, 20, "it watches")
            PublishOne(gateway.mosquitto.port, "plant/a", b'{"n": 1}')
            self.assertEqual(self.Event(stream)["data"], '{"n": 1}')
            fds = gateway.web.Metrics()["process_open_fds"]
            leaving.close()
            Until(lambda: gateway.web.Metrics()["process_open_fds"] < fds, 20, "who left is forgotten")
            gateway.Configure(log={"level": "debug"})
            self.assertEqual(gateway.web.Ask("/api/v1/reload", "POST", headers=BEARER).status, 200)
            PublishOne(gateway.mosquitto.port, "plant/a", b"\xff")
            self.assertEqual(self.Event(stream)["data_base64"], "/w==")
            self.assertEqual(gateway.sluice.Stop(), 0)
            with contextlib.suppress(http.client.IncompleteRead):
                stream.read()

    def Event(self, stream):
        while "cloudevent" not in (line := json.loads(stream.readline())):
            self.assertEqual(line, {"missed": 0})
        return line["cloudevent"]


class Reload(unittest.TestCase):
    def Reload(self, gateway, web):
        answer = web.Ask("/api/v1/reload", "POST", headers=BEARER)
        return answer.status, [json.loads(line) for line in answer.text.splitlines()]

    def test_who_asks_for_another_address_is_answered_at_the_old_one(self):
        with Rig() as rig:
            gateway = Gateway(rig).Start()
            old, new = gateway.web, Web(FreePort())
            gateway.Configure(http={"listen": f"127.0.0.1:{new.where}", "token": TOKEN, "hosts": ["gw"]})
            status, lines = self.Reload(gateway, old)
            self.assertEqual((status, lines[-1]), (200, {"applied": True}))
            Until(new.Answers, 20, "the new address is served")
            Until(lambda: not old.Answers(), 20, "the old one is not")
            self.assertEqual(new.Ask("/readyz", headers={"Host": "gw"}).status, 200)
            gateway.Configure(http={"listen": f"127.0.0.1:{new.where}", "token": TOKEN + "2"})
            self.assertEqual(self.Reload(gateway, new)[1][-1], {"applied": True})
            self.assertEqual(new.Ask("/readyz", headers={"Host": "gw"}).status, 421)
            self.assertEqual(self.Reload(gateway, new)[0], 401)
            gateway.Configure(http=None)
            gateway.sluice.process.child.send_signal(signal.SIGHUP)
            Until(lambda: not new.Answers(), 20, "nothing is served")
            self.assertEqual(gateway.sluice.Stop(), 0)

    def test_an_address_that_cannot_be_had_refuses_the_reload_as_a_whole(self):
        with Rig() as rig, socket.create_server(("127.0.0.1", 0)) as taken:
            gateway = Gateway(rig).Start()
            gateway.Configure(http={"listen": f"127.0.0.1:{taken.getsockname()[1]}", "token": TOKEN}, log={"level": "debug"})
            status, lines = self.Reload(gateway, gateway.web)
            self.assertEqual(status, 503)
            self.assertIn("in use", lines[-1]["error"])
            ready = gateway.web.Ready()
            self.assertIn("in use", str(ready["problems"]))
            self.assertEqual(gateway.web.Metrics()["sluice_config_last_reload_successful"], 0)
            self.assertEqual(gateway.sluice.Stop(), 0)


class Nuisance(threading.Thread):
    """Strangers on the port: some who never end their header, some who send garbage, some who do not read what they asked for."""

    def __init__(self, port, seed, pause=0.005):
        """`pause`: between two of them, in seconds."""
        super().__init__(daemon=True)
        self.port, self.random, self.pause, self.stopping = port, seed, pause, False
        self.held, self.connections = [], 0

    def run(self):
        while not self.stopping:
            with contextlib.suppress(OSError):
                self.Bother()
            time.sleep(self.pause)

    def Bother(self):
        stranger = socket.create_connection(("127.0.0.1", self.port), 5)
        stranger.setblocking(False)
        self.connections += 1
        kind = self.random.randrange(4)
        if kind == 0:
            stranger.send(b"GET /metrics HTTP/1.1\r\nHost: loc")
        elif kind == 1:
            stranger.send(self.random.randbytes(self.random.randrange(2000)))
        elif kind == 2:
            stranger.send(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n" * 50)
        self.held.append(stranger)
        for trickler in self.held[-40:]:
            with contextlib.suppress(OSError):
                trickler.send(b"x")
        while len(self.held) > 300:
            self.held.pop(self.random.randrange(len(self.held))).close()

    def Stop(self):
        self.stopping = True
        self.join(20)
        for stranger in self.held:
            stranger.close()


class Bothered(unittest.TestCase):
    def test_slow_and_garbled_clients_lock_out_nobody_and_events_go_on(self):
        with Rig() as rig:
            gateway = Gateway(rig).Start()
            nuisances = [Nuisance(gateway.port, RandomSeed()) for _ in range(2)]
            for nuisance in nuisances:
                nuisance.start()
            publisher = Publisher(gateway.mosquitto.port, 1000, count=8000)
            publisher.start()
            served = 0
            while not publisher.Done():
                try:
                    gateway.web.Status()
                    gateway.web.Metrics()
                    served += 1
                except (ConnectionError, http.client.HTTPException):
                    pass  # One who is slower than 16 strangers has to ask again.
            publisher.Finish()
            for nuisance in nuisances:
                nuisance.Stop()
            self.assertGreater(min(nuisance.connections for nuisance in nuisances), 200)
            self.assertGreater(served, 5)
            received = 'sluice_events_received_total{source="local",qos="1"}'
            Until(lambda: gateway.web.Metrics()[received] == 8000, 30, "all has come")
            Until(lambda: gateway.web.Status()["lanes"][0]["pending"] == 0, 30, "all is delivered")
            self.assertLess(gateway.web.Metrics()["process_open_fds"], 100)
            self.assertEqual(gateway.sluice.Stop(), 0)

    def test_a_port_that_is_taken_does_not_keep_events_from_flowing(self):
        with Rig() as rig, socket.create_server(("127.0.0.1", 0)) as taken:
            gateway = Gateway(rig, http={"listen": f"127.0.0.1:{taken.getsockname()[1]}"})
            gateway.sluice.Start()
            gateway.sluice.UntilLog("part=http msg=\"not served", 10)
            PublishOne(gateway.mosquitto.port, "plant/a", b"{}")
            self.assertEqual(gateway.sluice.Stop(), 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
