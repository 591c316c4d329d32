"""Power cuts: what the daemon did to its files is recorded, the power is cut at thousands of moments, and what is left is opened again.

The file sink writes beside the outbox, so one record holds both ends: an acknowledged event is a row or a line.
"""

import os
import shutil
import subprocess
import unittest

from file_trace import TRACED, Trace
from harness import BUILD, RandomSeed, Rig, Until
from oracle import Publisher
from servers import Mosquitto, Sluice

CUTS = int(os.environ.get("SLUICE_CUTS", "20000"))


class PowerCut(unittest.TestCase):
    def Record(self, rig):
        """Two lives of the daemon, the first ended with -9, under load; the operations' file."""
        mosquitto = Mosquitto(rig)
        disk = os.path.join(rig.directory, "disk")
        os.mkdir(disk)
        sinks = {"copy": {"type": "file", "path": os.path.join(disk, "out.jsonl"), "rotate_bytes": "150KiB", "keep_files": 0}}
        sluice = Sluice(rig, mosquitto.port, sinks, routes=[{"name": "all", "match": "plant/#", "to": "copy"}], directory=disk,
                        outbox={"commit_every": "10ms", "max_bytes": "8MiB"})
        publisher = Publisher(mosquitto.port, rate=400, count=2400)
        trace = Trace(disk, mosquitto.port)
        config = os.path.join(rig.directory, "sluice.json")
        shutil.move(sluice.config, config)
        sluice.config = config
        for life in (1, 2):
            log = os.path.join(rig.directory, f"life-{life}.strace")
            sluice.Start(prefix=["strace", "-f", "-qq", "-xx", "-s", "2000000", "-e", f"trace={TRACED}", "-o", log])
            if life == 1:
                publisher.start()
                Until(lambda: len(publisher.Acked()) > 1200, 60, "load")
                subprocess.run(["pkill", "-9", "-P", str(sluice.Pid())], check=True)
                sluice.Kill()
            else:
                publisher.Finish(60)
                Until(lambda: self.IsSettled(sinks), 30, "all is in the file")
                subprocess.run(["pkill", "-TERM", "-P", str(sluice.Pid())], check=True)
                self.assertEqual(sluice.process.child.wait(30), 0)
            trace.Read(log)
        self.assertGreaterEqual(trace.acked, 2400)
        operations = os.path.join(rig.directory, "operations")
        trace.Save(operations)
        return operations

    def IsSettled(self, sinks):
        directory = os.path.dirname(sinks["copy"]["path"])
        lines = 0
        for name in os.listdir(directory):
            if name.startswith("out.jsonl"):
                with open(os.path.join(directory, name), "rb") as f:
                    lines += f.read().count(b"\n")
        return lines >= 2400

    def Cut(self, operations, cuts, seed, *more):
        return subprocess.Popen([os.path.join(BUILD, "powercut"), operations, "outbox.db", "out.jsonl", str(cuts), str(seed), *more],
                                stdout=subprocess.PIPE, text=True)

    def test_what_was_acknowledged_survives_a_power_cut_at_any_moment(self):
        random = RandomSeed()
        with Rig() as rig:
            operations = self.Record(rig)
            runs = [self.Cut(operations, CUTS // 2, random.randrange(1 << 32)), self.Cut(operations, CUTS // 2, random.randrange(1 << 32)),
                    self.Cut(operations, CUTS // 10, random.randrange(1 << 32), "acks")]
            for run in runs:
                print(run.communicate(timeout=3600)[0], end="")
            self.assertEqual([run.returncode for run in runs], [0, 0, 0])


if __name__ == "__main__":
    unittest.main(verbosity=2)
