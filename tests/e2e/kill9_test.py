"""The daemon is killed with -9, at random moments and at named points, under continuous load; nothing acknowledged may be missing."""

import os
import unittest

from harness import RandomSeed, Rig, Until
from oracle import Publisher, Reader, UntilArrived
from servers import Counters, MockKafka, Mosquitto, Sluice

KILLS = int(os.environ.get("SLUICE_KILLS", "200"))
POINTS = ["after_receive", "before_commit", "after_commit", "after_produce", "before_settle", "before_checkpoint"]
PARTITIONS = 16


class Kill9(unittest.TestCase):
    def test_whatever_moment_the_daemon_dies_at_nothing_acknowledged_is_lost(self):
        random = RandomSeed()
        with Rig() as rig:
            mosquitto = Mosquitto(rig)
            kafka = MockKafka(rig, [f"plant:{PARTITIONS}"])
            # A small outbox has checkpoints often enough to die in one.
            sluice = Sluice(rig, mosquitto.port, {"cloud": {"type": "kafka", "brokers": [kafka.bootstrap]}},
                            outbox={"commit_every": "20ms", "max_bytes": "8MiB"}, binary="sluice-failpoints")
            reader = Reader(rig, kafka.bootstrap)
            sluice.Start()
            publisher = Publisher(mosquitto.port, rate=1000)
            publisher.start()
            died_at_point = 0
            for cycle in range(KILLS):
                point = POINTS[cycle % (2 * len(POINTS))] if cycle % (2 * len(POINTS)) < len(POINTS) else None
                sluice.Kill()
                env = {}
                if point:
                    most = 2 if point == "before_checkpoint" else 20
                    # A checkpoint takes a few milliseconds: die within it.
                    delay = f":{random.randint(1, 4000)}" if point == "before_checkpoint" else ""
                    env = {"SLUICE_KILL_AT": f"{point}:{random.randint(1, most)}{delay}"}
                sluice.Start(env=env, connected=False)
                goal = len(publisher.Acked()) + random.randint(20, 700)
                if point:
                    Until(lambda: not sluice.process.IsAlive(), 30, f"death at {point}")
                else:
                    Until(lambda: len(publisher.Acked()) > goal, 30, "progress")
                died_at_point += 0 if sluice.process.IsAlive() else 1
            sluice.Kill()
            sluice.Start(binary="sluice")
            publisher.Finish()
            account = UntilArrived(publisher, reader, 90)
            print(f"{KILLS} kills, {died_at_point} of them at a named point")
            account.Check()
            self.assertGreaterEqual(died_at_point, KILLS // 2 - len(POINTS))
            # One receive window a disconnect.
            self.assertLessEqual(account.redelivered, 1000 * (KILLS + 1))
            self.assertEqual(sluice.Stop(), 0)
            self.assertGreaterEqual(Counters(rig).get("source/local/redelivered", 0), account.redelivered)


if __name__ == "__main__":
    unittest.main(verbosity=2)
