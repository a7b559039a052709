"""HTTPS by hand: what is said is what the caller says, octet by octet; Python's ssl does the TLS. Shares no
code with the product."""
import ctypes
import functools
import json
import os
import socket
import ssl
import threading

PATIENCE_S = 60
CLONE_NEWNET = 0x40000000
MODULE = "ietf-dots-data-channel"
ROOT = f"/restconf/data/{MODULE}:dots-data"
TYPE = "application/yang-data+json"
NAME = "dots.example"
libc = ctypes.CDLL(None, use_errno=True)


class Ended(Exception):
    """The connection did, before the answer was complete."""


class Answer:
    def __init__(self, status, fields, body):
        self.status, self.fields, self.body = status, fields, body

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {self.fields} {self.body[:200]}"


def request(method, target, body=b"", fields=(), length=True, version="HTTP/1.1", host=NAME):
    lines = [f"{method} {target} {version}", *([f"Host: {host}"] if host else []),
             *(f"{k}: {v}" for k, v in fields)]
    if body and length:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def write(method, target, value, *fields):
    """A request with JSON in it."""
    return request(method, target, json.dumps(value).encode(), [("Content-Type", TYPE), *fields])


def entry(cuid):
    return f"{ROOT}/dots-client={cuid}"


@functools.cache
def context(trust, certificate, key, version):
    c = ssl.create_default_context(cafile=trust)
    c.options |= ssl.OP_IGNORE_UNEXPECTED_EOF
    if version:
        c.minimum_version = c.maximum_version = getattr(ssl.TLSVersion, version)
    if certificate:
        c.load_cert_chain(certificate, key)
    return c


def socket_in(ns):
    """A TCP socket of a namespace; None: of the one that this program is in."""
    if ns is None:
        return socket.socket()
    made = []

    def make():  # setns is for the thread
        fd = os.open(f"/run/netns/{ns}", os.O_RDONLY)
        if libc.setns(fd, CLONE_NEWNET) == 0:
            made.append(socket.socket())
        os.close(fd)

    t = threading.Thread(target=make)
    t.start()
    t.join()
    if not made:
        raise Ended(f"no socket in {ns}")
    return made[0]


class Line:
    """One connection. own: credentials as a configuration has them, without `certificate`: nobody's.
    receive: the kernel's buffer; small, for who does not read."""

    def __init__(self, to, own, source=None, ns=None, receive=None, version=None, tls=True):
        s = socket_in(ns)
        self.rest = b""
        try:
            if receive:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.settimeout(PATIENCE_S)
            if source:
                s.bind((source, 0))
            s.connect(to)
            self.s = context(own["trust"], own.get("certificate"), own.get("key"), version).wrap_socket(
                s, server_hostname=NAME) if tls else s
        except OSError as e:
            s.close()
            raise Ended(str(e)) from e

    def say(self, data):
        try:
            self.s.sendall(data)
        except OSError as e:
            raise Ended(str(e)) from e

    def more(self):
        try:
            data = self.s.recv(65536)
        except TimeoutError:
            raise
        except OSError as e:
            raise Ended(str(e)) from e
        if not data:
            raise Ended("closed")
        self.rest += data

    def until(self, mark):
        while mark not in self.rest:
            self.more()
        found, _, self.rest = self.rest.partition(mark)
        return found

    def answer(self, head=False, seconds=PATIENCE_S):
        """The next one that is final. TimeoutError: nothing comes."""
        self.s.settimeout(seconds)
        while True:
            lines = self.until(b"\r\n\r\n").decode("latin-1").split("\r\n")
            version, status = lines[0].split(" ", 2)[:2]
            if version != "HTTP/1.1" or not status.isdigit() or len(status) != 3:
                raise ValueError(f"no status line: {lines[0]!r}")
            fields = {k.lower(): v.strip() for k, v in (line.split(":", 1) for line in lines[1:])}
            if status[0] != "1":
                break
        size = 0 if head or status in ("204", "304") else int(fields.get("content-length", 0))
        while len(self.rest) < size:
            self.more()
        body, self.rest = self.rest[:size], self.rest[size:]
        return Answer(int(status), fields, body)

    def ask(self, data, **how):
        self.say(data)
        return self.answer(**how)

    def is_ended(self, seconds=PATIENCE_S):
        """Whether the other side ends it; what it says until then is thrown away."""
        self.s.settimeout(seconds)
        try:
            while True:
                self.more()
        except TimeoutError:
            return False
        except Ended:
            return True

    def close(self):
        self.s.close()


class Web:
    """A client that keeps its connection, and makes another one where that was ended between requests."""

    def __init__(self, *args, **how):
        self.make = lambda: Line(*args, **how)
        self.line = None

    def __call__(self, method, target, value=None, *fields):
        data = write(method, target, value, *fields) if value is not None else request(
            method, target, fields=fields)
        for attempt in range(2):
            fresh = self.line is None
            if fresh:
                self.line = self.make()
            try:
                a = self.line.ask(data, head=method == "HEAD")
                if a.fields.get("connection") == "close":
                    self.close()
                return a
            except Ended:
                self.close()
                if fresh or attempt:
                    raise
        return None

    def close(self):
        if self.line:
            self.line.close()
        self.line = None
