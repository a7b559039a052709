#!/usr/bin/python3
"""What is told about domains at run time (dotsctl domain): servers, prefixes, their expiry, restarts.

DOTSD and DOTSCTL name the programs. Run as a program it prints TAP."""
import pathlib
import shutil
import sys
import tempfile

import pytest

from control_test import PATIENCE, SERVER, Daemon, free_port, until

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
import tap  # noqa: E402

CLIENT = """instance: client
state: client-state
control: client.sock
events: client.json
domains:
  isp1:
    interface: lo
    credentials: {psk-identity: acme, psk-file: a.psk}
    trusted-names: [dots.example, "*.isp1.example"]
  isp2: {prefixes: [198.51.100.0/24]}
"""


@pytest.fixture
def folder():
    path = pathlib.Path(tempfile.mkdtemp(prefix="dotsd-learned-"))
    path.chmod(0o755)
    (path / "a.psk").write_text("00112233445566778899aabbccddeeff\n")
    yield path
    shutil.rmtree(path)


@pytest.fixture
def server(folder):
    port = free_port()
    d = Daemon(folder, "server", SERVER.format(port=port))
    d.port = port
    yield d.start()
    assert d.stop() in (0, None)


@pytest.fixture
def client(folder):
    d = Daemon(folder, "client", CLIENT).start()
    yield d
    assert d.stop() in (0, None)


def servers(client):
    return {s["name"]: s for s in client("sessions")[1]["upstream"]}


def learned(client):
    return [(f["domain"], f["kind"], f["value"], f["source"]) for f in client("domains")[1]["learned"]]


def ask(client, target):
    return client("mitigate", target, "--wait", str(PATIENCE))


# 9284-4.1-10
def test_a_server_that_is_set_is_used_and_one_unset_is_left(client, server):
    assert client("domain", "isp1", "set", "prefix", "192.0.2.0/24")[0] == 0
    assert client("explain", "192.0.2.7")[1]["parts"][0]["domain"] == "isp1"
    # Loopback addresses are no servers' (RFC 8973 5.1.3); the name is looked up nowhere.
    code, reply = client("domain", "isp1", "set", "server", "dots.example@127.0.0.1")
    assert code == 2 and "RFC 8973 5.1.3" in reply["error"]
    assert client("domain", "isp1", "set", "server", "dots.example", "--port", str(server.port))[0] == 0
    s = servers(client)["dots.example"]
    assert s["learned"] == "operator" and s["domain"] == "isp1"
    assert client("domain", "isp1", "unset", "server", "dots.example")[0] == 0
    assert servers(client) == {} and learned(client) == [("isp1", "prefix", "192.0.2.0/24", "operator")]
    assert client("domain", "isp1", "unset", "prefix", "192.0.2.0/24")[0] == 0
    assert client("explain", "192.0.2.7")[1]["parts"][0]["state"] == "refused"


# 9284-5.1-26: whoever else provisions a link (a mobile network's options, say) tells the server and its link.
def test_a_server_is_told_with_its_interface(client):
    client.path.write_text(client.path.read_text().replace("interface: lo", "interfaces: [lo, wan2]"))
    assert client("reload")[0] == 0
    assert client("domain", "isp1", "set", "server", "dots.example@192.0.2.9", "--interface", "wan2")[0] == 0
    fact, = client("domains")[1]["learned"]
    assert (fact["value"], fact["interface"]) == ("dots.example@192.0.2.9", "wan2")
    s, = servers(client).values()
    assert s["state"] == "link down" and "wan2" in s["reason"]  # and not over the link that is there
    client.process.kill()
    client.process.wait()
    client.start()
    s, = servers(client).values()
    assert s["state"] == "link down" and "wan2" in s["reason"]


def test_the_text_tells_where_a_server_was_learned(client):
    client("domain", "isp1", "set", "server", "dots.example@192.0.2.9", "--source", "dhcp", "--expires", "600")
    out = client.text("domains")[1]
    assert "LEARNED" in out and "dots.example@192.0.2.9" in out and "dhcp" in out
    fact, = client("domains")[1]["learned"]
    assert fact["expires"].endswith("Z") and fact["port"] == 4646
    four, six = (client("domains", "--family", f)[1]["learned"] for f in "46")
    assert four == [fact] and six == []  # 7556-2.5-03
    event, = client.events("learned")
    assert event["value"] == "dots.example@192.0.2.9" and event["source"] == "dhcp"
    assert 590 <= int(event["expires"]) <= 600


# 4218-4.1.2-01, 8973-4-17
def test_what_expires_is_forgotten(client):
    client("domain", "isp1", "set", "server", "dots.example@192.0.2.9", "--expires", "1")
    until(lambda: servers(client) == {}, "forgotten")
    event, = client.events("forgotten")
    assert event["reason"] == "expired" and event["domain"] == "isp1"


def test_what_is_set_again_is_renewed(client):
    client("domain", "isp1", "set", "server", "dots.example@192.0.2.9", "--expires", "1")
    client("domain", "isp1", "set", "server", "dots.example@192.0.2.9", "--expires", "3600")
    client("domain", "isp1", "set", "server", "a.isp1.example", "--expires", "1")
    until(lambda: "a.isp1.example" not in servers(client), "forgotten")
    assert list(servers(client)) == ["dots.example"] and len(client.events("learned")) == 2


def test_it_is_known_after_a_restart_as_long_as_it_holds(client):
    client("domain", "isp1", "set", "server", "dots.example@192.0.2.9", "--port", "5000")
    client("domain", "isp1", "set", "resolver", "192.0.2.53", "--source", "dhcp")
    client("domain", "isp1", "set", "server", "a.isp1.example", "--expires", "1")
    client.process.kill()
    client.process.wait()
    client.start()
    until(lambda: len(learned(client)) == 2, "what expired forgotten")
    assert sorted(learned(client)) == [("isp1", "resolver", "192.0.2.53", "dhcp"),
                                       ("isp1", "server", "dots.example@192.0.2.9", "operator")]
    assert client("domains")[1]["domains"][0]["resolvers"] == ["192.0.2.53:53"]


def test_a_reload_keeps_it_and_what_contradicts_the_file_goes(client):
    client("domain", "isp1", "set", "server", "dots.example@192.0.2.9")
    client("domain", "isp1", "set", "prefix", "203.0.113.0/24")
    text = client.path.read_text()
    client.path.write_text(text.replace("[198.51.100.0/24]", "[198.51.100.0/24, 203.0.113.0/24]"))
    assert client("reload")[0] == 0
    assert learned(client) == [("isp1", "server", "dots.example@192.0.2.9", "operator")]
    event, = client.events("forgotten")
    assert "203.0.113.0/24" in event["reason"] and "isp2" in event["reason"]


# 8973-8.1-03
def test_names_that_are_not_trusted_are_refused(client):
    for name in ("dots.rogue.example", "@192.0.2.9"):
        code, reply = client("domain", "isp1", "set", "server", name, "--source", "dhcp")
        assert code == 1 and "RFC 8973 8.1" in reply["error"]
    assert client("domain", "isp1", "set", "server", "x.isp1.example", "--source", "naptr")[0] == 0


def test_what_is_configured_comes_first(client, server):
    client.path.write_text(client.path.read_text().replace(
        "interface: lo", f"interface: lo\n    servers: [{{name: s, addresses: [127.0.0.1], port: {server.port}}}]"))
    assert client("reload")[0] == 0
    until(lambda: servers(client)["s"]["state"] == "available", "session")
    client("domain", "isp1", "set", "server", "dots.example@192.0.2.9", "--source", "dhcp")
    assert list(servers(client)) == ["s"] and servers(client)["s"]["learned"] == ""
    assert len(client.events("session-up")) == 1 and not client.events("session-down")
    code, reply = client("domain", "isp1", "unset", "server", "s")
    assert code == 1 and "changed in the file" in reply["error"]


def test_mistakes_are_named(client):
    for words, code, text in (
            (["isp9", "set", "server", "a.example"], 1, "there is no domain isp9"),
            (["isp1", "set", "colour", "red"], 2, "expected prefix, resolver, server, gateway or data"),
            (["isp1", "set", "server", "a b"], 2, "no name of a host"),
            (["isp1", "set", "server"], 2, "no name of a host"),
            (["isp1", "paint", "server", "a"], 2, "expected set or unset"),
            (["isp1", "set", "server", "a", "--source", "rumour"], 2, "expected operator, dhcp"),
            (["isp1", "set", "server", "a", "--transport", "sctp"], 2, "transport"),
            (["isp1", "set", "server", "a", "--port", "70000"], 2, "port"),
            (["isp2", "set", "prefix", "127.0.0.0/8"], 2, "no prefix"),
            (["isp1", "set", "prefix", "198.51.100.0/24"], 1, "assigned by both"),
            (["isp1", "unset", "gateway"], 1, "nothing of that kind"),
            (["isp1", "set"], 2, "missing: prefix, resolver, server, gateway, data or dhcp"),
            (["isp1", "set", "server", "a", "b"], 2, "one word too many: b")):
        got, reply = client("domain", *words)
        assert (got, text in reply["error"]) == (code, True), (words, got, reply)
    assert learned(client) == []


# 9284-5.1-26, 8973-5.2.3-05 to -07, 8973-5.1.3-06 to -08: name and addresses as a DHCP client's hook got them
def test_options_of_dhcp_are_taken_as_they_came(client):
    name, v4 = "04646f7473076578616d706c6500", "c0000209c000020a"
    assert client("domain", "isp1", "set", "dhcp", f"147={name},148={v4}", "--expires", "600")[0] == 0
    assert learned(client) == [("isp1", "server", "dots.example@192.0.2.9,192.0.2.10", "dhcp")]
    v6 = "20010db8000000000000000000000009"
    assert client("domain", "isp1", "set", "dhcp", f"141={name},142={v6}", "--expires", "600")[0] == 0
    assert servers(client)["dots.example"]["learned"] == "dhcp" and len(learned(client)) == 2
    # The lease is renewed with another address: that of its family takes the place of the old ones.
    assert client("domain", "isp1", "set", "dhcp", f"147={name},148=c000020b", "--expires", "600")[0] == 0
    assert sorted(v for _, _, v, _ in learned(client)) == ["dots.example@192.0.2.11", "dots.example@2001:db8::9"]
    assert client("domain", "isp1", "unset", "server", "--source", "dhcp")[0] == 0
    assert learned(client) == [] and servers(client) == {}


def test_options_of_dhcp_that_are_none_are_refused(client):
    for value, code, text in (("147=zz", 2, "not hexadecimal"), ("147=0461", 1, "nothing of these options"),
                              ("148=7f000001", 1, "nothing of these options"), ("", 2, "value"), ("149=00", 2, "expected CODE=HEX"),
                              ("147=04646f7473,142=00", 2, "expected CODE=HEX")):
        got, reply = client("domain", "isp1", "set", "dhcp", value, "--expires", "600")
        assert (got, text in reply["error"]) == (code, True), (value, got, reply)
    rogue = "04646f747305726f67756500"
    code, reply = client("domain", "isp1", "set", "dhcp", f"147={rogue}", "--expires", "600")
    assert code == 1 and "RFC 8973 8.1" in reply["error"] and learned(client) == []


def test_facts_of_a_domain_are_limited(client):
    for i in range(64):
        assert client("domain", "isp1", "set", "prefix", f"203.0.113.{i}/32")[0] == 0
    code, reply = client("domain", "isp1", "set", "prefix", "203.0.113.64/32")
    assert code == 1 and "64 facts" in reply["error"]
    assert client("domain", "isp1", "set", "prefix", "203.0.113.0/32")[0] == 0  # renewed
    assert client("domain", "isp2", "set", "prefix", "203.0.113.64/32")[0] == 0


if __name__ == "__main__":
    tap.run(__file__)
