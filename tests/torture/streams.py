"""What a client may say over TCP that means nothing over UDP: signalling (RFC 8323 5), lengths that
lie, messages in pieces, and what else may stand in place of TLS. Each with what has to come back and
what becomes of the connection. Rows cite the requirement (rfc8323 ids as in doc/conformance) or the
section of the RFC."""
import dataclasses

import messages
from rig import coap

UP, ABORT, ENDED = "up", "abort", "ended"  # ABORT: by 7.05 with a reason (8323-5.6-01)
MAX = 16384                               # what our server takes (8323-5.3.1-02)


@dataclasses.dataclass
class Row:
    rule: str
    what: str
    parts: list             # each a record of its own
    comes: tuple = ()       # the codes of all that comes
    then: str = UP          # the connection
    bad: int = None         # Bad-CSM-Option of the Abort


def config(token=b"conf", **more):
    """A question that is answered by 2.05."""
    return coap.stream(coap.GET, token, coap.path(".well-known", "dots", "config"), **more)


def nowhere(size, token=b"here", **more):
    """One that is answered by 4.04, with so many bytes of options and payload (4 at least)."""
    return coap.stream(coap.PUT, token, coap.path("x"), bytes(size - 3), **more)


def csm(*options, **more):
    return coap.stream(coap.CSM, options=options, **more)


def size(value):
    return (coap.MAX_MESSAGE_SIZE, value)


CRITICAL, ELECTIVE = (9, b"x"), (10, b"x")  # unknown with every code
SIGNALS = {"CSM": coap.CSM, "Ping": coap.PING, "Pong": coap.PONG, "Release": coap.RELEASE,
           "Abort": coap.ABORT, "7.00": 0xE0, "7.06": 0xE6, "7.31": 0xFF}

# ---- the first that is said ----


def greetings():
    """Of a connection that has said nothing yet; the CSM of the server is not among what comes."""
    first = {name: coap.stream(code, b"tk") for name, code in SIGNALS.items() if name != "CSM"} | {
        "a request": config(), "a response": coap.stream(0x45, b"tk"), "an error": coap.stream(0x84),
        "code class 1": coap.stream(0x21), "code class 6": coap.stream(0xC1),
        "HTTP": b"GET / HTTP/1.1\r\nHost: dots.example\r\n\r\n"}
    for what, data in first.items():
        yield Row("8323-3.3-04", f"{what} in place of a CSM", [data], then=ABORT)
        yield Row("8323-3.3-04", f"{what} before the CSM", [data, csm()], then=ABORT)
        yield Row("8323-3.4-01", f"something empty, then {what}", [b"\0\0", data], then=ABORT)
    yield Row("8323-3.4-01", "something empty before the CSM", [b"\0\0" * 100, csm()])
    yield Row("8323-3.3-03", "a request with the CSM", [csm() + config()], ("2.05",))
    yield from capabilities([], "")


# ---- CSMs, at any time ----

CAPABILITIES = [
    ("8323-5.3-01", "one of nothing", csm(), UP, None),
    ("8323-5.3-01", "one with a token", csm(token=b"tk"), UP, None),
    ("8323-5.3-01", "one with a text", csm(payload=b"hello"), UP, None),
    ("8323-5.3-01", "with an unknown elective option", csm(ELECTIVE), UP, None),
    ("8323-5.2-01", "with an unknown critical option", csm(CRITICAL), ABORT, 9),
    ("8323-5.2-01", "with critical option 65535", csm((65535, b"")), ABORT, 65535),
    ("8323-5.2-01", "with several", csm(CRITICAL, (11, b""), ELECTIVE), ABORT, 9),
    ("8323-5.3.1-01", "Max-Message-Size 1152", csm(size(b"\x04\x80")), UP, None),
    ("8323-5.3.1-01", "Max-Message-Size 2^32-1", csm(size(b"\xff" * 4)), UP, None),
    ("8323-5.3.1-01", "Max-Message-Size with zeros before it", csm(size(b"\0\0\x10\0")), UP, None),
    ("8323-5.6-01", "Max-Message-Size of 5 bytes", csm(size(b"\0\0\0\x10\0")), ABORT, 2),
    ("8323-5.6-01", "Max-Message-Size 0", csm(size(b"")), ABORT, 2),
    ("8323-5.6-01", "Max-Message-Size 1", csm(size(b"\x01")), ABORT, 2),
    ("8323-5.6-01", "Max-Message-Size 255", csm(size(b"\xff")), ABORT, 2),
    ("8323-5.3.1-01", "Max-Message-Size 256", csm(size(b"\x01\0")), UP, None),
    ("7252-5.4.5", "Max-Message-Size twice", csm(size(b"\x04\x80"), size(b"\x20\0")), UP, None),
    ("8323-5.3.2-01", "Block-Wise-Transfer", csm((coap.BLOCK_WISE_TRANSFER, b"")), UP, None),
    ("8323-5.3.2-01", "Block-Wise-Transfer with a value",
     csm((coap.BLOCK_WISE_TRANSFER, b"x")), UP, None),
    ("8323-5.3.2-01", "a wish for BERT", csm(size(b"\x20\0"), (coap.BLOCK_WISE_TRANSFER, b"")), UP,
     None),
    ("8323-5.6-03", "broken options", csm(tail=b"\xf1x"), ABORT, None),
    ("8323-5.6-03", "a payload marker without payload", csm(tail=b"\xff"), ABORT, None),
]


def capabilities(before, after):
    """Whichever it is, the next request is answered; the last row is back to what is usual."""
    for rule, what, data, then, bad in CAPABILITIES:
        yield Row(rule, "a CSM: " + what + after, [*before, data] + [config()] * (then == UP),
                  ("2.05",) * (then == UP), then, bad)


# ---- signals ----


def signals():
    """Of a connection that is greeted."""
    yield from capabilities([], ", after the first")
    yield Row("8323-5.3-01", "10,000 CSMs", [csm() * 10000, config()], ("2.05",))
    for n in range(9):
        yield Row("8323-5.4-01", f"a Ping with a token of {n} bytes",
                  [coap.stream(coap.PING, b"p" * n)], ("7.03",))
    for name, data in (("a text", coap.stream(coap.PING, b"t", payload=b"hello")),
                       ("Custody", coap.stream(coap.PING, b"t", [(coap.CUSTODY, b"")])),
                       ("Custody with a value", coap.stream(coap.PING, b"t", [(2, b"xyz")]))):
        yield Row("8323-5.4-02", f"a Ping with {name}", [data], ("7.03",))
    yield Row("8323-5.4-01", "300 Pings in one record", [coap.stream(coap.PING, b"t") * 300],
              ("7.03",) * 300)
    # What they mean with elective options is the same as without; a critical one is never known.
    then = {"Ping": (("7.03",), UP), "Release": ((), ENDED), "Abort": ((), ENDED)}
    for name, code in SIGNALS.items():
        comes, end = then.get(name, ((), UP))
        for what, options in (("", []), (" with an unknown elective option", [ELECTIVE])):
            yield Row("8323-5.4-02", f"{name}{what}", [coap.stream(code, b"t", options)], comes, end)
        yield Row("8323-5.2-01", f"{name} with an unknown critical option",
                  [coap.stream(code, b"t", [CRITICAL])], (), ABORT,
                  CRITICAL[0] if name == "CSM" else None)
        yield Row("8323-5.6-03", f"{name} with broken options",
                  [coap.stream(code, b"t", tail=b"\x1f")], (), ABORT)
    yield Row("8323-5.5-01", "a request, then Release", [config() + coap.stream(coap.RELEASE)],
              ("2.05",), ENDED)
    yield Row("8323-5.5-02", "Release with all that it may have", [coap.stream(coap.RELEASE, options=[
        (2, b"192.0.2.1:4646"), (2, b"x"), (4, b"\xff\xff\xff")], payload=b"\x1b[2J\xff\0")], (), ENDED)
    yield Row("8323-5.6-02", "a request after Abort",
              [coap.stream(coap.ABORT, payload=b"\x1b[2J\xff\0") + config()], (), ENDED)


# ---- lengths, and pieces ----


def lengths():
    for n in (4, 12, 13, 14, 268, 269, 270, 1152, 4096, MAX - 14):
        yield Row("8323-3.2-01", f"{n} bytes", [nowhere(n)], ("4.04",))
    for n in (MAX + 1, 20000, 65804, 65805, 70000):
        yield Row("8323-5.3.1-02", f"{n} bytes", [nowhere(n)], then=ABORT)
    for what, head in (("16385", b"\xe0" + (MAX + 1 - 269).to_bytes(2, "big")),
                       ("65804", b"\xe0\xff\xff"), ("65805", b"\xf0" + bytes(4)),
                       ("2^32+65804", b"\xf0" + b"\xff" * 4), ("2^31", b"\xf8\x7f\xfe\xfe\xf3")):
        yield Row("8323-5.3.1-02", f"{what} bytes announced, nothing more", [head], then=ABORT)
        yield Row("8323-5.3.1-02", f"{what} bytes announced, byte by byte",
                  [head[i:i + 1] for i in range(len(head))], then=ABORT)
    for n in range(9, 16):
        yield Row("8323-3.2-02", f"a token of {n} bytes announced, nothing more", [bytes([n])],
                  then=ABORT)
    for n in (5, 13, 300, 5000):
        yield from lies(n)


def lies(n):
    """What is announced too long takes the next message in, what is too short leaves something that
    is taken for one."""
    ping, form = coap.stream(coap.PING, b"t"), f"{n} bytes"
    yield Row("8323-3.2-01", f"{form}, told as if the next message were in it",
              [nowhere(n, length=n + len(ping)), ping, ping], ("4.04", "7.03"))
    yield Row("8323-3.2-01", f"{form}, two left that are an empty message",
              [nowhere(n, tail=b"\0\0", length=n) + ping], ("4.04", "7.03"))
    yield Row("8323-3.2-01", f"{form}, some left that are another request",
              [nowhere(n, tail=config(), length=n)], ("4.04", "2.05"))
    yield Row("8323-5.6-03", f"{form}, one left that begins no message",
              [nowhere(n, tail=b"\x0f", length=n)], ("4.04",), ABORT)
    yield Row("8323-5.6-03", f"{form}, some left that begin none",
              [nowhere(n, tail=b"\xff" * 40, length=n)], ("4.04",), ABORT)
    yield Row("8323-3.2-01", f"{form}, one left that begins an empty message",
              [nowhere(n, tail=b"\0", length=n), b"\0" + ping], ("4.04", "7.03"))


def pieces():
    """8323-3.2-01: a stream has no borders."""
    whole = coap.stream(coap.PUT, b"cuts", [
        *coap.mitigate(f"cuid={messages.MINE}", "mid=7"), (coap.CONTENT_FORMAT, b"\x01\x0f")],
        b"\xa1\x01")
    for data, code in ((config(), "2.05"), (whole, "4.00")):
        for at in range(1, len(data)):
            yield Row("8323-3.2-01", f"cut after {at} bytes", [data[:at], data[at:]], (code,))
        yield Row("8323-3.2-01", "a byte a record", [data[i:i + 1] for i in range(len(data))], (code,))
    large = nowhere(MAX - 14)
    yield Row("8323-3.2-01", "16 KiB, a byte a record", [large[i:i + 1] for i in range(len(large))],
              ("4.04",))
    yield Row("8323-3.2-01", "16 KiB three times, in records of 16 KiB", [large * 3], ("4.04",) * 3)


# ---- in place of TLS ----

CLOSED, HELD = "closed", "held"  # at once; when the time of a handshake is over


def record(kind, body, version=0x0303, length=None):
    n = len(body) if length is None else length
    return bytes([kind]) + version.to_bytes(2, "big") + n.to_bytes(2, "big") + body


def handshake(kind, body, length=None):
    return bytes([kind]) + (len(body) if length is None else length).to_bytes(3, "big") + body


def hello(rng, version=0x0303):
    """That of a client of some version, which offers nothing of ours."""
    return handshake(1, version.to_bytes(2, "big") + rng.randbytes(32) + b"\0" + b"\0\x02\xc0\x2b"
                     + b"\x01\0" + b"\0\0")


def strangers(rng):
    """(what, bytes, what becomes of the connection)"""
    some = rng.randbytes
    yield "HTTP", b"GET / HTTP/1.1\r\nHost: dots.example\r\n\r\n", CLOSED
    yield "SSH", b"SSH-2.0-OpenSSH_9.2\r\n", CLOSED
    yield "a message of CoAP, in the clear", csm() + config(), CLOSED
    for n in (5, 100, 5000, 60000):
        yield f"{n} bytes that are 0", bytes(n), CLOSED
        yield f"{n} bytes that are 255", b"\xff" * n, CLOSED
    for n in (100, 60000):
        yield f"{n} random bytes", b"\x40" + some(n), CLOSED  # that begin no record
    for kind in (20, 21, 23, 24, 25, 0, 255):
        yield f"a record of type {kind}", record(kind, some(40)), CLOSED
    for version in (0x0000, 0x0200, 0xFEFD):
        yield f"a handshake of version {version:#06x}", record(22, hello(rng), version), CLOSED
    yield "a hello of SSL 3", record(22, hello(rng, 0x0300), 0x0300), CLOSED
    yield "a hello of TLS 1.0", record(22, hello(rng, 0x0301), 0x0301), CLOSED
    yield "a hello of TLS 1.1", record(22, hello(rng, 0x0302), 0x0302), CLOSED
    yield "a hello of TLS 1.2 that offers nothing of use", record(22, hello(rng)), CLOSED
    yield "a record that announces 65535 bytes", record(22, some(60), length=65535), CLOSED
    for kind in (0, 2, 4, 11, 14, 16, 20, 255):
        yield f"handshake message {kind}", record(22, handshake(kind, some(60))), CLOSED
    yield "a hello of 2^24-1 bytes", record(22, handshake(1, some(60), length=0xFFFFFF)), HELD
    yield "a hello of 2^24-1 bytes, and 256 KiB of it", record(22, handshake(
        1, some(16000), length=0xFFFFFF)) + record(22, some(16384)) * 16, CLOSED
    yield "a hello of 16 KiB of junk", record(22, handshake(1, some(16000))), CLOSED
    yield "a fatal alert", record(21, b"\x02\x28"), CLOSED
    yield "a farewell", record(21, b"\x01\x00"), CLOSED
    yield "100,000 warnings", record(21, b"\x01\x5a") * 100000, CLOSED
    yield "20,000 changes of ciphers", record(20, b"\x01") * 20000, CLOSED
    yield "20,000 empty records", record(22, b"") * 20000, CLOSED
    yield "nothing", b"", HELD
    yield "one byte", b"\x16", HELD
    yield "what might be a record of SSL 2", b"\x81\xff\x01\x03\x03", HELD
    yield "half a header", b"\x16\x03\x01", HELD
    yield "a header", record(22, b"", length=500), HELD
    yield "half a hello", record(22, hello(rng))[:30], HELD
    yield "a hello in two records, of which one comes", record(22, hello(rng)[:20]), HELD


# ---- inside of TLS 1.3 ----

APPLICATION, HANDSHAKE = 23, 22


def sealed(rng):
    """(what, content type, records, what becomes of the connection): 8446-4.6, 8446-5.1, 8446-6"""
    some = rng.randbytes
    yield "a message, sealed by hand", APPLICATION, [config()], UP
    yield "a message after 500 bytes of padding, as its content", 0, [config() + b"\x17" + bytes(500)], UP
    yield "nothing but padding", 0, [bytes(500)], ENDED
    for kind in (20, 24, 25, 255):
        yield f"content type {kind}", kind, [some(40)], ENDED
    yield "an alert of one byte", 21, [b"\x02"], ENDED
    yield "an alert of three bytes", 21, [b"\x02\x28\x00"], ENDED
    yield "an empty alert", 21, [b""], ENDED
    yield "an empty handshake record", HANDSHAKE, [b""], ENDED
    for kind in (0, 1, 2, 5, 8, 11, 13, 14, 15, 16, 20, 25, 254, 255):
        yield f"handshake message {kind}, after it", HANDSHAKE, [handshake(kind, some(60))], ENDED
    yield "a ticket from a client", HANDSHAKE, [handshake(4, some(60))], ENDED
    for body in (b"", b"\x02", b"\xff", b"\0\0"):
        yield f"a key update of {body.hex() or 'nothing'}", HANDSHAKE, [handshake(24, body)], ENDED
    for kind in (1, 4, 11, 24):
        yield (f"a message {kind} of 2^24-1 bytes, a megabyte of it", HANDSHAKE,
               [handshake(kind, some(16000), length=0xFFFFFF)] + [some(16000)] * 64, ENDED)
