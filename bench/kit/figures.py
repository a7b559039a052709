"""Helpers that several figures share."""
from kit.programs import Load
from kit.table import Spread

WINDOW = 128       # requests outstanding, over all sessions
WINDOW_ONE = 32    # of one session: dotsd takes 64 of one peer
US = 1e6


class Series:
    """Requests per second and the server's microseconds per request, over several runs."""

    def __init__(self, name):
        self.name = name
        self.rate, self.cpu, self.busy = Spread(), Spread(), Spread()
        self.ok = self.bad = self.lost = 0

    def add(self, got):
        """One run as the load generator tells it."""
        self.ok += got["ok"]
        self.bad += got["bad"]
        self.lost += got["lost"]
        if got["ok"]:
            self.rate.add(got["ok"] / got["seconds"])
            self.cpu.add(got["server_cpu"] / got["ok"] * US)
            self.busy.add(got["server_cpu"] / got["seconds"] * 100)

    def count(self, table, where):
        table.count(f"{where} {self.name}", self.ok, self.bad, self.lost)


def load_for(bench, server, sessions, **options):
    """A load generator with its sessions open; as many clients as sessions allow."""
    load = Load(bench, server.process, server.address, min(server.clients, sessions),
                **server.credentials, **options)
    load.open(sessions, window=server.handshakes)
    return load


def ratio(a, b):
    return a.median / b.median if a.values and b.values and b.median else None
