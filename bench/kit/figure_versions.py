"""Two builds of dotsd side by side (--old): the same load on both, in turn."""
from kit.figures import US, WINDOW, load_for
from kit.programs import BenchError
from kit.servers import Dotsd
from kit.table import Spread, Table

WORSE = 1.15
MEANING = """\
The same load on the build of before (--old) and on this one, in turn: CPU of the server for each
request, handshake and new mitigation, and the memory of an idle session. The last column is this build
over that of before; it has to be at most 1.15, or within the spread of the runs."""
SESSIONS, SHAKES = 1000, 16


class Side:
    """One build under all loads."""

    def __init__(self, bench, build, mitigations):
        self.servers = {c: Dotsd(bench, certificates=c == "X.509", build=build)
                        for c in ("PSK", "X.509")}
        before = {c: s.process.resident() for c, s in self.servers.items()}
        self.loads = {c: load_for(bench, s, SESSIONS) for c, s in self.servers.items()}
        self.memory = {c: (s.process.resident() - before[c]) / SESSIONS / 1024
                       for c, s in self.servers.items()}
        got = self.loads["PSK"].ask(f"each put 0 {mitigations} {WINDOW}")
        if got["ok"] != mitigations:
            raise BenchError(f"{mitigations} mitigations: {got}")
        self.results, self.right, self.wrong = {}, 0, 0

    def measure(self, what, credentials, command):
        got = self.loads[credentials].ask(command)
        self.right += got["ok"]
        self.wrong += got["bad"]
        if got["ok"]:
            self.results.setdefault(what, Spread()).add(got["server_cpu"] / got["ok"] * US)


def overlap(a, b):
    return min(a.values) <= max(b.values) and min(b.values) <= max(a.values)


def commands(scale):
    seconds, mitigations, new = scale["seconds"], scale["mitigations"][1], scale["new"]
    return [("GET", "PSK", f"run get {seconds} {WINDOW} {mitigations}"),
            ("refresh PUT", "PSK", f"run put {seconds} {WINDOW} {mitigations}"),
            ("new mitigation", "PSK", f"each put {mitigations} {mitigations + new} {WINDOW}"),
            ("its end", "PSK", f"each delete {mitigations} {mitigations + new} {WINDOW}"),
            ("full handshake, PSK", "PSK", f"shake full {seconds} {SHAKES}"),
            ("full handshake, X.509", "X.509", f"shake full {seconds} {SHAKES}"),
            ("resumed handshake, PSK", "PSK", f"shake resumed {seconds} {SHAKES}"),
            ("resumed handshake, X.509", "X.509", f"shake resumed {seconds} {SHAKES}")]


def run(bench):
    table = Table("8. This build and the one before", ["what", "before, us", "now, us", "now over before"],
                  MEANING)
    if not bench.old:
        raise BenchError("versions needs --old DIR, a build of before")
    before, now = (Side(bench, build, bench.scale["mitigations"][1])
                   for build in (bench.old, bench.build))
    for _ in range(bench.scale["runs"]):
        for what, credentials, command in commands(bench.scale):
            for side in (before, now):
                side.measure(what, credentials, command)
    for what, _, _ in commands(bench.scale):
        if what not in before.results or what not in now.results:
            raise BenchError(f"{what}: no right answer")
        old, spread = before.results[what], now.results[what]
        over = spread.median / old.median
        table.row(what, old, spread, over)
        table.limit(f"{what}: now over before{', spreads overlap' if overlap(old, spread) else ''}",
                    over, max(over, WORSE) if overlap(old, spread) else WORSE)
    for c, kib in now.memory.items():
        table.row(f"idle session, {c}, KiB", before.memory[c], kib, kib / before.memory[c])
        table.limit(f"idle session, {c}: now over before", kib / before.memory[c], WORSE)
    for side, name in ((before, "before"), (now, "now")):
        table.count(f"requests and handshakes, {name}", side.right, side.wrong)
    return table
