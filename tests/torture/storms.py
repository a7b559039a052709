"""Everything that costs a server its time, at once: ClientHellos from everywhere, handshakes that stall,
tickets that are spoiled, stolen or shown from many ports in the same moment, and renegotiation. Live
clients ask all the while, and are answered."""
import threading
import time

from hello_flood import PORT, SERVER, SOURCES, Stalls, hellos
from rig.case import Failure, until
from rig.flood import Flood
from rig.network import Rig, now_ms
from rig.watch import Memory, Tenant, peer_in

TITLE = "floods, stalls, tickets and renegotiation at once, beside live clients"
UNIT, FULL, SHORT = "seconds of storm", 60, 6

RATE = 20000
LIVE = 4              # clients that ask all the time
ANSWERED = 0.99       # of their requests, each said once
STALLING = 3          # hosts, each in a network of its own
PORTS = 12            # sessions begun in the same moment, of each kind
SESSIONS = 8          # of one client, at a time (the default)
BATCH_S = 2           # handshakes that lead nowhere are left alone so long
EVIL = ["spoiler", "sharer", "renegotiator"]
ELSEWHERE = "100.64.0.0/10"  # where the hosts of the stranger have their addresses
OVER_IDLE, FLOOR_MS = 3, 10  # what the slowest answers should at most be, told beside them
GROWTH_MAX, GROWTH_LEFT = 16 * 1024, 8 * 1024  # KiB


def live_name(n):
    return f"live{n}"


def target_of(n):
    return f"198.51.100.{200 + n}/32"


def source_of(n):
    return f"100.64.{n}.1"


def configure(rig):
    cfg = rig.agents.configs["s"]
    cfg["clients"] = {name: {"certificates": [f"{name}.example"], "prefixes": ["198.51.100.0/24"]}
                      for name in (*EVIL, *map(live_name, range(LIVE)))}
    cfg["session"] = {"heartbeat-interval": 1, "missing-hb-allowed": 5}


class Abuse(threading.Thread):
    """Something that a host does again and again; what it must not achieve is in `wrong`."""

    def __init__(self, rig, source, name):
        super().__init__(daemon=True)
        self.rig, self.over = rig, threading.Event()
        self.peer, self.wrong, self.done = peer_in(rig, "att"), [], 0
        self.peer.source(source)
        own = rig.pki.leaf("CA", f"{name}.example", "clientAuth")
        self.own = own["certificate"], own["key"]

    def run(self):
        try:
            while not self.over.is_set():
                self.batch()
        except Failure as e:
            self.wrong.append(e)

    def ticket_of(self, certificate, key, ticket):
        """What that client's session can be resumed with."""
        self.peer.x509("one", SERVER, PORT, certificate, key)
        self.peer.up("one")
        self.peer.keep("one", ticket)
        self.peer.close("one")

    def drop(self, names):
        for n in names:
            self.peer.close(n, "drop")

    def finish(self, case, what):
        self.over.set()
        self.join()
        case.figure(what, self.done)
        if self.wrong or not self.done:
            raise Failure(f"{what}: {self.done}, wrong {self.wrong[:3]}")


class Spoiled(Abuse):
    """Tickets with one bit wrong, and those of another client, whose secret nobody here has, from
    somebody without a certificate: who came in by one would be somebody else."""

    def __init__(self, rig, source, name, victim, rng):
        super().__init__(rig, source, name)
        self.rng = rng
        self.ticket_of(*self.own, "own")
        self.ticket_of(victim["certificate"], victim["key"], "others")

    def batch(self):
        names = []
        for i in range(PORTS):
            names += [f"g{i}", f"o{i}"]
            self.peer.spoil("own", f"g{i}", "ticket", self.rng.randrange(1 << 16))
            self.peer.spoil("others", f"o{i}", "secret", self.rng.randrange(1 << 16))
            for n in names[-2:]:
                self.peer.x509(n, SERVER, PORT, "-", "-", n)
        self.over.wait(BATCH_S)
        self.wrong += [f"{n} is up" for n in names if self.peer.state[n] == "up"]
        self.done += len(names)
        self.drop(names)


class Parallel(Abuse):
    """A good ticket of its own from many ports in the same moment."""

    def __init__(self, rig, source, name):
        super().__init__(rig, source, name)
        self.ticket_of(*self.own, "own")

    def batch(self):
        names = [f"p{i}" for i in range(PORTS)]
        for n in names:
            self.peer.x509(n, SERVER, PORT, *self.own, "own")
        self.over.wait(BATCH_S / 4)
        self.done += sum(n in self.peer.resumed for n in names)
        self.drop(names)


class Renegotiation(Abuse):
    """A client that wants to renegotiate in every session it has."""

    def batch(self):
        names = [f"r{i}" for i in range(SESSIONS)]
        for n in names:
            self.peer.x509(n, SERVER, PORT, *self.own)
        asked = [n for n in names if self.peer.settled(n) == "up"]
        for n in asked:
            self.peer.open("renegotiate", n)
            self.peer.again(n, PORTS)
        self.over.wait(BATCH_S / 2)
        self.done += sum(self.peer.state[n] == "refused" for n in asked)
        self.wrong += [f"{n} was renegotiated" for n in asked if self.peer.state[n] == "up"]
        self.drop(names)


class Hosts:
    """All that the stranger has, each in a network of its own."""

    def __init__(self, case, rig, victim):
        rig.net.run("att", ["ip", "route", "add", "local", ELSEWHERE, "dev", "lo"])
        self.stalls = [Stalls(rig) for _ in range(STALLING)]
        for i, s in enumerate(self.stalls):
            s.peer.source(source_of(i))
        where = [(source_of(STALLING + i), name) for i, name in enumerate(EVIL)]
        self.abuses = {
            "spoiled and stolen tickets shown": Spoiled(rig, *where[0], victim, case.rng("spoil")),
            "sessions by one ticket from many ports": Parallel(rig, *where[1]),
            "renegotiations refused": Renegotiation(rig, *where[2]),
        }

    def start(self):
        for t in (*self.stalls, *self.abuses.values()):
            t.start()

    def finish(self, case):
        for s in self.stalls:
            s.finish(case)
        for what, t in self.abuses.items():
            t.finish(case, what)


def percentile(times, share):
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000


def processor(rig):
    """Seconds that the server has run, and waited until it could."""
    with open(f"/proc/{rig.pid('s')}/schedstat", encoding="ascii") as f:
        return [int(ns) / 1e9 for ns in f.read().split()[:2]]


def told(times):
    return " / ".join(f"{percentile(times, s):.1f}" for s in (0.5, 0.99, 1))


class Live:
    """The clients that want their answers."""

    def __init__(self, rig, tries):
        self.rig, self.since = rig, now_ms()
        self.tenants = [Tenant(rig, "c", SERVER, f"live-cuid-{n:012}", target_of(n), tries,
                               name=live_name(n)) for n in range(LIVE)]

    def start(self):
        for t in self.tenants:
            t.start()

    def took(self, begin, end):
        return [s for t in self.tenants for at, s in t.answers if begin <= at < end]

    def quiet(self, seconds):
        """(begin, end) of so long."""
        begun = time.monotonic()
        until(lambda: time.monotonic() - begun > seconds, "time passes", watch=self.rig.check_alive)
        return begun, time.monotonic()

    def judge(self, case, idle, storm):
        before, during = self.took(*idle), self.took(*storm)
        for what, times in (("idle", before), ("in the storm", during)):
            case.figure(f"answers {what}, ms: median / p99 / slowest",
                        f"{told(times)} ({len(times)} requests)")
        limit = max(FLOOR_MS, OVER_IDLE * percentile(before, 0.99))
        p99 = percentile(during, 0.99)
        case.figure("p99 in the storm, what it should be at most, ms",
                    f"{p99:.1f}, {limit:.1f}{'' if p99 <= limit else ' (MORE)'}")
        self.judge_answers(case)
        self.judge_sessions(case)

    def judge_answers(self, case):
        asked = sum(len(t.answers) for t in self.tenants)
        missing = sum(t.unanswered for t in self.tenants)
        wrong = [w for t in self.tenants for w in t.wrong]
        case.figure("requests of live clients, unanswered", f"{asked}, {missing}")
        if wrong or not asked or missing > (1 - ANSWERED) * asked:
            raise Failure(f"live clients: {missing} of {asked} requests unanswered, wrong {wrong[:3]}")

    def judge_sessions(self, case):
        lost = [f"{t.name}: {t.peer.state[t.name]}" for t in self.tenants
                if t.peer.state[t.name] != "up"]
        beats = 0
        for t in self.tenants:
            lost += map(str, self.rig.events("s", "session-silent", self.since, peer=t.name))
            lost += map(str, self.rig.events("s", "session-down", self.since, peer=t.name))
            beats += len(self.rig.events("s", "heartbeat", self.since, direction="out", peer=t.name))
        case.figure("heartbeats to live clients, sessions lost", f"{beats}, {len(lost)}")
        if lost or not beats:
            raise Failure(f"live sessions: {beats} heartbeats, lost {lost[:3]}")


def run(case):
    short = case.rounds <= SHORT
    with Rig(case, "tests/torture/one-server.lab", configure) as rig:
        rig.start("s")
        rig.first_in_line("s")
        # In the suite whatever else runs beside it may take its time, too.
        live = Live(rig, tries=5 if short else 1)
        victim = live.tenants[0].own
        templates = hellos(peer_in(rig, "att"), case.rng("hellos"))
        memory = Memory(rig, "s")
        memory.start()
        live.start()
        idle = live.quiet(case.rounds / 3)
        hosts = Hosts(case, rig, victim)
        # The one session of the victim whose ticket was taken; the others have to stay.
        rig.until_event("s", "session-down", live.since, peer=live.tenants[0].name)
        live.since = now_ms()
        hosts.start()
        begun, before = time.monotonic(), processor(rig)
        flood = Flood(rig, "att", SOURCES, (SERVER, PORT), RATE, case.rounds, templates, case.seed)
        until(flood.over, "the flood is over", case.rounds + 60, watch=rig.check_alive)
        storm = begun, time.monotonic()
        ran, waited = (b - a for a, b in zip(before, processor(rig)))
        case.figure("% of the storm that the server ran, and waited for a processor",
                    f"{ran / (storm[1] - storm[0]) * 100:.0f}, {waited / (storm[1] - storm[0]) * 100:.0f}")
        case.figure("ClientHellos a second", f"{flood.reached():.0f}")
        hosts.finish(case)
        for t in live.tenants:
            t.stop()
        live.judge(case, idle, storm)
        memory.finish(case, GROWTH_MAX, GROWTH_LEFT)
