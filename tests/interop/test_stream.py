"""CoAP over TLS on TCP (RFC 8323) against other implementations of TLS and CoAP.

libcoap's tools speak all of it. gnutls-cli and openssl know TLS only: what they say in
CoAP, the CSM that makes a session come up, is given to them.
"""

import base64
import random
import socket
import subprocess
import time

import pytest

from peers import (BUILT, COAP_CLIENTS, COAP_SERVERS, HB, IDENTITY, KEY_HEX, KEY_TEXT, PATIENCE,
                   certificate_of, free_port, need)

CSM = b"\x01\xe1\n"  # with the token "\n": programs that read lines pass it on
VERSIONS = ["1.2", "1.3"]
BOTH = pytest.mark.parametrize("version", VERSIONS)


def say(program, data=CSM):
    program.process.stdin.buffer.write(data)
    program.process.stdin.buffer.flush()


def until_listening(address, port):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with socket.socket() as s:
            if s.connect_ex((address, port)) == 0:
                return
        time.sleep(0.02)
    raise AssertionError(f"nobody listens on {address}:{port}")


# --- libcoap's clients against our server ----------------------------------------------------------


def coap(client, port, *args, path=HB):
    return subprocess.run([need(client), "-B", "10", *[str(a) for a in args],
                           f"coaps+tcp://127.0.0.1:{port}{path}"],
                          capture_output=True, text=True, timeout=PATIENCE)


@pytest.mark.parametrize("client", COAP_CLIENTS)
@pytest.mark.parametrize("certificates", [("server", "client"), ("server-rsa", "client-rsa")])
def test_coap_client_with_certificate(client, certificates, serve, pki):
    server, port = serve("x509", certificate=certificates[0])
    crt, key, trust = certificate_of(pki, certificates[1])
    r = coap(client, port, "-c", crt, "-j", key, "-C", trust)
    assert "hello from dotsd" in r.stdout, r.stdout + r.stderr
    assert server.wait_for("^up").split()[1:3] == ["certificate", certificates[1]]
    server.wait_for("^request non 1")
    server.wait_for("^down closed by the peer")


# 9132-7.1-14
@pytest.mark.parametrize("client", COAP_CLIENTS)
def test_coap_client_with_psk(client, serve):
    server, port = serve("psk")
    r = coap(client, port, "-u", IDENTITY, "-k", KEY_TEXT)
    assert "hello from dotsd" in r.stdout, r.stdout + r.stderr
    server.wait_for(f"^up psk {IDENTITY} full")


@pytest.mark.parametrize("client", COAP_CLIENTS)
def test_coap_client_puts_what_no_datagram_holds(client, serve, tmp_path):
    server, port = serve("psk")
    body = tmp_path / "body"
    body.write_text("x" * 12000)
    r = coap(client, port, "-u", IDENTITY, "-k", KEY_TEXT, "-m", "put", "-f", body)
    assert "got 12000 bytes" in r.stdout, r.stdout + r.stderr


@pytest.mark.parametrize("client", COAP_CLIENTS)
def test_coap_client_observes(client, serve):
    server, port = serve("psk")
    r = coap(client, port, "-u", IDENTITY, "-k", KEY_TEXT, "-s", "2", "-w")
    assert r.stdout.count("notification") >= 3, r.stdout + r.stderr


@pytest.mark.parametrize("client", COAP_CLIENTS)
def test_coap_client_of_a_foreign_ca_is_refused(client, serve, pki):
    server, port = serve("x509")
    crt, key, trust = certificate_of(pki, "foreign")
    coap(client, port, "-c", crt, "-j", key, "-C", trust)
    # GnuTLS holds a certificate back that no CA of the request has signed.
    server.wait_for("^down (certificate:|handshake: Certificate is required)")


@pytest.mark.parametrize("client", COAP_CLIENTS)
def test_coap_client_with_a_wrong_key_is_refused(client, serve):
    server, port = serve("psk")
    coap(client, port, "-u", IDENTITY, "-k", "another-16b-key!")
    server.wait_for("^down handshake:")
    assert not any(line.startswith("up") for line in server.lines)


# --- TLS tools against our server ------------------------------------------------------------------


def s_client(run, port, *args, alpn="coap"):
    offer = ["-alpn", alpn] if alpn else []
    return run(need("openssl"), "s_client", "-connect", f"127.0.0.1:{port}", "-ign_eof", *offer, *args,
               stdin=subprocess.PIPE)


def gnutls_cli(run, port, version, *args, exchange=""):
    return run(need("gnutls-cli"), "--port", port, "--alpn", "coap", "--sni-hostname", "dots.example",
               "--verify-hostname", "dots.example", "--priority",
               f"NORMAL:-VERS-ALL:+VERS-TLS{version}{exchange}", *args, "127.0.0.1",
               stdin=subprocess.PIPE)


def protocol(version):
    return "-tls" + version.replace(".", "_")


def openssl_certificate(pki, name="client"):
    crt, key, trust = certificate_of(pki, name)
    return ["-cert", crt, "-key", key, "-CAfile", trust, "-verify_return_error", "-verify_hostname",
            "dots.example"]


# 8612-SEC-002-02, 9132-7.2-01
@BOTH
def test_openssl_with_certificate(version, run, serve, pki):
    server, port = serve("x509")
    cli = s_client(run, port, protocol(version), *openssl_certificate(pki))
    cli.wait_for("ALPN protocol: coap")
    cli.wait_for("Verify return code: 0")
    say(cli)
    server.wait_for("^up certificate client full")


# 9132-7.1-13
@BOTH
def test_openssl_resumes(version, run, serve, pki, tmp_path):
    server, port = serve("x509")
    ticket = tmp_path / "ticket"
    args = [protocol(version), *openssl_certificate(pki)]
    cli = s_client(run, port, *args, "-sess_out", ticket)
    say(cli)
    server.wait_for("^up certificate client full")
    if version == "1.3":
        cli.wait_for("Max Early Data: 0")  # RFC 9132 7.2: none is taken
    cli.stop()
    server.wait_for("^down")
    cli = s_client(run, port, *args, "-sess_in", ticket)
    say(cli)
    server.wait_for("^up certificate client resumed")


def allowing_early_data(session):
    """A session of openssl (PEM) whose ticket says that 4096 bytes of early data are welcome: without that it sends
    none. The field is number 15 of the SSL_SESSION, which leaves it out when it is 0."""
    lines = session.splitlines()
    der, fields, at = base64.b64decode("".join(lines[1:-1])), b"", 4
    assert der[0] == 0x30 and der[1] == 0x82
    while at < len(der):
        size = der[at + 1]
        head = 2 if size < 0x80 else 2 + (size & 0x7f)
        size = size if size < 0x80 else int.from_bytes(der[at + 2:at + head], "big")
        if der[at] > 0xaf and b"\xaf\x04\x02\x02\x10\x00" not in fields:
            fields += b"\xaf\x04\x02\x02\x10\x00"
        fields += der[at:at + head + size]
        at += head + size
    der = b"\x30\x82" + len(fields).to_bytes(2, "big") + fields
    return "\n".join([lines[0], base64.encodebytes(der).decode().strip(), lines[-1], ""])


# 9132-7.2-06, 9132-7.2-08, 9132-7.2-09, 9132-7.2-12: a CSM, a Ping and a request before the handshake is done are
# nothing that we have heard; what comes after it counts.
def test_early_data_is_rejected(run, serve, pki, tmp_path):
    server, port = serve("x509")
    ticket, early = tmp_path / "ticket", tmp_path / "early"
    args = ["-tls1_3", *openssl_certificate(pki)]
    cli = s_client(run, port, *args, "-sess_out", ticket)
    say(cli)
    server.wait_for("^up certificate client full")
    cli.wait_for("Max Early Data: 0")
    cli.stop()
    server.wait_for("^down")
    ticket.write_text(allowing_early_data(ticket.read_text()))
    early.write_bytes(CSM + b"\x01\xe2\n" + b"\x31\x01\n\xb2hb")
    cli = s_client(run, port, *args, "-sess_in", ticket, "-early_data", early)
    cli.wait_for("Early data was rejected")
    assert server.queue.empty()  # without a CSM it is not up
    say(cli)
    server.wait_for("^up certificate client resumed")
    say(cli, b"\x31\x03\n\xb2hb")
    assert server.wait_for("^(request|down)") == "request non 3"  # and no GET (1) before it


@BOTH
def test_openssl_with_psk(version, run, serve):
    server, port = serve("psk")
    # Offered certificate suites first, GnuTLS picks one of those although it has no certificate.
    suite = ["-cipher", "ECDHE-PSK-CHACHA20-POLY1305"] if version == "1.2" else []
    cli = s_client(run, port, protocol(version), "-psk_identity", IDENTITY, "-psk", KEY_HEX, *suite)
    say(cli)
    server.wait_for(f"^up psk {IDENTITY} full")


@BOTH
def test_gnutls_cli_with_certificate(version, run, serve, pki):
    server, port = serve("x509")
    crt, key, trust = certificate_of(pki, "client")
    cli = gnutls_cli(run, port, version, "--x509certfile", crt, "--x509keyfile", key, "--x509cafile",
                     trust)
    say(cli)
    server.wait_for("^up certificate client full")


# With TLS 1.2 gnutls-cli 3.7.9 crashes after such a handshake; openssl is there for that.
def test_gnutls_cli_with_psk(run, serve):
    server, port = serve("psk")
    cli = gnutls_cli(run, port, "1.3", "--pskusername", IDENTITY, "--pskkey", KEY_HEX,
                     exchange=":-KX-ALL:+ECDHE-PSK")
    say(cli)
    server.wait_for(f"^up psk {IDENTITY} full")


# 8811-5-05, 9132-4.4-11
@BOTH
def test_without_client_certificate_nobody_comes_in(version, run, serve, pki):
    server, port = serve("x509")
    cli = s_client(run, port, protocol(version), "-CAfile", pki / "ca.crt")
    say(cli)
    assert "ertificate" in server.wait_for("^(up|down)")
    assert not any(line.startswith("up") for line in server.lines)


@BOTH
def test_other_protocols_are_refused(version, run, serve, pki):
    server, port = serve("x509")
    cli = s_client(run, port, protocol(version), *openssl_certificate(pki), alpn="h2,http/1.1")
    server.wait_for("^down handshake:")
    cli.wait_for("no application protocol")


def test_who_names_no_protocol_is_taken(run, serve, pki):
    server, port = serve("x509")
    cli = s_client(run, port, *openssl_certificate(pki), alpn=None)
    say(cli)
    server.wait_for("^up certificate client full")


def test_openssl_may_not_renegotiate(run, serve, pki):
    server, port = serve("x509")
    cli = run(need("openssl"), "s_client", "-connect", f"127.0.0.1:{port}", "-alpn", "coap", "-tls1_2",
              *openssl_certificate(pki), stdin=subprocess.PIPE)
    say(cli)
    server.wait_for("^up certificate client full")
    cli.say("R\n")
    server.wait_for("^down the peer wanted to renegotiate")


# 8811-5-03, 9132-7.1-03
@pytest.mark.parametrize("offer", ["-tls1", "-tls1_1"])
def test_nothing_below_tls_1_2(offer, run, serve, pki):
    server, port = serve("x509")
    cli = s_client(run, port, offer, "-cipher", "ALL:@SECLEVEL=0", *openssl_certificate(pki))
    server.wait_for("^down handshake:")
    cli.wait_for("(?i)alert|error")


# 9132-7.1-02
@pytest.mark.parametrize("cipher", [
    "AES128-GCM-SHA256",            # static RSA
    "ECDHE-RSA-AES128-SHA",         # CBC, SHA-1
    "DHE-RSA-AES128-GCM-SHA256",    # finite field
    "PSK-AES128-GCM-SHA256",        # no forward secrecy
    "aNULL:eNULL",
])
# 4218-1.1-02, 8811-5-03, 9132-11-02, 9132-11-03
def test_weak_suites_are_refused(cipher, run, serve, pki):
    server, port = serve("x509", "psk", certificate="server-rsa")
    s_client(run, port, "-tls1_2", "-cipher", f"{cipher}:@SECLEVEL=0",
             *openssl_certificate(pki, "client-rsa"), "-psk_identity", IDENTITY, "-psk", KEY_HEX)
    server.wait_for("^down handshake:")
    assert not any(line.startswith("up") for line in server.lines)


def test_psk_of_tls_1_3_needs_an_exchange_of_keys(run, serve):
    server, port = serve("psk")
    cli = run(need("gnutls-cli"), "--port", port, "--alpn", "coap", "--priority",
              "NORMAL:-VERS-ALL:+VERS-TLS1.3:-KX-ALL:+PSK", "--pskusername", IDENTITY, "--pskkey", KEY_HEX,
              "127.0.0.1", stdin=subprocess.PIPE)
    say(cli)
    server.wait_for("^down handshake:")
    assert not any(line.startswith("up") for line in server.lines)


# --- our client against other servers --------------------------------------------------------------


def visit(address, port, name, path, *credentials):
    return subprocess.run([BUILT / "echo_client", f"tcp:{address}:{port}", name, path,
                           *[str(c) for c in credentials]],
                          capture_output=True, text=True, timeout=PATIENCE).stdout


@pytest.fixture
def coap_server(run):
    """On an address of its own, so that it may have port 5684: several of libcoap's servers do not
    agree on the protocol by ALPN, and on any other port that ends the handshake."""

    def start(program, *args):
        address = f"127.{random.randrange(1, 255)}.{random.randrange(256)}.{random.randrange(1, 255)}"
        run(need(program), "-A", address, "-p", 5683, *args)
        until_listening(address, 5684)
        return address

    return start


@pytest.mark.parametrize("server", COAP_SERVERS)
def test_our_client_with_certificate(server, coap_server, pki):
    crt, key, trust = certificate_of(pki, "server")
    address = coap_server(server, "-c", crt, "-j", key, "-C", trust)
    out = visit(address, 5684, "dots.example", "time", *certificate_of(pki, "client"))
    assert "up dots.example full" in out
    # OpenSSL under libcoap has no session id context and therefore ends every resumed handshake of
    # a client with a certificate.
    if "openssl" in server:
        assert out.count("answer 2.05") == 1 and "down peer's alert" in out, out
    else:
        assert out.count("answer 2.05") == 2, out


@pytest.mark.parametrize("server", COAP_SERVERS)
def test_our_client_with_psk(server, coap_server, pki):
    address = coap_server(server, "-k", KEY_TEXT, "-h", "hint")
    out = visit(address, 5684, "dots.example", "time", IDENTITY, pki / "key.psk")
    # Nor does that OpenSSL take back a client with a key; openssl's own server does, see below.
    assert out.count("answer 2.05") == (1 if "openssl" in server else 2), out


@pytest.mark.parametrize("server", COAP_SERVERS)
def test_our_client_refuses_another_name(server, coap_server, pki):
    crt, key, trust = certificate_of(pki, "server")
    address = coap_server(server, "-c", crt, "-j", key, "-C", trust)
    out = visit(address, 5684, "other.example", "time", *certificate_of(pki, "client"))
    assert "up" not in out.split()
    assert "not for the name other.example" in out


def s_server(run, port, *args):
    server = run(need("openssl"), "s_server", "-accept", f"127.0.0.1:{port}", "-quiet", *args,
                 stdin=subprocess.PIPE)
    until_listening("127.0.0.1", port)
    return server


def visit_mute(port, server, *credentials):
    """Of a server that has to be told its CSM, until the client has been there twice."""
    client = subprocess.Popen([BUILT / "echo_client", f"tcp:127.0.0.1:{port}", "dots.example", "-",
                               *[str(c) for c in credentials]], stdout=subprocess.PIPE, text=True)
    end = time.monotonic() + PATIENCE
    while client.poll() is None and time.monotonic() < end:
        say(server)
        time.sleep(0.1)
    client.kill()
    return client.communicate()[0]


# 9132-7.1-13
@BOTH
@pytest.mark.parametrize("kind", ["x509", "psk"])
def test_our_client_resumes_at_openssl(kind, version, run, pki):
    port = free_port()
    crt, key, trust = certificate_of(pki, "server")
    if kind == "x509":
        server = s_server(run, port, protocol(version), "-alpn", "coap", "-cert", crt, "-key", key,
                          "-CAfile", trust, "-Verify", "2")
        out = visit_mute(port, server, *certificate_of(pki, "client"))
        peer = "dots.example"
    else:
        server = s_server(run, port, protocol(version), "-alpn", "coap", "-nocert", "-psk", KEY_HEX,
                          "-psk_identity", IDENTITY)
        out = visit_mute(port, server, IDENTITY, pki / "key.psk")
        peer = IDENTITY
    assert f"up {peer} full" in out and f"up {peer} resumed" in out, out


def test_our_client_insists_on_the_protocol(run, pki):
    port = free_port()
    crt, key, trust = certificate_of(pki, "server")
    s_server(run, port, "-cert", crt, "-key", key, "-CAfile", trust, "-Verify", "2")
    out = visit("127.0.0.1", port, "dots.example", "-", *certificate_of(pki, "client"))
    assert 'does not speak "coap" (RFC 8323 8.2)' in out, out
    s_server(run, port + 1, "-alpn", "h2", "-cert", crt, "-key", key, "-CAfile", trust, "-Verify", "2")
    out = visit("127.0.0.1", port + 1, "dots.example", "-", *certificate_of(pki, "client"))
    assert "up" not in out.split(), out
