"""Messages as they should be, changed by chance."""
import messages
from rig import cbor, coap

FORMAT = (coap.CONTENT_FORMAT, b"\x01\x0f")


def seeds():
    """(type, code, token, options, payload) of each."""
    own = coap.mitigate("cuid=m", "mid=1")
    for body in (messages.GOOD, cbor.scope("198.51.100.2/32", TARGET_PORT_RANGE=[{8: 1, 9: 9}],
                                           TARGET_PROTOCOL=[6, 17])):
        yield coap.CON, coap.PUT, b"tok", [*own, FORMAT], body
    yield coap.NON, coap.GET, b"tk", coap.mitigate("cuid=m") + [(coap.OBSERVE, b"")], b""
    yield coap.NON, coap.DELETE, b"tk", own, b""
    yield coap.NON, coap.GET, b"tk", coap.path(".well-known", "dots", "config"), b""
    yield coap.NON, coap.PUT, b"t", [*coap.path(".well-known", "dots", "hb"), FORMAT], cbor.heartbeat()


def mutated(rng, data, others):
    """A few bytes other, more or less, or the end of one of the others."""
    data = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4, 8))):
        at, way = rng.randrange(len(data) + 1), rng.randrange(6)
        if way == 0 and at < len(data):
            data[at] ^= 1 << rng.randrange(8)
        elif way == 1 and at < len(data):
            data[at] = rng.choice((0, 0xFF, 0x7F, 0x80, 0x1B, 0x9B, 0xBB, rng.randrange(256)))
        elif way == 2:
            data[at:at] = rng.randbytes(rng.choice((1, 1, 2, 4, 200)))
        elif way == 3:
            del data[at:at + rng.choice((1, 1, 2, 8))]
        elif way == 4:
            data[at:at] = data[at:at + rng.randrange(1, 40)]
        else:
            other = rng.choice(others)
            data[at:] = other[rng.randrange(len(other)):]
    return bytes(data)


class Datagrams:
    def __init__(self, rng):
        self.rng = rng
        self.seeds = [coap.message(kind, code, 0, *rest) for kind, code, *rest in seeds()]

    def next(self):
        data = self.rng.choice(self.seeds)
        number = self.rng.randrange(1 << 16).to_bytes(2, "big")
        return mutated(self.rng, data[:2] + number + data[4:], self.seeds)


class Stream:
    """Half of them lie about their length."""
    # Whatever they announce, it is there (16384 bytes at most) and the ping after it is one, or a
    # broken message: two bytes that are 0 are an empty message, which means nothing (RFC 8323 3.4).
    END = bytes(17000) + coap.stream(coap.PING) + bytes(600)

    def __init__(self, rng):
        self.rng = rng
        self.seeds = [coap.stream(code, *rest) for _, code, *rest in seeds()]

    def next(self):
        data = self.rng.choice(self.seeds)
        if self.rng.randrange(2):
            return mutated(self.rng, data, self.seeds)
        at, token_length = 1 + coap.extension(data), data[0] & 15
        # Code, token, options and payload; what comes before them is right.
        rest = mutated(self.rng, data[at:], self.seeds).ljust(1 + token_length, b"\0")
        return coap.stream(rest[0], rest[1:1 + token_length], tail=rest[1 + token_length:])
