"""From the fleet through Sluice to a second broker: outages, deaths, refusals, and a broker upstream that is away in every manner."""

import json
import os
import socket
import struct
import subprocess
import time
import unittest

from harness import FreePort, RandomSeed, Rig, Until
from mqtt_reader import MqttReader
from oracle import FileReader, Publisher, UntilArrived
from scripted_broker import PUBLISH, ScriptedBroker, TestCa
from servers import Mosquitto, Proxy, Query, Sluice

COUNT = 60
ALL = list(range(COUNT))
ALL_BUT_20 = [n for n in ALL if n != 20]
NOT_AUTHORIZED, TOPIC_NAME_INVALID, PACKET_TOO_LARGE, QUOTA_EXCEEDED = 0x87, 0x90, 0x95, 0x97


def Upstream(port, **more):
    return {"type": "mqtt", "url": f"mqtt://127.0.0.1:{port}", "retry_min": "50ms", "retry_max": "500ms", **more}


def MakeSluice(rig, mosquitto, upstream, target=None, **options):
    routes = [{"name": "all", "match": "plant/#", "to": {"up": target or {}}}]
    return Sluice(rig, mosquitto.port, {"up": upstream}, routes=routes, **options)


def PublishAll(mosquitto, lines, topic="plant/a"):
    """One message a line, QoS 1."""
    subprocess.run(["mosquitto_pub", "-h", "127.0.0.1", "-p", str(mosquitto.port), "-q", "1", "-t", topic, "-l"], input=b"\n".join(lines) + b"\n",
                   check=True, timeout=30)


def DeadLetters(rig):
    return [json.loads(payload)["n"] for payload, in Query(rig, "SELECT payload FROM dead_letter ORDER BY seq")]


class Delivery(unittest.TestCase):
    def test_outages_of_the_upstream_broker_and_deaths_of_sluice_lose_nothing_and_keep_the_order_of_each_key(self):
        random = RandomSeed()
        with Rig() as rig:
            mosquitto, second = Mosquitto(rig), Mosquitto(rig, "second")
            reader = MqttReader(rig, second.port)
            sluice = MakeSluice(rig, mosquitto, Upstream(second.port), outbox={"commit_every": "20ms"})
            sluice.Start()
            publisher = Publisher(mosquitto.port, rate=1000)
            publisher.start()
            for cycle in range(12):
                goal = len(publisher.Acked()) + random.randint(200, 1200)
                if cycle % 2:
                    sluice.Kill()
                    sluice.Start()
                    Until(lambda: len(publisher.Acked()) > goal, 30, "acknowledgements go on")
                else:
                    second.Stop()
                    Until(lambda: len(publisher.Acked()) > goal, 30, "acknowledgements go on in the outage")
                    second.Start()
                    more = len(reader.Published()) + random.randint(50, 500)
                    Until(lambda: len(reader.Published()) > more, 30, "delivery goes on after the outage")
            publisher.Finish()
            account = UntilArrived(publisher, reader, 60)
            account.Check()
            self.assertGreater(len(account.acked), 5000)
            self.assertEqual(sluice.Stop(), 0)

    def test_every_protocol_and_way_of_showing_who_we_are_delivers_what_was_sent(self):
        for protocol in ("5", "3.1.1"):
            with self.subTest(protocol=protocol), Rig() as rig:
                ca, port = TestCa(rig.directory), FreePort()
                passwords = os.path.join(rig.directory, "passwords")
                subprocess.run(["mosquitto_passwd", "-b", "-c", passwords, "gw", "canary-up"], check=True, capture_output=True)
                second = Mosquitto(rig, "second", head=f"per_listener_settings true\nlistener {port} 127.0.0.1\nallow_anonymous false\n"
                                   f"password_file {passwords}\ncafile {ca.ca}\ncertfile {ca.server_cert}\nkeyfile {ca.server_key}\nrequire_certificate true\n")
                mosquitto, reader = Mosquitto(rig), MqttReader(rig, second.port)
                tls = {"ca_file": ca.ca, "cert_file": ca.client_cert, "key_file": ca.client_key}
                upstream = Upstream(port, url=f"mqtts://localhost:{port}", tls=tls, username="gw", password="canary-up", protocol=protocol)
                sluice = MakeSluice(rig, mosquitto, upstream)
                sluice.Start()
                publisher = Publisher(mosquitto.port, rate=2000, count=2000)
                publisher.start()
                publisher.Finish()
                Until(lambda: len(reader.Numbers()) == 2000, 30, "all arrives")
                if protocol == "5":
                    UntilArrived(publisher, reader, 10).Check()
                else:
                    self.assertEqual([one.properties for one in reader.Published() if one.properties], [])
                self.assertEqual(sluice.Stop(), 0)
                self.assertNotIn("canary", sluice.process.Log())

    def test_what_is_published_has_the_routes_topic_and_the_publishers_properties(self):
        with Rig() as rig:
            broker, mosquitto = ScriptedBroker(rig), Mosquitto(rig)
            second = Mosquitto(rig, "second")
            reader = MqttReader(rig, second.port)
            local = {"type": "mqtt", "url": f"mqtt://127.0.0.1:{broker.port}", "subscribe": {"plant/#": {"qos": 1}}}
            routes = [{"name": "all", "match": "plant/{line}", "key": "k-{line}", "to": {"up": {"topic": "andon/{line}/{gateway.id}"}}}]
            sluice = Sluice(rig, mosquitto.port, {"up": Upstream(second.port)}, routes=routes, more_sources={"scripted": local})
            sluice.Start()
            user = b"\x26\x00\x05trace\x00\x01x" + b"\x26\x00\x02id\x00\x06forged"
            payload = bytes(range(256))
            broker.Live().Publish(b"plant/a", payload, 1, properties=b"\x02\x00\x00\x02\x58" + b"\x03\x00\x03c/t" + user)
            [one] = Until(reader.Published, 20, "it arrives")
            self.assertEqual((one.topic, one.payload, one.content_type), ("andon/a/edge-1", payload, "c/t"))
            self.assertTrue(590 <= one.expiry <= 600, one.expiry)
            properties = dict(one.properties)
            self.assertEqual(len(properties), len(one.properties), "no name twice")
            self.assertEqual((properties["trace"], properties["subject"], properties["partitionkey"]), ("x", "plant/a", "k-a"))
            self.assertRegex(properties["id"], r"^edge-1:[0-9a-f]+:1$")
            self.assertEqual(properties["source"], "/sluice/edge-1/scripted")


    def test_an_operators_proxy_is_used_and_its_password_is_in_no_log(self):
        with Rig() as rig:
            mosquitto, upstream = Mosquitto(rig), ScriptedBroker(rig)
            proxy = Proxy(rig, b"op:canary-proxy")
            upstream_sink = Upstream(0, url=f"mqtt://localhost:{upstream.port}", proxy=f"http://op:canary-proxy@127.0.0.1:{proxy.port}")
            sluice = MakeSluice(rig, mosquitto, upstream_sink)
            sluice.Start()
            PublishAll(mosquitto, [b'{"n": 1}'])
            Until(lambda: upstream.connections and upstream.connections[0].Of(PUBLISH), 20, "it arrives")
            self.assertEqual(proxy.targets, [f"localhost:{upstream.port}"])
            self.assertEqual(sluice.Stop(), 0)
            self.assertNotIn("canary", sluice.process.Log())


class Refusal(unittest.TestCase):
    """An upstream broker that takes what the test says."""

    class Taker:
        """Refuses, with `reason`, numbers for as many times as `refusals` says; notes what it has taken and seen, in order."""

        def __init__(self, reason, refusals):
            self.reason, self.refusals, self.seen, self.taken = reason, dict(refusals), [], []

        def __call__(self, connection, published):
            number = json.loads(published.payload)["n"]
            self.seen.append(number)
            if self.refusals.get(number, 0) > 0:
                self.refusals[number] -= 1
                return self.Refuse(connection)
            self.taken.append(number)
            return 0

        def Refuse(self, connection):
            return self.reason

    class Ender(Taker):
        """Does not refuse a message but ends the connection over it, saying why."""

        def Refuse(self, connection):
            connection.Send(bytes([0xE0, 2, self.reason, 0]))
            connection.Close()
            return None

    def Deliver(self, taker, expected):
        """60 messages of one key; the log and the dead letters once `expected` has been taken, in order."""
        with Rig() as rig:
            mosquitto, upstream = Mosquitto(rig), ScriptedBroker(rig, take=taker)
            sluice = MakeSluice(rig, mosquitto, Upstream(upstream.port))
            sluice.Start()
            PublishAll(mosquitto, [b'{"n": %d}' % n for n in range(COUNT)])
            Until(lambda: set(taker.taken) >= set(expected), 60, "all that can be taken is taken")
            self.assertEqual(list(dict.fromkeys(taker.taken)), expected, "in order")
            self.assertEqual(sluice.Stop(), 0)
            return sluice.process.Log(), DeadLetters(rig)

    def test_what_may_be_taken_later_is_tried_again_and_nothing_of_its_key_overtakes(self):
        for reason in (NOT_AUTHORIZED, QUOTA_EXCEEDED, 0x80, 0x83):
            with self.subTest(reason=hex(reason)):
                taker = self.Taker(reason, {20: 5, 40: 1})
                log, dead = self.Deliver(taker, ALL)
                self.assertEqual(dead, [])
                # Not even sent: from its first refusal on, 20 is the next of its key.
                first = taker.seen.index(20)
                self.assertEqual(taker.seen[first:first + 6], [20] * 6)
                self.assertEqual(log.count("delivery failed"), 2)
                self.assertEqual(log.count("delivering again"), 2)

    def test_what_is_never_taken_is_set_aside_alone(self):
        for reason in (TOPIC_NAME_INVALID, 0x99, PACKET_TOO_LARGE):
            with self.subTest(reason=hex(reason)):
                _, dead = self.Deliver(self.Taker(reason, {20: 10**9}), ALL_BUT_20)
                self.assertEqual(dead, [20])

    def test_a_message_over_which_the_broker_ends_the_connection_is_set_aside_alone(self):
        _, dead = self.Deliver(self.Ender(PACKET_TOO_LARGE, {20: 10**9}), ALL_BUT_20)
        self.assertEqual(dead, [20])

    def test_a_broker_that_ends_the_connection_for_other_reasons_loses_nothing(self):
        log, dead = self.Deliver(self.Ender(0x8B, {20: 3, 41: 1}), ALL)  # Server shutting down.
        self.assertEqual(dead, [])
        self.assertIn("Server shutting down", log)

    def test_a_packet_larger_than_the_broker_said_is_not_even_sent(self):
        taker = self.Taker(0, {})
        with Rig() as rig:
            mosquitto, upstream = Mosquitto(rig), ScriptedBroker(rig, take=taker, limits=b"\x27\x00\x00\x08\x00")
            sluice = MakeSluice(rig, mosquitto, Upstream(upstream.port))
            sluice.Start()
            PublishAll(mosquitto, [b'{"n": 0}', b'{"n": 1, "x": "%s"}' % (b"x" * 2048), b'{"n": 2}'])
            Until(lambda: set(taker.taken) == {0, 2}, 20, "the others are taken")
            self.assertEqual(sluice.Stop(), 0)
            self.assertEqual(DeadLetters(rig), [1])
            self.assertNotIn(1, taker.seen)

    def test_no_more_is_on_its_way_than_the_broker_said(self):
        held, most = [], 3

        def Hold(connection, published):
            held.append((connection, published))
            return None

        with Rig() as rig:
            mosquitto, upstream = Mosquitto(rig), ScriptedBroker(rig, take=Hold, limits=b"\x21" + struct.pack(">H", most))
            sluice = MakeSluice(rig, mosquitto, Upstream(upstream.port))
            sluice.Start()
            keys = 20
            for key in range(keys):
                PublishAll(mosquitto, [b'{"n": %d}' % key], f"plant/{key}")
            for answered in range(keys):
                expected = min(most, keys - answered)
                Until(lambda: len(held) - answered == expected, 20, "the window is full")
                connection, published = held[answered]
                connection.Send(b"\x40\x02" + struct.pack(">H", published.packet_id))
                self.assertLessEqual(len(held) - answered - 1, most)
            self.assertEqual(sluice.Stop(), 0)

    def test_a_refused_connection_is_told_with_its_reason_and_tried_again(self):
        with Rig() as rig:
            mosquitto, upstream = Mosquitto(rig), ScriptedBroker(rig, connack=0x86)
            sluice = MakeSluice(rig, mosquitto, Upstream(upstream.port, username="gw", password="canary-up"))
            sluice.Start()
            PublishAll(mosquitto, [b'{"n": 1}'])
            Until(lambda: len(upstream.connections) > 3, 20, "tries go on")
            self.assertIn("Bad User Name or Password", sluice.process.Log())
            self.assertEqual(upstream.connections[0].client_id, b"sluice-edge-1-up-normal")
            self.assertTrue(upstream.connections[0].flags & 2, "clean start: the broker keeps nothing of ours")
            upstream.connack = 0
            sluice.UntilLog("delivering again", 20)
            self.assertNotIn("canary", sluice.process.Log())


class Away(unittest.TestCase):
    def test_an_upstream_broker_that_is_away_in_any_manner_does_not_hold_up_a_source(self):
        with Rig() as rig:
            local = ScriptedBroker(rig)
            full = socket.socket()
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            silent = socket.create_server(("127.0.0.1", 0), backlog=1000)
            deaf = ScriptedBroker(rig, take=lambda connection, published: time.sleep(3600))  # Connects, then reads no more.
            clogs = []
            for _ in range(3):  # Once its queue is full, the kernel answers no more: connects hang.
                s = socket.socket()
                s.setblocking(False)
                s.connect_ex(full.getsockname())
                clogs.append(s)
            more = {"connect_timeout": "1s", "retry_max": "1s"}
            sinks = {"hangs": Upstream(full.getsockname()[1], **more), "silent": Upstream(silent.getsockname()[1], **more),
                     "handshake": Upstream(0, url=f"mqtts://127.0.0.1:{silent.getsockname()[1]}", **more),
                     "nobody": Upstream(1, **more), "deaf": Upstream(deaf.port, **more),
                     "unknown": Upstream(0, url="mqtt://no-such-host.invalid", **more),
                     "copy": {"type": "file", "path": os.path.join(rig.directory, "out.jsonl")}}
            routes = [{"name": "all", "match": "#", "to": {name: {} for name in sinks}}]
            sluice = Sluice(rig, local.port, sinks, routes=routes, outbox={"commit_every": 0})
            sluice.Start()
            connection = local.Live()
            end, number = time.time() + 10, 0
            while time.time() < end:
                number = number % 60000 + 1
                connection.Publish(b"plant/a", b'{"n": %d}' % number, number)
                time.sleep(0.01)  # The pace of the sensor.
            Until(lambda: len(connection.Acked()) == number, 10, "all are acknowledged")
            times = sorted(connection.Acked().values())
            gap = max(b - a for a, b in zip(times, times[1:]))
            print(f"largest gap {gap * 1000:.0f} ms")
            # Each connect that finds TCP open keeps the library's lock for a quarter of a second; dialling inside it would for 10 s.
            self.assertLess(gap, 2)
            Until(lambda: len(FileReader(os.path.join(rig.directory, "out.jsonl")).Numbers()) == number, 20, "another sink goes on")
            self.assertEqual(len(local.connections), 1)
            for s in clogs + [full, silent]:
                s.close()


if __name__ == "__main__":
    unittest.main(verbosity=2)
