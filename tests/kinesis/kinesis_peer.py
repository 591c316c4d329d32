"""A Kinesis that verifies signatures and plays faults, and the places that hand out keys to it; on a free port of 127.0.0.1.

As a child process (tests/kinesis_outside.h): prints its port, then answers each line of stdin, a JSON object {"do": NAME, ...}, with a line.

Calls are judged as AWS does: the signature by botocore, the date within 5 minutes, the key and its session, the limits of a call and of a
record, and a shard's rate if one is set. What is taken is kept in order of arrival. A violation of what a client must hold (a key in two
calls at once) is kept too.
"""

import base64
import calendar
import email.utils
import http.server
import json
import os
import random
import re
import socket
import ssl
import subprocess
import sys
import threading
import time

import aws_judge

REGION = "eu-central-1"
MAX_RECORDS, MAX_CALL, MAX_RECORD = 500, 5 << 20, 1 << 20
SKEW = 300
CONTAINER_TOKEN = "container-token"


class Refused(Exception):
    """An error as AWS words it."""

    def __init__(self, status, name, message="played"):
        super().__init__(name)
        self.status, self.name, self.message = status, name, message


class Shard:
    """What a shard takes: 1,000 records and 1 MiB a second, saved up for a second at most."""

    RECORDS, BYTES = 1000, 1 << 20

    def __init__(self):
        self.records, self.bytes, self.at = self.RECORDS, self.BYTES, time.monotonic()

    def Takes(self, size):
        now = time.monotonic()
        self.records = min(self.RECORDS, self.records + (now - self.at) * self.RECORDS)
        self.bytes = min(self.BYTES, self.bytes + (now - self.at) * self.BYTES)
        self.at = now
        if self.records < 1 or self.bytes < size:
            return False
        self.records -= 1
        self.bytes -= size
        return True


class Peer:
    def __init__(self, seed=0):
        self.lock = threading.RLock()
        self.random = random.Random(seed)
        self.taken = []        # (stream, partition key, data) in order of arrival.
        self.violations = []
        self.under_way = {}    # (client, partition key) of calls being answered: the connection of the call.
        self.plays = []        # Faults for the next calls, one each.
        self.share = 0.0       # Of records refused at random, in every call.
        self.away = False
        self.clock = 0         # Seconds that our time is ahead.
        self.shard = None
        self.poison = None     # A record that holds this makes its call invalid.
        self.calls = self.throttled = self.keys_given = 0
        self.keys = {}         # Access key id: (secret, token), those that are good.
        self.lifetime = 3600
        self.released = threading.Event()  # What answers held back by "hold" wait for.
        self.connections = set()
        self.GiveKeys()
        peer = self

        class Handler(_Handler):
            pass
        Handler.peer = peer
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def Kill(self):
        self.server.shutdown()
        self.server.server_close()
        self.CutAll()

    # ------------------------------------------------------------------------------------------------- what tests say

    def Do(self, what, **arguments):
        return getattr(self, what)(**arguments)

    def Play(self, *names):
        """One for each of the next calls, e.g. "late", "portal", "records 0.5"."""
        with self.lock:
            self.plays += names

    def SetAway(self, away):
        with self.lock:
            self.away = away
        if away:
            self.CutAll()

    def CutAll(self):
        for connection in list(self.connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def ExpireKeys(self):
        """Those given so far are good no more; whoever asks for keys gets new ones."""
        with self.lock:
            self.keys = {}

    def Release(self):
        self.released.set()

    def GiveKeys(self):
        with self.lock:
            self.keys_given += 1
            number = self.keys_given
            self.keys[f"AKID{number:012}"] = (f"secret-{number}", f"token-{number}")
            return f"AKID{number:012}", f"secret-{number}", f"token-{number}"

    def Set(self, **values):
        """clock, share, poison, lifetime."""
        for name, value in values.items():
            assert hasattr(self, name), name
            setattr(self, name, value)

    def Get(self, name):
        """calls, throttled, keys_given."""
        with self.lock:
            return getattr(self, name)

    def ServeTls(self, directory, name):
        """On another port, which it gives: as `name`, and only for clients that have a certificate. Makes key.pem and cert.pem for both."""
        key, cert = os.path.join(directory, "key.pem"), os.path.join(directory, "cert.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out", cert,
                        "-days", "2", "-subj", "/CN=test", "-addext", f"subjectAltName={name}"], check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        context.load_verify_locations(cert)
        context.verify_mode = ssl.CERT_REQUIRED
        self.tls_server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self.server.RequestHandlerClass)
        self.tls_server.daemon_threads = True
        # Shaking hands is left to the connection's own thread.
        self.tls_server.socket = context.wrap_socket(self.tls_server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self.tls_server.serve_forever, args=(0.05,), daemon=True).start()
        return self.tls_server.server_address[1]

    def LimitShard(self):
        self.shard = Shard()

    def Taken(self):
        with self.lock:
            return list(self.taken)

    # -------------------------------------------------------------------------------------------------- what AWS does

    def Now(self):
        return time.time() + self.clock

    def CheckSignature(self, method, headers, body):
        match = re.fullmatch(r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request, SignedHeaders=([^,]+), "
                             r"Signature=[0-9a-f]{64}", headers.get("Authorization", ""))
        if not match:
            raise Refused(400, "IncompleteSignature")
        key_id, _, region, service, names = match.groups()
        if (region, service) != (REGION, "kinesis"):
            raise Refused(400, "InvalidSignatureException", "another scope")
        seconds = calendar.timegm(time.strptime(headers["X-Amz-Date"], "%Y%m%dT%H%M%SZ"))
        if abs(seconds - self.Now()) > SKEW:
            raise Refused(400, "InvalidSignatureException", f"Signature expired: {headers['X-Amz-Date']} is not now")
        if key_id not in self.keys:
            raise Refused(403, "ExpiredTokenException" if key_id.startswith("AKID") else "UnrecognizedClientException")
        secret, token = self.keys[key_id]
        if headers.get("X-Amz-Security-Token", "") != token:
            raise Refused(403, "UnrecognizedClientException")
        given = [(name, headers[name]) for name in names.split(";") if name not in ("host", "x-amz-date", "x-amz-security-token")]
        with self.lock:  # The judge's time is one for all.
            wanted = aws_judge.Authorization(method, headers["Host"], [], given, body, (key_id, secret, token), region, service, seconds)
        if wanted != headers["Authorization"]:
            raise Refused(403, "SignatureDoesNotMatch", "It does not match.\n\nThe Canonical String should have been\n'x-amz-security-token:" + token)

    def ReadCall(self, headers, body):
        if headers.get("X-Amz-Target") != "Kinesis_20131202.PutRecords" or headers.get("Content-Type") != "application/x-amz-json-1.1":
            raise Refused(400, "UnknownOperationException")
        if "Expect" in headers:
            self.violations.append("Expect")
        call = json.loads(body)
        if set(call) != {"StreamName", "Records"} or not re.fullmatch("[a-zA-Z0-9_.-]{1,128}", call["StreamName"]):
            raise Refused(400, "ValidationException")
        records = [(call["StreamName"], record["PartitionKey"], base64.b64decode(record["Data"], validate=True)) for record in call["Records"]]
        sizes = [len(key.encode()) + len(data) for _, key, data in records]
        if not 1 <= len(records) <= MAX_RECORDS or sum(sizes) > MAX_CALL or max(sizes) > MAX_RECORD:
            raise Refused(400, "InvalidArgumentException")
        if not all(1 <= len(key) <= 256 for _, key, _ in records):
            raise Refused(400, "ValidationException")
        if self.poison and any(self.poison.encode() in data for _, _, data in records):
            raise Refused(400, "InvalidArgumentException", "poison")
        return records

    def Take(self, records, share):
        """The results, by index."""
        results = []
        with self.lock:
            self.calls += 1
            refused = 0
            for stream, key, data in records:
                if share and self.random.random() < share:
                    error = self.random.choice(["ProvisionedThroughputExceededException", "InternalFailure"])
                elif self.shard and not self.shard.Takes(len(key.encode()) + len(data)):
                    error = "ProvisionedThroughputExceededException"
                else:
                    self.taken.append((stream, key, data))
                    results.append({"SequenceNumber": f"{len(self.taken):056}", "ShardId": "shardId-000000000000"})
                    continue
                refused += 1
                results.append({"ErrorCode": error, "ErrorMessage": "Rate exceeded for shard"})
            self.throttled += 1 if refused else 0
            return {"FailedRecordCount": refused, "Records": results}

    def Enter(self, headers, body, connection):
        """The keys of a call are under way; two calls of one client with one key cannot keep its order. A call is over, too, when its
        client has left."""
        client = headers.get("Authorization", "").partition("/")[0]
        records = json.loads(body)["Records"]
        names = {(client, record["PartitionKey"]) for record in records}
        with self.lock:
            if len(names) < len(records):
                self.violations.append("a key twice in a call")
            if any(name in self.under_way and not HasLeft(self.under_way[name]) for name in names):
                self.violations.append("a key in two calls at once")
            self.under_way.update(dict.fromkeys(names, connection))
        return names

    def Leave(self, names, connection):
        with self.lock:
            for name in names:
                if self.under_way.get(name) is connection:
                    del self.under_way[name]


def HasLeft(connection):
    """Whether the client has closed it."""
    try:
        with socket.socket(fileno=os.dup(connection.fileno())) as plain:  # Under TLS, too.
            return plain.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    peer = None
    disable_nagle_algorithm = True

    def setup(self):
        super().setup()
        self.peer.connections.add(self.connection)

    def finish(self):
        self.peer.connections.discard(self.connection)
        try:
            super().finish()
        except OSError:
            pass

    def handle_one_request(self):
        try:
            super().handle_one_request()
        except OSError:
            self.close_connection = True

    def log_message(self, *_):
        pass

    def date_time_string(self, timestamp=None):
        return email.utils.formatdate(timestamp or self.peer.Now(), usegmt=True)

    def Answer(self, status, body, content_type="application/x-amz-json-1.1", headers=None):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("x-amzn-RequestId", "played")
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        """Keys: for a container that has its token, or for a device (the certificate was TLS's affair)."""
        if self.peer.away:
            self.close_connection = True
            return
        expiration = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.peer.Now() + self.peer.lifetime))
        if self.path == "/container" and self.headers.get("Authorization") == CONTAINER_TOKEN:
            key_id, secret, token = self.peer.GiveKeys()
            self.Answer(200, {"AccessKeyId": key_id, "SecretAccessKey": secret, "Token": token, "Expiration": expiration})
        elif self.path == "/role-aliases/gateway/credentials" and self.headers.get("x-amzn-iot-thingname") == "press-1":
            key_id, secret, token = self.peer.GiveKeys()
            self.Answer(200, {"credentials": {"accessKeyId": key_id, "secretAccessKey": secret, "sessionToken": token,
                                              "expiration": expiration}})
        else:
            self.Answer(403, {"message": "no"})

    def do_POST(self):
        peer = self.peer
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with peer.lock:
            if peer.away:
                self.close_connection = True
                return
            play, _, argument = (peer.plays.pop(0) if peer.plays else "").partition(" ")
        names = peer.Enter(self.headers, body, self.connection)
        try:
            peer.CheckSignature("POST", self.headers, body)
            answer = self.Played(play, argument, peer.ReadCall(self.headers, body))
        except Refused as refused:
            answer = (refused.status, {"__type": "com.amazonaws.kinesis.v20131202#" + refused.name, "message": refused.message})
        finally:
            peer.Leave(names, self.connection)  # Before the answer: what comes after it may come at once.
        if answer:
            return self.Answer(*answer)
        self.close_connection = True
        if play == "half":       # Ends before its length.
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.1\r\nContent-Length: 1000000\r\n\r\n{")
        elif play == "late":     # Until the client has given up.
            self.connection.recv(1, socket.MSG_PEEK)

    def Played(self, play, argument, records):
        """Status, body and type of the answer; nothing where there is to be no whole one."""
        if play in ("late", "hangup"):  # They are taken, but nobody is told.
            self.peer.Take(records, 0)
            return None
        if play == "half":
            return None
        if play == "hold":       # They are taken; the answer waits for Release.
            answer = self.peer.Take(records, 0)
            self.peer.released.wait(20)
            return 200, answer
        if play == "error":      # error 400 NAME
            status, name = argument.split()
            return int(status), {"__type": name, "message": "played"}
        if play == "portal":
            return 200, b"<html>Welcome! Please log in.</html>", "text/html"
        if play == "redirect":
            return 302, b"", "text/html", {"Location": f"http://127.0.0.1:{self.peer.port}/"}
        if play == "huge":
            return 200, b'{"Records":[' + b" " * (8 << 20) + b"]}"
        if play == "body":       # body TEXT, as if from AWS
            return 200, argument.encode()
        return 200, self.peer.Take(records, float(argument) if play == "records" else self.peer.share)


class PeerReader:
    """What a scripted peer has taken, as the oracle has it."""

    def __init__(self, peer):
        self.peer = peer

    def Records(self):
        records = []
        for _, key, data in self.peer.Taken():
            event = json.loads(data)
            records.append((json.loads(event["data"])["n"], event["id"], 0, event["subject"], event["data"], key))
        return records

    def Numbers(self):
        return {record[0] for record in self.Records()}


def Main():
    peer = Peer()
    print(peer.port, flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        what = request.pop("do")
        if what == "read":
            answer = {"taken": [[stream, key, data.decode()] for stream, key, data in peer.Taken()], "violations": peer.violations}
        elif what == "play":
            answer = peer.Play(*request["plays"])
        else:
            answer = peer.Do(what, **request)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    Main()
