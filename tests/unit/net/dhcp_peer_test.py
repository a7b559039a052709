#!/usr/bin/python3
"""The DHCP probe with real sockets: dnsmasq as server, and servers by hand that say what none should.
A network with two providers; sockets come from dotsd-priv. Run as a program it prints TAP."""
import contextlib
import ipaddress
import json
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
import tap  # noqa: E402
from netns import RUN, inside, sh  # noqa: E402

PRIV, ASKER = os.environ["DOTSD_PRIV"], os.environ["DHCP_ASKER"]
PATIENCE = 120
NAME = b"\x04dots\x04isp1\x07example\x00"


def ip(ns, *argv):
    return sh("ip", "-n", f"{RUN}-{ns}", *argv).stdout


@pytest.fixture(scope="module")
def network():
    """cpe with wan1 and wan2 towards isp1 and isp2, whose link is e0."""
    names = ("cpe", "isp1", "isp2")
    for n in names:
        sh("ip", "netns", "add", f"{RUN}-{n}")
        sh("ip", "netns", "exec", f"{RUN}-{n}", "sysctl", "-qw", "net.ipv6.conf.all.accept_dad=0",
           "net.ipv6.conf.default.accept_dad=0")
        ip(n, "link", "set", "lo", "up")
    for n in (1, 2):
        ip("cpe", "link", "add", f"wan{n}", "type", "veth", "peer", "name", "e0", "netns", f"{RUN}-isp{n}")
        for ns, dev, host in (("cpe", f"wan{n}", 150), (f"isp{n}", "e0", 1)):
            ip(ns, "link", "set", dev, "up")
            ip(ns, "addr", "add", f"198.18.{n}.{host}/24", "dev", dev)
            ip(ns, "addr", "add", f"2001:db8:{n}::{host}/64", "dev", dev, "nodad")
    ip("cpe", "addr", "add", "198.18.2.151/24", "dev", "wan2")
    ip("isp1", "route", "add", "198.18.2.0/24", "via", "198.18.1.150")
    yield
    for n in names:
        sh("ip", "netns", "delete", f"{RUN}-{n}", check=False)


class Helper:
    """dotsd-priv in cpe."""

    def __init__(self, folder):
        self.path = str(folder / "priv.sock")
        self.proc = subprocess.Popen(["ip", "netns", "exec", f"{RUN}-cpe", PRIV, "--socket", self.path,
                                      "--instance", "test"], stderr=subprocess.DEVNULL)
        for _ in range(500):
            with contextlib.suppress(OSError):
                self.sock = socket.socket(socket.AF_UNIX)
                self.sock.settimeout(PATIENCE)
                self.sock.connect(self.path)
                break
            time.sleep(0.01)
        self.send(bytes([1, 5]) + struct.pack("!H", 4) + b"test")

    def send(self, body):
        self.sock.sendall(struct.pack("!I", len(body)) + body)

    def dhcp_socket(self, family, interface):
        self.send(struct.pack("!BBH", 5, family, len(interface)) + interface.encode())
        head, fds, _, _ = socket.recv_fds(self.sock, 4, 1)
        body = self.sock.recv(struct.unpack("!I", head)[0])
        assert body == b"\x82\0\0", body
        return socket.socket(fileno=fds[0])


@pytest.fixture
def helper(network, tmp_path):
    h = Helper(tmp_path)
    yield h
    h.sock.close()
    h.proc.terminate()
    h.proc.wait()


class Asker:
    """A probe under way."""

    def __init__(self, helper, family, interface, *more):
        with helper.dhcp_socket(family, interface) as s:
            self.proc = subprocess.Popen(["ip", "netns", "exec", f"{RUN}-cpe", ASKER, str(s.fileno()),
                                          str(family), interface, *more],
                                         stdout=subprocess.PIPE, text=True, pass_fds=[s.fileno()])

    def answer(self):
        """{key: value, or list of the values of addr, resolver}"""
        out, _ = self.proc.communicate(timeout=PATIENCE)
        assert self.proc.returncode == 0
        told = {"addr": [], "resolver": []}
        for line in out.splitlines():
            key, _, value = line.partition(" ")
            if key in ("addr", "resolver"):
                told[key].append(value)
            else:
                told[key] = value
        return told


@contextlib.contextmanager
def dnsmasq(folder, ns, *options):
    """A server of both families at ns's e0."""
    n = ns[-1]
    conf = folder / "dnsmasq.conf"
    conf.write_text("\n".join((
        "port=0", "interface=e0", "bind-interfaces", "except-interface=lo", "dhcp-authoritative", "user=root",
        f"dhcp-leasefile={folder}/leases", f"dhcp-range=198.18.{n}.100,198.18.{n}.200,255.255.255.0,2m",
        f"dhcp-range=2001:db8:{n}::1000,2001:db8:{n}::1fff,64,2m", *options)) + "\n")
    proc = subprocess.Popen(["ip", "netns", "exec", f"{RUN}-{ns}", "dnsmasq", "-k", f"--conf-file={conf}",
                             f"--pid-file={folder}/pid"], stderr=subprocess.DEVNULL)
    try:
        for _ in range(1000):
            ports = sh("ip", "netns", "exec", f"{RUN}-{ns}", "ss", "-Hlun").stdout
            if ":67 " in ports and ":547 " in ports:
                break
            assert proc.poll() is None
            time.sleep(0.01)
        yield
    finally:
        proc.terminate()
        proc.wait()


def colons(value):
    return value.hex(":")


# 8973-5.2.1-01, 8973-5.2.2-01, 8973-5.2.3-01: dnsmasq sends these options only if they are asked for.
def test_dnsmasq_answers_an_inform(helper, tmp_path):
    options = (f"dhcp-option=147,{colons(NAME)}", "dhcp-option=148,198.18.1.10,127.0.0.1,198.18.1.11",
               "dhcp-option=6,198.18.1.53", "domain=isp1.example")
    with dnsmasq(tmp_path, "isp1", *options):
        for server in ((), ("198.18.1.1",)):
            told = Asker(helper, 4, "wan1", "198.18.1.150", *server).answer()
            assert told["name"] == "dots.isp1.example"
            assert told["addr"] == ["198.18.1.10", "198.18.1.11"]
            assert told["domain"] == "isp1.example"
            assert told["resolver"] == ["198.18.1.53:53"]


# 8973-5.1.1-01, 8973-5.1.2-01, 8973-5.1.2-05, 8973-5.1.3-01
def test_dnsmasq_answers_an_information_request(helper, tmp_path):
    mapped = b"\0" * 10 + b"\xff\xff\xc6\x12\x01\x0a"
    addresses = ipaddress.ip_address("2001:db8:1::10").packed + mapped + ipaddress.ip_address("ff02::1").packed
    link_local = json.loads(ip("isp1", "-j", "addr", "show", "dev", "e0", "scope", "link"))
    link_local = next(a["local"] for link in link_local for a in link["addr_info"]
                      if a.get("family") == "inet6")
    options = (f"dhcp-option=option6:141,{colons(NAME)}", f"dhcp-option=option6:142,{colons(addresses)}",
               f"dhcp-option=option6:dns-server,[2001:db8:1::53],[{link_local}]",
               "dhcp-option=option6:domain-search,isp1.example,other.example",
               "dhcp-option=option6:information-refresh-time,2h")
    with dnsmasq(tmp_path, "isp1", *options):
        told = Asker(helper, 6, "wan1").answer()
    assert told["name"] == "dots.isp1.example"
    assert told["addr"] == ["2001:db8:1::10", "198.18.1.10"]
    assert told["domain"] == "isp1.example"
    assert told["lifetime"] == "7200"
    assert told["resolver"][0] == "[2001:db8:1::53]:53"
    assert told["resolver"][1].startswith(f"[{link_local}%") and "%0" not in told["resolver"][1]


@pytest.mark.parametrize("family", [4, 6])
def test_a_provider_without_dots_says_nothing_of_it(helper, tmp_path, family):
    with dnsmasq(tmp_path, "isp1"):
        told = Asker(helper, family, "wan1", *(["198.18.1.150"] if family == 4 else [])).answer()
    assert told["name"] == "" and told["addr"] == []


# ---- servers by hand


def server_socket(ns, family, port=None):
    with inside(ns):
        if family == 4:
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            s.bind(("", port or 67))
        else:
            s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
            index = socket.if_nametoindex("e0")
            s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP,
                         socket.inet_pton(socket.AF_INET6, "ff02::1:2") + struct.pack("@i", index))
            s.bind(("::", port or 547))
    s.settimeout(PATIENCE)
    return s


def question_at(server):
    """(message, where it came from)"""
    question, client = server.recvfrom(2000)
    # The name of the interface that belongs to the scope is one of another namespace here.
    return question, (client[0].split("%")[0], *client[1:])


def ack(question, options, xid=None):
    head = bytearray(question[:240])
    head[0] = 2
    head[4:8] = xid or head[4:8]
    return bytes(head) + b"\x35\x01\x05" + options


def reply(question, options, xid=None):
    client = question[4:18]  # its identifier comes first
    return b"\x07" + (xid or question[1:4]) + client + b"\0\x02\0\x01x" + options


def name_option(family, name):
    value = bytes([len(name)]) + name.encode() + b"\0"
    return bytes([147, len(value)]) + value if family == 4 else struct.pack("!HH", 141, len(value)) + value


def hostile(family, question):
    """(what, datagram) of what is no answer."""
    make, right = (ack, question[4:8]) if family == 4 else (reply, question[1:4])
    wrong = bytes(b ^ 1 for b in right)
    good = make(question, name_option(family, "hostile"))
    empty = b"\x39\0" if family == 4 else b"\0\x39\0\0"
    yield "another transaction", make(question, name_option(family, "hostile"), wrong)
    yield "no transaction", make(question, name_option(family, "hostile"), b"\0" * len(right))
    yield "nothing", b""
    yield "the question", question
    for n in range(1, len(good), 7):
        if n not in (243, 4, 18, 23):  # there an option ends
            yield f"the first {n} bytes", good[:n]
    yield "thousands of options, then one that is broken off", make(question, empty * 2000 + name_option(family, "x")[:-1])
    yield "what does not fit", make(question, empty * (30000 // len(empty)) + name_option(family, "hostile"))
    yield "noise", os.urandom(1200)


@pytest.mark.parametrize("family", [4, 6])
def test_hostile_answers_are_passed_over(helper, family):
    """What a probe takes after them is the good one, with thousands of options before its name."""
    make = ack if family == 4 else reply
    with server_socket("isp2", family) as server, server_socket("isp2", family, 1067) as elsewhere:
        asker = Asker(helper, family, "wan2", *(["198.18.2.151"] if family == 4 else []))
        question, client = question_at(server)
        for what, datagram in hostile(family, question):
            server.sendto(datagram, client)
            assert asker.proc.poll() is None, what
        elsewhere.sendto(make(question, name_option(family, "elsewhere")), client)
        empty = b"\x39\0" if family == 4 else b"\0\x39\0\0"
        server.sendto(make(question, empty * 2000 + name_option(family, "good")), client)
        assert asker.answer()["name"] == "good"


# 8973-5.2.2-05
def test_fragments_of_a_long_option_are_joined(helper):
    addresses = bytes(60 * 4) + b"".join(bytes((198, 18, 2, n)) for n in range(10, 20))
    with server_socket("isp2", 4) as server:
        asker = Asker(helper, 4, "wan2", "198.18.2.150")
        question, client = question_at(server)
        server.sendto(ack(question, bytes([148, 255]) + addresses[:255] + bytes([148, 25]) + addresses[255:]
                          + b"\xff"), client)
        assert asker.answer()["addr"] == [f"198.18.2.{n}" for n in range(10, 20)]


@pytest.mark.parametrize("family", [4, 6])
def test_a_question_stays_on_its_link(helper, family):
    """It leaves over that link only, from the address asked for or the link-local one; an answer that
    comes in over the other link is not heard."""
    make = ack if family == 4 else reply
    with server_socket("isp1", family) as other, server_socket("isp2", family) as server:
        asker = Asker(helper, family, "wan2", *(["198.18.2.151"] if family == 4 else []))
        question, client = question_at(server)
        if family == 4:
            assert client == ("198.18.2.151", 68)
            assert question[12:16] == bytes((198, 18, 2, 151))
            other.sendto(make(question, name_option(4, "other")), client)
        else:
            assert ipaddress.ip_address(client[0].split("%")[0]).is_link_local and client[1] == 546
            with inside("isp1"):
                there = ("ff02::1", 546, 0, socket.if_nametoindex("e0"))
            other.sendto(make(question, name_option(6, "other")), there)
        server.sendto(make(question, name_option(family, "good")), client)
        assert asker.answer()["name"] == "good"
        other.setblocking(False)
        with pytest.raises(BlockingIOError):
            other.recv(2000)


if __name__ == "__main__":
    os.environ["PATH"] = "/usr/sbin:/usr/bin:/sbin:/bin"
    if not shutil.which("dnsmasq"):
        sys.exit("dnsmasq is not installed (scripts/deps)")
    tap.run(__file__)
