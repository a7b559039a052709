"""CoAP messages, as datagrams (RFC 7252 section 3) and in a stream (RFC 8323 section 3.2), right and
wrong ones."""
import dataclasses
import struct

CON, NON, ACK, RST = range(4)
GET, POST, PUT, DELETE = range(1, 5)
IF_MATCH, IF_NONE_MATCH, OBSERVE, URI_PATH, CONTENT_FORMAT = 1, 5, 6, 11, 12
MAX_AGE, URI_QUERY = 14, 15
HOP_LIMIT, ACCEPT, BLOCK2, BLOCK1 = 16, 17, 23, 27
DOTS_CBOR = 271
# Signalling, in streams only (RFC 8323 5); option numbers are each code's own.
CSM, PING, PONG, RELEASE, ABORT = range(0xE1, 0xE6)
MAX_MESSAGE_SIZE, BLOCK_WISE_TRANSFER, CUSTODY, BAD_CSM_OPTION = 2, 4, 2, 2


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


def message(kind, code, mid, token=b"", options=(), payload=b"", version=1, token_length=None,
            tail=b""):
    """tail: more options or payload, as it stands."""
    length = len(token) if token_length is None else token_length
    head = struct.pack("!BBH", version << 6 | kind << 4 | length, code, mid)
    marker = b"\xff" if payload else b""
    return head + token + options_bytes(options) + marker + payload + tail


def stream_length(n):
    """A nibble, and the bytes that extend it."""
    if n < 65805:
        return extended(n)
    return 15, struct.pack("!I", n - 65805)


def stream(code, token=b"", options=(), payload=b"", token_length=None, length=None, tail=b""):
    """length: of options and payload, as it is told; tail: more of these, as it stands."""
    marker = b"\xff" if payload else b""
    rest = options_bytes(options) + marker + payload + tail
    nibble, more = stream_length(len(rest) if length is None else length)
    first = nibble << 4 | (len(token) if token_length is None else token_length)
    return bytes([first]) + more + bytes([code]) + token + rest


def extension(data):
    """Bytes that extend the length of the message that begins there."""
    return {13: 1, 14: 2, 15: 4}.get(data[0] >> 4, 0) if data else 0


def stream_size(data):
    """Of the first message there, if that can be told yet and all of it is there; else None."""
    extra = extension(data)
    if len(data) < 2 + extra:
        return None
    base = {0: data[0] >> 4, 1: 13, 2: 269, 4: 65805}[extra]
    size = 2 + extra + (data[0] & 15) + base + int.from_bytes(data[1:1 + extra], "big")
    return size if size <= len(data) else None


def path(*segments):
    return [(URI_PATH, s if isinstance(s, bytes) else s.encode()) for s in segments]


def mitigate(*segments):
    """.well-known/dots/mitigate/cuid=…/mid=…"""
    return path(".well-known", "dots", "mitigate", *segments)


@dataclasses.dataclass
class Message:
    kind: int  # None in a stream, as mid
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


def contents(rest):
    """Options and payload."""
    options, last = [], 0
    while rest and rest[0] != 0xFF:
        delta, length, rest = rest[0] >> 4, rest[0] & 15, rest[1:]
        delta, rest = take(rest, delta)
        length, rest = take(rest, length)
        last += delta
        options.append((last, rest[:length]))
        rest = rest[length:]
    return options, rest[1:]


def code_text(code):
    return f"{code >> 5}.{code & 31:02}"


def parse(data):
    first, code, mid = struct.unpack("!BBH", data[:4])
    token, rest = data[4:4 + (first & 15)], data[4 + (first & 15):]
    return Message(first >> 4 & 3, code_text(code), mid, token, *contents(rest))


def stream_code(data):
    at = 1 + extension(data)
    return data[at:at + 1]


def parse_stream(data):
    """One whole message."""
    at = 1 + extension(data)
    token, rest = data[at + 1:at + 1 + (data[0] & 15)], data[at + 1 + (data[0] & 15):]
    return Message(None, code_text(data[at]), None, token, *contents(rest))
