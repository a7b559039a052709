"""4: new mitigations, GET and refresh PUT with few and many active ones: the same sessions each time,
the mitigation of each GET and PUT drawn at random."""
from kit.figures import WINDOW, Series, load_for, ratio
from kit.programs import BenchError
from kit.servers import Dotsd
from kit.table import Table

LIMIT = 1.5
MEANING = """\
Ten clients with ten sessions each; what is new is put once and withdrawn afterwards. The cost of a
request must not grow with the number of mitigations: look-ups go by hash, overlaps by prefix trie,
lifetimes by heap, and a refresh writes a row at the end of the store. What still grows are misses of
the processor's caches."""
CLIENTS, SESSIONS = 10, 100
KINDS = ["new", "GET", "refresh PUT"]


def start(bench, active):
    load = load_for(bench, Dotsd(bench, clients=CLIENTS), SESSIONS)
    got = load.ask(f"each put 0 {active} 512")
    if got["ok"] != active:
        raise BenchError(f"{active} mitigations: {got}")
    return load


def rounds(bench, load, active, series):
    """One of each; what is new goes again."""
    new, seconds = bench.scale["new"], bench.scale["seconds"]
    series["new"].add(load.ask(f"each put {active} {active + new} {WINDOW}"))
    load.ask(f"each delete {active} {active + new} {WINDOW}")
    for kind, word in (("GET", "get"), ("refresh PUT", "put")):
        series[kind].add(load.ask(f"run {word} {seconds} {WINDOW} {active}"))


def run(bench):
    numbers = bench.scale["mitigations"]
    table = Table(f"4. Requests with active mitigations (new: {bench.scale['new']:,} at a time)",
                  ["active", "request", "requests/s", "CPU us/request",
                   f"CPU over {numbers[0]} active"], MEANING)
    things = [(n, start(bench, n), {k: Series(k) for k in KINDS}) for n in numbers]
    for _ in range(bench.scale["runs"]):
        for active, load, series in things:
            rounds(bench, load, active, series)
    few = things[0][2]
    for active, _, series in things:
        for kind, s in series.items():
            over = ratio(s.cpu, few[kind].cpu)
            table.row(f"{active:,}", kind, s.rate, s.cpu, over)
            s.count(table, f"{active:,} active,")
            if active == numbers[-1]:
                table.limit(f"CPU of {kind} with {active:,} active over {numbers[0]}", over, LIMIT)
    return table
