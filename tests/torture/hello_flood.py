"""A flood of ClientHellos from everywhere, without cookies, with made up ones and with those of
others; and one real source that shows its cookie and then stalls. Meanwhile new clients connect, and
who is connected keeps its answers."""
import threading
import time

import messages
from rig.case import Failure, spread, until
from rig.flood import Flood
from rig.network import Rig, now_ms
from rig.watch import Memory, Tenant, peer_in

TITLE = "ClientHellos at 2000/s and 20000/s"
UNIT, FULL, SHORT = "seconds at each rate", 60, 5

SERVER, PORT = "192.0.2.10", 4646
RATES = [2000, 20000]
# Anywhere, and the network of the good clients themselves.
SOURCES = ["10.0.0.0/8", "198.51.100.0/24"]
STALLS, HALF_OPEN = 64, 16  # so many at a time; what one source prefix is allowed
CONNECT_S = 20              # a client gives up then
PACE_S = 0.2                # between two new clients
GROWTH_MAX, GROWTH_LEFT = 16 * 1024, 8 * 1024  # KiB


def configure(rig):
    cfg = rig.agents.configs["s"]
    cfg["clients"] = {name: {"certificates": [f"{name}.example"], "prefixes": ["198.51.100.0/24"]}
                      for name in ("good", "new")}
    # A missed heartbeat shows at once.
    cfg["session"] = {"heartbeat-interval": 1, "missing-hb-allowed": 5}


class Stalls(threading.Thread):
    """A real host that begins handshakes, shows its cookie and says no more, again and again."""

    def __init__(self, rig):
        super().__init__(daemon=True)
        self.peer, self.over = peer_in(rig, "att"), threading.Event()
        self.begun, self.most = 0, 0

    def run(self):
        try:
            while not self.over.is_set():
                self.batch()
        except Failure:
            pass  # its program was ended

    def batch(self):
        names = [f"s{self.begun + i}" for i in range(STALLS)]
        for n in names:
            self.peer.open("stall", n, SERVER, PORT)
        self.over.wait(5)
        answered = sum(any(is_server_hello(d) for d in self.peer.data[n]) for n in names)
        self.most = max(self.most, answered)
        self.begun += sum(self.peer.state[n] == "stalled" for n in names)
        for n in names:
            self.peer.close(n, "drop")

    def finish(self, case):
        self.over.set()
        self.join()
        case.figure("handshakes begun and stalled, the most at a time that the server went on with",
                    f"{self.begun}, {self.most}")
        if not self.most or self.most > HALF_OPEN:
            raise Failure(f"{self.most} handshakes of one source at a time, {HALF_OPEN} are allowed")


def is_server_hello(datagram):
    return datagram[0] == 22 and datagram[13] == 2


def cookie_of(peer, rng):
    """What the server gives to a real address; of no use for any other."""
    peer.open("bare", "cookie", SERVER, PORT)
    peer.settled("cookie")
    peer.raw("cookie", messages.hello(rng.randbytes(32)))
    until(lambda: peer.data["cookie"], "a cookie")
    answer = peer.data["cookie"][0]  # record, handshake, version, length, cookie
    return answer[28:28 + answer[27]]


def hellos(peer, rng):
    """Templates: without a cookie, with one of the right length and of any, with another's."""
    own = cookie_of(peer, rng)
    found = [messages.hello(bytes(32))] * 20
    found += [messages.hello(bytes(32), rng.randbytes(len(own))) for _ in range(20)]
    found += [messages.hello(bytes(32), rng.randbytes(rng.randrange(1, 256))) for _ in range(20)]
    found += [messages.hello(bytes(32), own)] * 20
    rng.shuffle(found)
    return found


class Arrivals:
    """New clients, one after the other."""

    def __init__(self, rig):
        own = rig.pki.leaf("CA", "new.example", "clientAuth")
        self.peer, self.own = peer_in(rig, "c"), (own["certificate"], own["key"])
        self.times = []

    def one(self):
        name, begun = f"n{len(self.times)}", time.monotonic()
        self.peer.x509(name, SERVER, PORT, *self.own)
        state = self.peer.settled(name, CONNECT_S)
        self.times.append(time.monotonic() - begun)
        if state != "up":
            raise Failure(f"a new client cannot connect: {state}")
        self.peer.close(name)


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
        words = f.read().rsplit(")", 1)[1].split()
    return (int(words[11]) + int(words[12])) / 100


def endure(case, rig, rate, templates, arrivals):
    begun, cpu = time.monotonic(), cpu_seconds(rig.pid("s"))
    first = len(arrivals.times)
    flood = Flood(rig, "att", SOURCES, (SERVER, PORT), rate, case.rounds, templates, case.seed)
    while not flood.over():
        arrivals.one()
        rig.check_alive()
        time.sleep(PACE_S)
    took = time.monotonic() - begun
    case.figure(f"at {rate}/s: rate reached", f"{flood.reached():.0f}/s")
    case.figure(f"at {rate}/s: processor of the server",
                f"{(cpu_seconds(rig.pid('s')) - cpu) / took * 100:.0f} %")
    case.figure(f"at {rate}/s: new clients, seconds to connect (min / median / max)",
                f"{len(arrivals.times) - first}, {spread(arrivals.times[first:])}")


# 4218-4.1.1-02, 4218-7-01, 4218-7-02
def run(case):
    with Rig(case, "tests/torture/one-server.lab", configure) as rig:
        rig.start("s")
        begun = now_ms()
        arrivals, stalls = Arrivals(rig), Stalls(rig)
        tenant = Tenant(rig, "c", SERVER, "good-cuid-000000000000", "198.51.100.200/32", tries=5)
        templates = hellos(peer_in(rig, "att"), case.rng("hellos"))
        memory = Memory(rig, "s")
        for t in (tenant, stalls, memory):
            t.start()
        for rate in RATES:
            endure(case, rig, rate, templates, arrivals)
        stalls.finish(case)
        tenant.finish(case)
        silent = rig.events("s", "session-silent", begun)
        beats = rig.events("s", "heartbeat", begun, direction="out", peer="good")
        case.figure("heartbeats of the server to the connected client, missed",
                    f"{len(beats)}, {len(silent)}")
        if silent or not beats:
            raise Failure(f"heartbeats were missed: {list(map(str, silent))}")
        memory.finish(case, GROWTH_MAX, GROWTH_LEFT)
