"""Messages that a client may not send, and some that only look so: each with what the server has to
answer. Rows cite the requirement (rfc9132 ids as in doc/conformance) or the section of RFC 7252."""
import dataclasses
import struct

from rig import cbor, coap
from rig.cbor import Pairs, Raw, encode

OWN, FOREIGN = "198.51.100.1/32", "203.0.113.1/32"
MINE, OTHERS = "evil-cuid-000000000000", "good-cuid-000000000000"
SILENCE, RESET = "silence", "reset"
ANSWER_S = 20  # how long one may take
ABORT = "7.05"  # and the end of the connection (RFC 8323 5.6)


@dataclasses.dataclass
class Row:
    rule: str
    what: str
    expected: str          # code of the response, SILENCE, RESET or ABORT
    code: int = coap.PUT
    options: list = None
    payload: bytes = b""
    raw: object = None     # function of (type, message id, token): the whole message
    how: dict = dataclasses.field(default_factory=dict)  # otherwise than usual: see coap.message
    kinds: tuple = (coap.NON, coap.CON)
    says: str = ""         # the diagnostic text has this
    stream: object = ...   # what it gets over TCP: None, there is no such message; ...: the same


def put(rule, what, body, expected="4.00", says="", options=None, mid="mid=7"):
    """A mitigation request with that body: bytes, or a value to be encoded."""
    payload = body if isinstance(body, bytes) else encode(body)
    return Row(rule, what, expected, coap.PUT, options or [
        *coap.mitigate(f"cuid={MINE}", mid), (coap.CONTENT_FORMAT, b"\x01\x0f")], payload,
        says=says)


def entry(changes=(), without=()):
    """A body with one scope entry: a good one, changed."""
    e = {cbor.TARGET_PREFIX: [OWN], cbor.LIFETIME: 60} | dict(changes)
    return {1: {2: [{k: v for k, v in e.items() if k not in without}]}}


GOOD = encode(entry())

# ---- CBOR that is none, or none of ours ----

BROKEN = [
    ("9132-4.4.1.3-11", "no body", b""),
    ("9132-4.4.1.3-11", "only a break", b"\xff"),
    ("9132-4.4.1.3-11", "reserved additional information", b"\xa1\x01\x1c"),
    ("9132-4.4.1.3-11", "a map that announces 2^32 pairs", b"\xba\xff\xff\xff\xff\x01"),
    ("9132-4.4.1.3-11", "an array that announces 2^63 items",
     b"\xa1\x01\xa1\x02\x9b\x7f\xff\xff\xff\xff\xff\xff\xff"),
    ("9132-4.4.1.3-11", "a text that announces 2^63 bytes",
     b"\xa1\x01\xa1\x02\x81\xa1\x06\x81\x7b\x7f\xff\xff\xff\xff\xff\xff\xff"),
    ("9132-4.4.1.3-11", "an indefinite map that never ends", b"\xbf\x01\xbf\x02\x9f\xbf"),
    ("9132-4.4.1.3-11", "bytes after the end", GOOD + b"\x00"),
    ("9132-4.4.1.3-11", "two messages", GOOD + GOOD),
    ("9132-4.4.1.3-11", "a chunk of another type in a text",
     encode(entry({cbor.TARGET_PREFIX: [Raw(b"\x7f\x41\x31\xff")]}))),
    ("9132-10.5-02", "the DOTS tag inside", encode({1: Raw(b"\xd9\x01\x0f") + encode({2: []})})),
    ("9132-10.5-02", "another tag in front", b"\xd9\x01\x10" + GOOD),
    ("9132-6-01", "keys that are texts", encode({"mitigation-scope": {"scope": []}})),
    ("9132-10.6.1.1-01", "key 0", encode(entry({0: 1}))),
    ("9132-10.6.1.1-01", "a negative key", encode(entry({-1: 1}))),
    ("9132-10.6.1.1-01", "key 65536", encode(entry({65536: 1}))),
    ("9132-4.4.1.3-11", "a key twice",
     encode({1: {2: [Pairs([(6, [OWN]), (14, 60), (14, 61)])]}})),
    ("9132-4.4.1.3-11", "1100 arrays in each other",
     encode(entry({200: Raw(b"\x81" * 1100 + b"\x00")}))),
    ("9132-5.1-01", "two kinds of message", encode(entry() | {30: {32: {33: {36: 30}}}})),
    ("9132-5.1-01", "a heartbeat where a request belongs", cbor.heartbeat()),
    ("9132-5.1-04", "a redirect from a client", encode({46: {47: "other.example"}})),
    ("9132-4.4.1.3-08", "no scope", encode({1: {}})),
    ("9132-4.4.1.3-08", "an empty scope", encode({1: {2: []}})),
    ("9132-4.4.1.3-08", "an empty entry", encode({1: {2: [{}]}})),
    ("9132-4.4.1.3-10", "two entries", encode({1: {2: [{6: [OWN], 14: 60}] * 2}})),
]

# ---- attributes ----

WRONG = [None, True, 1.5, -7, 7, "x", b"x", [], {}, [1], ["x"], {1: 2}, Raw(b"\xc1\x01")]
# attribute -> its key, and the values of WRONG that are of its type all the same
TYPES = [("target-prefix", 6, []), ("target-port-range", 7, []), ("target-protocol", 10, [[1]]),
         ("target-fqdn", 11, []), ("target-uri", 12, []), ("alias-name", 13, []),
         ("lifetime", 14, [7]), ("trigger-mitigation", 45, [True])]

GOOD_VALUES = {7: [{8: 80}], 10: [6], 11: ["a.example"], 12: ["https://a.example/"], 13: ["a"], 45: True}

ATTRIBUTES = [
    ("9132-4.4.1.3-08", "no target", entry(without=[6]), "target-prefix"),
    ("9132-4.4.1.3-08", "no lifetime", entry(without=[14]), "lifetime"),
    ("9132-4.4.1.3-13", "lifetime 0", entry({14: 0}), "lifetime"),
    ("9132-5.3-01", "lifetime -2", entry({14: -2}), "lifetime"),
    ("9132-5.3-01", "lifetime 2^32", entry({14: 1 << 32}), "lifetime"),
    ("9132-5.3-01", "lifetime 2^64-1", entry({14: (1 << 64) - 1}), "lifetime"),
    ("9132-4.4.1.1-34", "prefix length 33", entry({6: ["198.51.100.0/33"]}), "prefix"),
    ("9132-4.4.1.1-34", "prefix length 129", entry({6: ["2001:db8::/129"]}), "prefix"),
    ("9132-4.4.1.3-11", "a prefix of letters", entry({6: ["somewhere/8"]}), "prefix"),
    ("9132-4.4.1.3-11", "an empty prefix", entry({6: [""]}), "empty"),
    ("9132-4.4.1.3-11", "a prefix with a NUL", entry({6: ["198.51.100.1\0/32"]}), "UTF-8"),
    ("9132-4.4.1.3-11", "a prefix that is no UTF-8",
     entry({6: [Raw(b"\x62\xc3\x28")]}), "UTF-8"),
    ("9132-4.4.1.3-11", "a prefix of 1000 characters", entry({6: ["1" * 1000]}), "prefix"),
    ("9132-4.4.1.3-11", "no prefix at all in the list", entry({6: []}), "empty"),
    ("9132-4.4.1.1-40", "upper-port below lower-port", entry({7: [{8: 80, 9: 79}]}), "port"),
    ("9132-4.4.1.1-40", "port 65536", entry({7: [{8: 65536}]}), "port"),
    ("9132-4.4.1.1-40", "a range without lower-port", entry({7: [{9: 80}]}), "port"),
    ("9132-5.1-06", "a lower-port twice", entry({7: [{8: 80}, {8: 80, 9: 90}]}), "port"),
    ("9132-4.4.1.3-11", "protocol 256", entry({10: [256]}), "protocol"),
    ("9132-4.4-13", "a foreign target", entry({6: [FOREIGN]}), "outside"),
    ("9132-11-12", "a target wider than what is owned", entry({6: ["198.51.0.0/16"]}), "outside"),
    ("9132-11-12", "everything", entry({6: ["0.0.0.0/0"]}), "target-prefix"),
    ("9132-4.4.1.1-34", "a loopback target", entry({6: ["127.0.0.1/32"]}), "loopback"),
    ("9132-4.4.1.1-34", "a multicast target", entry({6: ["ff02::1/128"]}), "multicast"),
    ("9132-4.4.1.3-02", "an alias that nobody made", entry({13: ["web"]}, [6]), "alias"),
    ("9132-4.4.1.3-11", "a name that is none", entry({11: ["-a-.example-"]}), "fqdn"),
    ("9132-4.4.1.1-77", "cdid in the body", entry({3: "x"}), "cdid"),
    ("9132-4.4.1.1-77", "cuid in the body", entry({4: "x"}), "cuid"),
    ("9132-5.1-02", "mid in the body", entry({5: 7}), "mid"),
    ("9132-5.1-02", "a status from a client", entry({16: 2}), "status"),
    ("9132-5.1-02", "mitigation-start from a client", entry({15: 1}), "mitigation-start"),
    ("9132-5.1-02", "counters from a client", entry({25: 1}), "bytes-dropped"),
    ("9132-5.1-02", "a conflict from a client", entry({17: {18: 1}}), "conflict"),
    ("9132-4.4.3-07", "attack-status without If-Match", entry({29: 1}), "attack-status"),
    ("9132-10.6.5-01", "attack-status 3", entry({29: 3}), "attack-status"),
    ("9132-6-04", "an unknown required key", entry({60: 1}), "60"),
    ("9132-6-04", "an unknown required key of the second range", entry({300: 1}), "300"),
    ("9132-4.4.1.3-11", "300 targets", entry({6: [OWN] * 300}), "256"),
]


def bodies():
    for cut in range(1, len(GOOD)):
        yield put("9132-4.4.1.3-11", f"a request cut after {cut} bytes", GOOD[:cut])
    for rule, what, body in BROKEN:
        yield put(rule, what, body)
    for rule, what, body, says in ATTRIBUTES:
        yield put(rule, what, body, says=says)
    for name, key, right in TYPES:
        for value in WRONG:
            if not any(value is r or value == r and type(value) is type(r) for r in right):
                yield put("9132-6-07", f"{name} is {value!r}", entry({key: value}))
    for name, key, _ in TYPES:
        good = {**GOOD_VALUES, 6: [OWN], 14: 60}
        twice = Pairs([(6, [OWN]), (14, 60)] * (key not in (6, 14)) + [
            (k, v) for k, v in good.items() if key in (6, 14) or k == key] + [(key, good[key])])
        yield put("9132-4.4.1.3-11", f"{name} twice", {1: {2: [twice]}}, says=name)


# ---- paths, methods, options ----

FORMAT = (coap.CONTENT_FORMAT, b"\x01\x0f")


def at(rule, what, expected, segments, code=coap.PUT, payload=None, more=(FORMAT,), says=""):
    if payload is None:
        payload = GOOD if code == coap.PUT else b""
    return Row(rule, what, expected, code, [*coap.path(*segments), *more], payload, says=says)


def bad_option(what, segments, more=(FORMAT,), says=""):
    """RFC 7252 5.4.1: 4.02 if Confirmable; else rejected."""
    for kind, expected in ((coap.CON, "4.02"), (coap.NON, RESET)):
        yield dataclasses.replace(at("9132-9-06", what, expected, segments, more=more, says=says),
                                  kinds=(kind,))


ROOT = (".well-known", "dots", "mitigate")
CUID, MID = f"cuid={MINE}", "mid=7"
HB = (".well-known", "dots", "hb")

PATHS = [
    at("9132-4.4.1.3-09", "no cuid, no mid", "4.00", ROOT, says="cuid"),
    at("9132-4.4.1.3-09", "no mid", "4.00", (*ROOT, CUID), says="mid"),
    at("9132-4.4.1.3-09", "no cuid", "4.00", (*ROOT, MID), says="cuid"),
    at("9132-4.4.1.1-04", "mid before cuid", "4.00", (*ROOT, MID, CUID)),
    at("9132-4.4.1.3-09", "an empty cuid", "4.00", (*ROOT, "cuid=", MID), says="empty"),
    at("9132-4.4.1.3-09", "an empty mid", "4.00", (*ROOT, CUID, "mid="), says="empty"),
    at("9132-4.4.1.3-09", "a mid of letters", "4.00", (*ROOT, CUID, "mid=seven"), says="mid"),
    at("9132-4.4.1.3-09", "mid -1", "4.00", (*ROOT, CUID, "mid=-1"), says="mid"),
    at("9132-4.4.1.3-09", "mid 2^32", "4.00", (*ROOT, CUID, "mid=4294967296"), says="mid"),
    at("9132-4.4.1.1-04", "mid twice", "4.00", (*ROOT, CUID, MID, "mid=8"), says="mid"),
    at("9132-4.4.1.1-04", "cuid twice", "4.00", (*ROOT, CUID, CUID, MID), says="cuid"),
    at("9132-4.4.1.2-13", "cdid twice", "4.00", (*ROOT, "cdid=a", "cdid=b", CUID, MID)),
    at("9132-4.4.1.2-15", "cdid after cuid", "4.00", (*ROOT, CUID, "cdid=a", MID)),
    at("9132-4.4.1.1-04", "an unknown parameter", "4.00", (*ROOT, CUID, MID, "color=red")),
    at("9132-4.4.1.1-04", "an empty segment", "4.00", (*ROOT, CUID, "", MID)),
    at("9132-4.4.1.3-11", "a cuid of 200 characters", "4.00", (*ROOT, "cuid=" + "x" * 200, MID)),
    at("9132-4.4.1.3-11", "a cuid with a slash", "4.00", (*ROOT, "cuid=a/b", MID)),
    at("9132-4.4.1.3-11", "a cuid of control characters", "4.00", (*ROOT, b"cuid=\x1b[2J", MID)),
    at("9132-4.2-01", "no path", "4.04", ()),
    at("9132-4.2-01", ".well-known/core", "4.04", (".well-known", "core"), coap.GET, more=()),
    at("9132-4.2-01", "half the path", "4.04", (".well-known", "dots")),
    at("9132-4.2-01", "an unknown resource", "4.04", (".well-known", "dots", "telemetry2")),
    at("9132-4.2-01", "capital letters", "4.04", (".WELL-KNOWN", "dots", "mitigate", CUID, MID)),
    at("9132-4.4.2-18", "GET of an unknown mid", "4.04", (*ROOT, CUID, "mid=4711"), coap.GET,
       more=()),
    at("9132-4.4.2-19", "GET of all when there is none", "4.04", (*ROOT, CUID), coap.GET, more=()),
    at("9132-4.4.4-05", "DELETE without mid", "4.00", (*ROOT, CUID), coap.DELETE, more=()),
    at("9132-4.4.4-05", "DELETE without cuid", "4.00", ROOT, coap.DELETE, more=()),
    at("9132-4.4.4-07", "DELETE of an unknown mid", "2.02", (*ROOT, CUID, "mid=4711"), coap.DELETE,
       more=()),
    at("9132-9-08", "POST", "4.05", (*ROOT, CUID, MID), coap.POST, payload=GOOD),
    at("9132-9-08", "FETCH", "4.05", (*ROOT, CUID, MID), 5, payload=GOOD),
    at("9132-9-08", "method 0.31", "4.05", (*ROOT, CUID, MID), 31, payload=GOOD),
    at("9132-9-08", "GET of heartbeats", "4.05", HB, coap.GET, more=()),
    at("9132-9-08", "DELETE of heartbeats", "4.05", HB, coap.DELETE, more=()),
    at("9132-4.7-06", "a heartbeat with a cuid", "4.00", (*HB, CUID), payload=cbor.heartbeat()),
    at("9132-4.7-08", "a heartbeat without body", "4.00", HB, payload=b"", says="body"),
    at("9132-5.1-05", "a heartbeat without peer-hb-status", "4.00", HB, payload=encode({49: {}})),
    at("9132-5.1-05", "a request where a heartbeat belongs", "4.00", HB, says="heartbeat is missing"),
    at("9132-4.4.1.1-18", "somebody else's cuid", "4.09", (*ROOT, f"cuid={OTHERS}", "mid=99")),
    at("9132-3-15", "GET of somebody else's", "4.04", (*ROOT, f"cuid={OTHERS}"), coap.GET, more=()),
    at("9132-11-05", "DELETE of somebody else's", "4.04", (*ROOT, f"cuid={OTHERS}", "mid=1"),
       coap.DELETE, more=()),
    at("9132-9-12", "Content-Format 60", "4.15", (*ROOT, CUID, MID), more=((12, b"\x3c"),)),
    at("9132-9-12", "Content-Format 0", "4.15", (*ROOT, CUID, MID), more=((12, b""),)),
    at("7252-5.10.4", "an answer in JSON, please", "4.06", (".well-known", "dots", "config"), coap.GET,
       more=((coap.ACCEPT, b"\x32"),)),
    at("7252-5.10.8.2", "a heartbeat, if there were none", "4.12", HB, payload=cbor.heartbeat(),
       more=(FORMAT, (coap.IF_NONE_MATCH, b""))),
    *bad_option("an unknown critical option", (*ROOT, CUID, MID), (FORMAT, (65001, b"x")), "65001"),
    *bad_option("a segment of 256 bytes", (*ROOT, "x" * 256, MID)),
    *bad_option("an If-Match of 9 bytes", (*ROOT, CUID, MID), (FORMAT, (1, b"123456789"))),
    at("7252-5.10.2", "Proxy-Uri", "5.05", (*ROOT, CUID, MID),
       more=(FORMAT, (35, b"coap://[2001:db8::1]/"))),
    at("7252-5.10.2", "Proxy-Scheme", "5.05", (*ROOT, CUID, MID), more=(FORMAT, (39, b"coap"))),
    at("7252-5.4.1", "an unknown elective option", "2.01", (*ROOT, CUID, MID),
       more=(FORMAT, (65000, b"x"))),
    at("9132-4.4.1.3-12", "unknown optional keys", "2.01", (*ROOT, CUID, MID), payload=encode(
        entry({200: 1, 20000: [1, 2], 40000: {"a": b"b"}, 60000: None}))),
    at("9132-4.4.3-07", "an efficacy update without attack-status", "4.00", (*ROOT, CUID, MID),
       more=(FORMAT, (coap.IF_MATCH, b""))),
    at("9132-4.4.3-10", "an efficacy update of nothing", SILENCE, (*ROOT, CUID, "mid=4712"),
       payload=encode(entry({29: 1})), more=(FORMAT, (coap.IF_MATCH, b""))),
]

# ---- CoAP that is none ----


def whole(rule, what, con, non, stream, how):
    """con, non: what a Confirmable and a Non-confirmable one get; stream: what it gets over TCP."""
    for kind, expected in ((coap.CON, con), (coap.NON, non)):
        yield Row(rule, what, expected, how=how, kinds=(kind,), stream=stream)


# Over TCP: 8323-5.6-03, 8323-3.4-01; what no rule speaks of is nothing that concerns us.
MALFORMED = [
    ("another version: 0", "7252-3", SILENCE, None, {"version": 0}),
    ("another version: 2", "7252-3", SILENCE, None, {"version": 2}),
    ("another version: 3", "7252-3", SILENCE, None, {"version": 3}),
    ("a token of 9 bytes", "7252-3", RESET, ABORT, {"token": b"123456789"}),
    ("a token of 15 bytes", "7252-3", RESET, ABORT, {"token": b"1" * 15}),
    ("a token that is cut off", "7252-3", RESET, None, {"token": b"", "token_length": 4}),
    ("option delta 15", "7252-3.1", RESET, ABORT, {"tail": b"\xf1x"}),
    ("option length 15", "7252-3.1", RESET, ABORT, {"tail": b"\x1fx"}),
    ("an option that is cut off", "7252-3.1", RESET, ABORT, {"tail": b"\xb9ab"}),
    ("an extended delta that is cut off", "7252-3.1", RESET, ABORT, {"tail": b"\xe0\x01"}),
    ("an option beyond 65535", "7252-3.1", RESET, ABORT, {"tail": b"\xe0\xff\xff\xe0\xff\xff"}),
    ("a payload marker without payload", "7252-3", RESET, ABORT, {"tail": b"\xff"}),
    ("an empty message with a token", "7252-4.1", RESET, ABORT, {"code": 0}),
    ("an empty message with a payload", "7252-4.1", RESET, ABORT,
     {"code": 0, "token": b"", "tail": b"\xffx"}),
    ("an empty message", "7252-4.3", RESET, SILENCE, {"code": 0, "token": b""}),
    ("code class 1", "7252-4.2", RESET, SILENCE, {"code": 0x21}),
    ("code class 6", "7252-4.2", RESET, SILENCE, {"code": 0xC1}),
    ("code class 7", "7252-4.2", RESET, SILENCE, {"code": 0xE1}),
    ("a response to nothing", "7252-4.2", RESET, SILENCE, {"code": 0x45}),
    ("an error to nothing", "7252-4.2", RESET, SILENCE, {"code": 0x84}),
    ("1000 elective options", "7252-5.4.1", RESET, ABORT, {"tail": b"\x20" + b"\x00" * 999}),
]


def transport():
    for what, rule, con, stream, how in MALFORMED:
        yield from whole(rule, what, con, SILENCE, stream, how)
    for kind, name in ((coap.ACK, "an acknowledgement"), (coap.RST, "a reset")):
        for code in (0, coap.PUT, 0x45, 0xC1):
            yield Row("7252-4.2", f"{name} of nothing, code {code:#04x}", SILENCE, kinds=(kind,),
                      how={"code": code} | ({} if code else {"token": b""}), stream=None)
    for length in range(4):
        yield Row("7252-3", f"{length} bytes", SILENCE, kinds=(coap.CON,), stream=None,
                  raw=lambda k, i, t, n=length: coap.message(k, coap.PUT, i, t)[:n])


def rows(stream=False):
    """All of them. Over TCP there is one kind of messages, whose sender hears what is wrong."""
    for row in (*bodies(), *PATHS, *transport()):
        if not stream:
            yield row
        elif coap.CON in row.kinds and row.stream is not None:
            yield dataclasses.replace(row, kinds=(coap.CON,),
                                      expected=row.expected if row.stream is ... else row.stream)


# ---- what a stranger may throw at the port ----

def record(kind, version, epoch, body, length=None):
    n = len(body) if length is None else length
    return struct.pack("!BHHHIH", kind, version, epoch, 0, 1, n) + body


def handshake(kind, body, length=None, offset=0, fragment=None):
    n = len(body) if length is None else length
    f = len(body) if fragment is None else fragment
    return (bytes([kind]) + n.to_bytes(3, "big") + b"\0\0" + offset.to_bytes(3, "big")
            + f.to_bytes(3, "big") + body)


def hello(random, cookie=b"", session=b""):
    """A ClientHello that GnuTLS would take: version, random, session, cookie, suites, extensions."""
    groups = struct.pack("!HHHH", 10, 4, 2, 23)
    body = (b"\xfe\xfd" + random + bytes([len(session)]) + session + bytes([len(cookie)]) + cookie
            + struct.pack("!HHHBB", 4, 0xC02B, 0xC02F, 1, 0)
            + struct.pack("!H", len(groups)) + groups)
    return record(22, 0xFEFD, 0, handshake(1, body))


def askers(rng):
    """What begins like a ClientHello may be asked for its cookie (RFC 6347 4.2.1), no more."""
    yield record(22, 0xFEFD, 0, handshake(1, rng.randbytes(60)))
    yield record(22, 0xFEFD, 0, handshake(1, rng.randbytes(60), length=200))
    yield record(22, 0xFEFD, 0, handshake(1, rng.randbytes(60), length=0xFFFFFF))
    yield hello(rng.randbytes(32), cookie=rng.randbytes(16))
    yield hello(rng.randbytes(32), cookie=rng.randbytes(255), session=rng.randbytes(32))
    yield hello(rng.randbytes(32))


def strangers(rng):
    """(what, datagram): to all of them the answer is silence."""
    some = rng.randbytes
    yield "nothing", b""
    for n in (1, 12, 13, 100, 1200, 9000, 60000):
        yield f"{n} random bytes", some(n)
    for kind in (20, 21, 22, 23, 24, 25, 0, 255):
        for epoch in (0, 1, 65535):
            if kind != 22 or epoch:
                yield f"a record of type {kind}, epoch {epoch}", record(kind, 0xFEFD, epoch, some(40))
    for version in (0x0303, 0xFEFF, 0x0000, 0xFFFF):
        yield f"a handshake of version {version:#06x}", record(22, version, 0, some(60))
    for length in (0, 1, 4000, 65535):
        yield f"a record that announces {length} bytes", record(22, 0xFEFD, 0, some(60), length)
    for kind in (0, 2, 3, 4, 11, 14, 16, 20, 255):
        yield f"handshake message {kind}", record(22, 0xFEFD, 0, handshake(kind, some(60)))
    yield "a fragment of 2^24-1 bytes", record(22, 0xFEFD, 0, handshake(
        1, some(60), length=0xFFFFFF, fragment=0xFFFFFF))
    for offset in (1, 60, 0xFFFFFF):
        yield f"a fragment from {offset}", record(22, 0xFEFD, 0, handshake(
            1, some(60), length=200, offset=offset))
    yield "a change of ciphers", record(20, 0xFEFD, 0, b"\x01")
    yield "a fatal alert", record(21, 0xFEFD, 0, b"\x02\x28")
    yield "a farewell", record(21, 0xFEFD, 0, b"\x01\x00")
    yield "a message of CoAP, in the clear", coap.message(
        coap.CON, coap.GET, 1, b"x", coap.path(".well-known", "dots", "hb"))
    yield "a DNS query", bytes.fromhex("123401000001000000000000076578616d706c650000010001")
