"""Sessions against other implementations of DTLS and CoAP.

The programs under test are echo_server and echo_client (DOTSD_INTEROP_DIR names the directory they
were built in); the peers are libcoap's tools, gnutls-cli, gnutls-serv and openssl.
"""

import os
import pathlib
import queue
import re
import shutil
import socket
import subprocess
import threading
import time

import pytest

BUILT = pathlib.Path(os.environ.get("DOTSD_INTEROP_DIR", "."))
PATIENCE = 30
IDENTITY = "jane"
KEY_TEXT = "sixteen-byte-key"  # libcoap takes the key as text
KEY_HEX = KEY_TEXT.encode().hex()
HB = "/.well-known/dots/hb"


def need(program):
    if not shutil.which(program):
        pytest.skip(f"{program} is not installed")
    return program


def free_port():
    # libcoap's server listens for DTLS on the port after the one it is given
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@pytest.fixture(scope="session")
def pki(tmp_path_factory):
    """ca, server (dots.example, 127.0.0.1) and client, foreign: signed by another CA."""
    d = tmp_path_factory.mktemp("pki")

    def openssl(*args):
        subprocess.run(["openssl", *args], cwd=d, check=True, capture_output=True)

    def ca(name):
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-keyout", f"{name}.key", "-out", f"{name}.crt", "-days", "2", "-subj",
                f"/CN={name}", "-addext", "keyUsage=critical,keyCertSign,cRLSign")

    def leaf(name, issuer, extensions, new_key):
        (d / f"{name}.ext").write_text("basicConstraints=CA:FALSE\nkeyUsage=digitalSignature\n"
                                       + extensions)
        openssl("req", *new_key, "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr",
                "-subj", f"/CN={name}")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", f"{issuer}.crt", "-CAkey",
                f"{issuer}.key", "-CAcreateserial", "-days", "2", "-extfile", f"{name}.ext",
                "-out", f"{name}.crt")

    ec = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    rsa = ["-newkey", "rsa:2048"]
    ca("ca")
    ca("ca2")
    server_names = ("subjectAltName=DNS:dots.example,DNS:localhost,IP:127.0.0.1\n"
                    "extendedKeyUsage=serverAuth\n")
    leaf("server", "ca", server_names, ec)
    leaf("server-rsa", "ca", server_names, rsa)
    leaf("client", "ca", "extendedKeyUsage=clientAuth\n", ec)
    leaf("client-rsa", "ca", "extendedKeyUsage=clientAuth\n", rsa)
    leaf("foreign", "ca2", "extendedKeyUsage=clientAuth\n", ec)
    (d / "key.psk").write_text(KEY_HEX + "\n")
    return d


class Program:
    """A running program whose lines can be waited for."""

    def __init__(self, *args, stdin=None):
        self.process = subprocess.Popen([str(a) for a in args], stdin=stdin or subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                        errors="replace", bufsize=1)
        self.lines = []
        self.queue = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.queue.put(line.rstrip("\n"))
        self.queue.put(None)

    def wait_for(self, pattern):
        end = time.monotonic() + PATIENCE
        while True:
            try:
                line = self.queue.get(timeout=max(0.01, end - time.monotonic()))
            except queue.Empty:
                line = None
            if line is None:
                raise AssertionError(f"no line matches {pattern!r}:\n" + "\n".join(self.lines))
            self.lines.append(line)
            if re.search(pattern, line):
                return line

    def say(self, text):
        self.process.stdin.write(text)
        self.process.stdin.flush()

    def stop(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture
def run():
    programs = []

    def start(*args, **kwargs):
        programs.append(Program(*args, **kwargs))
        return programs[-1]

    yield start
    for p in programs:
        p.stop()


@pytest.fixture
def serve(run, pki):
    """Starts echo_server; kinds: x509, psk. Returns (program, port)."""

    def start(*kinds, certificate="server"):
        port = free_port()
        args = [BUILT / "echo_server", f"127.0.0.1:{port}"]
        if "x509" in kinds:
            args += [pki / f"{certificate}.crt", pki / f"{certificate}.key", pki / "ca.crt"]
        if "psk" in kinds:
            args += [IDENTITY, pki / "key.psk"]
        server = run(*args)
        server.wait_for("^listening$")
        return server, port

    return start


def certificate_of(pki, name, trust="ca"):
    return pki / f"{name}.crt", pki / f"{name}.key", pki / f"{trust}.crt"


# --- libcoap's clients against our server ----------------------------------------------------------

COAP_CLIENTS = ["coap-client-gnutls", "coap-client-openssl"]


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


def gnutls_cli(run, port, *args):
    return run(need("gnutls-cli"), "--udp", "--port", port, "--sni-hostname", "dots.example",
               "--verify-hostname", "dots.example", *args, "127.0.0.1", stdin=subprocess.PIPE)


def s_client(run, port, *args):
    return run(need("openssl"), "s_client", "-dtls1_2", "-connect", f"127.0.0.1:{port}", *args,
               stdin=subprocess.PIPE)


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


def until_bound(port):
    """Until somebody has that UDP port."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                return
        time.sleep(0.02)
    raise AssertionError(f"nobody listens on {port}")


COAP_SERVERS = ["coap-server-gnutls", "coap-server-openssl"]


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
