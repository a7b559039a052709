"""Hours of ordinary life in minutes: clients that come, ask, watch, withdraw, go or vanish, short
lifetimes, reloads. The memory and the descriptors of the server and of its helper stay as they are."""
import collections
import os
import signal
import statistics
import threading
import time

from rig import cbor, coap
from rig.case import Failure, until
from rig.network import Rig
from rig.peer import PATIENCE
from rig.watch import peer_in

TITLE = "churn of sessions, mitigations, observers, reloads"
UNIT, FULL, SHORT = "seconds", 1200, 10

SERVER, PORT = "192.0.2.10", 4646
WORKERS, CLIENTS = 4, 6        # threads, and clients of each
SESSIONS, OBSERVED = 10, 12    # of a worker at a time
GROWTH, GROWTH_KIB = 0.05, 4096
SAMPLE_S, STEADY_S, WARM_S = 0.2, 5, 180
LOG_MAX = 64 << 20
# What a request may get here; everything else is a mistake of somebody's.
FINE = {"2.01", "2.02", "2.04", "2.05", "4.04", "5.03"}


def name_of(worker, client):
    return f"c{worker}-{client}"


def key_of(worker, client):
    return f"{worker:02x}{client:02x}" * 8


def prefix_of(worker, client):
    return f"198.{18 + worker}.{client}"


def clients(rig, guests=True):
    """The last client of each worker is a guest, who is known at times only."""
    found = {}
    for w in range(WORKERS):
        for c in range(CLIENTS if guests else CLIENTS - 1):
            name = name_of(w, c)
            file = rig.folder / f"{name}.psk"
            file.write_text(key_of(w, c) + "\n")
            found[name] = {"psk": [{"identity": name, "file": str(file)}],
                           "prefixes": [prefix_of(w, c) + ".0/24"]}
    return found


def configure(rig):
    cfg = rig.agents.configs["s"]
    cfg["clients"] = clients(rig)
    cfg["session"] = {"heartbeat-interval": 1, "missing-hb-allowed": 3}
    cfg["mitigation"] = {"terminating": 1}


class Worker(threading.Thread):
    """Does one thing after the other, as its seed says."""

    def __init__(self, case, rig, number):
        super().__init__(daemon=True)
        self.number, self.rng = number, case.rng("worker", number)
        self.peer, self.over, self.problem = peer_in(rig, "c"), threading.Event(), None
        self.sessions = {}                      # name -> client
        self.tokens = collections.deque()       # (session, cuid, mid, token) of observations
        self.next_session, self.mids = 0, [0] * CLIENTS
        self.done = collections.Counter()
        acts = {self.connect: 3, self.leave: 2, self.ask: 8, self.renew: 3, self.withdraw: 3,
                self.observe: 3, self.look: 2, self.forget: 1, self.beat: 2,
                     self.watch: 0.05}
        self.acts, self.weights = list(acts), list(acts.values())

    def run(self):
        try:
            self.connect()
            self.watch()
            while not self.over.is_set():
                act = self.rng.choices(self.acts, self.weights)[0]
                if not self.sessions and act != self.connect:
                    act = self.connect
                act()
                self.sweep()
        except Failure as e:
            if not self.over.is_set():
                self.problem = f"worker {self.number}: {e}"

    # ---- sessions ----

    def connect(self):
        if len(self.sessions) >= SESSIONS:
            return self.leave()
        self.next_session += 1
        name, c = f"s{self.next_session}", self.rng.randrange(CLIENTS)
        self.peer.psk(name, SERVER, PORT, name_of(self.number, c), key_of(self.number, c))
        if self.peer.settled(name) == "up":
            self.done["sessions"] += 1
            self.sessions[name] = c
        elif c != CLIENTS - 1:
            raise Failure(f"{name_of(self.number, c)} is not let in: {self.peer.state[name]}")
        else:
            self.done["guests refused"] += 1
        return None

    def leave(self):
        """In good order, or without a word."""
        name = self.rng.choice(list(self.sessions))
        self.peer.close(name, self.rng.choice(("close", "drop")))
        del self.sessions[name]

    def sweep(self):
        """Sessions that the server ended, and what else came in."""
        for name in [s for s in self.sessions if self.peer.state[s].startswith("down")]:
            self.done["sessions ended by the server"] += 1
            del self.sessions[name]
        for name, data in list(self.peer.data.items()):
            taken, self.peer.data[name] = data, []
            self.done["notifications"] += sum(
                coap.parse(d).option(coap.OBSERVE) is not None for d in taken)
            if name not in self.sessions:
                del self.peer.data[name]

    # ---- requests ----

    def pick(self):
        name = self.rng.choice(list(self.sessions))
        c = self.sessions[name]
        return name, c, f"cuid-of-{name_of(self.number, c)}-{self.rng.randrange(2)}"

    def judge(self, session, what, m):
        if m is None and not self.peer.state[session].startswith("down"):
            raise Failure(f"{what} on {session} is not answered")
        if m is not None and m.code not in FINE:
            raise Failure(f"{what} on {session}: {m}")
        self.done[what] += 1
        return m

    def ask(self):
        session, c, cuid = self.pick()
        self.mids[c] += 1
        targets = [f"{prefix_of(self.number, c)}.{self.rng.randrange(1, 250)}/32"
                   for _ in range(self.rng.choice((1, 1, 1, 2, 5)))]
        more = {"TARGET_PROTOCOL": [6, 17]} if self.rng.random() < 0.3 else {}
        body = cbor.scope(*targets, lifetime=self.rng.choice((1, 1, 2, 2, 3, 8)), **more)
        self.judge(session, "mitigations", self.peer.put(session, cuid, self.mids[c], body))

    def renew(self):
        """The last request again; its parameters are others if it was of another kind."""
        session, c, cuid = self.pick()
        body = cbor.scope(f"{prefix_of(self.number, c)}.254/32", lifetime=3)
        for _ in range(2):
            self.judge(session, "refreshes", self.peer.put(session, cuid + "-r", 1, body))

    def withdraw(self):
        session, c, cuid = self.pick()
        self.judge(session, "withdrawals", self.peer.delete(session, cuid, max(1, self.mids[c])))

    def look(self):
        session, c, cuid = self.pick()
        self.judge(session, "looks", self.peer.get(session, cuid, max(1, self.mids[c])))

    def observe(self):
        session, c, cuid = self.pick()
        path = coap.mitigate(f"cuid={cuid}", f"mid={max(1, self.mids[c])}")
        m = self.judge(session, "observations", self.peer.request(
            session, coap.GET, [*path, (coap.OBSERVE, b"")]))
        if m is not None and m.option(coap.OBSERVE) is not None:
            self.tokens.append((session, path, m.token))

    def watch(self):
        """Waits for the last word on a request, which comes 3 s after the first word on it."""
        if not self.sessions:
            return
        session, c, cuid = self.pick()
        self.mids[c] += 1
        path = coap.mitigate(f"cuid={cuid}", f"mid={self.mids[c]}")
        body = cbor.scope(f"{prefix_of(self.number, c)}.253/32", lifetime=2)
        if not self.judge(session, "mitigations", self.peer.put(session, cuid, self.mids[c], body)):
            return
        m = self.judge(session, "observations", self.peer.request(
            session, coap.GET, [*path, (coap.OBSERVE, b"")]))
        if m is not None and m.option(coap.OBSERVE) is not None:
            self.judge(session, "notifications", self.peer.take(
                session, lambda n: n.token == m.token, PATIENCE))

    def forget(self):
        """Ends an observation, by saying so or by a reset of what comes next."""
        while len(self.tokens) > OBSERVED:
            self.tokens.popleft()
        if not self.tokens:
            return
        session, path, token = self.tokens.popleft()
        if session in self.sessions:
            self.peer.send(session, coap.message(coap.NON, coap.GET, self.peer.id(session), token,
                                                 [*path, (coap.OBSERVE, b"\x01")]))
            self.judge(session, "observations ended", self.peer.take(
                session, lambda m: m.token == token, 3))

    def beat(self):
        session = self.rng.choice(list(self.sessions))
        self.judge(session, "heartbeats", self.peer.heartbeat(session))

    def finish(self):
        self.over.set()
        self.join()


class Soak:
    NAMES = ("s", "s.helper")

    def __init__(self, case, rig):
        self.case, self.rig = case, rig
        self.workers = [Worker(case, rig, n) for n in range(WORKERS)]
        self.rss = {n: [] for n in self.NAMES}
        self.fds = {n: [] for n in self.NAMES}
        self.rng, self.reloads = case.rng("reloads"), 0

    def run(self, seconds):
        """Until the memory has settled; then for so long."""
        for w in self.workers:
            w.start()
        try:
            begun = time.monotonic()
            self.live(begun + WARM_S, self.is_steady)
            if not self.is_steady():
                raise Failure(f"the memory does not settle: {self.rss}")
            self.case.figure("seconds until the memory had settled",
                             round(time.monotonic() - begun))
            for values in (*self.rss.values(), *self.fds.values()):
                values.clear()
            self.live(time.monotonic() + seconds, lambda: False)
        finally:
            for w in self.workers:
                w.finish()
        problems = [w.problem for w in self.workers if w.problem]
        if problems:
            raise Failure("\n".join(problems))

    def live(self, end, enough):
        next_reload = time.monotonic() + 1
        while time.monotonic() < end and not enough():
            self.look()
            if time.monotonic() >= next_reload:
                self.reload()
                next_reload = time.monotonic() + self.rng.uniform(0.5, 5)
            time.sleep(SAMPLE_S)

    def is_steady(self):
        n = round(STEADY_S / SAMPLE_S)
        return all(len(v) > n and max(v[-n:]) <= v[-n - 1] * 1.01 + 128 for v in self.rss.values())

    def look(self):
        self.rig.check_alive()
        if any(w.problem for w in self.workers):
            raise Failure("\n".join(w.problem for w in self.workers if w.problem))
        for n in self.NAMES:
            self.rss[n].append(self.rig.rss(n))
            self.fds[n].append(self.rig.descriptors(n))
        for log in ("events.json", "log"):  # appended to: they may be cut at any time
            path = self.rig.folder / "s" / log
            if path.stat().st_size > LOG_MAX:
                os.truncate(path, 0)

    def reload(self):
        """By signal; guests are known or not, and operators look at everything."""
        self.rig.agents.configs["s"]["clients"] = clients(self.rig, self.rng.random() < 0.5)
        self.rig.agents.write("s")
        self.rig.agents.processes["s"].tell(signal.SIGHUP)
        self.rig.ask("s", "list")
        self.rig.ask("s", "sessions")
        self.reloads += 1

    # ---- verdict ----

    def judge(self):
        wrong = []
        for n in self.NAMES:
            third, end = around(self.rss[n], 1 / 3), around(self.rss[n], 1)
            self.case.figure(f"memory of {n}, KiB: first, after a third, at the end, most",
                             f"{self.rss[n][0]}, {third}, {end}, {max(self.rss[n])}")
            if end - third > max(GROWTH * third, GROWTH_KIB):
                wrong.append(f"{n} grew from {third} to {end} KiB")
            third, end = around(self.fds[n], 1 / 3), around(self.fds[n], 1)
            self.case.figure(f"descriptors of {n}: after a third, at the end, most",
                             f"{third}, {end}, {max(self.fds[n])}")
            if end > third + 2:
                wrong.append(f"{n} had {third} descriptors, and has {end}")
        if wrong:
            raise Failure("; ".join(wrong))

    def calm(self):
        """Nobody is there any more: nothing is left."""
        for w in self.workers:
            w.peer.stop()

        def left():
            return self.rig.ask("s", "list")["mitigations"] or self.rig.ask("s", "sessions")["clients"]

        until(lambda: not left(), lambda: f"everything ends, but {left()[:3]}", 60, 0.2,
              self.rig.check_alive)
        until(lambda: not self.rig.elements("s"), "the packet filter is empty", 30, 0.2)

    def totals(self):
        total = sum((w.done for w in self.workers), collections.Counter())
        for what, n in sorted(total.items()):
            self.case.figure(what, n)
        self.case.figure("reloads", self.reloads)
        for what in ("sessions", "mitigations", "notifications"):
            if not total[what]:
                raise Failure(f"no {what} at all")


def around(values, where):
    """Median of the samples about a moment."""
    at, width = int(len(values) * where), max(1, len(values) // 20)
    return int(statistics.median(values[max(0, at - width):at] or values[:1]))


def run(case):
    with Rig(case, "tests/torture/one-server.lab", configure) as rig:
        rig.start("s")
        soak = Soak(case, rig)
        soak.run(case.rounds)
        soak.totals()
        soak.calm()
        soak.judge()
