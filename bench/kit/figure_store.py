"""5: refresh PUT with the store on disk, beside SQLite alone at the same batch size: replacing whole
records, and writing what dotsd writes of a refresh (a short row more at the end, one less at the
front)."""
import json
import sqlite3
import struct
import subprocess

from kit.figures import Series, load_for, ratio
from kit.programs import SERVER_CORE
from kit.servers import CLIENTS, Dotsd
from kit.table import Spread, Table

MEANING = """\
All that gathers in one turn of the loop is one transaction, and answers wait for it, so the more
requests are outstanding, the more share one synchronisation of the disk. SQLite alone, with the same
schema, pragmas and batch size: once replacing whole records at random places, once writing what dotsd
writes of a refresh, a short row more at the end and one less at the front. dotsd's CPU includes DTLS,
CoAP, the rules, an audit line a request, and its worker's part of SQLite, all on one core."""
WINDOWS = [32, 128, 512]
CHANGE_AT = 8  # iChange in the index of SQLite's write-ahead log: one up a transaction


def commits(server):
    index = (server.folder / "state/dotsd.db-shm").read_bytes()
    return struct.unpack_from("=I", index, CHANGE_AT)[0]


def record_sizes(server):
    """Bytes of a mitigation in the store, and of a lifetime."""
    db = sqlite3.connect(f"file:{server.folder}/state/dotsd.db?mode=ro", uri=True)
    sizes = dict(db.execute("SELECT kind, avg(length(value)) FROM record GROUP BY kind"))
    db.close()
    return int(sizes["mitigation"]), int(sizes["lifetime"])


def sqlite_alone(bench, mode, rows, size, batch):
    folder = bench.new_path("sqlite")
    folder.mkdir()
    argv = ["taskset", "-c", str(SERVER_CORE), bench.program("floor_sqlite"), folder, mode, rows,
            size, batch, bench.scale["seconds"]]
    out = subprocess.run([str(a) for a in argv], check=True, capture_output=True, text=True)
    return json.loads(out.stdout) | {"bad": 0, "lost": 0}


def measure(bench, load, server, window, rows, sizes, series):
    """One run of ours, then SQLite alone with the batches that ours had."""
    ours, replace, append, batches = series
    load.ask(f"run put 0.1 {window} {rows}")
    before = commits(server)
    got = load.ask(f"run put {bench.scale['seconds']} {window} {rows}")
    ours.add(got)
    # Also those before and after the measured time were committed.
    batches.add(got["all"] / max(commits(server) - before, 1))
    batch = max(1, round(batches.values[-1]))
    replace.add(sqlite_alone(bench, "replace", rows, sizes[0], batch))
    append.add(sqlite_alone(bench, "append", rows, sizes[1], batch))


def run(bench):
    rows = bench.scale["sessions"][-1]
    table = Table(f"5. Refresh PUT and the store ({rows:,} mitigations)",
                  ["outstanding", "what", "refreshes/s", "CPU us/refresh", "refreshes/commit",
                   "rate over SQLite alone"], MEANING)
    server = Dotsd(bench)
    load = load_for(bench, server, CLIENTS)
    load.ask(f"each put 0 {rows} 512")
    load.ask(f"run put 0.1 32 {rows}")
    sizes = record_sizes(server)
    series = {w: (Series("dotsd"), Series("SQLite alone, whole records"),
                  Series("SQLite alone, lifetimes"), Spread()) for w in WINDOWS}
    for _ in range(bench.scale["runs"]):
        for window in WINDOWS:
            measure(bench, load, server, window, rows, sizes, series[window])
    for window, (ours, replace, append, batches) in series.items():
        for s in (ours, replace, append):
            table.row(str(window), s.name, s.rate, s.cpu, batches, ratio(ours.rate, s.rate))
            s.count(table, f"{window} outstanding,")
    table.note(f"a record has {sizes[0]} bytes, a lifetime {sizes[1]}; each commit is synchronised "
               "to the disk")
    return table
