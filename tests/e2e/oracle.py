"""The oracle: a numbered fleet of sensors, readers of what arrives, and the account between them."""

import contextlib
import json
import os
import select
import socket
import struct
import subprocess
import threading
import time
import zlib

from harness import Listener, Process, Until
from mqtt_wire import EncodeLength, PacketReader, Publish


def Payload(number, size):
    body = {"n": number, "crc": zlib.crc32(b"%d" % number)}
    text = json.dumps(body, separators=(",", ":"))
    return (text + " " * max(0, size - len(text))).encode()


def Topic(number, keys, prefix="plant"):
    return f"{prefix}/line-{number % keys}/telemetry"


def TopicsBelow(prefix, keys=20):
    """For Publisher and Account."""
    return lambda number: Topic(number, keys, prefix)


def Unbalanced(status):
    """The lanes and sources of a status document whose ledger does not add up: none, at any moment."""
    def Sum(counters):
        return sum(counters.values())

    def LaneAdds(lane):
        return lane["in"] == lane["delivered"] + lane["pending"] + Sum(lane.get("dropped", {})) + lane["dead_lettered"]

    def SourceAdds(source):
        return source["received"] == source["routed"] + source["unrouted"] + source.get("duplicate", 0) + Sum(source.get("refused", {}))

    return [lane for lane in status["lanes"] if not LaneAdds(lane)] + [source for source in status["sources"].values() if not SourceAdds(source)]


class Publisher(threading.Thread):
    """A fleet of sensors on one connection: numbered events at a rate, QoS 1; knows what the broker has acknowledged."""

    WINDOW = 1000

    def __init__(self, port, rate, keys=20, size=120, count=None, host="127.0.0.1", topic=None):
        """`topic`: of an event's number, instead of Topic."""
        super().__init__(daemon=True)
        self.port, self.rate, self.keys, self.size, self.count = port, rate, keys, size, count
        self.host, self.topic = host, topic or (lambda number: Topic(number, keys))
        self.lock = threading.Lock()
        self.acked = set()
        self.next = 0
        self.unacked = {}
        self.stopping = False
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
                may_send = not self.stopping and (self.count is None or self.next < self.count)
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
                if select.select([s], [], [], 0.005)[0]:
                    data = s.recv(65536)
                    if not data:
                        raise OSError("closed")
                    for first, body in reader.Feed(data):
                        if first >> 4 == 4:
                            with self.lock:
                                self.acked.add(self.unacked.pop(struct.unpack(">H", body[:2])[0]))

    def Packet(self, packet_id, number):
        return Publish(self.topic(number), Payload(number, self.size), packet_id)

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


def Consumed(kafka, topic, *options):
    """What a Kafka topic has at this moment, as kcat writes it; nothing while the broker is away."""
    return subprocess.run(["kcat", "-C", "-b", kafka.bootstrap, "-t", topic, "-e", "-q", "-o", "beginning", *options], capture_output=True,
                          timeout=60).stdout.decode()


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
    """Reads the file sink's lines, and gives them as Reader's records."""

    def __init__(self, path):
        self.path = path

    def Events(self):
        """The lines that are complete."""
        if not os.path.exists(self.path):
            return []
        with open(self.path) as f:
            return [json.loads(line) for line in f if line.endswith("\n")]

    def Records(self):
        return [(json.loads(event["data"])["n"], event["id"], 0, event["subject"], event["data"], event.get("partitionkey", event["subject"]))
                for event in self.Events()]

    def Numbers(self):
        return {record[0] for record in self.Records()}


class Account:
    """The oracle: what was acknowledged against what arrived."""

    def __init__(self, acked, records, topic=lambda number: Topic(number, 20), size=120, key=lambda topic: topic):
        self.acked = acked
        self.violations = []
        first_of_key, seen, by_id = {}, {}, {}
        self.resent = 0
        self.redelivered = 0
        for number, event_id, _, subject, payload, record_key in records:
            expected = topic(number)
            if subject != expected or record_key != key(expected):
                self.violations.append(f"{number}: topic {subject!r}, key {record_key!r} instead of {expected!r}, {key(expected)!r}")
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
            if first_of_key.get(expected, -1) > number:
                self.violations.append(f"{number} came after {first_of_key[expected]} of its key {expected}")
            first_of_key[expected] = max(number, first_of_key.get(expected, -1))
        self.arrived = set(seen)
        self.missing = sorted(acked - self.arrived)

    def __str__(self):
        return (f"acked {len(self.acked)}, arrived {len(self.arrived)}, missing {len(self.missing)}, redelivered {self.redelivered}, "
                f"resent {self.resent}, violations {len(self.violations)}")

    def CheckOrder(self):
        for violation in self.violations[:5]:
            print("  " + violation)
        assert not self.violations, str(self)

    def Check(self):
        print(self, flush=True)
        if self.missing:
            print(f"  missing: {self.missing[:10]} ...")
        assert self.acked, "nothing was acknowledged: the test proves nothing"
        assert not self.missing, str(self)
        self.CheckOrder()


def UntilArrived(publisher, reader, seconds):
    """Waits until everything acknowledged has arrived, then gives the account."""
    acked = publisher.Acked()
    try:
        Until(lambda: acked <= reader.Numbers(), seconds, "everything acknowledged arrives")
    except TimeoutError:
        pass  # The account says what is missing.
    return Account(acked, reader.Records(), publisher.topic, publisher.size)


class Tap(Listener):
    """A relay between Sluice and the broker that sees what is acknowledged on the wire (plain MQTT 5, QoS 1)."""

    def __init__(self, rig, broker_port):
        self.broker_port = broker_port
        self.lock = threading.Lock()
        self.acked = set()   # Numbers whose PUBACK was sent by Sluice.
        self.connections = 0
        self.sockets = []
        super().__init__(rig)

    def Serve(self, client):
        try:
            broker = socket.create_connection(("127.0.0.1", self.broker_port), 5)
        except OSError:
            client.close()
            return
        with self.lock:
            self.connections += 1
            self.sockets = [client, broker]
        self.Relay(client, broker)

    def Cut(self):
        """The present connection breaks."""
        with self.lock:
            for s in self.sockets:
                with contextlib.suppress(OSError):  # The relay may have closed it: the first of the two ends the connection.
                    s.shutdown(socket.SHUT_RDWR)

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
        properties = rest[0] + 1
        in_flight[packet_id] = json.loads(rest[properties:])["n"]

    def Acked(self):
        with self.lock:
            return set(self.acked)
