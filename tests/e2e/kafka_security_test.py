"""A real Apache Kafka that asks who we are and what we may do: what is right delivers; what is wrong loses nothing, says what to do, and goes
on by itself once it is mended."""

import os
import unittest

from harness import FreePort, Rig, Until
from kafka_test import PublishOne, StartKafka
from oracle import Consumed
from scripted_broker import TestCa
from servers import Mosquitto, Query, Sluice

PROPERTIES = """
listeners=PLAINTEXT://127.0.0.1:{{port}},CONTROLLER://127.0.0.1:{{controller}},TLS://127.0.0.1:{tls},MTLS://127.0.0.1:{mtls},SASL://127.0.0.1:{sasl}
advertised.listeners=PLAINTEXT://127.0.0.1:{{port}},TLS://localhost:{tls},MTLS://localhost:{mtls},SASL://localhost:{sasl}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,TLS:SSL,MTLS:SSL,SASL:SASL_SSL
ssl.keystore.type=PEM
ssl.keystore.location={keystore}
ssl.truststore.type=PEM
ssl.truststore.location={ca}
listener.name.mtls.ssl.client.auth=required
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
listener.name.sasl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_plain="canary-right";
listener.name.sasl.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.sasl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS;User:plain;User:scram;User:CN=client
auto.create.topics.enable=false
"""
ACLS, CONFIGS = "kafka.admin.AclCommand", "kafka.admin.ConfigCommand"
FAST = {"reconnect.backoff.max.ms": 500, "topic.metadata.propagation.max.ms": 1000}


class SecureKafka:
    def __init__(self, rig):
        self.ca = TestCa(rig.directory)
        self.tls, self.mtls, self.sasl = FreePort(), FreePort(), FreePort()
        keystore = os.path.join(rig.directory, "keystore.pem")
        with open(keystore, "w") as out:
            for part in (self.ca.server_key, self.ca.server_cert):
                with open(part) as f:
                    out.write(f.read())
        properties = PROPERTIES.format(tls=self.tls, mtls=self.mtls, sasl=self.sasl, keystore=keystore, ca=self.ca.ca)
        scram = [f"SCRAM-SHA-{size}=[name={user},password=canary-right]" for user in ("scram", "limited", "stranger") for size in (256, 512)]
        self.kafka = StartKafka(rig, properties, [word for one in scram for word in ("--add-scram", one)])

    def Sink(self, port, mechanism=None, username="scram", password="canary-right", ca=None, certificate=False):
        tls = {"ca_file": ca or self.ca.ca}
        if certificate:
            tls |= {"cert_file": self.ca.client_cert, "key_file": self.ca.client_key}
        sink = {"type": "kafka", "brokers": [f"localhost:{port}"], "tls": tls, "rdkafka": FAST, "retry_min": "50ms", "retry_max": "500ms"}
        if mechanism:
            sink["auth"] = {"mechanism": mechanism, "username": username, "password": password}
        return sink

    def CreateTopic(self, *names):
        for name in names:
            self.kafka.Topic("create", name)

    def Grant(self, user, topic):
        self.kafka.Admin(ACLS, "--add", "--allow-principal", f"User:{user}", "--operation", "Write", "--operation", "Describe", "--topic", topic)

    def Payloads(self, topic):
        return Consumed(self.kafka, topic).splitlines()


def MakeSluice(rig, sinks):
    """Everything goes to every sink, to a topic of the sink's name."""
    mosquitto = Mosquitto(rig)
    routes = [{"name": "all", "match": "plant/#", "to": {name: {"topic": name} for name in sinks}}]
    return mosquitto, Sluice(rig, mosquitto.port, sinks, routes=routes)


def DeadLetters(rig):
    return Query(rig, "SELECT count(*) FROM dead_letter")[0][0]


class Security(unittest.TestCase):
    def Lines(self, sluice, sink, text):
        return [line for line in sluice.process.Log().splitlines() if f" sink={sink} " in line + " " and text in line]

    def test_every_way_of_showing_who_we_are_delivers_and_no_secret_is_logged(self):
        with Rig() as rig:
            secure = SecureKafka(rig)
            sinks = {"tls": secure.Sink(secure.tls), "mtls": secure.Sink(secure.mtls, certificate=True),
                     "plain": secure.Sink(secure.sasl, "PLAIN", "plain"),
                     "scram256": secure.Sink(secure.sasl, "SCRAM-SHA-256"), "scram512": secure.Sink(secure.sasl, "SCRAM-SHA-512")}
            secure.CreateTopic(*sinks)
            mosquitto, sluice = MakeSluice(rig, sinks)
            sluice.Start()
            for number in range(20):
                PublishOne(mosquitto.port, "plant/a", b"%d" % number)
            for sink in sinks:
                Until(lambda: secure.Payloads(sink) == [str(n) for n in range(20)], 60, f"all arrives by {sink}")
            self.assertEqual(sluice.Stop(), 0)
            self.assertNotIn("canary", sluice.process.Log())
            self.assertEqual(DeadLetters(rig), 0)

    def test_what_is_wrong_loses_nothing_says_what_to_do_and_goes_on_by_itself_once_it_is_mended(self):
        with Rig() as rig:
            secure = SecureKafka(rig)
            other = os.path.join(rig.directory, "other")
            os.mkdir(other)
            sinks = {"password": secure.Sink(secure.sasl, "SCRAM-SHA-512", "limited", "canary-new"), "untrusted": secure.Sink(secure.tls, ca=TestCa(other).ca),
                     "nocert": secure.Sink(secure.mtls), "denied": secure.Sink(secure.sasl, "SCRAM-SHA-256", "limited"),
                     "unknown": secure.Sink(secure.sasl, "SCRAM-SHA-256", "stranger"), "missing": secure.Sink(secure.tls), "right": secure.Sink(secure.tls)}
            secure.CreateTopic(*(name for name in sinks if name != "missing"))
            # Who may write somewhere gets as far as the topic; who may not, not even that.
            secure.Grant("limited", "password")
            mosquitto, sluice = MakeSluice(rig, sinks)
            sluice.Start()
            for number in range(10):
                PublishOne(mosquitto.port, "plant/a", b"%d" % number)
            Until(lambda: len(secure.Payloads("right")) == 10, 60, "one that is right is not held up")
            advice = {"password": "do not accept who we are", "untrusted": "TLS fails", "nocert": "whether they want TLS and a certificate",
                      "unknown": "on the topic unknown",
                      "denied": "grant this client Write and Describe on the topic denied", "missing": "create the topic missing"}
            for sink, text in advice.items():
                Until(lambda: self.Lines(sluice, sink, text), 60, f"{sink}: {text}")
            self.Mend(secure)
            everything = [str(n) for n in range(10)]
            for sink, over in (("password", "the trouble is over"), ("denied", "delivering again"), ("unknown", "delivering again"), ("missing", "delivering again")):
                Until(lambda: list(dict.fromkeys(secure.Payloads(sink))) == everything, 90, f"all arrives by {sink}")
                Until(lambda: self.Lines(sluice, sink, over), 20, f"{sink}: {over}")
            for sink, text in advice.items():
                self.assertEqual(len(self.Lines(sluice, sink, text)), 1, sink)
            # Certificates are read when a client is made.
            sluice.Stop()
            self.assertNotIn("canary", sluice.process.Log())
            mended = dict(sinks, untrusted=secure.Sink(secure.tls), nocert=secure.Sink(secure.mtls, certificate=True))
            _, sluice = MakeSluice(rig, mended)
            sluice.Start()
            for sink in ("untrusted", "nocert"):
                Until(lambda: secure.Payloads(sink) == everything, 60, f"all arrives by {sink}")
            self.assertEqual(sluice.Stop(), 0)
            self.assertEqual(DeadLetters(rig), 0)

    def Mend(self, secure):
        secure.Grant("limited", "denied")
        secure.Grant("stranger", "unknown")
        secure.kafka.Admin(CONFIGS, "--alter", "--entity-type", "users", "--entity-name", "limited", "--add-config", "SCRAM-SHA-512=[password=canary-new]")
        secure.CreateTopic("missing")

    def test_a_topic_that_is_deleted_and_made_again_and_a_quota_lose_nothing(self):
        with Rig() as rig:
            secure = SecureKafka(rig)
            secure.CreateTopic("slow", "gone")
            sinks = {"slow": secure.Sink(secure.sasl, "SCRAM-SHA-256"), "gone": secure.Sink(secure.tls)}
            # Compressed, all of it would be too little for the quota.
            sinks["slow"]["rdkafka"] = {**FAST, "compression.type": "none"}
            secure.kafka.Admin(CONFIGS, "--alter", "--entity-type", "users", "--entity-name", "scram", "--add-config", "producer_byte_rate=20000")
            mosquitto, sluice = MakeSluice(rig, sinks)
            sluice.Start()
            PublishOne(mosquitto.port, "plant/a", b"before")
            Until(lambda: secure.Payloads("gone") == ["before"], 60, "the first arrives")
            secure.kafka.Topic("delete", "gone")
            for number in range(30):
                PublishOne(mosquitto.port, "plant/a", b"%d" % number + b" " * 10_000)
            sluice.UntilLog("create the topic gone", 60)
            sluice.UntilLog("the brokers slow us down: raise this client's quota", 60)
            secure.CreateTopic("gone")
            for sink in sinks:
                Until(lambda: {line.strip() for line in secure.Payloads(sink)} >= {str(n) for n in range(30)}, 90, f"all arrives by {sink}")
            # The quota holds for seconds on end and is one trouble all the while.
            self.assertEqual(len(self.Lines(sluice, "slow", "the brokers slow us down")), 1)
            self.assertEqual(sluice.Stop(), 0)
            self.assertEqual(DeadLetters(rig), 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
