"""Raw public keys (RFC 7250) against gnutls-cli and gnutls-serv: dotsd as server and as client."""

import subprocess

import pytest

from daemon import CLIENT, SERVER, Daemon
from peers import free_port, gnutls_cli, need, until_bound

RAW = "NORMAL:+CTYPE-CLI-RAWPK:+CTYPE-SRV-RAWPK"


class Keys:
    """NAME.raw (private), NAME.pub and its 22 characters."""

    def __init__(self, folder):
        self.folder = folder
        for name in ("server", "client", "stranger"):
            self.sh(f"openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out {name}.raw")
            self.sh(f"openssl pkey -in {name}.raw -pubout -out {name}.pub")

    def sh(self, command):
        return subprocess.run(command, shell=True, cwd=self.folder, check=True, capture_output=True, text=True).stdout

    def digest(self, name):
        return self.sh(f"openssl pkey -in {name}.raw -pubout -outform DER | openssl dgst -sha256 -binary |"
                       " head -c 16 | basenc --base64url | tr -d =").strip()

    def of(self, name):
        return ["--rawpkfile", self.folder / f"{name}.pub", "--rawpkkeyfile", self.folder / f"{name}.raw"]


@pytest.fixture
def keys(tmp_path):
    return Keys(tmp_path)


def start(pki, tmp_path, keys, credentials):
    text = SERVER.replace("{{certificate: {pki}/server.crt, key: {pki}/server.key, trust: {pki}/ca.crt}}", credentials)
    text = text.replace("certificates: [client, expired, client-rsa]", f"spki: [{keys.digest('client')}]")
    return Daemon(tmp_path / "dotsd", text, pki=pki).start()


@pytest.fixture
def server(pki, tmp_path, keys):
    d = start(pki, tmp_path, keys, f"{{{{raw-key: {tmp_path}/server.raw}}}}")
    yield d
    assert d.stop() == 0


def cli(run, port, keys, name, stream):
    if stream:
        return run(need("gnutls-cli"), "--port", port, "--alpn", "coap", "--no-ca-verification", "--sni-hostname",
                   "dots.example", "--priority", RAW, *keys.of(name), "127.0.0.1", stdin=subprocess.PIPE)
    return gnutls_cli(run, port, "--no-ca-verification", "--priority", RAW, *keys.of(name))


# 9132-7.1-14, 9132-8-07, 9132-8-08
def test_gnutls_cli(run, server, keys):
    cli(run, server.port, keys, "client", False)
    up = server.until_event("session-up", peer="acme")
    assert up["credential"] == f"spki:{keys.digest('client')}" and up["ca"] == ""
    assert server("sessions")[1]["clients"][0]["credential"] == up["credential"]


# TLS comes up with a CSM, which gnutls-cli cannot say: who it is has been judged by then.
def test_gnutls_cli_over_tls(run, server, keys):
    c = cli(run, server.port, keys, "client", True)
    c.wait_for("Handshake was completed")
    assert not server.events("session-refused")


def test_a_key_that_nobody_knows(run, server, keys):
    cli(run, server.port, keys, "stranger", False)
    assert "no client of ours" in server.until_event("session-refused")["reason"]
    assert not server.events("session-up")


# RFC 9325 4.5: an RSA key of 1024 bits counts no more as it is than in a certificate.
def test_a_weak_key(run, server, keys):
    keys.sh("openssl genrsa -traditional -out weak.raw 1024 && openssl pkey -in weak.raw -pubout -out weak.pub")
    gnutls_cli(run, server.port, "--no-ca-verification", "--priority", RAW + ":%PROFILE_VERY_WEAK", *keys.of("weak"))
    assert "raw public key: too weak" in server.until_event("session-refused")["reason"]


def test_a_certificate_where_only_raw_keys_count(run, server, pki, keys):
    gnutls_cli(run, server.port, "--x509certfile", pki / "client.crt", "--x509keyfile", pki / "client.key",
               "--x509cafile", pki / "ca.crt")
    server.until_event("session-refused")
    assert not server.events("session-up")


def test_our_client_at_gnutls_serv(run, pki, tmp_path, keys):
    port = free_port()
    run(need("gnutls-serv"), "--udp", "--echo", "--port", port, "--priority", RAW, *keys.of("server"),
        "--require-client-cert")
    until_bound(port)
    mine = f"{{raw-key: {tmp_path}/client.raw, spki: [{keys.digest('stranger')}, {keys.digest('server')}]}}"
    d = Daemon(tmp_path / "dotsd", CLIENT, port=port, credentials=mine).start()
    up = d.until_event("session-up")
    assert up["peer"] == f"spki:{keys.digest('server')}" and up["credential"] == f"spki:{keys.digest('client')}"
    assert d.stop() == 0


def test_our_client_refuses_another_key(run, pki, tmp_path, keys):
    port = free_port()
    run(need("gnutls-serv"), "--udp", "--echo", "--port", port, "--priority", RAW, *keys.of("server"))
    until_bound(port)
    mine = f"{{raw-key: {tmp_path}/client.raw, spki: [{keys.digest('stranger')}]}}"
    d = Daemon(tmp_path / "dotsd", CLIENT, port=port, credentials=mine).start()
    assert f"{keys.digest('server')} is not in `spki`" in d.until_event("session-failed")["reason"]
    assert not d.events("session-up") and d.stop() == 0
