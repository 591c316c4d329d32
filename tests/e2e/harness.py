"""What the end-to-end suites are made of: real processes on loopback, each in a temporary directory, ended by its id.

Nothing here sleeps to synchronise: Until() waits, bounded, for something observed.
"""

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("SLUICE_BUILD", os.path.join(ROOT, "build", "release"))
TICK = os.sysconf("SC_CLK_TCK")


def Until(condition, seconds, what):
    """Waits until condition() is true; fails loudly if it is not in time."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise TimeoutError(f"not within {seconds} s: {what}")
        time.sleep(0.02)


def FreePort():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def Cpu(pid):
    """Seconds, user and system, of all threads."""
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def PeakRss(pid):
    """MiB."""
    with open(f"/proc/{pid}/status") as f:
        for line in f:
            if line.startswith("VmHWM"):
                return int(line.split()[1]) / 1024
    return 0


def RandomSeed():
    seed = int(os.environ.get("SLUICE_SEED", random.SystemRandom().randrange(1 << 32)))
    print(f"seed {seed} (SLUICE_SEED={seed} repeats it)", flush=True)
    return random.Random(seed)


class Process:
    """A child in a session of its own; its output goes to a file."""

    def __init__(self, name, argv, directory, env=None, stdin=None):
        self.log_path = os.path.join(directory, name + ".log")
        self._log = open(self.log_path, "ab")
        self.start_offset = os.path.getsize(self.log_path)
        self.child = subprocess.Popen(argv, stdin=stdin, stdout=subprocess.PIPE if stdin else self._log, stderr=self._log,
                                      env={**os.environ, **(env or {})}, start_new_session=True)

    def Log(self):
        with open(self.log_path, "rb") as f:
            f.seek(self.start_offset)
            return f.read().decode("utf-8", "replace")

    def IsAlive(self):
        return self.child.poll() is None

    def Kill(self):
        # The whole group: what runs under strace is not its child's end.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.child.pid, signal.SIGKILL)
        self.child.wait(30)
        self._Close()

    def Stop(self, seconds=30):
        """SIGTERM; the exit status."""
        if self.IsAlive():
            self.child.terminate()
        status = self.child.wait(seconds)
        self._Close()
        return status

    def _Close(self):
        for end in (self._log, self.child.stdin):
            if end:
                end.close()


class Strace(Process):
    """strace of a running process and all its threads; follows from the moment it is made."""

    def __init__(self, rig, pid, options):
        super().__init__("strace", ["strace", "-f", "-qq", "-p", str(pid)] + options, rig.directory)
        Until(lambda: all(self.Traces(pid, task) for task in os.listdir(f"/proc/{pid}/task")), 20, "strace follows every thread")

    def Traces(self, pid, task):
        with open(f"/proc/{pid}/task/{task}/status") as f:
            return f"TracerPid:\t{self.child.pid}\n" in f.read()

    def Detach(self):
        """The process goes on by itself."""
        self.child.send_signal(signal.SIGINT)
        self.child.wait(20)


class Listener(threading.Thread):
    """A server on loopback, on a port of its own: Serve(sock), which a subclass has, runs in a thread for each connection."""

    def __init__(self, rig):
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        rig.Add(self)
        self.start()

    def run(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.Serve, args=(sock,), daemon=True).start()

    def Kill(self):
        self.listener.close()


class Rig:
    """Owns the directory and everything started in it; a context manager."""

    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="sluice-e2e-")
        self.parts = []

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        for part in reversed(self.parts):
            try:
                part.Kill()
            except Exception as error:
                print(f"cleaning up {part}: {error}", file=sys.stderr)
        if kind is None or issubclass(kind, KeyboardInterrupt):
            shutil.rmtree(self.directory, ignore_errors=True)
        else:
            print(f"left for a look: {self.directory}", file=sys.stderr)
            for name in sorted(os.listdir(self.directory)):
                if name.endswith(".log"):
                    with open(os.path.join(self.directory, name), "rb") as f:
                        tail = f.read()[-3000:].decode("utf-8", "replace")
                    print(f"---- end of {name}\n{tail}", file=sys.stderr)

    def Add(self, part):
        self.parts.append(part)
        return part


class SmallDisk:
    """A file system of so many bytes in the rig's directory, in memory; needs root. What has files there is added to the rig after it."""

    def __init__(self, rig, size):
        self.directory = os.path.join(rig.directory, "disk")
        self.others = os.path.join(self.directory, "others")
        os.mkdir(self.directory)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", self.directory], check=True)
        rig.Add(self)

    def Remount(self, how):
        subprocess.run(["mount", "-o", f"remount,{how}", self.directory], check=True)

    def Fill(self, leave=0):
        """Others take all there is but `leave` bytes."""
        others = os.open(self.others, os.O_WRONLY | os.O_CREAT)
        with contextlib.suppress(OSError):
            while True:
                os.write(others, b"x" * 4096)
        os.ftruncate(others, max(0, os.fstat(others).st_size - leave))
        os.close(others)

    def Free(self):
        os.unlink(self.others)

    def Kill(self):
        subprocess.run(["umount", "-l", self.directory], check=True)
