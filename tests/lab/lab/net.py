"""The network of a lab: namespaces, links, routes, filters, and what steps do to them. Every
namespace is named <run id>-<name>, so that what is left over can be found and removed."""
import concurrent.futures
import ctypes
import ipaddress
import json
import os
import pathlib
import signal
import subprocess
import time

# With slashes: an interface name may have dots.
SYSCTLS = ["net/ipv4/conf/{i}/accept_redirects=0", "net/ipv4/conf/{i}/send_redirects=0",
           "net/ipv4/conf/{i}/rp_filter=0", "net/ipv6/conf/{i}/accept_ra=0",
           "net/ipv6/conf/{i}/accept_redirects=0", "net/ipv6/conf/{i}/keep_addr_on_down=1"]
INSIDE = pathlib.Path(__file__).resolve().parent.parent / "inside"
PYTHON = "/usr/bin/python3"
ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1


def is_set_up(interface):
    """An interface as `ip -json -6 address` tells of it: with its link-local address come the routes of all
    others; of lo and of a link that is down nothing more will come."""
    idle = interface["ifname"] == "lo" or "LOWER_UP" not in interface["flags"]
    return idle or any(a["scope"] == "link" for a in interface["addr_info"])


def is_usable(interface):
    return is_set_up(interface) and not any(a.get("tentative") for a in interface["addr_info"])


class NetError(Exception):
    """The network could not be made or changed."""


def die_with_parent(how=signal.SIGKILL):
    LIBC.prctl(PR_SET_PDEATHSIG, how)


def run(argv, stdin=None, check=True, timeout=None):
    """A command; whatever interrupts it, it has ended when this returns."""
    p = None
    # A signal waits until the process is known here.
    held = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    try:
        p = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             encoding="utf-8", errors="replace")
        signal.pthread_sigmask(signal.SIG_SETMASK, held)
        out, err = p.communicate(stdin, timeout)
    except subprocess.TimeoutExpired:
        raise NetError(f"{' '.join(map(str, argv))}: no end within {timeout} s") from None
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)
        if p and p.poll() is None:
            p.kill()
            p.wait()
    if check and p.returncode:
        raise NetError(f"{' '.join(argv)}: {(err or out).strip()}")
    return subprocess.CompletedProcess(argv, p.returncode, out, err)


class Network:
    def __init__(self, lab, run_id):
        self.lab, self.run_id = lab, run_id
        self.made = []

    def full(self, ns):
        return f"{self.run_id}-{ns}"

    def argv(self, ns, argv):
        return ["ip", "netns", "exec", self.full(ns), *argv]

    def spawn(self, ns, argv, **kw):
        """A process in a namespace, that does not outlive the runner."""
        return subprocess.Popen(self.argv(ns, [str(a) for a in argv]), start_new_session=True,
                                preexec_fn=die_with_parent, **kw)

    def run(self, ns, argv, stdin=None, check=True, timeout=None):
        return run(self.argv(ns, argv), stdin, check, timeout)

    def nft(self, ns, rules):
        self.run(ns, ["nft", "-f", "-"], rules)

    # ---- making and removing ----

    def up(self):
        for ns in self.lab.namespaces:
            self.made.append(ns)  # first: what is interrupted here has to go, too
            run(["ip", "netns", "add", self.full(ns)])
        batches = {ns: ["link set dev lo up"] for ns in self.made}
        for st in self.lab.of("link"):
            self.add_link(st)
        for st in self.lab.of("bridge"):
            self.add_bridge(st)
        for st in self.lab.of("port"):
            self.add_port(st)
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            list(pool.map(self.set_sysctls, self.made))
        for ns, batch in batches.items():
            batch += self.address_lines(ns)
            batch += [f"link set dev {i} up" for i in sorted(self.lab.interfaces(ns)) if i != "lo"]
            batch += [f"link set dev {i} up" for i in self.bridge_ports(ns)]
            batch += self.mtu_lines(ns)
            batch += self.route_lines(ns)
            self.batch(ns, batch)
            self.add_rules(ns)
        for kind in ("urpf", "ingress"):
            for st in self.lab.of(kind):
                self.add_ingress_check(st)
        for st in self.lab.of("snat"):
            self.add_snat(st)
        for ns in self.made:
            self.wait_ipv6(ns, is_usable)

    def wait_ipv6(self, ns, good):
        """Until it can be said of every interface."""
        deadline = time.monotonic() + 10
        while not all(map(good, self.show_ipv6(ns))):
            if time.monotonic() > deadline:
                raise NetError(f"{ns}: IPv6 addresses stay tentative, or there is no link-local one")
            time.sleep(0.02)

    def show_ipv6(self, ns):
        return json.loads(run(["ip", "-n", self.full(ns), "-json", "-6", "address"]).stdout or "[]")

    def down(self):
        for ns in self.made:
            r = run(["ip", "netns", "pids", self.full(ns)], check=False)
            for pid in r.stdout.split():
                try:
                    os.kill(int(pid), signal.SIGKILL)
                except ProcessLookupError:
                    pass
            run(["ip", "netns", "delete", self.full(ns)], check=False)
        self.made = []

    def batch(self, ns, lines, *options):
        run(["ip", *options, "-n", self.full(ns), "-batch", "-"], "\n".join(lines) + "\n")

    def set_sysctls(self, ns):
        values = [s.format(i=i) for i in ("all", "default") for s in SYSCTLS]
        on = int("router" in self.lab.namespaces[ns])
        values += [f"net/ipv4/ip_forward={on}", f"net/ipv6/conf/all/forwarding={on}"]
        # Interfaces that exist already do not follow "all" for these.
        for i in self.lab.interfaces(ns):
            values += [s.format(i=i) for s in SYSCTLS]
            if (ns, i) not in self.lab.probing:
                values.append(f"net/ipv6/conf/{i}/dad_transmits=0")
        self.run(ns, ["sysctl", "-q", "-w", *values])

    # ---- links ----

    def add_link(self, st):
        (a, ai), (b, bi) = (self.lab.node(st, st.args[n]) for n in (0, 2))
        run(["ip", "-n", self.full(a), "link", "add", "name", ai, "type", "veth",
             "peer", "name", bi, "netns", self.full(b)])

    def mtu_lines(self, ns):
        """After all else of the links: with less than 1280 there is no IPv6 to be set up."""
        ends = [(self.lab.node(st, st.args[n]), self.lab.mtu(st)) for st in self.lab.of("link") for n in (0, 2)]
        return [f"link set dev {i} mtu {mtu}" for (where, i), mtu in ends if where == ns and mtu]

    def add_bridge(self, st):
        ns, br = self.lab.node(st, st.args[0])
        # With snooping on, neighbour discovery would wait for a querier.
        run(["ip", "-n", self.full(ns), "link", "add", "name", br, "type", "bridge",
             "mcast_snooping", "0", "forward_delay", "0"])

    def add_port(self, st):
        ns, br = self.lab.node(st, st.args[0])
        host, interface = self.lab.node(st, st.args[1])
        port = self.port_name(st)
        run(["ip", "-n", self.full(host), "link", "add", "name", interface, "type", "veth",
             "peer", "name", port, "netns", self.full(ns)])
        run(["ip", "-n", self.full(ns), "link", "set", "dev", port, "master", br])

    def port_name(self, st):
        """The bridge's end of a port: as much of the host's name as an interface name takes."""
        number = self.lab.of("port").index(st)
        return f"p{number}-{self.lab.node(st, st.args[1])[0]}"[:15]

    def bridge_ports(self, ns):
        return [self.port_name(st) for st in self.lab.of("port")
                if self.lab.node(st, st.args[0])[0] == ns]

    def address_lines(self, ns):
        return [f"address add {ip} dev {i}"
                + (" nodad" if ip.version == 6 and (ns, i) not in self.lab.probing else "")
                for i, ip in self.lab.addresses.get(ns, [])
                if str(ip.ip) != "::1"]  # it is there already

    # ---- routes ----

    def route_lines(self, ns, verb="append"):
        lines = []
        for st in self.lab.of("route"):
            if st.args[0] != ns or not self.lab.wanted(st.args[1]):
                continue
            extra = "".join(f" {k} {st.get(k)}" for k in ("metric", "table") if st.get(k))
            dev = f" dev {st.get('dev')}" if st.get("dev") else ""
            hops = st.args[3].split("+")
            via = f"via {hops[0]}" if len(hops) == 1 else " ".join(f"nexthop via {h}" for h in hops)
            lines.append(f"route {verb} {st.args[1]}{extra} {via}{dev}"
                         + " onlink" * (st.get("onlink") == "yes"))
        return lines

    def add_rules(self, ns):
        for st in self.lab.of("rule"):
            if st.args[0] == ns:
                self.change_rule(st, "add", ns, *st.args[1:])

    def change_rule(self, st, verb, ns, *words):
        """Adds (or with `del` removes) what a rule statement or verb says."""
        if words == ("main-no-default",):
            families, what = ["-4", "-6"], "lookup main suppress_prefixlength 0"
        else:
            source = st.get("from", "")
            families = ["-6" if ":" in source else "-4"] if self.lab.wanted(source) else []
            what = f"from {source} table {st.get('table')}"
        for family in families:
            self.batch(ns, [f"rule {verb} prio {st.get('prio')} {what}"], family)

    # ---- filters that belong to the network ----

    def add_ingress_check(self, st):
        ns, i = self.lab.node(st, st.args[0])
        if st.kind == "urpf":
            v4, v6 = ("fib saddr . iif oif missing",
                      "ip6 saddr != fe80::/10 fib saddr . iif oif missing")
        else:
            allow = st.items("allow")
            # A set takes no list without elements: unspecified stands for none.
            v4 = "ip saddr != { %s }" % ", ".join([a for a in allow if ":" not in a] or ["0.0.0.0"])
            # ::, as fib has it too: what a host says on a link that has just come up.
            v6 = "ip6 saddr != { %s }" % ", ".join(["::", "fe80::/10"] + [a for a in allow if ":" in a])
        self.nft(ns, f"""table inet urpf_{i} {{
            counter urpf4_{i} {{ }}
            counter urpf6_{i} {{ }}
            chain pre {{
                type filter hook prerouting priority -460; policy accept;
                iifname "{i}" meta nfproto ipv4 {v4} counter name urpf4_{i} drop
                iifname "{i}" meta nfproto ipv6 {v6} counter name urpf6_{i} drop
            }}
        }}\n""")

    def add_snat(self, st):
        if not self.lab.wanted(st.get("to")):
            return
        family = "ip6" if ":" in st.get("to") else "ip"
        self.nft(st.args[0], f"""table {family} lab_snat {{
            chain post {{
                type nat hook postrouting priority srcnat; policy accept;
                oifname "{st.get('oif')}" {family} saddr {st.get('from')} snat to {st.get('to')};
            }}
            chain in {{
                type filter hook input priority filter; policy accept;
                iifname "{st.get('oif')}" ct state new drop;
            }}
        }}\n""")

    def counters(self, ns):
        """Named counters of a namespace -> packets."""
        out = self.run(ns, ["nft", "-j", "list", "counters"]).stdout
        return {c["counter"]["name"]: c["counter"]["packets"]
                for c in json.loads(out)["nftables"] if "counter" in c}

    def table(self, ns, name):
        """The text of one nft table, "" if there is none."""
        return self.run(ns, ["nft", "list", "table", "inet", name], check=False).stdout

    # ---- what steps change ----

    def link_state(self, ns, interface, state):
        run(["ip", "-n", self.full(ns), "link", "set", "dev", interface, state])
        if state == "up":
            # The kernel looks at a link that is up in its own time, and refuses routes over it until then.
            self.wait_ipv6(ns, is_set_up)
            self.restore_routes(ns)

    def restore_routes(self, ns):
        """Routes went with a link or an address; what is still there stays."""
        run(["ip", "-n", self.full(ns), "-force", "-batch", "-"],
            "\n".join(self.route_lines(ns, "replace")) + "\n", check=False)

    def loss(self, ns, interface, percent):
        self.undo_table(ns, "lab_loss_" + interface)
        if percent:
            share = "" if percent == 100 else f"numgen random mod 100 < {percent}"
            self.nft(ns, f"""table inet lab_loss_{interface} {{
                chain pre {{
                    type filter hook prerouting priority -460; policy accept;
                    iifname "{interface}" {share} drop
                }}
            }}\n""")

    def drop(self, ns, matches):
        self.undo_table(ns, "lab_drop")
        rules = "\n".join(f"{m} drop;" for m in matches)
        chains = "".join(f"""
            chain {hook} {{ type filter hook {hook} priority -460; policy accept;
                {rules} }}""" for hook in ("prerouting", "output"))
        self.nft(ns, f"table inet lab_drop {{ {chains}\n}}\n")

    def undo_table(self, ns, table):
        self.nft(ns, f"table inet {table} {{ }}\ndelete table inet {table}\n")

    # ---- sanity ----

    def ping(self, ns, src, dst, dev=None, wait="1"):
        device = ["-I", dev] if dev else []
        return self.run(ns, ["ping", "-n", "-q", "-c", "1", "-W", wait, *device, "-I", src, dst],
                        check=False).returncode == 0

    def reachable(self, st):
        """The verdict of one reach line: None, or why not."""
        ns, src, dst, dev = st.args[0], st.get("src"), st.get("dst"), st.get("dev")
        if len(st.args) == 2:
            if any(self.ping(ns, src, dst, dev) for _ in range(3)):
                return None
            return "no answer to three echo requests"
        where, _, counter = st.get("drop").partition(":")
        before = self.counters(where).get(counter)
        if before is None:
            return f"no counter {counter} in {where}"
        if self.ping(ns, src, dst, dev, "0.3"):
            return "was answered"
        for _ in range(20):
            if self.counters(where)[counter] > before:
                return None
            time.sleep(0.1)
        return f"{counter} in {where} did not grow"

    def check_reach(self):
        """(statement, verdict) of every reach line; those that count drops one by one."""
        lines = [s for s in self.lab.of("reach") if self.lab.wanted(s.get("dst"))]
        quick = [s for s in lines if len(s.args) == 2]
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            verdicts = dict(zip(map(id, quick), pool.map(self.reachable, quick)))
        for s in lines:
            yield s, verdicts[id(s)] if id(s) in verdicts else self.reachable(s)


def contains(networks, address):
    a = ipaddress.ip_address(address)
    return any(a in n for n in networks if n.version == a.version)
