"""What the service manager is told: that we are ready, and that we get on with our work."""

import os
import socket
import threading
import time
import unittest

from harness import FreePort, Rig, Strace, Until
from oracle import FileReader, Publisher
from servers import Mosquitto, Sluice

ROUTES = [{"name": "all", "match": "plant/#", "to": "cloud"}]
INTERVAL = 1.0  # Seconds that the service manager allows between two signs of life.


class Manager(threading.Thread):
    """The service manager's end of the notification socket."""

    def __init__(self, rig):
        super().__init__(daemon=True)
        self.path = os.path.join(rig.directory, "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.lock = threading.Lock()
        self.heard = []  # (when, what)
        rig.Add(self)
        self.start()

    def run(self):
        while True:
            try:
                message = self.socket.recv(4096).decode()
            except OSError:
                return
            with self.lock:
                self.heard.append((time.monotonic(), message))

    def Environment(self):
        return {"NOTIFY_SOCKET": self.path, "WATCHDOG_USEC": str(int(INTERVAL * 1e6))}

    def Heard(self, what):
        with self.lock:
            return [when for when, message in self.heard if what in message.split("\n")]

    def LongestSilence(self, since):
        times = [since] + [when for when in self.Heard("WATCHDOG=1") if when > since] + [time.monotonic()]
        return max(later - earlier for earlier, later in zip(times, times[1:]))

    def Kill(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


class Watchdog(unittest.TestCase):
    def Start(self, rig, sinks):
        manager = Manager(rig)
        mosquitto = Mosquitto(rig)
        sluice = Sluice(rig, mosquitto.port, sinks, routes=ROUTES)
        sluice.Start(env=manager.Environment())
        Until(lambda: manager.Heard("READY=1") and manager.Heard("WATCHDOG=1"), 10, "ready, and fed")
        return manager, mosquitto, sluice

    def FileSink(self, rig):
        return {"cloud": {"type": "file", "path": os.path.join(rig.directory, "cloud.jsonl"), "rotate_bytes": "1GiB"}}

    def UntilFed(self, manager, times):
        before = len(manager.Heard("WATCHDOG=1"))
        Until(lambda: len(manager.Heard("WATCHDOG=1")) >= before + times, 3 * times * INTERVAL, "it is fed")

    def test_idle_at_work_and_with_the_uplink_and_the_broker_away_it_is_fed(self):
        with Rig() as rig:
            manager, mosquitto, sluice = self.Start(rig, {"cloud": {"type": "mqtt", "url": f"mqtt://127.0.0.1:{FreePort()}"}})
            self.UntilFed(manager, 8)
            publisher = Publisher(mosquitto.port, rate=5_000, count=20_000)
            publisher.start()
            publisher.Finish()
            self.UntilFed(manager, 12)
            mosquitto.Kill()
            self.UntilFed(manager, 12)
            self.assertNotIn("stuck", sluice.process.Log())
            self.assertEqual(sluice.Stop(), 0)
            self.assertTrue(manager.Heard("STOPPING=1"))

    def test_a_slow_disk_is_no_reason_but_a_call_that_does_not_return_is(self):
        with Rig() as rig:
            manager, mosquitto, sluice = self.Start(rig, self.FileSink(rig))
            slow = Strace(rig, sluice.Pid(), ["-e", "trace=fdatasync,fsync", "-e", "inject=fdatasync,fsync:delay_enter=300000"])
            publisher = Publisher(mosquitto.port, rate=200, count=400)
            publisher.start()
            publisher.Finish()
            self.UntilFed(manager, 12)
            slow.Detach()
            self.assertNotIn("stuck", sluice.process.Log())
            hanging = Strace(rig, sluice.Pid(), ["-e", "trace=fdatasync,fsync", "-e", "inject=fdatasync,fsync:delay_enter=8000000:when=1"])
            publisher = Publisher(mosquitto.port, rate=200, count=500)
            publisher.next = 400
            publisher.start()
            sluice.UntilLog("stuck", 30)
            since = time.monotonic()
            sluice.UntilLog("part=store", 1)
            publisher.Finish()  # It returned after all.
            self.UntilFed(manager, 4)
            self.assertGreater(manager.LongestSilence(since), 2 * INTERVAL)
            hanging.Detach()
            arrived = FileReader(os.path.join(rig.directory, "cloud.jsonl"))
            Until(lambda: len(arrived.Numbers()) == 500, 20, "everything arrives")
            self.assertEqual(sluice.Stop(), 0)

    def test_a_reload_is_told(self):
        with Rig() as rig:
            manager, _, sluice = self.Start(rig, self.FileSink(rig))
            with open(sluice.config) as f:
                text = f.read()
            with open(sluice.config, "w") as f:
                f.write(text.replace('"plant/#"', '"plant/+/#"'))
            os.kill(sluice.Pid(), 1)
            Until(lambda: manager.Heard("RELOADING=1") and len(manager.Heard("READY=1")) == 2, 20, "reloading, and ready again")
            self.assertEqual(sluice.Stop(), 0)


if __name__ == "__main__":
    unittest.main()
