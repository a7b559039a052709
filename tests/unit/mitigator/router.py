"""A dotsd-priv in a router between two namespaces, and a client of its protocol that shares no code with it.
DOTSD_PRIV names the program."""
import contextlib
import ipaddress
import os
import signal
import socket
import struct
import subprocess
import time

import pytest

from netns import RUN, sh

PRIV = os.environ["DOTSD_PRIV"]
VERSION = 5
SYNC, COMMIT, COUNTERS, DHCP_SOCKET, SOCKET = 2, 3, 4, 5, 130
DROP, LIMIT, PER_SOURCE, OBSERVE = 0, 1, 2, 3
UDP, TCP = 17, 6


@pytest.fixture(scope="module")
def network():
    names = ("a", "r", "b")
    for n in names:
        sh("ip", "netns", "add", f"{RUN}-{n}")
        sh("ip", "-n", f"{RUN}-{n}", "link", "set", "lo", "up")
    for left, right, net4, net6 in (("a", "r", "10.77.1.", "fd77:1::"), ("r", "b", "10.77.2.", "fd77:2::")):
        sh("ip", "-n", f"{RUN}-{left}", "link", "add", f"to{right}", "type", "veth", "peer", "name",
           f"to{left}", "netns", f"{RUN}-{right}")
        for n, dev, host in ((left, f"to{right}", 1), (right, f"to{left}", 2)):
            sh("ip", "-n", f"{RUN}-{n}", "addr", "add", f"{net4}{host}/24", "dev", dev)
            sh("ip", "-n", f"{RUN}-{n}", "addr", "add", f"{net6}{host}/64", "dev", dev, "nodad")
            sh("ip", "-n", f"{RUN}-{n}", "link", "set", dev, "up")
    for host in range(10, 30):
        sh("ip", "-n", f"{RUN}-b", "addr", "add", f"10.77.2.{host}/24", "dev", "tor")
        sh("ip", "-n", f"{RUN}-b", "addr", "add", f"fd77:2::{host}/64", "dev", "tor", "nodad")
    sh("ip", "netns", "exec", f"{RUN}-r", "sysctl", "-qw", "net.ipv4.ip_forward=1",
       "net.ipv6.conf.all.forwarding=1")
    for family, via_a, via_b in (("-4", "10.77.1.2", "10.77.2.1"), ("-6", "fd77:1::2", "fd77:2::1")):
        sh("ip", family, "-n", f"{RUN}-a", "route", "add", "default", "via", via_a)
        sh("ip", family, "-n", f"{RUN}-b", "route", "add", "default", "via", via_b)
    for n in range(10, 15):  # neighbours are found before anything is measured
        for net in ("10.77.2.", "fd77:2::"):
            argv = ("ip", "netns", "exec", f"{RUN}-a", "ping", "-nqc1", "-W1", f"{net}{n}")
            assert any(sh(*argv, check=False).returncode == 0 for _ in range(5)), net
    yield
    for n in names:
        sh("ip", "netns", "delete", f"{RUN}-{n}", check=False)


def nft(*argv):
    return sh("ip", "netns", "exec", f"{RUN}-r", "nft", *argv).stdout


class Helper:
    """A dotsd-priv in the router, and a connection to it."""

    def __init__(self, folder):
        self.path = str(folder / "priv.sock")
        self.proc = self.sock = None

    def start(self, *by):
        self.proc = subprocess.Popen(["ip", "netns", "exec", f"{RUN}-r", *by, PRIV, "--socket", self.path,
                                      "--instance", "test"], stderr=subprocess.DEVNULL)
        for _ in range(500):
            with contextlib.suppress(OSError):
                self.sock = socket.socket(socket.AF_UNIX)
                self.sock.connect(self.path)
                break
            time.sleep(0.01)
        self.send(hello())

    def kill(self):
        self.proc.send_signal(signal.SIGKILL)
        self.proc.wait()
        self.sock.close()

    def send(self, body):
        self.sock.sendall(struct.pack("!I", len(body)) + body)

    def read(self):
        head = self.exactly(4)
        return self.exactly(struct.unpack("!I", head)[0])

    def exactly(self, n):
        data = b""
        while len(data) < n:
            more = self.sock.recv(n - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def change(self, op, added=(), removed=(), flows=(), acls=()):
        """(kept, new, gone)"""
        body = struct.pack("!BI", op, len(removed)) + b"".join(struct.pack("!Q", r) for r in removed)
        body += struct.pack("!I", len(added)) + b"".join(added)
        body += struct.pack("!I", len(flows)) + b"".join(flows)
        body += struct.pack("!I", len(acls)) + b"".join(acls)
        self.send(body)
        reply = self.read()
        assert reply[0] == 128
        n = struct.unpack("!H", reply[1:3])[0]
        assert reply[3:3 + n] == b"", reply[3:3 + n].decode()
        return struct.unpack("!III", reply[3 + n:])

    def values(self):
        """Counters of mitigations, of rules of ACLs."""
        self.send(bytes([COUNTERS]))
        reply, at, both = self.read(), 1, []
        for _ in range(2):
            n = struct.unpack("!I", reply[at:at + 4])[0]
            values = [struct.unpack("!QQQ", reply[at + 4 + 24 * i:at + 28 + 24 * i]) for i in range(n)]
            both.append({i: (packets, size) for i, packets, size in values})
            at += 4 + 24 * n
        assert at == len(reply)
        return both

    def counters(self):
        return self.values()[0]

    def dhcp_socket(self, family, interface):
        """A socket, or the text of the refusal."""
        self.send(bytes([DHCP_SOCKET, family]) + text(interface))
        head, fds, _, _ = socket.recv_fds(self.sock, 4, 4)
        reply = self.exactly(struct.unpack("!I", head)[0])
        assert reply[0] == SOCKET and text(reply[3:].decode()) == reply[1:]
        assert len(fds) == (len(reply) == 3)
        return socket.socket(fileno=fds[0]) if fds else reply[3:].decode()


def text(s):
    return struct.pack("!H", len(s)) + s.encode()


def hello(instance="test", version=VERSION):
    return bytes([1, version]) + text(instance)


def addr(a):
    a = ipaddress.ip_address(a)
    return bytes([a.version]) + a.packed


def rule(number, prefixes, protocols=(), ports=(), client="acme", action=(DROP, 0, 0)):
    body = struct.pack("!Q", number) + text(client) + struct.pack("!BBQ", action[0], action[2], action[1])
    body += struct.pack("!I", len(prefixes))
    for p in prefixes:
        p = ipaddress.ip_network(p)
        body += addr(p.network_address) + bytes([p.prefixlen])
    body += struct.pack("!H", len(protocols)) + bytes(protocols)
    body += struct.pack("!H", len(ports))
    for lower, upper in ports:
        body += struct.pack("!HH", lower, upper)
    return body


def flow(client, *pairs, protocol=UDP):
    body = text(client) + struct.pack("!I", len(pairs))
    for (server, sport), peer in pairs:
        body += bytes([protocol]) + addr(server) + struct.pack("!H", sport)
        body += addr(peer[0]) + struct.pack("!H", peer[1]) if peer else b"\0\0\0"
    return body


@pytest.fixture
def helper(network, tmp_path):
    h = Helper(tmp_path)
    h.start()
    h.change(SYNC)
    yield h
    h.change(SYNC)
    h.kill()
