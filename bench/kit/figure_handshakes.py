"""3: full and resumed handshakes, each closed at once."""
from kit.figures import Series, load_for, ratio
from kit.servers import CLIENTS, Dotsd, Floor
from kit.table import Table

WINDOW = 16
MEANING = """\
Handshakes from new 5-tuples, each closed at once, 16 at a time; with cookies, tickets without state.
X.509 is ECDSA with P-256 and both ends verified. On a resumed handshake the server verifies the
client's certificate again (RFC 9132 8: a client removed meanwhile does not come back by its ticket),
which the DTLS echo does not."""
KINDS = [("PSK", "full"), ("X.509", "full"), ("PSK", "resumed"), ("X.509", "resumed")]


def run(bench):
    table = Table("3. Handshakes", ["credentials", "kind", "server", "handshakes/s",
                                    "CPU us/handshake", "CPU over DTLS echo"], MEANING)
    loads = {}
    for credentials in ("PSK", "X.509"):
        x509 = credentials == "X.509"
        loads[credentials] = [
            load_for(bench, Floor(bench, "floor_dtls", 64, dtls=True, certificates=x509), CLIENTS),
            load_for(bench, Dotsd(bench, certificates=x509), CLIENTS)]
    series = {(c, k): [Series("DTLS echo"), Series("dotsd")] for c, k in KINDS}
    for _ in range(bench.scale["runs"]):
        for credentials, kind in KINDS:
            for s, load in zip(series[credentials, kind], loads[credentials]):
                s.add(load.ask(f"shake {kind} {bench.scale['seconds']} {WINDOW}"))
    for (credentials, kind), pair in series.items():
        for s in pair:
            table.row(credentials, kind, s.name, s.rate, s.cpu, ratio(s.cpu, pair[0].cpu))
            s.count(table, f"{credentials} {kind}")
    return table
