#!/usr/bin/python3
"""Lists of mitigations that fit no datagram, as clients of other people fetch them: dotsd with a
dry-run mitigator, libcoap's client over loopback.

DOTSD and DOTSCTL name the programs. Run as a program it prints TAP."""
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

import pytest

from control_test import PATIENCE, Daemon, free_port, until

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
import tap  # noqa: E402

KEY = "sixteen-byte-key"  # libcoap takes the key as text
MANY, FEW = 300, 60
# Table 5 of RFC 9132
MITIGATION_SCOPE, SCOPE, MID, TARGET_PREFIX, LIFETIME, STATUS = 1, 2, 5, 6, 14, 16
SERVER = """instance: {name}
state: {name}-state
control: {name}.sock
events: {name}.json
listen: [{{address: 127.0.0.1, port: {port}}}]
clients:
  acme: {{psk: [{{identity: acme, file: key.psk}}], prefixes: [192.0.2.0/24, 198.51.100.0/24]}}
mitigators: [dry-run: {{}}]
session: {{heartbeat-interval: 240}}
limits: {limits}
"""


def head(major, n):
    if n < 24:
        return bytes([major << 5 | n])
    return bytes([major << 5 | 24, n]) if n < 256 else bytes([major << 5 | 25]) + n.to_bytes(2, "big")


def encode(value):
    if isinstance(value, int):
        return head(0, value)
    if isinstance(value, str):
        return head(3, len(value)) + value.encode()
    if isinstance(value, list):
        return head(4, len(value)) + b"".join(map(encode, value))
    return head(5, len(value)) + b"".join(encode(x) for pair in value.items() for x in pair)


def decode(data):
    """A CBOR item of what DOTS uses, and what follows it."""
    major, n = data[0] >> 5, data[0] & 31
    data = data[1:]
    if major == 7:
        return {20: False, 21: True}[n], data
    if n >= 24:
        size = 1 << (n - 24)
        assert size <= 8
        n, data = int.from_bytes(data[:size], "big"), data[size:]
    if major == 0:
        return n, data
    if major == 1:
        return -1 - n, data
    if major == 3:
        if len(data) < n:
            raise IndexError
        return data[:n].decode(), data[n:]
    items = []
    for _ in range(n * (major - 3)):
        item, data = decode(data)
        items.append(item)
    return (items if major == 4 else dict(zip(items[::2], items[1::2]))), data


def bodies_of(data):
    """The scope entries of each answer, as far as they are complete."""
    bodies = []
    while data:
        try:
            value, data = decode(data)
        except IndexError:
            break
        bodies.append(value[MITIGATION_SCOPE][SCOPE])
    return bodies


def target(mid):
    return f"192.0.2.{mid}/32" if mid < 256 else f"198.51.100.{mid - 256}/32"


def is_list(scopes, n):
    return [(s[MID], s[TARGET_PREFIX]) for s in scopes] == [(m, [target(m)]) for m in range(1, n + 1)]


class Client:
    """libcoap's."""

    def __init__(self, folder, port):
        self.folder, self.port = folder, port

    def command(self, path, out, *args):
        return ["coap-client-openssl", "-u", "acme", "-k", KEY, "-N", "-o", out, *args,
                f"coaps://127.0.0.1:{self.port}/.well-known/dots/mitigate/{path}"]

    def __call__(self, path, *args):
        """(payload, what it printed)"""
        out = self.folder / "out"
        out.unlink(missing_ok=True)
        r = subprocess.run(self.command(path, out, "-B", "20", *args), capture_output=True, timeout=PATIENCE)
        return out.read_bytes() if out.exists() else b"", (r.stdout + r.stderr).decode()

    def ask(self, mid):
        body = self.folder / "body"
        body.write_bytes(encode({MITIGATION_SCOPE: {SCOPE: [{TARGET_PREFIX: [target(mid)], LIFETIME: 3600}]}}))
        self(f"cuid=acme-1/mid={mid}", "-m", "put", "-t", "271", "-f", body)

    def ask_many(self, n):
        for mid in range(1, n + 1):
            self.ask(mid)


class Relay(threading.Thread):
    """Passes datagrams between one client and the server; of the client's requests the second is held
    back for a second and the third is lost. Then `unasked` is what comes without a fourth."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.outer, self.inner = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        self.outer.bind(("127.0.0.1", 0))
        self.inner.connect(("127.0.0.1", port))
        self.port, self.requests, self.unasked = self.outer.getsockname()[1], 0, 0
        self.start()

    def run(self):
        data, client = self.outer.recvfrom(65536)
        threading.Thread(target=self.down, args=(client,), daemon=True).start()
        while True:
            self.requests += data[0] == 23  # application data
            if self.requests == 2:
                time.sleep(1)
            if self.requests != 3:
                self.inner.send(data)
            data = self.outer.recv(65536)

    def down(self, client):
        while True:
            data = self.inner.recv(65536)
            self.unasked += self.requests == 3
            self.outer.sendto(data, client)


@pytest.fixture(scope="module")
def folder():
    path = pathlib.Path(tempfile.mkdtemp(prefix="dotsd-list-"))
    path.chmod(0o755)
    (path / "key.psk").write_text(KEY.encode().hex() + "\n")
    yield path
    shutil.rmtree(path)


@pytest.fixture
def serve(folder):
    daemons = []

    def start(name, limits="{}"):
        d = Daemon(folder, name, SERVER.format(name=name, port=free_port(), limits=limits))
        d.port = int(d.path.read_text().split("port: ")[1].split("}")[0])
        daemons.append(d.start())
        return d

    yield start
    for d in daemons:
        assert d.stop() == 0


# 9132-4.4.2-09 9132-4.4.2-10 9132-4.4.2-16 9132-4.4.2-21
def test_list_of_many_mitigations_comes_whole(folder, serve):
    server = serve("many")
    client = Client(folder, server.port)
    client.ask_many(MANY)
    assert len(server("list")[1]["mitigations"]) == MANY
    for size in ([], ["-b", "64"]):
        data, said = client("cuid=acme-1", *size)
        scopes, = bodies_of(data)
        assert is_list(scopes, MANY), said
        assert all(s[STATUS] for s in scopes)
    # Asked once each time: blocks are no matter of the role.
    assert [e["code"] for e in server.events("get-mitigate")] == ["2.05"] * 2


# 9132-4.4.2.1-02 9132-4.4.2.1-04
def test_observed_list_comes_whole_each_time(folder, serve):
    server = serve("observed")
    client, seen = Client(folder, server.port), folder / "seen"
    client.ask_many(FEW)
    # -L 3: libcoap puts the body together and remembers that it is observed
    watch = subprocess.Popen(client.command("cuid=acme-1", seen, "-L", "3", "-s", "600"))
    until(lambda: seen.exists() and bodies_of(seen.read_bytes()), "registration")
    client.ask(FEW + 1)
    until(lambda: is_list(bodies_of(seen.read_bytes())[-1], FEW + 1), "notification")
    assert is_list(bodies_of(seen.read_bytes())[0], FEW)
    watch.terminate()
    watch.wait(PATIENCE)


def test_notification_waits_for_a_fetch_and_comes(folder, serve):
    server = serve("waiting")
    client, seen = Client(folder, server.port), folder / "seen-late"
    client.ask_many(FEW)
    relay = Relay(server.port)
    slow = Client(folder, relay.port)
    watch = subprocess.Popen(slow.command("cuid=acme-1", seen, "-L", "3", "-s", "600"))
    until(lambda: relay.requests, "registration")
    client.ask(FEW + 1)
    until(lambda: relay.unasked, "notification")
    watch.terminate()
    watch.wait(PATIENCE)


@pytest.mark.parametrize("limits, text", [
    ("{response-body: 2048}", "5.00 RFC 9132 4.4.2: the answer is larger than what this server sends"),
    ("{response-bodies: 2048}", "5.03 RFC 7959 7.1: there is no room now"),
])
def test_large_lists_are_limited(limits, text, folder, serve):
    server = serve("limited" + text[3], limits)
    client = Client(folder, server.port)
    client.ask_many(FEW)
    data, said = client("cuid=acme-1")
    assert data == b"" and text in said
    client("cuid=acme-1/mid=1")
    assert [e["code"] for e in server.events("get-mitigate")][-1] == "2.05"
    refused = [e["reason"] for e in server.events("request-refused")]
    assert refused == (["RFC 9132 4.4.2: the list is too large"] if "5.00" in text else [])


def test_list_that_grows_too_large_is_no_longer_observed(folder, serve):
    server = serve("growing", "{response-body: 2048}")
    client, seen, said = Client(folder, server.port), folder / "seen-growing", folder / "said"
    client.ask_many(40)
    watch = subprocess.Popen(client.command("cuid=acme-1", seen, "-L", "3", "-s", "600"), stderr=said.open("w"))
    until(lambda: seen.exists() and bodies_of(seen.read_bytes()), "registration")
    for mid in range(41, FEW + 1):
        client.ask(mid)
    until(lambda: "5.00 RFC 9132 4.4.2" in said.read_text(), "last notification")
    watch.terminate()
    watch.wait(PATIENCE)


if __name__ == "__main__":
    tap.run(__file__)
