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


def TakeText(body, at):
    """Text (or binary data) with its length before it; where it ends."""
    size = struct.unpack_from(">H", body, at)[0]
    return body[at + 2:at + 2 + size], at + 2 + size


def TakeLength(body, at):
    length, shift = 0, 0
    while True:
        byte = body[at]
        length |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if not byte & 0x80:
            return length, at


class Published:
    """A PUBLISH as it was read from the wire."""

    CONTENT_TYPE, EXPIRY, USER_PROPERTY = 0x03, 0x02, 0x26

    def __init__(self, first, body, version):
        self.qos, self.retain = first >> 1 & 3, bool(first & 1)
        self.content_type, self.expiry, self.properties = None, None, []
        topic, at = TakeText(body, 0)
        self.topic = topic.decode()
        if self.qos:
            self.packet_id = struct.unpack_from(">H", body, at)[0]
            at += 2
        if version == 5:
            at = self.TakeProperties(body, at)
        self.payload = body[at:]

    def TakeProperties(self, body, at):
        size, at = TakeLength(body, at)
        end = at + size
        while at < end:
            kind, at = body[at], at + 1
            if kind == self.CONTENT_TYPE:
                text, at = TakeText(body, at)
                self.content_type = text.decode()
            elif kind == self.EXPIRY:
                self.expiry, at = struct.unpack_from(">I", body, at)[0], at + 4
            elif kind == self.USER_PROPERTY:
                name, at = TakeText(body, at)
                value, at = TakeText(body, at)
                self.properties.append((name.decode(), value.decode()))
            else:
                raise ValueError(f"property {kind:#x} was not expected")
        return end


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
