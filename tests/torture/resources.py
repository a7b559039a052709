"""What a process needs is not there: descriptors, memory, its disk, the right time, its resolver, its
helper. The service goes on or says what it cannot do, comes back by itself, and nothing that was
acknowledged is lost."""
import collections
import resource
import signal
import subprocess
import time

from lab.net import PYTHON
from rig.case import Failure, until
from rig.network import Rig
from store import VICTIMS, Disk

TITLE = "no descriptors, memory, disk, resolver, helper; another time"
UNIT, FULL, SHORT = "passes", 4, 1

NAMES = ("c1", "cpe", "s1")
KNOWN = {"c1": ["wishes"], "cpe": ["wishes", "mitigations"], "s1": ["mitigations"]}
HELPER = "s1.helper"
DAY, LIFETIME = 86400, 3600
TARGETS = [f"192.0.2.{n}" for n in range(80, 120)]
# A process that is never at rest is running, or waiting for a processor, all the time.
BUSY_S, BUSY_MAX = 1, 0.5
KNOCK = "import socket, sys; socket.create_connection((sys.argv[1], 4646)).recv(1)"
HUNGRY, MANY = 20, 10  # so often; requests that stand
NO_DESCRIPTORS = "no file descriptor is left"


def on_processor(pid):
    """Nanoseconds that it ran, or would have if it had been given a processor."""
    with open(f"/proc/{pid}/schedstat", encoding="ascii") as f:
        ran, waited, _ = f.read().split()
    return int(ran) + int(waited)


class Limit:
    """A limit of running processes, from now until it is lifted."""

    def __init__(self, rig, what, names, value):
        self.what, self.before = what, {}
        for n in names:
            pid = rig.pid(n)
            _, hard = self.before[pid] = resource.prlimit(pid, what)
            resource.prlimit(pid, what, (value(n), hard))

    def lift(self):
        for pid, before in self.before.items():
            try:
                resource.prlimit(pid, self.what, before)
            except ProcessLookupError:
                pass


def no_descriptor(_):
    """Those that are open stay; there is none more."""
    return 3


def no_memory(_):
    """What it has stays; the kernel gives no page more."""
    return 1 << 20


class Resources:
    def __init__(self, case, rig):
        self.case, self.rig = case, rig
        self.held, self.asked = {}, 0
        self.worst, self.ended = 0.0, collections.Counter()
        self.hold("first")

    # ---- what is asked for, and stands ----

    def target(self):
        """One that nobody holds."""
        self.asked += 1
        free = [t for t in TARGETS if t not in self.held.values()]
        return free[self.asked % len(free)]

    def hold(self, what, enforced=True):
        """Asked for and acknowledged; from now on nobody may lose it."""
        name, target = f"a{self.asked}", self.target()
        status, reply = self.rig.ctl("c1", "mitigate", target, "--id", name, "--wait", 10)
        if status:
            raise Failure(f"{what}: mitigate {target}: exit {status}, {reply}")
        self.held[name] = target
        if enforced:
            self.rig.until(lambda: target in self.filtered(), f"{what}: {target} is filtered", 30)
        return name

    def insist(self, target, name):
        """Until a session that nobody is at any more has been found out."""
        def granted():
            if not self.rig.ctl("c1", "mitigate", target, "--id", name, "--wait", 10)[0]:
                return True
            self.rig.ctl("c1", "withdraw", name)
            return False

        self.rig.until(granted, f"{target} is granted", 120)

    def release(self, *names):
        for name in names:
            self.rig.ask("c1", "withdraw", name)
            del self.held[name]

    def filtered(self):
        return {e[0] for e in self.rig.elements("s1")}

    def known(self, name):
        """kind of list -> targets in it."""
        reply = self.rig.ask(name, "list")
        return {kind: {t.removesuffix("/32") for x in reply[kind] for t in x["targets"]}
                for kind in KNOWN[name]}

    def wrong(self):
        """who -> what it holds too little or too much."""
        want, found = set(self.held.values()), {"filter": self.filtered()}
        for n in NAMES:
            found |= {f"{kind} of {n}": targets for kind, targets in self.known(n).items()}
        return {k: sorted(v ^ want) for k, v in found.items() if v != want}

    def again(self, victims, what):
        """Killed and started. What each knows at once, it knows by itself."""
        self.rig.stop(*victims, how=signal.SIGKILL)
        for v in (n for n in reversed(NAMES) if n in victims):
            self.start(v)
            for kind, targets in self.known(v).items():
                lost = set(self.held.values()) - targets
                if lost:
                    raise Failure(f"{what}: {v} was killed, and its {kind} lack {sorted(lost)}")

    def whole(self, what):
        """Everybody has what is held and nothing else, and new things are served again."""
        self.rig.until_connected("cpe", "c1", seconds=120)
        self.rig.until(lambda: not self.wrong(), lambda: f"{what}: {self.wrong()}", 120)
        self.asked += 1
        name = f"a{self.asked}-afterwards"
        self.insist(self.target(), name)
        self.rig.ask("c1", "withdraw", name)
        self.rig.until(lambda: not self.wrong(), lambda: f"{what}: {self.wrong()}")

    def start(self, name):
        """Until it answers: by its clock it may have been started before."""
        self.rig.start(name)
        self.rig.until(lambda: not self.rig.ctl(name, "status")[0], f"{name} answers", 30)

    # ---- what is said ----

    def mark(self, names, event):
        """Clocks jump here: what is new is told by its place, not by its time."""
        return {n: len(self.rig.events(n, event)) for n in names}

    def told(self, marks, event, text="", seconds=30):
        for n, seen in marks.items():
            self.rig.until(lambda n=n, seen=seen: any(
                text in str(r.fields) for r in self.rig.events(n, event)[seen:]),
                f"{n} says {event} {text}", seconds)

    # ---- descriptors ----

    def knock(self, victim):
        """A command, and a connection over TCP where those are taken: they wait."""
        socket = self.rig.agents.folders[victim] / "control.sock"
        command = subprocess.Popen([self.case.binaries["dotsctl"], "--socket", socket, "status"],
                                   stdout=subprocess.DEVNULL)
        knocks = [command]
        if victim != "c1":
            at = "c1" if victim == "cpe" else "cpe"
            knocks.append(self.rig.net.spawn(at, [PYTHON, "-c", KNOCK, self.address(victim)],
                                             stderr=subprocess.DEVNULL))
        for k in knocks:
            self.rig.closing.append(lambda k=k: (k.kill(), k.wait()))
        return command

    def address(self, name):
        if name == "cpe":
            return self.rig.agents.configs["c1"]["gateways"]["cpe"]["servers"][0]["addresses"][0]
        return min(str(a) for a in self.rig.lab.addresses_of(name))

    def is_calm(self, names, what):
        pids = {n: self.rig.pid(n) for n in names}
        before, begun = {n: on_processor(p) for n, p in pids.items()}, time.monotonic()
        while time.monotonic() < begun + BUSY_S:
            self.rig.check_alive()
            time.sleep(0.1)
        took = (time.monotonic() - begun) * 1e9
        for n, pid in pids.items():
            share = (on_processor(pid) - before[n]) / took
            self.worst = max(self.worst, share)
            if share > BUSY_MAX:
                raise Failure(f"{what}: {n} is busy {share * 100:.0f} % of the time")

    def descriptors(self, victims, also=None):
        what = f"no descriptors at {', '.join(victims)}"
        self.case.say(what)
        marks = self.mark(victims, "alert")
        limit = Limit(self.rig, resource.RLIMIT_NOFILE, victims, no_descriptor)
        knocks = [self.knock(v) for v in victims]
        self.told(marks, "alert", NO_DESCRIPTORS)
        if "c1" not in victims:  # who is connected is served
            self.release(self.hold(what))
        self.cannot_reload(victims)
        self.is_calm(victims, what)
        if also:
            also()
        limit.lift()
        for v, k in zip(victims, knocks):
            until(lambda k=k: k.poll() is not None, f"{what}: the command at {v} is answered", 30)
            if k.returncode:
                raise Failure(f"{what}: the command that waited at {v}: exit {k.returncode}")
        self.whole(what)

    def cannot_reload(self, victims):
        """Said, and everything stays as it was configured."""
        marks = self.mark(victims, "config-refused")
        for v in victims:
            self.rig.agents.processes[v].tell(signal.SIGHUP)
        self.told(marks, "config-refused", "Too many open files")

    def dial(self):
        """The server comes anew, and there is no descriptor to reach it with."""
        marks = self.mark(["cpe"], "session-failed")
        self.again(["s1"], "no descriptors at cpe")
        self.told(marks, "session-failed", "Too many open files", 60)

    def helper_descriptors(self):
        """Whoever it serves is connected; who comes anew waits."""
        what = "no descriptors at the helper"
        self.case.say(what)
        limit = Limit(self.rig, resource.RLIMIT_NOFILE, [HELPER], no_descriptor)
        self.release(self.hold(what))
        self.again(["s1"], what)
        self.is_calm([HELPER], what)
        limit.lift()
        self.whole(what)

    # ---- memory ----

    def memory(self, victims):
        """Requests, then reloads, too. Either it does without, or it ends at once, and is started
        again by who looks after it."""
        what = f"no memory at {', '.join(victims)}"
        self.case.say(what)
        limit, doubtful = Limit(self.rig, resource.RLIMIT_AS, victims, no_memory), {}
        for n in range(HUNGRY):
            self.try_something(doubtful)
            for v in victims if n > HUNGRY / 2 else ():
                self.rig.agents.processes[v].tell(signal.SIGHUP)
            if all(map(self.has_ended, victims)):
                break
        limit.lift()
        for v in victims:  # what it was told last may still end it
            until(lambda v=v: self.has_ended(v) or not self.rig.ctl(v, "status")[0],
                  f"{what}: {v} ends or answers")
        ended = {v: self.rig.agents.processes[v] for v in victims if self.has_ended(v)}
        for process in ended.values():
            self.ended_for_want_of_memory(process)
        for v in (n for n in reversed(NAMES) if n in ended):
            self.start(v)
        self.rig.until_connected("cpe", "c1", seconds=120)
        self.clear(doubtful)
        for name in self.held:  # who forgot one, and had not called it durable, knows it again
            self.rig.ask("c1", "refresh", name)
        self.whole(what)

    def has_ended(self, name):
        return self.rig.agents.processes[name].proc.poll() is not None

    def try_something(self, doubtful):
        """One more request, and an end to the oldest if there are many."""
        name, target = f"a{self.asked}", self.target()
        if self.succeeds("mitigate", target, "--id", name, "--wait", 1):
            self.held[name] = target
        else:
            doubtful[name] = target
        if len(self.held) > MANY:
            oldest = next(iter(self.held))
            target = self.held.pop(oldest)
            if not self.succeeds("withdraw", oldest):
                doubtful[oldest] = target

    def succeeds(self, *words):
        """Acknowledged by a client whose store did not fail: that is what it has to know later on."""
        if self.rig.ctl("c1", *words)[0]:
            return False
        status, reply = self.rig.ctl("c1", "status")
        return not status and reply["store"]["state"] == "durable"

    def clear(self, doubtful):
        """Known to all again, whoever forgot them, and withdrawn."""
        for name, target in doubtful.items():
            again = name + "-again"
            self.insist(target, again)
            for n in (name, again):
                self.rig.ctl("c1", "withdraw", n)

    def ended_for_want_of_memory(self, process):
        """A library may have met it first, and not expected it."""
        p, process.proc = process.proc, None
        if p.returncode not in (-signal.SIGABRT, -signal.SIGSEGV):
            raise Failure(f"without memory {process.name} ended with {p.returncode}")
        text = process.log.read_text(errors="replace")
        if p.returncode == -signal.SIGABRT and "out of memory" not in text[-2000:]:
            raise Failure(f"{process.name} ended, and did not say why: {text[-1000:]}")
        self.ended[signal.Signals(-p.returncode).name] += 1

    # ---- time ----

    def jump(self, victims, seconds):
        marks = self.mark(victims, "clock-jump")
        for v in victims:
            self.rig.clocks[v].write_text(f"{seconds}\n")
        return marks

    def lifetimes(self):
        return {(n, *m["targets"]): m["lifetime"]
                for n in ("cpe", "s1") for m in self.rig.ask(n, "list")["mitigations"]}

    def noticed(self, marks, before, begun, what):
        """Told; whatever stands has the same time left as if nothing had happened."""
        self.told(marks, "clock-jump")
        passed, now = time.monotonic() - begun, self.lifetimes()
        for who, left in before.items():  # a refresh may have given it more
            if not left - passed - 5 <= now.get(who, left) <= LIFETIME:
                raise Failure(f"{what}: {who} had {left} s left, and after {passed:.0f} s {now[who]}")
        self.whole(what)

    def clock(self, victims, seconds, meanwhile=lambda: None):
        """The clock is looked at every ten seconds: something else may be done until then."""
        what = f"{seconds} s ahead at {', '.join(victims)}"
        self.case.say(what)
        before, begun = self.lifetimes(), time.monotonic()
        marks = self.jump(victims, seconds)
        meanwhile()
        self.noticed(marks, before, begun, what)
        if seconds >= 0:  # else no certificate would be valid yet
            self.again(victims, what)
            self.whole(f"{what}, killed and started")

    # ---- disk, helper, resolver ----

    def helper(self):
        what = "no helper"
        self.case.say(what)
        marks = self.mark(["s1"], "helper-lost")
        before = self.filtered()
        self.rig.stop(HELPER, how=signal.SIGKILL)
        self.told(marks, "helper-lost")
        new = self.hold(what, enforced=False)
        if self.filtered() != before:
            raise Failure(f"{what}: the filters of before do not stay")
        self.rig.start(HELPER)
        self.whole(what)
        self.release(new)

    def disk(self, victims):
        """A full disk, no descriptors but at the client that is to ask, and no helper."""
        what = f"no disk, descriptors, helper at {', '.join(victims)}"
        self.case.say(what)
        self.rig.until(lambda: all(self.rig.ask(v, "status")["store"]["state"] == "durable"
                                   for v in victims), f"{what}: all are durable before", 30)
        marks = self.mark(victims, "store-volatile"), self.mark(victims, "store-durable")
        felt = set()
        for n in range(50):
            if n % 5 == 0:  # its log may not have been emptied the first time: then it has room there
                for v in set(victims) - felt:
                    self.rig.disks[v].empty()
                    self.rig.disks[v].fill()
            name = self.hold(what)
            felt |= {v for v in victims if self.rig.ask(v, "status")["store"]["state"] == "volatile"}
            self.release(name)
            if felt == set(victims):
                break
        self.told(marks[0], "store-volatile")
        limit = Limit(self.rig, resource.RLIMIT_NOFILE, [v for v in victims if v != "c1"],
                      no_descriptor)
        self.rig.stop(HELPER, how=signal.SIGKILL)
        new = self.hold(what, enforced=False)
        limit.lift()
        for v in victims:
            self.rig.disks[v].empty()
        self.rig.start(HELPER)
        self.told(marks[1], "store-durable")
        self.whole(what)
        self.again(victims, what)
        self.whole(f"{what}, killed and started")
        self.release(new)

    def resolver(self):
        """Who is connected does not need it; who has to connect says what is missing."""
        what = "no resolver of provider 1"
        self.case.say(what)
        marks = self.mark(["cpe"], "resolve-failed")
        self.rig.dns.halt("isp1")
        self.release(self.hold(what))
        self.again(["s1", "cpe"], what)
        self.told(marks, "resolve-failed", seconds=60)
        status, _ = self.rig.ctl("c1", "mitigate", TARGETS[-1], "--id", "waits", "--wait", 0)
        if status not in (0, 4):
            raise Failure(f"{what}: an alarm meanwhile: exit {status}")
        self.held["waits"] = TARGETS[-1]
        self.rig.dns.serve("isp1")
        self.whole(what)
        self.release("waits")


def configure(rig):
    rig.disks = {name: Disk(rig, name) for name in NAMES}
    rig.clocks = {name: rig.folder / name / "clock" for name in NAMES}
    rig.agents.configs["s1"]["mitigation"] = {"terminating": 0}
    for name in NAMES:
        rig.agents.configs[name]["state"] = str(rig.disks[name].state)
        process = rig.agents.processes[name]
        process.argv = ["/usr/bin/env", f"LD_PRELOAD={rig.case.binaries['othertime.so']}",
                        f"OTHERTIME={rig.clocks[name]}", *process.argv]


def one_pass(has, victims):
    has.clock(victims, DAY)
    has.clock(victims, 0)
    has.clock(victims, -DAY)
    has.clock(victims, 0)
    has.descriptors(victims, has.dial if victims == ["cpe"] else None)
    has.memory(victims)
    has.disk(victims)
    if "s1" in victims:
        has.helper()
        has.helper_descriptors()
    if "cpe" in victims:
        has.resolver()


def briefly(has, victims):
    def meanwhile():
        has.descriptors(victims)
        has.helper()

    has.clock(["s1"], DAY, meanwhile)
    has.memory(victims)
    has.disk(victims)


def run(case):
    with Rig(case, "labs/F6pa.lab", configure) as rig:
        rig.start("s1", "s2")
        rig.start("cpe")
        rig.until_connected("cpe")
        rig.start("c1")
        rig.until_connected("c1")
        has = Resources(case, rig)
        for n in range(case.rounds):
            (briefly if case.rounds == SHORT else one_pass)(has, VICTIMS[n % len(VICTIMS)])
        case.figure("busiest without descriptors", f"{has.worst * 100:.1f} %")
        case.figure("ended for want of memory, and started again", dict(has.ended))
