"""What a client may say over HTTPS that is wrong, or only looks so, and what it has to get: a status, and
whether the connection goes on."""
import dataclasses
import json

from rig.web import MODULE, NAME, ROOT, TYPE, entry, request, write

MINE, OTHERS = "mutant-cuid-0000000000", "good-cuid-000000000000"
ALIAS = {f"{MODULE}:alias": [{"name": "a", "target-prefix": ["198.19.0.1/32"]}]}
HERE = f"{entry(MINE)}/aliases/alias=a"
MALFORMED, PATH_ERRORS = (400,), (400, 404)


@dataclasses.dataclass
class Row:
    what: str
    data: bytes
    statuses: tuple
    ends: bool = False  # the connection


def ended(what, data, *statuses):
    return Row(what, data, statuses, True)


def goes_on(what, data, *statuses):
    return Row(what, data, statuses)


def raw(*lines, body=b""):
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def get(target=ROOT, *fields, **how):
    return request("GET", target, fields=fields, **how)


def put(body, *fields, target=HERE):
    return request("PUT", target, body, [("Content-Type", TYPE), *fields])


HOST = f"Host: {NAME}"
GET = f"GET {ROOT} HTTP/1.1"


# RFC 9112 2.2, 3, 5; 8040-12-05
def heads():
    yield goes_on("empty lines in front", b"\r\n\r\n" + get(), 200)
    yield goes_on("lines that end with LF", f"{GET}\n{HOST}\n\n".encode(), 200)
    for what, octet in (("NUL", "\0"), ("a control character", "\x07"), ("CR alone", "\rx"), ("DEL", "\x7f")):
        yield ended(f"{what} in a field", raw(GET, HOST, f"X: a{octet}b"), 400)
        yield ended(f"{what} in the target", raw(f"GET /a{octet}b HTTP/1.1", HOST), 400)
    yield ended("a folded line", raw(GET, HOST, "X: a", " b"), 400)
    yield ended("a first line that is folded", raw(GET, " X: a", HOST), 400)
    yield ended("a field without colon", raw(GET, HOST, "X"), 400)
    yield ended("a field without name", raw(GET, HOST, ": a"), 400)
    yield ended("a space in front of the colon", raw(GET, HOST, "X : a"), 400)
    yield ended("a name with an octet of more than 7 bits", raw(GET, HOST, "X\xe4: a"), 400)
    yield ended("no host", get(host=None), 400)
    yield ended("two hosts", get(ROOT, ("Host", "other.example")), 400)
    yield ended("a version to come", get(version="HTTP/2.0"), 505, 400)
    yield ended("a preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, 505)
    yield ended("a version that is none", get(version="HTTP/x"), 400, 505)
    yield ended("no version", raw(f"GET {ROOT}", HOST), 400, 505)
    yield ended("HTTP/1.0", get(version="HTTP/1.0", host=None), 200)
    yield ended("a line alone", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n", 400)
    yield ended("101 fields", raw(GET, HOST, *(f"X{i}: a" for i in range(100))), 431)
    yield ended("a head that is too long", raw(GET, HOST, "X: " + "a" * 17000), 431)
    yield ended("a target that is too long", get("/" + "a" * 17000), 431)
    yield goes_on("a field of 10 KiB", raw(GET, HOST, "X: " + "a" * 10000), 200)
    yield ended("close asked for", get(ROOT, ("Connection", "close")), 200)


# RFC 9112 6, 7
def bodies():
    body = json.dumps(ALIAS).encode()

    def sized(*lengths, more=()):
        return raw(f"PUT {HERE} HTTP/1.1", HOST, f"Content-Type: {TYPE}",
                   *(f"Content-Length: {n}" for n in lengths), *more, body=body)

    def chunked(*parts, coding="chunked"):
        return raw(f"PUT {HERE} HTTP/1.1", HOST, f"Content-Type: {TYPE}", f"Transfer-Encoding: {coding}",
                   body=b"".join(parts))

    def chunk(data, more=b""):
        return b"%x%s\r\n%s\r\n" % (len(data), more, data)

    for n in ("+5", "-1", "0x5", "5,5", "5 5", "", "five", "1e1"):
        yield ended(f"Content-Length {n!r}", sized(n), 400)
    yield ended("Content-Length twice", sized(len(body), len(body)), 400)
    yield ended("two Content-Lengths", sized(len(body), 1), 400)
    for n in ("262145", "99999999999999999999", "9" * 200):
        yield ended(f"Content-Length {n}", sized(n), 413)
    yield ended("a length and chunks", sized(len(body), more=["Transfer-Encoding: chunked"]), 400)
    for coding in ("gzip", "gzip, chunked", "identity", "xchunked", "chunked, chunked"):
        yield ended(f"Transfer-Encoding {coding}", chunked(chunk(body), b"0\r\n\r\n", coding=coding), 501, 400)
    yield ended("chunks in HTTP/1.0", raw(f"PUT {HERE} HTTP/1.0", "Transfer-Encoding: chunked",
                                          body=chunk(body)), 400)
    yield ended("chunks", chunked(chunk(body[:9]), chunk(body[9:]), b"0\r\n\r\n"), 201, 204)
    yield ended("chunks of one octet", chunked(*(chunk(body[i:i + 1]) for i in range(len(body))),
                                               b"0\r\n\r\n"), 204)
    yield ended("an extension of a chunk", chunked(chunk(body, b";a=b"), b"0\r\n\r\n"), 204, 400)
    yield ended("fields behind the chunks", chunked(chunk(body), b"0\r\nX: a\r\n\r\n"), 204, 400)
    for size in (b"zz", b"-1", b"0x5", b"fffffffffffffffff", b""):
        yield ended(f"a chunk of {size!r}", chunked(size + b"\r\n" + body), 400, 413)
    yield ended("a chunk that says more than a body may have", chunked(b"fffffff\r\n" + bytes(1 << 21)), 413)
    yield ended("a chunk that goes on", chunked(b"5\r\n" + body), 400)
    yield goes_on("a body asked for", put(body, ("Expect", "100-continue")), 204)
    yield goes_on("a body of GET", raw(GET, HOST, "Content-Length: 5", body=b"12345"), 200)
    yield ended("a body that is too long", put(b"[" + b" " * (1 << 18) + b"]"), 413)


# RFC 9112 3.2; 8040-3.5.3-01 and following
def targets():
    for t in ("http://dots.example/restconf", "dots.example:443", "restconf", "ftp://a/b"):
        yield ended(f"a target {t}", get(t), 400)
    yield ended("a fragment", get(f"{ROOT}#x"), 400)
    yield ended("octets of more than 7 bits", get("/restconf/d\xe4ta"), 400)
    yield ended("the target of CONNECT", request("CONNECT", "dots.example:443"), 400)
    yield ended("*", get("*"), 400)
    yield goes_on("* of OPTIONS", request("OPTIONS", "*"), 400, 404, 200)
    yield goes_on("an absolute target", get(f"https://{NAME}{ROOT}"), 200)
    yield goes_on("an absolute target without path", get(f"https://{NAME}"), 404)
    for path in ("/", "//", "/restconf/", "/restconf//data", "/restconf/../restconf/data", "/restconf/data/.",
                 "/RESTCONF/data", "/restconf/data/%", "/restconf/data/%2", "/restconf/data/%zz",
                 "/restconf/data/%00", "/restconf/data/%ff%fe", "/restconf/data/%c0%af",
                 "/restconf/data/%252e%252e", f"{ROOT}/dots-client=", f"{ROOT}/dots-client=%00",
                 f"{ROOT}/dots-client={MINE},x", f"{ROOT}/dots-client={MINE}=x", f"{ROOT}/dots-client==",
                 f"{ROOT}/dots-client={'a' * 8000}", "/restconf/data" + "/a" * 4000,
                 f"{ROOT}/dots-client={MINE}/aliases/alias=" + "%41" * 3000, "/%72estconf" + "/data" * 9,
                 "/restconf/data/" + ":" * 4000, "/restconf/data/" + "=" * 4000, "/restconf/data/" + "," * 4000):
        yield goes_on(f"path {path[:60]}", get(path), *PATH_ERRORS)
    for query in ("x", "=", "&", "a=b", "content=", "content=x", "content=config&content=config", "depth=0",
                  "depth=65536", "depth=-1", "depth=1e1", "fields=", "fields=(", "fields=)", "fields=a(b",
                  "fields=" + "(" * 4000, "fields=" + "aliases(" * 500, "fields=" + ";" * 4000,
                  "fields=a/b/c/d/e/f", "insert=first", "point=/a", "with-defaults=x", "content=%zz",
                  "content=%00", "&" * 8000, "a=" + "%41" * 3000):
        yield goes_on(f"query {query[:60]}", get(f"{ROOT}?{query}"), 400)


# 8040-5.2-05, 8040-7-03, 8040-7.1-01, 8783-3.1-11
def media():
    body = json.dumps(ALIAS).encode()
    for t in ("text/plain", "application/xml", "application/yang-data+xml", "application/yang.patch+json", "", ";",
              "application/yang-data+jsonx", "multipart/form-data; boundary=x", "a" * 4000):
        for method in ("PUT", "POST", "PATCH"):
            yield goes_on(f"{method} of {t[:40]!r}", request(method, HERE, body, [("Content-Type", t)]), 415)
    yield goes_on("no type", request("PUT", HERE, body), 415)
    yield goes_on("two types", put(body, ("Content-Type", "text/plain")), 415)
    for t in ("text/html", "application/xml", "application/*;q=0", "*/*;q=0", "x" * 4000):
        yield goes_on(f"Accept {t[:40]}", get(ROOT, ("Accept", t)), 406)
    yield goes_on("Accept of nothing", get(ROOT, ("Accept", ",,,")), 200)
    yield goes_on("Accept with all there is", get(ROOT, ("Accept", "text/html, */*;q=0.1")), 200)


# 8783-3.1-11, 8040-5.2-15
def texts():
    alias = '{"name":"a","target-prefix":["198.19.0.1/32"]%s}'
    whole = '{"' + MODULE + ':alias":[%s]}'
    for what, text in (
            ("nothing of sense", "x"), ("a beginning", "{"), ("null", "null"), ("a number", "1"), ("an array", "[]"),
            ("an empty object", "{}"), ("two values", whole % (alias % "") + "{}"),
            ("levels", "[" * 100000), ("levels that end", "[" * 20000 + "]" * 20000),
            ("levels of objects", '{"a":' * 30000),
            ("levels inside", whole % (alias % (',"x":' + "[" * 64 + "]" * 64))),
            ("a member twice", whole % (alias % ',"name":"a"')),
            ("the container twice", '{"%s:alias":[],"%s:alias":[]}' % (MODULE, MODULE)),
            ("an entry twice", whole % ",".join([alias % ""] * 2)),
            ("a name of NUL", whole % '{"name":"\\u0000","target-prefix":["198.19.0.1/32"]}'),
            ("half a surrogate", whole % '{"name":"\\ud800","target-prefix":["198.19.0.1/32"]}'),
            ("a number without end", whole % (alias % (',"target-protocol":[' + "9" * 5000 + "]"))),
            ("a number beyond all", whole % (alias % ',"target-protocol":[1e999]')),
            ("NaN", whole % (alias % ',"target-protocol":[NaN]')),
            ("a wrong type", whole % '{"name":1,"target-prefix":"198.19.0.1/32"}'),
            ("an unknown member", whole % (alias % ',"bogus":1')),
            ("another module", '{"bogus:alias":[]}'), ("no module", '{"alias":[]}'),
            ("a foreign prefix", whole % '{"name":"a","target-prefix":["203.0.113.1/32"]}'),
            ("a prefix that is none", whole % '{"name":"a","target-prefix":["198.19.0.1/99"]}'),
            ("another name", whole % '{"name":"b","target-prefix":["198.19.0.1/32"]}'),
            ("a name that is too long", whole % ('{"name":"%s","target-prefix":["198.19.0.1/32"]}' % ("a" * 70000))),
            ("a byte order mark", "\ufeff" + whole % (alias % ""))):
        yield goes_on(f"JSON: {what}", put(text.encode()), 400, 413)
    for data in (b"\xff\xfe{}", b'{"a":"\xc0\xaf"}', b'{"a":"\xed\xa0\x80"}', b"\0", b'{"a":"\x01"}', b""):
        yield goes_on(f"no UTF-8: {data!r}", put(data) if data else request("PUT", HERE, fields=[
            ("Content-Type", TYPE), ("Content-Length", "0")]), 400)
    many = [{"name": f"n{i}", "target-prefix": ["198.19.0.1/32"]} for i in range(4200)]
    yield goes_on("more entries than a list may have", write("POST", entry(MINE), {
        f"{MODULE}:aliases": {"alias": many}}), 413)


# 8040-7-05, 8040-4.5-03, 8783-5.1-36, 8040-4.3-03
def methods():
    for m in ("BREW", "TRACE", "get", "PROPFIND", "x" * 500):
        yield goes_on(f"method {m[:20]}", request(m, ROOT), 501)
    for m in ("G@T", "GET:", "{}"):
        yield ended(f"method {m}", request(m, ROOT), 400)
    for m in ("PUT", "POST", "PATCH", "DELETE"):
        value = None if m == "DELETE" else ALIAS
        for target in (f"{entry(OTHERS)}/aliases/alias=site", entry(OTHERS), f"{entry(OTHERS)}/acls"):
            yield goes_on(f"{m} of somebody else's", write(m, target, value) if value else request(m, target),
                          400, 404, 409)
        yield goes_on(f"{m} of the datastore", write(m, "/restconf/data", value) if value else request(
            m, "/restconf/data"), 400, 403, 405)
        yield goes_on(f"{m} of capabilities", write(m, f"{ROOT}/capabilities", value) if value else request(
            m, f"{ROOT}/capabilities"), 400, 405)
    yield goes_on("somebody else's", get(entry(OTHERS)), 404)
    yield goes_on("somebody else's cuid", write("PUT", entry(OTHERS), {
        f"{MODULE}:dots-client": [{"cuid": OTHERS}]}), 409)
    for cuid in ("", "a b", "a" * 65, "\u00e4", "a/b"):
        yield goes_on(f"a cuid {cuid[:9]!r}", write("POST", ROOT, {f"{MODULE}:dots-client": [{"cuid": cuid}]}), 400)


# RFC 9110 13
def conditions():
    for tag in ('"0"', "x", "", "W/", '"' * 4000, ",".join(['"1"'] * 2000)):
        yield goes_on(f"If-Match {tag[:20]}", put(json.dumps(ALIAS).encode(), ("If-Match", tag)), 412, 204)
    for date in ("x", "", "Thu, 01 Jan 1970 00:00:00 GMT", "Thu, 99 Foo 9999 99:99:99 GMT"):
        yield goes_on(f"If-Unmodified-Since {date}", put(json.dumps(ALIAS).encode(), (
            "If-Unmodified-Since", date)), 204, 412)
        yield goes_on(f"If-Modified-Since {date}", get(HERE, ("If-Modified-Since", date)), 200)
    yield goes_on("If-None-Match *", get(HERE, ("If-None-Match", "*")), 304)


def rows():
    # What some of them are about is there.
    yield goes_on("a registration", write("PUT", entry(MINE), {f"{MODULE}:dots-client": [{"cuid": MINE}]}), 201, 204)
    yield goes_on("an alias", write("PUT", HERE, ALIAS), 201, 204)
    for table in (heads, bodies, targets, media, texts, methods, conditions):
        yield from table()


def good():
    """Requests that are right, to be spoiled."""
    acl = {"name": "f", "type": "ipv4-acl-type", "aces": {"ace": [{
        "name": "r", "matches": {"ipv4": {"destination-ipv4-network": "198.19.0.0/24"},
                                 "udp": {"source-port": {"operator": "eq", "port": 123}}},
        "actions": {"forwarding": "drop", "rate-limit": "20.00"}}]}}
    full = {"name": "a", "target-prefix": ["198.19.0.1/32"], "target-protocol": [6, 17], "target-fqdn": [],
            "target-port-range": [{"lower-port": 80, "upper-port": 443}]}
    del full["target-fqdn"]
    here = f"/{MODULE}:dots-data/dots-client={MINE}/acls/acl=f"
    return [
        get(), get(f"{ROOT}?content=config&depth=4"), get(f"{entry(MINE)}?fields=aliases/alias(name;target-prefix)"),
        get(f"{entry(MINE)}/acls?with-defaults=report-all", ("Accept", TYPE)), get("/.well-known/host-meta"),
        request("HEAD", entry(MINE)), request("OPTIONS", HERE),
        write("PUT", entry(MINE), {f"{MODULE}:dots-client": [{"cuid": MINE}]}),
        write("PUT", HERE, {f"{MODULE}:alias": [full]}),
        write("PUT", HERE, {f"{MODULE}:alias": [full]}, ("If-Match", '"1"')),
        write("POST", entry(MINE), {f"{MODULE}:aliases": {"alias": [full | {"name": "b"}]}}),
        write("PATCH", HERE, {f"{MODULE}:alias": [{"name": "a", "target-protocol": [6]}]}),
        request("DELETE", f"{entry(MINE)}/aliases/alias=b"),
        write("PUT", f"{entry(MINE)}/acls/acl=f", {f"{MODULE}:acl": [acl]}),
        write("PUT", f"{entry(MINE)}/acls/acl=g?insert=before&point={here}", {f"{MODULE}:acl": [acl | {"name": "g"}]}),
        write("PUT", f"{entry(MINE)}/acls/acl=f/activation-type", {f"{MODULE}:activation-type": "deactivate"}),
        request("PUT", HERE, b"%x\r\n%s\r\n0\r\n\r\n" % (len(json.dumps(ALIAS)), json.dumps(ALIAS).encode()),
                [("Content-Type", TYPE), ("Transfer-Encoding", "chunked")], length=False),
    ]


class Mutations:
    """Good requests with something spoiled."""
    PIECES = [b"\r\n", b"\r\n\r\n", b"\n", b"\r", b"\0", b"%", b"%00", b"{", b"[", b'"', b"\\u0000", b"\xff", b" ", b":",
              b",", b"=", b"/", b"?", b"&", b"..", b"(", b")", b"-", b"99999999999", b"0\r\n\r\n", b"Host: a\r\n",
              b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b"Expect: 100-continue\r\n"]

    def __init__(self, rng):
        self.rng, self.good = rng, [g for g in good() if not g.startswith(b"HEAD")]

    def next(self):
        data = bytearray(self.rng.choice(self.good))
        for _ in range(self.rng.choice((1, 1, 1, 2, 2, 5))):
            self.rng.choice((self.flip, self.cut, self.double, self.insert, self.splice, self.number,
                             self.swap))(data)
        return bytes(data)

    def part(self, data):
        begin = self.rng.randrange(len(data) + 1)
        return begin, min(len(data), begin + self.rng.choice((1, 2, 4, 16, 64)))

    def flip(self, data):
        if data:
            data[self.rng.randrange(len(data))] ^= 1 << self.rng.randrange(8)

    def cut(self, data):
        begin, end = self.part(data)
        del data[begin:end]

    def double(self, data):
        begin, end = self.part(data)
        data[begin:begin] = data[begin:end] * self.rng.choice((1, 1, 3, 300))

    def insert(self, data):
        at = self.rng.randrange(len(data) + 1)
        data[at:at] = self.rng.choice(self.PIECES) * self.rng.choice((1, 1, 1, 2, 200))

    def splice(self, data):
        other = self.rng.choice(self.good)
        data[self.rng.randrange(len(data) + 1):] = other[self.rng.randrange(len(other)):]

    def number(self, data):
        places = [i for i, octet in enumerate(data) if 48 <= octet <= 57]
        if places:
            at = self.rng.choice(places)
            data[at:at + 1] = self.rng.choice((b"", b"0", b"-1", b"9" * 10, b"9" * 30, b"1.5", b"1e9", b"0x1"))

    def swap(self, data):
        """Two lines."""
        lines = data.split(b"\r\n")
        a, b = self.rng.randrange(len(lines)), self.rng.randrange(len(lines))
        lines[a], lines[b] = lines[b], lines[a]
        data[:] = b"\r\n".join(lines)
