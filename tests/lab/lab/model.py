"""What a lab file says, as objects: nodes, agents, provisioning domains, steps; and its names
(PA2.t1) as addresses. Refuses references to things that are not there."""
import dataclasses
import ipaddress

from lab import records
from lab.parse import LabError, load

# Provider-independent space where no `pi` statement says otherwise.
PI = "203.0.113.0/25,2001:db8:f000::/48"
FAMILIES = ("4", "6", "dual")
FAMILY_NAMES = {"4": "IPv4", "6": "IPv6"}


@dataclasses.dataclass
class Agent:
    name: str  # = its namespace
    kind: str
    st: object


@dataclasses.dataclass
class Identity:
    """A certificate without an agent: for an independent client."""
    name: str
    ca: str
    known: list  # servers that have a `clients:` entry for it
    owns: list
    st: object


@dataclasses.dataclass
class Attachment:
    ns: str
    interface: str
    server: str  # what the domain announces there


@dataclasses.dataclass
class Pvd:
    name: str
    prefixes: list
    dns: list
    ca: str
    domain: str  # its name in configurations and events
    attachments: list


@dataclasses.dataclass
class Step:
    name: str
    after: str
    actions: list = dataclasses.field(default_factory=list)
    asserts: list = dataclasses.field(default_factory=list)


class Lab:
    """One lab in one address family: the one that is named, or the first that its file names. more: lines
    beyond those of the file."""

    def __init__(self, path, family=None, more=()):
        self.path = str(path)
        self.head, *self.statements = load(path, more=more)
        self.name = self.head.args[0]
        self.families = families_of(self.head)
        self.family = family or self.families[0]
        self.label = self.name if self.families == [self.family] else f"{self.name}/{self.family}"
        self.namespaces = {}  # name -> roles
        self.addresses = {}   # namespace -> [(interface, ip_interface)]
        self.probing = set()  # (namespace, interface) where duplicate addresses are looked for
        self.pvds, self.agents, self.identities, self.steps = {}, {}, {}, {}
        self.left_out = {}    # steps that are for other families
        self.zones = []       # (namespace, name, type, data)
        self.offers = {}      # (namespace, interface) -> statement `dhcp`
        self.pi = self.filtered((PI if self.head.get("addressing") == "PI" else "").split(","))
        for st in self.statements:
            getattr(self, "on_" + st.kind, lambda st: None)(st)
        for step in self.steps.values():
            for st in step.asserts + step.actions:
                self.check_references(st)

    # ---- chains of steps ----

    def chains(self):
        """Names: steps that start from the state after the first step, each with those that go on from
        it. The first chain begins with the first step itself."""
        found = []
        for step in self.steps.values():
            if step.after:
                found[-1].append(step.name)
            else:
                found.append([step.name])
        return found

    def choose(self, names):
        """Leaves the chains that begin with these steps, beside the first step, and what is said at the
        beginning and at the end is told with the first and with the last chain only."""
        if not names:
            return
        chains, wanted = self.chains(), names.split(",")
        for name in wanted:
            if name not in [chain[0] for chain in chains]:
                raise self.head.error(f"no step {name} that starts from the state after the first step")
        kept = {n for chain in chains if chain[0] in wanted for n in chain} | {chains[0][0]}
        self.steps = {n: step for n, step in self.steps.items() if n in kept}
        self.tells_beginning, self.tells_end = chains[0][0] in wanted, chains[-1][0] in wanted

    tells_beginning = tells_end = True

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
        return self.family == "dual" or (":" in text) == (self.family == "6")

    def filtered(self, texts):
        return [t for t in texts if t and t != "-" and self.wanted(t)]

    def mine(self, texts):
        """Of words that may be addresses or prefixes: without those of the other family."""
        return [t for t in texts if not is_prefix(t) or self.wanted(t)]

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

    def known(self, st, ns):
        if ns not in self.namespaces:
            raise st.error(f"no namespace {ns}")

    def fresh(self, st, table):
        """What a statement names must not be there yet."""
        if st.args[0] in table:
            raise st.error(f"{st.kind} {st.args[0]} twice")

    def on_ns(self, st):
        self.fresh(st, self.namespaces)
        self.namespaces[st.args[0]] = st.items("role")

    def on_route(self, st):
        self.known(st, st.args[0])
        if st.args[2] != "via":
            raise st.error("route NS PREFIX via GW")
        if "dev" in st.attrs and st.get("dev") not in self.interfaces(st.args[0]):
            raise st.error(f"no interface {st.get('dev')} in {st.args[0]}")

    def on_rule(self, st):
        self.known(st, st.args[0])

    def on_urpf(self, st):
        ns, interface = self.node(st, st.args[0])
        if interface not in self.interfaces(ns):
            raise st.error(f"no interface {interface} in {ns}")

    on_ingress = on_urpf

    def on_snat(self, st):
        self.known(st, st.args[0])

    def on_reach(self, st):
        self.known(st, st.args[0])
        if len(st.args) == 2 and st.args[1] != "ok":
            raise st.error("reach … ok, or drop=NS:counter")

    def on_link(self, st):
        for end, addrs in (st.args[0:2], st.args[2:4]):
            self.add_addresses(st, *self.node(st, end), addrs)
            if st.get("dad") == "yes":
                self.probing.add(self.node(st, end))
        self.mtu(st)

    def mtu(self, st):
        """Of a link; None: as it is. IPv6 does without links of less than 1280."""
        text = st.get("mtu")
        if text is None:
            return None
        if not text.isdecimal() or not 68 <= int(text) <= 1500:
            raise st.error("mtu=68 to 1500")
        return int(text) if self.family == "4" else max(1280, int(text))

    def on_bridge(self, st):
        self.add_addresses(st, *self.node(st, st.args[0]), st.args[1])

    def on_port(self, st):
        self.node(st, st.args[0])
        self.add_addresses(st, *self.node(st, st.args[1]), st.args[2])

    def on_lo(self, st):
        self.add_addresses(st, *self.node(st, st.args[0] + ":lo"), st.args[1])

    def on_pvd(self, st):
        here = Attachment(*self.node(st, st.get("at", "")), st.get("server"))
        if st.args[0] in self.pvds:
            self.attach(st, self.pvds[st.args[0]], here)
            return
        # isp1.example is called isp1, unless there is one of that name already.
        suffix = st.get("suffix", "pvd" + st.args[0])
        domain = suffix.split(".")[0]
        if any(p.domain == domain for p in self.pvds.values()):
            domain = suffix
        self.pvds[st.args[0]] = Pvd(st.args[0], self.filtered(st.items("prefixes")),
                                    self.filtered(st.items("dns")), st.get("ca"), domain, [here])

    def attach(self, st, pvd, here):
        """One more attachment to a domain that is known already."""
        known = [(a.ns, a.interface) for a in pvd.attachments]
        same = (pvd.prefixes == self.filtered(st.items("prefixes")) and pvd.ca == st.get("ca")
                and pvd.dns == self.filtered(st.items("dns")))
        if not same or (here.ns, here.interface) in known:
            raise st.error(f"pvd {pvd.name} twice: at= has to differ, prefixes=, dns=, ca= must not")
        pvd.attachments.append(here)

    def on_pi(self, st):
        self.pi = self.filtered(st.args[0].split(","))

    def on_dhcp(self, st):
        self.offers[self.node(st, st.args[0])] = st

    def on_zone(self, st):
        self.known(st, st.args[0])
        if st.args[2] not in ("A", "AAAA") or self.wanted(st.args[3]):
            self.zones.append(tuple(st.args))

    def on_dots(self, st):
        name, kind = st.args[0], st.get("kind")
        self.known(st, name)
        self.fresh(st, self.agents)
        if kind not in ("server", "gateway", "client"):
            raise st.error(f"kind={kind}: server, gateway or client")
        for key in ("pvds", "upstream-pvds"):
            for p in st.items(key):
                if p not in self.pvds:
                    raise st.error(f"no pvd {p}")
        mitigator = st.get("mitigator")
        if mitigator:
            self.known(st, mitigator)
        for i in st.items("listen") + st.items("if") + st.items("attach"):
            if i not in self.interfaces(name):
                raise st.error(f"no interface {i} in {name}")
        if "data" in st.attrs and (kind == "client" or not st.get("data").isdecimal()):
            raise st.error("data=PORT, of a server or gateway")
        self.agents[name] = Agent(name, kind, st)

    def on_identity(self, st):
        name = st.args[0]
        self.fresh(st, self.identities)
        if name in self.namespaces:
            raise st.error(f"{name} is a namespace")
        if not st.get("ca"):
            raise st.error("no ca=")
        for s in st.items("known"):
            if s not in self.agents:
                raise st.error(f"no agent {s}")
        self.identities[name] = Identity(name, st.get("ca"), st.items("known"),
                                         self.filtered(st.items("owns")), st)

    def on_step(self, st):
        name = st.args[0]
        if name in {*self.steps, *self.left_out}:
            raise st.error(f"step {name} twice")
        families_of(st)
        if self.family not in (st.items("family") or [self.family]):
            self.left_out[name] = Step(name, None)
            return
        after = st.get("after")
        if after and (not self.steps or list(self.steps)[-1] != after):
            raise st.error(f"after={after}: only the step just before can be continued")
        self.steps[name] = Step(name, after, [st])

    def step_of(self, st):
        step = self.steps.get(st.args[0]) or self.left_out.get(st.args[0])
        if not step:
            raise st.error(f"no step {st.args[0]} above")
        return step

    def on_do(self, st):
        families_of(st)
        if self.family in (st.items("family") or [self.family]):
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
        verb = st.args[1] if st.kind in ("step", "do") else None
        for key in ("scope", "target", "contested", "src-in", "to", "dst", "from"):
            if key in st.attrs and verb != "rule":  # a rule of the other family is dropped
                self.check_family(st, key)
        for key in ("scope", "target", "contested"):
            if key in st.attrs and not (verb == "hellos" and st.get(key) in self.agents):
                self.prefixes(st.items(key), st)
        for key in ("from", "peer", "to"):
            for name in st.items(key):
                if name not in {*self.namespaces, *self.identities} and not is_prefix(name):
                    raise st.error(f"{key}={name}: no such namespace, identity or prefix")
        if "pvd" in st.attrs and st.get("pvd") not in self.pvds:
            raise st.error(f"no pvd {st.get('pvd')}")
        for key in ("if", "dev"):
            for i in st.items(key):
                ns = st.get("at") or st.args[2]
                if i not in self.interfaces(ns):
                    raise st.error(f"{key}={i}: no such interface in {ns}")
        if st.args[1] == "translated" and not {"from", "to", "port", "src-in"} <= st.attrs.keys():
            raise st.error("translated from= to= port= src-in=")
        if st.kind in ("step", "do"):
            self.check_verb(st, st.args[1], st.args[2:])

    def check_family(self, st, key):
        """What is about addresses has to be about one of the family that the lab runs with: it
        would say nothing otherwise."""
        if not self.mine(st.items(key)):
            raise st.error(f"{key}={st.get(key)}: nothing of {FAMILY_NAMES[self.family]} in it")

    def check_verb(self, st, verb, args):
        if verb in ("start", "stop", "kill", "restart", "pause", "resume", "forget"):
            for a in args:
                for name in a.split(","):
                    if name.removesuffix(".helper") not in self.agents:
                        raise st.error(f"no agent {name}")
        elif verb in ("alarm", "refresh", "withdraw", "escalate", "terminate", "client", "configure",
                      "drain", "alias", "filter", "control"):
            if args[0] not in self.agents:
                raise st.error(f"no agent {args[0]}")
        elif verb in ("link", "loss", "dhcp"):
            self.node(st, args[0])
        elif verb == "rule":
            self.known(st, args[0])
        elif verb in ("flood", "hellos", "probe", "drop", "undrop", "coap", "zone",
                      "forget-flows", "forge", "replay", "decode"):
            self.known(st, args[0])
        if verb in ("forge", "replay"):
            for key in ("from", "to"):
                if st.get(key) not in self.agents:
                    raise st.error(f"{key}={st.get(key)}: no agent")
        if verb in ("alarm", "control", "coap"):
            for text in st.items("acl"):
                if text.partition(":")[2] not in ("", *records.ACTIVATIONS):
                    raise st.error(f"acl={text}: NAME:{', NAME:'.join(records.ACTIVATIONS)}")
        if verb == "control" and "acl" not in st.attrs:
            raise st.error("no acl=")
        if verb == "decode" and not st.get("holds"):
            raise st.error("no holds=: it would not be known whether anything was decoded")
        if verb in ("alias", "filter"):
            self.check_record(st)
        if verb == "coap":
            self.check_coap(st)
        if verb == "restconf":
            self.check_restconf(st, *args)

    def check_record(self, st):
        if "name" not in st.attrs:
            raise st.error("no name=")
        self.check_filter(st)

    def check_filter(self, st):
        if "source" in st.attrs:
            self.check_family(st, "source")
            self.prefixes(st.items("source"), st)
        records.check(st)

    def check_restconf(self, st, ns, method, path):
        self.known(st, ns)
        self.check_who(st)
        if method not in ("get", "put", "delete"):
            raise st.error(f"{method}: get, put or delete")
        server = self.agents.get(st.get("server"))
        if not server or "data" not in server.st.attrs:
            raise st.error(f"server={st.get('server')}: no agent with data=")
        records.path_of(st, path, "")
        self.check_filter(st)

    def check_who(self, st):
        for key in ("as", "cuid"):
            if key in st.attrs and st.get(key) not in {*self.agents, *self.identities}:
                raise st.error(f"{key}={st.get(key)}: no agent or identity")
        if "as" not in st.attrs:
            raise st.error("no as=")

    def check_coap(self, st):
        self.check_who(st)
        server = st.get("server", "")
        if server not in self.agents and not is_prefix(server):
            raise st.error(f"server={server}: no agent or address")

    # ---- names ----

    def interfaces(self, ns):
        found = {i for i, _ in self.addresses.get(ns, [])}
        for st in self.of("link") + self.of("bridge") + self.of("port"):
            found |= {a.partition(":")[2] for a in st.args if a.startswith(ns + ":")}
        return found

    def addresses_of(self, ns):
        return [ip.ip for _, ip in self.addresses.get(ns, [])]

    def served_at(self, agent):
        """The addresses of an agent where it listens."""
        chosen = self.agents[agent].st.items("listen")
        return [ip.ip for i, ip in self.addresses.get(agent, []) if not chosen or i in chosen]

    def space(self, name):
        """PA1, PA2 (what pvd 1, 2 assigned), PI -> its prefixes."""
        if name == "PI":
            return self.pi or self.filtered(PI.split(","))
        if name.startswith("PA") and name[2:] in self.pvds:
            return self.pvds[name[2:]].prefixes
        return None

    def prefixes(self, names, st):
        """Set of networks: literals, PA1, PA1.t1."""
        result = set()
        for name in names:
            try:
                net = ipaddress.ip_network(name)
            except ValueError:
                pass
            else:
                if self.wanted(name):
                    result.add(net)
                continue
            space, _, host = name.partition(".")
            nets = self.space(space)
            if nets is None or (host and host not in self.namespaces):
                raise st.error(f"{name}: neither a prefix nor PAn, PI, PAn.HOST, PI.HOST")
            nets = [ipaddress.ip_network(n) for n in nets]
            if host:
                nets = {ipaddress.ip_network(a) for a in self.addresses_of(host)
                        if any(a in n for n in nets if n.version == a.version)}
                if not nets:
                    raise st.error(f"{name}: {host} has no address in {space}")
            result |= set(nets)
        return result

    def servers_of(self, pvd):
        """The agents that a provisioning domain announces as servers, at one attachment or another."""
        names = [at.server for at in pvd.attachments]
        return [a for a in self.agents.values()
                if a.kind != "client" and a.st.get("name") in names]

    def only_interface(self, ns, st):
        """Of an agent that says no if=: the one interface it can mean."""
        found = sorted(self.interfaces(ns) - {"lo"})
        if len(found) != 1:
            raise st.error(f"{ns} has interfaces {', '.join(found) or 'none'}: say if=")
        return found[0]

    def upstream_pvds(self, agent):
        return [self.pvds[p] for p in agent.st.items("upstream-pvds") + agent.st.items("pvds")]


def is_prefix(text):
    try:
        ipaddress.ip_network(text, strict=False)
        return True
    except ValueError:
        return False


def families_of(head):
    families = head.items("family") or ["dual"]
    for f in families:
        if f not in FAMILIES:
            raise head.error(f"family={f}: {', '.join(FAMILIES)}")
    return families


__all__ = ["Lab", "LabError"]
