"""Bodies in blocks (RFC 7959) with libcoap at the other end; what test_session.py says holds."""

import subprocess
import zlib

import pytest

from peers import COAP_CLIENTS, COAP_SERVERS, IDENTITY, KEY_TEXT, PATIENCE, free_port, need, until_bound
from test_session import coap, visit

PSK = ["-u", IDENTITY, "-k", KEY_TEXT]
LARGE = 20000


def lines(version):
    """What echo_server makes of "large"."""
    text = ""
    line = 0
    while len(text) < LARGE:
        text += f"version {version} line {line}\n"
        line += 1
    return text[:LARGE]


# --- libcoap's clients fetch from our server -------------------------------------------------------


@pytest.mark.parametrize("client", COAP_CLIENTS)
@pytest.mark.parametrize("args", [[], ["-N"], ["-b", "64"], ["-b", "16", "-N"], ["-b", "1024"]])
def test_coap_client_fetches_a_large_body(client, args, serve, tmp_path):
    server, port = serve("psk")
    out = tmp_path / "out"
    r = coap(client, port, *PSK, *args, "-o", out, path="/large")
    assert out.read_text() == lines(1), r.stdout + r.stderr
    server.wait_for("^down closed by the peer")
    assert sum(line.startswith("request") for line in server.lines) == 1


# 9132-9-11
@pytest.mark.parametrize("client", COAP_CLIENTS)
def test_coap_client_is_told_to_split_its_request(client, serve, tmp_path):
    server, port = serve("psk")
    body = tmp_path / "body"
    body.write_bytes(bytes(5000))
    r = coap(client, port, *PSK, "-m", "put", "-f", body, path="/large")
    assert "4.13 RFC 9132 7.3: a request is one datagram" in r.stdout + r.stderr
    server.wait_for("^down closed by the peer")
    assert not any(line.startswith("request") for line in server.lines)


# --- our client fetches from libcoap's servers -----------------------------------------------------


# 9132-4.4.2-12
@pytest.mark.parametrize("server", COAP_SERVERS)
@pytest.mark.parametrize("size", [1024, 1100, 50000])
def test_our_client_fetches_a_large_body(server, size, run, pki, tmp_path):
    port = free_port()
    body = tmp_path / "body"
    body.write_bytes(bytes(i * 7 % 251 for i in range(size)))
    run(need(server), "-A", "127.0.0.1", "-p", port - 1, "-k", KEY_TEXT, "-h", "hint", "-d", "4")
    until_bound(port)
    put = subprocess.run([need(COAP_CLIENTS[0]), "-B", "20", *PSK, "-m", "put", "-f", body,
                          f"coaps://127.0.0.1:{port}/big"],
                         capture_output=True, text=True, timeout=PATIENCE)
    out = visit(port, "dots.example", "big", IDENTITY, pki / "key.psk")
    assert out.count(f"answer 2.05 {size} bytes {zlib.adler32(body.read_bytes()):08x}") == 2, \
        put.stdout + put.stderr + out
