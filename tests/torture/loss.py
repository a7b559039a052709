"""Alarms of many clients at once over a link that loses much of what it carries, both ways, or all of
what comes in: how long each takes until its filter stands, with a session and without one."""
import random

import time

from rig.case import Failure
from rig.crowd import Crowd, known, name_of
from rig.network import Rig, now_ms

TITLE = "alarms over links that lose 10, 30, 60 %, and all that comes in"
UNIT, FULL, SHORT = "alarms of each client at each level", 2, 1

SERVER = ("dots.example", "192.0.2.10")
LEVELS = [10, 30, 60]
CLIENTS, FEW = 50, 12  # FEW: of the short version: the middle level, with sessions only
REPEAT_S = 3           # RFC 9132 4.4: how far apart an unanswered request is repeated
OVER_IDEAL = 1.5       # p95 with a session over that of a sender who does only that …
SLACK_S = 0.5          # … and what processes and disks of a busy machine take
PATIENCE_S = 120
WITHOUT_S = 300        # without a session: 60 s between attempts (RFC 9132 4.7)
DRAWS = 20000


def configure(rig):
    cfg = rig.agents.configs["s"]
    cfg["clients"] = known(rig, CLIENTS)
    cfg["mitigation"] = {"terminating": 0}
    # As they are usually: no session is given up for minutes of silence.
    cfg["session"] = {"heartbeat-interval": 30, "missing-hb-allowed": 15}
    # They are all on one host, and that one is no attacker.
    cfg["limits"] = {"half-open-per-prefix": 2 * CLIENTS}


def at_share(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def told(values):
    """min / median / p95 / max."""
    return " / ".join(f"{v:.2f}" for v in (min(values), at_share(values, 0.5),
                                           at_share(values, 0.95), max(values)))


def ideal_request(rng, share):
    """Seconds until a request arrives that is sent again every 3 s."""
    seconds = 0
    while rng.random() < share:
        seconds += REPEAT_S
    return seconds


def ideal_handshake(rng, share):
    """The same after a handshake with a cookie (RFC 6347 4.2.4: a flight is sent again after 1 s,
    doubled each time), of which the client's three flights and the server's two, and then the last,
    have to arrive, within 20 s; else again 60 s after it failed (RFC 9132 4.7)."""
    seconds = 0
    while (took := one_handshake(rng, share)) is None:
        seconds += 20 + 60
    return seconds + took + ideal_request(rng, share)


def one_handshake(rng, share):
    took = 0.0
    for _ in range(3):  # there and back
        wait = 1.0
        while rng.random() < share or rng.random() < share:
            took += wait
            wait *= 2
        if took > 20:
            return None
    return took


class Level:
    """So much is lost where packets enter the clients' host, and so much on the other side."""

    def __init__(self, case, rig, crowd):
        self.case, self.rig, self.crowd = case, rig, crowd
        self.asks = 0

    def lose(self, inbound, outbound):
        self.rig.net.loss("c", "eth0", inbound)
        self.rig.net.loss("r", "c", outbound)

    def effects(self, since):
        """Seconds from each alarm to its filter."""
        self.asks += 1
        ask, crowd = f"a{self.asks}", self.crowd
        asked = crowd.each(lambda i: crowd.alarm(i, ask))
        return asked, lambda: self.installed(asked, since)

    def installed(self, asked, since):
        first = {}
        for e in self.rig.events("s", "rule-installed", since):
            first.setdefault(e.fields["client"], e.time)
        return [first[name_of(i)] - at for i, at in enumerate(asked) if name_of(i) in first]

    def until_all(self, found, what):
        self.rig.until(lambda: len(found()) == self.crowd.n,
                       lambda: f"{what}: only {len(found())} of {self.crowd.n} have their filter",
                       PATIENCE_S)
        self.crowd.alive()
        return found()

    def as_many(self, found):
        """Those that have it in time."""
        end = time.monotonic() + WITHOUT_S
        while len(found()) < self.crowd.n and time.monotonic() < end:
            self.crowd.alive()
            time.sleep(0.2)
        return found()

    def clear(self):
        """All is withdrawn, over a link that works again."""
        self.lose(0, 0)
        self.crowd.each(lambda i: self.crowd.withdraw(i, f"a{self.asks}"))
        self.rig.until(lambda: not self.rig.ask("s", "list")["mitigations"], "all is withdrawn")

    # ---- with a session, and without ----

    def with_session(self, inbound, outbound):
        self.rig.until(self.crowd.connected, "all have a session", PATIENCE_S)
        since = now_ms()
        self.lose(inbound, outbound)
        _, found = self.effects(since)
        result = self.until_all(found, f"with a session, {outbound} % lost")
        self.clear()
        return result

    def without_session(self, inbound, outbound):
        self.crowd.kill()
        since = now_ms()
        self.lose(inbound, outbound)
        self.crowd.start()
        _, found = self.effects(since)
        result = self.as_many(found)
        self.clear()
        return result


def simulated(case, level):
    """p95 of the two ideal ones."""
    rng = case.rng("ideal", level)
    return [at_share([f(rng, level / 100) for _ in range(DRAWS)], 0.95)
            for f in (ideal_request, ideal_handshake)]


def measure(case, level, where, short):
    with_one, without = [], []
    for _ in range(case.rounds):
        with_one += where.with_session(level, level)
    ideal, ideal_without = simulated(case, level)
    case.figure(f"{level} % lost, with a session: seconds to the filter "
                "(min / median / p95 / max), p95 of an ideal sender", f"{told(with_one)}, {ideal:.2f}")
    if short:
        return  # too few for a percentile
    limit = OVER_IDEAL * ideal + SLACK_S
    if at_share(with_one, 0.95) > limit:
        raise Failure(f"{level} % lost, with a session: p95 {at_share(with_one, 0.95):.2f} s, at "
                      f"most {limit:.2f}")
    for _ in range(case.rounds):
        without += where.without_session(level, level)
    case.figure(f"{level} % lost, without a session, p95 of what the timers of handshakes allow",
                f"{told(without)}, {ideal_without:.2f}; within {WITHOUT_S} s {len(without)} of "
                f"{case.rounds * where.crowd.n}")
    if not without:
        raise Failure(f"{level} % lost, without a session: nobody got through")


def deaf(case, where):
    """Nothing comes in any more. With a session every request arrives at once."""
    times = where.with_session(100, 0)
    case.figure("nothing comes in, with a session", told(times))
    if max(times) > REPEAT_S:
        raise Failure(f"nothing comes in, with a session: {max(times):.2f} s")


def run(case):
    short = case.rounds <= SHORT
    with Rig(case, "tests/torture/one-server.lab", configure) as rig:
        rig.start("s")
        crowd = Crowd(rig, "c", FEW if short else CLIENTS, SERVER)
        crowd.start()
        where = Level(case, rig, crowd)
        for level in LEVELS[1:2] if short else LEVELS:
            case.say(f"{level} % lost")
            measure(case, level, where, short)
        deaf(case, where)
