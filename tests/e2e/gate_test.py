"""The way from the broker to the disk: nothing is acknowledged before its fsync, nobody gets through the gate, no broker holds up another."""

import base64
import contextlib
import json
import os
import re
import socket
import threading
import time
import unittest

from harness import PeakRss, Rig, Strace, Until
from oracle import FileReader
from scripted_broker import PUBACK, PUBCOMP, PUBREC, ScriptedBroker, TestCa
from servers import Counters, Proxy, Sluice

HELD = 0.4  # Seconds that each fsync is made to take.


def FileSink(rig):
    return {"copy": {"type": "file", "path": os.path.join(rig.directory, "out.jsonl")}}


def MakeSluice(rig, broker, source=None, **options):
    routes = [{"name": "all", "match": "#", "to": "copy"}]
    return Sluice(rig, broker.port, FileSink(rig), routes=routes, source={"subscribe": {"plant/#": {"qos": 1}}, **(source or {})}, **options)


class AckTiming(unittest.TestCase):
    """Each fsync is delayed by strace, at its beginning; an acknowledgement that does not wait for it comes too early by all of that."""

    def Check(self, protocol, qos, tls):
        with Rig() as rig:
            ca = TestCa(rig.directory) if tls else None
            broker = ScriptedBroker(rig, tls=ca.ServerContext() if ca else None)
            source = {"protocol": protocol, "subscribe": {"plant/#": {"qos": qos}}}
            if ca:
                source |= {"url": f"mqtts://localhost:{broker.port}", "tls": {"ca_file": ca.ca}}
            sluice = MakeSluice(rig, broker, source, outbox={"commit_every": 0})
            sluice.Start()
            connection = broker.Live()
            log = os.path.join(rig.directory, "sync.strace")
            rig.Add(Strace(rig, sluice.Pid(), ["-ttt", "-T", "-y", "-o", log, "-e", "trace=fsync,fdatasync", "-e",
                                               f"inject=fsync,fdatasync:delay_enter={int(HELD * 1e6)}"]))
            kind = PUBREC if qos == 2 else PUBACK
            for number in range(1, 6):
                connection.Publish(b"plant/a", b'{"n": %d}' % number, number, qos)
                Until(lambda: number in connection.Acked(kind), 20, "the acknowledgement")
                handed, acked = connection.sent[number], connection.Acked(kind)[number]
                self.assertGreaterEqual(acked - handed, HELD)
                self.assertTrue(any(handed <= start and end <= acked for start, end in self.WalSyncs(log)), "no fsync of the WAL lies between")
            if qos == 2:
                Until(lambda: len(connection.Of(PUBCOMP)) == 5, 20, "PUBCOMP")

    def WalSyncs(self, log):
        """(begin, end) of each fsync of the WAL that has returned."""
        syncs, begun = [], {}
        with open(log) as f:
            for line in f:
                thread, when, call = re.match(r"(\d+) +([\d.]+) (.*)", line).groups()
                if "unfinished" in call:
                    begun[thread] = (float(when), call)
                    continue
                start, text = begun.pop(thread) if "resumed" in call else (float(when), call)
                if took := re.search(r"<([\d.]+)>$", call):
                    if "outbox.db-wal" in text:
                        syncs.append((start, start + float(took[1])))
        return syncs

    def test_no_puback_leaves_before_the_fsync_with_mqtt_5(self):
        self.Check("5", 1, False)

    def test_no_puback_leaves_before_the_fsync_with_mqtt_3_1_1(self):
        self.Check("3.1.1", 1, False)

    def test_no_pubrec_leaves_before_the_fsync_with_mqtt_5(self):
        self.Check("5", 2, False)

    def test_no_puback_leaves_before_the_fsync_with_mqtt_5_over_tls(self):
        self.Check("5", 1, True)

    def test_no_puback_leaves_before_the_fsync_with_mqtt_3_1_1_over_tls(self):
        self.Check("3.1.1", 1, True)

    def test_no_pubrec_leaves_before_the_fsync_with_mqtt_5_over_tls(self):
        self.Check("5", 2, True)


class Gate(unittest.TestCase):
    def PortsOf(self, pid):
        """(address, port) of the listening TCP sockets of the process."""
        inodes = set()
        for fd in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                if m := re.match(r"socket:\[(\d+)\]", os.readlink(f"/proc/{pid}/fd/{fd}")):
                    inodes.add(m[1])
        found = []
        for table in ("tcp", "tcp6"):
            with open(f"/proc/{pid}/net/{table}") as f:
                for line in f.readlines()[1:]:
                    fields = line.split()
                    if fields[3] == "0A" and fields[9] in inodes:
                        address, port = fields[1].split(":")
                        found.append((address, int(port, 16)))
        return found

    def test_the_gate_listens_on_loopback_only_and_lets_nobody_in_without_the_password(self):
        with Rig() as rig:
            broker = ScriptedBroker(rig)
            sluice = MakeSluice(rig, broker)
            sluice.Start()
            [(address, port)] = self.PortsOf(sluice.Pid())
            self.assertEqual(address, "0100007F")
            token = base64.b64encode(b"local:guess").decode()
            for request in (b"CONNECT 127.0.0.1:1883 HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00\r\n\r\n",
                            f"CONNECT x:1 HTTP/1.1\r\nProxy-Authorization: Basic {token}\r\n\r\n".encode(),
                            b"CONNECT x:1 HTTP/1.1\r\nProxy-Authorization: Basic !!!\r\n\r\n", b"A" * 9000):
                with socket.create_connection(("127.0.0.1", port), 5) as s:
                    s.settimeout(20)
                    s.sendall(request)
                    answer = b""
                    with contextlib.suppress(ConnectionResetError):
                        while data := s.recv(1000):
                            answer += data
                    self.assertFalse(answer.startswith(b"HTTP/1.1 200"), request[:40])
            # One who says nothing is not waited for, and many of them do no harm.
            silent = [socket.create_connection(("127.0.0.1", port), 5) for _ in range(40)]
            for s in silent:
                s.settimeout(20)
                with contextlib.suppress(ConnectionResetError):
                    while s.recv(1000):
                        pass
                s.close()
            connection = broker.Live()
            connection.Publish(b"plant/a", b'{"n": 1}', 1)
            Until(lambda: connection.Acked(), 10, "the acknowledgement")
            self.assertEqual(len(broker.connections), 1)
            self.assertEqual(sluice.Stop(), 0)

    def test_a_broker_that_is_away_in_any_manner_does_not_hold_up_another(self):
        with Rig() as rig:
            broker = ScriptedBroker(rig)
            full = socket.socket()
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            silent = socket.create_server(("127.0.0.1", 0), backlog=100)
            clogs = []
            for _ in range(3):  # Once its queue is full, the kernel answers no more: connects hang.
                s = socket.socket()
                s.setblocking(False)
                s.connect_ex(full.getsockname())
                clogs.append(s)
            more = {"connect_timeout": "1s", "reconnect_min": "10ms", "reconnect_max": "50ms", "subscribe": {"x/#": {"qos": 1}}, "type": "mqtt"}
            # The gap is measured at the acknowledgements: what commit_every adds to each is not what is asked for.
            sluice = MakeSluice(rig, broker, outbox={"commit_every": 0}, more_sources={
                "hangs": {**more, "url": f"mqtt://127.0.0.1:{full.getsockname()[1]}"},
                "silent": {**more, "url": f"mqtt://127.0.0.1:{silent.getsockname()[1]}"},
                "refuses": {**more, "url": "mqtt://127.0.0.1:1"}})
            sluice.Start()
            connection = broker.Live()
            end = time.time() + 8
            number = 0
            while time.time() < end:
                number = number % 60000 + 1
                connection.Publish(b"plant/a", b'{"n": %d}' % number, number)
                time.sleep(0.01)  # The pace of the sensor.
            Until(lambda: len(connection.Acked()) == number, 10, "all are acknowledged")
            times = sorted(connection.Acked().values())
            gap = max(b - a for a, b in zip(times, times[1:]))
            print(f"largest gap {gap * 1000:.0f} ms")
            # Whoever waits for `connect_timeout` where others could go on, waits for a second.
            self.assertLess(gap, 0.9)
            self.assertEqual(len(broker.connections), 1)
            for s in clogs + [full, silent]:
                s.close()

    def test_what_a_broker_floods_us_with_stays_in_the_broker_while_the_disk_stalls(self):
        with Rig() as rig:
            broker = ScriptedBroker(rig)
            sluice = MakeSluice(rig, broker, outbox={"commit_every": 0})
            sluice.Start()
            connection = broker.Live()
            rig.Add(Strace(rig, sluice.Pid(), ["-o", "/dev/null", "-e", "trace=fdatasync,fsync", "-e", "inject=fdatasync,fsync:delay_enter=2000000:when=1..3"]))
            count, payload = 60000, b'{"n": 1}' + b" " * 1500

            def Flood():
                for number in range(count):
                    connection.Publish(b"plant/a", payload, number + 1)

            flood = threading.Thread(target=Flood, daemon=True)
            flood.start()
            Until(lambda: len(connection.Of(PUBACK)) == count, 120, "all are acknowledged")
            flood.join(10)
            rss = PeakRss(sluice.Pid())
            print(f"peak RSS {rss:.0f} MiB for {count * len(payload) >> 20} MiB of events")
            self.assertLess(rss, 64)


class OnTheWay(unittest.TestCase):
    def Delivers(self, rig, broker, sluice):
        sluice.Start()
        connection = broker.Live()
        connection.Publish(b"plant/a", b'{"n": 7}', 1)
        Until(lambda: connection.Acked(), 10, "the acknowledgement")
        Until(lambda: FileReader(os.path.join(rig.directory, "out.jsonl")).Numbers() == {7}, 10, "delivery")
        self.assertEqual(sluice.Stop(), 0)

    def test_an_operators_proxy_is_used_for_plain_and_tls_and_its_password_is_in_no_log(self):
        for tls in (False, True):
            with self.subTest(tls=tls), Rig() as rig:
                ca = TestCa(rig.directory) if tls else None
                broker = ScriptedBroker(rig, tls=ca.ServerContext() if ca else None)
                proxy = Proxy(rig, b"op:canary-proxy")
                source = {"url": f"{'mqtts' if tls else 'mqtt'}://localhost:{broker.port}", "proxy": f"http://op:canary-proxy@127.0.0.1:{proxy.port}"}
                if ca:
                    source["tls"] = {"ca_file": ca.ca}
                sluice = MakeSluice(rig, broker, source)
                self.Delivers(rig, broker, sluice)
                self.assertEqual(proxy.targets, [f"localhost:{broker.port}"])
                self.assertNotIn("canary", sluice.process.Log())

    def test_a_proxy_that_refuses_is_told_and_tried_again(self):
        with Rig() as rig:
            broker = ScriptedBroker(rig)
            proxy = Proxy(rig, b"op:right")
            sluice = MakeSluice(rig, broker, {"proxy": f"http://op:wrong-canary@127.0.0.1:{proxy.port}"})
            sluice.Start(connected=False)
            Until(lambda: proxy.refused >= 2, 20, "a second try")
            sluice.UntilLog("407", 10)
            self.assertNotIn("canary", sluice.process.Log())

    def test_tls_verifies_the_brokers_name_and_shows_our_certificate(self):
        with Rig() as rig:
            ca = TestCa(rig.directory)
            broker = ScriptedBroker(rig, tls=ca.ServerContext(client_certificate=True))
            tls = {"ca_file": ca.ca, "cert_file": ca.client_cert, "key_file": ca.client_key}
            self.Delivers(rig, broker, MakeSluice(rig, broker, {"url": f"mqtts://localhost:{broker.port}", "tls": tls}))
        for name, trusted in (("other.example", True), ("localhost", False)):
            with self.subTest(name=name, trusted=trusted), Rig() as rig:
                ca = TestCa(rig.directory, name)
                broker = ScriptedBroker(rig, tls=ca.ServerContext())
                sluice = MakeSluice(rig, broker, {"url": f"mqtts://localhost:{broker.port}", "tls": {"ca_file": ca.ca} if trusted else {}})
                sluice.Start(connected=False)
                sluice.UntilLog("not connected", 20)
                self.assertEqual(broker.connections, [])
                self.assertNotIn("msg=connected", sluice.process.Log())


class Session(unittest.TestCase):
    def test_mqtt_5_says_what_we_can_take_and_keeps_the_session(self):
        with Rig() as rig:
            broker = ScriptedBroker(rig)
            sluice = MakeSluice(rig, broker, {"session_expiry": "2h", "receive_maximum": 77, "max_payload": "1MiB"})
            sluice.Start()
            connection = broker.Live()
            self.assertEqual(connection.properties[0x11], 7200)
            self.assertEqual(connection.properties[0x21], 77)
            self.assertGreaterEqual(connection.properties[0x27], 1 << 20)
            self.assertLess(connection.properties[0x27], 2 << 20)
            self.assertEqual(connection.flags & 2, 0, "clean start")
            self.assertEqual(connection.client_id, b"sluice-edge-1-local")

    def Reconnect(self, rig, broker, sluice, wait_for_subscribe=True):
        sluice.Start()
        first = broker.Live()
        first.Close()
        if wait_for_subscribe:
            return first, broker.Live(2)
        second = Until(lambda: len(broker.connections) > 1 and broker.connections[1], 20, "a second connection")
        Until(lambda: sluice.process.Log().count("msg=connected") == 2, 20, "live again")
        return first, second

    def test_retained_messages_are_asked_for_as_the_policy_says(self):
        for policy, handling in (("once", 1), ("skip", 2), ("forward", 0)):
            with self.subTest(policy=policy), Rig() as rig:
                broker = ScriptedBroker(rig)
                _, second = self.Reconnect(rig, broker, MakeSluice(rig, broker, {"retained": policy}))
                [(name, options)] = second.subscriptions[0]
                self.assertEqual(options >> 4 & 3, handling)
                self.assertEqual(options >> 3 & 1, 0, "only copies bear the mark: not as published")

    def test_with_3_1_1_a_session_that_is_there_is_not_subscribed_again_and_one_that_is_lost_is(self):
        for present in (True, False):
            with self.subTest(present=present), Rig() as rig:
                broker = ScriptedBroker(rig, session_present=lambda n: n > 1 and present)
                sluice = MakeSluice(rig, broker, {"protocol": "3.1.1"})
                first, second = self.Reconnect(rig, broker, sluice, wait_for_subscribe=not present)
                self.assertEqual(len(first.subscriptions), 1)
                self.assertEqual(len(second.subscriptions), 0 if present else 1)
                self.assertEqual("lost the session" in sluice.process.Log(), not present)

    def test_with_3_1_1_a_new_process_subscribes_once_since_its_filters_may_be_new(self):
        with Rig() as rig:
            broker = ScriptedBroker(rig, session_present=lambda n: True)
            sluice = MakeSluice(rig, broker, {"protocol": "3.1.1", "subscribe": {"a/#": {"qos": 1}, "b/#": {"qos": 1}}})
            sluice.Start()
            subscriptions = broker.Live().subscriptions
            Until(lambda: [name for one in subscriptions for name, _ in one] == ["a/#", "b/#"], 10, "both filters")

    def test_with_3_1_1_retained_copies_are_refused_and_counted_if_they_are_to_be_skipped(self):
        with Rig() as rig:
            broker = ScriptedBroker(rig)
            sluice = MakeSluice(rig, broker, {"protocol": "3.1.1", "retained": "skip"})
            sluice.Start()
            connection = broker.Live()
            connection.Publish(b"plant/a", b'{"n": 1}', 1, retain=True)
            connection.Publish(b"plant/a", b'{"n": 2}', 2)
            Until(lambda: len(connection.Acked()) == 2, 10, "both are acknowledged")
            self.assertEqual(sluice.Stop(), 0)
            self.assertEqual(Counters(rig)["source/local/refused/retained"], 1)
            self.assertEqual(FileReader(os.path.join(rig.directory, "out.jsonl")).Numbers(), {2})

    def test_a_lower_granted_qos_and_a_refused_filter_are_told(self):
        with Rig() as rig:
            broker = ScriptedBroker(rig, grant=lambda name, qos: 0x87 if name == "b/#" else 0)
            sluice = MakeSluice(rig, broker, {"subscribe": {"a/#": {"qos": 1}, "b/#": {"qos": 1}}})
            sluice.Start()
            sluice.UntilLog("lower QoS than asked", 10)
            sluice.UntilLog("refused a filter", 10)
        with Rig() as rig:
            broker = ScriptedBroker(rig, grant=lambda name, qos: 0x87)
            sluice = MakeSluice(rig, broker)
            sluice.Start(connected=False)
            sluice.UntilLog("refused", 10)
            Until(lambda: len(broker.connections) > 2, 20, "tries go on")

    def test_a_refused_connection_is_told_with_its_reason_and_tried_again(self):
        with Rig() as rig:
            broker = ScriptedBroker(rig, connack=0x87)
            sluice = MakeSluice(rig, broker, {"username": "u", "password": "canary-mqtt"})
            sluice.Start(connected=False)
            sluice.UntilLog("refused the connection", 10)
            Until(lambda: len(broker.connections) > 2, 20, "tries go on")
            self.assertTrue(sluice.process.IsAlive())
            self.assertNotIn("canary", sluice.process.Log())

    def test_what_is_odd_arrives_as_it_is_and_what_is_too_large_is_refused_counted_and_acknowledged(self):
        with Rig() as rig:
            broker = ScriptedBroker(rig)
            sluice = MakeSluice(rig, broker, {"subscribe": {"#": {"qos": 1}}, "max_payload": "200KiB"})
            sluice.Start()
            connection = broker.Live()
            odd = [(b"plant/a", b""), (b"plant/a", bytes(range(256))), (b"plant/a", b"\xff\xfe"), (b"plant/a", b"x" * (200 << 10)),
                   ("plant/é/'\";--\t\n{}%s".encode(), b"topic"), (b"/", b"slash"), (b"t" * 65535, b"long")]
            for i, (topic, payload) in enumerate(odd):
                connection.Publish(topic, payload, i + 1)
            connection.Publish(b"plant/a", b"y" * ((200 << 10) + 1), 100)
            connection.Publish(b"plant/a", b"unprotected", qos=0)
            connection.Publish(b"plant/a", b"last", 101)
            Until(lambda: {100, 101} <= set(connection.Acked()), 20, "acknowledgements")
            self.assertEqual(sluice.Stop(), 0)
            found = []
            with open(os.path.join(rig.directory, "out.jsonl")) as f:
                for line in f:
                    event = json.loads(line)
                    data = event["data"].encode() if "data" in event else base64.b64decode(event["data_base64"])
                    found.append((event["subject"].encode(), data))
            self.assertEqual(found, odd + [(b"plant/a", b"unprotected"), (b"plant/a", b"last")])
            counters = Counters(rig)
            self.assertEqual(counters["source/local/refused/too_large"], 1)
            self.assertEqual(counters["source/local/unprotected"], 1)
            self.assertEqual(counters["source/local/received"], len(odd) + 3)
            # One event of interest, one line, whatever a topic holds.
            self.assertTrue(all(line.startswith("time=") for line in sluice.process.Log().splitlines()))


if __name__ == "__main__":
    unittest.main(verbosity=2)
