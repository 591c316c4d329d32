"""Lanes at the bound of the outbox: who is given up, in which order, and who is told."""

import json
import os
import unittest

from control_test import Control
from harness import FreePort, Rig, Until
from oracle import FileReader, Publisher, TopicsBelow
from servers import Mosquitto, Sluice

STEP = 1_000  # Events of 1,000 bytes.


class Lanes(unittest.TestCase):
    def Publish(self, mosquitto, prefix, count=STEP):
        publisher = Publisher(mosquitto.port, rate=5_000, size=1_000, count=count, topic=TopicsBelow(prefix))
        publisher.start()
        publisher.Finish()

    def Run(self, rig, mosquitto, sinks, routes):
        sluice = Sluice(rig, mosquitto.port, sinks, routes=routes, outbox={"max_bytes": "8MiB"})
        sluice.Start()
        return sluice

    def Lanes(self, sluice):
        """Of each lane the events that wait, and those given up, at one moment."""
        lanes = Control(sluice).Status()["lanes"]
        return {(lane["sink"], lane["class"]): (lane["pending"], sum(lane.get("dropped", {}).values())) for lane in lanes}

    def Told(self, path):
        """How many events of each lane the gap records tell of."""
        told = {}
        for record in (json.loads(event["data"]) for event in FileReader(path).Events()):
            lane = record["sink"], record["class"]
            told[lane] = told.get(lane, 0) + sum(gap["events"] for gap in record["gaps"])
        return told

    def test_what_waits_for_a_sink_that_was_removed_is_given_up_first_kept_classes_last_and_is_told(self):
        with Rig() as rig:
            mosquitto = Mosquitto(rig)
            away = {"type": "kafka", "brokers": [f"127.0.0.1:{FreePort()}"]}
            sluice = self.Run(rig, mosquitto, {"old": away}, [
                {"name": "kept", "match": "plant/alert/#", "class": "alert", "to": {"old": {"topic": "t"}}},
                {"name": "others", "match": "plant/#", "to": {"old": {"topic": "t"}}}])
            self.Publish(mosquitto, "plant/alert")
            self.Publish(mosquitto, "plant/normal", 2 * STEP)
            Until(lambda: sum(self.Lanes(sluice)["old", "normal"]) == 2 * STEP, 30, "all of it is in the outbox, or was")
            self.assertEqual(sluice.Stop(), 0)

            gaps = os.path.join(rig.directory, "gaps.jsonl")
            sluice = self.Run(rig, mosquitto, {"cloud": away, "gaps": {"type": "file", "path": gaps}}, [
                {"name": "gaps", "match": "$sluice/gaps", "to": "gaps"}, {"name": "all", "match": "plant/#", "to": {"cloud": {"topic": "t"}}}])
            self.assertIn("first to be given up", sluice.process.Log())
            for _ in range(6):
                self.Publish(mosquitto, "plant/normal")  # To the end: the source never pauses.
                lanes = self.Lanes(sluice)
                cloud, normal, alert = lanes["cloud", "normal"], lanes["old", "normal"], lanes["old", "alert"]
                print(f"pending, dropped: cloud {cloud}, old normal {normal}, old alert {alert}", flush=True)
                self.assertTrue(alert[1] == 0 or normal[0] == 0)
                self.assertTrue(cloud[1] == 0 or alert[0] == 0)
            self.assertEqual((normal, alert), ((0, 2 * STEP), (0, STEP)))
            self.assertGreater(cloud[1], 0)
            Until(lambda: self.Told(gaps) == {("old", "normal"): 2 * STEP, ("old", "alert"): STEP,
                                              ("cloud", "normal"): self.Lanes(sluice)["cloud", "normal"][1]}, 60, "all is told")
            self.assertEqual(sluice.Stop(), 0)


if __name__ == "__main__":
    unittest.main()
