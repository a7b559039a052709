#!/usr/bin/python3
"""Sends packets from inside a namespace.

	send.py flood RATE SECONDS COUNT PORT DST...	 marked UDP datagrams, RATE a second to each DST, for so
						 long or so many ("-": no COUNT)
	send.py probe SRC DEV PORT DST...	 a UDP datagram and a TCP connection attempt to each DST
						 ("-": no SRC, no DEV)
	send.py inject SRC PORT DST PORT HEX...	 UDP datagrams that are not SRC's
	send.py redirect DST PEER		 an ICMP redirect to ourselves of what DST sends to PEER
	send.py hellos COUNT SECONDS PORT PREFIX,... DST...
						 COUNT ClientHellos without cookie, each from a random source
						 inside a PREFIX, to the DSTs in turn
"""
import ipaddress
import os
import random
import socket
import struct
import sys
import time

MARK = b"lab-flood"
# What a TLS 1.2 client offers: ECDHE-ECDSA-AES128-GCM over P-256 with SHA-256.
OFFER = bytes.fromhex("0002c02b" "0100" "0018" "000a000400020017" "000b00020100" "000d000400020403")


def hello():
    """A DTLS 1.2 ClientHello record without a cookie."""
    body = b"\xfe\xfd" + os.urandom(32) + b"\0\0" + OFFER
    handshake = struct.pack("!I", 1 << 24 | len(body)) + b"\0\0\0\0\0" + len(body).to_bytes(3, "big")
    return struct.pack("!BHQH", 22, 0xFEFF, 0, len(handshake) + len(body)) + handshake + body


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def flood(rate, seconds, count, port, targets):
    socks = [(socket.socket(family(t), socket.SOCK_DGRAM), t) for t in targets]
    end, gap, n = time.monotonic() + float(seconds), 1 / float(rate), 0
    while n < int(count) if count != "-" else time.monotonic() < end:
        for s, t in socks:
            try:
                s.sendto(MARK + b" %d" % n, (t, int(port)))
            except OSError:
                pass  # unreachable for now, or refused: an attacker goes on
        n += 1
        time.sleep(gap)


def bound(kind, src, dev, dst):
    s = socket.socket(family(dst), kind)
    if dev != "-":
        s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, dev.encode())
    if src != "-":
        s.bind((src, 0))
    return s


def probe(src, dev, port, targets):
    for t in targets:
        with bound(socket.SOCK_DGRAM, src, dev, t) as s:
            s.sendto(hello(), (t, int(port)))
        with bound(socket.SOCK_STREAM, src, dev, t) as s:
            s.settimeout(0.3)
            try:
                s.connect((t, int(port)))
            except OSError:
                pass  # most probes are meant to fail


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


def header(src, dst, protocol, length, hops=64):
    """Of an IP packet, whoever sends it; the kernel fills in its own checksum."""
    if src.version == 4:
        ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + length, 0, 0, hops, protocol, 0)
    else:
        ip = struct.pack("!IHBB", 6 << 28, length, protocol, hops)
    return ip + src.packed + dst.packed


def pseudo(src, dst, protocol, length):
    return src.packed + dst.packed + struct.pack("!HH" if src.version == 4 else "!II", protocol, length)


def datagram(src, dst, port, payload, sport=None):
    """An IP packet with a UDP datagram, whoever sends it."""
    length = 8 + len(payload)
    udp = struct.pack("!HHHH", sport or random.randrange(1024, 65536), port, length, 0) + payload
    total = checksum(pseudo(src, dst, socket.IPPROTO_UDP, length) + udp) or 0xFFFF
    return header(src, dst, socket.IPPROTO_UDP, length) + udp[:6] + struct.pack("!H", total) + udp[8:]


def raw(address):
    kind = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    return socket.socket(kind, socket.SOCK_RAW, socket.IPPROTO_RAW)


def inject(src, sport, dst, port, payloads):
    source, target = map(ipaddress.ip_address, (src, dst))
    with raw(target) as s:
        for p in payloads:
            s.sendto(datagram(source, target, int(port), bytes.fromhex(p), int(sport)), (dst, 0))


def own_address(towards):
    with socket.socket(family(str(towards)), socket.SOCK_DGRAM) as s:
        s.connect((str(towards), 9))
        return ipaddress.ip_address(s.getsockname()[0])


def redirect(dst, peer):
    dst, peer = map(ipaddress.ip_address, (dst, peer))
    ours = own_address(dst)
    if dst.version == 4:
        sent = datagram(dst, peer, 4646, b"")
        icmp = struct.pack("!BBH", 5, 1, 0) + ours.packed + sent
        icmp = icmp[:2] + struct.pack("!H", checksum(icmp)) + icmp[4:]
        protocol = socket.IPPROTO_ICMP
    else:
        protocol = socket.IPPROTO_ICMPV6
        icmp = struct.pack("!BBHI", 137, 0, 0, 0) + ours.packed + peer.packed
        total = checksum(pseudo(ours, dst, protocol, len(icmp)) + icmp)
        icmp = icmp[:2] + struct.pack("!H", total) + icmp[4:]
    with raw(dst) as s:
        s.sendto(header(ours, dst, protocol, len(icmp), 255) + icmp, (str(dst), 0))


def somewhere(net):
    return net[random.randrange(1, net.num_addresses - 1)]


def hellos(count, seconds, port, prefixes, targets):
    nets = [ipaddress.ip_network(p) for p in prefixes.split(",")]
    lines = []
    for t in map(ipaddress.ip_address, targets):
        lines.append((raw(t), t, [n for n in nets if n.version == t.version]))
    begun, count = time.monotonic(), int(count)
    for n in range(count):
        s, t, inside = lines[n % len(lines)]
        packet = datagram(somewhere(random.choice(inside)), t, int(port), hello())
        s.sendto(packet, (str(t), 0))
        ahead = begun + float(seconds) * n / count - time.monotonic()
        if ahead > 0.005:
            time.sleep(ahead)


if sys.argv[1] == "flood":
    flood(*sys.argv[2:6], sys.argv[6:])
elif sys.argv[1] == "inject":
    inject(*sys.argv[2:6], sys.argv[6:])
elif sys.argv[1] == "redirect":
    redirect(*sys.argv[2:4])
elif sys.argv[1] == "hellos":
    hellos(*sys.argv[2:6], sys.argv[6:])
else:
    probe(*sys.argv[2:5], sys.argv[5:])
