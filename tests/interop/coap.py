"""CoAP messages (RFC 7252 3), by hand and independent of dotsd's code."""

import dataclasses
import struct

CON, NON, ACK, RST = range(4)
GET, POST, PUT, DELETE = range(1, 5)
EMPTY = 0
IF_MATCH, OBSERVE, URI_PATH, CONTENT_FORMAT, MAX_AGE, URI_QUERY = 1, 6, 11, 12, 14, 15


def code(text):
    """2.05 and the like."""
    return int(text[0]) << 5 | int(text[2:])


def code_text(value):
    return f"{value >> 5}.{value & 31:02d}"


def number(value):
    """The bytes of an integer option."""
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


@dataclasses.dataclass
class Message:
    type: int
    code: int
    id: int
    token: bytes = b""
    options: list = dataclasses.field(default_factory=list)  # (number, bytes)
    payload: bytes = b""

    def all(self, option):
        return [v for n, v in self.options if n == option]

    def one(self, option):
        """The value of an integer option, or None."""
        found = self.all(option)
        return int.from_bytes(found[0], "big") if found else None

    @property
    def path(self):
        return "/" + "/".join(v.decode() for v in self.all(URI_PATH))


def _nibble(value):
    if value < 13:
        return value, b""
    return (13, bytes([value - 13])) if value < 269 else (14, struct.pack(">H", value - 269))


def encode(m):
    out = struct.pack(">BBH", 1 << 6 | m.type << 4 | len(m.token), m.code, m.id) + m.token
    last = 0
    for n, value in sorted(m.options, key=lambda o: o[0]):
        delta, more_delta = _nibble(n - last)
        length, more_length = _nibble(len(value))
        out += bytes([delta << 4 | length]) + more_delta + more_length + value
        last = n
    return out + (b"\xff" + m.payload if m.payload else b"")


def _extended(nibble, data, at):
    if nibble == 13:
        return data[at] + 13, at + 1
    if nibble == 14:
        return struct.unpack_from(">H", data, at)[0] + 269, at + 2
    assert nibble < 13, "reserved option nibble"
    return nibble, at


def decode(data):
    first, value, mid = struct.unpack_from(">BBH", data)
    assert first >> 6 == 1, "version"
    token_len = first & 15
    assert token_len <= 8
    m = Message(first >> 4 & 3, value, mid, data[4:4 + token_len])
    at, n = 4 + token_len, 0
    while at < len(data) and data[at] != 0xff:
        head = data[at]
        delta, at = _extended(head >> 4, data, at + 1)
        length, at = _extended(head & 15, data, at)
        n += delta
        assert at + length <= len(data), "option beyond the end"
        m.options.append((n, data[at:at + length]))
        at += length
    if at < len(data):
        assert at + 1 < len(data), "payload marker without payload"
        m.payload = data[at + 1:]
    return m
