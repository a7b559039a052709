#!/usr/bin/python3
"""Sends packets from inside a namespace.

	send.py flood RATE SECONDS PORT DST...	 marked UDP datagrams, RATE a second to each DST
	send.py probe SRC DEV PORT DST...	 a UDP datagram and a TCP connection attempt to each DST
						 ("-": no SRC, no DEV)
"""
import socket
import struct
import sys
import time

MARK = b"lab-flood"
# The head of a DTLS 1.2 ClientHello record: what a stranger's handshake begins with.
HELLO = struct.pack("!BHHIH", 22, 0xFEFD, 0, 0, 1) + b"\0" * 60


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def flood(rate, seconds, port, targets):
    socks = [(socket.socket(family(t), socket.SOCK_DGRAM), t) for t in targets]
    end, gap, n = time.monotonic() + float(seconds), 1 / float(rate), 0
    while time.monotonic() < end:
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
            s.sendto(HELLO, (t, int(port)))
        with bound(socket.SOCK_STREAM, src, dev, t) as s:
            s.settimeout(0.3)
            try:
                s.connect((t, int(port)))
            except OSError:
                pass  # most probes are meant to fail


if sys.argv[1] == "flood":
    flood(*sys.argv[2:5], sys.argv[5:])
else:
    probe(*sys.argv[2:5], sys.argv[5:])
