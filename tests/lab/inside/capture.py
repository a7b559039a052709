#!/usr/bin/python3
"""Writes what passes an interface into pcap files, one an interface: runs inside a namespace.

	capture.py IF=FILE...

Says "ready" when every socket listens; on SIGTERM says "drops N" and ends."""
import os
import select
import signal
import socket
import struct
import sys
import time

ETH_P_ALL = 3
SOL_PACKET, PACKET_STATISTICS = 263, 6
LINKTYPE_LINUX_SLL = 113  # keeps the direction
SNAP = 65551  # whole packets, also those that the kernel has not yet cut: what they say is looked for

stopping = False


def stop(*_):
    global stopping
    stopping = True


def open_capture(interface, path):
    # SOCK_DGRAM: the kernel takes the link-layer header off.
    s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    s.bind((interface, ETH_P_ALL))
    s.setblocking(False)
    f = open(path, "wb", buffering=0)
    f.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, SNAP, LINKTYPE_LINUX_SLL))
    return s, f


def take(s, f):
    try:
        data, (_, proto, pkttype, hatype, hw) = s.recvfrom(SNAP)
    except BlockingIOError:
        return
    except OSError as e:
        if e.errno in (100, 19):  # ENETDOWN, ENODEV: the link was taken down; it may come back
            return
        raise
    t = time.time_ns()
    sll = struct.pack("!HHH8sH", pkttype, hatype, len(hw), hw[:8], proto)
    kept = data[:SNAP - len(sll)]
    f.write(struct.pack("<IIII", t // 10**9, t % 10**9 // 1000, len(sll) + len(kept),
                        len(sll) + len(data)) + sll + kept)


def main():
    signal.signal(signal.SIGTERM, stop)
    pairs = {}
    for arg in sys.argv[1:]:
        s, f = open_capture(*arg.split("=", 1))
        pairs[s.fileno()] = (s, f)
    print("ready", flush=True)
    poll = select.poll()
    for fd in pairs:
        poll.register(fd, select.POLLIN)
    parent = os.getppid()
    while not stopping and os.getppid() == parent:
        for fd, _ in poll.poll(200):
            take(*pairs[fd])
    drops = sum(struct.unpack("II", s.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))[1]
                for s, _ in pairs.values())
    print("drops", drops, flush=True)


main()
