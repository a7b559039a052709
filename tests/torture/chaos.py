"""Networks of RFC 9284 in which everything breaks, again and again: links, addresses, resolvers, DHCP,
servers, gateways, clients. Alarms for the targets of either provider, of both, of nobody go on
meanwhile. When nothing is broken any more, what is wanted stands at its owner and nowhere else; and at
no moment did anything of one provider leave by the other's link, or get to the other's server."""
import collections
import dataclasses
import ipaddress
import signal
import threading
import time

from crash import WITHDRAWN, Load
from lab.dhcp import wire_name
from rig.case import Failure, spread
from rig.network import ROOT, Rig, now_ms
from rig.watch import Capture

TITLE = "everything breaks, in figures 5, 6 and 9"
UNIT, FULL, SHORT = "faults", 600, 16

OF_A_NETWORK, STORM = 200, 40  # faults, at most: in one network, and until all has to agree again
PACE_S, AFTERMATH_S, SETTLE_S = 1.2, 2, 90
# Losses show within seconds; retry and repeat times stay as they are.
HEARTBEAT = {"heartbeat-interval": 0.5, "missing-hb-allowed": 3}
LOST = ("session-silent", "session-down", "session-failed")
PORTS = (4646, 53)


@dataclasses.dataclass
class Provider:
    server: str
    name: str
    networks: list  # that nobody but this provider has anything to do with
    owned: list     # of the customer
    hosts: list     # targets of the customer, IPv4 and IPv6
    more: str       # a prefix it may assign as well


PROVIDERS = {
    "isp1": Provider("s1", "dots.isp1.example", ["192.0.2.0/24", "2001:db8:1000::/36"],
                     ["192.0.2.64/26", "2001:db8:1a00::/48"],
                     ["192.0.2.{}", "2001:db8:1a00:1::{}"], "192.0.2.128/28"),
    "isp2": Provider("s2", "dots.isp2.example", ["198.51.100.0/24", "2001:db8:2000::/36"],
                     ["198.51.100.64/26", "2001:db8:2a00::/48"],
                     ["198.51.100.{}", "2001:db8:2a00:1::{}"], "198.51.100.128/28"),
}
NOBODYS = ["203.0.113.{}", "2001:db8:e000::{}"]
# No host of the labs has these addresses. Each kind of alarm has its own, so that requests of one client
# are equal or do not overlap: what is wider than what is left of its askers stands to the last of them.
KINDS = ["isp1", "isp2", "both", "nobody", "mixed"]
FIRST_HOST, HOSTS = 80, 9


@dataclasses.dataclass
class Place:
    """A network of labs, and who is what in it."""
    lab: str
    askers: list
    uplinks: dict   # domain -> (namespace, interface): who has it, and where it leaves
    gateways: dict  # agent -> domains


TWO = ["isp1", "isp2"]
PLACES = [
    Place("F6pa", ["c1", "c2", "c3"], {"isp1": ("cpe", "wan1"), "isp2": ("cpe", "wan2")}, {"cpe": TWO}),
    Place("F9pa", ["c1", "c2", "c3"], {"isp1": ("cpe1", "wan"), "isp2": ("cpe2", "wan")},
          {"cpe1": ["isp1"], "cpe2": ["isp2"]}),
    Place("F5", ["cpe"], {"isp1": ("cpe", "wan1"), "isp2": ("cpe", "wan2")}, {}),
]


def networks(texts):
    return [ipaddress.ip_network(t) for t in texts]


def inside(address, nets):
    net = ipaddress.ip_network(address)
    return any(net.version == n.version and net.subnet_of(n) for n in nets)


NETWORKS = {d: networks(p.networks) for d, p in PROVIDERS.items()}
OWNED = {d: networks(p.owned) for d, p in PROVIDERS.items()}


def of(domain, targets):
    return {t for t in targets if inside(t, OWNED[domain])}


# ---- what may break ----

class Fault:
    """hit: the agent or domain that has to notice; key: two faults of one key do not overlap."""
    KIND, SURE = "", False  # SURE: whoever it hits begins anew, or plans anew

    def __init__(self, rng, where, hit):
        self.where, self.hit, self.key = where, hit, (self.KIND, where)
        self.begun = self.ended = None

    def __str__(self):
        return f"{self.KIND} {':'.join(self.where) if isinstance(self.where, tuple) else self.where}"


class LinkDown(Fault):
    KIND = "link"

    def harm(self, rig):
        rig.net.link_state(*self.where, "down")

    def mend(self, rig):
        rig.net.link_state(*self.where, "up")


class NoAddress(Fault):
    """One family, or both."""
    KIND = "address"

    def __init__(self, rng, where, hit):
        super().__init__(rng, where, hit)
        self.versions = rng.choice(((4,), (6,), (4, 6)))

    def change(self, rig, verb):
        ns, interface = self.where
        rig.net.batch(ns, [f"address {verb} {ip} dev {i}" + " nodad" * (verb == "add" and ip.version == 6)
                           for i, ip in rig.lab.addresses[ns]
                           if i == interface and ip.version in self.versions])

    def harm(self, rig):
        self.change(rig, "del")

    def mend(self, rig):
        self.change(rig, "add")
        rig.net.restore_routes(self.where[0])


class Loss(Fault):
    KIND = "loss"

    def __init__(self, rng, where, hit):
        super().__init__(rng, where, hit)
        self.percent = rng.choice((20, 50, 80))

    def harm(self, rig):
        rig.net.loss(*self.where, self.percent)

    def mend(self, rig):
        rig.net.loss(*self.where, 0)


class NoResolver(Fault):
    KIND = "resolver stopped"

    def harm(self, rig):
        rig.dns.halt(self.where)

    def mend(self, rig):
        rig.dns.serve(self.where)


class SilentResolver(Fault):
    KIND = "resolver silent"

    def harm(self, rig):
        rig.dns.tell(self.where, signal.SIGSTOP)

    def mend(self, rig):
        rig.dns.tell(self.where, signal.SIGCONT)


class NoDhcp(Fault):
    """What it said last holds; a link that comes up meanwhile asks in vain."""
    KIND = "dhcp silent"

    def harm(self, rig):
        rig.dhcp.halt(self.where)

    def mend(self, rig):
        rig.dhcp.serve(self.where, rig.lab.offers[self.where])


class LeaseGone(Fault):
    """The host's own DHCP client loses its lease, and has one again: its hook says so, as dhclient's."""
    KIND = "lease"

    def hook(self, rig, reason, **told):
        ns, interface = self.where
        env = [f"{k}={v}" for k, v in {"reason": reason, "interface": interface, **told,
                                       "PATH": f"{rig.folder / ns}:/usr/sbin:/usr/bin:/sbin:/bin"}.items()]
        rig.net.run(ns, ["/usr/bin/env", "-i", *env, ROOT / "hooks/dotsd-dhcp"])

    def harm(self, rig):
        self.hook(rig, "EXPIRE", old_dots_ri=self.name())

    def mend(self, rig):
        self.hook(rig, "BOUND", new_dots_ri=self.name(), new_dhcp_lease_time="3600")
        self.hook(rig, "BOUND6", new_dhcp6_dots_ri=self.name(), new_max_life="3600")

    def name(self):
        """Octets as dhclient writes them."""
        return " ".join(str(int(o, 16)) for o in wire_name(PROVIDERS[self.hit].name).split(":"))


class Killed(Fault):
    KIND, SURE = "kill", True

    def harm(self, rig):
        rig.stop(self.where, how=signal.SIGKILL)

    def mend(self, rig):
        rig.start(self.where)


class Hanging(Fault):
    KIND = "hang"

    def harm(self, rig):
        rig.agents.processes[self.where].pause(True)

    def mend(self, rig):
        rig.agents.processes[self.where].pause(False)


class MorePrefix(Fault):
    """The provider assigns one more, for a while: all is planned anew, and stays."""
    KIND, SURE = "prefix", True

    def change(self, rig, verb):
        rig.ask(self.where, "domain", self.hit, verb, "prefix", PROVIDERS[self.hit].more)

    def harm(self, rig):
        self.change(rig, "set")

    def mend(self, rig):
        self.change(rig, "unset")


class Renumbered(Fault):
    """The provider's prefix of one family is no longer configured: what stands for it goes, and comes
    back with it."""
    KIND, SURE = "renumbered", True

    def __init__(self, rng, where, hit):
        super().__init__(rng, where, hit)
        self.kept = rng.randrange(2)

    def change(self, rig, prefixes):
        rig.agents.configs[self.where]["domains"][self.hit]["prefixes"] = prefixes
        rig.agents.write(self.where)
        rig.agents.processes[self.where].tell(signal.SIGHUP)

    def harm(self, rig):
        self.change(rig, PROVIDERS[self.hit].owned[self.kept:self.kept + 1])

    def mend(self, rig):
        self.change(rig, PROVIDERS[self.hit].owned)


# Those in one row never happen to the same thing at once.
EXCLUSIVE = {NoResolver: "resolver", SilentResolver: "resolver", Killed: "agent", Hanging: "agent",
             MorePrefix: "agent", Renumbered: "agent"}


def deck_of(place):
    """(kind, where, hit) of everything that may break there; what weighs more stands more often."""
    deck = []
    for domain, near in place.uplinks.items():
        far, server = (domain, "cust"), PROVIDERS[domain].server
        deck += [(LinkDown, end, domain) for end in (near, far, (domain, "srv"))]
        deck += [(Loss, end, domain) for end in (near, far)]
        deck += [(NoAddress, near, domain)] * 2
        deck += [(NoResolver, domain, domain), (SilentResolver, domain, domain)]
        deck += [(NoDhcp, far, domain), (LeaseGone, near, domain)]
        deck += [(Killed, server, domain)] * 2
        deck += [(Hanging, server, domain), (MorePrefix, near[0], domain)]
        # A gateway refuses what it does not own for good; an alarm here comes back with its prefix.
        deck += [(Renumbered, near[0], domain)] * 2 if near[0] in place.askers else []
    for name in place.gateways:
        deck += [(Killed, name, name)] * 2
        deck += [(LinkDown, (name, "lan"), name), (NoAddress, (name, "lan"), name)]
    for name in place.askers:
        deck += [(Killed, name, name)]
        deck += [(LinkDown, (name, "eth0"), name)] if place.gateways else []
    return deck


def storm(rng, place, faults):
    """[(second, fault, whether it begins)], in order: half of them short, half long enough to lose a
    session."""
    deck, hand, busy, plan = deck_of(place), [], {}, []
    for n in range(faults):
        begin = n * PACE_S + rng.uniform(0, PACE_S)
        length = rng.choice((rng.uniform(0.1, 1), rng.uniform(2.5, 6)))
        hand = hand or rng.sample(deck, len(deck))
        kind, where, hit = next((c for c in hand if busy.get(key_of(c), 0) < begin), hand[0])
        hand.remove((kind, where, hit))
        begin = max(begin, busy.get(key_of((kind, where, hit)), 0))
        fault = kind(rng, where, hit)
        busy[key_of((kind, where, hit))] = begin + length + 0.01
        plan += [(begin, fault, True), (begin + length, fault, False)]
    return sorted(plan, key=lambda p: p[0])


def key_of(card):
    kind, where, _ = card
    return EXCLUSIVE.get(kind, kind.KIND), where


# ---- what is seen on the way ----

def astray(domain, fields):
    """Why a packet on the link of that provider should not be there; None if it may."""
    for other, p in PROVIDERS.items():
        if other == domain:
            continue
        if fields.get("query") == p.name:
            return "a query for the other's name"
        if p.name in fields.get("readable", ""):
            return "the other's name"
        if {fields.get("sport"), fields.get("dport")} & set(PORTS) and any(
                inside(fields[k], NETWORKS[other]) for k in ("src", "dst")):
            return "an address of the other"
    return None


# ---- the proof ----

class Chaos:
    def __init__(self, case, rig, place):
        self.case, self.rig, self.place = case, rig, place
        self.domains = {end: d for d, end in place.uplinks.items()}
        self.captures = [Capture(rig, ns, [i for n, i in self.domains if n == ns])
                         for ns in sorted({n for n, _ in self.domains})]
        news = threading.Condition()
        self.loads = {c: Load(rig, c, case.rng(place.lab, "load", c), news) for c in place.askers}
        self.faults, self.alarms, self.settled = [], collections.Counter(), []
        self.standing = []  # requests of clients after each storm
        self.staying = set()  # targets of a request that is not withdrawn before the end

    # ---- a storm ----

    def play(self, number, faults):
        rng = self.case.rng(self.place.lab, "storm", number)
        self.carry_out(number, rng, storm(rng, self.place, faults), (faults + 1) // 2)

    def carry_out(self, number, rng, plan, alarms, more=()):
        """The faults of the plan, so many alarms meanwhile, and what more there is, at its time; then
        all has to agree."""
        asks, leaves = (self.case.rng(self.place.lab, what, number) for what in ("asks", "withdrawals"))
        over = plan[-1][0]
        acts = [(t, lambda f=f, on=on: self.change(f, on)) for t, f, on in plan] + list(more)
        for _ in range(alarms):
            draw = rng.choice(KINDS)
            acts.append((rng.uniform(0, over), lambda d=draw: self.ask(asks, d)))
            if rng.random() < 0.6:
                acts.append((rng.uniform(0, over), lambda: self.withdraw(leaves)))
        begun = time.monotonic()
        for t, act in sorted(acts, key=lambda a: a[0]):
            while (left := begun + t - time.monotonic()) > 0:
                time.sleep(min(left, 0.2))
            act()
            self.rig.check_alive()
        self.settled.append(self.settle())
        self.standing.append(sum(len(load.wishes) for load in self.loads.values()))
        self.faults += [f for _, f, on in plan if on]

    def change(self, fault, on):
        if on:
            fault.begun = now_ms()
            fault.harm(self.rig)
        else:
            fault.mend(self.rig)
            fault.ended = now_ms()

    def ask(self, rng, whose):
        load = self.loads[rng.choice(self.place.askers)]
        host = FIRST_HOST + KINDS.index(whose) * HOSTS + rng.randrange(HOSTS)
        own = rng.choice(TWO) if whose == "mixed" else whose
        hosts = {"both": [h for p in PROVIDERS.values() for h in p.hosts],
                 "nobody": []}.get(own, PROVIDERS.get(own) and PROVIDERS[own].hosts)
        hosts = hosts + NOBODYS * (whose in ("nobody", "mixed"))
        # One family or both, the same for all who ask for that host.
        hosts = [h for h in hosts if (":" in h) in ((False,), (True,), (False, True))[host % 3]]
        load.ask([h.format(host) for h in hosts], 0)
        self.alarms[whose] += 1

    def withdraw(self, rng):
        standing = [(load, w) for load in self.loads.values() for w in load.wishes.values()
                    if not w.leaving and w.targets != self.staying]
        if standing:
            load, w = rng.choice(standing)
            load.withdraw(w)
            self.alarms["withdrawn"] += 1

    # ---- when nothing is broken any more ----

    def held(self, name):
        return {t for m in self.rig.ask(name, "list")["mitigations"] for t in m["targets"]
                if m["status"] != WITHDRAWN}

    def filtered(self, server):
        found = set()
        for first, last, _ in self.rig.elements(server):
            found |= set(map(str, ipaddress.summarize_address_range(
                ipaddress.ip_address(first), ipaddress.ip_address(last))))
        return found

    def may_stand(self, w):
        """Its targets that somebody owns; one gateway for all refuses what has a foreign one whole."""
        own = set().union(*[of(d, w.targets) for d in PROVIDERS])
        return set() if len(self.place.gateways) == 1 and own != w.targets else own

    def unplaced(self, load):
        """What a client has not been told of what it asked for: that it stands, or is refused."""
        found = []
        for here in self.rig.ask(load.client, "list")["wishes"]:
            if here["releasing"]:
                continue
            stand = self.may_stand(load.wishes[here["id"]])
            states = collections.defaultdict(set)
            for part in here["parts"]:
                states[part["target"]].add(part["state"])
            for target, said in states.items():
                if not (("placed" in said) if target in stand else said == {"refused"}):
                    found.append(f"{here['id']} at {load.client}: {target} {' '.join(sorted(said))}")
        return found

    def state(self):
        """What is different from what has to be, as texts."""
        wanted, looks, unplaced = set(), [], []
        for load in self.loads.values():
            load.settle()
            wanted |= set().union(*map(self.may_stand, load.wishes.values()))
            unplaced += self.unplaced(load)
        for domain, p in PROVIDERS.items():
            mine = of(domain, wanted)
            looks += [(f"asked of {p.server}", self.held(p.server), mine),
                      (f"filtered for {p.server}", self.filtered(p.server), mine)]
        for name, domains in self.place.gateways.items():
            looks.append((f"asked of {name}", self.held(name),
                          set().union(*[of(d, wanted) for d in domains])))
        return [f"{what}: missing {sorted(mine - have)}, too much {sorted(have - mine)}"
                for what, have, mine in looks if have != mine] + unplaced

    def settle(self):
        begun = time.monotonic()
        self.rig.until(lambda: not self.state(), lambda: "\n".join(self.state() + self.told()), SETTLE_S)
        return time.monotonic() - begun

    def told(self):
        """What the agents say of themselves: half of the evidence."""
        return [f"{name}: {s['domain']} {s['name']} {s['state']}: {s.get('reason')}"
                for name in {*self.place.askers, *self.place.gateways}
                for s in self.rig.ask(name, "sessions")["upstream"] if s["state"] != "available"]

    def finish(self):
        """All is withdrawn, and nothing is left."""
        for load in self.loads.values():
            for w in list(load.wishes.values()):
                self.rig.ask(load.client, "withdraw", w.name)
                w.leaving = w.withdrawn = time.time()
        self.settle()
        problems = self.rig.agents.stop_all()
        if problems:
            raise Failure("\n".join(problems))
        for c in self.captures:
            c.finish()

    # ---- what may never have been ----

    def judge(self):
        self.rig.journal.poll()
        wrong, packets = [], collections.Counter()
        for r in self.rig.journal.records:
            if r.event == "pkt":
                domain = self.domains[r.at, r.fields["if"]]
                packets[domain] += 1
                why = astray(domain, r.fields)
            else:
                why = self.misled(r)
            if why:
                wrong.append(f"{why}: {r}")
        if set(packets) != set(PROVIDERS):
            wrong.append(f"no packets at all on a link: {dict(packets)}")
        if wrong:
            raise Failure(f"{len(wrong)} times:\n" + "\n".join(wrong[:20]))
        return packets

    def misled(self, r):
        """Why a provider should not have seen this; None if it may."""
        for domain, p in PROVIDERS.items():
            others = [q.name for d, q in PROVIDERS.items() if d != domain]
            if r.at == domain and r.event == "dns-query" and r.fields["name"] in others:
                return "a query for the other's name"
            if r.at == p.server and r.event in ("put-mitigate", "mitigation-started"):
                scope = [t for t in str(r.fields.get("scope", "")).replace(",", " ").split() if t]
                if not all(inside(t, OWNED[domain]) for t in scope):
                    return "a foreign target"
        return None

    def felt(self):
        """Of the faults: those that began or planned somebody anew, or cost a session."""
        lost = [r for r in self.rig.journal.records if r.event in LOST]
        return [f for f in self.faults if f.SURE or any(
            f.begun <= r.time <= f.ended + AFTERMATH_S and f.hit in (r.at, r.fields.get("domain"))
            for r in lost)]

    def figures(self, packets):
        kinds = collections.Counter(f.KIND for f in self.faults)
        felt = collections.Counter(f.KIND for f in self.felt())
        say = lambda what, value: self.case.figure(f"{self.place.lab}: {what}", value)
        say("faults", ", ".join(f"{k} {n}" for k, n in sorted(kinds.items())))
        say("of them with a session lost or a new plan",
            f"{felt.total()} (" + ", ".join(f"{k} {n}" for k, n in sorted(felt.items())) + ")")
        say("alarms and withdrawals", ", ".join(f"{k} {n}" for k, n in sorted(self.alarms.items())))
        say("dotsctl", ", ".join(f"{what} exit {status} {n}" for (what, status), n in sorted(
            sum((collections.Counter(load.counts) for load in self.loads.values()),
                collections.Counter()).items())))
        say("requests standing after each storm", ", ".join(map(str, self.standing)))
        say("seconds until all agree (min / median / max)", spread(self.settled))
        say("packets on the uplinks, none astray", dict(packets))


def configure(rig):
    for cfg in rig.agents.configs.values():
        for d in [*cfg.get("domains", {}).values(), *cfg.get("gateways", {}).values()]:
            d.update(HEARTBEAT)
        if "session" in cfg:
            cfg["session"].update(HEARTBEAT)


def no_transit(rig, place):
    """What comes from one provider does not go on to the other: as in any customer's network, also
    while it has lost the address that it came for. Nor does anything for the customer itself leave it."""
    ours = [p for d in PROVIDERS.values() for p in d.owned]
    of = {word: ", ".join(p for p in ours if (":" in p) == (word == "ip6")) for word in ("ip", "ip6")}
    for ns in {ns for ns, _ in place.uplinks.values()}:
        names = ", ".join(f'"{i}"' for n, i in place.uplinks.values() if n == ns)
        rig.net.nft(ns, f"""table inet lab_no_transit {{
            chain forward {{
                type filter hook forward priority filter; policy accept;
                iifname {{ {names} }} oifname {{ {names} }} drop
                oifname {{ {names} }} ip daddr {{ {of["ip"]} }} drop
                oifname {{ {names} }} ip6 daddr {{ {of["ip6"]} }} drop
            }}
        }}\n""")


def discovered(place):
    """The lines with which who has an uplink learns its server there from DHCP."""
    lines = []
    for name, domains in (place.gateways or {place.askers[0]: TWO}).items():
        numbers = ",".join(d[-1] for d in domains)
        kind = ("kind=client pvds=" if name in place.askers else
                f"kind=gateway listen=lan name={name}.customer.example ca=CAc upstream-pvds=")
        lines += [f"undo dots {name} *", f"dots {name} {kind}{numbers} discovery=dhcp"]
    return lines + [f"dhcp {d}:cust ri={p.name} ri6={p.name}" for d, p in PROVIDERS.items()]


def control(rig):
    """A dotsctl for the hook of each agent that has an uplink."""
    for name in {ns for place in PLACES for ns, _ in place.uplinks.values()} & set(rig.agents.folders):
        tool = rig.folder / name / "dotsctl"
        tool.write_text(f"#!/bin/sh\nexec {rig.case.binaries['dotsctl']} --socket "
                        f"{rig.folder / name}/control.sock \"$@\"\n")
        tool.chmod(0o755)


def until_found(rig, place):
    """A server of each domain is known: before, its sessions are not there to be looked at."""
    wanted = collections.Counter(ns for ns, _ in place.uplinks.values())
    rig.until(lambda: all(len(rig.upstream(ns)) == n for ns, n in wanted.items()),
              "every provider's server is found")


def one(case, place, play):
    """play(chaos) breaks what is there."""
    with Rig(case, f"labs/{place.lab}.lab", configure, "dual", discovered(place)) as rig:
        control(rig)
        no_transit(rig, place)
        chaos = Chaos(case, rig, place)
        rig.start(*[p.server for p in PROVIDERS.values()])
        rig.start(*place.gateways)
        rig.until_connected(*place.gateways)
        rig.start(*place.askers)
        until_found(rig, place)
        rig.until_connected(*place.gateways, *place.askers)
        play(chaos)
        chaos.finish()
        chaos.figures(chaos.judge())


def storms(chaos, faults):
    for number, begin in enumerate(range(0, faults, STORM)):
        chaos.play(number, min(STORM, faults - begin))
        chaos.case.say(f"{chaos.place.lab}: all agree {chaos.settled[-1]:.1f} s after storm {number + 1}")


# 8811-1.3-02
def run(case):
    """The seed tells where to begin."""
    first = case.seed % len(PLACES)
    for n, begin in enumerate(range(0, case.rounds, OF_A_NETWORK)):
        place, faults = PLACES[(first + n) % len(PLACES)], min(OF_A_NETWORK, case.rounds - begin)
        case.say(f"{place.lab}: {faults} faults")
        one(case, place, lambda chaos, faults=faults: storms(chaos, faults))
