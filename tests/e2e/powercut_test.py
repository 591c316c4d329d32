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
from rules_test import LASTING, THRESHOLD
from servers import Mosquitto, Sluice

CUTS = int(os.environ.get("SLUICE_CUTS", "20000"))
COUNT = 2400


class Suite(unittest.TestCase):
    def Record(self, rig, rules=()):
        """Two lives of the daemon, the first ended with -9, under load; the operations' file."""
        mosquitto = Mosquitto(rig)
        disk = os.path.join(rig.directory, "disk")
        os.mkdir(disk)
        sinks = {"copy": {"type": "file", "path": os.path.join(disk, "out.jsonl"), "rotate_bytes": "150KiB", "keep_files": 0}}
        sluice = Sluice(rig, mosquitto.port, sinks, routes=[{"name": "all", "match": ["plant/#", "$sluice/alerts/#"], "to": "copy"}], directory=disk,
                        outbox={"commit_every": "10ms", "max_bytes": "8MiB"}, more={"rules": list(rules)})
        publisher = Publisher(mosquitto.port, rate=400, count=COUNT)
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
                sluice.process.child.wait(30)  # strace writes down the last of it.
                sluice.Kill()
            else:
                publisher.Finish(60)
                Until(lambda: self.IsSettled(sinks), 30, "all is in the file")
                subprocess.run(["pkill", "-TERM", "-P", str(sluice.Pid())], check=True)
                self.assertEqual(sluice.process.child.wait(30), 0)
            trace.Read(log)
        # What a call did in which the daemon was killed is not in the trace.
        self.assertGreater(trace.acked, COUNT * 0.9)
        operations = os.path.join(rig.directory, "operations")
        trace.Save(operations)
        return operations

    def IsSettled(self, sinks):
        directory = os.path.dirname(sinks["copy"]["path"])
        lines = 0
        for name in os.listdir(directory):
            if name.startswith("out.jsonl"):
                with open(os.path.join(directory, name), "rb") as f:
                    lines += f.read().count(b'"subject":"plant/')
        return lines >= COUNT

    def CutAll(self, operations, cuts, random, *more):
        def Cut(cuts, *more):
            seed = random.randrange(1 << 32)
            return subprocess.Popen([os.path.join(BUILD, "powercut"), operations, "outbox.db", "out.jsonl", str(cuts), str(seed), *more],
                                    stdout=subprocess.PIPE, text=True)

        runs = [Cut(cuts // 2, *more), Cut(cuts // 2, *more), Cut(cuts // 10, "acks", *more)]
        for run in runs:
            print(run.communicate(timeout=3600)[0], end="")
        self.assertEqual([run.returncode for run in runs], [0, 0, 0])


class PowerCut(Suite):
    def test_what_was_acknowledged_survives_a_power_cut_at_any_moment(self):
        random = RandomSeed()
        with Rig() as rig:
            self.CutAll(self.Record(rig), CUTS, random)


class Alerts(Suite):
    def test_an_alert_and_the_record_of_its_rule_are_left_with_their_event_or_not_at_all(self):
        random = RandomSeed()
        with Rig() as rig:
            self.CutAll(self.Record(rig, [THRESHOLD, LASTING]), CUTS, random, "rules")


if __name__ == "__main__":
    unittest.main(verbosity=2)
