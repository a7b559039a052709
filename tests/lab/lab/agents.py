"""The agents of a lab: their configurations, processes, and the privileged helpers beside them."""
import copy
import json
import pathlib
import re
import signal
import subprocess
import time

from lab import decoding, records
from lab.net import NetError, run
from lab.observe import EventLog

# Documented settings, so that a loss shows within seconds; retry and repeat times stay as they are.
HEARTBEAT = {"heartbeat-interval": 2, "missing-hb-allowed": 3}
MITIGATION = {"terminating": 1}
STOP_WITHIN = 30  # its store may be on a busy disk
PROGRAMS = ("dotsd", "dotsd-priv", "dotsctl")
RECORDS = "records.json"  # aliases and filters of the agent's own


def programs(build):
    """name -> path of what the build directory holds."""
    found = {}
    for name in PROGRAMS:
        for path in sorted(pathlib.Path(build).glob(f"src/*/{name}")):
            if path.is_file():
                found[name] = path.resolve()
    return found


def client_name(agent, ca):
    """What the certificate of an agent says, as a client of the servers under ca."""
    return f"{agent}.{ca.lower()}.example"


def instance_name(agent):
    """What dotsd takes as `instance` and nftables as part of a table's name."""
    return re.sub(r"[^a-z0-9_]", "_", agent.lower())[:32]


class Configuration:
    """dotsd.yaml of one agent. JSON is YAML."""

    def __init__(self, lab, agent, folder, pki):
        self.lab, self.agent, self.pki, self.st = lab, agent, pki, agent.st
        self.folder = folder
        self.heartbeat = {k: int(self.st.number(k, v)) for k, v in HEARTBEAT.items()}

    def make(self):
        cfg = {"instance": instance_name(self.agent.name),
               "state": str(self.folder / "state"),
               "control": str(self.folder / "control.sock"),
               "events": str(self.folder / "events.json")}
        cfg |= {"server": self.server, "gateway": self.gateway,
                "client": self.client}[self.agent.kind]()
        asked = [*cfg.get("domains", {}).values(), *cfg.get("gateways", {}).values()]
        if any("data-channel" in entry for entry in asked):
            cfg["data-files"] = [str(self.folder / RECORDS)]
        return cfg

    def as_client(self, ca):
        return self.pki.leaf(ca, client_name(self.agent.name, ca), "clientAuth")

    # ---- serving ----

    def entry(self, name, prefixes):
        """Of `clients:`: who goes by that name here, and what it may ask for."""
        ca = self.st.get("ca")
        result = {"certificates": [client_name(name, ca)], "prefixes": prefixes}
        if name in self.st.items("pins"):
            own = self.pki.leaf(ca, client_name(name, ca), "clientAuth")
            result["spki"] = [self.pki.digest(own["key"])]
        return result

    def serving(self, interfaces, clients, owns):
        ca = self.st.get("ca")
        entries = {c: self.entry(c, owns) for c in clients}
        for i in self.lab.identities.values():
            if self.agent.name in i.known:
                entries[i.name] = self.entry(i.name, i.owns)
        cfg = {"listen": [{"interface": i} for i in interfaces],
               "credentials": self.pki.leaf(ca, self.st.get("name"), "serverAuth",
                                            also=self.st.items("also")),
               "clients": entries, "session": dict(self.heartbeat)}
        if "data" in self.st.attrs:
            port = int(self.st.get("data"))
            cfg["data-channel"] = {"listen": [{"interface": i, "port": port} for i in interfaces]}
        return cfg

    def server(self):
        clients = [a.name for a in self.lab.agents.values()
                   if any(self.agent in self.lab.servers_of(p) for p in self.lab.upstream_pvds(a))
                   or self.agent.name in a.st.items("third") + a.st.items("upstream")
                   or a.name in self.st.items("clients")]
        interfaces = self.st.items("listen") or sorted(self.lab.interfaces(self.agent.name) - {"lo"})
        cfg = self.serving(interfaces, clients, self.lab.filtered(self.st.items("owns")))
        cfg["mitigation"] = dict(MITIGATION)
        if self.st.get("mitigator"):
            cfg["mitigators"] = [{"nftables": {"socket": str(self.folder / "priv.sock"),
                                               "instance": instance_name(self.agent.name)}}]
        else:
            cfg["mitigators"] = [{"dry-run": {}}]
        return cfg

    def gateway(self):
        if "upstream" in self.st.attrs:
            return self.recursing()
        pvds = self.lab.upstream_pvds(self.agent)
        here = {str(ip) for ip in self.lab.addresses_of(self.agent.name)}
        clients = [a.name for a in self.lab.agents.values()
                   if a.kind == "client" and here & set(a.st.items("server"))]
        owned = [p for pvd in pvds for p in pvd.prefixes] + self.lab.pi
        cfg = self.serving(self.st.items("listen"), clients, owned)
        return cfg | self.domains(pvds) | {"mitigators": [{"escalate": {}}]}

    def recursing(self):
        """A provider's server that acts itself, and asks these servers beside that."""
        cfg = self.server()
        cfg["mitigators"].append({"escalate": {}})
        return cfg | {"domains": {name: {"interface": self.interface(), **self.foreign("upstream", name)}
                                  for name in self.st.items("upstream")}}

    # ---- asking ----

    def data_channel(self, servers):
        """What is said of the first of these servers that has one."""
        for a in servers:
            if "data" in a.st.attrs:
                return {"data-channel": {"name": a.st.get("name"), "port": int(a.st.get("data")),
                                         "address": str(self.lab.served_at(a.name)[0])}}
        return {}

    def client(self):
        pvds = self.lab.upstream_pvds(self.agent)
        result = self.domains(pvds) if pvds else self.helper()
        if "server" in self.st.attrs or not pvds:
            result["gateways"] = self.gateways()
        return result

    def helper(self):
        """Of who asks DHCP."""
        return {"helper": str(self.folder / "priv.sock")} if "dhcp" in self.st.items("discovery") else {}

    def interface(self):
        return self.st.get("if") or self.lab.only_interface(self.agent.name, self.st)

    def gateways(self):
        """One entry a gateway that has some of the addresses; it goes by its agent's name."""
        servers, result = self.lab.filtered(self.st.items("server")), {}
        for a in self.lab.agents.values():
            here = {str(ip) for ip in self.lab.addresses_of(a.name)} & set(servers)
            if a.kind == "gateway" and here:
                result[a.name] = {
                    "interface": self.interface(),
                    "servers": [{"name": a.st.get("name"),
                                 "addresses": [s for s in servers if s in here]}],
                    "credentials": self.as_client(a.st.get("ca")), **self.data_channel([a]),
                    **self.heartbeat}
                if "filters" in self.st.attrs:
                    result[a.name]["filters"] = self.filters(a)
                if "discovery" in self.st.attrs:
                    result[a.name]["discover"] = self.st.items("discovery")
                    del result[a.name]["servers"]
        if not result:
            raise self.st.error(f"no gateway has an address of server={','.join(servers)}")
        return result

    def filters(self, agent):
        """filters=PA1:s1,PA2:s2: what is asked of that agent only."""
        result = []
        for item in self.st.items("filters"):
            space, _, name = item.rpartition(":")
            if name not in self.lab.agents:
                raise self.st.error(f"filters={item}: no agent {name}")
            if name == agent.name:
                result += sorted(map(str, self.lab.prefixes([space], self.st)))
        return result

    def domains(self, pvds):
        result = self.helper() | {"domains": {p.domain: self.domain(p) for p in pvds}
                  | {name: self.third_party(name, pvds) for name in self.st.items("third")}}
        if self.lab.pi:
            result["provider-independent"] = self.lab.pi
        return result

    def third_party(self, name, pvds):
        """third=s3: that server is reached over the links of these domains."""
        return {"via": [p.domain for p in pvds], **self.foreign("third", name)}

    def foreign(self, key, name):
        """A server that is no domain's of this agent."""
        agent = self.lab.agents.get(name)
        if not agent or agent.kind == "client":
            raise self.st.error(f"{key}={name}: no server {name}")
        return {"protects": self.lab.filtered(agent.st.items("owns")),
                "servers": [{"name": agent.st.get("name"),
                             "addresses": sorted(str(ip) for ip in self.lab.addresses_of(name))}],
                "credentials": self.as_client(agent.st.get("ca")), **self.data_channel([agent]),
                **self.heartbeat}

    def domain(self, p):
        servers = self.lab.servers_of(p)
        result = {**self.access(p), "prefixes": p.prefixes, "resolvers": p.dns,
                  "credentials": self.as_client(p.ca), **self.data_channel(servers), **self.heartbeat}
        if "discovery" in self.st.attrs:
            result["discover"] = self.st.items("discovery")
            del result["servers"]
        if "filters" in self.st.attrs and servers:
            result["protects"] = [f for s in servers for f in self.filters(s)]
        return result

    def access(self, p):
        """Where the domain is attached to this agent: the link, or each link with the server that is
        announced there. To a host inside, all of its servers are behind the one interface it has."""
        chosen = self.st.items("attach")
        here = [a for a in p.attachments
                if a.ns == self.agent.name and (not chosen or a.interface in chosen)]
        if len(here) > 1:
            return {"interfaces": [a.interface for a in here],
                    "servers": [{"name": a.server, "interface": a.interface, "priority": n}
                                for n, a in enumerate(here)]}
        names = list(dict.fromkeys(a.server for a in here or p.attachments))
        ordered = [{"name": name, "priority": n} for n, name in enumerate(names)]
        return {"interface": here[0].interface if here else self.interface(),
                "servers": ordered if len(names) > 1 else [{"name": names[0]}]}


def value_of(lab, original, text):
    """A value of `configure`: @PATH is what the lab itself set there; JSON with single quotation
    marks; a list when it has commas; a word. Lists lose what is not of the lab's family."""
    if text.startswith("@"):
        return copy.deepcopy(at_path(original, text[1:]))
    try:
        value = json.loads(text.replace("'", '"'))
    except ValueError:
        value = text.split(",") if "," in text else text
    if isinstance(value, list) and all(isinstance(v, str) for v in value):
        mine = lab.mine(value)
        return mine[0] if len(mine) == 1 and len(value) > 1 and "[" not in text else mine
    return value


def at_path(cfg, path):
    for key in path.split("."):
        try:
            cfg = cfg[int(key) if isinstance(cfg, list) else key]
        except (LookupError, TypeError, ValueError):
            raise NetError(f"{path}: nothing is set there") from None
    return cfg


def put(cfg, path, value):
    """A number in the path is a place in a list that is there already. "-" takes out what is there."""
    *folders, last = path.split(".")
    for f in folders:
        cfg = at_path(cfg, f) if isinstance(cfg, list) else cfg.setdefault(f, {})
    if value == "-":
        at_path(cfg, last)
        del cfg[last]
    else:
        cfg[last] = value


def state_of(pid):
    """As in proc(5): T for one that is stopped; None: it is gone."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][:1]
    except (FileNotFoundError, ProcessLookupError):
        return None


def listens(pid, path):
    """Does somebody in that process' network listen at this Unix socket? There is the file before that."""
    try:
        lines = pathlib.Path(f"/proc/{pid}/net/unix").read_text().splitlines()
    except (OSError, ProcessLookupError):
        return False
    accepting = 0x10000  # __SO_ACCEPTCON
    return any(w[-1] == str(path) and int(w[3], 16) & accepting for w in map(str.split, lines[1:]))


class Process:
    """One daemon: started, stopped as asked; that it ends by itself is a failure."""

    def __init__(self, net, ns, name, argv, log, env=None):
        self.net, self.ns, self.name, self.argv, self.log = net, ns, name, argv, log
        self.env = env
        self.proc, self.paused = None, False

    def start(self):
        with open(self.log, "ab") as log:
            self.proc = self.net.spawn(self.ns, self.argv, stdin=subprocess.DEVNULL,
                                       stdout=log, stderr=log, env=self.env)

    def pause(self, on):
        """Until it stands still, or has gone on: a signal is sent before it is taken."""
        self.tell(signal.SIGSTOP if on else signal.SIGCONT)
        deadline = time.monotonic() + STOP_WITHIN
        while (state_of(self.proc.pid) == "T") != on and self.proc.poll() is None:
            if time.monotonic() > deadline:
                raise NetError(f"{self.name} does not {'stand still' if on else 'go on'}")
            time.sleep(0.002)
        self.paused = on

    def tell(self, number):
        if self.proc and self.proc.poll() is None:
            self.proc.send_signal(number)

    def stop(self, how=signal.SIGTERM):
        """None, or what was wrong with the way it went."""
        p, self.proc = self.proc, None
        if not p:
            return None
        if self.paused:
            p.send_signal(signal.SIGCONT)
            self.paused = False
        if p.poll() is not None:
            return self.died(p)
        p.send_signal(how)
        try:
            p.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            p.kill()
            p.wait()
            return f"{self.name} did not stop within {STOP_WITHIN} s"
        if how == signal.SIGTERM and p.returncode:
            return self.died(p)
        return None

    def died(self, p=None):
        p = p or self.proc
        if p is None or p.poll() is None:
            return None
        how = f"signal {-p.returncode}" if p.returncode < 0 else f"exit status {p.returncode}"
        with open(self.log, "rb") as f:
            last = f.read()[-1500:].decode(errors="replace").strip().splitlines()[-8:]
        return "\n".join([f"{self.name} ended with {how}", *("  " + x for x in last)])


class Agents:
    def __init__(self, lab, net, journal, pki, folder, binaries):
        self.lab, self.net, self.journal, self.binaries = lab, net, journal, binaries
        self.pki = pki
        instances = {}
        self.folders, self.configs, self.processes = {}, {}, {}
        self.original = {}
        self.records = {}  # agent -> kind -> name -> entry of its data-files
        for agent in lab.agents.values():
            home = folder / agent.name
            (home / "state").mkdir(parents=True)
            self.folders[agent.name] = home
            other = instances.setdefault(instance_name(agent.name), agent)
            if other is not agent:
                raise agent.st.error(f"{agent.name} and {other.name} make the same instance name")
            self.original[agent.name] = Configuration(lab, agent, home, pki).make()
            self.configs[agent.name] = copy.deepcopy(self.original[agent.name])
            self.journal.add(EventLog(agent.name, home / "events.json"))
            argv = [binaries["dotsd"], "--config", home / "dotsd.yaml"]
            self.processes[agent.name] = Process(net, agent.name, agent.name, argv, home / "log",
                                                 decoding.environment(lab, folder))
            # The helper is where the filters go, or where DHCP is asked.
            mitigator = agent.st.get("mitigator") or (
                agent.name if "dhcp" in agent.st.items("discovery") else None)
            if mitigator:
                name = agent.name + ".helper"
                argv = [binaries["dotsd-priv"], "--socket", home / "priv.sock",
                        "--instance", instance_name(agent.name)]
                self.processes[name] = Process(net, mitigator, name, argv, home / "helper.log")

    def write(self, name):
        (self.folders[name] / "dotsd.yaml").write_text(json.dumps(self.configs[name], indent=2) + "\n")
        if "data-files" in self.original[name]:
            (self.folders[name] / RECORDS).write_text(records.file_of(self.records.get(name, {})))

    def running(self, name):
        return self.processes[name].proc is not None

    def start(self, names):
        names = list(names)
        for name in names:
            if self.running(name):
                raise NetError(f"{name} runs already")
            if name in self.lab.agents:
                helper = name + ".helper"
                if helper in self.processes and not self.running(helper):
                    self.start_helper(helper)
        begun = time.time()
        for name in names:
            if name not in self.lab.agents:
                self.start_helper(name)
                continue
            self.write(name)
            self.processes[name].start()
        self.wait_started([n for n in names if n in self.lab.agents], begun)

    def start_helper(self, name):
        if self.running(name):
            return
        socket = self.folders[name.removesuffix(".helper")] / "priv.sock"
        socket.unlink(missing_ok=True)
        self.processes[name].start()
        deadline = time.monotonic() + 5
        while not listens(self.processes[name].proc.pid, socket):
            if self.processes[name].died() or time.monotonic() > deadline:
                raise NetError(self.processes[name].died() or f"{name} listens at no socket")
            time.sleep(0.02)

    def wait_started(self, names, begun):
        deadline = time.monotonic() + STOP_WITHIN
        waiting = set(names)
        while waiting:
            self.journal.poll()
            waiting -= {r.at for r in self.journal.since(begun - 0.001) if r.event == "started"}
            for name in sorted(waiting):
                why = self.processes[name].died()
                if why or time.monotonic() > deadline:
                    raise NetError(why or f"{name} did not say that it started")
            time.sleep(0.02)

    def stop(self, name, how=signal.SIGTERM):
        why = self.processes[name].stop(how)
        if why:
            raise NetError(why)

    def stop_all(self, how=signal.SIGTERM):
        """Agents before their helpers; what went wrong, as texts."""
        names = sorted(self.processes, key=lambda n: n.endswith(".helper"))
        return [w for w in (self.processes[n].stop(how) for n in names) if w]

    def kill_all(self):
        for p in self.processes.values():
            p.stop(signal.SIGKILL)

    def dead(self):
        return [w for w in (p.died() for p in self.processes.values()) if w]

    def configure(self, name, changes):
        for path, text in changes.items():
            put(self.configs[name], path, value_of(self.lab, self.original[name], text))
        self.reload(name)

    def record(self, name, kind, entry):
        """What the agent has of that name, None if nothing."""
        return self.records.get(name, {}).get(kind, {}).get(entry)

    def put_record(self, name, kind, entry_name, entry):
        """None: it is taken out."""
        if "data-files" not in self.original[name]:
            raise NetError(f"{name} knows no server with data=")
        mine = self.records.setdefault(name, {}).setdefault(kind, {})
        if entry is None and entry_name not in mine:
            raise NetError(f"{name} has no {kind} {entry_name}")
        mine[entry_name] = entry
        if entry is None:
            del mine[entry_name]
        self.reload(name)

    def reload(self, name):
        self.write(name)
        begun = int(time.time() * 1000) / 1000  # as events have it
        self.processes[name].tell(signal.SIGHUP)
        if self.running(name) and not self.processes[name].paused:
            self.wait_read_again(name, begun)

    def wait_read_again(self, name, begun):
        """What is done next is done with the new configuration, or without one that was refused."""
        deadline = time.monotonic() + STOP_WITHIN
        read = ("config-loaded", "config-refused")
        while not any(r.at == name and r.event in read for r in self.journal.since(begun)):
            self.journal.poll()
            why = self.processes[name].died()
            if why or time.monotonic() > deadline:
                raise NetError(why or f"{name} did not read its configuration again")
            time.sleep(0.02)

    def forget(self):
        """What no agent may remember when the lab begins anew."""
        self.records = {}
        for name in self.folders:
            self.configs[name] = copy.deepcopy(self.original[name])
            self.forget_state(name)

    def forget_state(self, name):
        for f in (self.folders[name] / "state").iterdir():
            f.unlink()

    # ---- credentials for independent clients ----

    def credentials(self, who, ca):
        """Of an agent or identity, as a client of the servers under ca."""
        own = self.lab.identities[who].ca if who in self.lab.identities else ca
        return self.pki.leaf(own, client_name(who, own), "clientAuth")

    def cuid(self, who, ca):
        return self.pki.digest(self.credentials(who, ca)["key"])

    # ---- control ----

    def dotsctl(self, name, *words):
        """(exit status, reply) of dotsctl --json."""
        r = run([str(self.binaries["dotsctl"]), "--socket", str(self.folders[name] / "control.sock"),
                 "--json", *words], check=False, timeout=20)
        try:
            reply = json.loads(r.stdout)
        except ValueError:
            reply = {"error": (r.stderr or r.stdout).strip()}
        return r.returncode, reply

    def table_name(self, name):
        return f"dotsd_{instance_name(name)}"
