"""The second half of packaging/quickstart: runs the demonstration, with the parts that the tests are made of."""

import argparse
import os
import secrets
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(ROOT, "tests", "e2e"))

from harness import BUILD, Process, Rig, Until  # noqa: E402
from oracle import Account, FileReader, Publisher, Reader  # noqa: E402
from servers import MockKafka, Mosquitto  # noqa: E402

MACHINES = 20
NOWHERE = "127.0.0.1:1"


def Say(text):
    print(text, flush=True)


def HostPort(text):
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT")
    return text


class Daemon:
    def __init__(self, rig, arguments, mqtt, run):
        self.rig, self.process = rig, None
        self.config = os.path.join(ROOT, "config", "examples", "quickstart.json" if arguments.sink == "kafka" else "quickstart-file.json")
        self.environment = {"QUICKSTART_MQTT": mqtt, "QUICKSTART_DIR": rig.directory, "QUICKSTART_RUN": run}
        rig.Add(self)

    def Start(self, kafka):
        self.process = Process("sluice", [os.path.join(BUILD, "sluice"), "run", "-c", self.config], self.rig.directory,
                               {**self.environment, "QUICKSTART_KAFKA": kafka})
        try:
            Until(lambda: "msg=connected" in self.process.Log() or not self.process.IsAlive(), 20, "Sluice connects to the MQTT broker")
        except TimeoutError:
            pass
        if "msg=connected" not in self.process.Log():
            sys.exit(f"quickstart: Sluice does not connect:\n{self.process.Log()}")

    def Kill(self):
        if self.process:
            self.process.Kill()


class Demonstration:
    def __init__(self, rig, arguments):
        self.arguments = arguments
        self.run = secrets.token_hex(4)
        self.mock = None
        self.kafka = arguments.kafka or NOWHERE
        if arguments.mqtt:
            mqtt = arguments.mqtt
        else:
            mqtt = f"127.0.0.1:{Mosquitto(rig).port}"
        host, port = mqtt.rsplit(":", 1)
        if arguments.sink == "kafka" and not arguments.kafka:
            self.mock = MockKafka(rig, [f"quickstart-{self.run}:4"])
            self.kafka = self.mock.bootstrap
        Say(f"MQTT broker   {mqtt}" + ("" if arguments.mqtt else " (Mosquitto, started for this)"))
        if arguments.sink == "kafka":
            Say(f"Kafka         {self.kafka}" + ("" if arguments.kafka else " (the test cluster built into librdkafka; --kafka takes your own)"))
        self.daemon = Daemon(rig, arguments, mqtt, self.run)
        Say(f"configuration {os.path.relpath(self.daemon.config)}\noutbox        {rig.directory}/outbox.db\n")
        self.daemon.Start(self.kafka)
        prefix = f"quickstart/{self.run}"
        self.publisher = Publisher(int(port), arguments.rate, keys=MACHINES, host=host.strip("[]"), prefix=prefix)
        if arguments.sink == "kafka":
            self.reader = Reader(rig, self.kafka, f"quickstart-{self.run}")
        else:
            self.reader = FileReader(os.path.join(rig.directory, "events.jsonl"))

    def Account(self):
        p = self.publisher
        return Account(p.Acked(), self.reader.Records(), p.keys, p.size, p.prefix, key=lambda topic: topic.split("/")[2])

    def Watch(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(min(1, max(0, end - time.monotonic())))
            Say(f"    published {len(self.publisher.Acked()):>7}   arrived {len(self.reader.Numbers()):>7}")

    def CutUplink(self):
        if self.mock:
            self.mock.Tell("down")
        else:
            # Your Kafka is not ours to stop: Sluice is started again with an address where nobody is.
            self.daemon.Kill()
            self.daemon.Start(NOWHERE)

    def Restore(self):
        if self.mock:
            self.mock.Tell("up")
        self.daemon.Kill()
        self.daemon.Start(self.kafka)

    def Show(self):
        Until(lambda: len(self.reader.Records()) >= 3, 60, "the first events arrive")
        for _, event_id, _, topic, payload, key in self.reader.Records()[:3]:
            Say(f"    id {event_id}  key {key}  subject {topic}\n      {payload.strip()}")

    def Play(self):
        part = self.arguments.seconds / 4
        Say(f"{MACHINES} machines publish {self.arguments.rate} events a second, QoS 1. As they arrive:")
        self.publisher.start()
        self.Show()
        self.Watch(part)
        if self.arguments.sink == "kafka":
            Say("\nThe uplink is cut. Sluice goes on acknowledging, and keeps what it acknowledges on disk.")
            self.CutUplink()
            self.Watch(part)
        Say("\nSluice is killed with -9, in the middle of it.")
        self.daemon.Kill()
        self.Watch(part / 2)
        Say("\nBoth are back.")
        self.Restore()
        self.Watch(part * 1.5)

    def Finish(self):
        Say("\nThe sensors are stopped; what is on its way arrives.")
        if self.mock:
            self.mock.Tell("up")
        if not self.daemon.process.IsAlive():
            self.daemon.Start(self.kafka)
        self.publisher.Finish()
        acked = self.publisher.Acked()
        try:
            Until(lambda: acked <= self.reader.Numbers(), 60, "everything arrives")
        except TimeoutError:
            Say("quickstart: not all has arrived within 60 s")
        account = self.Account()
        for violation in account.violations[:5]:
            Say(f"  {violation}")
        Say(f"\nacked {len(account.acked)}, arrived {len(account.arrived)}, missing {len(account.missing)}, redelivered {account.redelivered + account.resent}")
        return 1 if account.missing or account.violations or not account.acked else 0


def Main():
    parser = argparse.ArgumentParser(prog="packaging/quickstart")
    parser.add_argument("--kafka", type=HostPort)
    parser.add_argument("--mqtt", type=HostPort)
    parser.add_argument("--sink", choices=["kafka", "file"], default="kafka")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--rate", type=int, default=500)
    arguments = parser.parse_args()
    try:
        with Rig() as rig:
            demonstration = Demonstration(rig, arguments)
            try:
                demonstration.Play()
            except KeyboardInterrupt:
                Say("\nInterrupted: counting what there is. Once more to leave at once.")
            return demonstration.Finish()
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(Main())
