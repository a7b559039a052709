"""A flood fills the client's inbound link for longer than the loss of a session takes to be seen: the
session stays, at both ends, the request goes out on it, its filter is installed before the narrow link,
and then its answer comes in."""
import time

from rig.case import Failure, spread
from rig.flood import Flood, narrow
from rig.network import Rig, now_ms

TITLE = "alarms over links that a flood has filled"
UNIT, FULL, SHORT = "rounds of each kind", 3, 1

INTERVAL_S, ALLOWED = 1, 5
LOST_S = INTERVAL_S * ALLOWED  # RFC 9132 4.7: without a word for so long a session is lost
KBIT, RATE = 40, 12000         # less than a hundred packets a second fit
PORT, LONGEST_S = 9, 600
# What waits in front of the link: next to nothing, or more than it carries while a session gets lost.
SHALLOW, DEEP = 10, 600
SOURCES = {"4": ["198.18.0.0/15"], "6": ["2001:db8:ffff::/48"]}
# Nobody's, asked for before the flood; a host behind the client, which is attacked.
BEFORE = {"4": "192.0.2.90", "6": "2001:db8:1a00:1::90"}
TARGET = {"4": "192.0.2.66", "6": "2001:db8:1a00:1::66"}
# family, packets that wait, whether something stands already, whether the session is silent already
# when the alarm is raised
KINDS = [("4", SHALLOW, False, True), ("6", SHALLOW, True, True), ("4", DEEP, False, True),
         ("6", DEEP, True, True), ("4", DEEP, True, False), ("6", SHALLOW, False, False)]
OF_THE_SHORT = 2


def configure(rig):
    heartbeat = {"heartbeat-interval": INTERVAL_S, "missing-hb-allowed": ALLOWED}
    for name in ("s1", "s2"):
        rig.agents.configs[name]["session"] = heartbeat
        rig.agents.configs[name]["mitigation"] = {"terminating": 0}
    for domain in rig.agents.configs["cpe"]["domains"].values():
        domain.update(heartbeat)


def count(rig):
    """Counters: of the flood before anybody filters it and behind the link, of what the server says
    that came in."""
    for ns, hook, counters in (
            ("isp1", 'iifname "att"', {"flood_sent": f"udp dport {PORT}"}),
            ("cpe", 'iifname "wan1"', {"flood_in": f"udp dport {PORT}", "server_in": "udp sport 4646"})):
        rig.net.nft(ns, "table inet lab_count {\n" + "".join(
            f"counter {name} {{ }}\n" for name in counters)
            + "chain pre { type filter hook prerouting priority -460; policy accept;\n" + "".join(
                f"{hook} {match} counter name {name}\n" for name, match in counters.items()) + "}\n}\n")


class Still:
    """True once a value has been the same for so long."""

    def __init__(self, value, seconds):
        self.value, self.seconds, self.last, self.since = value, seconds, None, 0

    def __call__(self):
        now, seen = time.monotonic(), self.value()
        if seen != self.last:
            self.last, self.since = seen, now
        return now - self.since > self.seconds


class Saturation:
    def __init__(self, case, rig, family, silent):
        self.case, self.rig, self.family, self.silent = case, rig, family, silent
        self.number, self.begun = 0, 0
        self.to_rule, self.to_answer, self.shares, self.replaced = [], [], [], 0

    def counter(self, ns, name):
        return self.rig.net.counters(ns)[name]

    def server_in(self):
        return self.counter("cpe", "server_in")

    def flood_in(self):
        return self.counter("cpe", "flood_in")

    def flood(self):
        """The link is full from here on."""
        flood = Flood(self.rig, "att1", SOURCES[self.family], (TARGET[self.family], PORT), RATE,
                      LONGEST_S, [bytes(32)], self.case.seed + self.number)
        before = self.flood_in()
        self.rig.until(lambda: self.flood_in() > before, "the flood gets to the client")
        return flood

    def until_lost(self):
        """Nothing of the server came in for longer than loss takes to be seen, and the client saw."""
        self.rig.until(Still(self.server_in, LOST_S), "nothing of the server comes in")
        for event in ("session-silent", "session-attempt"):  # 9132-4.7-20
            self.rig.until_event("cpe", event, self.begun, domain="isp1")

    def alarm(self, target, **fields):
        """When it was raised, and its name."""
        self.number += 1
        name, at = f"a{self.number}", time.time()
        status, reply = self.rig.ctl("cpe", "mitigate", target, "--id", name, "--wait", 0)
        if status not in (0, 4):
            raise Failure(f"the alarm: exit {status}, {reply}")
        return name, at

    def part(self, name):
        return self.rig.ask("cpe", "show", name)["wish"]["parts"][0]

    def filtered(self, target):
        return target in {first for first, _, _ in self.rig.elements("s1")}

    def placed(self, name, target):
        self.rig.until(lambda: self.part(name)["state"] == "placed", f"{target} is placed")
        if not self.filtered(target):
            raise Failure(f"{target} is placed, and not filtered")

    # ---- a round ----

    def round(self, early):
        rig, target = self.rig, TARGET[self.family]
        rig.until_connected("cpe")
        if early:
            before, _ = self.alarm(BEFORE[self.family])
            self.placed(before, BEFORE[self.family])
        self.begun = now_ms()
        sent, came = self.counter("isp1", "flood_sent"), self.flood_in()
        flood = self.flood()
        if self.silent:
            self.until_lost()
            sent, came = (self.counter("isp1", "flood_sent") - sent, self.flood_in() - came)
            self.shares.append(100 * came / sent)
        name, at = self.alarm(target)
        rule = rig.until_event("s1", "rule-installed", at - 0.001, scope=str_of(target))
        self.kept(rule.time)
        self.to_rule.append(rule.time - at)
        rig.until(Still(self.flood_in, 1), "nothing of the flood comes in any more")
        self.placed(name, target)
        answer = rig.until_event("cpe", "placed", at - 0.001, target=str_of(target))
        self.to_answer.append(answer.time - rule.time)
        rig.until(lambda: self.part(name).get("status"), "the status arrives")
        rig.until_connected("cpe")
        if flood.over():
            raise Failure("the flood ended by itself")
        if early and not self.filtered(BEFORE[self.family]):
            raise Failure("what stood before the flood is gone")
        self.whole()
        flood.kill()
        for wish in rig.ask("cpe", "list")["wishes"]:
            rig.ask("cpe", "withdraw", wish["id"])
        rig.until(lambda: not rig.elements("s1"), "all is withdrawn")

    def downs(self):
        return [r for at in ("cpe", "s1") for r in self.rig.events(at, "session-down", self.begun)]

    def kept(self, until):
        """9132-4.7-19, 9132-4.7-25, 9132-4.7-26: until its filter stood the session did, the same
        one at both ends, and the request went out on it."""
        seen = self.downs() + self.rig.events("s1", "session-up", self.begun)
        bad = [str(r) for r in seen if r.time <= until]
        asked = [r for r in self.rig.events("s1", "put-mitigate", self.begun) if r.time <= until + 0.001]
        if bad or not asked:
            raise Failure(f"while nothing came in: {bad}, {len(asked)} requests arrived")

    def whole(self):
        """9132-4.7-24: a session ended only if another one was there to take its place; and the
        other provider's never noticed."""
        ups = len(self.rig.events("s1", "session-up", self.begun))
        downs = self.downs()
        self.replaced += bool(ups)
        if sum(r.at == "s1" for r in downs) > ups or sum(r.at == "cpe" for r in downs) > ups:
            raise Failure(f"{ups} new sessions, and these ended: {list(map(str, downs))}")
        other = [str(r) for event in ("session-silent", "session-down", "session-failed")
                 for r in self.rig.events("cpe", event, self.begun, domain="isp2")]
        if other:
            raise Failure(f"the session of the other provider was disturbed: {other}")

    def figures(self, what):
        say = lambda of, value: self.case.figure(f"{what}: {of}", value)
        say("seconds from alarm to filter (min / median / max)", spread(self.to_rule))
        say("from filter to answer", spread(self.to_answer))
        if self.silent:
            say("% of the flood that came in, so of the server's datagrams", spread(self.shares))
        say("sessions kept, replaced", f"{self.case.rounds - self.replaced}, {self.replaced}")


def str_of(target):
    return target + ("/128" if ":" in target else "/32")


def one(case, kind):
    family, depth, early, silent = kind
    what = (f"IPv{family}, {depth} packets wait, {'something stands' if early else 'nothing stands'}, "
            f"{'silent already' if silent else 'just filled'}")
    case.say(what)
    with Rig(case, "labs/F5.lab", configure, family) as rig:
        rig.start("s1", "s2")
        rig.start("cpe")
        rig.until_connected("cpe")
        narrow(rig, "isp1", "cust", KBIT, depth)
        count(rig)
        # The host that is attacked says nothing to it.
        rig.net.drop("t1", [f"udp dport {PORT}"])
        saturation = Saturation(case, rig, family, silent)
        for _ in range(case.rounds):
            saturation.round(early)
        saturation.figures(what)


# 9132-4.7-19, 9132-4.7-20, 9132-4.7-24, 9132-4.7-25, 9132-4.7-26
def run(case):
    for kind in KINDS[:OF_THE_SHORT] if case.rounds <= SHORT else KINDS:
        one(case, kind)
