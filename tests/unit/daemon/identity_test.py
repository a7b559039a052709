#!/usr/bin/python3
"""Who is who at two running dotsd: keys, certificates and pre-shared keys are changed on disk while something stands,
and the provider still knows its customer (RFC 9132 4.4.1.1, 7.1, 8). Certificates are made by openssl.

DOTSD and DOTSCTL name the programs. Run as a program it prints TAP."""
import pathlib
import shutil
import subprocess
import sys
import tempfile

import pytest

from control_test import Daemon, free_port, until
from revoked_test import Pki, reload

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
import tap  # noqa: E402

SERVER = """instance: server
state: server-state
control: server.sock
events: server.json
listen: [{{address: 127.0.0.1, port: {port}}}]
credentials: {ours}
clients:
  acme: {{{acme}, prefixes: [192.0.2.0/24]}}
  other: {{psk: [{{identity: other, file: other.psk}}], prefixes: [198.51.100.0/24]}}
mitigators: [dry-run: {{}}]
mitigation: {{terminating: 0}}
"""
CLIENT = """instance: client
state: client-state
control: client.sock
events: client.json
domains:
  isp1:
    interface: lo
    prefixes: [192.0.2.0/24]
    servers: [{{name: dots.example, addresses: [127.0.0.1], port: {port}, transport: {transport}}}]
    credentials: {ours}
"""
X509 = "{certificate: server.crt, key: server.key, trust: ca.crt}"


@pytest.fixture
def folder():
    path = pathlib.Path(tempfile.mkdtemp(prefix="dotsd-identity-"))
    path.chmod(0o755)
    for name, octet in (("old", "11"), ("new", "22"), ("other", "33")):
        (path / f"{name}.psk").write_text(octet * 16 + "\n")
    yield path
    shutil.rmtree(path)


@pytest.fixture
def pair(folder):
    """Starts a server that knows acme so, and acme as a client."""
    daemons = []

    def start(ours, acme, mine, transport="udp"):
        port = free_port()
        for name, text in (("server", SERVER.format(port=port, ours=ours, acme=acme)),
                           ("client", CLIENT.format(port=port, ours=mine, transport=transport))):
            daemons.append(Daemon(folder, name, text).start())
        until(lambda: daemons[1].server()["state"] == "available", "session")
        return daemons

    yield start
    for d in daemons:
        assert d.stop() in (0, None)


def change(daemon, old, new):
    text = daemon.path.read_text()
    assert old in text
    daemon.path.write_text(text.replace(old, new))
    reload(daemon)


def standing(server):
    """What stands there, without what goes on by itself."""
    return [(m["client"], m["cuid"], m["mid"], m["status"]) for m in server("list")[1]["mitigations"]]


def credentials(server):
    return [s["credential"] for s in server("sessions")[1]["clients"]]


def again(server, client):
    """The session ends and another is set up: not by a ticket of before."""
    n = len(client.events("session-up"))
    server.stop()
    server.start()
    until(lambda: len(client.events("session-up")) > n, "another session")
    until(lambda: client.server()["state"] == "available", "session")
    return client.events("session-up")[-1]


def raw(folder, name):
    """A key, and its 22 characters."""
    def sh(command):
        return subprocess.run(command, shell=True, cwd=folder, check=True, capture_output=True, text=True).stdout

    sh(f"openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out {name}.raw")
    return sh(f"openssl pkey -in {name}.raw -pubout -outform DER | openssl dgst -sha256 -binary | head -c 16 |"
              " basenc --base64url | tr -d =").strip()


def place(client):
    status, reply = client("mitigate", "192.0.2.7", "--wait", "30")
    assert status == 0, reply
    return reply["id"]


def finish(server, client, wish, before):
    """Refreshed and withdrawn over the new session, as what it was."""
    assert standing(server) == before
    assert client("refresh", wish)[0] == 0
    assert client("withdraw", wish)[0] == 0
    until(lambda: not standing(server), "withdrawal")
    assert not client.events("refused")
    assert place(client)  # under the same cuid, by a higher mid
    (client_name, cuid, mid, _), = standing(server)
    assert (client_name, cuid) == before[0][:2] and mid > before[0][2]


def certify_server(pki, names):
    (pki.folder / "ext").write_text(f"extendedKeyUsage=serverAuth\nsubjectAltName={names}\n")
    pki.openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial",
                "-extfile", "ext", "-out", "server.crt")


# 9132-7.1-05, 9132-7.1-07
def test_a_server_is_known_by_its_srv_name(folder, pair):
    pki = Pki(folder)
    srv = "otherName:1.3.6.1.5.5.7.8.7;IA5:"
    certify_server(pki, f"DNS:host7.example,{srv}_dots-signal.dots.example")
    server, client = pair(X509, "certificates: [acme.example]", "{certificate: acme.crt, key: acme.key, trust: ca.crt}")
    assert place(client)
    certify_server(pki, f"DNS:host7.example,{srv}_dots-data.dots.example")
    server.stop()
    server.start()
    until(lambda: [e for e in client.events("session-failed") if "not for the name dots.example" in e["reason"]], "no")
    assert client.server()["state"] != "available"


# 9132-4.4.1.1-12, 9132-8-08, 9132-7.2-14
def test_a_certificate_is_changed_on_disk(folder, pair):
    pki = Pki(folder)
    server, client = pair(X509, "certificates: [acme.example]", "{certificate: acme.crt, key: acme.key, trust: ca.crt}")
    wish = place(client)
    before = standing(server)
    pki.certify("acme", "acme.example", "clientAuth")  # another key, the same name
    ups = len(client.events("session-up"))
    reload(client)
    assert client.server()["state"] == "available" and len(client.events("session-up")) == ups
    assert standing(server) == before
    assert again(server, client)["resumed"] == "no"
    finish(server, client, wish, before)


# A session whose server is accepted no more ends; the next is with the new certificate of the server.
def test_the_certificate_and_the_ca_of_the_server_are_changed(folder, pair):
    pki = Pki(folder)
    (folder / "client-trust.crt").write_text((folder / "ca.crt").read_text())
    server, client = pair(X509, "certificates: [acme.example]",
                          "{certificate: acme.crt, key: acme.key, trust: client-trust.crt}")
    wish = place(client)
    before = standing(server)
    both = (folder / "ca.crt").read_text() + (folder / "other.crt").read_text()
    (folder / "client-trust.crt").write_text(both)
    reload(client)
    assert client.server()["state"] == "available" and not client.events("session-down")
    pki.openssl("req", *pki.new("server"), "-out", "server.csr", "-subj", "/CN=server")  # another key
    (folder / "ext").write_text("extendedKeyUsage=serverAuth\nsubjectAltName=DNS:dots.example\n")
    pki.openssl("x509", "-req", "-in", "server.csr", "-CA", "other.crt", "-CAkey", "other.key", "-CAcreateserial",
                "-extfile", "ext", "-out", "server.crt")
    reload(server)
    assert not client.events("session-down") and standing(server) == before
    (folder / "client-trust.crt").write_text((folder / "other.crt").read_text())
    reload(client)  # the old one is trusted no more
    until(lambda: client.events("session-down"), "end of the session")
    until(lambda: len(client.events("session-up")) == 2, "another session")
    up = client.events("session-up")[-1]
    assert up["ca"] == "CA other" and up["resumed"] == "no"
    until(lambda: client.server()["state"] == "available", "session")
    finish(server, client, wish, before)


# 9132-4.4.1.1-12, 9132-4.4.1.1-08
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_raw_key_is_changed_on_disk(folder, pair, transport):
    old, new, ours, next_ours = (raw(folder, name) for name in ("old", "new", "server", "server-new"))
    shutil.copy(folder / "old.raw", folder / "mine.raw")
    server, client = pair("{raw-key: server.raw}", f"spki: [{old}]", f"{{raw-key: mine.raw, spki: [{ours}]}}", transport)
    assert credentials(server) == [f"spki:{old}"]
    assert client.events("session-up")[0]["peer"] == f"spki:{ours}"
    wish = place(client)
    before = standing(server)
    assert before[0][:2] == ("acme", old)  # RFC 9132 4.4.1.1: the digest of the key
    change(server, f"spki: [{old}]", f"spki: [{old}, {new}]")
    change(client, f"spki: [{ours}]", f"spki: [{ours}, {next_ours}]")
    shutil.copy(folder / "new.raw", folder / "mine.raw")
    shutil.copy(folder / "server-new.raw", folder / "server.raw")
    reload(client)
    reload(server)
    assert credentials(server) == [f"spki:{old}"] and not client.events("session-down")
    assert client.server()["credential"] == f"spki:{old}"  # by which it came up
    up = again(server, client)
    assert up["peer"] == f"spki:{next_ours}" and up["resumed"] == "no"
    until(lambda: credentials(server) == [f"spki:{new}"], "session by the new key")
    assert client.server()["credential"] == f"spki:{new}"
    change(server, f"spki: [{old}, {new}]", f"spki: [{new}]")
    change(client, f"spki: [{ours}, {next_ours}]", f"spki: [{next_ours}]")
    assert credentials(server) == [f"spki:{new}"]
    finish(server, client, wish, before)


# 9132-8-07, 9132-8-08
def test_a_raw_key_that_is_taken_away_ends_the_session(folder, pair):
    old, ours = raw(folder, "old"), raw(folder, "server")
    server, client = pair("{raw-key: server.raw}", f"spki: [{old}]", f"{{raw-key: old.raw, spki: [{ours}]}}")
    change(server, f"spki: [{old}]", f"spki: [{ours}]")
    until(lambda: [e for e in server.events("session-down") if "no client of ours" in e["reason"]], "end")
    until(lambda: client.server()["state"] != "available", "loss")
    assert not credentials(server)


def test_the_contents_of_a_pre_shared_key_are_changed(folder, pair):
    """Under the same identity: what stands goes on, the next handshake is by the new key."""
    Pki(folder)
    shutil.copy(folder / "old.psk", folder / "shared.psk")
    server, client = pair(X509, "psk: [{identity: joe, file: shared.psk}]", "{psk-identity: joe, psk-file: shared.psk}")
    wish = place(client)
    before = standing(server)
    shutil.copy(folder / "new.psk", folder / "shared.psk")
    reload(server)
    reload(client)
    assert credentials(server) == ["joe"] and not client.events("session-down")
    assert again(server, client)["resumed"] == "no"
    finish(server, client, wish, before)


# 9132-4.4.1.1-12, 9132-4.4.1.1-14
def test_a_pre_shared_key_is_changed(folder, pair):
    """The entry knows both for a time, then only the new one."""
    Pki(folder)
    server, client = pair(X509, "psk: [{identity: old, file: old.psk}]", "{psk-identity: old, psk-file: old.psk}")
    wish = place(client)
    before = standing(server)
    change(server, "psk: [{identity: old, file: old.psk}]",
           "psk: [{identity: old, file: old.psk}, {identity: new, file: new.psk}]")
    assert credentials(server) == ["old"] and not client.events("session-down")
    change(client, "{psk-identity: old, psk-file: old.psk}", "{psk-identity: new, psk-file: new.psk}")
    until(lambda: credentials(server) == ["new"], "session by the new key")
    until(lambda: client.server()["state"] == "available", "session")
    change(server, "{identity: old, file: old.psk}, ", "")
    assert credentials(server) == ["new"]
    finish(server, client, wish, before)


# 9132-4.4.1.1-12: from one kind to another, the entry has both.
def test_from_a_certificate_to_a_raw_key(folder, pair):
    Pki(folder)
    mine, ours = raw(folder, "mine"), raw(folder, "server")
    server, client = pair(X509, "certificates: [acme.example]", "{certificate: acme.crt, key: acme.key, trust: ca.crt}")
    wish = place(client)
    before = standing(server)
    change(server, X509, X509.replace("}", ", raw-key: server.raw}"))
    change(server, "certificates: [acme.example]", f"certificates: [acme.example], spki: [{mine}]")
    assert credentials(server) == ["acme.example"] and not client.events("session-down")
    change(client, "{certificate: acme.crt, key: acme.key, trust: ca.crt}", f"{{raw-key: mine.raw, spki: [{ours}]}}")
    until(lambda: credentials(server) == [f"spki:{mine}"], "session by the raw key")
    until(lambda: client.server()["state"] == "available", "session")
    finish(server, client, wish, before)


if __name__ == "__main__":
    tap.run(__file__)
