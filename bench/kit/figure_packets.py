"""7: what the installed rules cost a packet: through a veth into a namespace that has them."""
import json
import pathlib
import subprocess

from kit.filters import Filtered
from kit.programs import LOAD_CORE
from kit.servers import CLIENTS
from kit.table import Spread, Table

LIMIT = 2
MEANING = """\
Packets through a veth into a namespace with the table, one after the other to all targets in turn
(dropped by their scopes, each of them counted), or past all scopes (others: they pass). Sending and
receiving happen on one core; the figure is all of it, the last column what the table adds to none,
where the packet is thrown away later, by routing."""
NS = 1e9
SCOPED, OTHER = 10, 11  # first byte of destinations inside and outside all scopes


def softirq_thread(core):
    """None from a process namespace that does not have the kernel's threads."""
    for path in pathlib.Path("/proc").glob("[0-9]*/comm"):
        try:
            if path.read_text().strip() == f"ksoftirqd/{core}":
                return path.parent.name
        except OSError:
            continue
    return None


def ip(netns, *args):
    return subprocess.run(["ip", "-netns", netns, *args], check=True, capture_output=True,
                          text=True).stdout


class Path:
    """A veth from a namespace that floods into one with (or without) a table."""

    def __init__(self, bench, name, scopes, destinations, first=SCOPED, prefix_len=32, target=None):
        self.bench, self.name, self.first = bench, name, first
        self.destinations, self.prefix_len, self.cost = destinations, prefix_len, Spread()
        self.right = self.wrong = 0
        self.filtered = target or (Filtered(bench, scopes, prefix_len) if scopes else None)
        self.inside = self.filtered.netns if self.filtered else bench.namespace(
            f"bare{len(bench.namespaces)}")
        self.outside = bench.namespace(f"flood{len(bench.namespaces)}")
        self.device = f"in{len(bench.namespaces)}"
        ip(self.outside, "link", "add", "out", "type", "veth", "peer", "name", self.device,
           "netns", self.inside)
        ip(self.outside, "link", "set", "out", "up")
        ip(self.inside, "link", "set", self.device, "up")
        self.mac = json.loads(ip(self.inside, "-j", "link", "show", self.device))[0]["address"]

    def received(self):
        link = json.loads(ip(self.inside, "-s", "-j", "link", "show", self.device))[0]
        return link["stats64"]["rx"]["packets"]

    def counted(self):
        return sum(self.filtered.counters().values()) if self.filtered else 0

    def measure(self):
        received, counted = self.received(), self.counted()
        argv = ["ip", "netns", "exec", self.outside, "taskset", "-c", LOAD_CORE,
                self.bench.program("flood"), "out", self.mac, self.first, CLIENTS,
                self.prefix_len, self.destinations, self.bench.scale["seconds"],
                softirq_thread(LOAD_CORE) or 0]
        out = subprocess.run([str(a) for a in argv], check=True, capture_output=True, text=True)
        got = json.loads(out.stdout)
        received, counted = self.received() - received, self.counted() - counted
        dropped = got["sent"] if self.filtered and self.first == SCOPED else 0
        # A few of other origin (IPv6 neighbours) are received as well.
        self.right += got["sent"]
        self.wrong += max(0, got["sent"] - received) + abs(counted - dropped)
        self.cost.add(got["cpu"] / got["sent"] * NS)


def run(bench):
    few, many = bench.scale["scopes"]
    table = Table("7. Packets against the installed rules (one core, UDP of 60 bytes)",
                  ["rules", "destinations", "ns/packet", "over no table"], MEANING)
    bare = Path(bench, "no table", 0, many)
    small = Path(bench, f"{few:,} scopes /32", few, few)
    large = Path(bench, f"{many:,} scopes /32", many, many)
    wide = Path(bench, f"{many:,} scopes /28", many, many, prefix_len=28)
    paths = [bare, small, Path(bench, f"{few:,} scopes /32, others", few, many, OTHER,
                               target=small.filtered),
             large, Path(bench, f"{many:,} scopes /32, others", many, many, OTHER,
                         target=large.filtered), wide]
    for _ in range(bench.scale["runs"]):
        for path in paths:
            path.measure()
    for path in paths:
        table.row(path.name, f"{path.destinations:,}", path.cost,
                  path.cost.median - bare.cost.median)
        table.count(f"packets, {path.name}", path.right, path.wrong)
    whole = softirq_thread(LOAD_CORE) is not None
    if not whole:
        table.note(f"without the time of ksoftirqd/{LOAD_CORE}, which cannot be seen from here")
    for path in (large, wide):
        table.limit(f"ns/packet, {path.name} over {small.name}",
                    path.cost.median / small.cost.median if whole else None, LIMIT)
    return table
