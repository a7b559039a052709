"""6: from a PUT that is sent to a GET that tells that the packet filter has it."""
from kit.filters import Filtered
from kit.table import Spread, Table

LIMIT_MS = 50


def run(bench):
    numbers = bench.scale["scopes"]
    table = Table("6. From PUT to installed in nftables",
                  ["scopes", "targets", "ms", "CPU ms of dotsd"])
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
