#!/usr/bin/python3
"""dotsd-priv with real packets: two namespaces and a router between them. DOTSD_PRIV names the program; run as
a program it prints TAP."""
import contextlib
import json
import os
import pathlib
import signal
import socket
import struct
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
import tap  # noqa: E402
from netns import RUN, inside, sh  # noqa: E402
from router import (COMMIT, COUNTERS, DHCP_SOCKET, DROP, LIMIT, OBSERVE, PER_SOURCE, PRIV, SYNC, TCP, UDP,  # noqa: E402
                    VERSION, flow, hello, helper, network, nft, rule, text)  # noqa: F401

SOCKETS_MAX = 64


def passes(dst, port, protocol=UDP, count=1, sport=0, src=None):
    """How many of so many packets from a arrive at b."""
    family = socket.AF_INET6 if ":" in dst else socket.AF_INET
    with inside("b"):
        if protocol == TCP:
            return tcp_passes(family, dst, port)
        sink = socket.socket(family, socket.SOCK_DGRAM)
        sink.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        sink.bind((dst, port))
    with inside("a"):
        s = socket.socket(family, socket.SOCK_DGRAM)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind((src or ("::" if ":" in dst else "0.0.0.0"), sport))
    for _ in range(count):
        s.sendto(b"x" * 32, (dst, port))
    got = 0
    sink.settimeout(0.15)
    with contextlib.suppress(TimeoutError):
        while got < count:
            sink.recv(100)
            got += 1
    s.close()
    sink.close()
    return got


def tcp_passes(family, dst, port):
    with socket.socket(family, socket.SOCK_STREAM) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind((dst, port))
        server.listen()
        with inside("a"), socket.socket(family, socket.SOCK_STREAM) as s:
            s.settimeout(0.15)
            try:
                s.connect((dst, port))
                return 1
            except TimeoutError:
                return 0


def connects(client, port, server, server_port=4646):
    """Whether a TCP client in b reaches a server in a: only the way to b is filtered."""
    family = socket.AF_INET6 if ":" in server else socket.AF_INET
    with inside("a"):
        listening = socket.socket(family, socket.SOCK_STREAM)
    with inside("b"):
        s = socket.socket(family, socket.SOCK_STREAM)
    with listening, s:
        for end, at in ((listening, (server, server_port)), (s, (client, port))):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            end.bind(at)
        listening.listen()
        s.settimeout(0.15)
        try:
            s.connect((server, server_port))
        except TimeoutError:
            return False
        return True


BOTH = pytest.mark.parametrize("net", ["10.77.2.", "fd77:2::"], ids=["ipv4", "ipv6"])


def host(net, n):
    return f"{net}{n}/{128 if ':' in net else 32}"


@BOTH
def test_a_scope_drops_exactly_its_own_packets(helper, net):
    helper.change(COMMIT, [rule(1, [host(net, 10)], [UDP], [(53, 53), (1000, 1003)])])
    assert passes(net + "10", 53) == 0
    assert passes(net + "10", 1002) == 0
    assert passes(net + "10", 54) == 1
    assert passes(net + "10", 1004) == 1
    assert passes(net + "10", 53, TCP) == 1
    assert passes(net + "11", 53) == 1


@BOTH
def test_ports_without_protocols_mean_those_that_have_ports(helper, net):
    helper.change(COMMIT, [rule(1, [host(net, 10)], [], [(53, 53)])])
    assert passes(net + "10", 53) == 0
    assert passes(net + "10", 53, TCP) == 0
    assert passes(net + "10", 54, TCP) == 1
    ping = ["ip", "netns", "exec", f"{RUN}-a", "ping", "-c1", "-W1", net + "10"]
    assert sh(*ping, check=False).returncode == 0
    helper.change(COMMIT, [rule(2, [host(net, 11)])])
    assert sh(*ping[:-1], net + "11", check=False).returncode == 1


def test_removing_it_lets_packets_pass_again(helper):
    helper.change(COMMIT, [rule(1, ["10.77.2.10/32"])])
    assert passes("10.77.2.10", 53) == 0
    assert helper.change(COMMIT, removed=[1]) == (0, 0, 1)
    assert passes("10.77.2.10", 53) == 1
    table = sh("ip", "netns", "exec", f"{RUN}-r", "nft", "list", "table", "inet", "dotsd_test").stdout
    assert "m_1" not in table and "10.77.2.10" not in table


def test_nested_scopes_of_two_clients_both_hold(helper):
    helper.change(COMMIT, [rule(1, ["10.77.2.0/27"], [UDP], [(53, 53)], "acme"),
                           rule(2, ["10.77.2.12/32"], [UDP], [(80, 80)], "beta")])
    assert passes("10.77.2.12", 53) == 0
    assert passes("10.77.2.12", 80) == 0
    assert passes("10.77.2.12", 81) == 1
    assert passes("10.77.2.13", 80) == 1
    assert passes("10.77.2.13", 53) == 0
    helper.change(COMMIT, removed=[2])
    assert passes("10.77.2.12", 80) == 1
    assert passes("10.77.2.12", 53) == 0


def test_live_sessions_of_the_client_pass_first(helper):
    helper.change(COMMIT, [rule(1, ["10.77.2.0/24"])],
                  flows=[flow("acme", (("10.77.1.1", 4646), ("10.77.2.10", 5000)))])
    assert passes("10.77.2.10", 5000, sport=4646) == 1
    assert passes("10.77.2.10", 5001, sport=4646) == 0
    assert passes("10.77.2.10", 5000, sport=4647) == 0
    # Handshakes under way: any port of any client of that endpoint; then the session is gone.
    helper.change(COMMIT, flows=[flow("acme", (("10.77.1.1", 4646), None))])
    assert passes("10.77.2.10", 5001, sport=4646) == 1
    assert passes("10.77.2.10", 5001, sport=4647) == 0
    helper.change(COMMIT, flows=[flow("acme")])
    assert passes("10.77.2.10", 5001, sport=4646) == 0


def test_what_two_clients_have_passes_until_both_have_lost_it(helper):
    """As our own endpoint, which stands in the flows of everybody."""
    ours = (("10.77.1.1", 4646), None)
    helper.change(COMMIT, [rule(1, ["10.77.2.10/32"]), rule(2, ["10.77.2.11/32"], client="beta")],
                  flows=[flow("acme", ours, ours), flow("beta", ours)])
    helper.change(COMMIT, flows=[flow("acme")])
    assert passes("10.77.2.10", 5001, sport=4646) == passes("10.77.2.11", 5001, sport=4646) == 1
    helper.change(COMMIT, flows=[flow("beta", ours)])
    assert passes("10.77.2.11", 5001, sport=4646) == 1
    helper.change(COMMIT, flows=[flow("beta")])
    assert passes("10.77.2.10", 5001, sport=4646) == passes("10.77.2.11", 5001, sport=4646) == 0


def test_each_client_has_its_own_rate_of_handshakes(helper):
    ours = (("10.77.1.1", 4646), None)
    helper.change(COMMIT, [rule(1, ["10.77.2.10/32"]), rule(2, ["10.77.2.11/32"], client="beta")],
                  flows=[flow("acme", ours), flow("beta", ours)])
    assert passes("10.77.2.10", 5001, sport=4646, count=3000) < 3000  # at its limit just now
    assert passes("10.77.2.11", 5001, sport=4646) == 1


def test_sets_of_the_kernel_do_not_grow_with_clients(helper):
    """It looks through all of them for the one that is named."""
    def sets():
        return sum("set" in x or "map" in x for x in json.loads(nft("-j", "list", "ruleset"))["nftables"])

    def change(first, last):
        clients = [(n, f"client{n}") for n in range(first, last)]
        helper.change(COMMIT, [rule(n, [f"10.77.3.{n}/32"], client=c) for n, c in clients],
                      flows=[flow(c, (("10.77.1.1", 4646), (f"10.77.3.{n}", 5000))) for n, c in clients])

    change(1, 2)
    few = sets()
    change(2, 50)
    assert sets() == few


@BOTH
def test_a_session_passes_with_its_own_protocol_only(helper, net):
    server, client = net.replace("2", "1", 1) + "1", net + "10"
    if ":" in net:
        server = "fd77:1::1"
    tuple_ = ((server, 4646), (client, 5000))
    helper.change(COMMIT, [rule(1, [host(net, 10)])])
    assert not connects(client, 5000, server)
    helper.change(COMMIT, flows=[flow("acme", tuple_)])
    assert not connects(client, 5000, server)
    assert passes(client, 5000, sport=4646, src=server) == 1
    helper.change(COMMIT, flows=[flow("acme", tuple_, protocol=TCP)])
    assert connects(client, 5000, server)
    assert not connects(client, 5001, server)
    assert not connects(client, 5000, server, 4647)
    assert passes(client, 5000, sport=4646, src=server) == 0
    # Handshakes under way.
    helper.change(COMMIT, flows=[flow("acme", ((server, 4646), None))])
    assert not connects(client, 5001, server)
    helper.change(COMMIT, flows=[flow("acme", ((server, 4646), None), protocol=TCP)])
    assert connects(client, 5001, server)
    assert not connects(client, 5001, server, 4647)
    assert passes(client, 5001, sport=4646, src=server) == 0
    helper.change(COMMIT, flows=[flow("acme")])
    assert not connects(client, 5001, server)


def test_handshakes_have_a_rate_for_each_protocol(helper):
    helper.change(COMMIT, [rule(1, ["10.77.2.0/24"])])
    rates = [line for line in nft("list", "table", "inet", "dotsd_test").splitlines()
             if "limit rate 1000/second burst 64 packets accept" in line]
    assert sorted(line.split(" . ")[2].split()[0] for line in rates) == ["tcp", "tcp", "udp", "udp"]


# 8811-2.2.1-04
def test_limits_let_some_pass_and_count_what_they_drop(helper):
    helper.change(COMMIT, [rule(1, ["10.77.2.10/32"], action=(LIMIT, 20, 0))])
    got = passes("10.77.2.10", 53, count=500)
    assert 0 < got < 250
    packets, size = helper.counters()[1]
    assert packets == 500 - got and size == packets * 60


def test_limits_per_source_are_told_apart(helper):
    sh("ip", "-n", f"{RUN}-a", "addr", "replace", "10.77.1.99/24", "dev", "tor")
    helper.change(COMMIT, [rule(1, ["10.77.2.10/32"], action=(PER_SOURCE, 20, 0))])
    first = passes("10.77.2.10", 53, count=300, src="10.77.1.1")
    assert 0 < first < 200
    assert passes("10.77.2.10", 53, count=3, src="10.77.1.99") == 3


@BOTH
def test_what_is_observed_passes_and_is_counted(helper, net):
    """It is nothing to other filters for the same packets, whichever comes first."""
    helper.change(COMMIT, [rule(1, [host(net, 10)], [UDP], [(53, 53)], action=(OBSERVE, 0, 0)),
                           rule(2, [host(net, 11)], action=(OBSERVE, 0, 0)),
                           rule(3, [host(net, 11)], [UDP], [(54, 54)], "beta"),
                           rule(4, [host(net, 11)], [UDP], [(54, 54)], "gamma", action=(OBSERVE, 0, 0))])
    assert passes(net + "10", 53, count=20) == 20
    assert passes(net + "10", 99, count=5) == 5
    assert passes(net + "11", 54, count=7) == 0
    seen = {k: v[0] for k, v in helper.counters().items()}
    assert seen[1] == 20 and seen[2] == 7 and seen[3] == 7
    # From now on it is meant: what was observed is not among what is dropped.
    helper.change(COMMIT, [rule(1, [host(net, 10)], [UDP], [(53, 53)])])
    assert helper.counters()[1] == (0, 0)
    assert passes(net + "10", 53, count=4) == 0
    assert helper.counters()[1][0] == 4


@BOTH
def test_limits_in_bytes_hold_in_both_families(helper, net):
    helper.change(COMMIT, [rule(1, [host(net, 10)], action=(LIMIT, 600, 1)),
                           rule(2, [host(net, 11)], action=(PER_SOURCE, 600, 1))])
    assert 0 < passes(net + "10", 53, count=300) < 150
    assert 0 < passes(net + "11", 53, count=300) < 150


def test_a_replaced_filter_leaves_nothing_of_the_old_one(helper):
    helper.change(COMMIT, [rule(1, ["10.77.2.10/32"], [UDP], [(53, 53)], action=(PER_SOURCE, 5, 0))])
    passes("10.77.2.10", 53, count=50)
    assert helper.counters()[1][0] > 0
    other = rule(1, ["10.77.2.11/32"], [UDP], [(54, 54)], "beta")
    assert helper.change(COMMIT, [other], removed=[1]) == (0, 1, 0)
    assert helper.counters()[1] == (0, 0)
    assert passes("10.77.2.10", 53, count=50) == 50
    assert passes("10.77.2.11", 54) == 0
    table = nft("list", "table", "inet", "dotsd_test")
    assert "10.77.2.10" not in table and "set s4_1" not in table and table.count("chain k_") == 1
    # Said again as it is, it keeps its counter; so it does over a new start.
    assert helper.change(COMMIT, [other]) == (0, 0, 0)
    helper.kill()
    helper.start()
    assert helper.change(SYNC, [other]) == (1, 0, 0)
    assert helper.counters()[1][0] == 1


def test_flows_of_a_former_life_do_not_pass(helper):
    wanted = [rule(1, ["10.77.2.0/24"])]
    helper.change(COMMIT, wanted, flows=[flow("acme", (("10.77.1.1", 4646), ("10.77.2.10", 5000)))])
    assert passes("10.77.2.10", 5000, sport=4646) == 1
    helper.kill()
    helper.start()
    assert helper.change(SYNC, wanted) == (1, 0, 0)
    assert passes("10.77.2.10", 5000, sport=4646) == 0


def test_a_flushed_rule_set_comes_back_with_the_next_synchronisation(helper):
    helper.change(COMMIT, [rule(1, ["10.77.2.10/32"])])
    nft("flush", "ruleset")
    assert passes("10.77.2.10", 53) == 1
    assert helper.counters() == {}
    assert helper.change(SYNC, [rule(1, ["10.77.2.10/32"])]) == (0, 1, 0)
    assert passes("10.77.2.10", 53) == 0


# 8811-5-10
def test_only_the_rights_to_filter_and_to_use_low_ports_are_kept(helper):
    status = pathlib.Path(f"/proc/{helper.proc.pid}/status").read_text().splitlines()
    fields = dict(line.split(":\t", 1) for line in status if ":\t" in line)
    for name in ("CapEff", "CapPrm"):
        assert int(fields[name], 16) == 1 << 12 | 1 << 10  # CAP_NET_ADMIN, CAP_NET_BIND_SERVICE
    assert int(fields["CapInh"], 16) == int(fields["CapAmb"], 16) == 0
    assert fields["NoNewPrivs"].strip() == "1"


ASK = """
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.settimeout(60)
s.connect(sys.argv[1])
try:
    s.sendall(bytes([0, 0, 0, 8, 1, int(sys.argv[2]), 0, 4]) + b"test" + bytes([0, 0, 0, 1, 4]))
    sys.exit(0 if s.recv(1) else 3)
except ConnectionError:
    sys.exit(3)
"""


def test_other_users_are_not_served(helper, tmp_path):
    """The socket's mode keeps them out; where it does not, their user id does."""
    assert os.stat(helper.path).st_mode & 0o007 == 0
    for p in (tmp_path, *tmp_path.parents[:2]):
        os.chmod(p, 0o755)
    os.chmod(helper.path, 0o666)
    ask = ["/usr/bin/python3", "-c", ASK, helper.path, str(VERSION)]
    assert sh("setpriv", "--reuid", "65534", "--clear-groups", *ask, check=False).returncode == 3
    assert sh(*ask, check=False).returncode == 0


def test_connections_are_limited(helper):
    def connect():
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(60)
        s.connect(helper.path)
        return s

    def is_served(s):
        first = hello()
        try:
            s.sendall(struct.pack("!I", len(first)) + first + struct.pack("!IB", 1, COUNTERS))
            return s.recv(4) != b""
        except ConnectionError:
            return False

    crowd = [connect() for _ in range(3)]  # and the fixture's own
    assert all(map(is_served, crowd))
    assert not is_served(connect())
    crowd.pop().close()
    while not is_served(again := connect()):
        again.close()  # its end has not been seen yet
    for s in crowd + [again]:
        s.close()


def link_local(ns, dev):
    out = sh("ip", "-n", f"{RUN}-{ns}", "-j", "addr", "show", "dev", dev, "scope", "link").stdout
    return next(a["local"] for link in json.loads(out) for a in link["addr_info"] if a.get("family") == "inet6")


def test_dhcp_sockets_are_bound_to_port_and_interface(helper):
    with helper.dhcp_socket(4, "tob") as s:
        assert (s.family, s.type, s.getsockname()) == (socket.AF_INET, socket.SOCK_DGRAM, ("0.0.0.0", 68))
        assert s.getsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, 16) == b"tob\0"
        with helper.dhcp_socket(4, "toa") as other:  # beside each other
            assert other.getsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, 16) == b"toa\0"
        # A DHCP client that is there has the port, too.
        with inside("r"), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            client.bind(("0.0.0.0", 68))
            helper.dhcp_socket(4, "tob").close()
    with helper.dhcp_socket(6, "tob") as s:
        host, port, _, scope = s.getsockname()
        with inside("r"):
            assert (s.family, host.split("%")[0], port, scope) == (
                socket.AF_INET6, link_local("r", "tob"), 546, socket.if_nametoindex("tob"))
        assert s.getsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, 16) == b"tob\0"


def test_dhcp_sockets_hear_their_own_interface_only(helper):
    with helper.dhcp_socket(4, "tob") as s:
        for ns, said in (("a", b"from a"), ("b", b"from b")):
            with inside(ns), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
                peer.sendto(said, (f"10.77.{'1.2' if ns == 'a' else '2.1'}", 68))
        s.settimeout(60)
        assert s.recv(100) == b"from b"
        s.setblocking(False)
        with pytest.raises(BlockingIOError):
            s.recv(100)


def test_dhcp_sockets_need_an_interface_and_an_address(helper):
    assert helper.dhcp_socket(4, "nosuch") == "No such device"
    sh("ip", "-n", f"{RUN}-r", "link", "add", "bare0", "type", "veth", "peer", "name", "bare1")
    try:
        assert helper.dhcp_socket(6, "bare0") == "Cannot assign requested address"
        helper.dhcp_socket(4, "bare0").close()
    finally:
        sh("ip", "-n", f"{RUN}-r", "link", "delete", "bare0")


def test_without_the_right_to_low_ports_there_are_filters_but_no_sockets(helper):
    helper.kill()
    helper.start("setpriv", "--bounding-set", "-all,+net_admin")
    assert helper.dhcp_socket(4, "tob") == "Permission denied"
    assert helper.change(SYNC, [rule(1, ["10.77.2.10/32"])]) == (0, 1, 0)
    helper.kill()
    helper.start()


def test_dhcp_sockets_of_a_connection_are_limited(helper):
    for _ in range(SOCKETS_MAX):
        helper.dhcp_socket(4, "tob").close()
    for _ in range(2):
        assert helper.dhcp_socket(4, "tob") == "Too many open files"
    assert helper.counters() == {}  # it serves on, and keeps none of the sockets
    assert len(os.listdir(f"/proc/{helper.proc.pid}/fd")) < SOCKETS_MAX
    helper.sock.close()
    helper.sock = socket.socket(socket.AF_UNIX)
    helper.sock.connect(helper.path)
    helper.send(hello())
    helper.dhcp_socket(4, "tob").close()


def test_an_inherited_socket_ends_it(network):
    ours, its = socket.socketpair(socket.AF_UNIX)
    proc = subprocess.Popen([PRIV, "--fd", str(its.fileno()), "--instance", "test"],
                            pass_fds=[its.fileno()], stderr=subprocess.DEVNULL)
    its.close()
    first = hello()
    ours.sendall(struct.pack("!I", len(first)) + first + struct.pack("!IB", 1, COUNTERS))
    assert ours.recv(4) == struct.pack("!I", 9)
    ours.close()
    assert proc.wait(60) == 0


@pytest.mark.parametrize("argv", [
    [], ["--socket", "/tmp/x"], ["--instance", "x"], ["--socket", "/tmp/x", "--fd", "3", "--instance", "x"],
    ["--socket", "/tmp/x", "--instance", "a b"], ["--socket", "/tmp/x", "--instance", "x", "--allow-uid", "me"],
    ["--fd", "three", "--instance", "x"], ["--socket", "/tmp/x", "--instance", "x", "more"]])
def test_arguments_that_make_no_sense_are_refused(argv):
    assert sh(PRIV, *argv, check=False).returncode == 2


# 8811-2.2.2-23
def test_counters_count_each_mitigation(helper):
    helper.change(COMMIT, [rule(1, ["10.77.2.10/32"]), rule(2, ["10.77.2.11/32"])])
    passes("10.77.2.10", 53, count=5)
    passes("10.77.2.11", 53, count=2)
    assert {k: v[0] for k, v in helper.counters().items()} == {1: 5, 2: 2}


def test_a_new_helper_finds_the_table_as_it_should_be(helper):
    rules = [rule(1, ["10.77.2.10/32"]), rule(2, ["10.77.2.11/32"]), rule(3, ["10.77.2.0/25"], [UDP], [(9, 9)])]
    helper.change(COMMIT, rules)
    passes("10.77.2.10", 53, count=4)
    helper.kill()
    assert passes("10.77.2.10", 53) == 0
    helper.start()
    # 1 stays with its counter, 2 is gone, 3 is another one now, 4 is new.
    wanted = [rules[0], rule(3, ["10.77.2.0/25"], [UDP], [(10, 10)]), rule(4, ["10.77.2.13/32"])]
    assert helper.change(SYNC, wanted) == (1, 2, 1)
    assert helper.counters()[1][0] == 5
    assert passes("10.77.2.11", 53) == 1
    assert passes("10.77.2.13", 53) == 0
    assert passes("10.77.2.14", 9) == 1
    assert passes("10.77.2.14", 10) == 0


LEFT = {
    "map": "set inet dotsd_test mit4 { type ipv6_addr; flags interval; }",
    "map-of-marks": "map inet dotsd_test one4 { type ipv4_addr : mark; }",
    "sessions": "set inet dotsd_test flow4 { type ipv4_addr; }",
    "base-chain": "chain inet dotsd_test pre { type filter hook forward priority 5; }",
    "chain": "chain inet dotsd_test m_1 { type filter hook input priority 0; }",
}


@pytest.mark.parametrize("left", LEFT)
def test_a_table_of_another_version_is_made_anew(helper, left):
    """In one transaction: a listener to the kernel's news sees the table and the new filter together."""
    wanted = [rule(1, ["10.77.2.10/32"])]
    helper.change(SYNC, wanted)
    helper.kill()
    nft("delete", "table", "inet", "dotsd_test")
    nft("add", "table", "inet", "dotsd_test")
    nft("add " + LEFT[left])
    nft("add", "chain", "inet", "dotsd_test", "old")
    helper.start()
    kept, new, _ = helper.change(SYNC, wanted)
    assert (kept, new) == (0, 1)
    assert passes("10.77.2.10", 53) == 0 and passes("10.77.2.11", 53) == 1
    assert "chain old" not in nft("list", "table", "inet", "dotsd_test")
    helper.change(COMMIT, [rule(2, ["10.77.2.11/32"])])
    assert passes("10.77.2.11", 53) == 0
    assert helper.change(SYNC, wanted)[0] == 1  # and from then on as ever


def test_other_tables_are_not_touched(helper):
    nft = ["ip", "netns", "exec", f"{RUN}-r", "nft"]
    sh(*nft, "add table inet dotsd_other; add chain inet dotsd_other m_1; add counter inet dotsd_other n_1")
    helper.change(SYNC, [rule(5, ["10.77.2.10/32"])])
    helper.change(SYNC)
    kept = json.loads(sh(*nft, "-j", "list", "table", "inet", "dotsd_other").stdout)["nftables"]
    assert any("chain" in x for x in kept) and any("counter" in x for x in kept)
    sh(*nft, "delete table inet dotsd_other")


@pytest.mark.parametrize("body", [b"", b"\x09", b"\x02\xff\xff\xff\xff", b"\x03" + b"\0" * 11,
                                  hello(version=VERSION + 1), hello("other"),
                                  bytes([DHCP_SOCKET, 5]) + text("tob"), bytes([DHCP_SOCKET, 4]) + text("a/b"),
                                  bytes([DHCP_SOCKET, 4]) + text("x" * 16), bytes([DHCP_SOCKET, 4, 0])],
                         ids=["empty", "unknown", "counts", "truncated", "version", "instance", "family",
                              "interface", "long-interface", "no-interface"])
def test_what_is_malformed_ends_the_connection_and_changes_nothing(helper, body):
    helper.change(COMMIT, [rule(1, ["10.77.2.10/32"])])
    helper.send(body)
    with pytest.raises((EOFError, ConnectionError)):
        helper.read()
    assert passes("10.77.2.10", 53) == 0
    helper.kill()
    helper.start()


def test_many_scopes_do_not_cost_a_rule_each(helper):
    rules = [rule(i, [f"100.64.{i >> 8}.{i & 255}/32"]) for i in range(1, 2001)]
    helper.change(SYNC, rules)
    chain = sh("ip", "netns", "exec", f"{RUN}-r", "nft", "list", "chain", "inet", "dotsd_test", "pre").stdout
    assert chain.count("vmap") == 4 and len(chain.splitlines()) < 12
    assert passes("10.77.2.10", 53) == 1


if __name__ == "__main__":
    tap.run(__file__)
