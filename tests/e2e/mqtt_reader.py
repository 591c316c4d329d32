"""A subscriber of everything at a broker, unrelated to Sluice and its library: what it reads is kept as the oracle's records."""

import json
import socket
import struct
import threading
import time

from harness import Until
from mqtt_wire import EncodeLength, PacketReader, Published

CONNACK, PUBLISH, SUBACK = 2, 3, 9


class MqttReader(threading.Thread):
    """MQTT 5, QoS 1, with a session that outlives its connections and a restart of the broker."""

    def __init__(self, rig, port):
        super().__init__(daemon=True)
        self.port = port
        self.lock = threading.Lock()
        self.published = []
        self.subscribed = threading.Event()
        self.closed = False
        self.socket = None
        rig.Add(self)
        self.start()
        Until(self.subscribed.is_set, 20, "the reader is subscribed")

    def run(self):
        while not self.closed:
            try:
                self.Session()
            except OSError:
                time.sleep(0.05)  # The broker is away; how long is not ours to know.

    def Session(self):
        with socket.create_connection(("127.0.0.1", self.port), 5) as s:
            s.settimeout(None)
            self.socket = s
            # No clean start; keepalive off; Session Expiry Interval of an hour.
            body = b"\x00\x04MQTT\x05\x00\x00\x00" + b"\x05\x11\x00\x00\x0e\x10" + b"\x00\x06reader"
            s.sendall(b"\x10" + EncodeLength(len(body)) + body)
            subscribe = b"\x00\x01\x00\x00\x01#\x01"
            s.sendall(b"\x82" + EncodeLength(len(subscribe)) + subscribe)
            reader = PacketReader()
            while data := s.recv(65536):
                acks = bytearray()
                for first, body in reader.Feed(data):
                    if first >> 4 == SUBACK:
                        self.subscribed.set()
                    elif first >> 4 == PUBLISH:
                        one = Published(first, body, 5)
                        self.Note(one)
                        acks += b"\x40\x02" + struct.pack(">H", one.packet_id)
                s.sendall(acks)

    def Note(self, one):
        """On the reader's own thread."""
        with self.lock:
            self.published.append(one)

    def Kill(self):
        self.closed = True
        if self.socket:
            self.socket.close()

    def Published(self):
        with self.lock:
            return list(self.published)

    def Records(self):
        """As oracle.Reader's."""
        return [self.Record(one) for one in self.Published()]

    def Record(self, one):
        attributes = dict(one.properties)
        subject = attributes.get("subject", one.topic)
        return (json.loads(one.payload)["n"], attributes.get("id", ""), 0, subject, one.payload.decode(), attributes.get("partitionkey", subject))

    def Numbers(self):
        return {record[0] for record in self.Records()}
