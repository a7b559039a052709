#!/usr/bin/python3
"""dotsd and dotsctl as an operator meets them: a server-only daemon with a dry-run mitigator, clients
that ask it over loopback, commands, exit codes, reload, restart.

DOTSD and DOTSCTL name the programs. Run as a program it prints TAP."""
import datetime
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
import tap  # noqa: E402
from ports import free_port  # noqa: E402

DOTSD, DOTSCTL = os.environ["DOTSD"], os.environ["DOTSCTL"]
PATIENCE = 60  # seconds; only a hang takes as long

SERVER = """instance: server
state: server-state
control: server.sock
events: server.json
listen: [{{address: 127.0.0.1, port: {port}}}]
clients:
  acme: {{psk: [{{identity: acme, file: a.psk}}], prefixes: [192.0.2.0/24, 198.51.100.0/24]}}
mitigators: [dry-run: {{}}]
mitigation: {{terminating: 0}}
"""
CLIENT = """instance: {name}
state: {name}-state
control: {name}.sock
events: {name}.json
domains:
  isp1:
    interface: lo
    prefixes: [192.0.2.0/24]
    servers: [{{name: dots.example, addresses: [127.0.0.1], port: {port}}}]
    credentials: {{psk-identity: acme, psk-file: a.psk}}
never-signal: [192.0.2.240/28]
hosts:
  www.example.com: [192.0.2.7, 192.0.2.8]
  far.example.com: [192.0.2.9, 203.0.113.9]
aliases:
  web: {{prefixes: [192.0.2.80], names: [www.example.com], ports: ['80', '8000-8080'], protocols: [6]}}
  site: {{names: ['https://www.example.com:8443/']}}
"""


def until(condition, what):
    end = time.monotonic() + PATIENCE
    while not (value := condition()):
        assert time.monotonic() < end, f"never happened: {what}"
        time.sleep(0.02)
    return value


class Daemon:
    def __init__(self, folder, name, config):
        self.folder, self.name = folder, name
        self.path = folder / f"{name}.yaml"
        self.socket = folder / f"{name}.sock"
        self.path.write_text(config)
        self.process = None

    def start(self):
        self.log = open(self.folder / f"{self.name}.log", "ab")
        self.process = subprocess.Popen([DOTSD, "--config", self.path], stderr=self.log)
        until(lambda: self.process.poll() is None and self.answers() or self.process.poll(), "start")
        assert self.process.poll() is None, (self.folder / f"{self.name}.log").read_text()
        return self

    def stop(self):
        if self.process:
            self.process.terminate()
            code = self.process.wait(PATIENCE)
            self.process = None
            self.log.close()
            return code

    def answers(self):
        return self.socket.exists() and self("status")[0] == 0

    def __call__(self, *words):
        """(exit status, reply) of dotsctl --json."""
        r = subprocess.run([DOTSCTL, "--socket", self.socket, "--json", *words], text=True,
                           capture_output=True, timeout=PATIENCE)
        return r.returncode, json.loads(r.stdout) if r.stdout else {"error": r.stderr}

    def text(self, *words):
        r = subprocess.run([DOTSCTL, "--socket", self.socket, *words], text=True, capture_output=True,
                           timeout=PATIENCE)
        return r.returncode, r.stdout, r.stderr

    def events(self, name):
        lines = (self.folder / f"{self.name}.json").read_text().splitlines()
        return [e for e in map(json.loads, lines) if e["event"] == name]

    def server(self):
        return self("sessions")[1]["upstream"][0]


@pytest.fixture(scope="module")
def folder():
    path = pathlib.Path(tempfile.mkdtemp(prefix="dotsd-control-"))
    path.chmod(0o755)
    (path / "a.psk").write_text("00112233445566778899aabbccddeeff\n")
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def server(folder):
    port = free_port()
    d = Daemon(folder, "server", SERVER.format(port=port))
    d.port = port
    yield d.start()
    assert d.stop() in (0, None)


@pytest.fixture
def client(folder, server):
    d = Daemon(folder, "client", CLIENT.format(name="client", port=server.port)).start()
    until(lambda: d.server()["state"] == "available", "session")
    yield d
    assert d.stop() in (0, None)
    shutil.rmtree(folder / "client-state")


@pytest.fixture
def lonely(folder):
    """Its server is not there."""
    d = Daemon(folder, "lonely", CLIENT.format(name="lonely", port=free_port())).start()
    yield d
    assert d.stop() in (0, None)
    shutil.rmtree(folder / "lonely-state")


class Raw:
    """A connection to the control socket without dotsctl."""

    def __init__(self, path):
        self.s = socket.socket(socket.AF_UNIX)
        self.s.settimeout(PATIENCE)
        self.s.connect(str(path))

    def send(self, text):
        data = text if isinstance(text, bytes) else json.dumps(text).encode()
        self.s.sendall(struct.pack("!I", len(data)) + data)

    def read(self, n):
        data = b""
        while len(data) < n:
            more = self.s.recv(n - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def receive(self):
        return json.loads(self.read(struct.unpack("!I", self.read(4))[0]))

    def ask(self, text):
        self.send(text)
        return self.receive()


def test_status_of_a_server(server):
    code, reply = server("status")
    assert code == 0 and reply["exit"] == 0
    assert reply["roles"] == ["server"] and reply["instance"] == "server"
    assert reply["store"] == {"state": "durable", "backlog": 0}
    assert reply["wishes"] == 0 and reply["alerts"] == []
    code, out, err = server.text("status")
    assert code == 0 and err == "" and re.search(r"^roles +server$", out, re.M)


def test_domains_of_a_client(client):
    code, reply = client("domains")
    domain, = reply["domains"]
    assert code == 0 and domain["name"] == "isp1" and domain["prefixes"] == ["192.0.2.0/24"]
    assert domain["servers"][0]["name"] == "dots.example"
    assert domain["servers"][0]["state"] == "available"
    assert domain["servers"][0]["credential"] == "psk:acme"
    out = client.text("domains")[1].splitlines()
    assert out[0].split() == ["DOMAIN", "INTERFACES", "PREFIXES", "PROTECTS", "RESOLVERS"]
    assert out[0].index("PREFIXES") == out[1].index("192.0.2.0/24")


def test_domains_by_family(client):
    """7556-2.5-03: only domains that have anything of it."""
    four, six = (client("domains", "--family", f)[1]["domains"] for f in "46")
    assert [d["prefixes"] for d in four] == [["192.0.2.0/24"]] and six == []
    code, _, err = client.text("domains", "--family", "5")
    assert code == 2 and "family is 5, expected 4 or 6" in err


def test_explain_tells_owner_and_section_and_sends_nothing(client, server):
    code, reply = client("explain", "192.0.2.7", "203.0.113.1", "192.0.2.241")
    parts = {p["target"]: p for p in reply["parts"]}
    assert code == 0
    assert parts["192.0.2.7/32"]["domain"] == "isp1" and parts["192.0.2.7/32"]["server"] == "dots.example"
    assert parts["203.0.113.1/32"]["state"] == "refused"
    assert parts["192.0.2.241/32"]["state"] == "refused"
    assert all(p["section"].startswith("RFC ") and p["reason"] for p in reply["parts"])
    assert client("list")[1]["wishes"] == [] and server("list")[1]["mitigations"] == []
    assert "would be sent" in client.text("explain", "192.0.2.7")[1]


def test_explain_tells_addresses_of_names_and_who_is_told(client, server):
    code, reply = client("explain", "https://www.example.com/", "far.example.com")
    www, far = reply["names"]
    assert code == 0 and {p["target"] for p in reply["parts"]} == {
        "192.0.2.7/32", "192.0.2.8/32", "192.0.2.9/32", "203.0.113.9/32"}
    assert www["state"] == "known" and www["addresses"] == ["192.0.2.7/32", "192.0.2.8/32"]
    told, = www["servers"]
    assert told["server"] == "dots.example" and told["domain"] == "isp1" and told["told"] is True
    assert told["section"] == "RFC 9284 6" and told["reason"] == "all its addresses belong to isp1"
    assert far["servers"][0]["told"] is False
    assert "203.0.113.9/32 does not belong to isp1" in far["servers"][0]["reason"]
    out = client.text("explain", "www.example.com")[1]
    assert "would be sent" in out and "www.example.com  192.0.2.7/32,192.0.2.8/32" in out
    assert client("list")[1]["wishes"] == [] and server("list")[1]["mitigations"] == []


def test_a_name_is_mitigated_by_its_addresses(client, server):
    """The server looks up no names: it is asked for the addresses alone."""
    code, reply = client("mitigate", "www.example.com", "--wait", str(PATIENCE))
    assert code == 0 and [p["state"] for p in reply["parts"]] == ["placed", "placed"]
    assert "told" not in reply["parts"][0]
    mitigation, = server("list")[1]["mitigations"]
    assert mitigation["targets"] == ["192.0.2.7/32", "192.0.2.8/32"]
    wish = client("show", reply["id"])[1]["wish"]
    assert wish["names"] == [{"name": "www.example.com", "state": "known",
                              "addresses": ["192.0.2.7/32", "192.0.2.8/32"]}]
    assert "\nname www.example.com\n" in client.text("list")[1]
    shared = client.events("shared")
    assert [e["names"] for e in shared[-2:]] == [1, 0] and shared[-2]["told"] == "www.example.com"
    assert client("withdraw", reply["id"])[0] == 0
    until(lambda: server("list")[1]["mitigations"] == [], "withdrawal")


def test_an_alias_is_asked_for_as_what_it_stands_for(client, server):
    """8612-SIG-008-04, 8811-3.3.1-02: its name goes to nobody."""
    code, reply = client("mitigate", "alias:web", "--port", "53", "--wait", str(PATIENCE))
    assert code == 0
    mitigation, = server("list")[1]["mitigations"]
    assert mitigation["targets"] == ["192.0.2.7/32", "192.0.2.8/32", "192.0.2.80/32"]
    assert sorted(mitigation["ports"]) == ["53", "80", "8000-8080"]
    assert mitigation["protocols"] == [6] and "aliases" not in mitigation
    assert client("withdraw", reply["id"])[0] == 0
    code, reply = client("explain", "alias:web", "192.0.2.9")
    assert code == 0 and {p["target"] for p in reply["parts"]} == {
        "192.0.2.7/32", "192.0.2.8/32", "192.0.2.9/32", "192.0.2.80/32"}
    code, reply = client("mitigate", "alias:mail")
    assert code == 2 and "mail is no alias, expected one of `aliases`" in reply["error"]
    until(lambda: server("list")[1]["mitigations"] == [], "withdrawal")


def test_a_uri_in_an_alias_of_our_own_is_asked_for_whole(client, server):
    """Neither its port nor the protocols of its scheme narrow what is asked for."""
    code, reply = client("mitigate", "alias:site", "--wait", str(PATIENCE))
    assert code == 0
    mitigation, = server("list")[1]["mitigations"]
    assert mitigation["targets"] == ["192.0.2.7/32", "192.0.2.8/32"]
    assert not mitigation.get("ports") and not mitigation.get("protocols")
    assert client("withdraw", reply["id"])[0] == 0
    until(lambda: server("list")[1]["mitigations"] == [], "withdrawal")


def test_a_name_that_nobody_may_be_asked_for_is_refused(client):
    for command in "mitigate", "explain":
        code, reply = client(command, "other.example.com")
        part, = reply["parts"]
        assert code == 1 and "id" not in reply and "target-resolver" in reply["error"]
        assert part["target"] == "other.example.com" and part["state"] == "refused"
        assert part["section"] == "RFC 9284 6" and "hosts" in part["reason"]
    assert client("list")[1]["wishes"] == []
    code, reply = client("mitigate", "http://203.0.113.9/")
    assert code == 1 and reply["parts"][0]["section"] == "RFC 9284 5.1"


def test_names_are_limited(client):
    many = [f"https://www.example.com/{i}" for i in range(257)]
    raw = Raw(client.socket)
    reply = raw.ask({"command": "mitigate", "targets": many})
    assert reply["exit"] == 2 and "more than 256 targets are names" in reply["error"]
    assert raw.ask({"command": "explain", "targets": many[:256]})["exit"] == 0

def why(reply, target):
    part, = (p for p in reply["parts"] if p["target"] == target)
    return {w["what"]: (w["is"], w["section"], w["reason"]) for w in part["why"]}


def test_explain_tells_the_way_to_the_server_and_the_rule_of_each_choice(client):
    """9284-5.1-05, 9284-5.1-06: domain, its link, an address of it, its credentials."""
    reply = client("explain", "192.0.2.7", "203.0.113.1")[1]
    way = why(reply, "192.0.2.7/32")
    assert list(way) == ["domain", "server", "interface", "source", "credential", "session"]
    assert way["domain"][:2] == ("isp1", "RFC 9284 5.1")
    assert way["server"] == ("dots.example", "RFC 8973 4", "configured")
    assert way["interface"] == ("lo", "RFC 9284 5.1", "")
    assert way["source"][0] == "127.0.0.1"  # and the only one, if the machine's loopback has no other
    assert way["source"][1] in ("RFC 9284 5.1", "RFC 6724 5 rule 1")
    assert way["credential"] == ("psk:acme", "RFC 9284 5.1", "")
    assert way["session"] == ("available", "RFC 9132 4.7", "")
    assert list(why(reply, "203.0.113.1/32")) == ["refusal"]
    code, out, err = client.text("explain", "192.0.2.7", "203.0.113.1")
    lines = out.split("\nWHY\n")[1].splitlines()
    assert lines[0].split() == ["TARGET", "WHAT", "IS", "SECTION", "REASON"] and len(lines) == 1 + 6
    assert lines[4].split()[:4] == ["192.0.2.7/32", "source", "127.0.0.1", "RFC"]


def test_explain_without_a_session_tells_what_would_be_tried(lonely):
    way = why(lonely("explain", "192.0.2.7")[1], "192.0.2.7/32")
    assert way["source"][0] == "127.0.0.1" and way["session"][0] != "available"


def test_a_server_only_daemon_asks_nobody(server):
    for words in (["explain", "192.0.2.1"], ["mitigate", "192.0.2.1"], ["withdraw", "w1"]):
        code, reply = server(*words)
        assert code == 1 and "neither `domains` nor `gateways`" in reply["error"]


# 9284-1-01, 8811-1.3-04, 8811-2-01, 8811-2.2.2-03, 8811-3.3-01, 8811-3.3-02, 8811-3.3.1-01, 8811-3.3.2-01,
# 8811-3.3.2-09, 8612-2-02, 8612-SIG-008-05, 8612-SIG-008-08
def test_mitigate_show_refresh_withdraw(client, server):
    code, reply = client("mitigate", "192.0.2.7", "--port", "80", "--port", "8000-8080", "--protocol", "udp",
                         "--lifetime", "600", "--id", "flood", "--asker", "alarm:test", "--wait", str(PATIENCE))
    assert code == 0 and reply["id"] == "flood"
    assert [p["state"] for p in reply["parts"]] == ["placed"]
    mitigation, = server("list")[1]["mitigations"]
    assert mitigation["client"] == "acme" and mitigation["targets"] == ["192.0.2.7/32"]
    assert mitigation["ports"] == ["80", "8000-8080"] and mitigation["protocols"] == [17]
    assert 0 < mitigation["lifetime"] <= 600
    code, reply = client("show", "flood")
    assert code == 0 and reply["wish"]["asker"] == "alarm:test" and reply["wish"]["ports"] == ["80", "8000-8080"]
    assert server("show", str(mitigation["id"]))[1]["mitigation"]["mid"] == mitigation["mid"]
    code, reply = server("escalate", str(mitigation["id"]))
    assert code == 1 and "does not ask upstream" in reply["error"]
    assert client("refresh", "flood")[0] == 0
    assert client("withdraw", "flood")[0] == 0
    until(lambda: server("list")[1]["mitigations"] == [], "withdrawal")
    until(lambda: client("list")[1]["wishes"] == [], "release")


# 8612-SIG-009-01, 8811-2-11
def test_a_provider_is_told_how_effective_it_is(client, server):
    assert client("mitigate", "192.0.2.7", "--id", "flood", "--wait", str(PATIENCE))[0] == 0
    taken = len([e for e in server.events("put-mitigate") if e["code"] == "2.04"])
    assert client("refresh", "flood", "--attack-status", "under-attack")[0] == 0
    until(lambda: len([e for e in server.events("put-mitigate") if e["code"] == "2.04"]) > taken, "taken")
    assert [e["kind"] for e in client.events("sent")][-2:] == ["request", "efficacy"]
    code, reply = client("refresh", "flood", "--attack-status", "fine")
    assert code == 2 and "attack-status is fine, expected under-attack or attack-succ" in reply["error"]
    assert client("withdraw", "flood")[0] == 0
    until(lambda: server("list")[1]["mitigations"] == [], "withdrawal")


# 8612-SIG-002-01, 9132-7.3-06
def test_more_targets_than_a_datagram_holds_are_several_requests(client, server):
    def held():
        mitigations = server("list")[1]["mitigations"]
        return len(mitigations), {t for m in mitigations for t in m["targets"]}

    def ask(wish, targets):
        code, reply = client("mitigate", *targets, "--id", wish, "--wait", str(PATIENCE))
        assert code == 0 and {p["state"] for p in reply["parts"]} == {"placed"}
        assert {p["target"] for p in reply["parts"]} == {t + "/32" for t in targets}

    even, odd = ([f"192.0.2.{i}" for i in range(first, 240, 2)] for first in (0, 1))
    ask("even", even)
    n, targets = held()
    assert n > 1 and targets == {t + "/32" for t in even}
    ask("odd", [even[0], *odd])  # one of them is wanted twice
    assert held()[1] == {t + "/32" for t in even + odd}
    assert client("refresh", "odd")[0] == 0
    assert client("withdraw", "even")[0] == 0
    until(lambda: {t + "/32" for t in [even[0], *odd]} <= held()[1] and
          held()[1].isdisjoint(t + "/32" for t in even[70:]), "withdrawal of what nobody else wants")
    assert client("withdraw", "odd")[0] == 0
    until(lambda: held() == (0, set()), "withdrawal of all")
    until(lambda: client("list")[1]["wishes"] == [], "release")
    assert not [e for e in client.events("alert") if e.get("section") == "RFC 9132 7.3"]


def test_foreign_targets_are_refused_and_nothing_is_sent(client, server):
    code, reply = client("mitigate", "203.0.113.1")
    assert code == 1 and reply["parts"][0]["state"] == "refused" and "id" not in reply
    assert server("list")[1]["mitigations"] == []
    code, out, err = client.text("mitigate", "203.0.113.1")
    assert code == 1 and "refused" in out and "RFC 9284" in out


def test_unknown_ids_are_refused(client, server):
    for words in (["show", "w77"], ["refresh", "w77"], ["withdraw", "w77"], ["escalate", "w77"]):
        code, reply = client(*words)
        assert code == 1 and "w77" in reply["error"]
    assert server("show", "w1")[0] == 1 and server("show", "0")[0] == 1


def test_without_an_association_it_is_pending(lonely):
    code, reply = lonely("mitigate", "192.0.2.7", "--wait", "0")
    assert code == 4 and reply["parts"][0]["state"] == "pending"
    assert lonely("status")[1]["alerts"]
    assert lonely("withdraw", reply["id"])[0] == 0


def test_what_is_asked_for_survives_a_restart(lonely):
    wish = lonely("mitigate", "192.0.2.7", "--wait", "0")[1]["id"]
    assert lonely.stop() == 0
    assert not lonely.socket.exists()
    lonely.start()
    assert [w["id"] for w in lonely("list")[1]["wishes"]] == [wish]


# 9132-4.4.2-41: it stands and waits, and the provider does nothing.
def test_a_request_may_wait_for_loss_of_signal(client, server):
    started = len(server.events("mitigation-started"))
    code, reply = client("mitigate", "192.0.2.7", "--on-loss", "--wait", str(PATIENCE))
    assert code == 0 and reply["parts"][0]["status"] == "attack-mitigation-signal-loss"
    assert client("show", reply["id"])[1]["wish"]["on_loss"] is True
    assert "for loss of signal" in client.text("list")[1]
    there = [m for m in server("list")[1]["mitigations"] if m["on_loss"]]
    assert [m["targets"] for m in there] == [["192.0.2.7/32"]] and not there[0]["active"]
    assert len(server.events("mitigation-started")) == started
    client("withdraw", reply["id"])
    until(lambda: not server("list")[1]["mitigations"], "withdrawal")


def test_what_the_file_wants_for_loss_of_signal_stands(client, server):
    def targets():
        return sorted(m["targets"][0] for m in server("list")[1]["mitigations"] if m["on_loss"])

    good = client.path.read_text()
    client.path.write_text(good + "preconfigured: [192.0.2.64/26, 192.0.2.7/32]\n")
    assert client("reload")[0] == 0
    until(lambda: targets() == ["192.0.2.64/26", "192.0.2.7/32"], "requests of the file")
    assert [w["asker"] for w in client("list")[1]["wishes"]] == ["file", "file"]
    code, reply = client("mitigate", "192.0.2.9", "--id", "file:192.0.2.9/32")
    assert code == 2 and "those of `preconfigured` begin like that" in reply["error"]
    client.path.write_text(good + "preconfigured: [192.0.2.7/32, 203.0.113.1/32]\n")
    assert client("reload")[0] == 0  # one goes, one stays, one is nobody's
    until(lambda: targets() == ["192.0.2.7/32"], "withdrawal of one")
    assert any(e.get("target") == "203.0.113.1/32" for e in client.events("alert"))
    assert client.stop() == 0
    client.start()
    until(lambda: client.server()["state"] == "available", "session")
    assert targets() == ["192.0.2.7/32"] and len(client("list")[1]["wishes"]) == 1
    client.path.write_text(good)
    assert client("reload")[0] == 0
    until(lambda: not server("list")[1]["mitigations"], "withdrawal of the other")


@pytest.mark.parametrize("request_, text", [
    ({"command": "dance"}, "unknown command dance"),
    ({}, "unknown command"),
    ({"command": "status", "loud": True}, "status does not take loud"),
    ({"command": "mitigate"}, "mitigate: targets is missing, expected a list of 1 to 4096 texts"),
    ({"command": "mitigate", "targets": []}, "targets is wrong"),
    ({"command": "mitigate", "targets": ["192.0.2.1"], "wait": 10**15}, "wait is wrong, expected a whole number"),
    ({"command": "mitigate", "targets": ["192.0.2.1"], "lifetime": "long"}, "lifetime is wrong"),
    ({"command": "mitigate", "targets": ["192.0.2.1"], "on-loss": 1}, "on-loss is wrong, expected true or false"),
    ({"command": "mitigate", "targets": ["here"]}, "target here is no address or prefix"),
    ({"command": "mitigate", "targets": ["192.0.2.300"]}, "target 192.0.2.300 is no address or prefix"),
    ({"command": "mitigate", "targets": ["https://me@www.example.com/"]}, "tells of a user"),
    ({"command": "mitigate", "targets": ["127.0.0.1"]}, "RFC 9132 4.4.1.1"),
    ({"command": "mitigate", "targets": ["192.0.2.1"], "ports": ["9-1"]}, "port 9-1, expected P or P-Q"),
    ({"command": "mitigate", "targets": ["192.0.2.1"], "protocols": [256]}, "protocol 256, expected a number"),
    ({"command": "drain"}, "drain: action is missing"),
    ({"command": "drain", "action": "on", "ttl": 0}, "ttl is wrong, expected a whole number from 1 to 4294967295"),
    ({"command": "drain", "action": "on", "addresses": ["192.0.2.1"] * 129}, "expected a list of 0 to 128 texts"),
    ({"command": "show", "id": 7}, "id is wrong, expected a text"),
    (b"[1]", "not a JSON object"),
    (b'{"command":"status","command":"list"}', "not a JSON object"),
    (b"\xff\x00", "not a JSON object"),
])
# 9284-5.1-23, 8811-3.2.5.4-01, 8612-SIG-008-08, 9132-4.4.1.1-35
def test_wrong_requests_are_usage(lonely, request_, text):
    reply = Raw(lonely.socket).ask(request_)
    assert reply["exit"] == 2 and text in reply["error"]


@pytest.mark.parametrize("words, text", [
    (["soon"], "soon is no action, expected on, force or off"),
    (["on", "--address", "192.0.2.1"], "drain: addresses are those of a server that `to` names"),
    (["on", "--to", "dots b"], "drain: dots b is no domain name (RFC 9132 4.6)"),
    (["on", "--to", "192.0.2.1"], "drain: 192.0.2.1 is no domain name (RFC 9132 4.6)"),
    (["on", "--to", "b.example", "--address", "192.0.2"], "drain: 192.0.2 is no address"),
])
def test_what_drain_does_not_take(server, words, text):
    code, reply = server("drain", *words)
    assert code == 2 and reply["error"] == text
    assert "drain" not in server("status")[1]


def test_a_drain_is_told_and_who_serves_nobody_has_none(server, lonely):
    assert server("drain", "force", "--to", "b.example", "--address", "192.0.2.1")[0] == 0
    assert server("status")[1]["drain"] == {"state": "force", "to": "b.example", "ttl": 3600, "deferred": 0}
    assert re.search(r"^drain +force, to b.example, 0 clients deferred$", server.text("status")[1], re.M)
    assert server("drain", "off")[0] == 0
    assert "drain" not in server("status")[1]
    code, reply = lonely("drain", "on")
    assert code == 1 and "serves nobody" in reply["error"]


def test_one_command_at_a_time_and_a_connection_may_go(lonely):
    raw = Raw(lonely.socket)
    raw.send({"command": "mitigate", "targets": ["192.0.2.9"], "wait": 3600})
    assert raw.ask({"command": "status"})["exit"] == 2
    raw.s.close()
    assert lonely("status")[0] == 0


def test_connections_and_frames_are_bounded(server):
    crowd = []
    for _ in range(33):
        crowd.append(Raw(server.socket))
        assert crowd[-1].ask({"command": "status"})["exit"] == 0
    with pytest.raises((EOFError, ConnectionError)):  # the one that was idle longest made room
        crowd[0].receive()
    for raw in crowd:
        raw.s.close()
    large = Raw(server.socket)
    large.s.sendall(struct.pack("!I", 1024 * 1024 + 1))
    with pytest.raises((EOFError, OSError)):
        large.receive()
    assert server("status")[0] == 0


# 8811-3.3.1-01
def test_words_of_dotsctl(server, folder):
    def run(*words):
        r = subprocess.run([DOTSCTL, *words], text=True, capture_output=True, timeout=PATIENCE)
        return r.returncode, r.stdout, r.stderr

    assert run()[0] == 2 and run("dance")[0] == 2 and run("--loud", "status")[0] == 2
    assert run("show")[0] == 2 and run("show", "a", "b")[0] == 2
    assert run("mitigate", "192.0.2.1", "--wait")[0] == 2
    assert run("mitigate", "--on-loss")[0] == 2
    assert run("mitigate", "192.0.2.1", "--wait", "soon")[0] == 2
    assert "unknown protocol" in run("mitigate", "192.0.2.1", "--protocol", "carrier-pigeon")[2]
    assert run("--help")[0] == 0
    code, out, _ = run("mitigate", "--help")
    assert code == 0 and "--lifetime" in out
    code, _, err = run("--socket", str(folder / "nowhere.sock"), "status")
    assert code == 3 and f"cannot reach dotsd at {folder}/nowhere.sock" in err
    dead = folder / "dead.sock"
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(dead))
    code, _, err = run("--socket", str(dead), "status")
    assert code == 3 and f"cannot reach dotsd at {dead}: connection refused. Is it running?" in err


def test_reload_is_all_or_nothing_and_keeps_sessions(client):
    good, port = client.path.read_text(), client.server()["local"]
    client.path.write_text(good + "flowers: 1\n")
    client.process.send_signal(signal.SIGHUP)
    refused = until(lambda: client.events("config-refused"), "refusal")
    assert 'unknown key "flowers"' in refused[0]["reason"]
    code, reply = client("reload")
    assert code == 1 and f"{client.path}:" in reply["error"]
    client.path.write_text(good.replace("instance: client", "instance: other"))
    code, reply = client("reload")
    assert code == 1 and "only with a restart" in reply["error"]
    assert client("domains")[1]["domains"][0]["prefixes"] == ["192.0.2.0/24"]
    client.path.write_text(good.replace("[192.0.2.0/24]", "[192.0.2.0/24, 198.51.100.0/24]"))
    assert client("reload")[0] == 0
    assert client("domains")[1]["domains"][0]["prefixes"] == ["192.0.2.0/24", "198.51.100.0/24"]
    assert client.server()["local"] == port and client.server()["state"] == "available"
    code, reply = client("mitigate", "198.51.100.1", "--wait", str(PATIENCE))
    assert code == 0
    client("withdraw", reply["id"])


def test_a_server_is_reached_over_the_transport_that_is_configured(client, server):
    def transports(d, kind):
        return [s["transport"] for s in d("sessions")[1][kind]]

    assert transports(client, "upstream") == ["udp"] == transports(server, "clients")
    good = client.path.read_text()
    client.path.write_text(good.replace("port:", "transport: tcp, port:"))
    assert client("reload")[0] == 0
    until(lambda: client.server()["state"] == "available", "session over TCP")
    assert client.server()["transport"] == "tcp"
    assert client("domains")[1]["domains"][0]["servers"][0]["transport"] == "tcp"
    until(lambda: transports(server, "clients") == ["tcp"], "one session, over TCP")
    for d in (client, server):
        assert [e["transport"] for e in d.events("session-up")][-2:] == ["udp", "tcp"]
    for d in (client, server):
        head, row = d.text("sessions")[1].splitlines()[-2:]
        assert row[head.index("BY"):].startswith("tcp")
    code, reply = client("mitigate", "192.0.2.9", "--wait", str(PATIENCE))
    assert code == 0
    assert client("withdraw", reply["id"])[0] in (0, 4)
    until(lambda: not client("list")[1]["wishes"], "withdrawal over TCP")


def test_over_any_transport_the_first_that_is_up_is_kept(client, server):
    """9132-4.3-06: UDP, as long as the server is reached by it."""
    client.path.write_text(client.path.read_text().replace("port:", "transport: any, port:"))
    assert client("reload")[0] == 0
    until(lambda: client.server()["state"] == "available", "session")
    assert client.server()["transport"] == "udp"
    assert [e["transport"] for e in client.events("session-up")][-2:] == ["udp", "udp"]


def test_a_provider_that_is_removed_is_told_that_a_request_is_over(client, server):
    """M17: over the session of before; what it protected is nobody's now."""
    code, reply = client("mitigate", "192.0.2.9", "--wait", str(PATIENCE))
    assert code == 0
    assert server("list")[1]["mitigations"]
    good = client.path.read_text()
    begin, end = good.index("  isp1:"), good.index("never-signal:")
    client.path.write_text(f"{good[:begin]}  isp2: {{prefixes: [198.51.100.0/24]}}\n{good[end:]}")
    attempts = len(client.events("session-attempt"))
    assert client("reload")[0] == 0
    until(lambda: not server("list")[1]["mitigations"], "withdrawal")
    until(lambda: not server("sessions")[1]["clients"], "end of the session")
    assert client.events("withdrawn")[-1]["server"] == "dots.example"
    assert len(client.events("session-attempt")) == attempts
    assert client("show", reply["id"])[1]["wish"]["parts"][0]["state"] == "refused"


def test_strangers_do_not_fill_the_log(server):
    """Connections that say nothing: ten a second are told of, the others are counted."""
    before = len(server.events("session-refused"))
    knocks = 0

    def knock():
        nonlocal knocks
        socket.create_connection(("127.0.0.1", server.port)).close()
        knocks += 1
        return server.events("session-refused")[before:]

    for _ in range(200):
        knock()
    told = until(lambda: (e := knock()) and "untold" in e[-1] and e, "the sum of the others")
    moments = [datetime.datetime.fromisoformat(e["time"][:23]) for e in told]
    # No more than ten in a second that begins with the first of them, so a whole one between these.
    assert all((b - a).total_seconds() > 0.9 for a, b in zip(moments, moments[20:]))
    assert len(told) < len(told) + sum(int(e.get("untold", 0)) for e in told) <= knocks


def test_a_wrong_configuration_ends_with_78(folder):
    bad, good = folder / "bad.yaml", folder / "server.yaml"
    bad.write_text("domains:\n  isp1:\n    interfase: wan1\n")
    for option in ("--check", "--config"):
        r = subprocess.run([DOTSD, option, bad], text=True, capture_output=True, timeout=PATIENCE)
        assert r.returncode == 78
        assert f'{bad}:3:5: unknown key "interfase" in domains isp1, expected perhaps "interface"' in r.stderr
    r = subprocess.run([DOTSD, "--check", good], text=True, capture_output=True, timeout=PATIENCE)
    assert r.returncode == 0 and r.stderr == ""
    assert subprocess.run([DOTSD, "--dance"], capture_output=True).returncode == 2
    assert subprocess.run([DOTSD, "--version"], capture_output=True).stdout.startswith(b"dotsd ")


def test_a_second_start_disturbs_nobody(server, folder):
    r = subprocess.run([DOTSD, "--config", server.path], text=True, capture_output=True, timeout=PATIENCE)
    assert r.returncode == 1
    assert f"cannot listen on {server.socket}: Address already in use" in r.stderr
    assert server("status")[0] == 0


def test_what_cannot_start_now_ends_with_1(server, folder):
    text = server.path.read_text().replace("server-state", "nowhere/at/all").replace("server.", "third.")
    (folder / "third.yaml").write_text(text)
    r = subprocess.run([DOTSD, "--config", folder / "third.yaml"], text=True, capture_output=True,
                       timeout=PATIENCE)
    assert r.returncode == 1 and "nowhere/at/all: cannot be made: No such file or directory" in r.stderr


# 8811-5-04
def test_what_is_kept_is_not_for_others(server):
    server("mitigate", "192.0.2.7")
    state = server.folder / "server-state"
    assert (state / "dotsd.db").exists() and state.stat().st_mode & 0o007 == 0
    assert server.socket.stat().st_mode & 0o007 == 0


# 8811-5-10
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_privileges_are_dropped(folder):
    d = Daemon(folder, "dropped", CLIENT.format(name="dropped", port=free_port()) + "user: nobody\n").start()
    status = pathlib.Path(f"/proc/{d.process.pid}/status").read_text()
    ids = dict(line.split(":\t", 1) for line in status.splitlines())
    assert "0" not in ids["Uid"].split() + ids["Gid"].split()
    assert ids["NoNewPrivs"] == "1" and int(ids["CapEff"], 16) == 0 and ids["Groups"].strip() in ("", "65534")
    assert d("mitigate", "192.0.2.7", "--wait", "0")[0] == 4
    assert d("status")[1]["store"]["state"] == "durable"
    assert d.stop() == 0


if __name__ == "__main__":
    tap.run(__file__)
