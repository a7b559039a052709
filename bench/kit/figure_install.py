"""6: from a PUT that is sent to a GET that tells that the packet filter has it."""
from kit.filters import Filtered
from kit.table import Spread, Table

LIMIT_MS = 50
MEANING = """\
One client's view: from sending the PUT to the answer to a GET that tells status 2 (asked every 0.2 ms),
so with the store's commit, the message to `dotsd-priv`, and the kernel's transaction, which checks all
chains of the table again each time. Targets are single addresses (/32, in a hash map) or ranges (/28,
in an interval map)."""


def run(bench):
    numbers = bench.scale["scopes"]
    table = Table("6. From PUT to installed in nftables",
                  ["scopes", "targets", "ms", "CPU ms of dotsd"], MEANING)
    things = [(n, length, Filtered(bench, n, length), Spread(), Spread(), [])
              for n in numbers for length in (32, 28)]
    for _ in range(bench.scale["runs"]):
        for scopes, _, filtered, ms, cpu, done in things:
            for _ in range(bench.scale["installs"]):
                got = filtered.load.ask(f"install {scopes + len(done)}")
                ms.add(got["seconds"] * 1000)
                cpu.add(got["server_cpu"] * 1000)
                done.append(got["ok"])
    for scopes, length, _, ms, cpu, done in things:
        table.row(f"{scopes:,}", f"/{length}", ms, cpu)
        table.count(f"/{length} beside {scopes:,} installed", sum(done), len(done) - sum(done))
        table.limit(f"ms to install one more /{length} beside {scopes:,}", ms.median, LIMIT_MS)
    return table
