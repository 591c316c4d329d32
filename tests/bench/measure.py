"""What the benches share: the load, Sluice under it, and what it has cost."""

import os
import statistics
import subprocess
import sys
import time

sys.path[:0] = [os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), part) for part in ("e2e", "kinesis")]

from harness import BUILD, TICK, Cpu, PeakRss, Rig, Until  # noqa: E402
from kinesis_peer import REGION  # noqa: E402
from servers import MockKafka, Mosquitto, Sluice  # noqa: E402

SIZE = 120
PARTITIONS = 16
WINDOW = 2000
KEYS = {"AWS_ACCESS_KEY_ID": "AKID000000000001", "AWS_SECRET_ACCESS_KEY": "secret-1", "AWS_SESSION_TOKEN": "token-1"}  # Good for the Kinesis peer.


def Tool(name):
    return os.path.join(BUILD, name)


def Written(pid):
    """Bytes that the process has sent to the block layer."""
    with open(f"/proc/{pid}/io") as f:
        return int(next(line for line in f if line.startswith("write_bytes")).split()[1])


def Load(port, count, rate=0, areas=0):
    return subprocess.Popen([Tool("bench_load"), str(port), str(count), str(rate), str(SIZE), str(WINDOW), str(areas)])


def Arrived(kafka, count, topic="plant", partitions=PARTITIONS):
    """Ends when the topic has that many records."""
    return subprocess.Popen([Tool("bench_arrived"), kafka.bootstrap, topic, str(partitions), str(count)], stdout=subprocess.DEVNULL)


def Fill(rig, *lanes, events):
    """An outbox with a backlog, divided among lanes that are named as in "cloud/normal"."""
    subprocess.run([Tool("bench_fill"), os.path.join(rig.directory, "outbox.db"), str(events), str(SIZE), *lanes], check=True)


def UntilSettled(pid):
    """Waits until the process has no more work: what belongs to the events is done when its CPU time stands still."""
    last = [Cpu(pid), time.monotonic()]

    def Still():
        now = Cpu(pid)
        if now - last[0] > 1 / TICK:
            last[:] = [now, time.monotonic()]
        return time.monotonic() - last[1] > 1.5
    Until(Still, 60, "the process comes to rest")


def Result(name, events, seconds, cpu, pid, **more):
    return {"name": name, "events_per_s": round(events / seconds), "cpu_us_per_event": round(cpu / events * 1e6, 1), "peak_rss_mib": round(PeakRss(pid), 1),
            **more}


def Median(results):
    """Field by field."""
    middle = dict(results[0])
    for key, value in middle.items():
        if isinstance(value, (int, float)):
            middle[key] = round(statistics.median(r[key] for r in results), 2)
    return middle


def MedianRatio(ones, others, key):
    """Of results that were measured in turns, so that whatever else the machine did met both."""
    return round(statistics.median(one[key] / other[key] for one, other in zip(ones, others)), 2)


def Cloud(kafka):
    return {"cloud": {"type": "kafka", "brokers": [kafka.bootstrap]}}


def Lake(peer):
    """A sink; its daemon is started with KEYS in its environment."""
    return {"type": "kinesis", "region": REGION, "endpoint": f"http://127.0.0.1:{peer.port}", "stream": "plant", "retry_max": "500ms"}


class Daemon:
    """From MQTT to Kafka."""

    def __init__(self, routes=None, classes=None, more=None):
        self.config = {"routes": routes, "more": {**({"classes": classes} if classes else {}), **(more or {})}}

    def Measure(self, name, events, rate=0, commit_every=0, kafka_of=None, env=None, areas=0):
        with Rig() as rig:
            mosquitto = Mosquitto(rig)
            kafka = kafka_of(rig) if kafka_of else MockKafka(rig, [f"plant:{PARTITIONS}"])
            sluice = Sluice(rig, mosquitto.port, Cloud(kafka), outbox={"commit_every": commit_every}, **self.config)
            sluice.Start(env=env)
            pid = sluice.Pid()
            cpu, written, start = Cpu(pid), Written(pid), time.monotonic()
            load = Load(mosquitto.port, events, rate, areas)
            Arrived(kafka, events).wait(600)
            seconds = time.monotonic() - start
            load.wait(60)
            UntilSettled(pid)
            return Result(name, events, seconds, Cpu(pid) - cpu, pid, disk_bytes_per_event=round((Written(pid) - written) / events))
