"""MQTT on the wire: as much of it as tests write and read themselves."""

import struct


def EncodeLength(n):
    out = bytearray()
    while True:
        byte = n % 128
        n //= 128
        out.append(byte | (0x80 if n else 0))
        if not n:
            return bytes(out)


def Publish(topic, payload, packet_id, qos=1, retain=False, dup=False):
    name = topic.encode()
    variable = struct.pack(">H", len(name)) + name + (struct.pack(">H", packet_id) if qos else b"")
    return bytes([0x30 | qos << 1 | (1 if retain else 0) | (8 if dup else 0)]) + EncodeLength(len(variable) + len(payload)) + variable + payload


class PacketReader:
    """Splits a stream of bytes into MQTT packets: (first byte, body)."""

    def __init__(self):
        self.buffer = bytearray()

    def Feed(self, data):
        self.buffer += data
        while True:
            if len(self.buffer) < 2:
                return
            length, shift, i = 0, 0, 1
            while True:
                if i >= len(self.buffer):
                    return
                byte = self.buffer[i]
                length |= (byte & 0x7F) << shift
                shift += 7
                i += 1
                if not byte & 0x80:
                    break
            if len(self.buffer) < i + length:
                return
            first, body = self.buffer[0], bytes(self.buffer[i:i + length])
            del self.buffer[:i + length]
            yield first, body
