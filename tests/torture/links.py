"""Uplinks that flap, one at a time, with alarms before, meanwhile and after: the other uplink's
session notices nothing, what belongs to the link that is up is placed at once, what belongs to the
other waits and is placed when it is back, and no packet of one provider takes the other's link."""
import ipaddress
import time

from rig.case import Failure, spread
from rig.network import Rig, now_ms
from rig.watch import Capture

TITLE = "flaps of either uplink, with alarms"
UNIT, FULL, SHORT = "flaps", 30, 2

DOWN_S = 10
ANSWER_S = 3  # RFC 9132 4.4: what is answered later has been repeated
# domain -> server, interface of the CPE, far end, networks that only this provider's link may see
PROVIDERS = {
    "isp1": ("s1", "wan1", ("isp1", "cust"), ["192.0.2.0/24", "2001:db8:1000::/36", "2001:db8:1a00::/48"]),
    "isp2": ("s2", "wan2", ("isp2", "cust"),
             ["198.51.100.0/24", "2001:db8:2000::/36", "2001:db8:2a00::/48"]),
}
HOSTS = {"isp1": "192.0.2.", "isp2": "198.51.100."}


class Links:
    def __init__(self, case, rig):
        self.case, self.rig, self.number = case, rig, 0
        self.asks = {}          # id -> domains
        self.answered, self.back = [], []
        self.counts = {"placed": 0, "pending": 0, "both": 0}

    # ---- asking ----

    def ask(self, domains, down=None):
        """An alarm with one target in each of those domains; what each part has to be."""
        self.number += 1
        name, host = f"a{self.number}", 80 + self.number % 40
        begun = time.monotonic()
        status, reply = self.rig.ctl("cpe", "mitigate", *(HOSTS[d] + str(host) for d in domains),
                                     "--id", name, "--wait", 0 if down in domains else ANSWER_S)
        states = {p["domain"]: p["state"] for p in reply.get("parts", [])}
        if down in domains:
            self.check_waiting(name, domains, down, status, states)
        else:
            self.answered.append(time.monotonic() - begun)
            if status or states != dict.fromkeys(domains, "placed"):
                raise Failure(f"alarm for {domains} while {down or 'nothing'} is down: exit "
                              f"{status}, {reply}")
        self.asks[name] = domains
        self.counts["both" if len(domains) > 1 else "pending" if down in domains else "placed"] += 1

    def check_waiting(self, name, domains, down, status, states):
        if status != 4 or states[down] != "pending":
            raise Failure(f"alarm for {domains} while {down} is down: exit {status}, {states}")
        for d in set(domains) - {down}:
            self.rig.until(lambda d=d: self.parts(name)[d] == "placed",
                           f"the part of {name} for {d} is placed while {down} is down", ANSWER_S)
        if self.parts(name)[down] != "pending":
            raise Failure(f"the part of {name} for {down}: {self.parts(name)}")

    def parts(self, name):
        return {p["domain"]: p["state"] for p in self.rig.ask("cpe", "show", name)["wish"]["parts"]}

    def all_placed(self):
        return all(self.parts(n) == dict.fromkeys(d, "placed") for n, d in self.asks.items())

    def withdraw(self, name):
        self.rig.ask("cpe", "withdraw", name)
        del self.asks[name]

    # ---- a flap ----

    def flap(self, rng):
        down = rng.choice(list(PROVIDERS))
        other = next(d for d in PROVIDERS if d != down)
        interface = PROVIDERS[down][1]
        where = rng.choice([("cpe", interface), PROVIDERS[down][2]])
        self.case.say(f"{':'.join(where)} goes down")
        self.ask([down])
        self.ask([other])
        begun = now_ms()
        self.rig.net.link_state(*where, "down")
        self.rig.until_event("cpe", "link", since=begun, interface=interface, state="down")
        end = time.monotonic() + DOWN_S
        while time.monotonic() < end:
            self.meanwhile(rng, down, other)
            time.sleep(rng.uniform(0.3, 1))
        self.rig.net.link_state(*where, "up")
        up = time.monotonic()
        self.rig.until(self.all_placed, lambda: f"{down} is back, and not all is placed: "
                       f"{[(n, self.parts(n)) for n in self.asks]}", 120)
        self.back.append(time.monotonic() - up)
        self.check_servers()
        self.check_other(other, begun)
        for name in rng.sample(sorted(self.asks), len(self.asks)):
            self.withdraw(name)
        self.rig.until(lambda: not any(self.held(s) for s, *_ in PROVIDERS.values()),
                       "all is withdrawn")

    def meanwhile(self, rng, down, other):
        draw = rng.random()
        if draw < 0.4:
            self.ask([other], down)
        elif draw < 0.7:
            self.ask([down], down)
        elif draw < 0.85:
            self.ask([down, other], down)
        elif self.asks:
            self.withdraw(rng.choice(sorted(self.asks)))

    # ---- what has to hold ----

    def held(self, server):
        return {t for m in self.rig.ask(server, "list")["mitigations"] for t in m["targets"]
                if "withdrawn" not in m["status"]}

    def check_servers(self):
        """Each server has what belongs to it, nothing else, and filters for it."""
        for domain, (server, *_) in PROVIDERS.items():
            mine = {t for n, domains in self.asks.items() if domain in domains
                    for t in self.targets(n) if t.startswith(HOSTS[domain])}
            self.rig.until(lambda: self.held(server) == mine and {
                e[0] + "/32" for e in self.rig.elements(server)} == mine,
                f"{server} has {sorted(mine)}", 30)

    def targets(self, name):
        return self.rig.ask("cpe", "show", name)["wish"]["targets"]

    def check_other(self, other, begun):
        """The session over the other link went on as if nothing were."""
        bad = [str(r) for e in ("session-silent", "session-down", "session-failed", "pending")
               for r in self.rig.events("cpe", e, begun, domain=other)]
        beats = self.rig.events("cpe", "heartbeat", begun, domain=other, direction="out")
        if bad or not beats:
            raise Failure(f"the session of {other} was disturbed: {bad}, {len(beats)} heartbeats")

    def check_packets(self):
        """No packet of one provider on the link of the other."""
        self.rig.journal.poll()
        seen, strayed = {}, []
        for r in self.rig.journal.records:
            if r.event == "pkt":
                seen[r.fields["if"]] = seen.get(r.fields["if"], 0) + 1
                if any(strays(r.fields["if"], r.fields[k]) for k in ("src", "dst")):
                    strayed.append(str(r))
        self.case.figure("packets on the uplinks", seen)
        if strayed or len(seen) < 2:
            raise Failure("packets on the wrong link: " + "\n".join(strayed[:10]))


def strays(interface, address):
    a = ipaddress.ip_address(address)
    return any(i != interface and a.version == n.version and a in n
               for _, i, _, nets in PROVIDERS.values() for n in map(ipaddress.ip_network, nets))


def run(case):
    with Rig(case, "labs/F6pa.lab") as rig:
        capture = Capture(rig, "cpe", [i for _, i, _, _ in PROVIDERS.values()])
        rig.start("s1", "s2")
        rig.start("cpe")
        rig.until_connected("cpe")
        links = Links(case, rig)
        for n in range(case.rounds):
            links.flap(case.rng("flap", n))
        capture.finish()
        links.check_packets()
        case.figure("alarms for a link that is up, down, both", ", ".join(
            str(n) for n in links.counts.values()))
        case.figure("seconds to be placed, link up (min / median / max)", spread(links.answered))
        case.figure("seconds from link up to all placed (min / median / max)", spread(links.back))
