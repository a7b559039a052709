"""10: requests about all that a client may have on record, and what they take of the loop."""
from kit.figure_records import MODULE, MS, ROOT, US, Provider, alias, cuid, prefix
from kit.programs import BenchError
from kit.table import Spread, Table

PREFIXES = 4  # of an alias
MEANING = """\
A client with {aliases:,} aliases, {size} KiB of JSON, asks over one connection (HTTPS, X.509), one request after the other.
An edit is answered once it is on disk. CPU is that of the thread that the loop is, where the signal channel
has to wait meanwhile, and that of the others: the worker's, and the store's. The floor is `host-meta`."""


def large(i, round_):
    """They differ from round to round."""
    return alias(0, i % 256) | {"name": f"alias{i:04}", "target-protocol": [round_ % 256],
                                "target-prefix": [prefix(0, (i + k) % 256) for k in range(PREFIXES)]}


def whole(aliases, round_):
    return {f"{MODULE}:aliases": {"alias": [large(i, round_) for i in range(aliases)]}}


class Side:
    def __init__(self, bench, aliases):
        self.provider, self.aliases = Provider(bench, 1, 0), aliases
        self.own = f"{ROOT}/dots-client={cuid(0)}"
        self.ms, self.loop, self.others, self.right, self.wrong = {}, {}, {}, {}, {}

    def cpu(self):
        """Seconds: of the loop, of all others."""
        used = self.provider.threads()
        loop = used.pop(self.provider.process.pid)
        return loop, sum(used.values())

    def one(self, name, words, status):
        loop, others = self.cpu()
        got, seconds = self.provider.web(*words)
        loop_now, others_now = self.cpu()
        for series, value in ((self.ms, seconds * MS), (self.loop, (loop_now - loop) * US),
                              (self.others, (others_now - others) * US)):
            series.setdefault(name, Spread()).add(value)
        counts = self.right if got == status else self.wrong
        counts[name] = counts.get(name, 0) + 1

    def prepare(self):
        self.provider.web.connect()
        for path, body in ((self.own, {f"{MODULE}:dots-client": [{"cuid": cuid(0)}]}),
                           (f"{self.own}/aliases", whole(self.aliases, 0))):
            status, _ = self.provider.web("PUT", path, body)
            if status not in (201, 204):
                raise BenchError(f"PUT {path}: {status}")

    def interval(self, repeats, number):
        for i in range(repeats):
            round_ = 1 + number * repeats + i
            self.one("host-meta", ("GET", "/.well-known/host-meta"), 200)
            self.one("PUT of one alias", ("PUT", f"{self.own}/aliases/alias=alias0001",
                                          {f"{MODULE}:alias": [large(1, round_)]}), 204)
            self.one("GET of all aliases", ("GET", f"{self.own}/aliases"), 200)
            self.one("PUT of all, changed", ("PUT", f"{self.own}/aliases", whole(self.aliases, round_)), 204)
            self.one("PUT of all as they are", ("PUT", f"{self.own}/aliases", whole(self.aliases, round_)), 204)


def run(bench):
    side = Side(bench, bench.scale["aliases"])
    side.prepare()
    for number in range(bench.scale["runs"]):
        side.interval(bench.scale["large"], number)
    size = sum(len(str(large(i, 1)).replace(" ", "")) for i in range(side.aliases)) // 1024
    table = Table("10. Requests about all that a client has on record",
                  ["what", "ms", "CPU us of the loop", "CPU us of others", "loop over host-meta"],
                  MEANING.format(aliases=side.aliases, size=size))
    for name, ms in side.ms.items():
        loop = side.loop[name]
        table.row(name, ms, loop, side.others[name], loop.median / side.loop["host-meta"].median)
        table.count(name, side.right.get(name, 0), side.wrong.get(name, 0))
    return table
