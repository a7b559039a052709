"""A client that is at all of its limits and goes on asking: a program of its own, so that it shares
nothing but the machine with who measures. Its first line on standard input is what Noisy says; then
"on", "off" and "end", each answered by itself once it is so ("end": by what it was told, by code)."""
import collections
import json
import pathlib
import sys
import threading

if __name__ == "__main__":
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "lab"))

from rig import cbor, coap
from rig.aside import Aside
from rig.case import Failure
from rig.peer import Peer

TICK_S = 0.02
BEYOND = 1 << 30           # mids of what it will not get
TARGETS, LARGE = 10, 256  # of a mitigation, of a large request
REQUESTS, HANDSHAKES = 600, 30  # a second
BEATS = 2                 # each tick: heartbeats, and withdrawals of nothing, which have no rate


class Noisy(Aside):
    """The program, from outside. how: peer (argv), server, port, certificate, key, limits, seed."""

    def __init__(self, rig, **how):
        super().__init__(rig, "the noisy client", self.python(__file__), how, "full")


class Client:
    def __init__(self, how):
        self.how, self.limits = how, how["limits"]
        self.peer = Peer(how["peer"])
        self.sessions = [f"n{i}" for i in range(self.limits["sessions"] - 1)]
        self.codes = collections.Counter()
        self.handshakes, self.next, self.turn, self.done = 0, 0, 0, 0
        # Each mitigation has its own addresses, whatever mid it goes by just now.
        self.mids = [0] * self.limits["mitigations"]
        self.acts = [self.refresh, self.renew, self.refresh, self.more, self.large, self.list,
                     self.stranger, self.observe]

    def connect(self, name):
        h = self.how
        self.peer.x509(name, h["server"], h["port"], h["certificate"], h["key"])

    def cuid(self, n):
        return f"noisy-cuid-{n % self.limits['cuids']}-0000000000"

    def targets(self, n, count=TARGETS):
        return [f"198.18.{a >> 8 & 255}.{a & 255}/32"
                for a in range(n * TARGETS, n * TARGETS + count)]

    def body(self, n):
        return cbor.scope(*self.targets(n), lifetime=7200)

    # ---- up to the limits ----

    def fill(self):
        for s in self.sessions:
            self.connect(s)
            self.peer.up(s)
        for n in range(len(self.mids)):
            self.granted(lambda n=n: self.peer.put(self.sessions[0], self.cuid(n), 1 + n,
                                                   self.body(n)), "2.01")
            self.mids[n] = 1 + n
        for n in range(self.limits["observers"]):
            self.granted(lambda n=n: self.peer.request(
                self.sessions[0], coap.GET, [*self.path(n), (coap.OBSERVE, b"")]), "2.05")

    def granted(self, ask, code):
        """Its rate is a limit, too."""
        m = ask()
        while m is not None and m.code == "4.29":
            threading.Event().wait(0.1)
            m = ask()
        if m is None or m.code != code:
            raise Failure(f"{code} was expected: {m}")

    # ---- beyond ----

    def path(self, n):
        return coap.mitigate(f"cuid={self.cuid(n)}", f"mid={self.mids[n]}")

    def send(self, code, options, body=b""):
        s = self.sessions[self.done % len(self.sessions)]
        self.done += 1
        i = self.peer.id(s)
        if body:
            options = [*options, (coap.CONTENT_FORMAT, coap.number(coap.DOTS_CBOR))]
        self.peer.send(s, coap.message(coap.NON, code, i, i.to_bytes(4, "big"), options, body))

    def pick(self):
        self.next = (self.next + 1) % len(self.mids)
        return self.next

    def refresh(self):
        n = self.pick()
        self.send(coap.PUT, self.path(n), self.body(n))

    def renew(self):
        """Withdrawn, and asked for under another mid: filters go and come, observers are told."""
        n = self.pick()
        self.send(coap.DELETE, self.path(n))
        self.mids[n] += len(self.mids)
        self.send(coap.PUT, self.path(n), self.body(n))

    def more(self):
        n = self.done & 65535
        self.send(coap.PUT, coap.mitigate(f"cuid={self.cuid(0)}", f"mid={BEYOND + self.done}"),
                  cbor.scope(f"198.19.{n >> 8}.{n & 255}/32"))

    def large(self):
        self.send(coap.PUT, coap.mitigate(f"cuid={self.cuid(0)}", f"mid={BEYOND + self.done}"),
                  cbor.scope(*(f"198.18.200.{i}/32" for i in range(LARGE))))

    def list(self):
        self.send(coap.GET, coap.mitigate(f"cuid={self.cuid(self.pick())}"))

    def stranger(self):
        self.codes["with one more cuid"] += 1
        self.send(coap.PUT, coap.mitigate("cuid=one-more-cuid-00000000", "mid=1"),
                  cbor.scope("198.18.201.1/32"))

    def observe(self):
        self.send(coap.GET, [*self.path(self.pick()), (coap.OBSERVE, b"")])

    def handshake(self):
        """A session that says nothing: the next one takes its place."""
        for name in (f"h{self.handshakes - 4}", f"h{self.handshakes - 8}"):
            state = self.peer.state.get(name, "opening")
            self.codes["sessions refused or ended"] += state.startswith("down")
            if state != "opening":
                self.peer.line("drop", name)
                del self.peer.state[name]
        self.handshakes += 1
        self.connect(f"h{self.handshakes}")

    def tick(self, number):
        for _ in range(round(REQUESTS * TICK_S)):
            self.turn = (self.turn + 1) % len(self.acts)
            self.acts[self.turn]()
        for _ in range(BEATS):
            self.send(coap.PUT, coap.path(".well-known", "dots", "hb"), cbor.heartbeat())
            self.send(coap.DELETE, coap.mitigate(f"cuid={self.cuid(0)}", f"mid={BEYOND - 1}"))
        if number % round(1 / (HANDSHAKES * TICK_S)) == 0:
            self.handshake()
        self.drain()

    def drain(self):
        for s in list(self.peer.data):
            with self.peer.changed:
                data, self.peer.data[s] = self.peer.data[s], []
            for d in data:
                m = coap.parse(d)
                self.codes["notified" if m.option(coap.OBSERVE) is not None else m.code] += 1
        lost = [s for s in self.sessions if self.peer.state[s].startswith("down")]
        for s in lost:
            self.codes["sessions lost"] += 1
            self.connect(s)

    def rest(self):
        """All that was sent has been dealt with."""
        for s in self.sessions:
            if self.peer.state[s] == "up":
                self.peer.fence(s, 10)
        self.drain()


class Orders(threading.Thread):
    """What standard input says, as it comes."""

    def __init__(self):
        super().__init__(daemon=True)
        self.changed, self.words = threading.Event(), collections.deque()

    def run(self):
        for line in sys.stdin:
            self.words.append(line.strip())
            self.changed.set()
        self.words.append("end")
        self.changed.set()


def main():
    client = Client(json.loads(sys.stdin.readline()))
    orders, on, number = Orders(), False, 0
    try:
        client.fill()
        print("full", flush=True)
        orders.start()
        while True:
            if orders.changed.wait(TICK_S if on else None) and orders.words:
                word = orders.words.popleft()
                if not orders.words:
                    orders.changed.clear()
                if word == "end":
                    break
                on = word == "on"
                client.tick(0) if on else client.rest()
                print(word, flush=True)
            elif on:
                number += 1
                client.tick(number)
        client.codes["handshakes"] = client.handshakes
        print(json.dumps(client.codes), flush=True)
    except Failure as e:
        print(e, flush=True)
    finally:
        client.peer.stop()


if __name__ == "__main__":
    main()
