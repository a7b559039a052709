"""What a lab file says, as objects: nodes, agents, provisioning domains, steps; and its names
(PA2.t1) as addresses. Refuses references to things that are not there."""
import dataclasses
import ipaddress

from lab.parse import LabError, load

# Provider-independent space of the labs: the one prefix set that no statement carries.
PI = ["203.0.113.0/25", "2001:db8:f000::/48"]


@dataclasses.dataclass
class Agent:
    name: str  # = its namespace
    kind: str
    st: object


@dataclasses.dataclass
class Pvd:
    name: str
    prefixes: list
    dns: list
    server: str
    ca: str
    suffix: str
    ns: str
    interface: str

    @property
    def domain(self):
        """Its name in configurations and events: isp1.example -> isp1."""
        return self.suffix.split(".")[0]


@dataclasses.dataclass
class Step:
    name: str
    after: str
    actions: list = dataclasses.field(default_factory=list)
    asserts: list = dataclasses.field(default_factory=list)


class Lab:
    def __init__(self, path):
        self.path = str(path)
        self.head, *self.statements = load(path)
        self.name = self.head.args[0]
        self.family = self.head.get("family", "both")
        if self.family not in ("4", "6", "both"):
            raise self.head.error(f"family={self.family}: 4, 6 or both")
        self.namespaces = {}  # name -> roles
        self.addresses = {}   # namespace -> [(interface, ip_interface)]
        self.pvds, self.agents, self.steps = {}, {}, {}
        self.zones = []       # (namespace, name, type, data)
        for st in self.statements:
            getattr(self, "on_" + st.kind, lambda st: None)(st)
        for step in self.steps.values():
            for st in step.asserts + step.actions:
                self.check_references(st)

    # ---- statements that are more than network plumbing ----

    def of(self, kind):
        return [s for s in self.statements if s.kind == kind]

    def node(self, st, text):
        """NS:if -> (NS, if), both checked."""
        ns, _, interface = text.partition(":")
        if ns not in self.namespaces or not interface:
            raise st.error(f"{text}: expected NS:interface of a namespace of this lab")
        return ns, interface

    def wanted(self, text):
        """Is this address or prefix of the family that the lab runs with?"""
        return self.family == "both" or (":" in text) == (self.family == "6")

    def filtered(self, texts):
        return [t for t in texts if self.wanted(t)]

    def add_addresses(self, st, ns, interface, text):
        if text == "-":
            return
        for a in text.split(","):
            try:
                ip = ipaddress.ip_interface(a)
            except ValueError:
                raise st.error(f"{a} is no address") from None
            if self.wanted(a):
                self.addresses.setdefault(ns, []).append((interface, ip))

    def on_ns(self, st):
        self.namespaces[st.args[0]] = st.items("role")

    def on_link(self, st):
        for end, addrs in (st.args[0:2], st.args[2:4]):
            self.add_addresses(st, *self.node(st, end), addrs)

    def on_bridge(self, st):
        self.add_addresses(st, *self.node(st, st.args[0]), st.args[1])

    def on_port(self, st):
        self.node(st, st.args[0])
        self.add_addresses(st, *self.node(st, st.args[1]), st.args[2])

    def on_lo(self, st):
        self.add_addresses(st, *self.node(st, st.args[0] + ":lo"), st.args[1])

    def on_pvd(self, st):
        ns, interface = self.node(st, st.get("at", ""))
        self.pvds[st.args[0]] = Pvd(st.args[0], self.filtered(st.items("prefixes")),
                                    self.filtered(st.items("dns")), st.get("server"), st.get("ca"),
                                    st.get("suffix", "pvd" + st.args[0]), ns, interface)

    def on_zone(self, st):
        if st.args[2] not in ("A", "AAAA") or self.wanted(st.args[3]):
            self.zones.append(tuple(st.args))

    def on_dots(self, st):
        name, kind = st.args[0], st.get("kind")
        if name not in self.namespaces:
            raise st.error(f"no namespace {name}")
        if kind not in ("server", "gateway", "client"):
            raise st.error(f"kind={kind}: server, gateway or client")
        for key in ("pvds", "upstream-pvds"):
            for p in st.items(key):
                if p not in self.pvds:
                    raise st.error(f"no pvd {p}")
        self.agents[name] = Agent(name, kind, st)

    def on_step(self, st):
        name = st.args[0]
        if name in self.steps:
            raise st.error(f"step {name} twice")
        after = st.get("after")
        if after and (not self.steps or list(self.steps)[-1] != after):
            raise st.error(f"after={after}: only the step just before can be continued")
        self.steps[name] = Step(name, after, [st])

    def step_of(self, st):
        if st.args[0] not in self.steps:
            raise st.error(f"no step {st.args[0]} above")
        return self.steps[st.args[0]]

    def on_do(self, st):
        self.step_of(st).actions.append(st)

    def on_must(self, st):
        self.step_of(st).asserts.append(st)

    on_never = on_must

    def on_decide(self, st):
        self.step_of(st)

    def check_references(self, st):
        """Names in steps and assertions, before anything runs."""
        if "at" in st.attrs and st.get("at") not in self.namespaces:
            raise st.error(f"at={st.get('at')}: no such namespace")
        for key in ("scope", "target"):
            if key in st.attrs:
                self.prefixes(st.items(key), st)
        for key in ("from", "peer"):
            for name in st.items(key):
                if name not in self.namespaces and not is_prefix(name):
                    raise st.error(f"{key}={name}: no such namespace or prefix")
        if "pvd" in st.attrs and st.get("pvd") not in self.pvds:
            raise st.error(f"no pvd {st.get('pvd')}")
        for key in ("if", "dev"):
            for i in st.items(key):
                ns = st.get("at") or st.args[2]
                if i not in self.interfaces(ns):
                    raise st.error(f"{key}={i}: no such interface in {ns}")
        if st.kind in ("step", "do"):
            self.check_verb(st, st.args[1], st.args[2:])

    def check_verb(self, st, verb, args):
        if verb in ("start", "stop", "kill", "restart"):
            for a in args:
                for name in a.split(","):
                    if name.removesuffix(".helper") not in self.agents:
                        raise st.error(f"no agent {name}")
        elif verb in ("alarm", "withdraw", "configure"):
            if args[0] not in self.agents:
                raise st.error(f"no agent {args[0]}")
        elif verb in ("link", "loss"):
            self.node(st, args[0])
        elif verb in ("flood", "probe", "drop", "undrop", "coap", "zone"):
            if args[0] not in self.namespaces:
                raise st.error(f"no namespace {args[0]}")

    # ---- names ----

    def interfaces(self, ns):
        found = {i for i, _ in self.addresses.get(ns, [])}
        for st in self.of("link") + self.of("bridge") + self.of("port"):
            found |= {a.partition(":")[2] for a in st.args if a.startswith(ns + ":")}
        return found

    def addresses_of(self, ns):
        return [ip.ip for _, ip in self.addresses.get(ns, [])]

    def space(self, name):
        """PA1, PA2 (what pvd 1, 2 assigned), PI -> its prefixes."""
        if name == "PI":
            return self.filtered(PI)
        if name.startswith("PA") and name[2:] in self.pvds:
            return self.pvds[name[2:]].prefixes
        return None

    def prefixes(self, names, st):
        """Set of networks: literals, PA1, PA1.t1."""
        result = set()
        for name in names:
            try:
                if self.wanted(name):
                    result.add(ipaddress.ip_network(name))
                continue
            except ValueError:
                pass
            space, _, host = name.partition(".")
            nets = self.space(space)
            if nets is None or (host and host not in self.namespaces):
                raise st.error(f"{name}: neither a prefix nor PAn, PI, PAn.HOST, PI.HOST")
            nets = [ipaddress.ip_network(n) for n in nets]
            if host:
                nets = [ipaddress.ip_network(a) for a in self.addresses_of(host)
                        if any(a in n for n in nets if n.version == a.version)]
                if not nets:
                    raise st.error(f"{name}: {host} has no address in {space}")
            result |= set(nets)
        return result

    def server_of(self, pvd):
        """The server agent that a provisioning domain announces."""
        for a in self.agents.values():
            if a.kind == "server" and a.st.get("name") == pvd.server:
                return a
        return None

    def upstream_pvds(self, agent):
        return [self.pvds[p] for p in agent.st.items("upstream-pvds") + agent.st.items("pvds")]


def is_prefix(text):
    try:
        ipaddress.ip_network(text)
        return True
    except ValueError:
        return False


__all__ = ["Lab", "LabError"]
