#!/usr/bin/env python3
"""Writes labs/N*.lab: the networks of figures 5 and 6 of RFC 9284 with three and with five providers.
N3cpa: three providers, a client on the CPE, provider-assigned addresses; g: a gateway there, with
clients behind it; pi: provider-independent addresses. Every ordered pair of providers has its lines.

    tests/lab/many_providers.py            writes the files (test_many_providers.py compares them)"""
import pathlib

LABS = pathlib.Path(__file__).resolve().parents[2] / "labs"
PI4, PI6 = "203.0.113.128/26", "2001:db8:f000::/48"
CLIENTS = ("c1", "c2")
HOSTS = {"t1": (66, "66"), "c1": (71, "c1"), "c2": (72, "c2")}


class Provider:
    """Number i: half of a /24, and 2001:db8:i000::/36."""

    def __init__(self, i):
        self.i, self.isp, self.server, self.attacker = i, f"isp{i}", f"s{i}", f"att{i}"
        self.wan, self.name = f"wan{i}", f"dots.isp{i}.example"
        self.net4 = ("192.0.2", "198.51.100", "203.0.113")[(i - 1) // 2]
        self.offset = 128 * ((i - 1) % 2)
        self.aggregate = f"{self.v4(0)}/25", f"2001:db8:{i}000::/36"
        self.assigned = f"{self.v4(64)}/26", f"2001:db8:{i}a00::/48"
        self.own = f"{self.v4(10)},{self.v6('5::10')}"

    def v4(self, host):
        return f"{self.net4}.{self.offset + host}"

    def v6(self, rest):
        return f"2001:db8:{self.i}000:{rest}"

    def lan(self, host):
        """An address of the customer's network in the space that this provider assigned."""
        return f"{self.v4(64 + host[0] - 64)}/26,2001:db8:{self.i}a00:1::{host[1]}/64"


def independent(host):
    return f"203.0.113.{128 + host[0] - 64}/26,2001:db8:f000:1::{host[1]}/64"


def provider_network(p, pi):
    yield f"ns {p.isp} role=router,dns"
    yield f"ns {p.server} role=host"
    yield f"ns {p.attacker} role=host"
    core = 192 + 4 * (p.i - 1)
    yield (f"link {p.isp}:core 203.0.113.{core + 2}/30,2001:db8:e00{p.i}::2/64 "
           f"net:p{p.i} 203.0.113.{core + 1}/30,2001:db8:e00{p.i}::1/64")
    for a, b, there, here, subnet in (
            (f"{p.server}:eth0", f"{p.isp}:srv", (10, "5::10"), (9, "5::1"), 29),
            (f"{p.attacker}:eth0", f"{p.isp}:att", (34, "a::2"), (33, "a::1"), 30),
            (f"cpe:{p.wan}", f"{p.isp}:cust", (2, "1::2"), (1, "1::1"), 30)):
        yield (f"link {a} {p.v4(there[0])}/{subnet},{p.v6(there[1])}/64 "
               f"{b} {p.v4(here[0])}/{subnet},{p.v6(here[1])}/64")
    yield f"lo {p.isp} {p.v4(53)}/32,{p.v6('53::53')}/128"
    behind = (PI4, PI6) if pi else p.assigned
    for prefix, core_end, link_end, net_end, srv, att in zip(
            ("0.0.0.0/0", "::/0"), (f"203.0.113.{core + 1}", f"2001:db8:e00{p.i}::1"),
            (p.v4(2), p.v6("1::2")), (f"203.0.113.{core + 2}", f"2001:db8:e00{p.i}::2"),
            (p.v4(9), p.v6("5::1")), (p.v4(33), p.v6("a::1"))):
        six = ":" in prefix
        yield f"route {p.isp} {prefix} via {core_end}"
        yield f"route {p.isp} {behind[six]} via {link_end}"
        yield f"route net {p.aggregate[six]} via {net_end}"
        yield f"route {p.server} {prefix} via {srv}"
        yield f"route {p.attacker} {prefix} via {att}"
    yield f"urpf {p.isp}:cust"
    yield f"zone {p.isp} {p.name} A {p.v4(10)}"
    yield f"zone {p.isp} {p.name} AAAA {p.v6('5::10')}"
    yield (f"pvd {p.i} prefixes={'-' if pi else ','.join(p.assigned)} dns={p.v4(53)},{p.v6('53::53')} "
           f"gw={p.v4(1)},{p.v6('1::1')} suffix={p.isp}.example server={p.name} ca=CA{p.i} at=cpe:{p.wan}")


def cpe_routes(p, pi):
    for prefix, gateway, six in (("0.0.0.0/0", p.v4(1), False), ("::/0", p.v6("1::1"), True)):
        yield f"route cpe {prefix} via {gateway} metric={10 * p.i}"
        if pi:
            yield f"route cpe {p.aggregate[six]} via {gateway}"
        else:
            yield f"route cpe {prefix} via {gateway} table={100 + p.i}"
            yield f"rule cpe prio={1000 + p.i} from={p.aggregate[six]} table={100 + p.i}"


def customer(providers, pi, gateway):
    def at(host):
        return independent(host) if pi else ",".join(p.lan(host) for p in providers)
    router = at((65, "1")) if not pi else independent((65, "1"))
    yield f"bridge cpe:lan {router}"
    first = [a.partition("/")[0] for a in router.split(",")[:2]]
    for host in ("t1", *(CLIENTS if gateway else ())):
        yield f"ns {host} role=host"
        yield f"port cpe:lan {host}:eth0 {at(HOSTS[host])}"
        yield f"route {host} 0.0.0.0/0 via {first[0]}"
        yield f"route {host} ::/0 via {first[1]}"
    if not pi:
        yield "rule cpe prio=1000 main-no-default"
    for p in providers:
        owns = f"{PI4},{PI6}" if pi else ",".join(p.assigned)
        yield f"dots {p.server} kind=server name={p.name} ca=CA{p.i} owns={owns} mitigator={p.isp}"
    numbers = ",".join(str(p.i) for p in providers)
    if not gateway:
        yield f"dots cpe kind=client pvds={numbers}"
        return
    yield f"dots cpe kind=gateway listen=lan name=gw.customer.example ca=CAc upstream-pvds={numbers}"
    for c in CLIENTS:
        yield f"dots {c} kind=client server={','.join(first)} ca=CAc"


def apart(step, providers):
    """Nothing that is meant for one provider goes over the link of another."""
    for p in providers:
        for q in providers:
            if p is not q:
                yield f"never {step} at={p.isp} dns-query name={q.name}"
                yield f"never {step} at=cpe pkt if={p.wan} to={q.own}"


def begin(providers, gateway):
    yield "step s1 start " + ",".join(p.server for p in providers)
    yield "do s1 start cpe"
    for p in providers:
        yield f"do s1 wait-for session-up at=cpe role=client server={p.server} within=15"
    if gateway:
        yield "do s1 start " + ",".join(CLIENTS)
        yield f"must s1 at=cpe session-up peer={','.join(CLIENTS)} ca=CAc within=15"
    for p in providers:
        yield f"must s1 at={p.server} session-up peer=cpe ca=CA{p.i} via={p.wan}"
        yield f"must s1 at={p.isp} dns-query name={p.name}"
        yield f"must s1 at=cpe status pvd={p.i} server={p.server} interface={p.wan} state=available"
        yield f"never s1 at={p.server} session-up count=2"
    yield from apart("s1", providers)


def attack(step, providers, target, first):
    for n, p in enumerate(providers):
        verb = "step" if first and not n else "do"
        yield f"{verb} {step} flood {p.attacker} target={target(p)} for=25"
    for p in providers:
        yield f"do {step} wait-for traffic at=t1 from={p.attacker} target={target(p)}"


def own_part_only(step, providers):
    for p in providers:
        yield f"must {step} at={p.server} put-mitigate from=cpe scope=PA{p.i}.t1 code=2.01"
        yield f"must {step} at={p.isp} mitigated scope=PA{p.i}.t1"
        for q in providers:
            if p is not q:
                yield f"never {step} at={p.server} put-mitigate scope=PA{q.i}.t1"
    yield f"never {step} at=t1 traffic after=5"


def assigned_steps(providers, gateway):
    def asker(n):
        return CLIENTS[n % len(CLIENTS)] if gateway else "cpe"
    targets = ",".join(f"PA{p.i}.t1" for p in providers)
    last, others = providers[-1], providers[:-1]
    yield ""
    yield "# Each provider's own, one alarm after the other."
    yield from attack("s2", providers, lambda p: f"PA{p.i}.t1", True)
    for n, p in enumerate(providers):
        yield f"do s2 alarm {asker(n)} target=PA{p.i}.t1"
    yield from own_part_only("s2", providers)
    yield from apart("s2", providers)
    yield ""
    yield "# All of them in one alarm: cut along the owners."
    yield from attack("s3", providers, lambda p: f"PA{p.i}.t1", True)
    yield f"do s3 alarm {asker(0)} target={targets}"
    yield from own_part_only("s3", providers)
    yield ""
    yield "# One is away: its part waits, the others' parts are placed, and nobody gets it instead."
    yield f"step s4 stop {last.server}"
    yield f"do s4 wait-for session-down at=cpe role=client server={last.server}"
    yield f"do s4 alarm {asker(1)} target={targets}"
    yield f"must s4 at=cpe alert target=PA{last.i}.t1 pvd={last.i}"
    yield f"must s4 at=cpe pending target=PA{last.i}.t1 server={last.server}"
    for p in others:
        yield f"must s4 at={p.server} put-mitigate from=cpe scope=PA{p.i}.t1 code=2.01"
        yield f"never s4 at={p.server} put-mitigate scope=PA{last.i}.t1"
        yield f"never s4 at=cpe pkt if={p.wan} to={last.own}"


def independent_steps(providers, gateway):
    asker = CLIENTS[0] if gateway else "cpe"
    last, others = providers[-1], providers[:-1]
    yield ""
    yield "# It comes in by all of them: all are asked, at once."
    yield from attack("s2", providers, lambda p: "PI.t1", True)
    yield f"do s2 alarm {asker} target=PI.t1"
    for p in providers:
        yield f"must s2 at={p.server} put-mitigate from=cpe scope=PI.t1 code=2.01 within=1"
        yield f"must s2 at={p.isp} mitigated scope=PI.t1"
    yield "never s2 at=t1 traffic after=5"
    yield from apart("s2", providers)
    yield ""
    yield "# One hears nothing: the others do not wait for it, and the attack goes on through it alone."
    yield f'step s3 drop {last.isp} "udp dport 4646"'
    yield from attack("s3", providers, lambda p: "PI.t1", False)
    yield f"do s3 alarm {asker} target=PI.t1 wait=0"
    for p in others:
        yield f"must s3 at={p.server} put-mitigate from=cpe scope=PI.t1 code=2.01 within=1"
        yield f"never s3 at=t1 traffic from={p.attacker} after=5"
        yield f"never s3 at=cpe pkt if={p.wan} to={last.own}"
    yield f"must s3 at=cpe alert target=PI.t1 pvd={last.i}"
    yield f"must s3 at=t1 traffic from={last.attacker} count=50"
    yield f"never s3 at={last.server} put-mitigate"
    yield ""
    yield "# By policy the last one only."
    yield f"step s4 configure cpe pi=['{last.isp}']"
    yield "do s4 wait-for config-loaded at=cpe"
    yield f"do s4 alarm {asker} target=PI.t1"
    yield f"must s4 at={last.server} put-mitigate from=cpe scope=PI.t1 code=2.01"
    for p in others:
        yield f"never s4 at={p.server} put-mitigate"


def lab(n, gateway, pi):
    providers = [Provider(i) for i in range(1, n + 1)]
    name = f"N{n}{'g' if gateway else 'c'}{'pi' if pi else 'pa'}"
    what = "a gateway" if gateway else "a client"
    yield f"# Written by tests/lab/many_providers.py. RFC 9284 section 5 with {n} providers: {what} on the CPE,"
    yield f"# provider-{'independent' if pi else 'assigned'} addresses, and nothing of one provider at any other."
    yield (f"lab {name} fig={6 if gateway else 5} sec=5.{2 if gateway or pi else 1} "
           f"addressing={'PI' if pi else 'PA'} family=4,6,dual")
    yield "ns net role=router"
    yield "ns cpe role=router"
    for p in providers:
        yield from provider_network(p, pi)
        yield from cpe_routes(p, pi)
    if pi:
        yield f"pi {PI4},{PI6}"
        for p in providers:
            for prefix, via in ((PI4, f"203.0.113.{192 + 4 * (p.i - 1) + 2}"),
                                (PI6, f"2001:db8:e00{p.i}::2")):
                yield f"route net {prefix} via {via} metric={10 * p.i}"
    yield from customer(providers, pi, gateway)
    yield ""
    yield from begin(providers, gateway)
    yield from (independent_steps if pi else assigned_steps)(providers, gateway)


def files():
    """name -> text of every lab."""
    result = {}
    for n in (3, 5):
        for gateway in (False, True):
            for pi in (False, True):
                lines = list(lab(n, gateway, pi))
                name = next(w for w in lines if w.startswith("lab ")).split()[1]
                result[f"{name}.lab"] = "\n".join(lines) + "\n"
    return result


if __name__ == "__main__":
    for name, text in files().items():
        (LABS / name).write_text(text, encoding="utf-8")
