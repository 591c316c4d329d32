"""Reads what strace saw of a process: its file operations in one directory, and when it acknowledged which event on its MQTT connection.

Written for `strace -f -qq -xx -s <large> -e trace=TRACED`; a call that other threads interrupted ("unfinished", "resumed") counts at the
moment it returned: before that, its effect is not certain.
"""

import json
import os
import re
import struct

from mqtt_wire import PacketReader

TRACED = ("openat,close,write,pwrite64,fsync,fdatasync,ftruncate,fallocate,unlink,unlinkat,rename,renameat,renameat2,mkdir,connect,"
          "sendto,recvfrom")

LINE = re.compile(r"^(?:(\d+) +)?(.*)$", re.S)
CALL = re.compile(r"^(\w+)\((.*)\) += (-?\d+)", re.S)
UNFINISHED = re.compile(r"^(\w+)\((.*) <unfinished \.\.\.>$", re.S)
RESUMED = re.compile(r"^<\.\.\. (\w+) resumed>(.*)$", re.S)
STRING = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')


def Calls(path):
    """(name, arguments, result) in the order in which the calls returned."""
    pending = {}
    with open(path) as log:
        for line in log:
            thread, text = LINE.match(line.rstrip("\n")).groups()
            if resumed := RESUMED.match(text):
                text = pending.pop((thread, resumed[1]), resumed[1] + "(") + resumed[2]
            elif unfinished := UNFINISHED.match(text):
                pending[(thread, unfinished[1])] = f"{unfinished[1]}({unfinished[2]}"
                continue
            if call := CALL.match(text):
                yield call[1], call[2], int(call[3])


def Strings(arguments):
    return [bytes.fromhex(text.replace("\\x", "")) for text in STRING.findall(arguments)]


class Trace:
    """Turns calls into operations: tuples of a letter, a file name within the directory, a number, bytes."""

    def __init__(self, directory, broker_port):
        self.directory = os.path.realpath(directory)
        self.port = f"htons({broker_port})"
        self.operations = []
        self.acked = 0

    def NameOf(self, path):
        path = os.path.realpath(os.path.join(self.directory, path.decode()))
        if path == self.directory:
            return ""
        return os.path.basename(path) if os.path.dirname(path) == self.directory else None

    def Add(self, letter, name, number=0, data=b""):
        if name is not None:
            self.operations.append((letter, name, number, data))

    def Read(self, log):
        files, positions = {}, {}
        brokers, numbers, down, up = set(), {}, PacketReader(), PacketReader()
        for name, arguments, result in Calls(log):
            fd = int(m[0]) if (m := re.match(r"\d+", arguments)) else None
            if name == "connect":
                if self.port in arguments:
                    brokers.add(fd)
                    numbers, down, up = {}, PacketReader(), PacketReader()
            elif result < 0:
                continue
            elif name == "openat":
                brokers.discard(result)
                files[result] = self.NameOf(Strings(arguments)[0])
                positions[result] = None if "O_APPEND" in arguments else 0
                if "O_CREAT" in arguments:
                    self.Add("create", files[result])
            elif name == "close":
                files.pop(fd, None)
                brokers.discard(fd)
            elif name in ("rename", "renameat", "renameat2"):
                old, new = Strings(arguments)[:2]
                self.Add("rename", self.NameOf(old), 0, (self.NameOf(new) or "").encode())
            elif name in ("unlink", "unlinkat"):
                self.Add("unlink", self.NameOf(Strings(arguments)[0]))
            elif fd in files:
                self.OnFile(name, files[fd], arguments, result, positions, fd)
            elif fd in brokers and name == "recvfrom":
                self.OnReceived(down.Feed((Strings(arguments) or [b""])[0][:result]), numbers)
            elif fd in brokers and name == "sendto":
                self.OnSent(up.Feed(Strings(arguments)[0][:result]), numbers)

    def OnFile(self, name, file, arguments, result, positions, fd):
        if name == "pwrite64":
            self.Add("write", file, int(arguments.rsplit(",", 1)[1]), Strings(arguments)[0][:result])
        elif name == "write":
            data = Strings(arguments)[0][:result]
            if positions[fd] is None:
                self.Add("append", file, 0, data)
            else:
                self.Add("write", file, positions[fd], data)
                positions[fd] += result
        elif name == "ftruncate":
            self.Add("truncate", file, int(arguments.rsplit(",", 1)[1]))
        elif name == "fallocate":
            offset, size = arguments.rsplit(",", 2)[1:]
            self.Add("extend", file, int(offset) + int(size))
        elif name in ("fsync", "fdatasync"):
            self.Add("sync", file)

    def OnReceived(self, packets, numbers):
        for first, body in packets:
            if first >> 4 == 3 and first & 6:
                size = struct.unpack(">H", body[:2])[0]
                packet_id = struct.unpack(">H", body[2 + size:4 + size])[0]
                properties = body[4 + size] + 1
                numbers[packet_id] = json.loads(body[4 + size + properties:])["n"]

    def OnSent(self, packets, numbers):
        for first, body in packets:
            if first >> 4 == 4:
                self.acked += 1
                self.operations.append(("ack", "", numbers[struct.unpack(">H", body[:2])[0]], b""))

    def Save(self, path):
        """As tests/powercut/operations.h reads it."""
        letters = {"create": b"C", "write": b"W", "append": b"A", "truncate": b"T", "extend": b"E", "sync": b"S", "rename": b"R", "unlink": b"U",
                   "ack": b"K"}
        with open(path, "wb") as f:
            for letter, name, number, data in self.operations:
                f.write(letters[letter] + struct.pack("<IQI", len(name), number, len(data)) + name.encode() + data)
