"""A dnsmasq on each link end that has a `dhcp` statement: answers questions to DHCP in both families."""
import ipaddress
import subprocess
import time

from lab.net import NetError


def wire_name(name):
    """A DNS name as DHCP carries it (RFC 8415 10), as dnsmasq takes octets."""
    labels = [bytes([len(w)]) + w.encode() for w in name.rstrip(".").split(".")]
    return (b"".join(labels) + b"\0").hex(":")


def packed(addresses):
    return b"".join(ipaddress.ip_address(a).packed for a in addresses).hex(":")


def texts(addresses):
    return ",".join(addresses)


# attribute -> (family, how its value is put)
OPTIONS = {
    "ri": (4, lambda v: f"147,{wire_name(v[0])}"), "address": (4, lambda v: f"148,{packed(v)}"),
    "domain": (4, lambda v: f"15,{v[0]}"), "resolver": (4, lambda v: f"6,{texts(v)}"),
    "ri6": (6, lambda v: f"option6:141,{wire_name(v[0])}"),
    "address6": (6, lambda v: f"option6:142,{packed(v)}"),
    "domain6": (6, lambda v: f"option6:24,{v[0]}"),
    "resolver6": (6, lambda v: "option6:23," + ",".join(f"[{a}]" for a in v)),
}


class DhcpServers:
    def __init__(self, net, folder):
        self.net, self.folder = net, folder
        self.procs, self.changed = {}, False

    def start(self, offers):
        """offers: (namespace, interface) -> statement."""
        for where in set(self.procs) - set(offers):
            self.halt(where)
        for where, st in offers.items():
            self.serve(where, st)

    def serve(self, where, st):
        self.halt(where)
        ns, interface = where
        argv = ["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--user=root",
                "--pid-file=", f"--interface={interface}", "--bind-interfaces", "--except-interface=lo",
                "--dhcp-authoritative", f"--dhcp-leasefile={self.folder}/{ns}-{interface}.leases"]
        families = set()
        for i, ip in self.net.lab.addresses.get(ns, []):
            if i == interface and not ip.ip.is_link_local:
                net, families = ip.network, families | {ip.version}
                tail = str(net.netmask) if ip.version == 4 else str(net.prefixlen)
                argv.append(f"--dhcp-range={net.network_address},static,{tail},{st.get('lease') or '3600'}")
        for key, (family, put) in OPTIONS.items():
            if key in st.attrs and family in families:
                argv.append(f"--dhcp-option={put(st.items(key))}")
        self.procs[where] = self.net.spawn(
            ns, argv, stdout=subprocess.DEVNULL,
            stderr=open(self.folder / f"{ns}-{interface}-dhcp.err", "wb"))
        self.wait_until_it_serves(where, families)

    def wait_until_it_serves(self, where, families):
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            if self.procs[where].poll() is not None:
                break
            out = self.net.run(where[0], ["ss", "-Hlun"]).stdout
            if all(port in out for port in [{4: ":67 ", 6: ":547 "}[f] for f in families]):
                return
            time.sleep(0.05)
        log = self.folder / f"{where[0]}-{where[1]}-dhcp.err"
        raise NetError(f"dnsmasq for DHCP in {where[0]}: {log.read_text().strip()}")

    def change(self, where, st):
        """Offers that instead; nothing at all if st has no option."""
        self.changed = True
        self.halt(where)
        if any(key in st.attrs for key in OPTIONS):
            self.serve(where, st)

    def restore(self, offers):
        if self.changed:
            self.start(offers)
            self.changed = False

    def dead(self):
        for where, p in self.procs.items():
            if p.poll() is not None:
                return f"dnsmasq for DHCP in {where[0]} died"
        return None

    def halt(self, where):
        p = self.procs.pop(where, None)
        if p:
            p.terminate()
            p.wait()

    def stop(self):
        for where in list(self.procs):
            self.halt(where)
