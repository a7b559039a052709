"""Which records a must or a never means."""
import ipaddress
import struct
import types

import pytest

from lab.assertions import Live, Pattern, holds, networks
from lab.model import Lab
from lab.net import NetError
from lab.observe import EventLog, PacketLog, QueryLog, Record, packet as decoded
from lab.parse import statement
from lab.runner import LabRun

LAB = """lab X family=4
ns cpe role=router
ns s1 role=host
ns s2 role=host
ns t1 role=host
ns att1 role=host
link cpe:wan1 192.0.2.2/30 s1:eth0 192.0.2.1/30
link cpe:wan2 198.51.100.2/30 s2:eth0 198.51.100.1/30
link cpe:lan 192.0.2.65/26 t1:eth0 192.0.2.66/26,198.51.100.66/26
link att1:eth0 203.0.113.2/30 cpe:x 203.0.113.1/30
pvd 1 prefixes=192.0.2.64/26 suffix=isp1.example server=dots.isp1.example ca=CA1 at=cpe:wan1
pvd 2 prefixes=198.51.100.64/26 suffix=isp2.example server=dots.isp2.example ca=CA2 at=cpe:wan2
dots s1 kind=server name=dots.isp1.example ca=CA1 owns=192.0.2.64/26
dots s2 kind=server name=dots.isp2.example ca=CA2 owns=198.51.100.64/26
"""


@pytest.fixture(name="lab")
def make_lab(tmp_path):
    path = tmp_path / "X.lab"
    path.write_text(LAB)
    return Lab(path)


def pattern(lab, line):
    st = statement(line, "test", 1)
    return Pattern(lab, st, st.args[1])


def seen(at, event, t=1.0, **fields):
    return Record(at, event, t, {k.rstrip("_").replace("__", "-"): v for k, v in fields.items()})


def matches(lab, line, record):
    p = pattern(lab, line)
    return any(p.matches(record, v) for v in p.variants())


def put(scope, **fields):
    return seen("s1", "put-mitigate", from_="cpe", scope=scope, code="2.01", **fields)


@pytest.mark.parametrize("scope, exact, subset", [
    ("192.0.2.66/32", True, True),
    ("192.0.2.66", True, True),
    ("192.0.2.66/32,192.0.2.67/32", False, True),
    ("198.51.100.66/32", False, False),
    ("192.0.2.0/24", False, False),
    ("", False, False),
    ("www.example", False, False),
])
def test_scope_is_a_set(lab, scope, exact, subset):
    assert matches(lab, "must s1 at=s1 put-mitigate scope=PA1.t1", put(scope)) == exact
    assert matches(lab, "must s1 at=s1 put-mitigate scope<=192.0.2.64/26", put(scope)) == subset


def test_each_target_of_several_requests(lab):
    p = pattern(lab, "must s1 at=s1 put-mitigate target=PA1.t1,PA2.t1")
    one, other = put("192.0.2.66/32"), put("198.51.100.66/32,198.51.100.67/32")
    assert not p.missing([one, other]) and p.missing([one, one]) and p.missing([other])


@pytest.mark.parametrize("scope, violated", [
    ("192.0.2.66/32", False),
    ("192.0.2.66/32,198.51.100.66/32", True),
    ("198.51.100.64/26", True),
])
def test_never_a_scope_that_touches(lab, scope, violated):
    p = pattern(lab, "never s1 at=s1 put-mitigate scope=PA2.t1")
    p.overlap = True
    assert bool(p.violations([put(scope)])) == violated


def test_place_and_event_have_to_be_the_same(lab):
    line = "must s1 at=s1 put-mitigate from=cpe"
    assert matches(lab, line, put("192.0.2.66/32"))
    assert not matches(lab, line, seen("s2", "put-mitigate", from_="cpe"))
    assert not matches(lab, line, seen("s1", "delete-mitigate", from_="cpe"))
    assert not matches(lab, line, seen("s1", "put-mitigate", from_="t1"))


def test_hb_is_the_products_heartbeat(lab):
    there = seen("s1", "heartbeat", peer="cpe", direction="in")
    assert matches(lab, "must s1 at=s1 hb from=cpe", there)
    assert matches(lab, "must s1 at=cpe hb from=s1",
                   seen("cpe", "heartbeat", server="dots.isp1.example", direction="in"))
    assert not matches(lab, "must s1 at=s1 hb from=cpe",
                       seen("s1", "heartbeat", peer="cpe", direction="out"))


def test_several_peers_mean_each_of_them(lab):
    p = pattern(lab, "must s1 at=cpe session-up peer=s1,s2")
    one = [seen("cpe", "session-up", peer="dots.isp1.example")]
    assert p.missing(one) == [{"peer": "s2"}]
    assert not p.missing(one + [seen("cpe", "session-up", peer="s2")])
    assert p.violations(one)


def test_count_is_a_minimum_and_in_never_a_limit(lab):
    records = [put("192.0.2.66/32"), put("192.0.2.66/32")]
    assert not pattern(lab, "must s1 at=s1 put-mitigate count=2").missing(records)
    assert pattern(lab, "must s1 at=s1 put-mitigate count=3").missing(records)
    assert not pattern(lab, "never s1 at=s1 put-mitigate count=3").violations(records)
    assert pattern(lab, "never s1 at=s1 put-mitigate count=2").violations(records)


@pytest.mark.parametrize("code, wanted, same", [
    ("2.01", "2.01", True), ("2.04", "2.01", False), ("4.09", "4.xx", True), ("5.03", "4.xx", False),
    ("2.010", "2.01", False)])
def test_codes(lab, code, wanted, same):
    record = seen("s1", "response", code=code)
    assert matches(lab, f"must s1 at=s1 response code={wanted}", record) == same


def test_text_is_looked_for_in_every_field(lab):
    record = seen("s1", "response", code="4.00", text="9132-4.4.1: isp1 refused")
    assert matches(lab, 'never s1 at=s1 response text="isp1"', record)
    assert not matches(lab, 'never s1 at=s1 response text="isp2"', record)


def test_alert_by_target_pvd_and_server(lab):
    record = seen("cpe", "alert", target="198.51.100.66/32", domain="isp2",
                  server="dots.isp2.example")
    assert matches(lab, "must s1 at=cpe alert target=PA2.t1 pvd=2 server=s2", record)
    assert not matches(lab, "must s1 at=cpe alert target=PA1.t1", record)
    assert not matches(lab, "must s1 at=cpe alert pvd=1", record)
    assert not matches(lab, "must s1 at=cpe alert server=s1", record)
    assert not matches(lab, "must s1 at=cpe alert target=PA2.t1", seen("cpe", "alert", reason="x"))


def test_several_targets_mean_each_of_them(lab):
    p = pattern(lab, "must s1 at=cpe alert target=192.0.2.66,198.51.100.66")
    one = seen("cpe", "alert", target="192.0.2.66/32")
    assert p.missing([one]) == [{"target": "198.51.100.66/32"}]
    assert not p.missing([one, seen("cpe", "alert", target="198.51.100.66/32")])
    assert not p.missing([seen("cpe", "alert", target="198.51.100.66/32,192.0.2.66/32")])
    p = pattern(lab, "never s1 at=cpe alert target=192.0.2.66,198.51.100.66")
    assert p.violations([one])


def test_source_prefixes(lab):
    record = seen("s1", "session-up", peer="cpe", source="192.0.2.2")
    assert matches(lab, "must s1 at=s1 session-up src-in=192.0.2.0/30,2001:db8::/32", record)
    assert not matches(lab, "must s1 at=s1 session-up src-in=198.51.100.0/24", record)
    assert not matches(lab, "must s1 at=s1 session-up src-in=192.0.2.0/24", seen("s1", "session-up"))


def test_via_is_told_by_the_clients_end(lab):
    p = pattern(lab, "must s1 at=s1 session-up peer=cpe via=wan1")
    here = seen("s1", "session-up", role="server", peer="cpe", source="192.0.2.2", interface="eth0")
    there = seen("cpe", "session-up", role="client", source="192.0.2.2", interface="wan1",
                 server="dots.isp1.example")
    assert p.missing([here])
    assert not p.missing([here, there])
    there.fields["interface"] = "wan2"
    assert p.missing([here, there])
    # The same address on another link, to another server.
    there.fields.update(interface="wan1", server="dots.isp2.example")
    assert p.missing([here, there])


def packet(**fields):
    base = {"if": "wan1", "dir": "out", "src": "192.0.2.2", "dst": "192.0.2.1", "proto": "udp",
            "sport": 40000, "dport": 4646}
    return Record("cpe", "pkt", 1.0, {**base, **fields})


def test_packets_by_interface_and_address(lab):
    line = "never s1 at=cpe pkt if=wan1 to=198.51.100.1,2001:db8::1"
    assert not matches(lab, line, packet())
    assert matches(lab, line, packet(dst="198.51.100.1"))
    assert not matches(lab, line, packet(dst="198.51.100.1", **{"if": "wan2"}))
    assert matches(lab, "must s1 at=cpe pkt from=cpe port=4646 proto=udp", packet())
    assert not matches(lab, "must s1 at=cpe pkt port=4647", packet())


def test_response_of_an_interface_is_what_leaves_it(lab):
    line = "never s1 at=cpe response if=wan1,wan2 port=4646"
    assert not matches(lab, line, packet())
    assert not matches(lab, line, packet(dir="in", sport=4646))
    assert matches(lab, line, packet(sport=4646))
    # The kernel's refusal is no answer of an agent.
    assert not matches(lab, line, packet(sport=4646, proto="tcp", reset=True))


def test_traffic_is_the_flood_only(lab):
    line = "never s1 at=cpe traffic from=att1"
    assert matches(lab, line, packet(dir="in", src="203.0.113.2", mark=True))
    assert not matches(lab, line, packet(dir="in", src="203.0.113.2"))
    assert not matches(lab, line, packet(dir="in", mark=True))


def test_traffic_to_each_target(lab):
    p = pattern(lab, "must s1 at=cpe traffic target=192.0.2.66,198.51.100.66")
    first = packet(dir="in", mark=True, dst="192.0.2.66")
    assert p.missing([first]) == [{"target": "198.51.100.66/32"}]
    assert not p.missing([first, packet(dir="in", mark=True, dst="198.51.100.66")])


def test_packets_by_what_can_be_read_in_them(lab):
    line = "never s1 at=cpe pkt if=wan1 holds=ca2.example"
    assert matches(lab, line, packet(readable="x cpe.ca2.example y"))
    assert not matches(lab, line, packet(readable="cpe.ca1.example"))
    assert not matches(lab, line, packet())


class Ctl:
    """dotsctl of an agent that says this."""

    def __init__(self, **replies):
        self.replies = replies

    def dotsctl(self, _, command):
        return 0, self.replies.get(command, {})


@pytest.mark.parametrize("line, held", [
    ("pvd=1 server=s1 interface=wan1", True),
    ("pvd=1 server=s2", False),       # each of them in another entry
    ("pvd=2 server=s2 state=available", False),
    ("peer=t1 state=available", True),
    ("handshakes=2", True), ("handshakes=3", False),
    ("text=volatile", True), ("text=durable", False)])
def test_status_is_of_one_session(lab, line, held):
    ctl = Ctl(status={"handshakes": 2, "store": "volatile"}, sessions={
        "upstream": [{"domain": "isp1", "name": "dots.isp1.example", "interface": "wan1",
                      "state": "available"},
                     {"domain": "isp2", "name": "dots.isp2.example", "state": "silent"}],
        "clients": [{"client": "t1", "state": "available"}]})
    live = Live(lab, None, ctl, pattern(lab, f"must s1 at=cpe status {line}"))
    assert live.look()[0] == held


def test_status_without_the_number_is_no_verdict(lab):
    live = Live(lab, None, Ctl(status={"version": "1"}, sessions={}),
                pattern(lab, "never s1 at=s1 status handshakes=2"))
    with pytest.raises(NetError):
        live.look()


@pytest.mark.parametrize("line, held", [
    ("kind=alias name=web pvd=1 server=s1 state=placed", True),
    ("name=web pvd=2 state=placed", False),  # each of them in another entry
    ("name=web pvd=2 state=pending text=wan2", True), ("name=web pvd=2 text=wan1", False),
    ("kind=acl", False), ("kind=alias,acl name=web", True)])
def test_a_record_is_one_entry(lab, line, held):
    ctl = Ctl(aliases={"aliases": [
        {"name": "web", "domain": "isp1", "server": "dots.isp1.example", "state": "placed", "reason": ""},
        {"name": "web", "domain": "isp2", "server": "dots.isp2.example", "state": "pending",
         "reason": "interface wan2 is down"}]}, acls={"acls": []})
    assert Live(lab, None, ctl, pattern(lab, f"must s1 at=cpe record {line}")).look()[0] == held


@pytest.mark.parametrize("aliases, wanted, must, never", [
    ("web", "web", True, True), ("web,mail", "mail,web", True, True), ("web,mail", "web", False, True),
    ("", "web", False, False), ("", "-", True, False), ("web", "-", False, False)])
def test_names_of_records_are_a_set(lab, aliases, wanted, must, never):
    record = seen("s1", "restconf-response", aliases=aliases, server="dots.isp1.example")
    p = pattern(lab, f"must s1 at=s1 restconf-response server=s1 aliases={wanted}")
    assert p.matches(record, {}) == must
    p.overlap = True
    assert p.matches(record, {}) == never


FLOW = ("tcp 6 431 ESTABLISHED src=100.64.0.11 dst=192.0.2.1 sport=4000 dport=443 "
        "src=192.0.2.1 dst={} sport=443 dport=4000 [ASSURED] use=1")


@pytest.mark.parametrize("sources, held", [
    (["192.0.2.2"], True), (["192.0.2.2", "192.0.2.2"], True), (["192.0.2.2", "198.51.100.2"], False), ([], False)])
def test_every_connection_is_translated_alike(lab, sources, held):
    out = "\n".join(map(FLOW.format, sources)) + "\n" + FLOW.format("198.51.100.2").replace("100.64.0.11", "100.64.0.12")
    net = types.SimpleNamespace(run=lambda *a, **k: types.SimpleNamespace(stdout=out))
    line = "must s1 at=cpe translated from=100.64.0.11/32 to=s1 port=443 src-in=192.0.2.2/32"
    assert Live(lab, net, None, pattern(lab, line)).look()[0] == held


class Counters:
    """Answers for the network."""

    def __init__(self, **counts):
        self.counts = counts

    def counters(self, _):
        return dict(self.counts)


@pytest.mark.parametrize("grown, must, never", [
    ({}, False, False), ({"urpf4_a": 1}, False, True), ({"urpf4_a": 1, "urpf4_b": 2}, True, True)])
def test_counters_of_the_family_grow_each_or_any(lab, grown, must, never):
    net = Counters(urpf4_a=5, urpf4_b=5, urpf6_a=5)
    for kind, expected in (("must", must), ("never", never)):
        p = pattern(lab, f"{kind} s1 at=cpe counter name=urpf4_a,urpf6_a,urpf4_b,urpf6_b")
        p.overlap = kind == "never"
        net.counts = {"urpf4_a": 5, "urpf4_b": 5}
        live = Live(lab, net, None, p)
        net.counts = {k: v + grown.get(k, 0) for k, v in net.counts.items()}
        assert live.look()[0] == expected


def test_a_counter_that_is_not_there_has_not_grown(lab):
    live = Live(lab, Counters(), None, pattern(lab, "must s1 at=cpe counter name=x"))
    assert live.look() == (False, "no counter x in cpe")


def test_ingress_filters_that_a_step_wants_to_bite(tmp_path):
    (tmp_path / "X.lab").write_text(
        LAB + "step s1 start\nnever s1 at=s1 counter name=urpf4_eth0\n"
        "step s2 wait 1\nmust s2 at=s1 counter name=urpf4_eth0,urpf6_eth0\n")
    run = types.SimpleNamespace(lab=Lab(tmp_path / "X.lab"))
    assert [LabRun.wanted_drops(run, step) for step in run.lab.steps.values()] == [
        set(), {("s1", "urpf4_eth0")}]


def test_near_shows_the_same_event_first(lab):
    p = pattern(lab, "must s1 at=s1 put-mitigate scope=PA1.t1")
    other = put("192.0.2.67/32")
    assert p.near([other, seen("s1", "stopped")]) == [other]
    assert p.near([seen("s1", "heartbeat"), seen("s1", "stopped")])[0].event == "stopped"


def test_networks_of_a_field():
    assert networks("192.0.2.1, 198.51.100.0/24") == {
        ipaddress.ip_network("192.0.2.1/32"), ipaddress.ip_network("198.51.100.0/24")}
    assert networks("www.example") == {"www.example"}


@pytest.mark.parametrize("net, there", [
    ("192.0.2.6/32", False), ("192.0.2.66/32", True), ("198.51.100.64/26", True),
    ("198.51.100.0/24", False), ("2001:db8::66/128", True), ("2001:db8::6/128", False)])
def test_rule_set_names_exactly_the_prefix(net, there):
    table = "elements = { 192.0.2.66, 198.51.100.64/26, 2001:db8::66 }"
    assert holds(table, ipaddress.ip_network(net)) == there


def test_event_log_waits_for_whole_lines(tmp_path):
    path = tmp_path / "events.json"
    log = EventLog("s1", path)
    assert not list(log.poll())
    path.write_text('{"time":"2024-01-01T00:00:00.250Z","event":"stopped","level":"info","reas')
    assert not list(log.poll())
    with open(path, "a", encoding="utf-8") as f:
        f.write('on":"signal"}\nnonsense\n')
    good, bad = log.poll()
    assert (good.event, good.fields["reason"], good.time % 1) == ("stopped", "signal", 0.25)
    assert bad.event == "unreadable"


def test_query_log(tmp_path):
    path = tmp_path / "q"
    path.write_text("Jan  1 00:00:00 dnsmasq[1]: 1 192.0.2.2/4242 query[AAAA] Dots.isp1.example "
                    "from 192.0.2.2\nJan  1 00:00:00 dnsmasq[1]: 1 config x is NXDOMAIN\n")
    (r,) = QueryLog("isp1", path).poll()
    assert r.fields == {"type": "AAAA", "name": "dots.isp1.example", "source": "192.0.2.2"}


def frame(payload, pkttype=4):
    udp = struct.pack("!HHHH", 4646, 9999, 8 + len(payload), 0) + payload
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0,
                     bytes([192, 0, 2, 1]), bytes([192, 0, 2, 2])) + udp
    sll = struct.pack("!HHH8sH", pkttype, 1, 6, b"", 0x0800) + ip
    return struct.pack("<IIII", 5, 250000, len(sll), len(sll)) + sll


def test_packet_log_reads_frames_in_pieces(tmp_path):
    path = tmp_path / "x.pcap"
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 256, 113)
    # The second one is for another host: a bridge sent it to all.
    whole = head + frame(b"lab-flood 1") + frame(b"lab-flood 2", pkttype=3) + frame(b"", pkttype=0)
    log, records = PacketLog("cpe", "wan1", path), []
    with open(path, "wb", buffering=0) as f:
        for i in range(0, len(whole), 7):
            f.write(whole[i:i + 7])
            records += log.poll()
    first, second = records
    assert first.time == 5.25
    assert first.fields == {"if": "wan1", "dir": "out", "src": "192.0.2.1", "dst": "192.0.2.2",
                            "proto": "udp", "sport": 4646, "dport": 9999, "mark": True}
    assert second.fields["dir"] == "in" and "mark" not in second.fields


def ipv6(next_header, payload):
    sll = struct.pack("!HHH8sH", 0, 1, 6, b"", 0x86DD)
    src, dst = (ipaddress.ip_address(a).packed for a in ("2001:db8::1", "2001:db8::2"))
    return sll + struct.pack("!IHBB", 6 << 28, len(payload), next_header, 64) + src + dst + payload


def test_ipv6_packets_and_their_fragments():
    udp = struct.pack("!HHHH", 4646, 9999, 28, 0) + b"cpe.ca1.example\0\0\0\0\0"
    plain = decoded(ipv6(17, udp))
    assert (plain["src"], plain["dst"], plain["dport"]) == ("2001:db8::1", "2001:db8::2", 9999)
    assert plain["readable"] == "cpe.ca1.example"
    assert "query" not in plain
    first = decoded(ipv6(44, struct.pack("!BBHI", 17, 0, 1, 7) + udp))
    assert (first["proto"], first["dport"]) == ("udp", 9999)
    later = decoded(ipv6(44, struct.pack("!BBHI", 17, 0, 16 << 3, 7) + udp))
    assert later["proto"] == "fragment" and "dport" not in later


def test_names_in_queries_and_handshakes():
    name = b"\4dots\4ISP1\7example\0"
    query = struct.pack("!HHHH", 5353, 53, 0, 0) + bytes(12) + name + b"\0\1\0\1"
    assert decoded(ipv6(17, query))["query"] == "dots.isp1.example"
    assert decoded(ipv6(17, query[:30]))["query"] == "dots.isp1"
    # TCP with 12 bytes of options, that are not looked at.
    hello = struct.pack("!HHIIBBHHH", 40000, 4646, 1, 1, 8 << 4, 24, 0, 0, 0) + b"ABCDEFGHIJKL"
    assert decoded(ipv6(6, hello + b"\0\x0edots.isp1.example\0"))["readable"] == "dots.isp1.example"
    assert decoded(ipv6(6, hello))["readable"] == ""
