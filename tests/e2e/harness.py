"""What the end-to-end suites are made of: real processes on loopback, each in a temporary directory, ended by its id.

Nothing here sleeps to synchronise: Until() waits, bounded, for something observed.
"""

import contextlib
import json
import os
import random
import select
import shutil
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zlib

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("SLUICE_BUILD", os.path.join(ROOT, "build", "release"))


def Until(condition, seconds, what):
    """Waits until condition() is true; fails loudly if it is not in time."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise TimeoutError(f"not within {seconds} s: {what}")
        time.sleep(0.02)


def FreePort():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def PeakRss(pid):
    """MiB."""
    with open(f"/proc/{pid}/status") as f:
        for line in f:
            if line.startswith("VmHWM"):
                return int(line.split()[1]) / 1024
    return 0


class Process:
    """A child that dies with us; its output goes to a file."""

    def __init__(self, name, argv, directory, env=None, stdin=None):
        self.log_path = os.path.join(directory, name + ".log")
        self._log = open(self.log_path, "ab")
        self.name = name
        self.child = subprocess.Popen(argv, stdin=stdin, stdout=subprocess.PIPE if stdin else self._log, stderr=self._log,
                                      env={**os.environ, **(env or {})}, start_new_session=True)
        self.start_offset = os.path.getsize(self.log_path)

    def Log(self):
        with open(self.log_path, "rb") as f:
            f.seek(self.start_offset)
            return f.read().decode("utf-8", "replace")

    def IsAlive(self):
        return self.child.poll() is None

    def Kill(self):
        # The whole group: what runs under strace is not its child's end.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.child.pid, signal.SIGKILL)
        self.child.wait(30)
        self._Close()

    def Stop(self, seconds=30):
        """SIGTERM; the exit status."""
        if self.IsAlive():
            self.child.terminate()
        status = self.child.wait(seconds)
        self._Close()
        return status

    def _Close(self):
        for end in (self._log, self.child.stdin):
            if end:
                end.close()


class Rig:
    """Owns the directory and everything started in it; a context manager."""

    def __init__(self, base=None):
        self.directory = tempfile.mkdtemp(prefix="sluice-e2e-", dir=base)
        self.parts = []

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        for part in reversed(self.parts):
            try:
                part.Kill()
            except Exception as error:
                print(f"cleaning up {part}: {error}", file=sys.stderr)
        if kind is None or issubclass(kind, KeyboardInterrupt):
            shutil.rmtree(self.directory, ignore_errors=True)
        else:
            print(f"left for a look: {self.directory}", file=sys.stderr)
            for name in sorted(os.listdir(self.directory)):
                if name.endswith(".log"):
                    with open(os.path.join(self.directory, name), "rb") as f:
                        tail = f.read()[-3000:].decode("utf-8", "replace")
                    print(f"---- end of {name}\n{tail}", file=sys.stderr)

    def Add(self, part):
        self.parts.append(part)
        return part


class Mosquitto:
    def __init__(self, rig, extra=""):
        self.rig = rig
        self.port = FreePort()
        self.config = os.path.join(rig.directory, "mosquitto.conf")
        data = os.path.join(rig.directory, "mosquitto")
        os.makedirs(data, exist_ok=True)
        with open(self.config, "w") as f:
            f.write(f"listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence true\npersistence_location {data}/\n"
                    f"max_queued_messages 0\nmax_queued_bytes 0\nmax_inflight_messages 0\nuser root\n{extra}")
        self.process = None
        rig.Add(self)
        self.Start()

    def Start(self):
        path = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        self.process = Process("mosquitto", [path, "-c", self.config], self.rig.directory)
        Until(self.Answers, 10, "mosquitto answers")

    def Answers(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        except OSError:
            return False

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

    def __init__(self, rig):
        cache = os.path.join(os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache")), "sluice-tests", "kafka-3.9.1", "complete")
        if not os.path.exists(cache):
            raise RealKafka.Unavailable("no Apache Kafka here; tests/run --all fetches it with Maven")
        self.rig = rig
        self.port = FreePort()
        self.controller = FreePort()
        self.bootstrap = f"127.0.0.1:{self.port}"
        rig.Add(self)
        self.Start()

    def Start(self):
        self.process = Process("kafka", [os.path.join(ROOT, "tests", "kafka", "start"), os.path.join(self.rig.directory, "kafka"),
                                         str(self.port), str(self.controller)], self.rig.directory)
        Until(lambda: subprocess.run(["kcat", "-L", "-b", self.bootstrap, "-m", "2"], stdout=subprocess.DEVNULL,
                                     stderr=subprocess.DEVNULL).returncode == 0, 90, "Kafka answers")

    def Kill(self):
        self.process.Kill()


def WriteConfig(path, sources, sinks, routes, outbox=None, gateway="edge-1"):
    config = {"gateway": {"id": gateway}, "sources": sources, "outbox": {"path": os.path.join(os.path.dirname(path), "outbox.db"),
              "min_free_bytes": 0, **(outbox or {})}, "sinks": sinks, "routes": routes}
    with open(path, "w") as f:
        json.dump(config, f, indent=1)


class Sluice:
    """The daemon, started and ended any number of times on one outbox."""

    def __init__(self, rig, broker_port, sinks, routes=None, outbox=None, source=None, binary="sluice", directory=None,
                 more_sources=None):
        self.rig = rig
        self.directory = directory or rig.directory
        self.config = os.path.join(self.directory, "sluice.json")
        self.binary = binary
        self.starts = 0
        self.process = None
        routes = routes or [{"name": "all", "match": "plant/#", "to": {"cloud": {"topic": "plant"}}}]
        local = {"type": "mqtt", "url": f"mqtt://127.0.0.1:{broker_port}", "subscribe": {"plant/#": {"qos": 1}},
                 "reconnect_min": "50ms", "reconnect_max": "500ms", **(source or {})}
        WriteConfig(self.config, {"local": local, **(more_sources or {})}, sinks, routes, outbox)
        rig.Add(self)

    def Start(self, env=None, binary=None, prefix=(), connected=True):
        self.starts += 1
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


class Strace(Process):
    """strace of a running process and all its threads; follows from the moment it is made."""

    def __init__(self, rig, pid, options):
        super().__init__("strace", ["strace", "-f", "-qq", "-p", str(pid)] + options, rig.directory)
        Until(lambda: all(self.Traces(pid, task) for task in os.listdir(f"/proc/{pid}/task")), 20, "strace follows every thread")

    def Traces(self, pid, task):
        with open(f"/proc/{pid}/task/{task}/status") as f:
            return f"TracerPid:\t{self.child.pid}\n" in f.read()

    def Detach(self):
        """The process goes on by itself."""
        self.child.send_signal(signal.SIGINT)
        self.child.wait(20)


def Counters(rig):
    """The ledger of an outbox whose daemon has ended."""
    with contextlib.closing(sqlite3.connect(os.path.join(rig.directory, "outbox.db"))) as outbox:
        return dict(outbox.execute("SELECT name, value FROM counter"))


def Payload(number, size):
    body = {"n": number, "crc": zlib.crc32(b"%d" % number)}
    text = json.dumps(body, separators=(",", ":"))
    return (text + " " * max(0, size - len(text))).encode()


def Topic(number, keys, prefix="plant"):
    return f"{prefix}/line-{number % keys}/telemetry"


def EncodeLength(n):
    out = bytearray()
    while True:
        byte = n % 128
        n //= 128
        out.append(byte | (0x80 if n else 0))
        if not n:
            return bytes(out)


def Publish(topic, payload, packet_id, qos=1, retain=False, dup=False):
    name = topic.encode()
    variable = struct.pack(">H", len(name)) + name + (struct.pack(">H", packet_id) if qos else b"")
    return bytes([0x30 | qos << 1 | (1 if retain else 0) | (8 if dup else 0)]) + EncodeLength(len(variable) + len(payload)) + variable + payload


class PacketReader:
    """Splits a stream of bytes into MQTT packets: (first byte, body)."""

    def __init__(self):
        self.buffer = bytearray()

    def Feed(self, data):
        self.buffer += data
        while True:
            if len(self.buffer) < 2:
                return
            length, shift, i = 0, 0, 1
            while True:
                if i >= len(self.buffer):
                    return
                byte = self.buffer[i]
                length |= (byte & 0x7F) << shift
                shift += 7
                i += 1
                if not byte & 0x80:
                    break
            if len(self.buffer) < i + length:
                return
            first, body = self.buffer[0], bytes(self.buffer[i:i + length])
            del self.buffer[:i + length]
            yield first, body


class Publisher(threading.Thread):
    """A fleet of sensors on one connection: numbered events at a rate, QoS 1; knows what the broker has acknowledged."""

    WINDOW = 1000

    def __init__(self, port, rate, keys=20, size=120, count=None, host="127.0.0.1", prefix="plant"):
        super().__init__(daemon=True)
        self.port, self.rate, self.keys, self.size, self.count = port, rate, keys, size, count
        self.host, self.prefix = host, prefix
        self.lock = threading.Lock()
        self.acked = set()
        self.next = 0
        self.unacked = {}
        self.stopping = False
        self.paused = False
        self.error = None

    def run(self):
        try:
            while not self.Done():
                try:
                    self.Session()
                except OSError:
                    if self.Done():
                        return
                    time.sleep(0.1)  # The broker is away; how long is not ours to know.
        except Exception as error:
            self.error = error

    def Done(self):
        return (self.stopping or (self.count is not None and self.next >= self.count)) and not self.unacked

    def Session(self):
        with socket.create_connection((self.host, self.port), 5) as s:
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            body = b"\x00\x04MQTT\x04\x02\x00\x3c\x00\x00"
            s.sendall(b"\x10" + EncodeLength(len(body)) + body)
            if s.recv(4)[:1] != b"\x20":
                raise OSError("no CONNACK")
            # What the broker before did not acknowledge may be lost: again, in order.
            for packet_id, number in sorted(self.unacked.items(), key=lambda item: item[1]):
                s.sendall(self.Packet(packet_id, number))
            reader, start, sent = PacketReader(), time.monotonic(), 0
            while not self.Done():
                may_send = not self.stopping and not self.paused and (self.count is None or self.next < self.count)
                due = int((time.monotonic() - start) * self.rate) - sent if may_send else 0
                batch = bytearray()
                for _ in range(min(due, self.WINDOW - len(self.unacked))):
                    if self.count is not None and self.next >= self.count:
                        break
                    packet_id = self.next % 65535 + 1
                    self.unacked[packet_id] = self.next
                    batch += self.Packet(packet_id, self.next)
                    self.next += 1
                    sent += 1
                if batch:
                    s.sendall(batch)
                if self.paused:
                    start, sent = time.monotonic(), 0
                if select.select([s], [], [], 0.005)[0]:
                    data = s.recv(65536)
                    if not data:
                        raise OSError("closed")
                    for first, body in reader.Feed(data):
                        if first >> 4 == 4:
                            with self.lock:
                                self.acked.add(self.unacked.pop(struct.unpack(">H", body[:2])[0]))

    def Packet(self, packet_id, number):
        return Publish(Topic(number, self.keys, self.prefix), Payload(number, self.size), packet_id)

    def Acked(self):
        with self.lock:
            return set(self.acked)

    def Finish(self, seconds=60):
        """Ends when all that was to be sent is acknowledged: `count` events, or those sent so far."""
        self.stopping = self.count is None
        self.join(seconds)
        if self.error:
            raise self.error
        assert not self.is_alive(), "the publisher does not end"


class Reader(threading.Thread):
    """Reads everything of a Kafka topic with kcat, an unrelated consumer, while it arrives."""

    def __init__(self, rig, bootstrap, topic="plant"):
        super().__init__(daemon=True)
        self.lock = threading.Lock()
        self.records = []  # (number, ce_id, partition, subject, payload, key) in order of arrival
        self.read = {}     # By partition, the offset to go on from.
        self.rig, self.bootstrap, self.topic = rig, bootstrap, topic
        self.closed = False
        self.process = None
        rig.Add(self)
        self.start()

    def run(self):
        # kcat ends when its broker goes away; the next one begins anew, and what was seen is passed over.
        while not self.closed:
            self.process = Process("kcat", ["kcat", "-C", "-u", "-q", "-b", self.bootstrap, "-t", self.topic, "-o", "beginning", "-J",
                                            "-X", "fetch.error.backoff.ms=50", "-X", "fetch.wait.max.ms=50"],
                                   self.rig.directory, stdin=subprocess.PIPE)
            for line in self.process.child.stdout:
                self.Take(json.loads(line))
            self.process.child.wait()

    def Take(self, record):
        if record["offset"] < self.read.get(record["partition"], 0):
            return
        self.read[record["partition"]] = record["offset"] + 1
        headers = dict(zip(record["headers"][::2], record["headers"][1::2]))
        number = json.loads(record["payload"])["n"]
        with self.lock:
            self.records.append((number, headers["ce_id"], record["partition"], headers["ce_subject"], record["payload"], record["key"]))

    def Kill(self):
        self.closed = True
        if self.process:
            self.process.Kill()

    def Records(self):
        with self.lock:
            return list(self.records)

    def Numbers(self):
        with self.lock:
            return {record[0] for record in self.records}


class FileReader:
    """Reads the file sink's lines as Reader's records."""

    def __init__(self, path):
        self.path = path

    def Records(self):
        records = []
        if not os.path.exists(self.path):
            return records
        with open(self.path) as f:
            for line in f:
                if not line.endswith("\n"):
                    break
                event = json.loads(line)
                records.append((json.loads(event["data"])["n"], event["id"], 0, event["subject"], event["data"], event.get("partitionkey", event["subject"])))
        return records

    def Numbers(self):
        return {record[0] for record in self.Records()}


class Account:
    """The oracle: what was acknowledged against what arrived."""

    def __init__(self, acked, records, keys=20, size=120, prefix="plant", key=lambda topic: topic):
        self.acked = acked
        self.violations = []
        first_of_key, seen, by_id = {}, {}, {}
        self.resent = 0
        self.redelivered = 0
        for number, event_id, _, subject, payload, record_key in records:
            topic = Topic(number, keys, prefix)
            if subject != topic or record_key != key(topic):
                self.violations.append(f"{number}: topic {subject!r}, key {record_key!r} instead of {topic!r}, {key(topic)!r}")
            if payload.encode() != Payload(number, size):
                self.violations.append(f"{number}: payload differs: {payload[:80]!r}")
            if by_id.setdefault(event_id, number) != number:
                self.violations.append(f"id {event_id} stands for {by_id[event_id]} and {number}")
            if number in seen:
                if event_id in seen[number]:
                    self.resent += 1
                else:
                    self.redelivered += 1
                seen[number].add(event_id)
                continue
            seen[number] = {event_id}
            if first_of_key.get(topic, -1) > number:
                self.violations.append(f"{number} came after {first_of_key[topic]} of its key {topic}")
            first_of_key[topic] = max(number, first_of_key.get(topic, -1))
        self.arrived = set(seen)
        self.missing = sorted(acked - self.arrived)

    def __str__(self):
        return (f"acked {len(self.acked)}, arrived {len(self.arrived)}, missing {len(self.missing)}, redelivered {self.redelivered}, "
                f"resent {self.resent}, violations {len(self.violations)}")

    def Check(self):
        print(self, flush=True)
        for violation in self.violations[:5]:
            print("  " + violation)
        if self.missing:
            print(f"  missing: {self.missing[:10]} ...")
        assert self.acked, "nothing was acknowledged: the test proves nothing"
        assert not self.missing and not self.violations, str(self)


def UntilArrived(publisher, reader, seconds):
    """Waits until everything acknowledged has arrived, then gives the account."""
    acked = publisher.Acked()
    try:
        Until(lambda: acked <= reader.Numbers(), seconds, "everything acknowledged arrives")
    except TimeoutError:
        pass  # The account says what is missing.
    return Account(acked, reader.Records(), publisher.keys, publisher.size)


class Tap(threading.Thread):
    """A relay between Sluice and the broker that sees what is acknowledged on the wire (plain MQTT 3.1.1 or 5, QoS 1)."""

    def __init__(self, rig, broker_port):
        super().__init__(daemon=True)
        self.broker_port = broker_port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.lock = threading.Lock()
        self.acked = set()   # Numbers whose PUBACK was sent by Sluice.
        self.connections = 0
        self.version = 5
        self.start()

    def run(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            try:
                broker = socket.create_connection(("127.0.0.1", self.broker_port), 5)
            except OSError:
                client.close()
                continue
            self.connections += 1
            threading.Thread(target=self.Relay, args=(client, broker), daemon=True).start()

    def Relay(self, client, broker):
        in_flight, down, up = {}, PacketReader(), PacketReader()
        try:
            while True:
                for s in select.select([client, broker], [], [])[0]:
                    data = s.recv(65536)
                    if not data:
                        return
                    if s is broker:
                        for first, body in down.Feed(data):
                            if first >> 4 == 3 and first & 6:
                                self.NotePublish(first, body, in_flight)
                        client.sendall(data)
                    else:
                        for first, body in up.Feed(data):
                            if first >> 4 == 4:
                                with self.lock:
                                    self.acked.add(in_flight.pop(struct.unpack(">H", body[:2])[0]))
                        broker.sendall(data)
        except OSError:
            pass
        finally:
            client.close()
            broker.close()

    def NotePublish(self, first, body, in_flight):
        size = struct.unpack(">H", body[:2])[0]
        packet_id = struct.unpack(">H", body[2 + size:4 + size])[0]
        rest = body[4 + size:]
        properties = rest[0] + 1 if self.version == 5 else 0
        in_flight[packet_id] = json.loads(rest[properties:])["n"]

    def Acked(self):
        with self.lock:
            return set(self.acked)


def RandomSeed():
    seed = int(os.environ.get("SLUICE_SEED", random.SystemRandom().randrange(1 << 32)))
    print(f"seed {seed} (SLUICE_SEED={seed} repeats it)", flush=True)
    return random.Random(seed)
