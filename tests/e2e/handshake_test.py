"""A broker with which no TLS connection comes about, as source and as sink: the operator is told why."""

import os
import re
import unittest

from harness import FreePort, Rig, Until
from kafka_test import PublishOne
from scripted_broker import TestCa
from servers import Mosquitto, Sluice

ADVICE = ("; if that is TLS: the broker's certificate must be for `localhost`, in time by this machine's clock, and of a CA in `ca_file`; "
          "and the broker must take ours (`cert_file`), if it wants one")


class Handshake(unittest.TestCase):
    def Listener(self, port, cert, key, ca):
        """A listener of Mosquitto that wants a certificate of `ca`, if it is not empty."""
        wanted = f"cafile {ca}\nrequire_certificate true\n" if ca else ""
        return f"listener {port} 127.0.0.1\ncertfile {cert}\nkeyfile {key}\n{wanted}"

    def Told(self, name="localhost", tls=lambda ours, other: {"ca_file": ours.ca}, wants_certificate=False, expired=False):
        """By source and sink of one daemon, in the log."""
        with Rig() as rig:
            os.mkdir(os.path.join(rig.directory, "other"))
            ours, other = TestCa(rig.directory, name), TestCa(os.path.join(rig.directory, "other"))
            if expired:
                ours.server_key, ours.server_cert = ours.Issue("server", f"DNS:{name}", days=-1)
            port = FreePort()
            broker = Mosquitto(rig, head=self.Listener(port, ours.server_cert, ours.server_key, ours.ca if wants_certificate else ""))
            with_tls = {"type": "mqtt", "url": f"mqtts://localhost:{port}", "tls": tls(ours, other)}
            sluice = Sluice(rig, broker.port, {"up": {**with_tls, "retry_min": "50ms", "retry_max": "500ms"}},
                            routes=[{"name": "all", "match": "plant/#", "to": "up"}],
                            more_sources={"annex": {**with_tls, "subscribe": {"annex/#": {"qos": 1}}}})
            sluice.Start()
            for part in ("source=annex", "sink=up"):
                Until(lambda: re.search(f'{part} reason="[^"]+{re.escape(ADVICE)}"', sluice.process.Log()), 20, f"{part} tells what may be wrong")
            PublishOne(broker.port, "plant/a", b"x")
            sluice.UntilLog("delivery failed, keeping the events", 20)
            self.assertEqual(sluice.Stop(), 0)

    def test_an_authority_that_we_do_not_know(self):
        self.Told(tls=lambda ours, other: {"ca_file": other.ca})

    def test_a_certificate_whose_time_is_over(self):
        self.Told(expired=True)

    def test_a_certificate_for_another_name(self):
        self.Told(name="other.example")

    def test_a_broker_that_wants_a_certificate_of_ours(self):
        self.Told(wants_certificate=True)

    def test_a_broker_that_does_not_know_our_authority(self):
        self.Told(wants_certificate=True, tls=lambda ours, other: {"ca_file": ours.ca, "cert_file": other.client_cert, "key_file": other.client_key})


if __name__ == "__main__":
    unittest.main()
