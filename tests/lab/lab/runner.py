"""Runs one lab: network, sanity, daemons, steps, verdicts, and away with all of it."""
import math
import os
import pathlib
import shutil
import signal
import time

from lab.agents import Agents
from lab.assertions import LIVE, NEVER_FOR, Live, Pattern
from lab.capture import Captures
from lab.dhcp import DhcpServers
from lab.dns import DnsServers
from lab.net import ENDING, NetError, Network
from lab.observe import Journal
from lab.parse import LabError
from lab.pki import Pki
from lab.steps import Steps

POLL = 0.05
LIVE_POLL = 0.5
RESTORE_WITHIN = 40


class Aborted(Exception):
    """The rest of the lab makes no sense."""


class Expectation:
    """A must or never of the step under way."""

    def __init__(self, run, st):
        self.st, self.kind = st, st.kind
        self.pattern = Pattern(run.lab, st, st.args[1])
        self.pattern.overlap = st.kind == "never"
        self.live, self.live_since = None, run.chain_begun
        if st.args[1] in LIVE:
            self.live = Live(run.lab, run.net, run.agents, self.pattern)
        self.done, self.evidence, self.looked = False, [], 0.0

    def deadline(self, ended):
        return ended + (self.pattern.within if self.kind == "must" else NEVER_FOR)

    def records(self, journal, begun, ended):
        start = ended + self.pattern.after if self.pattern.after else begun
        return journal.since(start, self.deadline(ended))

    def update(self, journal, begun, ended, last):
        """Sets done and evidence; last: no further chance."""
        if self.done:
            return
        if self.live:
            self.update_live(journal, last)
        elif self.kind == "must":
            records = self.records(journal, begun, ended)
            self.evidence = [f"not seen: {v}" if v else "not seen"
                             for v in self.pattern.missing(records)]
            self.done = not self.evidence
            if last and self.evidence:
                self.evidence += ["instead: " + str(r) for r in self.pattern.near(records)]
        else:
            found = self.pattern.violations(self.records(journal, begun, ended))
            self.evidence = [str(r) for r in found[:8]]
            self.done = bool(found)

    def update_live(self, journal, last):
        if not last and time.monotonic() - self.looked < LIVE_POLL:
            return
        self.looked = time.monotonic()
        self.pattern.journal_records = journal.since(self.live_since)
        held, text = self.live.look()
        self.done = held
        self.evidence = text.splitlines() if held == (self.kind == "never") else []

    @property
    def holds(self):
        return not self.evidence


class LabRun:
    def __init__(self, lab, folder, binaries, report):
        self.lab, self.folder, self.report = lab, folder, report
        self.net = Network(lab, folder.name)
        self.journal = Journal()
        self.captures = Captures(self.net, self.journal, folder)
        self.dns = DnsServers(self.net, self.journal, folder)
        self.dhcp = DhcpServers(self.net, folder)
        self.binaries = binaries
        self.agents = self.steps = None
        self.sessions, self.counters = set(), {}
        self.biting = set()     # ingress counters that the step under way wants to grow
        self.chain_begun = 0.0  # when the step under way, or the one it goes on from, began

    # ---- all of it ----

    def run(self, network_only):
        self.report.quiet = not self.lab.tells_beginning
        if self.prepare(network_only):
            self.run_steps()
            self.report.quiet = not self.lab.tells_end
            self.finish()

    def prepare(self, network_only):
        """The network and all that is beside the agents; False if there is nothing more to do."""
        self.net.up()
        for st, why in self.net.check_reach():
            self.report.verdict(self.lab, st.text, [why] if why else [])
        if network_only or not self.lab.steps:
            return False
        if self.report.failed:
            raise Aborted("the network is not what the lab describes")
        self.dns.start(self.lab.zones)
        self.dhcp.start(self.lab.offers)
        self.captures.start(self.lab)
        self.agents = Agents(self.lab, self.net, self.journal, Pki(self.folder / "pki"),
                             self.folder, self.binaries)
        self.steps = Steps(self.lab, self.net, self.dns, self.dhcp, self.agents, self.journal, self.folder)
        return True

    def run_steps(self):
        self.counters = self.ingress_counters()
        for n, step in enumerate(self.lab.steps.values()):
            if n and not step.after:
                self.restore(step)
            self.counters.update({k: v for k, v in self.ingress_counters().items() if k in self.biting})
            self.biting = self.wanted_drops(step)
            self.run_step(step)
            if not n:
                # Whatever s1 did is the state to come back to.
                self.sessions, self.steps.dirty = self.sessions_up(), False
                self.report.quiet = False

    def close(self):
        """Ends every process and namespace, whatever happened."""
        if self.steps:
            for p in self.steps.floods:
                p.kill()
                p.wait()
        if self.agents:
            self.agents.kill_all()
        self.captures.kill()
        self.dns.stop()
        self.dhcp.stop()
        self.net.down()

    # ---- steps ----

    def run_step(self, step):
        # A query has the time it was read: those of before are read before the millisecond in which
        # the step begins. Event times are in whole milliseconds.
        self.journal.poll()
        time.sleep(0.001)
        begun = math.floor(time.time() * 1000) / 1000
        self.steps.begun = begun
        if not step.after:
            self.chain_begun = begun
        expectations = [Expectation(self, st) for st in step.asserts]
        failed_action = self.act(step)
        ended = time.time()
        self.watch(expectations, begun, ended)
        for e in expectations:
            self.report.verdict(self.lab, e.st.text, [] if e.holds else e.evidence)
        if failed_action and step.name == next(iter(self.lab.steps)):
            raise Aborted("the first step did not get through")

    def act(self, step):
        for st in step.actions:
            try:
                self.steps.act(st)
            except (NetError, LabError) as e:
                self.report.verdict(self.lab, st.text, str(e).splitlines() or ["failed"])
                return True
            self.check_alive()
        return False

    def watch(self, expectations, begun, ended):
        while True:
            self.journal.poll()
            self.check_alive()
            now = time.time()
            for e in expectations:
                e.update(self.journal, begun, ended, now >= e.deadline(ended))
            if all(e.done or now >= e.deadline(ended) for e in expectations):
                return
            time.sleep(POLL)

    def check_alive(self):
        why = self.agents.dead()
        why += [w for w in (self.captures.dead(), self.dns.dead(), self.dhcp.dead()) if w]
        if why:
            raise Aborted("\n".join(why))

    # ---- the state after the first step ----

    def sessions_up(self):
        """(where, role, with whom) of every session that stands."""
        up = set()
        for name in self.lab.agents:
            reply = self.agents.dotsctl(name, "sessions")[1] if self.agents.running(name) else {}
            up |= {(name, "client", e["domain"], e["name"]) for e in reply.get("upstream", [])
                   if e["state"] == "available"}
            up |= {(name, "server", e["client"]) for e in reply.get("clients", [])
                   if e["state"] == "available"}
        return up

    def wait_until(self, what, condition):
        end = time.monotonic() + RESTORE_WITHIN
        while not condition():
            self.journal.poll()
            self.check_alive()
            if time.monotonic() > end:
                raise Aborted(f"not back in the state after the first step: {what()}")
            time.sleep(4 * POLL)

    def restore(self, step):
        try:
            self.steps.calm()
            if not self.steps.dirty:
                self.withdraw_all()
                # A loss may have cost a session: it would come back in a minute.
                self.steps.dirty = not self.sessions <= self.sessions_up()
            if self.steps.dirty:
                self.begin_anew()
                self.withdraw_all()
        except NetError as e:
            raise Aborted(f"before {step.name}: {e}") from None

    def withdraw_all(self):
        self.steps.withdraw_all()
        self.wait_until(lambda: f"mitigations {self.live_mitigations()}",
                        lambda: not self.live_mitigations())

    def live_mitigations(self):
        """What servers still act on; a terminating mitigation (status 6) runs out by itself."""
        found = []
        for a in self.lab.agents.values():
            if a.kind != "client":
                reply = self.agents.dotsctl(a.name, "list")[1]
                found += [(a.name, m.get("id"), m.get("status")) for m in reply.get("mitigations", [])
                          if "terminat" not in str(m.get("status")) and m.get("status") != 6]
        return found

    def begin_anew(self):
        """What s1 did, from empty stores."""
        self.steps.asks = []
        problems = self.agents.stop_all()
        if problems:
            raise NetError("\n".join(problems))
        for a in self.lab.agents.values():
            if a.st.get("mitigator"):
                self.net.undo_table(a.st.get("mitigator"), self.agents.table_name(a.name))
        for ns, interface in self.steps.downed:
            self.net.link_state(ns, interface, "up")
        self.steps.downed = set()
        self.steps.straighten()
        self.agents.forget()
        self.steps.dirty = False
        self.steps.begun = math.floor(time.time() * 1000) / 1000
        first = next(iter(self.lab.steps.values()))
        for st in first.actions:
            self.steps.act(st)
        self.steps.dirty = False
        self.wait_until(lambda: f"no session {self.sessions - self.sessions_up()}",
                        lambda: self.sessions <= self.sessions_up())

    # ---- the end ----

    def wanted_drops(self, step):
        """(namespace, counter) of the ingress filters that a must of this step names."""
        patterns = [Pattern(self.lab, st, st.args[1]) for st in step.asserts
                    if st.kind == "must" and st.args[1] == "counter"]
        return {(p.at, name) for p in patterns for name in p.counters()}

    def ingress_counters(self):
        found = {}
        for st in self.lab.of("urpf") + self.lab.of("ingress"):
            ns = st.args[0].partition(":")[0]
            found.update({(ns, k): v for k, v in self.net.counters(ns).items()
                          if k.startswith("urpf")})
        return found

    def finish(self):
        self.steps.calm()
        self.report.verdict(self.lab, "end orderly stop", self.agents.stop_all())
        grown = [f"{ns} {name}: {self.counters[ns, name]} -> {value}"
                 for (ns, name), value in self.ingress_counters().items()
                 if value != self.counters[ns, name] and (ns, name) not in self.biting]
        if self.counters:
            self.report.verdict(self.lab, "end ingress filters dropped nothing", grown)
        why = self.captures.finish()
        self.report.verdict(self.lab, "end captures are complete", [why] if why else [])


class Report:
    """One line an assertion; the evidence, indented, below a failure."""

    def __init__(self, expected=None):
        self.expected = expected  # of a broken twin: what has to fail; None: an ordinary lab
        self.failed = []
        self.quiet = False        # what holds is told by another run

    def verdict(self, lab, text, evidence):
        words = text.split(" ", 2)
        if words[0] in ("must", "never", "do", "step") and len(words) == 3:
            text = f"{words[1]} {words[0]} {words[2]}"
        if evidence:
            self.failed.append((text, evidence))
        if self.expected is not None or (self.quiet and not evidence):
            return
        print("FAIL" if evidence else "ok", lab.label, text, flush=True)
        for e in evidence:
            for line in str(e).splitlines():
                print("    " + line, flush=True)

    def settle(self, lab):
        """For a broken twin: did exactly the named lines fail?"""
        if self.expected is None:
            return not self.failed
        good = True
        for want in self.expected:
            seen = [t for t, _ in self.failed if t.startswith(want)]
            good &= bool(seen)
            print("ok" if seen else "FAIL", lab.label, "is noticed by", want, flush=True)
        for text, evidence in self.failed:
            if not any(text.startswith(want) for want in self.expected):
                good = False
                print("FAIL", lab.label, "fails elsewhere too:", text)
                print("    " + "\n    ".join(str(e) for e in evidence), flush=True)
        return good


def expected_failures(path):
    found = [line.partition(":")[2].strip() for line in
             pathlib.Path(path).read_text(encoding="utf-8").splitlines()
             if line.startswith("# expect-fail:")]
    if not found:
        raise LabError(f"{path}:1: no '# expect-fail:' line")
    return found


def run_id():
    """What the names of all that this process makes begin with."""
    return f"{os.environ.get('RUN_ID', 'lab')}-{os.getpid()}"


def clear(run, keep):
    """Away with all that the run made."""
    run.close()
    if not keep:
        shutil.rmtree(run.folder, ignore_errors=True)
        return
    (run.folder / "journal").write_text("\n".join(map(str, run.journal.records)) + "\n")
    print(f"# {run.lab.label}: kept in {run.folder}", flush=True)


def run_lab(lab, binaries, report, network_only=False, keep=False):
    """True if everything holds."""
    folder = pathlib.Path("/tmp", run_id())
    # A signal waits while there is something that nobody would clear.
    held = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    folder.mkdir(mode=0o755)
    run = LabRun(lab, folder, binaries, report)
    try:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)
        run.run(network_only)
    except (Aborted, NetError, LabError) as e:
        report.verdict(lab, "aborted", str(e).splitlines())
    finally:
        try:
            signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
        finally:
            clear(run, keep)
        signal.pthread_sigmask(signal.SIG_SETMASK, held)
    return report.settle(lab)
