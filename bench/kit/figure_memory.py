"""2: what an idle session holds: growth of the resident set over the sessions."""
from kit.figures import load_for
from kit.servers import CLIENTS, Dotsd, Floor
from kit.table import Spread, Table

MEANING = """\
Growth of the resident set, divided by the sessions opened. What the DTLS echo holds is GnuTLS's own; the
difference is ours: the 5-tuple, message IDs lately seen, who the peer is, timers, heartbeats."""
LIMIT_KIB = {"PSK": 16, "X.509": 20}
FIRST = CLIENTS  # for what they share


def growth(bench, server, sessions):
    """KiB a session."""
    load = load_for(bench, server, FIRST)
    before = server.process.resident()
    load.open(FIRST + sessions, first=FIRST)
    got = (server.process.resident() - before) / sessions / 1024
    bench.stop_all()
    return got


def run(bench):
    sessions = max(CLIENTS, bench.scale["sessions"][-1])
    table = Table(f"2. Memory of an idle session ({sessions:,} sessions)",
                  ["credentials", "server", "KiB/session"], MEANING)
    things = [(kind, name, make, Spread()) for kind in LIMIT_KIB for name, make in (
        ("DTLS echo", lambda c: Floor(bench, "floor_dtls", 64, dtls=True, certificates=c)),
        ("dotsd", lambda c: Dotsd(bench, certificates=c)))]
    for _ in range(bench.scale["memory"]):
        for kind, name, make, spread in things:
            spread.add(growth(bench, make(kind == "X.509"), sessions))
    for kind, name, _, spread in things:
        table.row(kind, name, spread)
        table.count(f"{kind} sessions of {name}", sessions * len(spread.values))
        if name == "dotsd":
            table.limit(f"KiB of a {kind} session", spread.median, LIMIT_KIB[kind])
    return table
