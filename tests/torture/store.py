"""The store cannot be written: the disk is full, read-only, slow, or the directory is gone. What is
asked for meanwhile is served and answered, marked volatile and alerted, and on disk once the store is
back; what was withdrawn meanwhile does not come back."""
import contextlib
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import threading
import time

from rig.case import Failure, until
from rig.network import Rig, now_ms

TITLE = "the store unwritable, at client, gateway and server"
UNIT, FULL, SHORT = "passes", 8, 1

# Who is hit; the first pass hits all at once.
VICTIMS = [["c1", "cpe", "s1"], ["c1"], ["cpe"], ["s1"]]
TARGETS = {"old": "192.0.2.80", "new": "192.0.2.81", "short": "192.0.2.82"}
SLOW_MS = 60000  # far more than the second that a commit may take
ANSWERED_S = 10  # three agents, each of which may wait a second


class Disk:
    """The disk of one agent: a small file system of its own, with the state directory on it."""

    def __init__(self, rig, name):
        self.mount = rig.folder / name / "disk"
        self.state = self.mount / "state"
        self.slow = rig.folder / name / "slow"
        self.ballast = self.mount / "ballast"
        self.mount.mkdir()
        rig.tmpfs(self.mount, "8m")
        self.filling = None
        rig.closing.append(self.mend)

    def fill_but(self, left):
        """So many bytes are left."""
        with open(self.ballast, "wb") as f:
            f.write(bytes(free(self.mount) - left))

    def fill(self):
        """Full, and kept so: a store that is closed frees a little. Its write-ahead log is emptied
        first, or many requests would find room in there."""
        if self.filling:
            return
        for file in self.state.glob("*.db"):
            with contextlib.closing(sqlite3.connect(file)) as db:
                db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        stop = threading.Event()

        def run():
            with open(self.ballast, "ab", buffering=0) as f:
                while not stop.wait(0.005):
                    try:
                        while f.write(bytes(4096)):
                            pass
                    except OSError:
                        pass

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        self.filling = stop, thread
        until(lambda: free(self.mount) == 0, "the disk fills up")

    def rest(self):
        if self.filling:
            stop, thread = self.filling
            stop.set()
            thread.join()
            self.filling = None

    def empty(self):
        self.rest()
        self.ballast.unlink(missing_ok=True)

    def lock(self):
        """Read-only, if nobody has a file open for writing now."""
        self.rest()
        locked = remount(self.mount, "ro")
        if not locked:
            self.fill()
        return locked

    def mend(self):
        remount(self.mount, "rw")
        self.empty()
        self.slow.unlink(missing_ok=True)


def free(where):
    s = os.statvfs(where)
    return s.f_bavail * s.f_bsize


def remount(where, how):
    return subprocess.run(["mount", "-o", f"remount,{how}", str(where)], check=False,
                          capture_output=True).returncode == 0


class Store:
    def __init__(self, case, rig):
        self.case, self.rig, self.disks = case, rig, rig.disks
        self.claims, self.answered, self.outages = 0, [], []

    # ---- faults: each begins on the disks of the victims, and gives what ends it ----

    def full(self, victims):
        for v in victims:
            self.disks[v].fill()
        self.fail(victims)
        return lambda: [self.disks[v].empty() for v in victims]

    def read_only(self, victims):
        """A disk can be made read-only where no file is open for writing: just after the store has
        failed for want of space, for it is closed then until it tries again."""
        for v in victims:
            self.disks[v].fill()
            self.rig.until(lambda v=v: self.fail([v]) and self.disks[v].lock(),
                           f"the disk of {v} is read-only")
        return lambda: [self.disks[v].mend() for v in victims]

    def removed(self, victims):
        for v in victims:
            shutil.rmtree(self.disks[v].state)
        return lambda: [self.disks[v].state.mkdir() for v in victims]

    def slow(self, victims):
        for v in victims:
            self.disks[v].slow.write_text(f"{SLOW_MS}\n")
        return lambda: [self.disks[v].slow.unlink() for v in victims]

    def fail(self, victims, tries=50):
        """Asks until the full disks are felt. They are no lasting failure: the store may find room
        in its own files."""
        for _ in range(tries):
            felt = self.provoke(lambda: all(self.state(v) == "volatile" for v in victims))
            if felt:
                return True
        raise Failure(f"{tries} requests, and the full disks of {victims} are not felt")

    # ---- what is asked ----

    def ask(self, name, target=None):
        """Asked, answered and in force; its target."""
        target, begun = target or TARGETS[name], time.monotonic()
        status, reply = self.rig.ctl("c1", "mitigate", target, "--id", name, "--wait", ANSWERED_S)
        self.answered.append(time.monotonic() - begun)
        if status:
            raise Failure(f"mitigate {target}: exit {status}, {reply}")
        self.rig.until(lambda: target in {e[0] for e in self.rig.elements("s1")},
                       f"{target} is filtered for", 30)
        return target + "/32"

    def provoke(self, look=lambda: None):
        """Something to write for everybody, which is away again at once; what look said before
        that, for nothing waits for the disk after it."""
        target = self.ask("short")
        seen = look()
        self.rig.ask("c1", "withdraw", "short")
        self.rig.until(lambda: not self.holders(target), f"{target} is withdrawn")
        return seen

    def holders(self, target):
        """Where a target is still held."""
        found = [n for n in ("cpe", "s1") if any(target in m["targets"] for m in self.book(n))]
        return found + [n for n in ("c1", "cpe") if any(target in w["targets"]
                                                        for w in self.rig.ask(n, "list")["wishes"])]

    def book(self, name):
        return self.rig.ask(name, "list")["mitigations"]

    def state(self, name):
        return self.rig.ask(name, "status")["store"]["state"]

    def marks(self, name, target):
        return [m["volatile"] for m in self.book(name) if target in m["targets"]]

    # ---- what is said to be durable is, when the disk runs full in the middle ----

    def runs_full(self, victims, rng):
        what = f"running full, and killed, at {', '.join(victims)}"
        self.case.say(what)
        for v in victims:
            self.disks[v].fill_but(rng.randrange(20, 200) * 1024)
        asked, safe = {}, {v: set() for v in victims}
        while len(asked) < 30 and any(self.state(v) == "durable" for v in victims):
            name = f"n{len(asked)}"
            asked[name] = self.ask(name, f"192.0.2.{90 + len(asked)}")
            for v in victims:
                if self.state(v) == "durable" and (v == "c1" or
                                                   self.marks(v, asked[name]) == [False]):
                    safe[v].add(asked[name])
        self.rig.stop(*victims, how=signal.SIGKILL)
        for v in victims:
            self.disks[v].empty()
        for v in reversed(victims):  # servers first: nobody can have withdrawn anything yet
            self.rig.start(v)
            reply = self.rig.ask(v, "list")
            here = {t for x in reply["wishes" if v == "c1" else "mitigations"] for t in x["targets"]}
            if not safe[v] <= here:
                raise Failure(f"{what}: {v} lost {sorted(safe[v] - here)}, which it had called "
                              "durable")
            self.claims += len(safe[v])
        self.rig.until_connected("cpe", "c1")
        self.forget(asked, what)

    def forget(self, asked, what):
        """Whoever forgot one knows it again, for a newer request takes the place of an older one;
        then all are withdrawn."""
        names = {n: "again-" + n for n in asked}
        for name, again in names.items():
            self.rig.ctl("c1", "mitigate", asked[name], "--id", again, "--wait", 0)
        for again in names.values():
            self.rig.until(lambda again=again: self.is_placed(again), f"{what}: {again} is placed")
        for name in (*names, *names.values()):
            self.rig.ctl("c1", "withdraw", name)
        def left():
            return {t: h for t in asked.values() for h in [self.holders(t)] if h}

        self.rig.until(lambda: not left() and not self.rig.elements("s1"),
                       lambda: f"{what}: all are withdrawn, but {left()}")

    def is_placed(self, name):
        """For all three: a client that was told so once believes it, whatever the others forgot."""
        wish = self.rig.ask("c1", "show", name)["wish"]
        if {p["state"] for p in wish["parts"]} == {"placed"} and all(
                {"c1", "cpe", "s1"} <= set(self.holders(t)) for t in wish["targets"]):
            return True
        self.rig.ctl("c1", "refresh", name)  # not when its time comes, but now
        return False

    # ---- one fault ----

    def outage(self, fault, victims):
        what = f"{fault.__name__.replace('_', '-')} at {', '.join(victims)}"
        self.case.say(what)
        old = self.ask("old")
        begun = now_ms()
        end = fault(victims)
        try:
            new = self.ask("new")
            if fault != self.full:
                self.check_volatile(victims, new, begun)
            self.rig.ask("c1", "withdraw", "old")
            self.rig.until(lambda: not self.holders(old), f"{what}: the withdrawal goes through", 30)
        finally:
            end()
        self.check_durable(victims, new, begun, what)
        self.outages.append(time.time() - begun)
        self.check_after_crash(victims, old, new, what)
        self.rig.ask("c1", "withdraw", "new")
        self.rig.until(lambda: not self.holders(new) and not self.rig.elements("s1"), "all is over")

    def check_volatile(self, victims, target, begun):
        for v in victims:
            self.rig.until_event(v, "store-volatile", since=begun, seconds=20)
            status = self.rig.ask(v, "status")
            if status["store"]["state"] != "volatile" or not any("the store fails" in a
                                                                 for a in status["alerts"]):
                raise Failure(f"{v} does not say that its store fails: {status}")
        for name in ("c1", "cpe", "s1"):
            hit = name in victims
            if not hit and self.state(name) != "durable":
                raise Failure(f"{name} is volatile, but its disk is fine")
            if name != "c1" and self.marks(name, target) != [hit]:
                raise Failure(f"{name}: volatile is {self.marks(name, target)}, not [{hit}]")

    def check_durable(self, victims, target, begun, what):
        for v in victims:
            self.rig.until_event(v, "store-durable", since=begun, seconds=30)
            self.rig.until(lambda v=v: self.state(v) == "durable", f"{what}: {v} is durable")
        for name in ("cpe", "s1"):
            self.rig.until(lambda name=name: self.marks(name, target) == [False],
                           f"{what}: {name} has its store back and no mark on {target}", 20)
        # As the asking side sees it; at the other, sessions of before a kill go silent.
        silent = [str(r) for n in ("c1", "cpe")
                  for r in self.rig.events(n, "session-silent", begun, role="client")]
        if silent:
            raise Failure(f"{what}: heartbeats waited for the disk: {silent}")

    def check_after_crash(self, victims, old, new, what):
        last = {n: max(int(r.fields["mid"]) for r in self.rig.events(n, "sent"))
                for n in ("c1", "cpe")}
        self.rig.stop(*victims, how=signal.SIGKILL)
        killed = now_ms()
        self.rig.start(*victims)
        for v in victims:
            if v != "s1" and not any(new in w["targets"] for w in self.rig.ask(v, "list")["wishes"]):
                raise Failure(f"{what}: {v} lost its request for {new}")
            if v != "c1" and not any(new in m["targets"] for m in self.book(v)):
                raise Failure(f"{what}: {v} lost the mitigation of {new}")
        if self.holders(old):
            raise Failure(f"{what}: {old} was withdrawn, and is back at {self.holders(old)}")
        self.rig.until_connected("cpe", "c1")
        self.check_mids(victims, last, killed, what)
        if new not in {e[0] + "/32" for e in self.rig.elements("s1")}:
            raise Failure(f"{what}: {new} is not filtered for any more")

    def check_mids(self, victims, last, killed, what):
        """A mid that was used is never used again for something else (RFC 9132 4.4.1.1)."""
        self.provoke()
        for v in set(victims) - {"s1"}:
            for r in self.rig.events(v, "sent", killed, kind="request"):
                if int(r.fields["mid"]) <= last[v]:
                    raise Failure(f"{what}: {v} uses mid {r.fields['mid']} again: {r}")


def configure(rig):
    rig.agents.configs["s1"]["mitigation"] = {"terminating": 0}
    rig.disks = {name: Disk(rig, name) for name in ("c1", "cpe", "s1")}
    for name, disk in rig.disks.items():
        rig.agents.configs[name]["state"] = str(disk.state)
        process = rig.agents.processes[name]
        process.argv = ["/usr/bin/env", f"LD_PRELOAD={rig.case.binaries['slowdisk.so']}",
                        f"SLOWDISK={disk.slow}", *process.argv]


def run(case):
    with Rig(case, "labs/F6pa.lab", configure) as rig:
        rig.start("s1", "s2")
        rig.start("cpe")
        rig.until_connected("cpe")
        rig.start("c1")
        rig.until_connected("c1")
        store = Store(case, rig)
        faults = [store.full, store.read_only, store.removed, store.slow]
        for n in range(case.rounds):
            rng, victims = case.rng("pass", n), VICTIMS[n % len(VICTIMS)]
            for fault in rng.sample(faults, len(faults)):
                store.outage(fault, victims)
            store.runs_full(victims, rng)
        case.figure("outages", len(store.outages))
        case.figure("called durable while the disk ran full, killed, and there", store.claims)
        case.figure("slowest answer, s", f"{max(store.answered):.2f}")
