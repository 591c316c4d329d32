"""An MQTT broker that does as the test says: it answers what it is told to, when it is told to, and writes down what it receives and when.

MQTT 3.1.1 and 5, plain or TLS, any number of connections; one thread a connection.
"""

import select
import socket
import ssl
import struct
import subprocess
import threading
import time

from harness import Listener, Until
from mqtt_wire import EncodeLength, PacketReader, Published, TakeText

DROP_COUNT = "$SYS/broker/publish/messages/dropped"  # Asked for beside the filters of the configuration.
CONNECT, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBSCRIBE, PINGREQ, DISCONNECT = 1, 3, 4, 5, 6, 7, 8, 12, 14


def Text(data):
    return struct.pack(">H", len(data)) + data


def Properties(body, at):
    """{identifier: number} of those that CONNECT has here; all are numbers."""
    size, at = body[at], at + 1
    end, found = at + size, {}
    sizes = {0x11: ">I", 0x21: ">H", 0x27: ">I", 0x22: ">H", 0x17: ">B", 0x19: ">B"}
    while at < end:
        form = sizes[body[at]]
        found[body[at]] = struct.unpack_from(form, body, at + 1)[0]
        at += 1 + struct.calcsize(form)
    return found, end


class Connection:
    """What came on one connection: `packets` is a list of (time, type, first byte, body)."""

    def __init__(self, sock):
        self.sock = sock
        self.wire = threading.Lock()  # A TLS connection is for one thread at a time.
        self.lock = threading.Lock()
        self.packets = []
        self.version = self.properties = self.client_id = self.flags = None
        self.sent = {}  # When a packet id was published.
        self.subscriptions = []  # (filter, options)
        self.asked_for_drop_count = False

    def Of(self, kind):
        with self.lock:
            return [p for p in self.packets if p[1] == kind]

    def Send(self, data):
        with self.wire:
            self.sock.sendall(data)

    def Receive(self):
        if not isinstance(self.sock, ssl.SSLSocket):
            return self.sock.recv(65536)
        if not self.sock.pending():
            select.select([self.sock], [], [])
        with self.wire:
            return self.sock.recv(65536)

    def Publish(self, topic, payload, packet_id=0, qos=1, retain=False, properties=b"", duplicate=False):
        variable = Text(topic) + (struct.pack(">H", packet_id) if qos else b"")
        if self.version == 5:
            variable += EncodeLength(len(properties)) + properties
        packet = bytes([0x30 | (8 if duplicate else 0) | qos << 1 | (1 if retain else 0)]) + EncodeLength(len(variable) + len(payload)) + variable + payload
        self.sent[packet_id] = time.time()
        self.Send(packet)

    def Acked(self, kind=PUBACK):
        """When each packet id was acknowledged."""
        return {struct.unpack(">H", body[:2])[0]: when for when, _, _, body in self.Of(kind)}

    def TakeConnect(self, body):
        self.version, self.flags = body[6], body[7]
        at = 10
        self.properties = {}
        if self.version == 5:
            self.properties, at = Properties(body, at)
        self.client_id, at = TakeText(body, at)

    def TakeSubscribe(self, body):
        at = 2
        if self.version == 5:
            at += 1 + body[2]
        filters = []
        while at < len(body):
            name, at = TakeText(body, at)
            filters.append((name.decode(), body[at]))
            at += 1
        if filters[0][0] == DROP_COUNT:
            self.asked_for_drop_count = True
        else:
            self.subscriptions.append(filters)
        return struct.unpack(">H", body[:2])[0], filters

    def Close(self):
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.sock.close()


class ScriptedBroker(Listener):
    def __init__(self, rig, tls=None, session_present=lambda connection: connection > 1, grant=lambda filter, qos: qos, connack=0,
                 limits=b"", take=lambda connection, published: 0):
        """`grant`: the QoS or the reason code for a filter, None for no answer; may raise ConnectionError.
        `limits`: properties of CONNACK. `take`: the reason code for a PUBLISH, or None for no answer."""
        self.session_present, self.grant, self.connack, self.limits, self.take = session_present, grant, connack, limits, take
        self.tls = tls
        self.connections = []
        super().__init__(rig)

    def Serve(self, sock):
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.tls:
                sock = self.tls.wrap_socket(sock, server_side=True)
            connection, reader = Connection(sock), PacketReader()
            while data := connection.Receive():
                for first, body in reader.Feed(data):
                    with connection.lock:
                        connection.packets.append((time.time(), first >> 4, first, body))
                    self.Answer(connection, first, body)
        except (OSError, ValueError):
            pass  # Closed, by one side or the other.
        finally:
            sock.close()

    def Answer(self, connection, first, body):
        kind = first >> 4
        five = lambda connection: connection.version == 5
        if kind == CONNECT:
            connection.TakeConnect(body)
            self.connections.append(connection)
            present = 1 if self.session_present(len(self.connections)) and not self.connack else 0
            answer = bytes([present, self.connack]) + (bytes([len(self.limits)]) + self.limits if five(connection) else b"")
            connection.Send(b"\x20" + EncodeLength(len(answer)) + answer)
        elif kind == SUBSCRIBE:
            packet_id, filters = connection.TakeSubscribe(body)
            grants = [self.grant(name, options & 3) for name, options in filters]
            if None in grants:
                return
            answer = struct.pack(">H", packet_id) + (b"\0" if five(connection) else b"") + bytes(grants)
            connection.Send(b"\x90" + EncodeLength(len(answer)) + answer)
        elif kind == PUBLISH:
            published = Published(first, body, connection.version)
            reason = self.take(connection, published)
            if published.qos and reason is not None:
                answer = struct.pack(">H", published.packet_id) + (bytes([reason]) if reason else b"")
                connection.Send(b"\x40" + EncodeLength(len(answer)) + answer)
        elif kind == PUBREC:
            connection.Send(b"\x62\x02" + body[:2])
        elif kind == PINGREQ:
            connection.Send(b"\xd0\x00")

    def Live(self, number=1):
        """The connection of that number, once its subscription is there or the session made it needless."""
        def Ready():
            return len(self.connections) >= number and (self.connections[number - 1].subscriptions or None) and self.connections[number - 1]
        return Until(Ready, 20, f"connection {number}")

    def Kill(self):
        super().Kill()
        for connection in self.connections:
            connection.Close()


class TestCa:
    """A certificate authority for one test, with a server's and a client's certificate."""

    def __init__(self, directory, name="localhost"):
        self.directory = directory
        self.ca = f"{directory}/ca.pem"
        self.Run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{directory}/ca.key", "-out", self.ca,
                 "-days", "2", "-subj", "/CN=Test CA")
        self.server_key, self.server_cert = self.Issue("server", f"DNS:{name}")
        self.client_key, self.client_cert = self.Issue("client", "DNS:gateway")

    def Run(self, *arguments):
        subprocess.run(["openssl", *arguments], check=True, capture_output=True)

    def Issue(self, name, alternative, days=2):
        key, request, cert, extensions = (f"{self.directory}/{name}.{end}" for end in ("key", "csr", "pem", "ext"))
        with open(extensions, "w") as f:
            f.write(f"subjectAltName={alternative}\n")
        self.Run("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", request, "-subj", f"/CN={name}")
        self.Run("x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", f"{self.directory}/ca.key", "-CAcreateserial", "-out", cert, "-days", str(days),
                 "-extfile", extensions)
        return key, cert

    def ServerContext(self, client_certificate=False):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.server_cert, self.server_key)
        if client_certificate:
            context.load_verify_locations(self.ca)
            context.verify_mode = ssl.CERT_REQUIRED
        return context
