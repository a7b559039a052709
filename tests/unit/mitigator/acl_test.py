#!/usr/bin/python3
"""ACLs in dotsd-priv with real packets: every field, operator and family with a packet that meets it and one
that does not. Frames are written octet by octet, and what comes out of the router is counted until a packet
that nothing filters has come through after them. DOTSD_PRIV names the program; run as a program it prints TAP."""
import ipaddress
import json
import os
import pathlib
import socket
import struct
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
import tap  # noqa: E402
from netns import RUN, inside, sh  # noqa: E402
from router import (COMMIT, SYNC, addr, flow, helper, network, nft, rule, text)  # noqa: E402,F401

ICMP, TCP, UDP, ICMPV6 = 1, 6, 17, 58
(DSCP, ECN, LENGTH, TTL, PROTOCOL, IHL, IP_FLAGS, OFFSET, ID, FLOW_LABEL, SEQ, ACK, DATA_OFFSET, RESERVED, FLAGS,
 WINDOW, URGENT, UDP_LENGTH, TYPE, CODE) = range(20)
DF, ISF, FF, LF = 1, 2, 4, 8
MATCH, NOT, ANY = 0, 1, 2
NOT_ANY = NOT | ANY
ANY_PORT = (0, 65535, 0)
NET = {4: "10.77.2.", 6: "fd77:2::"}
SOURCE = {4: "10.77.1.1", 6: "fd77:1::1"}
SENTINEL = 29  # a host that no rule meets
PATIENCE = 20
BURST = 1500


def host(family, n):
    return f"{NET[family]}{n}"


def net(family, n):
    return f"{NET[family]}{n}/{32 if family == 4 else 128}"


# ---- what is asked of the helper ----

def prefix(p):
    if p is None:
        return b"\0\0"
    p = ipaddress.ip_network(p)
    return addr(p.network_address) + bytes([p.prefixlen])


def ace(number, family=0, l4=0, accept=False, rate=0, fields=None, source=None, destination=None,
        sports=ANY_PORT, dports=ANY_PORT, fragment=None, flags=None):
    """fragment, flags: (bits, operator)"""
    fields = fields or {}
    what = accept | (fragment is not None) << 1 | (flags is not None) << 2
    body = struct.pack("!QBBBQI", number, family, 1 if l4 == ICMPV6 else l4, what, rate,
                       sum(1 << f for f in fields))
    body += b"".join(struct.pack("!I", fields[f]) for f in sorted(fields))
    body += prefix(source) + prefix(destination) + struct.pack("!HHB", *sports) + struct.pack("!HHB", *dports)
    for bits in (fragment, flags):
        if bits is not None:
            body += struct.pack("!HB", *bits)
    return body


def acls(*rules, client="acme", scope=("10.77.2.0/28", "fd77:2::/64")):
    body = text(client) + struct.pack("!I", len(scope)) + b"".join(prefix(p) for p in scope)
    return body + struct.pack("!I", len(rules)) + b"".join(rules)


# ---- packets ----

def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def ip4(payload, proto, dst, src=None, dscp=0, ecn=0, ttl=64, ident=0x1234, flags=0, offset=0, options=b""):
    ihl = 5 + len(options) // 4
    head = struct.pack("!BBHHHBBH4s4s", 0x40 | ihl, dscp << 2 | ecn, 4 * ihl + len(payload), ident,
                       flags << 13 | offset, ttl, proto, 0, ipaddress.ip_address(src or SOURCE[4]).packed,
                       ipaddress.ip_address(dst).packed) + options
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def ip6(payload, proto, dst, src=None, dscp=0, ecn=0, ttl=64, label=0, ext=()):
    """ext: (type, octets) of extension headers, of which the first octet is put in here."""
    kinds = [t for t, _ in ext] + [proto]
    body = b"".join(bytes([kinds[i + 1]]) + octets for i, (_, octets) in enumerate(ext)) + payload
    return struct.pack("!IHBB16s16s", 6 << 28 | dscp << 22 | ecn << 20 | label, len(body), kinds[0], ttl,
                       ipaddress.ip_address(src or SOURCE[6]).packed, ipaddress.ip_address(dst).packed) + body


def piece6(offset, more, ident=7):
    return (44, struct.pack("!BHI", 0, offset << 3 | more, ident))


DEST_OPTIONS = (60, bytes([0, 1, 4, 0, 0, 0, 0]))


def udp(sport=1000, dport=2000, data=b"x" * 8, length=None):
    return struct.pack("!HHHH", sport, dport, 8 + len(data) if length is None else length, 0) + data


def tcp(sport=1000, dport=2000, flags=2, seq=1, ack=2, doff=5, reserved=0, window=100, urgent=0):
    return struct.pack("!HHIIBBHHH", sport, dport, seq, ack, doff << 4 | reserved, flags, window, 0, urgent)


def icmp(kind=8, code=0):
    return struct.pack("!BBHI", kind, code, 0, 1)


def packet(family, n, proto=UDP, payload=None, **kw):
    payload = udp() if payload is None else payload
    return (ip4 if family == 4 else ip6)(payload, proto, kw.pop("dst", host(family, n)), **kw)


def ether(ns, dev):
    link = json.loads(sh("ip", "-n", f"{RUN}-{ns}", "-j", "link", "show", dev).stdout)[0]
    return bytes.fromhex(link["address"].replace(":", ""))


class Wire:
    """From a to b, past the router: how many packets to which address come out."""

    def __init__(self):
        with inside("a"):
            self.out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
            self.out.bind(("tor", 0))
        with inside("b"):
            self.sniff = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
            self.sniff.bind(("tor", 3))
            self.sniff.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)  # SO_RCVBUFFORCE
        self.sniff.settimeout(PATIENCE)
        self.head = ether("r", "toa") + ether("a", "tor")
        self.own = ether("b", "tor")
        self.serial = 0

    def put(self, data):
        self.out.send(self.head + (b"\x08\x00" if data[0] >> 4 == 4 else b"\x86\xdd") + data)

    def count(self):
        """Packets that came out since the last time, by destination."""
        self.serial += 1
        token = struct.pack("!8sQ", b"sentinel", self.serial)
        self.put(ip4(udp(data=token), UDP, host(4, SENTINEL)))
        seen = {}
        while True:
            data = self.sniff.recv(65536)
            if data[:6] != self.own or data[6:12] == self.own:
                continue
            if token in data:
                return seen
            at, size = (30, 4) if data[12:14] == b"\x08\x00" else (38, 16)
            to = str(ipaddress.ip_address(data[at:at + size]))
            seen[to] = seen.get(to, 0) + 1

    def passes(self, *packets):
        """How many of them come out."""
        self.count()
        for p in packets:
            self.put(p)
        seen = self.count()
        return sum(seen.get(to, 0) for to in {destination(p) for p in packets})


def destination(p):
    return str(ipaddress.ip_address(p[16:20] if p[0] >> 4 == 4 else p[24:40]))


@pytest.fixture(scope="module")
def wire(network):
    cpu = max(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cpu})  # packets of one processor do not overtake each other
    w = Wire()
    assert w.passes(packet(4, 10), packet(6, 10)) == 2
    return w


# ---- fields ----

V4 = [
    ("dscp", {"fields": {DSCP: 46}}, {"dscp": 46, "ecn": 1}, {"dscp": 45, "ecn": 1}),
    ("ecn", {"fields": {ECN: 2}}, {"ecn": 2, "dscp": 63}, {"ecn": 3, "dscp": 63}),
    ("length", {"fields": {LENGTH: 36}}, {}, {"payload": udp(data=b"x" * 9)}),
    ("ttl", {"fields": {TTL: 9}}, {"ttl": 9}, {"ttl": 10}),
    ("protocol", {"fields": {PROTOCOL: UDP}}, {}, {"proto": TCP, "payload": tcp()}),
    ("ihl", {"fields": {IHL: 6}}, {"options": b"\x01\x01\x01\x00"}, {}),
    ("flags-df", {"fields": {IP_FLAGS: 2}}, {"flags": 2}, {"flags": 0}),
    ("flags-of-another-bit-more", {"fields": {IP_FLAGS: 2}}, {"flags": 2}, {"flags": 6}),
    ("flags-none", {"fields": {IP_FLAGS: 0}}, {"flags": 0}, {"flags": 1}),
    ("offset", {"fields": {OFFSET: 20}}, {"offset": 20, "flags": 1}, {"offset": 21, "flags": 1}),
    ("identification", {"fields": {ID: 77}}, {"ident": 77}, {"ident": 78}),
    ("source", {"source": "10.99.0.0/23"}, {"src": "10.99.1.255"}, {"src": "10.99.2.0"}),
    ("source-host", {"source": "10.99.0.1/32"}, {"src": "10.99.0.1"}, {"src": "10.99.0.2"}),
    ("all-of-it", {}, {}, None),
]
V6 = [
    ("dscp", {"fields": {DSCP: 46}}, {"dscp": 46, "ecn": 1, "label": 5}, {"dscp": 62, "ecn": 1}),
    ("ecn", {"fields": {ECN: 2}}, {"ecn": 2, "dscp": 63}, {"ecn": 3, "dscp": 63}),
    ("length", {"fields": {LENGTH: 16}}, {}, {"payload": udp(data=b"x" * 9)}),
    ("length-with-extension-headers", {"fields": {LENGTH: 24}}, {"ext": [DEST_OPTIONS]}, {}),
    ("hop-limit", {"fields": {TTL: 9}}, {"ttl": 9}, {"ttl": 10}),
    ("protocol", {"fields": {PROTOCOL: UDP}}, {}, {"proto": TCP, "payload": tcp()}),
    ("protocol-is-the-last-header", {"fields": {PROTOCOL: UDP}}, {"ext": [DEST_OPTIONS]},
     {"ext": [DEST_OPTIONS], "proto": TCP, "payload": tcp()}),
    ("flow-label", {"fields": {FLOW_LABEL: 0x12345}}, {"label": 0x12345, "dscp": 3}, {"label": 0x02345}),
    ("source", {"source": "fd99::/63"}, {"src": "fd99:0:0:1::9"}, {"src": "fd99:0:0:2::9"}),
    ("source-host", {"source": "fd99::1/128"}, {"src": "fd99::1"}, {"src": "fd99::2"}),
    ("all-of-it", {}, {}, None),
]
TRANSPORT = [
    ("tcp", {"l4": TCP}, {"payload": tcp()}, {"proto": UDP, "payload": udp()}),
    ("udp", {"l4": UDP}, {"payload": udp()}, {"proto": TCP, "payload": tcp()}),
    ("sequence", {"l4": TCP, "fields": {SEQ: 0xfedcba98}}, {"payload": tcp(seq=0xfedcba98)}, {"payload": tcp()}),
    ("acknowledgement", {"l4": TCP, "fields": {ACK: 9}}, {"payload": tcp(ack=9)}, {"payload": tcp()}),
    ("data-offset", {"l4": TCP, "fields": {DATA_OFFSET: 6}}, {"payload": tcp(doff=6, reserved=3) + b"\1" * 4},
     {"payload": tcp(doff=5, reserved=6)}),
    ("reserved", {"l4": TCP, "fields": {RESERVED: 8}}, {"payload": tcp(reserved=8)}, {"payload": tcp(reserved=0)}),
    ("flags", {"l4": TCP, "fields": {FLAGS: 0x12}}, {"payload": tcp(flags=0x12)}, {"payload": tcp(flags=0x1a)}),
    ("window", {"l4": TCP, "fields": {WINDOW: 7}}, {"payload": tcp(window=7)}, {"payload": tcp()}),
    ("urgent", {"l4": TCP, "fields": {URGENT: 7}}, {"payload": tcp(urgent=7)}, {"payload": tcp()}),
    ("udp-length", {"l4": UDP, "fields": {UDP_LENGTH: 16}}, {"payload": udp(length=16)},
     {"payload": udp(length=17)}),
    ("udp-length-of-tcp", {"l4": UDP, "fields": {UDP_LENGTH: 16}}, {"payload": udp(length=16)},
     {"proto": TCP, "payload": tcp(seq=16 << 16)}),
]
# Operator, ports that meet it, ports that do not.
PORTS = [
    ("range", (10, 20, 0), (10, 20, 15), (9, 21)),
    ("eq", (53, 53, 0), (53,), (52, 54)),
    ("neq", (53, 53, 1), (52, 54, 0, 65535), (53,)),
    ("lte", (0, 80, 0), (0, 80), (81, 65535)),
    ("gte", (1024, 65535, 0), (1024, 65535), (1023, 0)),
]
# Operator and mask, flags (with the low four bits of the octet before) that meet it, flags that do not.
BITMASKS = [
    ("match", (0x12, MATCH), (0x12, 0x13, 0xf12), (0x02, 0x10, 0x00)),
    ("any", (0x12, ANY), (0x02, 0x10, 0xf12), (0x00, 0xfed, 0x01)),
    ("not-match", (0x12, NOT), (0x02, 0x10, 0x00), (0x12, 0xfff)),
    ("not-any", (0xfff, NOT_ANY), (0x000,), (0x001, 0x100, 0x800)),
    ("upper-bits", (0x102, MATCH), (0x102,), (0x002, 0x100)),
    ("match-of-nothing", (0, MATCH), (0, 0xfff), ()),
    ("any-of-nothing", (0, ANY), (), (0, 0xfff)),
]


def cases():
    """(id, family, rule, packets that meet it, packets that do not)"""
    for family, rows in ((4, V4), (6, V6)):
        for name, what, yes, no in rows:
            yield (name, family, {"family": family, **what}, [yes], [no] if no is not None else [])
    for family in (4, 6):
        other = 10 - family
        for name, what, yes, no in TRANSPORT:
            kw = {"proto": what["l4"]}
            yield (name, family, what, [{**kw, **yes}], [{**kw, **no}])
            yield (name + "-of-one-family", family, {"family": family, **what}, [{**kw, **yes}],
                   [{**kw, **yes, "family": other}])
        for name, ports, yes, no in PORTS:
            for proto, make in ((TCP, tcp), (UDP, udp)):
                for end, arg in (("sports", "sport"), ("dports", "dport")):
                    yield (f"{name}-{end}-{proto}", family, {"l4": proto, end: ports},
                           [{"proto": proto, "payload": make(**{arg: p})} for p in yes],
                           [{"proto": proto, "payload": make(**{arg: p})} for p in no])
        for name, flags, yes, no in BITMASKS:
            yield ("bitmask-" + name, family, {"l4": TCP, "flags": flags},
                   [{"proto": TCP, "payload": tcp(flags=f & 255, reserved=f >> 8)} for f in yes],
                   [{"proto": TCP, "payload": tcp(flags=f & 255, reserved=f >> 8)} for f in no])
        proto, wrong = (ICMP, ICMPV6) if family == 4 else (ICMPV6, ICMP)
        kind = 8 if family == 4 else 128
        meets = {"proto": proto, "payload": icmp(kind, 3)}
        for own in (0, family):  # by the type of the ACL, or of whichever family
            yield (f"icmp-type-{own}", family, {"family": own, "l4": ICMP, "fields": {TYPE: kind}}, [meets],
                   [{"proto": proto, "payload": icmp(kind + 1, 3)}, {"proto": wrong, "payload": icmp(kind, 3)}])
            yield (f"icmp-code-{own}", family, {"family": own, "l4": ICMP, "fields": {CODE: 3}}, [meets],
                   [{"proto": proto, "payload": icmp(kind, 0)}, {"proto": wrong, "payload": icmp(kind, 3)}])


CASES = list(cases())


def made(family, n, specs):
    return [packet(**{"family": family, "n": n, **spec}) for spec in specs]


# 8783-4.2-03, -04, -06 to -14, 8783-4.3-07, -10, -26, -32, 8783-B-01 to -03
@pytest.mark.parametrize("family,what,yes,no", [c[1:] for c in CASES], ids=[f"{c[0]}-v{c[1]}" for c in CASES])
def test_a_rule_meets_what_it_says(helper, wire, family, what, yes, no):
    """Dropped by it without mitigation, let through by it against one; counted both times."""
    meet, miss = made(family, 10, yes), made(family, 10, no)
    helper.change(COMMIT, acls=[acls(ace(1, **what))])
    assert wire.passes(*meet) == 0
    assert wire.passes(*miss) == len(miss)
    assert helper.values()[1] == {1: (len(meet), sum(map(len, meet)))}
    helper.change(COMMIT, [rule(1, [net(4, 10), net(6, 10)])], acls=[acls(ace(2, accept=True, **what))])
    assert wire.passes(*meet) == len(meet)
    assert wire.passes(*miss) == 0
    assert helper.values()[1][2][0] == len(meet)
    assert helper.counters()[1][0] == len(miss)


# ---- fragments ----

PIECES4 = {
    "whole": {}, "whole-df": {"flags": 2},
    "first": {"flags": 1}, "first-df": {"flags": 3},
    "middle": {"flags": 1, "offset": 4, "payload": b"y" * 16},
    "last": {"offset": 6, "payload": b"y" * 16}, "last-df": {"flags": 2, "offset": 6, "payload": b"y" * 16},
    "whole-reserved": {"flags": 4},
}
PIECES6 = {
    "whole": {}, "atomic": {"ext": [piece6(0, 0)]}, "first": {"ext": [piece6(0, 1)]},
    "middle": {"ext": [piece6(4, 1)], "payload": b"y" * 16}, "last": {"ext": [piece6(6, 0)], "payload": b"y" * 16},
}
FIRST4, LAST4 = {"first", "first-df"}, {"last", "last-df"}
FRAGMENTS4 = FIRST4 | LAST4 | {"middle"}
DF4 = {"whole-df", "first-df", "last-df"}
FRAGMENTS6 = {"atomic", "first", "middle", "last"}
FRAGMENT_CASES = [
    (4, ISF, MATCH, FRAGMENTS4), (4, FF, MATCH, FIRST4), (4, LF, MATCH, LAST4), (4, DF, MATCH, DF4),
    (4, ISF | FF, MATCH, FIRST4), (4, FF | LF, MATCH, set()), (4, FF | LF, ANY, FIRST4 | LAST4),
    (4, DF | ISF, MATCH, DF4 & FRAGMENTS4), (4, DF | ISF, ANY, DF4 | FRAGMENTS4),
    (4, ISF, NOT, set(PIECES4) - FRAGMENTS4), (4, FF, NOT, set(PIECES4) - FIRST4),
    (4, DF | LF, NOT_ANY, set(PIECES4) - DF4 - LAST4), (4, FF | LF, NOT, set(PIECES4)),
    (4, 0, MATCH, set(PIECES4)), (4, 0, ANY, set()),
    (6, ISF, MATCH, FRAGMENTS6), (6, FF, MATCH, {"first"}), (6, LF, MATCH, {"last"}),
    (6, FF | LF, ANY, {"first", "last"}), (6, FF | LF, MATCH, set()), (6, ISF | LF, MATCH, {"last"}),
    (6, ISF, NOT, {"whole"}), (6, FF, NOT, set(PIECES6) - {"first"}),
    (6, FF | LF, NOT_ANY, {"whole", "atomic", "middle"}), (6, ISF, NOT_ANY, {"whole"}),
    (6, FF | LF, NOT, set(PIECES6)), (6, 0, MATCH, set(PIECES6)), (6, 0, ANY, set()),
]


# 8783-A-02, -03, 8783-4.3-11, -12
@pytest.mark.parametrize("family,bits,how,meet", FRAGMENT_CASES,
                         ids=[f"v{c[0]}-{c[1]}-{c[2]}" for c in FRAGMENT_CASES])
def test_fragments_are_told_apart(helper, wire, family, bits, how, meet):
    pieces = PIECES4 if family == 4 else PIECES6
    helper.change(COMMIT, acls=[acls(ace(1, family=family, fragment=(bits, how)))])
    dropped = {name for name, spec in pieces.items() if not wire.passes(packet(family, 10, **spec))}
    assert dropped == meet
    assert helper.values()[1][1][0] == len(meet)


def later(family, piece, source, destination):
    """A fragment with these ports in place of a transport header and, in IPv6, where its IP header begins (which
    says 0x6000 to 0x600f, the last four bits being those of the source port)."""
    label = {"label": (source & 15) << 16 | destination} if family == 6 else {}
    return packet(family, 10, **{**piece, "payload": udp(source, destination), **label})


@pytest.mark.parametrize("family", [4, 6])
def test_what_is_behind_the_ip_header_is_in_the_first_fragment_only(helper, wire, family):
    pieces = PIECES4 if family == 4 else PIECES6
    helper.change(COMMIT, acls=[acls(ace(1, l4=UDP, dports=(2000, 2000, 0)))])
    assert wire.passes(packet(family, 10, **pieces["first"])) == 0
    for name in ("middle", "last"):
        assert wire.passes(later(family, pieces[name], 1000, 2000)) == 1
    helper.change(COMMIT, acls=[acls(ace(2, l4=UDP))])  # the protocol is told in each of them
    assert wire.passes(*(packet(family, 10, **pieces[name]) for name in ("first", "middle", "last"))) == 0


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("ports", [[(2000, 2000)], [(1999, 2000)], [(53, 53), (2000, 2000)]],
                         ids=["port", "range", "ports"])
def test_ports_of_a_mitigation_are_in_the_first_fragment_only(helper, wire, family, ports):
    pieces = PIECES4 if family == 4 else PIECES6
    helper.change(COMMIT, [rule(1, [net(family, 10)], [UDP], ports)])
    assert wire.passes(packet(family, 10), packet(family, 10, **pieces["first"])) == 0
    for name in ("middle", "last"):
        assert wire.passes(later(family, pieces[name], 1000, 2000)) == 1
    assert helper.counters()[1][0] == 2


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("what", ["mitigation", "acl"])
def test_ports_of_a_session_are_in_the_first_fragment_only(helper, wire, family, what):
    """Of a live one in either direction, and of a handshake under way."""
    pieces = PIECES4 if family == 4 else PIECES6
    one, two, ours = 0x6001, 0x6002, 0x6003
    here, there = SOURCE[family], host(family, 10)
    filters = {"added": [rule(1, [net(family, 10)])]} if what == "mitigation" else {"acls": [acls(ace(1))]}
    helper.change(COMMIT, **filters, flows=[flow("acme", ((here, one), (there, two)), ((there, one), (here, two)),
                                                 ((here, ours), None))])
    for ports in ((one, two), (two, one), (ours, two)):
        for name in ("whole", "first"):
            assert wire.passes(packet(family, 10, **{**pieces[name], "payload": udp(*ports)})) == 1
        for name in ("middle", "last"):
            assert wire.passes(later(family, pieces[name], *ports)) == 0


def fragmented(family, n, ident):
    if family == 4:
        return [packet(4, n, ident=ident, flags=1, payload=udp(data=b"x" * 16, length=40)),
                packet(4, n, ident=ident, offset=3, payload=b"y" * 16)]
    return [packet(6, n, ext=[piece6(0, 1, ident)], payload=udp(data=b"x" * 16, length=40)),
            packet(6, n, ext=[piece6(3, 0, ident)], payload=b"y" * 16)]


# 8783-A-02
@pytest.mark.parametrize("family", [4, 6])
def test_fragments_are_seen_where_connection_tracking_puts_them_together(helper, wire, family):
    nft("add table inet tracking; add chain inet tracking c { type filter hook prerouting priority 0; };"
        "add rule inet tracking c ct state invalid counter accept")
    try:
        assert wire.passes(*fragmented(family, 10, 100)) > 0  # once it is whole
        assert wire.passes(fragmented(family, 10, 101)[0]) == 0  # it waits for the rest: this is the case
        helper.change(COMMIT, acls=[acls(ace(1, family=family, fragment=(ISF, MATCH)))])
        assert wire.passes(*fragmented(family, 10, 102)) == 0
        assert helper.values()[1][1][0] == 2
        # What a mitigation drops is dropped in pieces, too.
        helper.change(COMMIT, [rule(1, [net(family, 10)])], acls=[acls()])
        assert wire.passes(*fragmented(family, 10, 103)) == 0
        assert helper.counters()[1][0] == 2
    finally:
        nft("delete table inet tracking")


# ---- order, scope, tenants ----

# 8783-4.1-03, 8783-7.2-22
@pytest.mark.parametrize("family", [4, 6])
def test_the_first_rule_that_meets_decides(helper, wire, family):
    first, second = packet(family, 10, payload=udp(dport=1)), packet(family, 10, payload=udp(dport=2))
    helper.change(COMMIT, acls=[acls(ace(1, l4=UDP, dports=(1, 1, 0), accept=True), ace(2, l4=UDP))])
    assert wire.passes(first) == 1 and wire.passes(second) == 0
    assert {k: v[0] for k, v in helper.values()[1].items()} == {1: 1, 2: 1}
    helper.change(COMMIT, acls=[acls(ace(2, l4=UDP), ace(1, l4=UDP, dports=(1, 1, 0), accept=True))])
    assert wire.passes(first, second) == 0
    assert {k: v[0] for k, v in helper.values()[1].items()} == {1: 1, 2: 3}  # the order alone has changed


# 8783-4.1-04, -05
def test_what_no_rule_meets_goes_on_to_the_mitigations(helper, wire):
    other = packet(4, 10, payload=udp(dport=9))
    helper.change(COMMIT, acls=[acls(ace(1, l4=UDP, dports=(1, 1, 0)))])
    assert wire.passes(other) == 1
    helper.change(COMMIT, [rule(1, [net(4, 10)], [UDP], [(9, 9)])])
    assert wire.passes(other) == 0
    assert wire.passes(packet(4, 10, payload=udp(dport=8))) == 1


# 8783-4.1-06, 8783-7.2-11
@pytest.mark.parametrize("family", [4, 6])
def test_what_has_no_destination_is_for_the_scope(helper, wire, family):
    scope = ("10.77.2.16/29", "fd77:2::10/124")
    inside_it, beside_it = (17, 25) if family == 4 else ("11", "21")
    helper.change(COMMIT, acls=[acls(ace(1, l4=UDP), scope=scope)])
    assert wire.passes(packet(family, inside_it)) == 0
    assert wire.passes(packet(family, beside_it)) == 1
    # One family only: the other's packets do not even come by.
    helper.change(COMMIT, acls=[acls(ace(2, family=10 - family, l4=UDP), scope=scope)])
    assert wire.passes(packet(family, inside_it)) == 1
    assert scope[family == 6] not in table() and scope[family == 4] in table()
    helper.change(COMMIT, acls=[acls(ace(3, family=family, l4=UDP), scope=scope)])
    assert wire.passes(packet(family, inside_it)) == 0


@pytest.mark.parametrize("family", [4, 6])
def test_a_destination_is_met_alone(helper, wire, family):
    """Whether or not another rule has the packets of the whole scope looked at."""
    rules = [ace(1, family=family, destination=net(family, 10)),
             ace(2, family=family, destination=NET[family] + ("12/31" if family == 4 else "12/127"))]
    for more in ([], [ace(3, l4=TCP)]):
        helper.change(COMMIT, acls=[acls(*rules, *more)])
        assert [wire.passes(packet(family, n)) for n in (10, 11, 12, 13, 14)] == [0, 1, 0, 0, 1]
        assert (("10.77.2.0/28", "fd77:2::/64")[family == 6] in table()) == bool(more)


# 8811-2.2.2-23
def test_identical_packets_of_another_tenant_pass(helper, wire):
    rules = [ace(1, l4=UDP), ace(2, family=4, fields={TTL: 64})]
    helper.change(COMMIT, acls=[acls(*rules, scope=("10.77.2.10/32",)),
                                acls(ace(7, l4=TCP), client="beta", scope=("10.77.2.11/32",))])
    assert wire.passes(packet(4, 10)) == 0
    assert wire.passes(packet(4, 11)) == 1
    assert wire.passes(packet(4, 11, proto=TCP, payload=tcp())) == 0
    assert wire.passes(packet(4, 12)) == 1
    assert helper.values()[1][7][0] == 1
    helper.change(COMMIT, acls=[acls()])
    assert wire.passes(packet(4, 10)) == 1
    assert wire.passes(packet(4, 11, proto=TCP, payload=tcp())) == 0


def test_nested_scopes_of_two_clients_both_hold(helper, wire):
    """And the mitigations of either after them."""
    helper.change(COMMIT, [rule(1, ["10.77.2.0/27"], [UDP], [(3, 3)], "acme")],
                  acls=[acls(ace(1, l4=UDP, dports=(1, 1, 0)), scope=("10.77.2.0/27",)),
                        acls(ace(2, l4=UDP, dports=(2, 2, 0)), client="beta", scope=("10.77.2.12/30",))])
    drops = {n: [p for p in (1, 2, 3, 4) if not wire.passes(packet(4, n, payload=udp(dport=p)))] for n in (11, 13)}
    assert drops == {11: [1, 3], 13: [1, 2, 3]}
    helper.change(COMMIT, removed=[1], acls=[acls()])
    assert [p for p in (1, 2, 3, 4) if not wire.passes(packet(4, 13, payload=udp(dport=p)))] == [2]


@pytest.mark.parametrize("family", [4, 6])
def test_live_sessions_pass_before_acls(helper, wire, family):
    session = packet(family, 10, payload=udp(sport=4646, dport=5000))
    helper.change(COMMIT, acls=[acls(ace(1, l4=UDP), scope=(net(family, 10),))],
                  flows=[flow("acme", ((SOURCE[family], 4646), (host(family, 10), 5000)))])
    assert wire.passes(session) == 1
    assert wire.passes(packet(family, 10, payload=udp(sport=4646, dport=5001))) == 0
    assert helper.values()[1][1][0] == 1
    helper.change(COMMIT, flows=[flow("acme")])
    assert wire.passes(session) == 0


# ---- rates ----

# 8783-7.2-15, 8783-4.1-08, 8783-B-02
@pytest.mark.parametrize("family", [4, 6])
def test_a_rate_is_held_to(helper, wire, family):
    """What a bucket of one second and one packet lets through in the time that it took to send them, whatever
    a mitigation says; and no more than the rule is for."""
    rate, p = 20000, packet(family, 10, payload=udp(data=b"x" * (472 if family == 4 else 452)))
    helper.change(COMMIT, [rule(1, [net(family, 10)])],
                  acls=[acls(ace(1, l4=UDP, accept=True, rate=100 * rate))])
    assert len(p) == 500
    wire.count()
    began, sent = time.monotonic(), 0
    while time.monotonic() < began + 2:
        for _ in range(50):
            wire.put(p)
        sent += 50
        time.sleep(0.01)
    took = time.monotonic() - began
    got = wire.count().get(host(family, 10), 0)
    expected = (rate * (1 + took) + BURST) / len(p)
    assert sent > 2 * expected  # there was more than may pass
    assert 0.8 * expected < got < 1.2 * expected
    assert helper.values()[1][1] == (sent, sent * len(p))


def test_a_small_rate_lets_single_packets_pass(helper, wire):
    helper.change(COMMIT, acls=[acls(ace(1, l4=UDP, accept=True, rate=1))])
    p = packet(4, 10, payload=udp(data=b"x" * 972))
    assert wire.passes(*[p] * 5) == 1
    assert "limit rate over 1 bytes/second" in nft("list", "table", "inet", "dotsd_test")


def test_a_rate_is_of_one_rule_however_it_is_written(helper, wire):
    """What takes several rules of the kernel has one rate; what another rule lets pass is not counted."""
    helper.change(COMMIT, acls=[acls(ace(1, family=6, fragment=(FF, NOT), accept=True, rate=100),
                                     ace(2, accept=True, rate=100))])
    pieces = [packet(6, 10, **PIECES6[n]) for n in ("whole", "atomic", "middle", "last") for _ in range(50)]
    got = wire.passes(*pieces)
    assert got <= (1 + BURST + PATIENCE) // min(map(len, pieces)) and 0 < got
    assert helper.values()[1][1][0] == len(pieces)
    assert wire.passes(*[packet(4, 10)] * 5) == 5


# ---- what stands there ----

def table():
    return nft("list", "table", "inet", "dotsd_test")


def own(text_):
    return [n for n in ("chain a_", "chain r_", "chain l_", "counter x_", "chain k_") if n in text_]


def test_nothing_is_left_of_acls_that_are_gone(helper, wire):
    helper.change(COMMIT, acls=[acls(ace(1, l4=UDP), ace(2, family=4, fragment=(ISF, MATCH)),
                                     ace(3, accept=True, rate=500))])
    assert own(table()) == ["chain a_", "chain r_", "chain l_", "counter x_", "chain k_"]
    assert helper.change(COMMIT, acls=[acls()]) == (0, 0, 1)
    assert own(table()) == [] and "10.77.2" not in table()
    assert helper.values() == [{}, {}]
    assert wire.passes(packet(4, 10)) == 1
    assert helper.change(COMMIT, acls=[acls()]) == (0, 0, 0)


def test_a_rule_keeps_its_counter_while_others_change(helper, wire):
    stays = ace(1, l4=UDP, dports=(1, 1, 0))
    helper.change(COMMIT, acls=[acls(stays, ace(2, l4=UDP, dports=(2, 2, 0)))])
    one, two = (packet(4, 10, payload=udp(dport=p)) for p in (1, 2))
    wire.passes(one, one, two)
    assert helper.change(COMMIT, acls=[acls(ace(3, l4=TCP), stays)]) == (0, 1, 0)
    assert helper.values()[1] == {1: (2, 2 * len(one)), 3: (0, 0)}
    assert wire.passes(one) == 0 and wire.passes(two) == 1
    # Said again as it is, nothing is written; the same id with other contents begins anew.
    assert helper.change(COMMIT, acls=[acls(ace(3, l4=TCP), stays)]) == (0, 0, 0)
    assert helper.values()[1][1][0] == 3
    assert helper.change(COMMIT, acls=[acls(ace(1, l4=UDP, dports=(2, 2, 0)))]) == (0, 1, 0)
    assert helper.values()[1] == {1: (0, 0)}
    assert wire.passes(one) == 1 and wire.passes(two) == 0


def test_a_new_helper_finds_the_acls_as_they_should_be(helper, wire):
    mine = [ace(1, l4=UDP, dports=(1, 1, 0)), ace(2, accept=True, rate=100000),
            ace(3, family=6, fragment=(FF, NOT))]
    theirs = [ace(4, l4=UDP, dports=(4, 4, 0))]
    helper.change(COMMIT, acls=[acls(*mine, scope=("10.77.2.10/32",)),
                                acls(*theirs, client="beta", scope=("10.77.2.11/32",)),
                                acls(ace(9, l4=UDP), client="gone", scope=("10.77.2.12/32",))])
    wire.passes(packet(4, 10, payload=udp(dport=1)))
    wire.passes(packet(4, 11, payload=udp(dport=4)))
    helper.kill()
    assert wire.passes(packet(4, 10, payload=udp(dport=1))) == 0  # it stands without helper
    helper.start()
    # acme is as it was, beta has one more, gone is gone.
    theirs.append(ace(5, l4=UDP, dports=(5, 5, 0)))
    wanted = [acls(*mine, scope=("10.77.2.10/32",)), acls(*theirs, client="beta", scope=("10.77.2.11/32",))]
    assert helper.change(SYNC, acls=wanted) == (1, 1, 1)
    assert {k: v[0] for k, v in helper.values()[1].items()} == {1: 2, 2: 0, 3: 0, 4: 1, 5: 0}
    drops = [(n, p) for n in (10, 11, 12) for p in (1, 4, 5) if not wire.passes(packet(4, n, payload=udp(dport=p)))]
    assert drops == [(10, 1), (11, 4), (11, 5)]
    assert helper.change(SYNC, acls=wanted) == (2, 0, 0)


LOST = {
    "counter-of-another-rule": "x_1",
    "rules": "r_",
    "rate": "l_2",
}


@pytest.mark.parametrize("lost", LOST)
def test_what_was_changed_behind_it_is_mended(helper, wire, lost):
    wanted = [acls(ace(1, l4=UDP, dports=(1, 1, 0)), ace(2, l4=UDP, accept=True, rate=1000000))]
    helper.change(COMMIT, acls=wanted)
    chain = next(line.split()[1] for line in table().splitlines() if "chain r_" in line)
    entry = next(line.split()[1] for line in table().splitlines() if "chain a_" in line)
    nft("flush", "chain", "inet", "dotsd_test", entry)
    if lost == "counter-of-another-rule":
        nft(f"flush chain inet dotsd_test {chain}; delete counter inet dotsd_test x_1;"
            "add counter inet dotsd_test x_1 { comment \"0000000000000001\"; }")
    elif lost == "rules":
        nft(f"flush chain inet dotsd_test {chain}; delete chain inet dotsd_test {chain}")
    else:
        nft(f"flush chain inet dotsd_test {chain}; delete chain inet dotsd_test l_2")
    assert helper.change(SYNC, acls=wanted) == (0, 1, 0)
    assert wire.passes(packet(4, 10, payload=udp(dport=1))) == 0
    assert wire.passes(packet(4, 10, payload=udp(dport=2))) == 1
    assert helper.values()[1].keys() == {1, 2}
    assert helper.change(SYNC, acls=wanted) == (1, 0, 0)


def test_strangers_among_the_acls_are_removed(helper, wire):
    wanted = [acls(ace(1, l4=UDP, dports=(1, 1, 0)))]
    helper.change(COMMIT, acls=wanted)
    nft("add chain inet dotsd_test a_00000000000000aa; add chain inet dotsd_test l_77;"
        "add chain inet dotsd_test r_00000000000000aa_00000000000000bb;"
        "add counter inet dotsd_test x_77;"
        "add rule inet dotsd_test a_00000000000000aa jump r_00000000000000aa_00000000000000bb;"
        "add rule inet dotsd_test r_00000000000000aa_00000000000000bb counter name x_77 goto l_77;"
        "add rule inet dotsd_test pre jump a_00000000000000aa")
    assert helper.change(SYNC, acls=wanted) == (1, 0, 1)
    assert "77 " not in table() and "aa" not in [w[-2:] for w in table().split() if w.startswith("a_")]
    assert wire.passes(packet(4, 10, payload=udp(dport=1))) == 0


@pytest.mark.parametrize("wrong,why", [
    ([acls(ace(1)), acls(ace(2))], b"ACLs of a client twice"),
    ([acls(ace(1), ace(1))], b"a rule of an ACL twice"),
    ([acls(ace(1)), acls(ace(1), client="beta")], b"a rule of an ACL twice"),
    ([acls(ace(9), client="beta")], b"a rule of an ACL twice"),
], ids=["client", "rule-of-one", "rule-of-two", "rule-of-another"])
def test_clients_and_rules_stand_once(helper, wire, wrong, why):
    helper.change(COMMIT, acls=[acls(ace(9, l4=UDP), scope=("10.77.2.10/32",))])
    with pytest.raises(AssertionError, match=why.decode()):
        helper.change(COMMIT, acls=wrong)
    assert wire.passes(packet(4, 10)) == 0
    assert helper.change(COMMIT, acls=[acls()]) == (0, 0, 1)  # it goes on


def test_many_clients_do_not_cost_a_rule_each(helper, wire):
    many = [acls(ace(i, l4=UDP), client=f"c{i}", scope=(f"100.64.{i >> 8}.{i & 255}/32",)) for i in range(1, 2001)]
    helper.change(SYNC, acls=many)
    chain = nft("list", "chain", "inet", "dotsd_test", "pre")
    assert chain.count("vmap") == 4 and len(chain.splitlines()) < 12
    assert wire.passes(packet(4, 10)) == 1


if __name__ == "__main__":
    tap.run(__file__)
