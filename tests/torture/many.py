"""Many sessions that stay: with heartbeats both ways and an observation each, for an hour's worth of
heartbeats; ten times as many that are idle; and all of them back after kill -9 of the server."""
import os
import pathlib
import re
import signal
import statistics
import threading
import time

from rig.case import Failure, until
from rig.load import Load
from rig.network import Rig, status_of

TITLE = "10,000 sessions with heartbeats and observers, 100,000 idle ones, all back after kill -9"
UNIT, FULL, SHORT = "seconds of heartbeats and observers", 1200, 20

SERVER, PORT = "192.0.2.10", 4646
FROM, STRIDE = "10.0.0.1", 32      # where sessions come from: 8 of them in a /24
ELSEWHERE = "10.0.0.0/8"
KEY = "0123456789abcdef0123456789abcdef"
LIVELY, LIVELY_SMALL = 10000, 300  # customers, with a session, a mitigation and an observer each
IDLE, IDLE_SMALL = 100000, 600     # sessions of the same customers
BEATS = 120                        # an hour of heartbeats at the default of 30 s …
BEATS_SMALL = 10
DEFAULT_S = 30                     # … at which the idle ones have theirs
REST_S, REST_SMALL_S = 90, 6       # how long they are looked at
CHANGES, CHANGES_SMALL = 4, 2      # everything is withdrawn and asked for again
PERIOD_S = 15                      # notifications while nothing changes
TOLD_S = 60                        # until everybody has been told of a change
WINDOW, ASKED = 64, 128            # handshakes, requests at a time
ATTEMPT_S, PACE_S = 20, 60         # of a client, and between them (RFC 9132 4.7)
WITHDRAWN, MITIGATED = 5, 2
GROWTH, GROWTH_KIB = 0.05, 4096    # from a third of the time to its end
SPOILED = re.compile(r"^(session-silent|session-down|alert)\b.*", re.MULTILINE)
HALF_OPEN, IN_VAIN = 512, 0.05     # handshakes under way; attempts that lead nowhere, of many


class Size:
    def __init__(self, rounds):
        short = rounds <= SHORT
        self.lively = LIVELY_SMALL if short else LIVELY
        self.idle = IDLE_SMALL if short else IDLE
        self.changes = CHANGES_SMALL if short else CHANGES
        self.part = rounds / (self.changes + 1)  # seconds between them, nearly
        self.beat = rounds / (BEATS_SMALL if short else BEATS)
        self.rest = REST_SMALL_S if short else REST_S
        self.idle_beat = self.beat if short else DEFAULT_S


def customer(n, sessions):
    """One that may ask for what the load generator asks for in its name (bench/ask.c)."""
    return {"psk": [{"identity": f"c{n}", "file": "key.psk"}],
            "prefixes": [f"{10 + (n >> 8)}.{n & 255}.0.0/16"],
            "limits": {"sessions": sessions}}


class Server:
    """dotsd and its helper. Its events would be a line for each heartbeat: only the log is kept."""

    NAMES = ("s", "s.helper")

    def __init__(self, rig, size):
        self.rig, self.size = rig, size
        self.home = rig.agents.folders["s"]
        (self.home / "key.psk").write_text(KEY + "\n")
        self.since = 0  # in its log

    def configure(self, beat):
        sessions = self.size.idle // self.size.lively + 2
        cfg = self.rig.agents.configs["s"]
        cfg.pop("events", None)
        cfg["clients"] = {f"c{n}": customer(n, sessions) for n in range(self.size.lively)}
        cfg["session"] = {"heartbeat-interval": beat, "missing-hb-allowed": 15}
        cfg["mitigation"] = {"terminating": 120}
        cfg["limits"] = {"sessions": self.size.idle + WINDOW}

    def start(self):
        """Seconds until it answers its operator."""
        if not self.rig.agents.running("s.helper"):
            self.rig.agents.start_helper("s.helper")
        begun = time.monotonic()
        self.rig.agents.write("s")
        self.rig.agents.processes["s"].start()
        until(lambda: self.rig.ctl("s", "status")[0] == 0, "the server answers",
              watch=self.rig.check_alive)
        took = time.monotonic() - begun
        self.rig.first_in_line("s")
        return took

    def kill(self):
        self.rig.stop("s", how=signal.SIGKILL)

    def cpu(self):
        """Seconds of a processor, of each of NAMES."""
        return [sum(map(int, pathlib.Path(f"/proc/{self.rig.pid(n)}/stat").read_text()
                        .rpartition(")")[2].split()[11:13])) / os.sysconf("SC_CLK_TCK")
                for n in self.NAMES]

    def judge_log(self, what):
        """Nothing was told since the last time that should not have been."""
        text = (self.home / "log").read_text(errors="replace")
        new, self.since = text[self.since:], len(text)
        wrong = [m.group(0) for m in SPOILED.finditer(new)]
        if wrong:
            raise Failure(f"{what}: {len(wrong)} lines as {wrong[:3]}")


class Sizes(threading.Thread):
    """Resident memory of both, looked at all the time."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.pids = [server.rig.pid(n) for n in server.NAMES]
        self.over, self.kib = threading.Event(), {n: [] for n in server.NAMES}

    def run(self):
        while not self.over.wait(0.5):
            for name, pid in zip(self.kib, self.pids):
                self.kib[name].append(status_of(pid, "VmRSS"))

    def judge(self, case):
        self.over.set()
        self.join()
        grown = []
        for name, values in self.kib.items():
            third, end = around(values, 1 / 3), around(values, 1)
            case.figure(f"memory of {name}, KiB: first, after a third, at the end, most",
                        f"{values[0]}, {third}, {end}, {max(values)}")
            if end - third > max(GROWTH * third, GROWTH_KIB):
                grown.append(f"{name} grew from {third} to {end} KiB")
        if grown:
            raise Failure("; ".join(grown))


def around(values, where):
    """Median of the samples about a moment."""
    at, width = int(len(values) * where), max(1, len(values) // 20)
    return int(statistics.median(values[max(0, at - width):at] or values[:1]))


class Many:
    def __init__(self, case, rig):
        self.case, self.rig, self.size = case, rig, Size(case.rounds)
        self.server = Server(rig, self.size)
        self.rate = None  # handshakes a second, of a server that has nothing else to do

    def begin(self, beat):
        self.server.configure(beat)
        took = self.server.start()
        self.load = Load(self.rig, "c", server=f"{SERVER}:{PORT}", pid=self.rig.pid("s"),
                         clients=self.size.lively, psk=KEY, stride=STRIDE, **{"from": FROM})
        return took

    def do(self, wanted, *words, seconds=0):
        got = self.load(*words, seconds=seconds)
        if got["ok"] != wanted:
            self.rig.check_alive()
            raise Failure(f"{' '.join(map(str, words))}: {got}")
        return got

    def open(self, n):
        got = self.do(n, "open", 0, n, WINDOW, seconds=600)
        self.rate = n / got["seconds"]
        self.case.figure(f"{n} sessions: full handshakes a second, ms of the server's processor each",
                         f"{self.rate:.0f}, {got['server_cpu'] / n * 1000:.2f}")

    def each(self, kind):
        n = self.size.lively
        got = self.do(n, "each", kind, 0, n, ASKED, seconds=600)
        if got["bad"]:
            raise Failure(f"{kind}: {got}")

    def told(self, status):
        """Seconds until all observers were."""
        begun = time.monotonic()
        self.do(self.size.lively, "told", status, TOLD_S, seconds=TOLD_S)
        return time.monotonic() - begun

    def observe(self):
        self.do(self.size.lively, "observe", self.size.lively, TOLD_S, seconds=TOLD_S)

    # ---- heartbeats and observers ----

    def change(self):
        """Everybody's request is withdrawn, and asked for again; seconds from there until told."""
        times = []
        for kind, status in (("delete", WITHDRAWN), ("put", MITIGATED)):
            begun = time.monotonic()
            self.each(kind)
            self.told(status)
            times.append(time.monotonic() - begun)
        return times

    def lively(self):
        n, beat = self.size.lively, self.size.beat
        self.begin(beat)
        before = self.rig.rss("s")
        self.open(n)
        self.each("put")
        self.observe()
        self.told(MITIGATED)
        self.case.figure("memory of s, KiB: before, with sessions, mitigations and observers",
                         f"{before}, {self.rig.rss('s')}")
        sizes = Sizes(self.server)
        sizes.start()
        self.load("beat", beat)
        begun, cpu, changes, quiet = time.monotonic(), self.server.cpu(), [], []
        for part in range(1, self.size.changes + 2):
            end = begun + part * self.size.part
            at = self.server.cpu(), time.monotonic()
            got = self.load("live", max(0, end - time.monotonic()), seconds=self.case.rounds)
            quiet.append((self.server.cpu()[0] - at[0][0]) / (time.monotonic() - at[1]))
            if part <= self.size.changes:
                changes += self.change()
        took = time.monotonic() - begun
        self.judge(got, took, n)
        self.judge_notifications(got)
        self.case.figure(f"{len(changes)} changes of all: seconds until the last was told, median, most",
                         f"{statistics.median(changes):.2f}, {max(changes):.2f}")
        used = [(b - a) / took * 100 for a, b in zip(cpu, self.server.cpu())]
        self.case.figure("% of a core: server, between the changes, helper; load generator",
                         f"{used[0]:.1f}, {statistics.median(quiet) * 100:.1f}, {used[1]:.1f}; "
                         f"{got['load_cpu'] / got['seconds'] * 100:.1f}")
        sizes.judge(self.case)
        self.server.judge_log("with heartbeats and observers")

    def judge_notifications(self, got):
        size = self.size
        least = 2 * size.changes + (size.changes + 1) * max(0, int(size.part / PERIOD_S) - 2)
        self.case.figure("notifications: all, of the observer with fewest, at least to be expected",
                         f"{got['told']}, {got['told_least']}, {least}")
        if got["told_least"] < least:
            raise Failure(f"observers were told too little: {got}")

    def judge(self, got, took, n):
        """Of heartbeats; `took` since they began."""
        beats = took / (self.size.idle_beat if n == self.size.idle else self.size.beat)
        self.case.figure(f"{n} sessions, {took:.0f} s: heartbeats of clients, unanswered; of the server, "
                         "to the session with fewest",
                         f"{got['sent']}, {got['missed']}; {got['heard']}, {got['heard_least']}")
        if got["lost"] or got["missed"] or got["wrong"]:
            raise Failure(f"sessions lost, heartbeats missed, or wrong messages: {got}")
        if got["sent"] < n * (beats - 1) or got["heard_least"] < beats - 2:
            raise Failure(f"{beats:.0f} heartbeats each were to be expected: {got}")

    # ---- idle ----

    def idle(self):
        n, beat = self.size.idle, self.size.idle_beat
        self.server.kill()
        self.load.stop()
        self.rig.agents.forget_state("s")
        self.begin(beat)
        before = self.rig.rss("s")
        self.open(n)
        held = self.rig.rss("s") - before
        self.case.figure(f"{n} idle sessions: memory of s, KiB: before, growth, of a session",
                         f"{before}, {held}, {held / n:.2f}")
        self.load("beat", beat)
        cpu, begun = self.server.cpu(), time.monotonic()
        got = self.load("live", self.size.rest, seconds=self.size.rest)
        took = time.monotonic() - begun
        self.judge(got, took, n)
        used = self.server.cpu()[0] - cpu[0]
        self.case.figure(f"{n} idle sessions, heartbeats every {beat:g} s both ways: % of a core, of a "
                         "thousand sessions",
                         f"{used / took * 100:.1f}, {used / took * 100 / n * 1000:.3f}")
        self.server.judge_log("idle")

    # ---- back ----

    def back(self, n, spread):
        """All of them, after kill -9."""
        self.server.kill()
        self.load("lose")
        up = self.server.start()
        self.load("server", self.rig.pid("s"))
        limit = spread + 2 * n / self.rate + 2 * PACE_S
        got = self.load("return", spread, limit, seconds=limit)
        self.case.figure(f"kill -9 with {n} sessions: the server answers after, s", f"{up:.2f}")
        self.case.figure(f"{n} sessions are back after, s: half, 95 %, all; at the rate before; in vain",
                         f"{got['median']:.1f}, {got['nearly']:.1f}, {got['all']:.1f}; "
                         f"{n / self.rate:.1f}; {got['in_vain']}")
        self.case.figure(f"meanwhile, of {n}: ms of the server's processor a session",
                         f"{got['server_cpu'] / n * 1000:.2f}")
        if got["back"] != n:
            raise Failure(f"{n - got['back']} sessions are not back after {limit:.0f} s: {got}")
        if HALF_OPEN < n < ATTEMPT_S * self.rate and got["in_vain"] > IN_VAIN * n:
            raise Failure(f"{got['in_vain']} handshakes of {n} led nowhere")
        self.server.judge_log("after kill -9")

    def watched(self):
        """What stood before stands, for each of them."""
        self.observe()
        self.told(MITIGATED)


def run(case):
    with Rig(case, "tests/torture/one-server.lab",
             more=[f"route r {ELSEWHERE} via 198.51.100.10"]) as rig:
        rig.net.run("c", ["ip", "route", "add", "local", ELSEWHERE, "dev", "lo"])
        many = Many(case, rig)
        many.lively()
        many.back(many.size.lively, many.size.beat)
        many.watched()
        many.idle()
        many.back(many.size.idle, many.size.idle_beat)
