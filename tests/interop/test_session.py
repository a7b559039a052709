"""Sessions against other implementations of DTLS and CoAP.

The programs under test are echo_server and echo_client; the peers are libcoap's tools, gnutls-cli,
gnutls-serv and openssl.
"""

import subprocess

import pytest

from peers import (BUILT, COAP_CLIENTS, COAP_SERVERS, HB, IDENTITY, KEY_HEX, KEY_TEXT, PATIENCE,
                   certificate_of, free_port, gnutls_cli, need, s_client, until_bound)


# --- libcoap's clients against our server ----------------------------------------------------------

def coap(client, port, *args, path=HB):
    return subprocess.run([need(client), "-B", "10", *[str(a) for a in args],
                           f"coaps://127.0.0.1:{port}{path}"],
                          capture_output=True, text=True, timeout=PATIENCE)


@pytest.mark.parametrize("client", COAP_CLIENTS)
@pytest.mark.parametrize("certificates", [("server", "client"), ("server-rsa", "client-rsa")])
def test_coap_client_with_certificate(client, certificates, serve, pki):
    server, port = serve("x509", certificate=certificates[0])
    crt, key, trust = certificate_of(pki, certificates[1])
    r = coap(client, port, "-c", crt, "-j", key, "-C", trust)
    assert "hello from dotsd" in r.stdout, r.stdout + r.stderr
    assert server.wait_for("^up").split()[1:3] == ["certificate", certificates[1]]
    server.wait_for("^request con 1")
    server.wait_for("^down closed by the peer")


@pytest.mark.parametrize("client", COAP_CLIENTS)
def test_coap_client_with_psk(client, serve):
    server, port = serve("psk")
    r = coap(client, port, "-u", IDENTITY, "-k", KEY_TEXT)
    assert "hello from dotsd" in r.stdout, r.stdout + r.stderr
    server.wait_for(f"^up psk {IDENTITY} full")


@pytest.mark.parametrize("client", COAP_CLIENTS)
def test_coap_client_put_non(client, serve):
    server, port = serve("psk")
    r = coap(client, port, "-u", IDENTITY, "-k", KEY_TEXT, "-N", "-m", "put", "-e", "12345")
    assert "got 5 bytes" in r.stdout, r.stdout + r.stderr
    server.wait_for("^request non 3")


@pytest.mark.parametrize("client", COAP_CLIENTS)
def test_coap_client_observes(client, serve):
    server, port = serve("psk")
    r = coap(client, port, "-u", IDENTITY, "-k", KEY_TEXT, "-s", "2", "-w")
    assert r.stdout.count("notification") >= 3, r.stdout + r.stderr


@pytest.mark.parametrize("client", COAP_CLIENTS)
def test_coap_client_of_a_foreign_ca_is_refused(client, serve, pki):
    server, port = serve("x509")
    crt, key, trust = certificate_of(pki, "foreign")
    r = coap(client, port, "-c", crt, "-j", key, "-C", trust)
    assert "hello from dotsd" not in r.stdout
    # GnuTLS holds a certificate back that no CA of the request has signed.
    server.wait_for("^down (certificate:|handshake: No certificate)")


@pytest.mark.parametrize("client", COAP_CLIENTS)
def test_coap_client_with_unknown_psk_identity_is_refused(client, serve):
    server, port = serve("psk")
    r = coap(client, port, "-u", "joe", "-k", KEY_TEXT)
    assert "hello from dotsd" not in r.stdout
    server.wait_for("^down psk identity is not known")


def test_both_kinds_on_one_port(serve, pki):
    server, port = serve("x509", "psk")
    crt, key, trust = certificate_of(pki, "client")
    assert "hello" in coap(COAP_CLIENTS[0], port, "-u", IDENTITY, "-k", KEY_TEXT).stdout
    server.wait_for("^up psk")
    assert "hello" in coap(COAP_CLIENTS[0], port, "-c", crt, "-j", key, "-C", trust).stdout
    server.wait_for("^up certificate")


# --- DTLS clients against our server ---------------------------------------------------------------


def test_gnutls_cli_with_certificate(run, serve, pki):
    server, port = serve("x509")
    crt, key, trust = certificate_of(pki, "client")
    cli = gnutls_cli(run, port, "--x509certfile", crt, "--x509keyfile", key, "--x509cafile", trust)
    cli.wait_for("Handshake was completed")
    server.wait_for("^up certificate client full")


def test_gnutls_cli_resumes(run, serve, pki):
    server, port = serve("x509")
    crt, key, trust = certificate_of(pki, "client")
    cli = gnutls_cli(run, port, "-r", "--x509certfile", crt, "--x509keyfile", key, "--x509cafile",
                     trust)
    server.wait_for("^up certificate client full")
    cli.wait_for("This is a resumed session")
    server.wait_for("^up certificate client resumed")


def test_gnutls_cli_with_psk(run, serve):
    server, port = serve("psk")
    gnutls_cli(run, port, "--pskusername", IDENTITY, "--pskkey", KEY_HEX, "--priority",
               "NORMAL:-KX-ALL:+ECDHE-PSK:-VERS-ALL:+VERS-DTLS1.2")
    server.wait_for(f"^up psk {IDENTITY} full")


# 8811-2.1-02, 8811-5-05, 9132-4.4-11
def test_without_client_certificate_nobody_comes_in(run, serve, pki):
    server, port = serve("x509")
    gnutls_cli(run, port, "--x509cafile", pki / "ca.crt")
    assert "ertificate" in server.wait_for("^(up|down)")
    assert not any(line.startswith("up") for line in server.lines)


def test_openssl_with_certificate(run, serve, pki):
    server, port = serve("x509")
    crt, key, trust = certificate_of(pki, "client")
    cli = s_client(run, port, "-cert", crt, "-key", key, "-CAfile", trust, "-verify_return_error",
                   "-verify_hostname", "dots.example")
    server.wait_for("^up certificate client full")
    cli.wait_for("Verify return code: 0|Verification: OK")


def test_openssl_resumes(run, serve, pki, tmp_path):
    server, port = serve("x509")
    crt, key, trust = certificate_of(pki, "client")
    ticket = tmp_path / "ticket"
    args = ["-cert", crt, "-key", key, "-CAfile", trust]
    cli = s_client(run, port, *args, "-sess_out", ticket)
    server.wait_for("^up certificate client full")
    cli.say("Q\n")
    server.wait_for("^down closed by the peer")
    cli.process.wait(PATIENCE)
    s_client(run, port, *args, "-sess_in", ticket)
    server.wait_for("^up certificate client resumed")


def test_openssl_with_psk(run, serve):
    server, port = serve("psk")
    # Offered certificate suites first, GnuTLS picks one of those although it has no certificate.
    s_client(run, port, "-psk_identity", IDENTITY, "-psk", KEY_HEX, "-cipher",
             "ECDHE-PSK-CHACHA20-POLY1305")
    server.wait_for(f"^up psk {IDENTITY} full")


def test_openssl_may_not_renegotiate(run, serve, pki):
    server, port = serve("x509")
    crt, key, trust = certificate_of(pki, "client")
    cli = s_client(run, port, "-cert", crt, "-key", key, "-CAfile", trust, "-legacy_renegotiation")
    server.wait_for("^up certificate client full")
    cli.say("R\n")
    cli.wait_for("(?i)renegotiat")
    with pytest.raises(AssertionError):
        server.queue.put(None)  # what has come so far is all that is looked at
        server.wait_for("^up")


# 9132-7.1-03
@pytest.mark.parametrize("offer", [
    ["-dtls1", "-cipher", "ALL:@SECLEVEL=0"],
])
# 8811-5-03, 8612-SEC-002-02
def test_nothing_below_dtls_1_2(offer, run, serve, pki):
    server, port = serve("x509")
    crt, key, trust = certificate_of(pki, "client")
    cli = run(need("openssl"), "s_client", *offer, "-connect", f"127.0.0.1:{port}", "-cert", crt,
              "-key", key, "-CAfile", trust, stdin=subprocess.PIPE)
    server.wait_for("^down handshake:")
    assert not any(line.startswith("up") for line in server.lines)
    cli.wait_for("(?i)alert|error")


# 9132-7.1-02
@pytest.mark.parametrize("cipher", [
    "AES128-GCM-SHA256",            # static RSA
    "ECDHE-RSA-AES128-SHA",         # CBC, SHA-1
    "DHE-RSA-AES128-GCM-SHA256",    # finite field
    "PSK-AES128-GCM-SHA256",        # no forward secrecy
    "aNULL:eNULL",
])
# 4218-1.1-02, 8811-5-03, 8612-SEC-002-02, 9132-11-02, 9132-11-03
def test_weak_suites_are_refused(cipher, run, serve, pki):
    server, port = serve("x509", "psk", certificate="server-rsa")
    crt, key, trust = certificate_of(pki, "client-rsa")
    s_client(run, port, "-cipher", f"{cipher}:@SECLEVEL=0", "-cert", crt, "-key", key, "-CAfile",
             trust, "-psk_identity", IDENTITY, "-psk", KEY_HEX)
    server.wait_for("^down handshake:")
    assert not any(line.startswith("up") for line in server.lines)


# --- our client against other servers --------------------------------------------------------------


def visit(port, name, path, *credentials):
    return subprocess.run([BUILT / "echo_client", f"127.0.0.1:{port}", name, path,
                           *[str(c) for c in credentials]],
                          capture_output=True, text=True, timeout=PATIENCE).stdout


@pytest.mark.parametrize("server", COAP_SERVERS)
def test_our_client_with_certificate(server, run, pki):
    port = free_port()
    crt, key, trust = certificate_of(pki, "server")
    run(need(server), "-A", "127.0.0.1", "-p", port - 1, "-c", crt, "-j", key, "-C", trust)
    until_bound(port)
    out = visit(port, "dots.example", "time", *certificate_of(pki, "client"))
    assert "up dots.example full" in out
    # The second visit resumes. OpenSSL under libcoap has no session id context and therefore ends
    # every resumed handshake of a client with a certificate: an alert is all that may come then.
    if "openssl" in server:
        assert out.count("answer 2.05") == 1 and "down peer's alert" in out, out
    else:
        assert out.count("answer 2.05") == 2, out


@pytest.mark.parametrize("server", COAP_SERVERS)
def test_our_client_with_psk(server, run, pki):
    port = free_port()
    run(need(server), "-A", "127.0.0.1", "-p", port - 1, "-k", KEY_TEXT, "-h", "hint")
    until_bound(port)
    out = visit(port, "dots.example", "time", IDENTITY, pki / "key.psk")
    assert out.count("answer 2.05") == 2, out


@pytest.mark.parametrize("server", COAP_SERVERS)
def test_our_client_refuses_another_name(server, run, pki):
    port = free_port()
    crt, key, trust = certificate_of(pki, "server")
    run(need(server), "-A", "127.0.0.1", "-p", port - 1, "-c", crt, "-j", key, "-C", trust)
    until_bound(port)
    out = visit(port, "other.example", "time", *certificate_of(pki, "client"))
    assert "up" not in out.split()
    assert "not for the name other.example" in out


def test_our_client_resumes_at_openssl(run, pki):
    port = free_port()
    crt, key, trust = certificate_of(pki, "server")
    run(need("openssl"), "s_server", "-dtls1_2", "-accept", f"127.0.0.1:{port}", "-cert", crt,
        "-key", key, "-CAfile", trust, "-Verify", "2", "-listen", "-quiet",
        stdin=subprocess.PIPE)
    until_bound(port)
    out = visit(port, "dots.example", "-", *certificate_of(pki, "client"))
    assert "up dots.example full" in out, out


def test_our_client_at_gnutls_serv(run, pki):
    port = free_port()
    crt, key, trust = certificate_of(pki, "server")
    run(need("gnutls-serv"), "--udp", "--echo", "--port", port, "--x509certfile", crt,
        "--x509keyfile", key, "--x509cafile", trust, "--require-client-cert",
        "--verify-client-cert")
    until_bound(port)
    out = visit(port, "dots.example", "-", *certificate_of(pki, "client"))
    assert "up dots.example full" in out, out
