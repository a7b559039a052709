#!/usr/bin/python3
"""Revoked certificates, expired ones and removed clients at a running dotsd: handshakes, tickets of
before, live sessions after SIGHUP (RFC 9132 8). Certificates and lists are made by openssl.

DOTSD, DOTSCTL and TALKER name the programs. Run as a program it prints TAP."""
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

import pytest

from control_test import DOTSD, PATIENCE, Daemon, free_port, until
from talking import KEY, Talker

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
import tap  # noqa: E402

CA = """[ca]
default_ca = ours
[ours]
database = {name}.index
crlnumber = {name}.number
certificate = {name}.crt
private_key = {name}.key
default_md = sha256
default_crl_days = 30
[some]
issuingDistributionPoint = critical, @point
[point]
onlyuser = TRUE
"""
SERVER = """instance: server
state: server-state
control: server.sock
events: server.json
listen: [{{address: 127.0.0.1, port: {port}}}]
credentials: {{certificate: server.crt, key: server.key, trust: ca.crt, crl: ca.crl}}
clients:
  acme: {{certificates: [acme.example], prefixes: [192.0.2.0/24]}}
  beta: {{certificates: [beta.example], prefixes: [198.51.100.0/24]}}
mitigators: [dry-run: {{}}]
"""
CLIENT = """instance: client
state: client-state
control: client.sock
events: client.json
domains:
  isp1:
    interface: lo
    prefixes: [192.0.2.0/24]
    servers: [{{name: dots.example, addresses: [127.0.0.1], port: {port}}}]
    credentials: {{certificate: acme.crt, key: acme.key, trust: ca.crt, crl: ca.crl}}
"""


class Pki:
    def __init__(self, folder):
        self.folder = folder
        for ca in ("ca", "other"):
            self.openssl("req", "-x509", *self.new(ca), "-out", f"{ca}.crt", "-subj", f"/CN=CA {ca}", "-addext",
                         "keyUsage=critical,keyCertSign,cRLSign")
            (folder / f"{ca}.cnf").write_text(CA.format(name=ca))
            (folder / f"{ca}.index").write_text("")
            (folder / f"{ca}.number").write_text("01\n")
            self.publish(ca)
        self.certify("server", "dots.example", "serverAuth")
        for name in ("acme", "beta"):
            self.certify(name, f"{name}.example", "clientAuth")

    def openssl(self, *args):
        subprocess.run(["openssl", *args], cwd=self.folder, check=True, capture_output=True)

    @staticmethod
    def new(name):
        return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{name}.key"]

    def certify(self, name, dns, usage):
        (self.folder / "ext").write_text(f"extendedKeyUsage={usage}\nsubjectAltName=DNS:{dns}\n")
        self.openssl("req", *self.new(name), "-out", f"{name}.csr", "-subj", f"/CN={name}")
        self.openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial",
                     "-extfile", "ext", "-out", f"{name}.crt")

    def publish(self, ca="ca", *more, to=None):
        self.openssl("ca", "-config", f"{ca}.cnf", "-gencrl", *more, "-out", to or f"{ca}.crl")

    def revoke(self, name):
        self.openssl("ca", "-config", "ca.cnf", "-revoke", f"{name}.crt")
        self.publish()


@pytest.fixture
def folder():
    path = pathlib.Path(tempfile.mkdtemp(prefix="dotsd-revoked-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def pki(folder):
    return Pki(folder)


@pytest.fixture
def run(folder):
    daemons = []

    def start(name, text):
        port = free_port()
        d = Daemon(folder, name, text.format(port=port)).start()
        d.port = port
        daemons.append(d)
        return d

    yield start
    for d in daemons:
        assert d.stop() in (0, None)


@pytest.fixture
def talk(folder):
    talkers = []

    def start(server, name):
        talkers.append(Talker(server.port, "x509", *(folder / f"{f}" for f in (f"{name}.crt", f"{name}.key", "ca.crt"))))
        return talkers[-1]

    yield start
    for t in talkers:
        t.stop()


def reload(daemon):
    """As an operator does; back when it is done."""
    before = len(daemon.events("config-loaded"))
    daemon.process.send_signal(signal.SIGHUP)
    until(lambda: len(daemon.events("config-loaded")) > before, "reload")


def reasons(daemon, event, text):
    return [e for e in daemon.events(event) if text in e["reason"]]


# 9132-8-06
def test_a_revoked_client_is_out_and_its_mitigations_stay(pki, run, talk):
    server = run("server", SERVER)
    acme, beta = talk(server, "acme"), talk(server, "beta")
    assert acme.up() == "up full" and beta.up() == "up full"
    acme.say("again")
    assert acme.up() == "up resumed"
    assert acme.put("a", 1, ["192.0.2.1/32"]).code == "2.01"
    before = server("list")[1]["mitigations"]
    until(lambda: len(server("sessions")[1]["clients"]) == 2, "two sessions")

    pki.revoke("acme")
    reload(server)
    acme.expect("down")
    assert len(until(lambda: reasons(server, "session-down", "acme.example is revoked by CA ca"), "end")) == 1
    assert [m["id"] for m in server("list")[1]["mitigations"]] == [m["id"] for m in before]
    assert beta.beat().code == "2.04" and not beta.has("down")

    for n in (1, 2):  # with its ticket of before, and as if for the first time
        if n == 1:
            acme.say("again")
        else:
            talk(server, "acme")
        until(lambda: len(reasons(server, "session-refused", "acme.example is revoked by CA ca")) == n, "refusal")
    assert [s["client"] for s in server("sessions")[1]["clients"]] == ["beta"]

    server.path.write_text(server.path.read_text().replace("  acme:", "  gamma:"))
    reload(server)
    until(lambda: not server("list")[1]["mitigations"], "end with the client")


def test_a_removed_client_is_out(pki, run, talk):
    server = run("server", SERVER)
    acme, beta = talk(server, "acme"), talk(server, "beta")
    acme.up(), beta.up()
    assert acme.put("a", 1, ["192.0.2.1/32"]).code == "2.01"
    text = server.path.read_text()
    server.path.write_text("".join(line for line in text.splitlines(True) if "acme" not in line))
    reload(server)
    acme.expect("down")
    until(lambda: reasons(server, "session-down", "no client of ours has this credential"), "end")
    until(lambda: not server("list")[1]["mitigations"], "end with the client")
    acme.say("again")
    until(lambda: reasons(server, "session-refused", "no client of ours has this credential"), "refusal")
    assert beta.beat().code == "2.04"


def test_a_client_of_another_name_in_the_file_is_out(pki, run, talk):
    """The credential stands for somebody else now: what it does is to be judged as theirs."""
    server = run("server", SERVER)
    acme = talk(server, "acme")
    acme.up()
    text = server.path.read_text()
    server.path.write_text(text.replace("[acme.example]", "[nobody.example]").replace(
        "[beta.example]", "[beta.example, acme.example]"))
    reload(server)
    acme.expect("down")
    until(lambda: reasons(server, "session-down", "stands for another client"), "end")
    acme.say("again")
    acme.up()
    until(lambda: [s["client"] for s in server("sessions")[1]["clients"]] == ["beta"], "session of beta")


def test_pre_shared_keys_follow_a_reload(pki, run, talk, folder):
    """One that comes first, one that goes, and a listening side that loses its certificate."""
    (folder / "a.psk").write_text(KEY + "\n")
    server = run("server", SERVER)
    acme = talk(server, "acme")
    acme.up()
    with_keys = server.path.read_text()
    for client, name in (("acme", "joe"), ("beta", "jane")):
        with_keys = with_keys.replace(f"[{client}.example]",
                                      f"[{client}.example], psk: [{{identity: {name}, file: a.psk}}]")
    server.path.write_text(with_keys)
    reload(server)
    jane, joe = (Talker(server.port, "psk", name, KEY) for name in ("jane", "joe"))
    try:
        assert jane.up() == "up full" and joe.up() == "up full"
        server.path.write_text(with_keys.replace(", psk: [{identity: jane, file: a.psk}]", ""))
        reload(server)
        jane.expect("down")
        until(lambda: reasons(server, "session-down", "psk identity is not known any more"), "end")
        jane.say("again")
        until(lambda: reasons(server, "session-refused", "psk identity is not known"), "refusal")
        server.path.write_text("".join(line for line in with_keys.splitlines(True) if "credentials" not in line))
        reload(server)
        acme.expect("down")
        until(lambda: reasons(server, "session-down", "none is accepted here"), "end")
        assert joe.beat().code == "2.04"
        jane.say("again")
        jane.up()
    finally:
        jane.stop()
        joe.stop()


# 9132-7.1-04
def test_a_revoked_server_is_left(pki, run):
    server = run("server", SERVER)
    client = run("client", CLIENT.replace("{port}", str(server.port)))
    until(lambda: client.server()["state"] == "available", "session")
    reload(client)  # nothing new: the session stays
    assert not client.events("session-down") and client.server()["state"] == "available"
    pki.revoke("server")
    reload(client)
    until(lambda: reasons(client, "session-down", "dots.example is revoked by CA ca"), "end")
    until(lambda: reasons(client, "session-failed", "dots.example is revoked by CA ca"), "refusal")
    assert client.server()["state"] == "waiting" and "revoked" in client.server()["reason"]
    assert client("mitigate", "192.0.2.7", "--wait", "0")[0] == 4  # kept, and sent to nobody


def test_a_handshake_under_way_at_a_reload_is_begun_anew(pki, run):
    """It would be judged by what was known before. Nobody answers here, so it takes its time."""
    client = run("client", CLIENT)
    until(lambda: client.events("session-attempt"), "first attempt")
    assert client.server()["state"] == "connecting"
    reload(client)
    until(lambda: len(client.events("session-attempt")) == 2, "second attempt")
    assert not client.events("session-failed")


def test_the_lists_are_read_anew_or_not_at_all(pki, run, talk, folder):
    server = run("server", SERVER)
    acme = talk(server, "acme")
    acme.up()
    (folder / "ca.crl").write_text("rubbish\n")
    server.process.send_signal(signal.SIGHUP)
    refused = until(lambda: server.events("config-refused"), "refusal")
    assert "ca.crl" in refused[0]["reason"]
    assert acme.beat().code == "2.04"
    acme.say("again")
    assert acme.up() == "up resumed"  # nothing has changed, so its ticket is good


def check(folder, text):
    (folder / "check.yaml").write_text(SERVER.format(port=4646).replace("crl: ca.crl", text))
    return subprocess.run([DOTSD, "--check", folder / "check.yaml"], text=True, capture_output=True, timeout=PATIENCE)


def test_check_warns_of_lists_that_end(pki, folder):
    r = check(folder, "crl: ca.crl")
    assert r.returncode == 0 and r.stderr == ""
    pki.publish("ca", "-crlhours", "23")
    r = check(folder, "crl: ca.crl")
    assert r.returncode == 0 and "the list of CA ca expires within a day" in r.stderr
    assert f"warning: {folder}/check.yaml:6:" in r.stderr
    pki.publish("ca", "-crlhours", "25")
    assert check(folder, "crl: ca.crl").stderr == ""
    pki.publish("ca", "-crl_lastupdate", "20200101000000Z", "-crl_nextupdate", "20200201000000Z")
    r = check(folder, "crl: ca.crl")
    assert r.returncode == 0 and "the list of CA ca has expired, expected a newer one (it still counts)" in r.stderr
    pki.publish("ca", "-crl_lastupdate", "20990101000000Z", "-crl_nextupdate", "20990201000000Z")
    assert "is of the future" in check(folder, "crl: ca.crl").stderr


def test_check_refuses_lists_that_cannot_be_used(pki, folder):
    def is_fatal(text, expected):
        r = check(folder, text)
        assert r.returncode == 78 and expected in r.stderr, r.stderr

    is_fatal("crl: other.crl", "CA other, who issued a list, is no CA of `trust`")
    is_fatal("crl: missing.crl", "missing.crl cannot be read")
    is_fatal("crl: ca.key", "ca.key")
    pki.publish("ca", "-crlexts", "some", to="some.crl")
    is_fatal("crl: some.crl", "a delta, or not for all certificates (RFC 5280 5.2)")
    (folder / "both.crt").write_text((folder / "ca.crt").read_text() + (folder / "other.crt").read_text())
    r = check(folder, "crl: ca.crl".replace("ca.crl", "ca.crl, trust: both.crt"))
    assert r.returncode == 78  # given twice
    (folder / "ca.crt").write_text((folder / "both.crt").read_text())
    r = check(folder, "crl: ca.crl")
    assert r.returncode == 0 and "nothing of CA other, who is in `trust`" in r.stderr


def test_the_end_of_a_list_is_an_alert_and_the_list_counts(pki, run, talk):
    server = run("server", SERVER)
    pki.revoke("acme")

    def lives_when_loaded():
        seen = len(reasons(server, "config-warning", "within a day"))
        pki.publish("ca", "-crlsec", "5")
        reload(server)
        return len(reasons(server, "config-warning", "within a day")) > seen

    until(lives_when_loaded, "a reload within five seconds")
    alerts = until(lambda: reasons(server, "alert", "revoked by CA ca has expired"), "alert")
    assert len(alerts) == 1 and alerts[0]["section"] == "RFC 5280 5.1.2.5"
    assert any("CA ca has expired" in text for text in server("status")[1]["alerts"])
    talk(server, "acme")
    until(lambda: reasons(server, "session-refused", "acme.example is revoked by CA ca"), "refusal")
    assert talk(server, "beta").up() == "up full"


if __name__ == "__main__":
    tap.run(__file__)
