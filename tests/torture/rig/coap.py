"""CoAP messages (RFC 7252 section 3), right and wrong ones."""
import dataclasses
import struct

CON, NON, ACK, RST = range(4)
GET, POST, PUT, DELETE = range(1, 5)
IF_MATCH, IF_NONE_MATCH, OBSERVE, URI_PATH, CONTENT_FORMAT = 1, 5, 6, 11, 12
MAX_AGE, URI_QUERY = 14, 15
HOP_LIMIT, ACCEPT, BLOCK2, BLOCK1 = 16, 17, 23, 27
DOTS_CBOR = 271


def number(value):
    """An unsigned option value: without leading zeros."""
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def extended(value):
    if value < 13:
        return value, b""
    if value < 269:
        return 13, bytes([value - 13])
    return 14, struct.pack("!H", value - 269)


def options_bytes(options):
    out, last = b"", 0
    for key, value in sorted(options, key=lambda o: o[0]):
        delta, more = extended(key - last)
        length, rest = extended(len(value))
        out += bytes([delta << 4 | length]) + more + rest + value
        last = key
    return out


def message(kind, code, mid, token=b"", options=(), payload=b"", version=1, token_length=None):
    length = len(token) if token_length is None else token_length
    head = struct.pack("!BBH", version << 6 | kind << 4 | length, code, mid)
    marker = b"\xff" if payload else b""
    return head + token + options_bytes(options) + marker + payload


def path(*segments):
    return [(URI_PATH, s if isinstance(s, bytes) else s.encode()) for s in segments]


def mitigate(*segments):
    """.well-known/dots/mitigate/cuid=…/mid=…"""
    return path(".well-known", "dots", "mitigate", *segments)


@dataclasses.dataclass
class Message:
    kind: int
    code: str  # "2.05"
    mid: int
    token: bytes
    options: list
    payload: bytes

    def option(self, key):
        return next((v for k, v in self.options if k == key), None)


def take(data, nibble):
    if nibble == 13:
        return data[0] + 13, data[1:]
    if nibble == 14:
        return struct.unpack("!H", data[:2])[0] + 269, data[2:]
    return nibble, data


def parse(data):
    first, code, mid = struct.unpack("!BBH", data[:4])
    token, rest, options, last = data[4:4 + (first & 15)], data[4 + (first & 15):], [], 0
    while rest and rest[0] != 0xFF:
        delta, length, rest = rest[0] >> 4, rest[0] & 15, rest[1:]
        delta, rest = take(rest, delta)
        length, rest = take(rest, length)
        last += delta
        options.append((last, rest[:length]))
        rest = rest[length:]
    return Message(first >> 4 & 3, f"{code >> 5}.{code & 31:02}", mid, token, options, rest[1:])
