"""dotsd as a DTLS server, seen by gnutls-cli and openssl s_client: who comes in, and who does not
(RFC 9132 7.1, 8). What dotsd thought of it stands in its events."""

import pytest

from daemon import SERVER, Daemon
from peers import IDENTITY, KEY_HEX, PATIENCE, certificate_of, gnutls_cli, s_client

GNUTLS_PSK = ["--pskusername", IDENTITY, "--pskkey", KEY_HEX, "--priority",
              "NORMAL:-KX-ALL:+ECDHE-PSK:-VERS-ALL:+VERS-DTLS1.2"]
# Offered certificate suites as well, GnuTLS asks for a certificate.
OPENSSL_PSK = ["-psk_identity", IDENTITY, "-psk", KEY_HEX, "-cipher", "ECDHE-PSK-CHACHA20-POLY1305"]


@pytest.fixture
def server(pki, tmp_path):
    d = Daemon(tmp_path / "server", SERVER, pki=pki).start()
    yield d
    assert d.stop() == 0


def gnutls_x509(pki, name, trust="ca"):
    crt, key, ca = certificate_of(pki, name, trust)
    return ["--x509certfile", crt, "--x509keyfile", key, "--x509cafile", ca]


def openssl_x509(pki, name, trust="ca"):
    crt, key, ca = certificate_of(pki, name, trust)
    return ["-cert", crt, "-key", key, "-CAfile", ca, "-verify_return_error"]


def tool(which, run, port, pki, name, trust="ca"):
    if which == "gnutls-cli":
        return gnutls_cli(run, port, *gnutls_x509(pki, name, trust))
    return s_client(run, port, *openssl_x509(pki, name, trust))


TOOLS = ["gnutls-cli", "openssl"]


# 9284-5.1-13
@pytest.mark.parametrize("which", TOOLS)
@pytest.mark.parametrize("name", ["client", "client-rsa"])
def test_certificate(which, name, run, server, pki):
    cli = tool(which, run, server.port, pki, name)
    up = server.until_event("session-up", peer="acme")
    assert up["credential"] == name and up["resumed"] == "no" and up["ca"] == "ca"
    cli.wait_for("Handshake was completed|Verification: OK|Verify return code: 0")


def test_gnutls_psk(run, server):
    gnutls_cli(run, server.port, *GNUTLS_PSK)
    assert server.until_event("session-up", peer="jane")["credential"] == IDENTITY


# 9284-5.1-13
def test_openssl_psk(run, server):
    s_client(run, server.port, *OPENSSL_PSK)
    assert server.until_event("session-up", peer="jane")["credential"] == IDENTITY


def refused(server, cli, reason):
    """Refused for that reason; the client is told; nobody came up."""
    event = server.until_event("session-refused")
    assert reason in event["reason"], event
    assert not server.events("session-up")
    out = cli.rest()
    assert "lert" in out or "rror" in out, out


@pytest.mark.parametrize("which", TOOLS)
def test_expired_certificate(which, run, server, pki):
    refused(server, tool(which, run, server.port, pki, "expired"), "expired")


def test_certificate_of_a_foreign_ca(run, server, pki):
    # gnutls-cli holds it back: no CA of the request has signed it
    refused(server, tool("openssl", run, server.port, pki, "foreign"), "certificate:")


# 8811-2.2.2-01
@pytest.mark.parametrize("which", TOOLS)
def test_certificate_of_a_stranger(which, run, server, pki):
    """A good one, of our CA, that stands for no client."""
    refused(server, tool(which, run, server.port, pki, "stranger"),
            "RFC 9132 8: no client of ours has this credential")


# 9132-4.4-11
def test_no_certificate(run, server, pki):
    refused(server, gnutls_cli(run, server.port, "--x509cafile", pki / "ca.crt"), "ertificate")


def test_openssl_no_certificate(run, server, pki):
    refused(server, s_client(run, server.port, "-CAfile", pki / "ca.crt"), "ertificate")


@pytest.mark.parametrize("which", TOOLS)
def test_a_client_that_does_not_trust_us(which, run, server, pki):
    """It says so, and that is all there is."""
    cli = tool(which, run, server.port, pki, "client", trust="ca2")
    event = server.until_event("session-refused")
    assert "alert" in event["reason"] or "timed out" in event["reason"], event
    assert not server.events("session-up")
    cli.process.wait(PATIENCE)


def test_unknown_psk_identity(run, server):
    cli = s_client(run, server.port, *["nobody" if a == IDENTITY else a for a in OPENSSL_PSK])
    refused(server, cli, "psk identity is not known (RFC 9132 8)")


def test_wrong_psk(run, server):
    s_client(run, server.port, *[a[:-2] + "00" if a == KEY_HEX else a for a in OPENSSL_PSK])
    # Its Finished does not decrypt: to the server it is a forgery, and the handshake runs dry.
    event = server.until_event("session-refused")
    assert "timed out" in event["reason"] or "handshake:" in event["reason"], event
    assert not server.events("session-up")


# 9132-7.1-03
@pytest.mark.parametrize("which", TOOLS)
def test_dtls_1_0_is_refused(which, run, server, pki):
    if which == "openssl":
        cli = s_client(run, server.port, *openssl_x509(pki, "client"), "-cipher", "ALL:@SECLEVEL=0",
                       version="-dtls1")
    else:
        cli = gnutls_cli(run, server.port, *gnutls_x509(pki, "client"), "--priority",
                         "NORMAL:-VERS-ALL:+VERS-DTLS1.0:%VERIFY_ALLOW_SIGN_WITH_SHA1")
    refused(server, cli, "handshake:")


def test_openssl_resumes(run, server, pki, tmp_path):
    ticket = tmp_path / "ticket"
    cli = s_client(run, server.port, *openssl_x509(pki, "client"), "-sess_out", ticket)
    assert server.until_event("session-up")["resumed"] == "no"
    cli.say("Q\n")
    server.until_event("session-down", peer="acme")
    cli.process.wait(PATIENCE)
    s_client(run, server.port, *openssl_x509(pki, "client"), "-sess_in", ticket)
    again = server.until_event("session-up", 2)
    assert again["resumed"] == "yes" and again["peer"] == "acme"


def test_gnutls_cli_resumes(run, server, pki):
    cli = gnutls_cli(run, server.port, "--resume", *gnutls_x509(pki, "client"))
    cli.wait_for("This is a resumed session")
    assert server.until_event("session-up", 2)["resumed"] == "yes"


def test_a_ticket_does_not_outlive_its_client(run, server, pki, tmp_path):
    """The client is taken out of the configuration: its ticket opens nothing (M17)."""
    ticket = tmp_path / "ticket"
    cli = s_client(run, server.port, *openssl_x509(pki, "client"), "-sess_out", ticket)
    server.until_event("session-up")
    cli.say("Q\n")
    server.until_event("session-down")
    cli.process.wait(PATIENCE)
    config = server.folder / "dotsd.yaml"
    config.write_text(config.read_text().replace("[client, expired, client-rsa]", "[other]"))
    assert server("reload")[0] == 0
    s_client(run, server.port, *openssl_x509(pki, "client"), "-sess_in", ticket)
    event = server.until_event("session-refused")
    assert "no client of ours has this credential" in event["reason"]
    assert len(server.events("session-up")) == 1


def test_openssl_may_not_renegotiate(run, server, pki):
    cli = s_client(run, server.port, *openssl_x509(pki, "client"), "-legacy_renegotiation")
    server.until_event("session-up")
    cli.say("R\n")
    cli.wait_for("no renegotiation")
    server.until_event("session-down")
    assert len(server.events("session-up")) == 1


def test_gnutls_cli_may_not_renegotiate(run, server, pki):
    cli = gnutls_cli(run, server.port, "--rehandshake", *gnutls_x509(pki, "client"), "--priority",
                     "NORMAL:-VERS-ALL:+VERS-DTLS1.2")
    server.until_event("session-up")
    cli.wait_for(r"Received alert \[100\]")
    assert "ReHandshake was completed" not in "".join(cli.lines)
    assert len(server.events("session-up")) == 1
