"""Every resource with every method, and what a request may have besides: parts of its path, options,
a body. Each value of each of these has the codes that it is to get; of a request with several that
are wrong, any of theirs is right. Values cite the requirement (rfc9132 ids as in doc/conformance) or
the section of RFC 7252, 7641, 7959 or 8768."""
import dataclasses
import itertools

from messages import BROKEN, GOOD, OTHERS, OWN, RESET
from rig import cbor, coap
from rig.cbor import encode

CUID, MID = "matrix-cuid-0000000000", 7
KINDS, IN_A_STREAM = (coap.NON, coap.CON), (coap.CON,)  # there the sender hears what is wrong, too
PUT, GET, DELETE, POST = coap.PUT, coap.GET, coap.DELETE, coap.POST
FETCH, PATCH, IPATCH, UNKNOWN = 5, 6, 7, 31
METHODS = (PUT, GET, DELETE, POST, FETCH, PATCH, IPATCH, UNKNOWN)
# What is to come where nothing is wrong.
SUCCESS = {
    ("mitigate", PUT): {"2.01", "2.04"}, ("mitigate", GET): {"2.05"},
    ("mitigate", DELETE): {"2.02"}, ("hb", PUT): {"2.04"}, ("config", GET): {"2.05"},
    ("config", DELETE): {"2.02"}, ("config", PUT): {"2.01", "2.04"},
}
ALSO = "or as if it were not there"


@dataclasses.dataclass(frozen=True)
class Value:
    what: str
    parts: object = None     # path: the segments; body: bytes or None; else: options
    # Codes that it gets by (resource, method); the key may leave out the method, or be "*".
    # ALSO among them: it may as well be overlooked.
    gets: dict = dataclasses.field(default_factory=dict)

    def codes(self, resource, method):
        for key in ((resource, method), resource, "*"):
            if key in self.gets:
                return self.gets[key]
        return frozenset()


def every(*codes):
    return {"*": frozenset(codes)}


BAD_REQUEST, BAD_OPTION = every("4.00"), every("4.02")

# That of the session's configuration.
SID = 1000

# 9132-4.4.1.3-09, 9132-4.4.4-04, 9132-4.4.4-05, 9132-4.4.2-02, 9132-4.4.2-03, 9132-4.4.1.1-04,
# 9132-4.4.1.1-18, 9132-3-15, 9132-11-05, 9132-4.5.2-19, 9132-4.7-06; parts: what follows the
# resource's name
PATHS = {
    "mitigate": [
        Value("cuid and mid", [f"cuid={CUID}", f"mid={MID}"]),
        Value("no mid", [f"cuid={CUID}"], {("mitigate", PUT): {"4.00"}, ("mitigate", DELETE): {"4.00"}}),
        Value("neither cuid nor mid", [], BAD_REQUEST),
        Value("no cuid", [f"mid={MID}"], BAD_REQUEST),
        Value("an empty cuid", ["cuid=", f"mid={MID}"], BAD_REQUEST),
        Value("an empty mid", [f"cuid={CUID}", "mid="], BAD_REQUEST),
        Value("an empty cdid", ["cdid=", f"cuid={CUID}", f"mid={MID}"], BAD_REQUEST),
        Value("cuid twice", [f"cuid={CUID}", f"cuid={CUID}", f"mid={MID}"], BAD_REQUEST),
        Value("two cuids", [f"cuid={CUID}", f"cuid={OTHERS}", f"mid={MID}"], BAD_REQUEST),
        Value("mid twice", [f"cuid={CUID}", f"mid={MID}", f"mid={MID}"], BAD_REQUEST),
        Value("mid before cuid", [f"mid={MID}", f"cuid={CUID}"], BAD_REQUEST),
        Value("cdid last", [f"cuid={CUID}", f"mid={MID}", "cdid=x"], BAD_REQUEST),
        Value("an unknown parameter", [f"cuid={CUID}", f"mid={MID}", "sid=1"], BAD_REQUEST),
        Value("no parameter", [f"cuid={CUID}", f"mid={MID}", "mid"], BAD_REQUEST),
        Value("an empty segment", [f"cuid={CUID}", f"mid={MID}", ""], BAD_REQUEST),
        Value("mid 2^32", [f"cuid={CUID}", "mid=4294967296"], BAD_REQUEST),
        Value("mid 0x7", [f"cuid={CUID}", "mid=0x7"], BAD_REQUEST),
        Value("a long cuid", ["cuid=" + "x" * 250, f"mid={MID}"], BAD_REQUEST),
        Value("a cuid of no letters", [b"cuid=\x00\xff", f"mid={MID}"], BAD_REQUEST),
        Value("another client's cuid", [f"cuid={OTHERS}", f"mid={MID}"], {
            ("mitigate", PUT): {"4.09"}, ("mitigate", GET): {"4.04"}, ("mitigate", DELETE): {"4.04"}}),
        Value("with a cdid", ["cdid=gateway", f"cuid={CUID}", f"mid={MID}"]),
    ],
    "config": [
        Value("a sid", [f"sid={SID}"]),
        Value("no sid", [], {("config", PUT): frozenset({"4.00"})}),
        Value("a lower sid", [f"sid={SID - 1}"], {
            ("config", PUT): frozenset({"4.00"}), ("config", GET): frozenset({"4.04"})}),
        Value("an empty sid", ["sid="], BAD_REQUEST),
        Value("sid 2^32", ["sid=4294967296"], BAD_REQUEST),
        Value("sid twice", ["sid=1", "sid=2"], BAD_REQUEST),
        Value("a cuid", [f"cuid={CUID}"], BAD_REQUEST),
        Value("an empty segment", [""], BAD_REQUEST),
    ],
    "hb": [
        Value("alone", []),
        Value("a cuid", [f"cuid={CUID}"], BAD_REQUEST),
        Value("an empty segment", [""], BAD_REQUEST),
    ],
    "nothing": [  # 9132-4.2-01
        Value("unknown", [], every("4.04")),
        Value("unknown, with a cuid", [f"cuid={CUID}"], every("4.04")),
    ],
}


def option(number, *values):
    return [(number, v) for v in values]


CF, ACCEPT = coap.CONTENT_FORMAT, coap.ACCEPT
# 9132-9-12; of what has no body it says nothing (RFC 7252 5.10.3)
FOREIGN_FORMAT = {(r, m): frozenset({"4.15"} if m == PUT else {"4.15", ALSO})
                  for r in PATHS for m in METHODS}
# 7252-5.10.4: where nothing comes back, nothing has to be acceptable
FOREIGN_ACCEPT = {(r, m): frozenset({"4.06", ALSO} if m == DELETE or r == "hb" else {"4.06"})
                  for r in PATHS for m in METHODS}
# 7252-5.10.8; of a mitigation request If-Match makes an efficacy update (9132-4.4.3-08), for which
# most bodies lack attack-status (9132-4.4.3-07)
NO_SUCH_ETAG = every("4.12") | {("mitigate", PUT): frozenset({"4.12", "4.00"})}
OPTIONS = {
    "Content-Format": [
        Value("271", option(CF, b"\x01\x0f")), Value("absent", []),
        Value("60", option(CF, b"\x3c"), FOREIGN_FORMAT), Value("0", option(CF, b""), FOREIGN_FORMAT),
        Value("65535", option(CF, b"\xff\xff"), FOREIGN_FORMAT),
        Value("of 3 bytes", option(CF, b"\x00\x01\x0f")),  # 7252-5.4.3: elective, so overlooked
        Value("271 and 60", option(CF, b"\x01\x0f", b"\x3c")),  # 7252-5.4.5
    ],
    "Accept": [
        Value("absent", []), Value("271", option(ACCEPT, b"\x01\x0f")),
        Value("60", option(ACCEPT, b"\x3c"), FOREIGN_ACCEPT),
        Value("0", option(ACCEPT, b""), FOREIGN_ACCEPT),
        Value("twice", option(ACCEPT, b"\x01\x0f", b"\x01\x0f"), BAD_OPTION),
        Value("of 3 bytes", option(ACCEPT, b"\x00\x01\x0f"), BAD_OPTION),
    ],
    "Observe": [
        Value("absent", []), Value("0", option(coap.OBSERVE, b"")),
        Value("1", option(coap.OBSERVE, b"\x01")), Value("2", option(coap.OBSERVE, b"\x02")),
        Value("16777215", option(coap.OBSERVE, b"\xff\xff\xff")),
        Value("of 4 bytes", option(coap.OBSERVE, b"\0\0\0\0")),
        Value("0 and 1", option(coap.OBSERVE, b"", b"\x01")),
    ],
    "If-Match": [
        Value("absent", []),
        Value("empty", option(coap.IF_MATCH, b""), {("mitigate", PUT): {"4.00"}}),
        Value("of 8 bytes", option(coap.IF_MATCH, b"12345678"), NO_SUCH_ETAG),
        Value("of 9 bytes", option(coap.IF_MATCH, b"123456789"), BAD_OPTION),
        Value("one with, one without value", option(coap.IF_MATCH, b"x", b""),
              {("mitigate", PUT): {"4.00"}}),
        Value("two of some value", option(coap.IF_MATCH, b"x", b"y"), NO_SUCH_ETAG),
    ],
    "If-None-Match": [
        Value("absent", []), Value("there", option(coap.IF_NONE_MATCH, b""), every("4.12")),
        Value("twice", option(coap.IF_NONE_MATCH, b"", b""), BAD_OPTION),
        Value("of 1 byte", option(coap.IF_NONE_MATCH, b"x"), BAD_OPTION),
    ],
    "Block1": [  # 9132-9-09, 9132-9-11
        Value("absent", []), Value("0, the last one", option(coap.BLOCK1, b"\x06")),
        Value("0 of more", option(coap.BLOCK1, b"\x0e"), every("4.13")),
        Value("1", option(coap.BLOCK1, b"\x16"), every("4.08")),
        Value("1048575 of more", option(coap.BLOCK1, b"\xff\xff\xfe"), every("4.08")),
        Value("of size 7", option(coap.BLOCK1, b"\x07"), BAD_REQUEST),
        Value("of 4 bytes", option(coap.BLOCK1, b"\0\0\0\x06"), BAD_OPTION),
        Value("twice", option(coap.BLOCK1, b"\x06", b"\x06"), BAD_OPTION),
    ],
    "Block2": [  # a block beyond the answer: 7959-2.4
        Value("absent", []), Value("0 of 1024 bytes", option(coap.BLOCK2, b"\x06")),
        Value("0 of 16 bytes", option(coap.BLOCK2, b"")),
        Value("65535", option(coap.BLOCK2, b"\x0f\xff\xf6"), every("4.00", "4.08", ALSO) | {
            ("mitigate", GET): frozenset({"4.00"}), ("config", GET): frozenset({"4.00"})}),
        Value("of size 7", option(coap.BLOCK2, b"\x07"), BAD_REQUEST),
        Value("of 4 bytes", option(coap.BLOCK2, b"\0\0\0\x06"), BAD_OPTION),
        Value("twice", option(coap.BLOCK2, b"\x06", b"\x06"), BAD_OPTION),
    ],
    "Hop-Limit": [  # 8768-3
        Value("absent", []), Value("1", option(coap.HOP_LIMIT, b"\x01")),
        Value("255", option(coap.HOP_LIMIT, b"\xff")),
        Value("0", option(coap.HOP_LIMIT, b"\0"), BAD_REQUEST),
        Value("none", option(coap.HOP_LIMIT, b""), every("4.00", ALSO)),
        Value("256", option(coap.HOP_LIMIT, b"\x01\0"), every("4.00", ALSO)),
    ],
    "Uri-Query": [  # 9132-4.4.2-06
        Value("absent", []), *(Value(q.decode() or "empty", option(coap.URI_QUERY, q))
                               for q in (b"c=n", b"c=c", b"c=a", b"c=z", b"", b"x" * 255)),
        Value("c=n and c=c", option(coap.URI_QUERY, b"c=n", b"c=c")),
        Value("of 256 bytes", option(coap.URI_QUERY, b"x" * 256), BAD_OPTION),
    ],
    "another option": [
        Value("absent", []), Value("Uri-Host", option(3, b"other.example")),
        Value("an empty Uri-Host", option(3, b""), BAD_OPTION),
        Value("two Uri-Hosts", option(3, b"a", b"b"), BAD_OPTION),
        Value("Uri-Port", option(7, b"\x12\x26")), Value("Uri-Port of 3 bytes", option(7, b"abc"), BAD_OPTION),
        Value("ETag", option(4, b"x")), Value("ETag of 9 bytes", option(4, b"123456789")),
        Value("Max-Age", option(coap.MAX_AGE, b"\x01")), Value("Size1", option(60, b"\xff\xff")),
        Value("Proxy-Uri", option(35, b"coap://x/"), every("5.05")),
        Value("Proxy-Scheme", option(39, b"coaps"), every("5.05")),
        Value("unknown and critical", option(65001, b""), BAD_OPTION),
        Value("unknown and elective", option(65000, b"x")),
    ],
}

# The body is looked at where there is one to be: 9132-4.4.1.3-11 and following, 9132-4.7-08.
def right_for(*resources):
    return {(r, PUT): frozenset({"4.00"}) for r in ("mitigate", "hb", "config") if r not in resources}


NOT_FOR_PUT = right_for()


UPDATE = cbor.scope(OWN, lifetime=60, ATTACK_STATUS=1)
BODIES = [
    Value("a request", GOOD, right_for("mitigate")),
    Value("a heartbeat", cbor.heartbeat(), right_for("hb")),
    Value("a configuration", cbor.configuration(30), right_for("config")),
    # 9132-4.5.2-37
    Value("a configuration out of range", cbor.configuration(1),
          right_for("config") | {("config", PUT): frozenset({"4.22"})}),
    Value("a configuration of nothing", encode({30: {32: {200: 1}}}), NOT_FOR_PUT),
    Value("an efficacy update", UPDATE, NOT_FOR_PUT),
    Value("none", b"", NOT_FOR_PUT),
    Value("text", b"hello", NOT_FOR_PUT),
    Value("as much as goes into a datagram", b"\x5a\0\0\x03\xe8" + bytes(1000), NOT_FOR_PUT),
    Value("a redirect", encode({46: {47: "other.example"}}), NOT_FOR_PUT),
    *(Value(what, body, NOT_FOR_PUT) for _, what, body in BROKEN[:12] if body),
]


@dataclasses.dataclass
class Asked:
    resource: str
    method: int
    kind: int
    values: dict  # of Value by dimension

    @property
    def options(self):
        path = coap.path(".well-known", "dots", self.resource, *self.values["path"].parts)
        return path + [o for d in OPTIONS for o in self.values[d].parts]

    @property
    def payload(self):
        return self.values["body"].parts

    def has(self, dimension, what):
        return self.values[dimension].what == what

    def values_that_count(self):
        """Of an efficacy update its body and its If-Match are right together (9132-4.4.3-08)."""
        update = (self.resource == "mitigate" and self.payload is UPDATE
                  and (coap.IF_MATCH, b"") in self.values["If-Match"].parts)
        return [v for d, v in self.values.items() if not update or d not in ("body", "If-Match")]

    def allowed(self):
        """The codes that it may get; "4.02" of a Non-confirmable one is a reset (RFC 7252 5.4.1)."""
        hard, soft, what = set(), set(), (self.resource, self.method)
        if what not in SUCCESS:
            hard.add("4.05")  # 9132-9-08
        for v in self.values_that_count():
            codes = v.codes(*what)
            (soft if ALSO in codes else hard).update(codes)
        if hard and not self.has("If-Match", "absent"):
            hard.add("4.12")  # of what is not there because of the rest
        codes = (hard | soft) - {ALSO} | (set() if hard else SUCCESS[what])
        if self.kind == coap.NON and "4.02" in codes:
            codes = codes - {"4.02"} | {RESET}
        return codes

    def __str__(self):
        odd = [f"{d} {v.what}" for d, v in self.values.items() if v.what != usual(self.resource)[d].what]
        return f"{'CON NON'.split()[self.kind]} 0.{self.method:02} {self.resource}: {', '.join(odd) or 'as usual'}"


def dimensions(resource):
    return {"path": PATHS[resource], **OPTIONS, "body": BODIES}


def usual(resource):
    """What is right; with the body that it is to have."""
    body = {"hb": BODIES[1], "config": BODIES[2]}.get(resource, BODIES[0])
    return {d: vs[0] for d, vs in dimensions(resource).items()} | {"body": body}


def singles(kinds):
    """One thing out of the ordinary at a time."""
    for resource, method, kind in itertools.product(PATHS, METHODS, kinds):
        plain = usual(resource)
        yield Asked(resource, method, kind, plain)
        for dimension, values in dimensions(resource).items():
            for v in values:
                if v is not plain[dimension]:
                    yield Asked(resource, method, kind, plain | {dimension: v})


def several(rng, count, kinds):
    """Two to five things out of the ordinary."""
    for _ in range(count):
        resource = rng.choice(list(PATHS))
        chosen = usual(resource)
        for dimension in rng.sample(list(chosen), rng.randrange(2, 6)):
            chosen[dimension] = rng.choice(dimensions(resource)[dimension])
        yield Asked(resource, rng.choice(METHODS[:4] + METHODS[:3]), rng.choice(kinds), chosen)
