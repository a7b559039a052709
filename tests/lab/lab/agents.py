"""The agents of a lab: their configurations, processes, and the privileged helpers beside them."""
import copy
import json
import pathlib
import signal
import subprocess
import time

from lab.net import NetError, run
from lab.observe import EventLog

# Documented settings, so that a loss shows within seconds; retry and repeat times stay as they are.
HEARTBEAT = {"heartbeat-interval": 2, "missing-hb-allowed": 3}
MITIGATION = {"terminating": 1}
PROGRAMS = ("dotsd", "dotsd-priv", "dotsctl")


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


class Configuration:
    """dotsd.yaml of one agent. JSON is YAML."""

    def __init__(self, lab, agent, folder, pki):
        self.lab, self.agent, self.pki, self.st = lab, agent, pki, agent.st
        self.folder = folder

    def make(self):
        cfg = {"instance": self.agent.name,
               "state": str(self.folder / "state"),
               "control": str(self.folder / "control.sock"),
               "events": str(self.folder / "events.json")}
        return cfg | {"server": self.server, "gateway": self.gateway,
                      "client": self.client}[self.agent.kind]()

    def as_client(self, ca):
        return self.pki.leaf(ca, client_name(self.agent.name, ca), "clientAuth")

    def serving(self, interface, clients):
        ca = self.st.get("ca")
        return {"listen": [{"interface": i} for i in interface],
                "credentials": self.pki.leaf(ca, self.st.get("name"), "serverAuth"),
                "clients": clients, "session": dict(HEARTBEAT)}

    def server(self):
        ca, owns = self.st.get("ca"), self.lab.filtered(self.st.items("owns"))
        clients = {}
        for a in self.lab.agents.values():
            if any(self.lab.server_of(p) is self.agent for p in self.lab.upstream_pvds(a)):
                clients[a.name] = {"certificates": [client_name(a.name, ca)], "prefixes": owns}
        interfaces = self.st.items("listen") or sorted(self.lab.interfaces(self.agent.name) - {"lo"})
        cfg = self.serving(interfaces, clients) | {"mitigation": dict(MITIGATION)}
        if self.st.get("mitigator"):
            cfg["mitigators"] = [{"nftables": {"socket": str(self.folder / "priv.sock"),
                                               "instance": self.agent.name}}]
        else:
            cfg["mitigators"] = [{"dry-run": {}}]
        return cfg

    def gateway(self):
        ca = self.st.get("ca")
        pvds = self.lab.upstream_pvds(self.agent)
        owned = [p for pvd in pvds for p in pvd.prefixes]
        mine = {i.ip for _, i in self.lab.addresses[self.agent.name]}
        clients = {}
        for a in self.lab.agents.values():
            asks = {ip for ip in a.st.items("server")}
            if a.kind == "client" and asks & {str(ip) for ip in mine}:
                clients[a.name] = {"certificates": [client_name(a.name, ca)], "prefixes": owned}
        cfg = self.serving(self.st.items("listen"), clients)
        return cfg | {"domains": self.domains(pvds), "mitigators": [{"escalate": {}}]}

    def client(self):
        pvds = self.lab.upstream_pvds(self.agent)
        if pvds:
            return {"domains": self.domains(pvds)}
        servers = self.lab.filtered(self.st.items("server"))
        gateway = self.gateway_at(servers)
        ca = self.st.get("ca")
        return {"gateways": {"gw": {
            "interface": self.st.get("if", "eth0"),
            "servers": [{"name": gateway.st.get("name"), "addresses": servers}],
            "credentials": self.as_client(ca), **HEARTBEAT}}}

    def gateway_at(self, servers):
        for a in self.lab.agents.values():
            here = {str(ip) for ip in self.lab.addresses_of(a.name)}
            if a.kind == "gateway" and here & set(servers):
                return a
        raise self.st.error(f"no gateway has an address of server={','.join(servers)}")

    def domains(self, pvds):
        result = {}
        for p in pvds:
            here = p.interface if p.ns == self.agent.name else self.st.get("if", "eth0")
            result[p.domain] = {"interface": here, "prefixes": p.prefixes, "resolvers": p.dns,
                                "servers": [{"name": p.server}],
                                "credentials": self.as_client(p.ca), **HEARTBEAT}
        return result


def value_of(text):
    """A value of `configure`: JSON with single quotation marks, else a list when it has commas,
    else a word."""
    try:
        return json.loads(text.replace("'", '"'))
    except ValueError:
        return text.split(",") if "," in text else text


def put(cfg, path, value):
    *folders, last = path.split(".")
    for f in folders:
        cfg = cfg.setdefault(f, {})
    cfg[last] = value


class Process:
    """One daemon: started, stopped as asked; that it ends by itself is a failure."""

    def __init__(self, net, ns, name, argv, log):
        self.net, self.ns, self.name, self.argv, self.log = net, ns, name, argv, log
        self.proc = None

    def start(self):
        with open(self.log, "ab") as log:
            self.proc = self.net.spawn(self.ns, self.argv, stdin=subprocess.DEVNULL,
                                       stdout=log, stderr=log)

    def tell(self, number):
        if self.proc and self.proc.poll() is None:
            self.proc.send_signal(number)

    def stop(self, how=signal.SIGTERM):
        """None, or what was wrong with the way it went."""
        p, self.proc = self.proc, None
        if not p:
            return None
        if p.poll() is not None:
            return self.died(p)
        p.send_signal(how)
        try:
            p.wait(10)
        except subprocess.TimeoutExpired:
            p.kill()
            p.wait()
            return f"{self.name} did not stop within 10 s"
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
        self.folders, self.configs, self.processes = {}, {}, {}
        self.original = {}
        for agent in lab.agents.values():
            home = folder / agent.name
            (home / "state").mkdir(parents=True)
            self.folders[agent.name] = home
            self.original[agent.name] = Configuration(lab, agent, home, pki).make()
            self.configs[agent.name] = copy.deepcopy(self.original[agent.name])
            self.journal.add(EventLog(agent.name, home / "events.json"))
            argv = [binaries["dotsd"], "--config", home / "dotsd.yaml"]
            self.processes[agent.name] = Process(net, agent.name, agent.name, argv, home / "log")
            mitigator = agent.st.get("mitigator")
            if mitigator:
                name = agent.name + ".helper"
                argv = [binaries["dotsd-priv"], "--socket", home / "priv.sock",
                        "--instance", agent.name]
                self.processes[name] = Process(net, mitigator, name, argv, home / "helper.log")

    def write(self, name):
        (self.folders[name] / "dotsd.yaml").write_text(json.dumps(self.configs[name], indent=2) + "\n")

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
        while not socket.exists():
            if self.processes[name].died() or time.monotonic() > deadline:
                raise NetError(self.processes[name].died() or f"{name} makes no socket")
            time.sleep(0.02)

    def wait_started(self, names, begun):
        deadline = time.monotonic() + 10
        waiting = set(names)
        while waiting:
            self.journal.poll()
            waiting -= {r.at for r in self.journal.since(begun - 0.001) if r.event == "started"}
            for name in sorted(waiting):
                why = self.processes[name].died()
                if why or time.monotonic() > deadline:
                    raise NetError(why or f"{name} did not say that it started within 10 s")
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
            put(self.configs[name], path, value_of(text))
        self.write(name)
        self.processes[name].tell(signal.SIGHUP)

    def forget(self):
        """What no agent may remember when the lab begins anew."""
        for name, home in self.folders.items():
            self.configs[name] = copy.deepcopy(self.original[name])
            for f in (home / "state").iterdir():
                f.unlink()

    # ---- control ----

    def dotsctl(self, name, *words):
        """(exit status, reply) of dotsctl --json."""
        r = run([str(self.binaries["dotsctl"]), "--socket", str(self.folders[name] / "control.sock"),
                 "--json", *words], check=False)
        try:
            reply = json.loads(r.stdout)
        except ValueError:
            reply = {"error": (r.stderr or r.stdout).strip()}
        return r.returncode, reply

    def table_name(self, name):
        return f"dotsd_{name}"
