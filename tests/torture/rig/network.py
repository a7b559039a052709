"""A network of a lab file with real daemons in it, for as long as a `with` lasts."""
import collections
import contextlib
import ipaddress
import json
import os
import pathlib
import shutil
import subprocess
import time

from lab.agents import Agents
from lab.dhcp import DhcpServers
from lab.dns import DnsServers
from lab.model import Lab
from lab.net import NetError, Network
from lab.observe import Journal
from lab.pki import Pki

from rig.case import Failure, until

ROOT = pathlib.Path(__file__).resolve().parents[3]


class Rig:
    """file: a lab file; its steps and assertions are not looked at. configure(rig) may change
    rig.agents.configs before anything starts. family: of those the file names, else its first. more:
    lines beyond those of the file."""

    def __init__(self, case, file, configure=None, family=None, more=()):
        self.case, self.configure = case, configure
        self.lab = Lab(ROOT / file, family, more)
        # One network at a time in a process.
        self.run_id = f"{os.environ.get('RUN_ID', 'torture')}-{os.getpid()}"
        self.folder = pathlib.Path("/tmp", self.run_id)
        self.net = Network(self.lab, self.run_id)
        self.journal = Journal()
        self.dns = DnsServers(self.net, self.journal, self.folder)
        self.dhcp = DhcpServers(self.net, self.folder)
        self.pki = self.agents = None
        self.closing, self.mounts = [], []
        self.by_event, self.indexed = collections.defaultdict(list), 0

    def __enter__(self):
        self.folder.mkdir(mode=0o755)
        try:
            self.net.up()
            self.dns.start(self.lab.zones)
            self.dhcp.start(self.lab.offers)
            self.pki = Pki(self.folder / "pki")
            self.agents = Agents(self.lab, self.net, self.journal, self.pki, self.folder,
                                 self.case.binaries)
            if self.configure:
                self.configure(self)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind, *_):
        if kind and self.agents and issubclass(kind, (Failure, NetError)):
            self.show_logs()
        self.close()

    def close(self):
        for end in reversed(self.closing):
            end()
        if self.agents:
            self.agents.kill_all()
        self.dhcp.stop()
        self.dns.stop()
        self.net.down()
        for where in reversed(self.mounts):
            subprocess.run(["umount", "-l", str(where)], check=False, capture_output=True)
        if self.case.keep:
            self.journal.poll()
            (self.folder / "journal").write_text("\n".join(map(str, self.journal.records)) + "\n")
            self.case.say(f"kept in {self.folder}")
        else:
            shutil.rmtree(self.folder, ignore_errors=True)

    def show_logs(self, lines=12):
        """The last warnings of every daemon: half of the evidence of any failure."""
        for name, home in self.agents.folders.items():
            log = home / "log"
            text = log.read_text(errors="replace").splitlines()[-lines:] if log.exists() else []
            for line in text:
                print(f"    {name}: {line}")

    # ---- daemons ----

    def start(self, *names):
        try:
            self.agents.start(names)
        except NetError as e:
            raise Failure(str(e)) from None

    def stop(self, *names, **how):
        try:
            for name in names:
                self.agents.stop(name, **how)
        except NetError as e:
            raise Failure(str(e)) from None

    def pid(self, name):
        return self.agents.processes[name].proc.pid

    def check_alive(self):
        dead = self.agents.dead()
        if dead:
            raise Failure("\n".join(dead))

    def ctl(self, name, *words):
        """(exit status, reply) of dotsctl."""
        return self.agents.dotsctl(name, *map(str, words))

    def ask(self, name, *words):
        """The reply of a command that has to work."""
        status, reply = self.ctl(name, *words)
        if status:
            raise Failure(f"dotsctl {' '.join(map(str, words))} at {name}: exit {status}, {reply}")
        return reply

    # ---- conditions ----

    def until(self, condition, what, seconds=90):
        def watch():
            self.journal.poll()
            self.check_alive()

        self.journal.poll()
        return until(condition, what, seconds, watch=watch)

    def events(self, at, event, since=0.0, **fields):
        """Records of the journal, which gets as long as the proof: those of an agent and event are
        found at once."""
        self.journal.poll()
        for r in self.journal.records[self.indexed:]:
            self.by_event[r.at, r.event].append(r)
        self.indexed = len(self.journal.records)
        return [r for r in self.by_event[at, event] if r.time >= since
                and all(str(r.fields.get(k)) == str(v) for k, v in fields.items())]

    def until_event(self, at, event, since=0.0, seconds=90, **fields):
        return self.until(lambda: self.events(at, event, since, **fields),
                          f"event {event} {fields or ''} at {at}", seconds)[0]

    def upstream(self, name):
        """server -> state, of the sessions an agent has to its servers."""
        status, reply = self.ctl(name, "sessions")
        return {s["name"]: s["state"] for s in reply.get("upstream", [])} if not status else {}

    def until_connected(self, *names, seconds=90):
        def missing():
            return {n: s for n in names for s in [self.upstream(n)]
                    if not s or set(s.values()) != {"available"}}

        self.until(lambda: not missing(), lambda: f"sessions up: {missing()}", seconds)

    # ---- what is enforced ----

    def elements(self, name):
        """(first, last, chain) of the addresses that the packet filter of a server acts on."""
        where = self.lab.agents[name].st.get("mitigator")
        table = self.agents.table_name(name)
        r = self.net.run(where, ["nft", "-j", "list", "table", "inet", table], check=False)
        if r.returncode:
            return []  # before the first synchronisation there is none
        found = []
        for m in (o["map"] for o in json.loads(r.stdout)["nftables"] if "map" in o):
            if m["name"] in ("mit4", "mit6", "one4", "one6"):
                found += [(*ends(key), target(verdict)) for key, verdict in m.get("elem", [])]
        return found

    # ---- the machine ----

    def first_in_line(self, name):
        """From now on it is given a processor before all others, as if it had one of its own, where
        the system lets us: what is measured then is its own time."""
        with contextlib.suppress(PermissionError):
            for thread in os.listdir(f"/proc/{self.pid(name)}/task"):  # later ones take after these
                os.sched_setscheduler(int(thread), os.SCHED_RR, os.sched_param(1))

    def alone(self, name):
        """It has one processor for itself, all that it does, and everything else has the others: who asks does
        not wait for who answers, as if they were two machines. False: there is only one."""
        own, *others = sorted(os.sched_getaffinity(0))
        for pid, where in ((self.pid(name), {own}), ("self", others or {own})):
            for thread in os.listdir(f"/proc/{pid}/task"):
                os.sched_setaffinity(int(thread), where)
        return bool(others)

    def tmpfs(self, where, size):
        """A small disk at that directory."""
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "tmpfs", where],
                       check=True)
        self.mounts.append(where)

    def rss(self, name):
        """KiB."""
        return status_of(self.pid(name), "VmRSS")

    def descriptors(self, name):
        return len(os.listdir(f"/proc/{self.pid(name)}/fd"))


def ends(key):
    """First and last address of an element of an interval map, as nft's JSON has it."""
    if isinstance(key, str):
        return key, key
    if "range" in key:
        return tuple(key["range"])
    if "prefix" in key:
        net = ipaddress.ip_network((key["prefix"]["addr"], key["prefix"]["len"]))
        return str(net[0]), str(net[-1])
    raise Failure(f"an element of an unknown kind: {key}")


def target(verdict):
    return verdict["jump"]["target"]


def status_of(pid, field):
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as f:
        for line in f:
            if line.startswith(field + ":"):
                return int(line.split()[1])
    raise Failure(f"no {field} of process {pid}")


def now_ms():
    """Event times are in whole milliseconds."""
    return int(time.time() * 1000) / 1000
