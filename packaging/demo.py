"""The second half of packaging/quickstart: runs the demonstration, with the parts that the tests are made of."""

import argparse
import json
import os
import secrets
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(ROOT, "tests", "e2e"))

from harness import BUILD, Process, Rig, Until  # noqa: E402
from lambda_trigger import Handler, Trigger  # noqa: E402
from oracle import Account, FileReader, Publisher, Reader, Unbalanced  # noqa: E402
from servers import Kinesalite, MockKafka, Mosquitto  # noqa: E402

MACHINES = 20
KINDS = ["alarm"] + 3 * ["telemetry"] + 6 * ["vibration"]  # What the machines send, in turn.
NOWHERE = "127.0.0.1:1"


def Say(text):
    print(text, flush=True)


def HostPort(text):
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT")
    return text


class TestKafka:
    """Where events go; this one is librdkafka's test cluster. Each kind of uplink has these members."""

    CONFIG = "quickstart.json"
    CAN_BE_CUT = True

    def __init__(self, rig, run):
        self.rig, self.topic = rig, f"quickstart-{run}"
        self.mock = MockKafka(rig, [self.topic + ":4"])
        self.about = f"Kafka         {self.mock.bootstrap} (the test cluster built into librdkafka; --kafka takes your own)\n"
        self.environment = {"QUICKSTART_KAFKA": self.mock.bootstrap}

    def Read(self):
        return Reader(self.rig, self.mock.bootstrap, self.topic)

    def Cut(self, daemon):
        self.mock.Tell("down")

    def Restore(self):
        self.mock.Tell("up")


class OwnKafka:
    CONFIG = "quickstart.json"
    CAN_BE_CUT = True

    def __init__(self, rig, run, address):
        self.rig, self.topic, self.address = rig, f"quickstart-{run}", address
        self.about = f"Kafka         {address}\n"
        self.environment = {"QUICKSTART_KAFKA": address}

    def Read(self):
        return Reader(self.rig, self.address, self.topic)

    def Cut(self, daemon):
        # Not ours to stop: Sluice is started again with an address where nobody is.
        self.environment["QUICKSTART_KAFKA"] = NOWHERE
        daemon.Kill()
        daemon.Start()

    def Restore(self):
        self.environment["QUICKSTART_KAFKA"] = self.address


class TestKinesis:
    CONFIG = "quickstart-kinesis.json"
    CAN_BE_CUT = True

    def __init__(self, rig, run):
        self.rig = rig
        self.kinesis = Kinesalite(rig, stream="quickstart")
        self.about = f"Kinesis       {self.kinesis.endpoint} (kinesalite)\n"
        self.environment = {"QUICKSTART_KINESIS": self.kinesis.endpoint, "AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "secret"}

    def Read(self):
        return Trigger(self.rig, self.kinesis, Handler)

    def Cut(self, daemon):
        self.kinesis.Kill()

    def Restore(self):
        if not self.kinesis.process.IsAlive():
            self.kinesis.Start()


class File:
    CONFIG = "quickstart-file.json"
    CAN_BE_CUT = False

    def __init__(self, rig, run):
        self.path = os.path.join(rig.directory, "events.jsonl")
        self.about = ""
        self.environment = {}

    def Read(self):
        return FileReader(self.path)

    def Restore(self):
        pass


def MakeUplink(rig, arguments, run):
    if arguments.kafka:
        return OwnKafka(rig, run, arguments.kafka)
    return {"kafka": TestKafka, "kinesis": TestKinesis, "file": File}[arguments.sink](rig, run)


class Daemon:
    def __init__(self, rig, uplink, mqtt, run):
        self.rig, self.uplink, self.process = rig, uplink, None
        self.config = os.path.join(ROOT, "config", "examples", uplink.CONFIG)
        self.environment = {"QUICKSTART_MQTT": mqtt, "QUICKSTART_DIR": rig.directory, "QUICKSTART_RUN": run}
        self.told = FileReader(os.path.join(rig.directory, "own.jsonl"))
        rig.Add(self)

    def Start(self):
        self.process = Process("sluice", [os.path.join(BUILD, "sluice"), "run", "-c", self.config], self.rig.directory,
                               {**self.environment, **self.uplink.environment})
        try:
            Until(lambda: "msg=connected" in self.process.Log() or not self.process.IsAlive(), 20, "Sluice connects to the MQTT broker")
        except TimeoutError:
            pass
        if "msg=connected" not in self.process.Log():
            sys.exit(f"quickstart: Sluice does not connect:\n{self.process.Log()}")

    def Kill(self):
        if self.process:
            self.process.Kill()

    def Status(self):
        socket = os.path.join(self.rig.directory, "control.sock")
        return json.loads(subprocess.run([os.path.join(BUILD, "sluice"), "status", "--json", "--socket", socket], capture_output=True,
                                         check=True, timeout=20).stdout)


class Demonstration:
    def __init__(self, rig, arguments):
        self.arguments = arguments
        run = secrets.token_hex(4)
        mqtt = arguments.mqtt or f"127.0.0.1:{Mosquitto(rig).port}"
        host, port = mqtt.rsplit(":", 1)
        self.uplink = MakeUplink(rig, arguments, run)
        self.daemon = Daemon(rig, self.uplink, mqtt, run)
        Say(f"MQTT broker   {mqtt}" + ("" if arguments.mqtt else " (Mosquitto, started for this)"))
        Say(f"{self.uplink.about}configuration {os.path.relpath(self.daemon.config)}\noutbox        {rig.directory}/outbox.db\n")
        self.daemon.Start()

        def Topic(number):
            machine = number % MACHINES
            return f"quickstart/{run}/machine-{machine}/{KINDS[machine % len(KINDS)]}"
        self.publisher = Publisher(int(port), arguments.rate, host=host.strip("[]"), topic=Topic)
        self.reader = self.uplink.Read()

    def Account(self):
        p = self.publisher
        return Account(p.Acked(), self.reader.Records(), p.topic, p.size, key=lambda topic: topic.split("/")[2])

    def Watch(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(min(1, max(0, end - time.monotonic())))
            Say(f"    published {len(self.publisher.Acked()):>7}   arrived {len(self.reader.Numbers()):>7}")

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
        if self.uplink.CAN_BE_CUT:
            Say("\nThe uplink is cut. Sluice goes on acknowledging, and keeps what it acknowledges on disk.")
            self.uplink.Cut(self.daemon)
            self.Watch(part)
        Say("\nSluice is killed with -9, in the middle of it.")
        self.daemon.Kill()
        self.Watch(part / 2)
        Say("\nBoth are back.")
        self.uplink.Restore()
        self.daemon.Start()
        self.Watch(part * 1.5)

    def ShowLedger(self):
        """The lanes as `sluice status` has them; whether all of them add up."""
        def Settled():
            return all(lane["pending"] == 0 for lane in self.daemon.Status()["lanes"])
        try:
            Until(Settled, 20, "what arrived is settled")
        except TimeoutError:
            pass  # The table says so.
        status = self.daemon.Status()
        Say("\nThe ledger (sluice status): in = delivered + pending + dropped + dead-lettered, for each lane\n")
        row = "    {:<14}{:>9}{:>11}{:>9}{:>9}{:>15}"
        Say(row.format("sink/class", "in", "delivered", "pending", "dropped", "dead-lettered"))
        for lane in status["lanes"]:
            Say(row.format(f"{lane['sink']}/{lane['class']}", lane["in"], lane["delivered"], lane["pending"],
                           sum(lane.get("dropped", {}).values()), lane["dead_lettered"]))
        Say("\nWhat it told of itself ($sluice/#): " + ", ".join(self.Told()))
        for part in Unbalanced(status):
            Say(f"  does not add up: {part}")
        return not Unbalanced(status)

    def Told(self):
        reports = [json.loads(event["data"]) for event in self.daemon.told.Events()]
        return [f"{report['reason']} ({report['start_reason']})" if report["reason"] == "start" else report["reason"] for report in reports]

    def ShowAccount(self):
        account = self.Account()
        for violation in account.violations[:5]:
            Say(f"  {violation}")
        Say(f"\nacked {len(account.acked)}, arrived {len(account.arrived)}, missing {len(account.missing)}, redelivered {account.redelivered + account.resent}")
        return bool(account.acked) and not account.missing and not account.violations

    def Finish(self):
        Say("\nThe sensors are stopped; what is on its way arrives.")
        self.uplink.Restore()
        if not self.daemon.process.IsAlive():
            self.daemon.Start()
        self.publisher.Finish()
        acked = self.publisher.Acked()
        try:
            Until(lambda: acked <= self.reader.Numbers(), 60, "everything arrives")
        except TimeoutError:
            Say("quickstart: not all has arrived within 60 s")
        adds_up = self.ShowLedger()
        return 0 if self.ShowAccount() and adds_up else 1


def Main():
    parser = argparse.ArgumentParser(prog="packaging/quickstart", allow_abbrev=False)
    uplink = parser.add_mutually_exclusive_group()
    uplink.add_argument("--kafka", type=HostPort)
    uplink.add_argument("--kinesis", action="store_const", const="kinesis", dest="sink")
    uplink.add_argument("--sink", choices=["kafka", "file"])
    parser.set_defaults(sink="kafka")
    parser.add_argument("--mqtt", type=HostPort)
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
