#!/usr/bin/python3
"""A server and an independent client, message by message.

DOTSD, DOTSCTL and PEER name the programs. Run as a program it prints TAP."""
import os
import pathlib
import shutil
import sqlite3
import sys
import tempfile

import pytest

TESTS = pathlib.Path(__file__).resolve().parents[2]
sys.path += [str(TESTS), str(TESTS / "torture")]

import tap  # noqa: E402
from rig import cbor, coap  # noqa: E402
from rig.loopback import Daemon, free_port, until  # noqa: E402
from rig.peer import Peer  # noqa: E402

KEY = "00112233445566778899aabbccddeeff"
FIGURE_26 = ("a1182ea2182f72616c742d7365727665722e6578616d706c651830827032303031"
             "3a6462383a363430313a3a3170323030313a6462383a363430313a3a32")
CUID = "dz6pHjaADkaFTbjr0JGBpw"
SERVER = """instance: server
state: server-state
control: server.sock
events: server.json
listen: [{{address: 127.0.0.1, port: {port}}}]
clients:
  c: {{psk: [{{identity: c, file: key}}], prefixes: [192.0.2.0/24]}}
mitigators: [dry-run: {{}}]
mitigation: {{terminating: 0}}
"""


class Network:
    def __init__(self, folder):
        port = free_port()
        self.database = folder / "server-state/dotsd.db"
        self.server = Daemon(folder, "server", SERVER.format(port=port))
        self.peer, self.port = Peer([os.environ["PEER"]]), port
        self.connect("c")

    def connect(self, session):
        self.peer.psk(session, "127.0.0.1", self.port, "c", KEY)
        self.peer.up(session)

    def marks(self):
        return [m["volatile"] for m in self.server.list("mitigations")]


@pytest.fixture
def network():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="dotsd-server-"))
    (folder / "key").write_text(KEY + "\n")
    n = Network(folder)
    yield n
    n.peer.stop()
    n.server.stop()
    shutil.rmtree(folder)


def test_what_the_store_cannot_take_is_marked_until_it_can(network):
    assert network.peer.put("c", CUID, 1, cbor.scope("192.0.2.1/32")).code == "2.01"
    assert network.marks() == [False]
    # Somebody else has it locked: no commit gets through.
    other = sqlite3.connect(network.database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert network.peer.put("c", CUID, 2, cbor.scope("192.0.2.2/32")).code == "2.01"
    assert sorted(network.marks()) == [False, True]
    other.execute("ROLLBACK")
    other.close()
    until(lambda: network.marks() == [False, False], "the mark goes with its reason")
    assert network.server("status")[1]["store"] == {"state": "durable", "backlog": 0}


def test_sessions_that_went_do_not_count_against_the_limit(network):
    for n in range(20):  # 8 at a time are allowed
        network.connect(f"s{n}")
        network.peer.close(f"s{n}")
    assert network.peer.heartbeat("c").code == "2.04"
    until(lambda: len(network.server("sessions")[1]["clients"]) == 1, "only the first is left")
    for n in range(8):
        network.connect(f"t{n}")
    until(lambda: network.peer.state["c"].startswith("down"), "the one heard longest ago is closed")


def put_unless_there(network, mid):
    options = [*coap.mitigate(f"cuid={CUID}", f"mid={mid}"), (coap.IF_NONE_MATCH, b""),
               (coap.CONTENT_FORMAT, coap.number(coap.DOTS_CBOR))]
    return network.peer.request("c", coap.PUT, options, cbor.scope(f"192.0.2.{mid}/32")).code


def test_what_is_there_is_not_put_if_none_matches(network):
    assert put_unless_there(network, 1) == "2.01"
    assert put_unless_there(network, 1) == "4.12"
    assert put_unless_there(network, 2) == "2.01"


def test_no_other_format_than_cbor_can_be_had(network):
    def get(accept):
        return network.peer.request("c", coap.GET, [
            *coap.path(".well-known", "dots", "config"), (coap.ACCEPT, coap.number(accept))]).code

    assert get(coap.DOTS_CBOR) == "2.05"
    assert get(50) == get(0) == "4.06"


def redirected(answer, ttl):
    """5.03 of RFC 9132 figure 26."""
    return (answer.code == "5.03" and answer.payload.hex() == FIGURE_26
            and (coap.CONTENT_FORMAT, coap.number(coap.DOTS_CBOR)) in answer.options
            and (coap.MAX_AGE, coap.number(ttl)) in answer.options)


def drain(network, *words):
    assert network.server("drain", *words)[0] == 0


ALTERNATE = ["--to", "alt-server.example", "--address", "2001:db8:6401::1", "--address", "2001:db8:6401::2"]


def test_a_drained_server_names_the_other_one(network):
    """9132-4.6-02, 9132-4.6-04, 9132-4.6-05, 9132-4.6-07, 9132-4.6-14, 9132-9-14: whatever is asked, but to
    withdraw."""
    peer, scope = network.peer, cbor.scope("192.0.2.1/32")
    drain(network, "on", *ALTERNATE, "--ttl", "4294967295")
    assert redirected(peer.put("c", CUID, 1, scope), 4294967295)
    drain(network, "on", *ALTERNATE)
    assert redirected(peer.put("c", CUID, 1, scope), 3600)
    assert redirected(peer.get("c", CUID), 3600)
    assert redirected(peer.heartbeat("c"), 3600)
    assert peer.delete("c", CUID, 1).code == "2.02"
    assert network.server.list("mitigations") == []
    drain(network, "off")
    assert peer.heartbeat("c").code == "2.04"
    assert peer.put("c", CUID, 1, scope).code == "2.01"


def test_a_mitigation_defers_the_drain_unless_it_is_forced(network):
    """8612-SIG-005-07; 9132-4.6-03: forced, a notification says it, too."""
    peer, scope = network.peer, cbor.scope("192.0.2.1/32")
    assert peer.put("c", CUID, 1, scope).code == "2.01"
    drain(network, "on", *ALTERNATE)
    assert network.server("status")[1]["drain"]["deferred"] == 1
    assert peer.put("c", CUID, 1, scope).code == "2.04"
    assert peer.put("c", CUID, 2, cbor.scope("192.0.2.2/32")).code == "2.01"
    assert peer.heartbeat("c").code == "2.04"
    observation = [*coap.mitigate(f"cuid={CUID}", "mid=1"), (coap.OBSERVE, b"")]
    assert peer.request("c", coap.GET, observation).code == "2.05"
    token = peer.ids["c"]
    drain(network, "force", *ALTERNATE)
    assert redirected(peer.take("c", lambda m: m.code == "5.03", 60), 3600), token
    assert redirected(peer.put("c", CUID, 1, scope), 3600)
    drain(network, "on", *ALTERNATE)
    assert peer.put("c", CUID, 1, scope).code == "2.04"
    for mid in (1, 2):
        assert peer.delete("c", CUID, mid).code == "2.02"
    assert redirected(peer.heartbeat("c"), 3600)


def test_without_another_server_only_what_is_new_is_refused(network):
    """8811-3.2.2-03."""
    peer, scope = network.peer, cbor.scope("192.0.2.1/32")
    drain(network, "on", "--ttl", "120")
    answer = peer.put("c", CUID, 1, scope)
    assert answer.code == "5.03" and answer.payload.startswith(b"RFC 8811 3.2.2")
    assert (coap.MAX_AGE, coap.number(120)) in answer.options
    assert peer.heartbeat("c").code == "2.04"
    assert peer.get("c", CUID).code == "4.04"
    drain(network, "off")
    assert peer.put("c", CUID, 1, scope).code == "2.01"
    drain(network, "force")
    assert peer.put("c", CUID, 1, scope).code == "2.04"
    assert peer.put("c", CUID, 2, cbor.scope("192.0.2.2/32")).code == "5.03"


def test_as_many_addresses_as_fit_a_datagram_and_a_drain_ends_with_the_daemon(network):
    """9132-7.3-01: an error has no blocks (RFC 7959 2.1)."""
    many = [f"2001:db8:6401:1234:5678:9abc:def0:{n:x}" for n in range(0x1000, 0x1080)]
    drain(network, "on", "--to", "alt-server.example", *(w for a in many for w in ("--address", a)))
    answer = network.peer.put("c", CUID, 1, cbor.scope("192.0.2.1/32"))
    assert answer.code == "5.03" and 900 < len(answer.payload) <= 1024
    told = answer.payload.count(b"2001:db8:")
    assert answer.payload.endswith(many[told - 1].encode())
    network.server.stop()
    network.server.start()
    network.connect("again")
    assert network.peer.put("again", CUID, 1, cbor.scope("192.0.2.1/32")).code == "2.01"


if __name__ == "__main__":
    tap.run(__file__)
