"""Amazon MSK with IAM: a real Apache Kafka that asks for OAUTHBEARER tokens over TLS, and a judge that knows what MSK takes for one."""

import os
import shutil
import struct
import subprocess
import sys
import unittest

from harness import ROOT, FreePort, Listener, Rig, Until
from kafka_security_test import DeadLetters, FAST
from kafka_test import PublishOne, StartKafka
from scripted_broker import TestCa
from servers import Mosquitto, Sluice

sys.path.insert(0, os.path.join(ROOT, "tests", "kinesis"))
sys.path.insert(0, os.path.join(ROOT, "tests", "kafka"))
from kinesis_peer import CONTAINER_TOKEN, Peer  # noqa: E402
from msk_judge import MskJudge, REGION  # noqa: E402

# Sessions are so short that clients have to sign in again and again.
PROPERTIES = """
listeners=PLAINTEXT://127.0.0.1:{{port}},CONTROLLER://127.0.0.1:{{controller}},MSK://127.0.0.1:{msk}
advertised.listeners=PLAINTEXT://127.0.0.1:{{port}},MSK://localhost:{msk}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,MSK:SASL_SSL
ssl.keystore.type=PEM
ssl.keystore.location={keystore}
sasl.enabled.mechanisms=OAUTHBEARER
listener.name.msk.oauthbearer.sasl.jaas.config=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required;
listener.name.msk.oauthbearer.sasl.server.callback.handler.class=MskTokenHandler
listener.name.msk.oauthbearer.connections.max.reauth.ms=3000
msk.judge={judge}
"""


def Cloud(port, ca, iam):
    auth = {"mechanism": "AWS_MSK_IAM", "region": REGION, "credentials": {"type": "container", "endpoint": f"http://127.0.0.1:{iam.port}/container"}}
    return {"cloud": {"type": "kafka", "brokers": [f"localhost:{port}"], "tls": {"ca_file": ca.ca}, "auth": auth, "rdkafka": FAST,
                      "retry_min": "50ms", "retry_max": "500ms"}}


class Msk:
    def __init__(self, rig):
        self.rig = rig
        self.iam = rig.Add(Peer())
        # New keys every 15 s, and so a new token.
        self.iam.Set(lifetime=20)
        self.judge = MskJudge(rig, lambda: dict(self.iam.keys))
        self.ca = TestCa(rig.directory)
        self.port = FreePort()
        keystore = os.path.join(rig.directory, "keystore.pem")
        with open(keystore, "w") as out:
            for part in (self.ca.server_key, self.ca.server_cert):
                with open(part) as f:
                    out.write(f.read())
        self.kafka = StartKafka(rig, PROPERTIES.format(msk=self.port, keystore=keystore, judge=self.judge.url), (), self.Compile)
        self.kafka.Topic("create", "plant")

    def Compile(self, libraries):
        """The broker's part; gives the directory of its class."""
        if shutil.which("javac") is None:
            raise unittest.SkipTest("no javac here; packaging/install-deps --kafka installs it")
        subprocess.run(["javac", "-cp", libraries, "-d", self.rig.directory, os.path.join(ROOT, "tests", "kafka", "MskTokenHandler.java")], check=True)
        return self.rig.directory

    def StartSluice(self):
        self.mosquitto = Mosquitto(self.rig)
        sluice = Sluice(self.rig, self.mosquitto.port, Cloud(self.port, self.ca, self.iam))
        sluice.Start(env={"AWS_CONTAINER_AUTHORIZATION_TOKEN": CONTAINER_TOKEN})
        return sluice

    def Publish(self, number):
        PublishOne(self.mosquitto.port, "plant/a", b"%d" % number)

    def Arrived(self):
        out = subprocess.run(["kcat", "-C", "-b", self.kafka.bootstrap, "-t", "plant", "-e", "-q", "-o", "beginning"], capture_output=True, timeout=60)
        return out.stdout.decode().splitlines()

    def UntilArrived(self, count):
        wanted = [str(n) for n in range(count)]
        Until(lambda: list(dict.fromkeys(self.Arrived())) == wanted, 90, f"the first {count} arrive, in order")


class Handshake(Listener):
    """A broker of Kafka's wire protocol as far as signing in: each token goes to the judge, then the connection ends."""

    API_VERSIONS, HANDSHAKE, AUTHENTICATE = 18, 17, 36
    # Produce, Metadata, and what signing in takes: key, lowest and highest version.
    KEYS = ((0, 0, 8), (3, 0, 8), (HANDSHAKE, 0, 1), (API_VERSIONS, 0, 3), (22, 0, 1), (AUTHENTICATE, 0, 1))

    def __init__(self, rig, tls, judge):
        self.tls, self.judge = tls, judge
        super().__init__(rig)

    def Serve(self, sock):
        try:
            with self.tls.wrap_socket(sock, server_side=True) as connection, connection.makefile("rb") as stream:
                while size := stream.read(4):
                    request = stream.read(struct.unpack(">i", size)[0])
                    key, version, correlation, client = struct.unpack_from(">hhih", request)
                    answer = self.Answer(key, version, request[10 + max(client, 0):])
                    connection.sendall(struct.pack(">ii", 4 + len(answer), correlation) + answer)
                    if key == self.AUTHENTICATE:
                        return
        except (OSError, struct.error):
            pass  # Closed, by one side or the other.

    def Answer(self, key, version, body):
        if key == self.API_VERSIONS:
            keys = [struct.pack(">hhh", *one) for one in self.KEYS]
            if version < 3:
                return struct.pack(">hi", 0, len(keys)) + b"".join(keys) + (struct.pack(">i", 0) if version else b"")
            return struct.pack(">hB", 0, len(keys) + 1) + b"".join(one + b"\0" for one in keys) + struct.pack(">iB", 0, 0)
        if key == self.HANDSHAKE:
            return struct.pack(">hih", 0, 1, len("OAUTHBEARER")) + b"OAUTHBEARER"
        message = body[4:4 + struct.unpack_from(">i", body)[0]].decode()  # RFC 7628.
        self.judge.Answer(message.removeprefix("n,,\x01auth=Bearer ").removesuffix("\x01\x01"))
        return struct.pack(">hhi", 0, -1, 0) + (struct.pack(">q", 0) if version else b"")


class Token(unittest.TestCase):
    def test_a_broker_is_shown_a_token_that_is_good_for_msk_over_tls(self):
        with Rig() as rig:
            iam, ca = rig.Add(Peer()), TestCa(rig.directory)
            judge = MskJudge(rig, lambda: dict(iam.keys))
            broker = Handshake(rig, ca.ServerContext(), judge)
            mosquitto = Mosquitto(rig)
            sluice = Sluice(rig, mosquitto.port, Cloud(broker.port, ca, iam))
            sluice.Start(env={"AWS_CONTAINER_AUTHORIZATION_TOKEN": CONTAINER_TOKEN})
            Until(lambda: judge.accepted or judge.refused, 30, "a token comes")
            self.assertEqual(judge.refused, [])
            sluice.Stop()


class Iam(unittest.TestCase):
    def test_a_broker_that_verifies_tokens_lets_us_in_and_goes_on_doing_so_while_sessions_tokens_and_keys_end(self):
        with Rig() as rig:
            msk = Msk(rig)
            sluice = msk.StartSluice()
            published = 0
            while len(set(msk.judge.accepted)) < 3:
                msk.Publish(published)
                published += 1
                self.assertLess(published, 2000)
                msk.UntilArrived(published)
            self.assertEqual(msk.judge.refused, [])
            self.assertGreater(len(msk.judge.accepted), 6)
            self.assertEqual(sluice.Stop(), 0)
            self.assertNotIn("do not accept", sluice.process.Log())
            self.assertEqual(DeadLetters(rig), 0)

    def test_without_keys_and_with_keys_that_are_refused_events_are_kept_and_arrive_once_it_is_mended(self):
        with Rig() as rig:
            msk = Msk(rig)
            msk.iam.Set(lifetime=3600)
            msk.iam.SetAway(True)
            sluice = msk.StartSluice()
            for number in range(10):
                msk.Publish(number)
            sluice.UntilLog("events are kept, since there are no keys to AWS", 30)
            msk.iam.SetAway(False)
            msk.UntilArrived(10)
            sluice.UntilLog("the trouble is over, events are delivered", 20)
            msk.iam.ExpireKeys()
            published = 10
            while "unknown keys" not in msk.judge.refused:  # When the session has ended.
                msk.Publish(published)
                published += 1
                self.assertLess(published, 2000)
            sluice.UntilLog("events are kept, since the brokers do not accept who we are", 20)
            msk.UntilArrived(published)
            self.assertEqual(sluice.Stop(), 0)
            log = sluice.process.Log()
            for secret in ("secret-", "token-", CONTAINER_TOKEN):
                self.assertNotIn(secret, log)
            self.assertEqual(DeadLetters(rig), 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
