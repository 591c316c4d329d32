"""The servers around Sluice, and Sluice itself: started, killed and started again."""

import base64
import contextlib
import json
import os
import select
import shutil
import socket
import sqlite3
import subprocess

from harness import BUILD, ROOT, FreePort, Listener, Process, Until


class Mosquitto:
    def __init__(self, rig, name="mosquitto", head="", tail=""):
        """`head`, `tail`: lines for the beginning and the end of its configuration; the last word on a setting counts."""
        self.rig, self.name = rig, name
        self.port = FreePort()
        self.config = os.path.join(rig.directory, name + ".conf")
        data = os.path.join(rig.directory, name)
        os.makedirs(data, exist_ok=True)
        with open(self.config, "w") as f:
            f.write(f"{head}listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence true\npersistence_location {data}/\n"
                    f"max_queued_messages 0\nmax_queued_bytes 0\nmax_inflight_messages 0\nuser root\n{tail}")
        self.process = None
        rig.Add(self)
        self.Start()

    def Start(self):
        path = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        self.process = Process(self.name, [path, "-c", self.config], self.rig.directory)
        Until(self.Answers, 10, "mosquitto answers")

    def Answers(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        except OSError:
            return False

    def Stop(self):
        """As an operator stops it: what it holds is saved."""
        self.process.Stop()

    def Kill(self):
        self.process.Kill()


class MockKafka:
    """librdkafka's mock cluster in its own process."""

    def __init__(self, rig, topics):
        self.process = Process("mock_kafka", [os.path.join(BUILD, "mock_kafka")] + topics, rig.directory, stdin=subprocess.PIPE)
        rig.Add(self)
        self.bootstrap = self.process.child.stdout.readline().decode().strip()

    def Tell(self, line):
        self.process.child.stdin.write((line + "\n").encode())
        self.process.child.stdin.flush()
        assert self.process.child.stdout.readline().strip() == b"ok"

    def Kill(self):
        self.process.Kill()


class RealKafka:
    """Apache Kafka; raises Unavailable where it cannot be had."""

    class Unavailable(Exception):
        pass

    def __init__(self, rig, properties="", format_options=(), make_classes=None):
        """`properties` and `format_options` as tests/kafka/start takes them; {port} in the first is the broker's, {controller} the controller's.
        `make_classes` is given Kafka's class path and gives a directory with more classes for the broker."""
        cache = os.path.join(os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache")), "sluice-tests", "kafka-3.9.1", "complete")
        if not os.path.exists(cache):
            raise RealKafka.Unavailable("no Apache Kafka here; tests/run --all fetches it with Maven")
        self.rig = rig
        self.port = FreePort()
        self.controller = FreePort()
        self.bootstrap = f"127.0.0.1:{self.port}"
        self.libraries = os.path.join(os.path.dirname(cache), "libs", "*")
        self.env = {"SLUICE_KAFKA_CLASSES": make_classes(self.libraries)} if make_classes else None
        self.options = []
        if properties:
            more = os.path.join(rig.directory, "more.properties")
            with open(more, "w") as f:
                f.write(properties.format(port=self.port, controller=self.controller))
            self.options = [more, *format_options]
        rig.Add(self)
        self.Start()

    def Start(self):
        self.process = Process("kafka", [os.path.join(ROOT, "tests", "kafka", "start"), os.path.join(self.rig.directory, "kafka"),
                                         str(self.port), str(self.controller), *self.options], self.rig.directory, self.env)
        Until(lambda: subprocess.run(["kcat", "-L", "-b", self.bootstrap, "-m", "2"], stdout=subprocess.DEVNULL,
                                     stderr=subprocess.DEVNULL).returncode == 0, 90, "Kafka answers")

    def Topic(self, verb, name):
        """`verb`: create or delete."""
        subprocess.run([os.path.join(BUILD, "kafka_topic"), self.bootstrap, verb, name], check=True, timeout=60)

    def Admin(self, tool, *arguments):
        """One of Kafka's own command-line tools, by its class."""
        done = subprocess.run(["java", "-Xmx128m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", self.libraries, tool, "--bootstrap-server",
                               self.bootstrap, *arguments], capture_output=True, text=True, timeout=120)
        if done.returncode != 0:
            raise RuntimeError(f"{tool} {arguments}: {done.stdout}{done.stderr}")

    def Kill(self):
        self.process.Kill()


class Kinesalite:
    """A server of the Kinesis API, with one stream; raises Unavailable where it cannot be had."""

    class Unavailable(Exception):
        pass

    def __init__(self, rig, stream="plant", shards=2):
        self.cache = os.path.join(os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache")), "sluice-tests", "kinesalite-3.3.3")
        if not os.path.exists(os.path.join(self.cache, "complete")):
            raise Kinesalite.Unavailable("no kinesalite here; tests/run --all fetches it with npm")
        self.rig, self.stream = rig, stream
        self.port = 0
        rig.Add(self)
        self.Start()
        self.Client().create_stream(StreamName=stream, ShardCount=shards)
        Until(lambda: self.Client().describe_stream(StreamName=stream)["StreamDescription"]["StreamStatus"] == "ACTIVE", 20, "the stream is active")

    def Start(self):
        """On the port it had before, if it had one."""
        argv = ["node", os.path.join(ROOT, "tests", "kinesis", "start.js"), self.cache, os.path.join(self.rig.directory, "kinesalite"), str(self.port)]
        self.process = Process("kinesalite", argv, self.rig.directory, stdin=subprocess.PIPE)
        self.port = int(self.process.child.stdout.readline())
        self.endpoint = f"http://127.0.0.1:{self.port}"

    def Client(self):
        """As anybody has it. Imported here: only these tests need it."""
        import boto3
        from botocore.config import Config
        return boto3.client("kinesis", region_name="eu-central-1", endpoint_url=self.endpoint, aws_access_key_id="AKID",
                            aws_secret_access_key="secret", config=Config(connect_timeout=2, read_timeout=5, retries={"max_attempts": 1}))

    def Kill(self):
        self.process.Kill()


class Proxy(Listener):
    """An operator's HTTP proxy: CONNECT, Basic credentials."""

    def __init__(self, rig, credentials):
        self.expected = b"Basic " + base64.b64encode(credentials)
        self.targets = []
        self.refused = 0
        super().__init__(rig)

    def Serve(self, client):
        with client:
            head = b""
            while b"\r\n\r\n" not in head:
                data = client.recv(1000)
                if not data:
                    return
                head += data
            if self.expected not in head:
                self.refused += 1
                client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
                return
            target = head.split()[1].decode()
            self.targets.append(target)
            host, port = target.rsplit(":", 1)
            with socket.create_connection((host, int(port)), 5) as broker:
                client.sendall(b"HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n")
                with contextlib.suppress(OSError):
                    while True:
                        for s in select.select([client, broker], [], [])[0]:
                            data = s.recv(65536)
                            if not data:
                                return
                            (broker if s is client else client).sendall(data)


def WriteConfig(path, sources, sinks, routes, outbox=None, gateway="edge-1", more=None):
    """`more`: further members of the configuration."""
    config = {"gateway": {"id": gateway}, "sources": sources, "outbox": {"path": os.path.join(os.path.dirname(path), "outbox.db"),
              "min_free_bytes": 0, **(outbox or {})}, "sinks": sinks, "routes": routes, **(more or {})}
    with open(path, "w") as f:
        json.dump(config, f, indent=1)


class Sluice:
    """The daemon, started and ended any number of times on one outbox."""

    def __init__(self, rig, broker_port, sinks, routes=None, outbox=None, source=None, binary="sluice", directory=None,
                 more_sources=None, more=None):
        self.rig = rig
        self.directory = directory or rig.directory
        self.config = os.path.join(self.directory, "sluice.json")
        self.binary = binary
        self.process = None
        routes = routes or [{"name": "all", "match": "plant/#", "to": {"cloud": {"topic": "plant"}}}]
        local = {"type": "mqtt", "url": f"mqtt://127.0.0.1:{broker_port}", "subscribe": {"plant/#": {"qos": 1}},
                 "reconnect_min": "50ms", "reconnect_max": "500ms", **(source or {})}
        WriteConfig(self.config, {"local": local, **(more_sources or {})}, sinks, routes, outbox, more=more)
        rig.Add(self)

    def Start(self, env=None, binary=None, prefix=(), connected=True):
        argv = list(prefix) + [os.path.join(BUILD, binary or self.binary), "run", "-c", self.config]
        self.process = Process("sluice", argv, self.rig.directory, env)
        if connected:
            self.UntilLog("msg=connected", 20)

    def UntilLog(self, text, seconds):
        def Seen():
            if text in self.process.Log():
                return True
            if not self.process.IsAlive():
                raise RuntimeError(f"sluice ended with {self.process.child.returncode} before it logged {text!r}:\n{self.process.Log()}")
            return False
        Until(Seen, seconds, f"sluice logs {text!r}")

    def Pid(self):
        return self.process.child.pid

    def Kill(self):
        if self.process:
            self.process.Kill()

    def Stop(self):
        return self.process.Stop()


def Query(rig, sql):
    """Rows of an outbox whose daemon has ended."""
    with contextlib.closing(sqlite3.connect(os.path.join(rig.directory, "outbox.db"))) as outbox:
        return outbox.execute(sql).fetchall()


def Counters(rig):
    """The ledger of an outbox whose daemon has ended."""
    return dict(Query(rig, "SELECT name, value FROM counter"))
