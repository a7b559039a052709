"""What strangers, and a client at all of its limits, do to a server of HTTPS at once: a program of its own, so
that it shares nothing but the machine with who measures. Its first line on standard input is what Storm says;
then "on", "off" and "end", each answered by itself once it is so ("end": by what came of it, by kind)."""
import collections
import itertools
import json
import pathlib
import random
import socket
import ssl
import sys
import threading
import time

if __name__ == "__main__":
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "lab"))

from rig.aside import Aside
from rig.case import Failure
from rig.web import MODULE, ROOT, TYPE, Ended, Line, Web, entry, request, write

TICK_S = 0.02
CROWD, CROWD_A_TICK = 1500, 6  # connections that say nothing, or not enough: at a time, begun each tick
SLOW, DEAF, READERS = 40, 12, 3
CUIDS, ALIASES, ACLS, ACES, LARGE = 4, 1000, 100, 10, 256
PATIENCE_S = 20               # something else than what is waited for is told


class Storm(Aside):
    """The program, from outside. how: role ("strangers", "client"), to, own, sources, seed."""

    def __init__(self, rig, ns, **how):
        super().__init__(rig, how["role"], rig.net.argv(ns, self.python(__file__)), how, "ready")


class Part(threading.Thread):
    """Something that is done again and again while the storm is on."""

    def __init__(self, storm, number=0):
        super().__init__(daemon=True)
        self.storm, self.how, self.counts = storm, storm.how, storm.counts
        self.rng = random.Random(f"{self.how['seed']}/{type(self).__name__}/{number}")
        self.to, self.own, self.number = tuple(self.how["to"]), self.how["own"], number
        self.idle = threading.Event()

    def source(self):
        return self.rng.choice(self.how["sources"])

    def count(self, what):
        with self.storm.lock:
            self.counts[what] += 1

    def run(self):
        while True:
            if not self.storm.on.is_set():
                self.rest()
                self.idle.set()
                self.storm.on.wait()
                self.idle.clear()
            try:
                self.step()
            except (Ended, TimeoutError):
                self.count(f"{type(self).__name__}: ended")
                self.failed()

    def rest(self):
        """What it has is given back."""

    def failed(self):
        time.sleep(TICK_S)  # it does not run at a door that is closed


# --- strangers ---


def hello():
    """The beginning of a handshake."""
    out = ssl.MemoryBIO()
    try:
        ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), out, server_hostname="dots.example").do_handshake()
    except ssl.SSLWantReadError:
        pass
    return out.read()


class Crowd(Part):
    """Connections that never get to a request."""

    def __init__(self, storm):
        super().__init__(storm)
        whole = hello()
        self.open = collections.deque()
        self.words = [b"", b"\x16", whole[:5], whole[:-1], whole, b"GET / HTTP/1.1\r\n\r\n", b"\x80\x2e\x01\x00\x02",
                      b"\x16\x03\x01\xff\xff" + bytes(20000), b"\x15\x03\x03\x00\x02\x02\x28", bytes(500)]

    def step(self):
        for _ in range(CROWD_A_TICK):
            s = socket.socket()
            s.setblocking(False)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind((self.source(), 0))
            s.connect_ex(self.to)
            self.open.append((s, self.rng.choice(self.words)))
            self.count("connections that get to no request")
        time.sleep(TICK_S)
        for s, word in list(self.open)[-CROWD_A_TICK:]:
            try:
                s.send(word)
            except OSError:
                self.count("of these refused at once")
        while len(self.open) > CROWD:
            self.open.popleft()[0].close()

    def rest(self):
        while self.open:
            self.open.pop()[0].close()


class Nobody(Part):
    """Who has no certificate, and asks all the same."""

    def step(self):
        line = Line(self.to, {"trust": self.own["trust"]}, self.source())
        try:
            for data in (request("GET", ROOT), request("PUT", ROOT, b"[" * (1 << 18), [("Content-Type", TYPE)])):
                self.count(f"nobody's request: {line.ask(data, seconds=PATIENCE_S).status}")
        finally:
            line.close()
        time.sleep(TICK_S)


# --- a client at its limits ---


class Slow(Part):
    """Heads and bodies that come octet by octet."""

    def __init__(self, storm):
        super().__init__(storm)
        self.lines = []
        self.begins = [b"GET /", b"GET / HTTP/1.1\r\nHost: dots.example\r\nX: ",
                       b"PUT /x HTTP/1.1\r\nHost: dots.example\r\nContent-Length: 1000000\r\n\r\n",
                       b"PUT /x HTTP/1.1\r\nHost: dots.example\r\nTransfer-Encoding: chunked\r\n\r\nfffff\r\n"]

    def step(self):
        if len(self.lines) < SLOW:
            line = Line(self.to, self.own, self.source())
            line.say(self.rng.choice(self.begins))
            self.lines.append(line)
            self.count("slow requests begun")
        for line in list(self.lines):
            try:
                line.say(b"x")
            except Ended:
                self.count("slow requests ended")
                self.lines.remove(line)
                line.close()
        time.sleep(5 * TICK_S)

    def rest(self):
        while self.lines:
            self.lines.pop().close()


class Deaf(Part):
    """Asks for all there is, many times in advance, and reads nothing."""

    def __init__(self, storm):
        super().__init__(storm)
        self.lines = []

    def step(self):
        if len(self.lines) < DEAF:
            line = Line(self.to, self.own, self.source(), receive=4096)
            self.lines.append(line)
            line.say(request("GET", ROOT) * 20)
            self.count("deaf connections")
        else:
            self.lines.pop(0).close()
        time.sleep(5 * TICK_S)

    def rest(self):
        while self.lines:
            self.lines.pop().close()


class Reader(Part):
    """Asks for all there is as fast as it gets it."""

    def __init__(self, storm, number):
        super().__init__(storm, number)
        self.web = Web(self.to, self.own, self.source())

    def step(self):
        self.count(f"reader: {self.web('GET', ROOT).status}")

    def rest(self):
        self.web.close()


class Flood(Part):
    """Hundreds of requests in one piece, all of whose answers are read."""

    def step(self):
        line = Line(self.to, self.own, self.source())
        try:
            line.say(request("OPTIONS", ROOT) * 300)
            for _ in range(300):
                self.count(f"pipelined: {line.answer(seconds=PATIENCE_S).status}")
        finally:
            line.close()


class Bodies(Part):
    """As large as they may be, and larger."""

    def __init__(self, storm):
        super().__init__(storm)
        self.kinds = itertools.cycle([
            request("PUT", entry(cuid(0)), b"[" * (4 << 20), [("Content-Type", TYPE)]),
            request("PUT", entry(cuid(0)), b"[" * (1 << 18), [("Content-Type", TYPE)]),
            request("PUT", entry(cuid(0)), b"10000\r\n" + (b"x" * 65536 + b"\r\n10000\r\n") * 40,
                    [("Content-Type", TYPE), ("Transfer-Encoding", "chunked")], length=False),
            request("GET", "/" + "a" * 100000)])

    def step(self):
        line = Line(self.to, self.own, self.source())
        try:
            self.count(f"large: {line.ask(next(self.kinds), seconds=PATIENCE_S).status}")
        finally:
            line.close()


class Writer(Part):
    """Writes what it may, and what is too much."""

    def __init__(self, storm):
        super().__init__(storm)
        self.web = Web(self.to, self.own, self.source())
        self.acts = itertools.cycle([self.again, self.one_more, self.stranger, self.larger, self.filter,
                                     self.one_more_filter, self.too_long])

    def step(self):
        act = next(self.acts)
        self.count(f"{act.__name__}: {act().status}")

    def rest(self):
        self.web.close()

    def put(self, name, **more):
        return self.web("PUT", f"{entry(cuid(0))}/aliases/alias={name}", {f"{MODULE}:alias": [alias(name, **more)]})

    def again(self):
        return self.put("n0", **{"target-protocol": [self.rng.randrange(256)]})

    def one_more(self):
        return self.put("one-more")

    def stranger(self):
        return self.web("POST", ROOT, {f"{MODULE}:dots-client": [{"cuid": "one-more-cuid-00000000"}]})

    def larger(self):
        return self.web("PUT", f"{entry(cuid(2))}/aliases/alias=larger", {f"{MODULE}:alias": [large("larger")]})

    def too_long(self):
        return self.put("n0", **{"target-uri": ["https://198.18.0.1/" + "a" * 70000]})

    def filter(self):
        return self.web("PUT", f"{entry(cuid(0))}/acls/acl=f0", {f"{MODULE}:acl": [acl(0, self.rng.randrange(250))]})

    def one_more_filter(self):
        return self.web("PUT", f"{entry(cuid(0))}/acls/acl=more", {f"{MODULE}:acl": [acl("more", 0)]})


class Rewriter(Part):
    """Changes all of its aliases at once, again and again."""

    def __init__(self, storm):
        super().__init__(storm)
        self.web = Web(self.to, self.own, self.source())
        self.rounds = itertools.count()

    def step(self):
        prefix = [f"198.18.{100 + next(self.rounds) % 100}.1/32"]
        everything = [alias(f"n{i}", **{"target-prefix": prefix}) for i in range(ALIASES)]
        status = self.web("PUT", f"{entry(cuid(0))}/aliases", {f"{MODULE}:aliases": {"alias": everything}}).status
        self.count(f"all rewritten: {status}")

    def rest(self):
        self.web.close()


def cuid(n):
    return f"storm-cuid-{n}-0000000000"


def alias(name, **more):
    return {"name": name, "target-prefix": ["198.18.100.1/32"], **more}


def large(name):
    return alias(name, **{"target-prefix": [f"198.18.1.{i}/32" for i in range(LARGE)]})


def acl(n, last):
    aces = [{"name": f"r{i}", "matches": {"ipv4": {"destination-ipv4-network": f"198.18.{i}.{last}/32"}},
             "actions": {"forwarding": "drop"}} for i in range(ACES)]
    return {"name": f"f{n}" if n != "more" else n, "type": "ipv4-acl-type", "aces": {"ace": aces}}


def fill(storm):
    """Everything that it may have; the last things are too much."""
    h = storm.how
    web = Web(tuple(h["to"]), h["own"], h["sources"][0])

    def say(status, *words):
        a = web(*words)
        if a.status != status:
            raise Failure(f"{status} was expected of {words[:2]}: {a}")

    for n in range(CUIDS):
        say(201, "POST", ROOT, {f"{MODULE}:dots-client": [{"cuid": cuid(n)}]})
    say(201, "POST", entry(cuid(0)), {f"{MODULE}:aliases": {"alias": [alias(f"n{i}") for i in range(ALIASES)]}})
    say(201, "POST", entry(cuid(0)), {f"{MODULE}:acls": {"acl": [acl(i, i) for i in range(ACLS)]}})
    n = 0
    for step in (10, 1):
        status = 201
        while status == 201:
            status = web("POST", entry(cuid(1)), {f"{MODULE}:aliases": {
                "alias": [large(f"n{n + i}") for i in range(step)]}}).status
            n += step
        if status != 409:
            raise Failure(f"more bytes than may be: {status}")
    web.close()


PARTS = {"strangers": lambda s: [Crowd(s), Nobody(s)],
         "client": lambda s: [Slow(s), Deaf(s), Flood(s), Bodies(s), Writer(s), Rewriter(s),
                              *(Reader(s, n) for n in range(READERS))]}


class Program:
    def __init__(self, how):
        self.how, self.on, self.lock = how, threading.Event(), threading.Lock()
        self.counts = collections.Counter()
        if how["role"] == "client":
            fill(self)
        self.parts = PARTS[how["role"]](self)

    def turn(self, word):
        if word == "on":
            self.on.set()
            return
        self.on.clear()
        for p in self.parts:
            if not p.idle.wait(10 * PATIENCE_S):
                raise Failure(f"{type(p).__name__} does not come to an end")


def main():
    try:
        program = Program(json.loads(sys.stdin.readline()))
        for p in program.parts:
            p.start()
        print("ready", flush=True)
        for line in sys.stdin:
            if line.strip() == "end":
                break
            program.turn(line.strip())
            print(line.strip(), flush=True)
        print(json.dumps(program.counts), flush=True)
    except (Failure, Ended) as e:
        print(e, flush=True)


if __name__ == "__main__":
    main()
