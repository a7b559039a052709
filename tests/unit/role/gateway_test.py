#!/usr/bin/python3
"""A gateway between an independent client and a server: what becomes of a request while upstream has
not decided on it.

DOTSD, DOTSCTL and PEER name the programs. Run as a program it prints TAP."""
import json
import os
import pathlib
import shutil
import signal
import sqlite3
import sys
import tempfile

import pytest

TESTS = pathlib.Path(__file__).resolve().parents[2]
sys.path += [str(TESTS), str(TESTS / "torture")]

import tap  # noqa: E402
from rig import cbor, coap  # noqa: E402
from rig.loopback import PATIENCE, Daemon, free_port, until  # noqa: E402
from rig.peer import Peer  # noqa: E402

KEY = "00112233445566778899aabbccddeeff"
CUID = "dz6pHjaADkaFTbjr0JGBpw"

SERVER = """instance: server
state: server-state
control: server.sock
events: server.json
listen: [{{address: 127.0.0.1, port: {port}}}]
clients:
  gw: {{psk: [{{identity: gw, file: key}}], prefixes: [192.0.2.0/24]}}
mitigators: [dry-run: {{}}]
mitigation: {{terminating: 0}}
"""
GATEWAY = """instance: gateway
state: gateway-state
control: gateway.sock
events: gateway.json
listen: [{{address: 127.0.0.1, port: {own}}}]
clients:
  c: {{psk: [{{identity: c, file: key}}], prefixes: [192.0.2.0/24, 198.51.100.0/24]}}
domains:
  isp1:
    interface: lo
    prefixes: [192.0.2.0/24]
    servers: [{{name: isp1.example, addresses: [127.0.0.1], port: {port}}}]
    credentials: {{psk-identity: gw, psk-file: key}}
mitigators: [{mitigators}]
"""


@pytest.fixture
def folder():
    path = pathlib.Path(tempfile.mkdtemp(prefix="dotsd-gateway-"))
    (path / "key").write_text(KEY + "\n")
    yield path
    shutil.rmtree(path)


class Network:
    """server <- gateway <- peer."""

    def __init__(self, folder, mitigators="escalate: {}"):
        port, self.port = free_port(), free_port()
        self.server = Daemon(folder, "server", SERVER.format(port=port))
        self.gateway = Daemon(folder, "gateway", GATEWAY.format(port=port, own=self.port, mitigators=mitigators))
        until(lambda: self.gateway("sessions")[1]["upstream"][0]["state"] == "available", "session")
        self.folder, self.peer = folder, Peer([os.environ["PEER"]])
        self.connect()

    def connect(self):
        self.peer.psk("c", "127.0.0.1", self.port, "c", KEY)
        self.peer.up("c")

    def put(self, mid, target, token):
        options = [*coap.mitigate(f"cuid={CUID}", f"mid={mid}"),
                   (coap.CONTENT_FORMAT, coap.number(coap.DOTS_CBOR))]
        return coap.message(coap.NON, coap.PUT, self.peer.id("c"), token, options, cbor.scope(target))

    def delete(self, mid, token):
        return coap.message(coap.NON, coap.DELETE, self.peer.id("c"), token,
                            coap.mitigate(f"cuid={CUID}", f"mid={mid}"))

    def answer(self, token):
        m = self.peer.take("c", lambda m: m.token == token, PATIENCE)
        assert m, "no answer"
        return m.code

    def nothing_left(self):
        return not (self.gateway.list("mitigations") or self.gateway.list("wishes")
                    or self.server.list("mitigations"))


@pytest.fixture
def network(folder, request):
    n = Network(folder, *getattr(request, "param", []))
    yield n
    n.peer.stop()
    n.gateway.stop()
    n.server.stop()


def doors(pid):
    """(protocol, address:port in hexadecimal or path) of the sockets on which that process waits for others."""
    inodes = {os.readlink(f)[8:-1] for f in pathlib.Path(f"/proc/{pid}/fd").iterdir()
              if os.readlink(f).startswith("socket:[")}
    tables = {n: [line.split() for line in pathlib.Path(f"/proc/{pid}/net/{n}").read_text().splitlines()[1:]]
              for n in ("tcp", "tcp6", "udp", "udp6", "unix")}
    return sorted(
        [(n, c[1]) for n in ("tcp", "tcp6") for c in tables[n] if c[9] in inodes and c[3] == "0A"] +
        [(n, c[1]) for n in ("udp", "udp6") for c in tables[n] if c[9] in inodes and c[2].endswith(":0000")] +
        [("unix", c[7]) for c in tables["unix"] if c[6] in inodes and len(c) > 7])


# 9284-5-01, 8612-SEC-002-01: its halves are one process; nobody can get between them.
def test_a_gateway_has_no_door_but_its_own(network):
    assert network.gateway("status")[1]["roles"] == ["client", "gateway"]
    here = f"0100007F:{network.port:04X}"
    assert doors(network.gateway.process.pid) == [
        ("tcp", here), ("udp", here), ("unix", str(network.folder / "gateway.sock"))]


# 9132-1-02
def test_a_request_is_passed_on_and_withdrawn(network):
    network.peer.send("c", network.put(1, "192.0.2.1/32", b"p"))
    assert network.answer(b"p") == "2.01"
    assert network.server.list("mitigations")[0]["targets"] == ["192.0.2.1/32"]
    network.peer.send("c", network.delete(1, b"d"))
    assert network.answer(b"d") == "2.02"
    until(network.nothing_left, "withdrawal upstream")


def test_all_is_asked_upstream_already(network):
    network.peer.send("c", network.put(1, "192.0.2.1/32", b"p"))
    assert network.answer(b"p") == "2.01"
    status, reply = network.gateway("escalate", str(network.gateway.list("mitigations")[0]["id"]))
    assert status == 1 and "upstream is asked for everything" in reply["error"]


ACTING = "dry-run: {}, escalate: {above: {rate: 1000}}"


# 8811-3.3.1-03
@pytest.mark.parametrize("network", [[ACTING]], indirect=True)
def test_upstream_is_asked_by_hand_beside_a_mitigator(network):
    network.peer.send("c", network.put(1, "192.0.2.1/32", b"p"))
    assert network.answer(b"p") == "2.01"
    mine, = network.gateway.list("mitigations")
    assert not mine["escalated"] and not network.gateway.list("wishes")
    assert network.gateway("escalate", str(mine["id"]))[0] == 0
    until(lambda: network.server.list("mitigations"), "request upstream")
    mine, = network.gateway.list("mitigations")
    assert mine["escalated"]
    lines = (network.folder / "gateway.json").read_text().splitlines()
    event, = [e for e in map(json.loads, lines) if e["event"] == "escalated"]
    assert event["reason"] == "operator" and event["upstream"] == "isp1" and event["mid"] == 1


@pytest.mark.parametrize("network", [[ACTING]], indirect=True)
def test_what_nobody_protects_cannot_be_escalated(network):
    network.peer.send("c", network.put(1, "198.51.100.1/32", b"p"))
    assert network.answer(b"p") == "2.01"
    mine, = network.gateway.list("mitigations")
    status, reply = network.gateway("escalate", str(mine["id"]))
    assert status == 1 and "no provider of this network" in reply["error"]


@pytest.mark.parametrize("network", [[ACTING]], indirect=True)
def test_the_threshold_may_go_with_a_reload(network):
    network.peer.send("c", network.put(1, "192.0.2.1/32", b"p"))
    assert network.answer(b"p") == "2.01"
    path = network.folder / "gateway.yaml"
    path.write_text(path.read_text().replace(ACTING, "dry-run: {}, escalate: {}"))
    assert network.gateway("reload")[0] == 0
    assert not network.server.list("mitigations")
    network.peer.send("c", network.put(1, "192.0.2.1/32", b"q"))
    assert network.answer(b"q") == "2.04"
    until(lambda: network.server.list("mitigations"), "request upstream")


# 9132-5.1-06
def test_port_ranges_of_one_lower_port_go_out_as_one(network):
    status, _ = network.gateway("mitigate", "192.0.2.9", "--port", "80", "--port", "443", "--port",
                                "80-90", "--port", "80-85", "--wait", str(PATIENCE))
    assert status == 0
    assert network.server.list("mitigations")[0]["ports"] == ["80-90", "443"]


# 8612-SIG-006-07, 9132-4.4.4-06
def test_what_is_withdrawn_before_upstream_decided_does_not_come_to_be(network):
    for mid in range(1, 20):
        # In one breath: the gateway reads both before it can have an answer from upstream.
        network.peer.send("c", network.put(mid, "192.0.2.1/32", b"p%d" % mid))
        network.peer.send("c", network.delete(mid, b"d%d" % mid))
        assert network.answer(b"d%d" % mid) == "2.02"
        assert network.answer(b"p%d" % mid) == "4.04"
    # A request that is answered later comes after all that is left of those.
    network.peer.send("c", network.put(99, "192.0.2.99/32", b"p99"))
    assert network.answer(b"p99") == "2.01"
    until(lambda: [m["mid"] for m in network.gateway.list("mitigations")] == [99], "only the last")
    until(lambda: [m["targets"] for m in network.server.list("mitigations")] == [["192.0.2.99/32"]],
          "only the last upstream")
    assert len(network.gateway.list("wishes")) == 1


def test_what_is_refused_at_the_end_is_not_left_upstream(network):
    # Both wait for upstream; when the higher mid is decided on first, the lower one is in conflict
    # with it. Whatever order decisions come in, one of these pairs is such a case.
    seen = set()
    for pair in ((9, 10), (12, 11), (99, 100), (1000, 999)):
        for mid in pair:
            network.peer.send("c", network.put(mid, "192.0.2.2/32", b"q%d" % mid))
        codes = [network.answer(b"q%d" % mid) for mid in pair]
        assert set(codes) <= {"2.01", "4.09"}
        seen |= set(codes)
        for mid in pair:
            network.peer.send("c", network.delete(mid, b"r%d" % mid))
            assert network.answer(b"r%d" % mid) == "2.02"
        until(network.nothing_left, f"everything of {pair} is gone")
    assert "4.09" in seen


def test_what_stands_upstream_outlasts_a_gateway_that_forgot_to_whom_it_belongs(network):
    network.peer.send("c", network.put(1, "192.0.2.1/32", b"p"))
    assert network.answer(b"p") == "2.01"
    # As after a crash between asking upstream and granting: the wish is on disk, the grant is not.
    network.gateway.kill()
    db = sqlite3.connect(network.folder / "gateway-state/dotsd.db")
    db.execute("DELETE FROM record WHERE kind = 'mitigation'")
    (key, value), = db.execute("SELECT key, value FROM record WHERE kind = 'placement'").fetchall()
    db.execute("UPDATE record SET value = ? WHERE kind = 'placement' AND key = ?",
               (json.dumps(json.loads(value) | {"state": "wanted"}), key))
    db.commit()
    db.close()
    network.server.process.send_signal(signal.SIGSTOP)  # upstream does not answer for a while
    network.gateway.start()
    network.peer.close("c", "drop")
    network.connect()
    network.peer.send("c", network.put(1, "192.0.2.1/32", b"q"))
    assert network.answer(b"q") == "5.03"
    network.server.process.send_signal(signal.SIGCONT)
    until(lambda: network.gateway("sessions")[1]["upstream"][0]["state"] == "available", "session")
    network.peer.send("c", network.put(1, "192.0.2.1/32", b"r"))
    assert network.answer(b"r") == "2.01"
    assert len(network.server.list("mitigations")) == 1
    events = (network.folder / "server.json").read_text()
    assert '"delete-mitigate"' not in events
    network.peer.send("c", network.delete(1, b"d"))
    assert network.answer(b"d") == "2.02"
    until(network.nothing_left, "withdrawal upstream")


if __name__ == "__main__":
    tap.run(__file__)
