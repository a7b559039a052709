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


if __name__ == "__main__":
    tap.run(__file__)
