"""The same client at a gateway: what it says goes no further than it should, each message gets its
code, and neither the other client nor the provider is worse off."""
import messages
from connections import Connections
from hostile import OTHERS_TOO, Hostile, attack, evil_client
from rig import coap
from rig.case import Failure
from rig.network import Rig
from rig.peer import DTLS, TLS13
from rig.watch import Memory, Tenant

TITLE = "hostile messages to a gateway"
UNIT, FULL, SHORT = "mutated messages", 50000, 5000

GATEWAY = "192.0.2.65"
OWNED = "198.51.100.0/24"  # by the second provider; the targets of all tables are in it
GROWTH_MAX, GROWTH_LEFT = 32 * 1024, 8 * 1024  # KiB


def configure(rig):
    configs = rig.agents.configs
    configs["cpe"]["clients"] = {
        "good": {"certificates": ["good.example"], "prefixes": [OWNED]}, "evil": evil_client(rig)}
    configs["cpe"]["domains"]["isp2"]["protects"] = [OWNED]
    configs["s2"]["clients"]["cpe"] |= {
        "prefixes": [OWNED], "limits": {"requests-per-second": 1000000}}


class AtGateway(Hostile):
    terminates = False  # the provider's server sees to that

    def allowed(self, asked):
        """With no hop left it goes nowhere (RFC 8768 3)."""
        codes = asked.allowed()
        if asked.resource == "mitigate" and asked.method == coap.PUT and asked.has("Hop-Limit", "1"):
            codes = codes - {"2.01", "2.04"} | {"5.08"}
        return codes


def upstream_is_well(rig):
    """The gateway asked its provider for what that takes, and for nothing else."""
    odd = [r for r in rig.events("s2", "put-mitigate") if r.fields["code"] not in ("2.01", "2.04")]
    if odd or not rig.events("s2", "put-mitigate"):
        raise Failure(f"the provider was asked for {odd[:3]}")


# 8811-2.2.2-20, 9132-4.4.1.1-22
def run(case):
    with Rig(case, "labs/F6pa.lab", configure) as rig:
        for name in ("s1", "s2", "cpe"):
            rig.start(name)
        rig.until(lambda: all(u["state"] == "available" for u in rig.ask("cpe", "sessions")["upstream"]),
                  "the gateway has its sessions", 60)
        tenants = [Tenant(rig, "c2", GATEWAY, messages.OTHERS, "198.51.100.200/32", ca="CAc"),
                   Tenant(rig, "c2", GATEWAY, OTHERS_TOO, "198.51.100.232/32", ca="CAc", over=TLS13)]
        watched = [Memory(rig, name) for name in ("cpe", "s2")]
        for t in (*tenants, *watched):
            t.start()
        for tenant, over in zip(tenants, (DTLS, TLS13)):
            hostile = AtGateway(case, rig, "c1", GATEWAY, over)
            attack(hostile, tenant, case.rounds)
            if hostile.stream:
                Connections(hostile, "cpe", tenant).mutations(case.rounds // 20)
            else:
                hostile.replays()
                hostile.mutations(case.rounds)
            tenant.untouched()
            hostile.leave("cpe")
        for t in tenants:
            hostile.watcher_told(t)
        upstream_is_well(rig)
        for t in tenants:
            t.finish(case)
        for m in watched:
            m.finish(case, GROWTH_MAX, GROWTH_LEFT)
