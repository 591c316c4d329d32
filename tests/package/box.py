"""A gateway: a Debian booted by systemd-nspawn, without a network, on an overlay over a tree that is left as it is."""

import contextlib
import glob
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(ROOT, "tests", "e2e"))

from harness import Until  # noqa: E402


class Failed(Exception):
    pass


class Box:
    def __init__(self, tree):
        self.directory = tempfile.mkdtemp(prefix="sluice-package-")
        self.root = os.path.join(self.directory, "root")
        for name in ("root", "upper", "work"):
            os.mkdir(os.path.join(self.directory, name))
        options = f"lowerdir={tree},upperdir={self.directory}/upper,workdir={self.directory}/work"
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, self.root], check=True)
        self.machine = None

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.CutPower()
        subprocess.run(["umount", "-l", self.root], check=False)
        if kind is None:
            shutil.rmtree(self.directory, ignore_errors=True)
        else:
            print(f"left for a look: {self.directory}", file=sys.stderr)

    def Boot(self):
        with open(os.path.join(self.directory, "console.log"), "ab") as console:
            # To ask whether the clock is set is not refused on a real machine, as it is here unless named.
            command = ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--private-network", "--console=pipe", "-b",
                       "--system-call-filter=adjtimex clock_adjtime", "-D", self.root]
            self.machine = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=console, stderr=console, start_new_session=True)
        self.leader = Until(self.Leader, 30, "the machine has a first process")
        Until(lambda: self.Run("systemctl is-system-running", check=False).strip() in ("running", "degraded"), 90, "the machine is up")

    def Leader(self):
        if self.machine.poll() is not None:
            raise Failed("systemd-nspawn ended: see console.log")
        with open(f"/proc/{self.machine.pid}/task/{self.machine.pid}/children") as f:
            children = f.read().split()
        for child in children:
            with contextlib.suppress(OSError), open(f"/proc/{child}/comm") as f:
                if f.read().strip() == "systemd":
                    return child
        return None

    def CutPower(self):
        """All of it ends at once, as without power; what was written but not synced is still there: disks are tests/powercut's matter."""
        if self.machine is None:
            return
        # Its first process takes all others of the machine along.
        with contextlib.suppress(ProcessLookupError, AttributeError):
            os.kill(int(self.leader), signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.machine.pid, signal.SIGKILL)
        self.machine.wait(30)
        self.machine = None

    def Command(self, command):
        return ["nsenter", "-t", self.leader, "-a", "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "HOME=/root", "sh", "-c", command]

    def Run(self, command, check=True, seconds=120, stdin=None):
        """What the command prints, both ways; it ends in time."""
        done = subprocess.run(self.Command(command), input=stdin, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=seconds)
        if check and done.returncode != 0:
            raise Failed(f"{command}: exit status {done.returncode}\n{done.stdout}")
        return done.stdout

    def Start(self, command):
        return subprocess.Popen(self.Command(command), text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def Path(self, path):
        return os.path.join(self.root, path.lstrip("/"))

    def Write(self, path, text, mode=None):
        with open(self.Path(path), "w", encoding="utf-8") as f:
            f.write(text)
        if mode is not None:
            os.chmod(self.Path(path), mode)

    def Read(self, path):
        with open(self.Path(path), encoding="utf-8") as f:
            return f.read()

    # ---- the service

    def Show(self, name, unit="sluice"):
        return self.Run(f"systemctl show -P {name} {unit}").strip()

    def Pid(self):
        return self.Show("MainPID")

    def IsActive(self):
        return self.Show("ActiveState") == "active"

    def Status(self):
        # By its socket, so that it works whatever is in the configuration.
        return json.loads(self.Run("sluice status --json --socket /run/sluice/sluice.sock"))

    def Connected(self, source="local"):
        with contextlib.suppress(Failed, ValueError):
            return self.Status()["sources"][source]["state"] == "live"
        return False

    def Pending(self):
        return sum(lane["pending"] for lane in self.Status()["lanes"])

    def Journal(self):
        return self.Run("journalctl -u sluice --no-pager -o short-monotonic")

    def Publish(self, topic, payloads, seconds=60, more=""):
        """One message a payload, all acknowledged by the broker when this is back."""
        self.Run(f"mosquitto_pub -h 127.0.0.1 -t {topic} -q 1 -l {more}", seconds=seconds, stdin="".join(f"{payload}\n" for payload in payloads))

    def Arrived(self, topic, path="/var/lib/sluice/events.jsonl"):
        """Payloads of a topic in the file sink, in the order of first arrival."""
        payloads = {}
        files = glob.glob(self.Path(path) + "*")
        for name in sorted(files, key=lambda name: os.stat(name).st_mtime):
            with open(name, encoding="utf-8") as f:
                for line in f:
                    if not line.endswith("\n"):
                        continue
                    event = json.loads(line)
                    if event["subject"] == topic:
                        payloads.setdefault(str(event["data"]), None)
        return list(payloads)
