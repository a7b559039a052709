#!/usr/bin/python3
"""Names and aliases in requests of an independent client, at a daemon that asks a resolver on this host.

DOTSD, DOTSCTL and PEER name the programs. Run as a program it prints TAP."""
import os
import pathlib
import shutil
import socket
import struct
import sys
import tempfile
import threading

import pytest

TESTS = pathlib.Path(__file__).resolve().parents[2]
sys.path += [str(TESTS), str(TESTS / "torture")]

import tap  # noqa: E402
from rig import cbor  # noqa: E402
from rig.loopback import Daemon, free_port  # noqa: E402
from rig.peer import Peer  # noqa: E402

KEY = "00112233445566778899aabbccddeeff"
CUID = "dz6pHjaADkaFTbjr0JGBpw"
SERVER = """instance: server
state: server-state
control: server.sock
events: server.json
listen: [{{address: 127.0.0.1, port: {port}}}]
names: {{resolver: '127.0.0.1:{resolver}', encrypted: yes, validates: yes}}
clients:
  c:
    psk: [{{identity: c, file: key}}]
    prefixes: [192.0.2.0/24]
    limits: {{names: 2}}
    aliases: {{web: {{prefixes: [192.0.2.80], ports: ['8080']}}}}
mitigators: [dry-run: {{}}]
mitigation: {{terminating: 0}}
"""
HEADER, A, IN, TTL, ANSWER, NXDOMAIN = 12, 1, 1, 60, 0x8180, 0x8183


class Resolver(threading.Thread):
    """Answers what is in `zone` (name -> IPv4 address), and says of all else that it does not exist."""

    def __init__(self):
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port, self.zone, self.asked = self.socket.getsockname()[1], {}, []

    def run(self):
        while True:
            query, peer = self.socket.recvfrom(512)
            if not query:
                return
            self.socket.sendto(self.answer(query), peer)

    def answer(self, query):
        labels, at = [], HEADER
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode())
            at += 1 + query[at]
        name, (kind, _) = ".".join(labels), struct.unpack("!HH", query[at + 1:at + 5])
        self.asked.append(name)
        found = self.zone.get(name) if kind == A else None
        head = query[:2] + struct.pack("!HHHHH", ANSWER if name in self.zone else NXDOMAIN, 1, bool(found), 0, 0)
        record = struct.pack("!HHHIH", 0xC000 | HEADER, A, IN, TTL, 4) + socket.inet_aton(found) if found else b""
        return head + query[HEADER:at + 5] + record

    def stop(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.sendto(b"", ("127.0.0.1", self.port))
        self.join()
        self.socket.close()


class Network:
    def __init__(self, folder):
        port = free_port()
        self.resolver = Resolver()
        self.resolver.start()
        self.server = Daemon(folder, "server", SERVER.format(port=port, resolver=self.resolver.port))
        self.peer = Peer([os.environ["PEER"]])
        self.peer.psk("c", "127.0.0.1", port, "c", KEY)
        self.peer.up("c")

    def put(self, mid, **keys):
        entry = {getattr(cbor, k): v for k, v in keys.items()} | {cbor.LIFETIME: 3600}
        return self.peer.put("c", CUID, mid, cbor.encode({cbor.MITIGATION_SCOPE: {cbor.SCOPE: [entry]}}))


@pytest.fixture
def network():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="dotsd-naming-"))
    (folder / "key").write_text(KEY + "\n")
    n = Network(folder)
    yield n
    n.peer.stop()
    n.server.stop()
    n.resolver.stop()
    shutil.rmtree(folder)


def test_names_are_looked_up_and_told_back(network):
    """9132-4.4.1.1-45, 9132-4.4.1.1-51, 9132-4.4.1.1-72: by the resolver that is configured."""
    network.resolver.zone["www.example.com"] = "192.0.2.7"
    assert network.put(1, TARGET_FQDN=["www.example.com"], TARGET_URI=["https://192.0.2.9:8443/"]).code == "2.01"
    mitigation, = network.server.list("mitigations")
    assert sorted(mitigation["targets"]) == ["192.0.2.7/32", "192.0.2.9/32"]
    assert [n["name"] for n in mitigation["names"]] == ["www.example.com", "https://192.0.2.9:8443/"]
    told = network.peer.get("c", CUID, 1)
    assert told.code == "2.05" and b"www.example.com" in told.payload and b"192.0.2.7" not in told.payload
    assert set(network.resolver.asked) == {"www.example.com"}


def test_what_a_name_stands_for_is_checked(network):
    """9132-4.4.1.1-47, 9132-4.4.1.1-52"""
    network.resolver.zone |= {"far.example.com": "198.51.100.7", "here.example.com": "127.0.0.1"}
    for mid, keys, why in ((1, {"TARGET_FQDN": ["far.example.com"]}, b"198.51.100.7/32"),
                           (2, {"TARGET_URI": ["https://here.example.com/"]}, b"127.0.0.1/32"),
                           (3, {"TARGET_FQDN": ["none.example.com"]}, b"none.example.com has no address"),
                           (4, {"TARGET_FQDN": ["com"]}, b"target-fqdn: com is no fully qualified"),
                           (5, {"TARGET_FQDN": ["a.b.cc", "d.e.ff", "g.h.ii"]}, b"more names than the 2"),
                           (6, {"ALIAS_NAME": ["mail"]}, b"alias-name mail was not created")):
        answer = network.put(mid, **keys)
        assert answer.code == "4.00" and why in answer.payload, answer
    assert network.server.list("mitigations") == []


def test_an_alias_is_appended(network):
    """9132-4.4.1.1-54, 9132-4.4.1.3-04"""
    assert network.put(1, ALIAS_NAME=["web"], TARGET_PREFIX=["192.0.2.1/32"],
                       TARGET_PORT_RANGE=[{cbor.LOWER_PORT: 53}]).code == "2.01"
    mitigation, = network.server.list("mitigations")
    assert mitigation["targets"] == ["192.0.2.1/32", "192.0.2.80/32"] and mitigation["ports"] == ["53", "8080"]
    assert mitigation["aliases"] == ["web"]
    told = network.peer.get("c", CUID, 1)
    assert b"web" in told.payload and b"192.0.2.80" not in told.payload


if __name__ == "__main__":
    tap.run(__file__)
