"""Ports for the servers of a test."""
import contextlib
import random
import socket


def free_port():
    """For UDP and TCP, free a moment ago, and none of those that the kernel gives to who asks for any
    (net.ipv4.ip_local_port_range): a client of another test could have it before our server does."""
    while True:
        at = ("127.0.0.1", random.SystemRandom().randrange(10240, 32768))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
            with contextlib.suppress(OSError):
                udp.bind(at)
                tcp.bind(at)
                return at[1]
