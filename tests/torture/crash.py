"""Servers, gateway, clients and helpers are killed (SIGKILL) at random moments while two clients
behind the gateway ask, refresh and withdraw. Nothing acknowledged may be lost, nothing withdrawn may
come back, and the packet filter has to be what the store says."""
import ipaddress
import signal
import threading
import time

from rig.case import Failure, spread, until
from rig.network import Rig, now_ms

TITLE = "kill -9 of every daemon under load"
UNIT, FULL, SHORT = "rounds", 200, 6

CLIENTS, SERVERS = ["c1", "c2"], {"s1": "isp1", "s2": "isp2"}
VICTIMS = ["s1", "s2", "cpe", "c1", "c2", "s1.helper", "s2.helper"]
HEARTBEAT = {"heartbeat-interval": 0.5, "missing-hb-allowed": 3}
# Withdrawals that end at once, and some that pass through the terminating period.
TERMINATING = {"s1": 1, "s2": 0}
# A disk with a head: a commit takes its time, and what comes meanwhile waits in memory.
SYNC_MS, WRITE_MS = 10, 3
WITHDRAWN = "dots-client-withdrawn-mitigation"  # status 5: still filtering, for that period

# What is asked for is always a whole group, so that requests are equal or do not overlap at all, and
# what has to be in force is their union. No host of the lab has these addresses.
GROUPS = [["192.0.2.80"], ["198.51.100.80"], ["192.0.2.81", "198.51.100.81"],
          ["2001:db8:1a00:1::80"], ["2001:db8:2a00:1::80"], ["192.0.2.82", "192.0.2.84"],
          ["198.51.100.82", "198.51.100.83", "198.51.100.90"],
          ["192.0.2.86", "2001:db8:1a00:1::81", "198.51.100.86", "2001:db8:2a00:1::81"],
          ["192.0.2.100"], ["198.51.100.100"]]

SIX = {"isp1": "2001:db8:1a00::/48", "isp2": "2001:db8:2a00::/48"}


def prefix(address):
    return str(ipaddress.ip_network(address))


class Wish:
    """What one client asked for: what it was told, and when."""

    def __init__(self, name, targets):
        self.name, self.targets = name, targets
        self.acknowledged = self.leaving = self.withdrawn = None


class Load:
    """The requests of one client. Its decisions depend on the seed alone, not on the answers."""

    def __init__(self, rig, client, rng, news):
        self.rig, self.client, self.rng, self.news = rig, client, rng, news
        self.lock = threading.Lock()
        self.wishes, self.number = {}, 0
        self.begun = self.told = 0  # operations; those that were acknowledged
        self.counts, self.problem = {}, None

    def run(self, operations):
        try:
            for _ in range(operations):
                self.tell("begun")
                status = self.one()
                if status in (0, 4):
                    self.tell("told")
                if status == 3:  # dead: no use to ask it before it is back
                    until(lambda: self.rig.ctl(self.client, "status")[0] == 0 or self.problem,
                          f"{self.client} answers again")
        except Exception as e:  # told by the main thread
            self.problem = f"load at {self.client}: {e}"
        self.tell("over")

    def tell(self, what):
        """To whoever waits for a moment to strike."""
        with self.news:
            if what == "over":
                self.begun = self.told = 1 << 30
            else:
                setattr(self, what, getattr(self, what) + 1)
            self.news.notify_all()

    def one(self):
        draw = self.rng.random()
        mine = [w for w in self.wishes.values() if not w.leaving]
        if draw < 0.15 and mine:
            return self.count("refresh", self.rig.ctl(self.client, "refresh",
                                                      self.rng.choice(mine).name)[0])
        if draw < 0.5 and mine:
            return self.withdraw(self.rng.choice(mine))
        return self.ask(self.rng.choice(GROUPS), self.rng.choice([0, 0, 1, 1]))

    def count(self, what, status):
        key = (what, status)
        self.counts[key] = self.counts.get(key, 0) + 1
        return status

    def ask(self, group, wait):
        self.number += 1
        w = Wish(f"{self.client}-{self.number}", {prefix(a) for a in group})
        with self.lock:
            self.wishes[w.name] = w
        status, _ = self.rig.ctl(self.client, "mitigate", *group, "--id", w.name, "--wait", wait)
        # 1: refused for now, kept and asked again later, or not; the client's list tells.
        if status in (0, 4):
            w.acknowledged = time.time()
        return self.count("mitigate", status)

    def withdraw(self, w):
        w.leaving = time.time()
        status, _ = self.rig.ctl(self.client, "withdraw", w.name)
        # 1: it never came to be.
        if status in (0, 1):
            w.withdrawn = time.time()
        return self.count("withdraw", status)

    # ---- what the client has to know, now ----

    def check(self):
        """The names it holds; a Failure if one is missing, or there that may not be."""
        with self.lock:
            before = {w.name: (w.acknowledged, w.withdrawn) for w in self.wishes.values()}
        reply = self.rig.ask(self.client, "list")
        with self.lock:
            leaving = {w.name for w in self.wishes.values() if w.leaving}
            known = set(self.wishes)
        here = {w["id"] for w in reply["wishes"] if not w["releasing"]}
        lost = [n for n, (a, _) in before.items() if a and n not in leaving and n not in here]
        risen = [n for n, (_, d) in before.items() if d and n in here]
        strange = sorted(here - known)
        if lost or risen or strange:
            raise Failure(f"{self.client}: acknowledged and lost: {lost}; withdrawn and there "
                          f"again: {risen}; never asked for: {strange}")
        return here

    def settle(self):
        """Nothing is under way: what it holds is what counts from now on. Its targets."""
        here = self.check()
        for name in [n for n, w in self.wishes.items() if n not in here]:
            del self.wishes[name]
        for name in here:
            w = self.wishes[name]
            if w.leaving:  # the withdrawal was never acknowledged: it stands
                w.leaving = w.withdrawn = None
            w.acknowledged = w.acknowledged or time.time()
        return set().union(*[w.targets for w in self.wishes.values()], set())


class Crash:
    def __init__(self, case, rig):
        self.case, self.rig = case, rig
        self.news = threading.Condition()
        self.loads = {c: Load(rig, c, case.rng("load", c), self.news) for c in CLIENTS}
        self.kills, self.recovery = dict.fromkeys(VICTIMS, 0), []
        self.checks = 0
        self.deck, self.dealer = [], case.rng("victims")

    def victims(self, n):
        """Everybody's turn comes before anybody's second."""
        if len(self.deck) < n:
            self.deck = self.dealer.sample(VICTIMS, len(VICTIMS))
        return [self.deck.pop() for _ in range(n)]

    def play(self, number):
        rng = self.case.rng("round", number)
        operations = rng.randint(6, 12)
        # At any moment, or at the very moment that something was promised.
        strikes = sorted((rng.randint(1, operations - 2), rng.choice(("begun", "told")),
                          rng.uniform(0, 0.05), rng.uniform(0, 0.3),
                          self.victims(rng.choice([1, 1, 1, 2])))
                         for _ in range(rng.choice([1, 1, 2])))
        for load in self.loads.values():
            load.begun = load.told = 0
        threads = [threading.Thread(target=load.run, args=(operations,))
                   for load in self.loads.values()]
        for t in threads:
            t.start()
        try:
            for after, what, moment, down, victims in strikes:
                self.wait_for(what, after)
                if what == "begun":
                    time.sleep(moment)  # a random moment: nothing is waited for
                self.strike(victims, down)
        except BaseException:
            for load in self.loads.values():
                load.problem = load.problem or "the proof is over"
            raise
        finally:
            for t in threads:
                t.join()
        problems = [load.problem for load in self.loads.values() if load.problem]
        if problems:
            raise Failure("\n".join(problems))
        begun = time.monotonic()
        self.settle()
        self.recovery.append(time.monotonic() - begun)

    def wait_for(self, what, count):
        """At once when it happens: the disk has milliseconds only."""
        with self.news:
            if not self.news.wait_for(lambda: any(getattr(load, what) >= count
                                                  for load in self.loads.values()), 120):
                raise Failure("the load does not go on")

    def strike(self, victims, down):
        for v in victims:
            self.rig.stop(v, how=signal.SIGKILL)
            self.kills[v] += 1
        killed = now_ms()
        time.sleep(down)
        self.rig.start(*sorted(victims, key=lambda v: not v.endswith(".helper")))
        for v in victims:
            self.check_restarted(v, killed)

    # ---- right after a restart, while the load goes on ----

    def check_restarted(self, name, killed):
        self.checks += 1
        if name in CLIENTS:
            self.loads[name].check()
        elif name == "cpe":
            self.check_book(name, CLIENTS, killed)
        elif name in SERVERS:
            self.check_book(name, ["cpe"], killed)
            self.rig.until_event(name, "rules-reconciled", since=killed, seconds=30)
            self.check_filter(name)
        else:
            server = name.removesuffix(".helper")
            self.rig.until_event(server, "rules-reconciled", since=killed, seconds=30)
            self.check_filter(server)

    def promises(self, asker, server, until_):
        """(mids that the server accepted and nobody has touched since, mids it took out) of one
        asker, from what that asker saw before the kill."""
        accepted = {int(r.fields["mid"]) for r in self.rig.events(asker, "placed")
                    if r.fields["server"] == server and r.time < until_}
        gone = {int(r.fields["mid"]) for r in self.rig.events(asker, "withdrawn")
                if r.fields["server"] == server and r.time < until_
                and r.fields.get("code") == "2.02"}
        sent = [r for r in self.rig.events(asker, "sent") if r.fields["server"] == server]
        touched = {int(r.fields["mid"]) for r in sent if r.fields["kind"] == "withdraw"}
        # A newer request for the same takes the place of an older one.
        newest = {}
        for r in sent:
            if r.fields["kind"] != "withdraw":
                newest[r.fields["scope"]] = max(int(r.fields["mid"]),
                                                newest.get(r.fields["scope"], 0))
        scopes = {int(r.fields["mid"]): r.fields["scope"] for r in sent
                  if r.fields["kind"] != "withdraw"}
        replaced = {m for m, scope in scopes.items() if newest[scope] > m}
        return accepted - touched - replaced, gone

    def check_book(self, name, askers, killed):
        """What the server answered 2.xx is in force; what it took out is not."""
        listed = self.rig.ask(name, "list")["mitigations"]
        for asker in askers:
            mine = {m["mid"]: m["status"] for m in listed if m["client"] == asker}
            must, gone = self.promises(asker, self.rig.lab.agents[name].st.get("name"), killed)
            lost = sorted(must - set(mine))
            risen = sorted(m for m in gone & set(mine) if mine[m] != WITHDRAWN)
            if lost or risen:
                raise Failure(f"{name}, for {asker}: accepted and lost: {lost}; withdrawn and there "
                              f"again: {risen}")

    def enforced(self, server):
        return {str(n) for first, last, _ in self.rig.elements(server)
                for n in ipaddress.summarize_address_range(ipaddress.ip_address(first),
                                                           ipaddress.ip_address(last))}

    def listed(self, server, terminating=True):
        return {t for m in self.rig.ask(server, "list")["mitigations"]
                if terminating or m["status"] != WITHDRAWN for t in m["targets"]}

    def check_filter(self, server):
        """The elements of the table are the targets of the store; the load may be changing both."""
        self.rig.until(lambda: self.enforced(server) == self.listed(server),
                       lambda: f"packet filter of {server} {sorted(self.enforced(server))}, "
                               f"its store {sorted(self.listed(server))}", 30)

    # ---- when the load rests ----

    def state(self):
        """What is different from what has to be, as texts."""
        wanted = set().union(*[load.settle() for load in self.loads.values()])
        found = []
        for server, domain in SERVERS.items():
            mine = {t for t in wanted if owner(t) == domain}
            for what, have in (("asked of", self.listed(server, terminating=False)),
                               ("filtered for", self.enforced(server))):
                if have != mine:
                    found.append(f"{what} {server}: missing {sorted(mine - have)}, "
                                 f"too much {sorted(have - mine)}")
        asked = {t for m in self.rig.ask("cpe", "list")["mitigations"] for t in m["targets"]}
        if asked != wanted:
            found.append(f"asked of cpe: missing {sorted(wanted - asked)}, "
                         f"too much {sorted(asked - wanted)}")
        return found

    def settle(self):
        """All agents agree with what the clients hold."""
        self.rig.until(lambda: not self.state(), lambda: "\n".join(self.state()))

    def finish(self):
        """Everything withdrawn; everybody dies once more; nothing may come back."""
        for load in self.loads.values():
            for w in list(load.wishes.values()):
                self.rig.ask(load.client, "withdraw", w.name)
                w.leaving = w.withdrawn = time.time()
        self.settle()
        everybody = [*self.rig.lab.agents, "s1.helper", "s2.helper"]
        self.rig.stop(*everybody, how=signal.SIGKILL)
        again = now_ms()
        self.rig.start(*[n for n in everybody if n.endswith(".helper")], *SERVERS, "cpe", *CLIENTS)
        self.rig.until_connected("cpe", *CLIENTS)
        # By then whoever had something to say again has said it.
        for name in ("cpe", *CLIENTS):
            self.rig.until(lambda: len(self.rig.events(name, "heartbeat", again)) > 12,
                           f"heartbeats of {name}")
        left = self.state()
        if left:
            raise Failure("after the last restart: " + "\n".join(left))
        problems = self.rig.agents.stop_all()
        if problems:
            raise Failure("\n".join(problems))


def owner(target):
    net = ipaddress.ip_network(target)
    first = ["192.0.2.64/26", SIX["isp1"]]
    mine = any(net.version == n.version and net.subnet_of(n)
               for n in map(ipaddress.ip_network, first))
    return "isp1" if mine else "isp2"


def configure(rig):
    disk = rig.folder / "disk"
    disk.write_text(f"{SYNC_MS} {WRITE_MS}\n")
    for name in rig.agents.configs:
        process = rig.agents.processes[name]
        process.argv = ["/usr/bin/env", f"LD_PRELOAD={rig.case.binaries['slowdisk.so']}",
                        f"SLOWDISK={disk}", *process.argv]
    for name, cfg in rig.agents.configs.items():
        # The lab runs over IPv4 alone; targets are of both.
        for domain, more in SIX.items():
            for d in (v for k, v in cfg.get("domains", {}).items() if k == domain):
                d["prefixes"] = [*d["prefixes"], more]
            for c in cfg.get("clients", {}).values():
                if name in ("cpe", {v: k for k, v in SERVERS.items()}[domain]):
                    c["prefixes"] = [*c["prefixes"], more]
        for d in [*cfg.get("domains", {}).values(), *cfg.get("gateways", {}).values()]:
            d.update(HEARTBEAT)
        if "session" in cfg:
            cfg["session"].update(HEARTBEAT)
        if name in TERMINATING:
            cfg["mitigation"] = {"terminating": TERMINATING[name]}


def run(case):
    with Rig(case, "labs/F6pa.lab", configure) as rig:
        rig.start(*SERVERS)
        rig.start("cpe")
        rig.until_connected("cpe")
        rig.start(*CLIENTS)
        rig.until_connected(*CLIENTS)
        crash = Crash(case, rig)
        for n in range(1, case.rounds + 1):
            crash.play(n)
            if n % 10 == 0:
                case.say(f"round {n}: {sum(crash.kills.values())} kills")
        crash.finish()
        counts = {}
        for load in crash.loads.values():
            for key, n in load.counts.items():
                counts[key] = counts.get(key, 0) + n
        case.figure("kills", ", ".join(f"{v} {n}" for v, n in crash.kills.items()))
        case.figure("checks right after a restart", crash.checks)
        for (what, status), n in sorted(counts.items()):
            case.figure(f"dotsctl {what}, exit {status}", n)
        case.figure("seconds until all agree again (min / median / max)", spread(crash.recovery))
