"""6: from a PUT that is sent to a GET that tells that the packet filter has it."""
from kit.filters import Filtered
from kit.table import Spread, Table

LIMIT_MS = 50


def run(bench):
    numbers = bench.scale["scopes"]
    table = Table("6. From PUT to installed in nftables",
                  ["scopes", "targets", "ms", "CPU ms of dotsd"])
    things = [(n, length, Filtered(bench, n, length), Spread(), Spread())
              for n in numbers for length in (32, 28)]
    missing = 0
    for _ in range(bench.scale["runs"]):
        for scopes, _, filtered, ms, cpu in things:
            for _ in range(bench.scale["installs"]):
                got = filtered.load.ask(f"install {scopes + len(ms.values)}")
                ms.add(got["seconds"] * 1000)
                cpu.add(got["server_cpu"] * 1000)
                missing += not got["ok"]
    for scopes, length, _, ms, cpu in things:
        table.row(f"{scopes:,}", f"/{length}", ms, cpu)
        table.limit(f"ms to install one more /{length} beside {scopes:,}", ms.median, LIMIT_MS)
    if missing:
        table.failed(f"{missing} mitigations were not installed")
    return table
