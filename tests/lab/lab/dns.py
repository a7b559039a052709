"""A dnsmasq in each namespace that has zones: serves exactly the records of the lab, logs queries."""
import subprocess
import time

from lab.net import NetError
from lab.observe import QueryLog


def split_naptr(data):
    order, pref, flags, service, regexp, replacement = (w.strip("'") for w in data.split())
    return ",".join([order, pref, flags, service, regexp, replacement])


def split_srv(data):
    prio, weight, port, target = data.split()
    return f"{target},{port},{prio},{weight}"


RECORDS = {
    "A": lambda name, data: f"--host-record={name},{data}",
    "AAAA": lambda name, data: f"--host-record={name},{data}",
    "SRV": lambda name, data: f"--srv-host={name},{split_srv(data)}",
    "PTR": lambda name, data: f"--ptr-record={name},{data}",
    "TXT": lambda name, data: f"--txt-record={name},{data.strip(chr(39))}",
    "NAPTR": lambda name, data: f"--naptr-record={name},{split_naptr(data)}",
}


class DnsServers:
    def __init__(self, net, journal, folder):
        self.net, self.journal, self.folder = net, journal, folder
        self.procs, self.zones, self.changed = {}, [], False

    def start(self, zones):
        """Makes the running servers serve these zones, and only them."""
        self.zones = list(zones)
        for ns in {z[0] for z in self.zones} | set(self.procs):
            self.serve(ns)

    def serve(self, ns):
        self.halt(ns)
        listen = self.addresses(ns)
        if not listen:
            raise NetError(f"{ns} has zones, but no pvd names an address of it, nor is one on lo")
        log = self.folder / f"{ns}-dns.log"
        if not log.exists():
            log.touch(mode=0o666)
            self.journal.add(QueryLog(ns, log))
        argv = ["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-hosts",
                "--no-resolv", "--local=/#/", "--bind-interfaces", "--user=root", "--pid-file=",
                "--cache-size=0", "--log-queries=extra", f"--log-facility={log}"]
        argv += [f"--listen-address={a}" for a in listen]
        for where, name, kind, data in self.zones:
            if where == ns:
                if kind not in RECORDS:
                    raise NetError(f"zone {ns}: no record type {kind}")
                argv.append(RECORDS[kind](name, data))
        self.procs[ns] = self.net.spawn(ns, argv, stdout=subprocess.DEVNULL,
                                        stderr=open(self.folder / f"{ns}-dns.err", "wb"))
        self.wait_until_it_serves(ns, listen)

    def addresses(self, ns):
        """Where it serves: as the provisioning domains say, or else what is on lo."""
        lab = self.net.lab
        announced = {a for p in lab.pvds.values() for a in p.dns}
        here = [(i, str(ip.ip)) for i, ip in lab.addresses.get(ns, [])]
        return ([a for _, a in here if a in announced] or [a for i, a in here if i == "lo"])

    def wait_until_it_serves(self, ns, listen):
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            if self.procs[ns].poll() is not None:
                break
            out = self.net.run(ns, ["ss", "-Hlun", "sport", "=", "53"]).stdout
            if all(a in out for a in listen):
                return
            time.sleep(0.05)
        raise NetError(f"dnsmasq in {ns}: " + (self.folder / f"{ns}-dns.err").read_text().strip())

    def change(self, ns, name, kind, data):
        """Replaces what is served under name and type; data "-" removes it."""
        self.changed = True
        self.zones = [z for z in self.zones if z[:3] != (ns, name, kind)]
        if data != "-":
            self.zones.append((ns, name, kind, data))
        self.serve(ns)

    def restore(self, zones):
        if self.changed:
            self.start(zones)
            self.changed = False

    def dead(self):
        for ns, p in self.procs.items():
            if p.poll() is not None:
                return f"dnsmasq in {ns} died"
        return None

    def tell(self, ns, number):
        """A signal."""
        self.procs[ns].send_signal(number)

    def halt(self, ns):
        p = self.procs.pop(ns, None)
        if p:
            p.kill()  # it may have been told to stand still
            p.wait()

    def stop(self):
        for ns in list(self.procs):
            self.halt(ns)
