#!/usr/bin/python3
"""HTTPS with clients of others: curl, openssl s_client, Python's ssl. https_server answers with what it was
asked, a tenth of a second later. Run as a program it prints TAP."""
import os
import pathlib
import random
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
import tap  # noqa: E402
from ports import free_port  # noqa: E402

SERVER = os.environ["HTTPS_SERVER"]
SANITIZED = b"__asan_" in pathlib.Path(SERVER).read_bytes()
PATIENCE = 120
MIB = 1024 * 1024


def openssl(*argv, **kw):
    return subprocess.run(["openssl", *argv], check=True, capture_output=True, **kw)


class Pki:
    """CAs and what they sign, as files."""

    def __init__(self, path):
        self.path = path
        (path / "index.txt").write_text("")
        (path / "crlnumber").write_text("01\n")
        (path / "ca.cnf").write_text(
            "[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\ncrlnumber=crlnumber\ndefault_md=sha256\ndefault_crl_days=2\n")
        for ca in ("ca", "other-ca"):
            openssl("req", "-x509", *self.key(ca), "-out", f"{ca}.crt", "-subj", f"/CN={ca}", "-days", "2", cwd=path)
        for name, ca, use in (("server", "ca", "server"), ("client", "ca", "client"), ("revoked", "ca", "client"),
                              ("foreign", "other-ca", "client")):
            self.sign(name, ca, use)
        openssl("ca", "-config", "ca.cnf", "-keyfile", "ca.key", "-cert", "ca.crt", "-revoke", "revoked.crt", cwd=path)
        openssl("ca", "-config", "ca.cnf", "-keyfile", "ca.key", "-cert", "ca.crt", "-gencrl", "-out", "ca.crl", cwd=path)

    @staticmethod
    def key(name):
        return ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{name}.key")

    def sign(self, name, ca, use):
        (self.path / f"{name}.ext").write_text(
            f"subjectAltName=DNS:{name}.example,IP:127.0.0.1\nextendedKeyUsage={use}Auth\n")
        openssl("req", *self.key(name), "-out", f"{name}.csr", "-subj", f"/CN={name}.example", cwd=self.path)
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", f"{ca}.crt", "-CAkey", f"{ca}.key", "-CAcreateserial",
                "-out", f"{name}.crt", "-days", "2", "-extfile", f"{name}.ext", cwd=self.path)

    def __getitem__(self, name):
        return str(self.path / name)


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    return Pki(tmp_path_factory.mktemp("pki"))


class Server:
    def __init__(self, pki, crl, *options):
        self.pki, self.port = pki, free_port()
        crl = pki[crl] if crl != "-" else crl
        self.url = f"https://127.0.0.1:{self.port}"
        self.process = subprocess.Popen(
            [SERVER, f"127.0.0.1:{self.port}", pki["server.crt"], pki["server.key"], pki["ca.crt"], crl, "delay=100",
             *options], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "ready\n"

    def rss(self):
        """0 with a sanitizer, which has memory of its own."""
        if SANITIZED:
            return 0
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) * 1024

    def connect(self, certificate="client"):
        c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        c.load_verify_locations(self.pki["ca.crt"])
        if certificate:
            c.load_cert_chain(self.pki[f"{certificate}.crt"], self.pki[f"{certificate}.key"])
        s = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)
        return c.wrap_socket(s, server_hostname="127.0.0.1")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(PATIENCE) == 0


@pytest.fixture
def server(pki, request):
    s = Server(pki, *getattr(request, "param", ("-",)))
    yield s
    s.stop()


def curl(server, *argv, certificate="client", check=True):
    auth = ["--cert", server.pki[f"{certificate}.crt"], "--key", server.pki[f"{certificate}.key"]] if certificate else []
    return subprocess.run(["curl", "-sS", "-m", str(PATIENCE), "--cacert", server.pki["ca.crt"], *auth, *argv],
                          check=check, capture_output=True, text=True)


def s_client(server, text, *argv, certificate="client"):
    """What openssl prints, until the server ends the connection."""
    auth = ["-cert", server.pki[f"{certificate}.crt"], "-key", server.pki[f"{certificate}.key"]] if certificate else []
    return subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", "-CAfile", server.pki["ca.crt"],
                           "-ign_eof", *auth, *argv], input=text, capture_output=True, text=True, timeout=PATIENCE)


GET_ONCE = "GET /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"


def everything(sock):
    got = b""
    try:
        while part := sock.recv(65536):
            got += part
    except (ssl.SSLError, ConnectionError):
        pass
    return got


# --- curl ------------------------------------------------------------------------------------------

def test_curl_is_known_by_its_certificate(server):
    out = curl(server, server.url + "/restconf/data/a%2Fb?c=%20d").stdout
    assert out.splitlines() == ["GET", "/restconf/data/a%2Fb", "c=%20d", "client.example", "(none)", "0"]


def test_curl_without_a_certificate_is_nobody(server):
    assert "(nobody)" in curl(server, server.url, certificate=None).stdout


def test_curl_does_all_methods_with_bodies(server):
    for method in ("PUT", "POST", "PATCH", "DELETE", "BREW"):
        out = curl(server, "-X", method, "-d", '{"a":1}', server.url + "/p").stdout
        assert out.splitlines() == [method, "/p", "(none)", "client.example", "(none)", "7", '{"a":1}']
    head = curl(server, "-I", server.url + "/p").stdout
    assert head.startswith("HTTP/1.1 200 OK") and "Date: " in head and "Content-Length: " in head
    out = curl(server, "-X", "OPTIONS", "--request-target", "*", server.url).stdout
    assert out.startswith("OPTIONS\n*\n")


def test_curl_sends_large_bodies_and_chunks(server, tmp_path):
    body = tmp_path / "body"
    body.write_text("x" * MIB)
    for extra in ([], ["-H", "Transfer-Encoding: chunked"], ["-H", "Expect:"]):
        assert curl(server, "-T", str(body), *extra, server.url + "/p").stdout.endswith("x" * MIB)
    body.write_text("x" * (MIB + 1))
    for extra in ([], ["-H", "Transfer-Encoding: chunked"], ["-H", "Expect:"]):
        r = curl(server, "-o", "/dev/null", "-w", "%{http_code}", "-T", str(body), *extra, server.url + "/p", check=False)
        assert r.stdout == "413", r


def test_curl_uses_a_connection_again(server):
    r = curl(server, "-w", "%{num_connects}\n", *[server.url + f"/{i}" for i in range(5)])
    assert [line for line in r.stdout.splitlines() if line in "01"].count("1") == 1
    assert [line for line in r.stdout.splitlines() if line.startswith("/")] == [f"/{i}" for i in range(5)]


@pytest.mark.parametrize("server", [("ca.crl",)], indirect=True)
def test_curl_with_a_revoked_or_foreign_certificate_is_turned_away(server):
    for name in ("revoked", "foreign"):
        r = curl(server, "--tls-max", "1.2", server.url, certificate=name, check=False)
        assert r.returncode != 0 and r.stdout == "", name
    assert "client.example" in curl(server, server.url).stdout


# --- openssl ---------------------------------------------------------------------------------------

def test_openssl_negotiates_what_the_profile_says(server):
    """8040-2.1-02, 8783-10-03, 8783-10-13, 8783-10-14: versions, suites, protocol, no early data."""
    for version in ("-tls1_2", "-tls1_3"):
        out = s_client(server, GET_ONCE, version, "-alpn", "h2,http/1.1", "-servername", "dots.example").stdout
        assert "ALPN protocol: http/1.1" in out and "client.example" in out, out
        assert "Compression: NONE" in out
        assert "Secure Renegotiation IS supported" in out or version == "-tls1_3"
    assert "Max Early Data: 0" in s_client(server, GET_ONCE, "-tls1_3").stdout
    assert "Extended master secret: yes" in s_client(server, GET_ONCE, "-tls1_2").stdout
    for refused in (["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"], ["-tls1", "-cipher", "ALL:@SECLEVEL=0"],
                    ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA256:ECDHE-ECDSA-AES256-SHA"],
                    ["-tls1_2", "-cipher", "AES128-GCM-SHA256"], ["-alpn", "h2"], ["-alpn", "coap"]):
        r = s_client(server, GET_ONCE, *refused)
        assert "HTTP/1.1" not in r.stdout and "alert" in r.stderr, refused


def test_openssl_resumes_by_ticket(server, tmp_path):
    """8783-10-08"""
    for version in ("-tls1_2", "-tls1_3"):
        ticket = str(tmp_path / version)
        assert "Reused" not in s_client(server, GET_ONCE, version, "-sess_out", ticket).stdout
        out = s_client(server, GET_ONCE, version, "-sess_in", ticket).stdout
        assert "Reused, " in out and "client.example" in out


def test_openssl_without_a_certificate_is_asked_for_one(server):
    """8040-2.5-03"""
    out = s_client(server, GET_ONCE, certificate=None).stdout
    assert "Acceptable client certificate CA names\nCN = ca\n" in out and "(nobody)" in out


# --- crowds ----------------------------------------------------------------------------------------

CROWD = ("-", "max-connections=1200", "max-connections-per-prefix=1200", "timeout=600")


@pytest.mark.parametrize("server", [CROWD], indirect=True)
def test_a_thousand_connections_cost_little(server):
    before, crowd = server.rss(), []
    for _ in range(1000):
        crowd.append(server.connect())
    for s in crowd:
        s.sendall(b"GET /x HTTP/1.1\r\nHost: h\r\n\r\n")
    for s in crowd:
        assert s.recv(65536).startswith(b"HTTP/1.1 200 ")
    assert server.rss() - before < 1000 * 128 * 1024
    for s in crowd:
        s.close()
    assert "client.example" in curl(server, server.url).stdout


@pytest.mark.parametrize("server", [CROWD], indirect=True)
def test_heads_and_bodies_that_never_end_cost_little(server):
    before, crowd = server.rss(), []
    head = b"PUT /x HTTP/1.1\r\nHost: h\r\n"
    for i in range(200):
        s = server.connect(certificate="client" if i % 2 else None)
        s.sendall(head + (b"Content-Length: 1000000\r\n\r\n" if i % 4 > 1 else b"A: ") + b"x" * 8000)
        crowd.append(s)
    assert server.rss() - before < 200 * 256 * 1024
    for s in crowd:
        s.close()
    assert "client.example" in curl(server, server.url).stdout


@pytest.mark.parametrize("server", [("-", "timeout=1", "request-timeout=2")], indirect=True)
def test_slow_peers_are_closed(server):
    """None of them keeps its place, and the others are served meanwhile."""
    idle, head, body = server.connect(), server.connect(), server.connect()
    head.sendall(b"GET / HTTP/1.1\r\n")
    body.sendall(b"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n")
    silent = socket.create_connection(("127.0.0.1", server.port))
    reader = server.connect()
    reader.sendall(b"GET /big/8000000 HTTP/1.1\r\nHost: h\r\n\r\n")
    begin = time.monotonic()
    over = set()
    while len(over) < 2 and time.monotonic() - begin < PATIENCE:
        for s, drop in ((head, b"A: b\r\n"), (body, b"x")):
            try:
                s.sendall(drop)
            except OSError:
                over.add(s)
        assert "client.example" in curl(server, server.url).stdout
    assert over == {head, body}
    assert everything(idle) == b"" and silent.recv(1) == b""
    for s in (idle, head, body, silent):
        s.close()
    got = everything(reader)
    assert len(got) < 8000000


# --- noise -----------------------------------------------------------------------------------------

def noise(dice):
    """A request with something wrong in it, somewhere."""
    text = bytearray(b"PUT /restconf/data/a=b?c=d HTTP/1.1\r\nHost: dots.example\r\nContent-Type: application/yang-data"
                     b"+json\r\nTransfer-Encoding: chunked\r\nCookie: a=b; c=d\r\n\r\n5;x=y\r\n{\"a\":\r\n2\r\n1}\r\n0\r\nT: u\r\n\r\n")
    for _ in range(dice.randint(1, 6)):
        at = dice.randrange(len(text))
        what = dice.randrange(4)
        if what == 0:
            text[at] = dice.randrange(256)
        elif what == 1:
            del text[at:at + dice.randint(1, 30)]
        elif what == 2:
            text[at:at] = bytes(dice.choice(b"\r\n\0 \t:;=&?%\xff0fF,") for _ in range(dice.randint(1, 8)))
        else:
            text[at:at] = text[at:at + dice.randint(1, 60)] * dice.randint(1, 3)
    return bytes(text)


@pytest.mark.parametrize("server", [("-", "request-timeout=1")], indirect=True)
def test_noise_is_answered_or_closed(server):
    dice = random.Random(9112)
    before = server.rss()
    for _ in range(300):
        with server.connect() as s:
            try:
                s.sendall(noise(dice))
                s.sendall(GET_ONCE.encode())
            except OSError:
                pass
            got = everything(s)
            assert got == b"" or got.startswith(b"HTTP/1.1 "), got
    assert server.rss() - before < 16 * MIB
    assert "client.example" in curl(server, server.url).stdout


if __name__ == "__main__":
    os.environ["PATH"] = "/usr/sbin:/usr/bin:/sbin:/bin"
    for tool in ("curl", "openssl"):
        if not shutil.which(tool):
            sys.exit(f"{tool} is not installed (scripts/deps)")
    tap.run(__file__)
