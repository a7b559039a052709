"""All at once: an attack that fills both uplinks, links that lose much of what they carry both ways,
servers that are killed, a link that flaps, and alarms. When only the attack is left, what is wanted
stands at its owner and nowhere else, as chaos has it."""
import dataclasses
import time

from chaos import PACE_S, PLACES, PROVIDERS, Fault, Killed, LinkDown, Loss, one
from crash import prefix
from rig.case import Failure
from rig.flood import Flood, narrow
from rig.network import now_ms

TITLE = "attack, loss, kills, a flapping link, alarms, at once"
UNIT, FULL, SHORT = "alarms", 100, 8

KBIT, DEPTH, RATE = 100, 20, 4000  # of each uplink; what fits is less than a tenth of it
LOSS = 30                          # percent, each way
# (every so many seconds, for so long): servers in turn, started again at once; a link, for longer than
# loss detection takes; an attack on what nobody asks for, that ends by itself, on the uplinks in turn.
KILLS, FLAPS, BURSTS = (20, 0.3), (15, 3), (25, 6)
PORT, LONGEST_S = 9, 3600
STILL_S = 1   # what waited in front of the link is through
NOBODY = 126  # a host that is not there


@dataclasses.dataclass
class Attack:
    source: str     # namespace
    addresses: str  # that it pretends to have
    target: str     # a host that is there

    def begin(self, rig, target, seed):
        return Flood(rig, self.source, [self.addresses], (target, PORT), RATE, LONGEST_S, [bytes(32)],
                     seed)


ATTACKS = {"isp1": Attack("att1", "198.18.0.0/15", "192.0.2.66"),
           "isp2": Attack("att2", "2001:db8:ffff::/48", "2001:db8:2a00:1::66")}


class Weak(Loss):
    """All the time, so much."""

    def __init__(self, rng, where, hit):
        super().__init__(rng, where, hit)
        self.percent = LOSS


class Burst(Fault):
    """Fills an uplink, and nobody asks for its filter."""
    KIND = "burst"

    def harm(self, rig):
        target = PROVIDERS[self.hit].hosts[self.hit == "isp2"].format(NOBODY)
        self.flood = ATTACKS[self.hit].begin(rig, target, int(self.begun))

    def mend(self, rig):
        self.flood.kill()


def weakened(rng, place):
    return [Weak(rng, end, domain) for domain, near in place.uplinks.items()
            for end in (near, (domain, "cust"))]


def plan_of(rng, place, over):
    """[(second, fault, whether it begins)], in order."""
    domains, flapping = list(place.uplinks), rng.choice(list(place.uplinks))
    kinds = [(KILLS, lambda d: Killed(rng, PROVIDERS[d].server, d)),
             (FLAPS, lambda d: LinkDown(rng, place.uplinks[flapping], flapping)),
             (BURSTS, lambda d: Burst(rng, ATTACKS[d].source, d))]
    plan = [p for f in weakened(rng, place) for p in ((0, f, True), (over, f, False))]
    for (every, length), make in kinds:
        begin = rng.uniform(0.1, 0.4) * min(every, over)
        for n in range(int((over - begin - length) // every) + 1):
            fault = make(domains[n % len(domains)])
            at = begin + n * every
            plan += [(at, fault, True), (at + length, fault, False)]
    return sorted(plan, key=lambda p: p[0])


class Attacked:
    """The attack that lasts, and the alarm for it."""

    def __init__(self, chaos):
        self.chaos, self.rig = chaos, chaos.rig
        # The host that is attacked says nothing to it.
        self.rig.net.drop("t1", [f"udp dport {PORT}"])
        for domain in ATTACKS:
            narrow(self.rig, domain, "cust", KBIT, DEPTH)
        self.floods = [a.begin(self.rig, a.target, chaos.case.seed) for a in ATTACKS.values()]

    def alarm(self):
        """Over links that are full, and lose; while there are sessions. Who loses his before that has
        no way to ask: an inbound link that is full lets no handshake through."""
        targets = [a.target for a in ATTACKS.values()]
        self.chaos.staying = set(map(prefix, targets))
        begun = time.monotonic()
        self.chaos.loads[self.chaos.place.askers[0]].ask(targets, 0)
        self.chaos.alarms["attacked"] += 1
        self.rig.until(self.filtered, "what is attacked is filtered")
        self.chaos.case.figure("seconds until both attacks are filtered",
                               f"{time.monotonic() - begun:.2f}")
        self.since = now_ms()

    def filtered(self):
        return all(prefix(ATTACKS[d].target) in self.chaos.filtered(PROVIDERS[d].server)
                   for d in ATTACKS)

    def end(self):
        if any(f.over() for f in self.floods):
            raise Failure("the attack ended by itself")
        for f in self.floods:
            f.kill()
        self.rig.journal.poll()
        came = [r.fields["dst"] for r in self.rig.journal.records
                if r.event == "pkt" and r.time > self.since + STILL_S]
        self.chaos.case.figure("packets of the filtered attacks that came in all the same", {
            d: came.count(a.target) for d, a in ATTACKS.items()})


def play(chaos):
    over = chaos.case.rounds * PACE_S
    rng = chaos.case.rng(chaos.place.lab, "all")
    plan = plan_of(rng, chaos.place, over)
    attacked = Attacked(chaos)
    for weak in (f for t, f, on in plan if on and not t):
        weak.harm(chaos.rig)
    attacked.alarm()
    chaos.carry_out(0, rng, plan, chaos.case.rounds - 1)
    attacked.end()


# 8811-1.3-02
def run(case):
    """The seed tells where."""
    one(case, PLACES[(case.seed - 1) % len(PLACES)], play)
