"""5: refresh PUT with the store on disk, beside SQLite alone with as many records, as large, at the
same batch size."""
import json
import sqlite3
import struct
import subprocess

from kit.figures import Series, load_for, ratio
from kit.programs import SERVER_CORE
from kit.servers import CLIENTS, Dotsd
from kit.table import Spread, Table

WINDOWS = [32, 128, 512]
CHANGE_AT = 8  # iChange in the index of SQLite's write-ahead log: one up a transaction


def commits(server):
    index = (server.folder / "state/dotsd.db-shm").read_bytes()
    return struct.unpack_from("=I", index, CHANGE_AT)[0]


def record_size(server):
    """Bytes of a mitigation in the store."""
    db = sqlite3.connect(f"file:{server.folder}/state/dotsd.db?mode=ro", uri=True)
    size = db.execute("SELECT avg(length(value)) FROM record WHERE kind = 'mitigation'").fetchone()
    db.close()
    return int(size[0])


def sqlite_alone(bench, rows, size, batch):
    folder = bench.new_path("sqlite")
    folder.mkdir()
    argv = ["taskset", "-c", str(SERVER_CORE), bench.program("floor_sqlite"), folder, rows, size,
            batch, bench.scale["seconds"]]
    out = subprocess.run([str(a) for a in argv], check=True, capture_output=True, text=True)
    return json.loads(out.stdout) | {"bad": 0, "lost": 0}


def run(bench):
    rows = bench.scale["sessions"][-1]
    table = Table(f"5. Refresh PUT and the store ({rows:,} mitigations)",
                  ["outstanding", "what", "records/s", "CPU us/record", "records/commit",
                   "rate over SQLite alone"])
    server = Dotsd(bench)
    load = load_for(bench, server, CLIENTS)
    load.ask(f"each put 0 {rows} 512")
    size = record_size(server)
    series = {w: (Series("dotsd"), Series("SQLite alone"), Spread()) for w in WINDOWS}
    for _ in range(bench.scale["runs"]):
        for window, (ours, alone, batches) in series.items():
            load.ask(f"run put 0.1 {window} {rows}")
            before = commits(server)
            got = load.ask(f"run put {bench.scale['seconds']} {window} {rows}")
            done = commits(server) - before
            ours.add(got)
            # Also those before and after the measured time were committed.
            batches.add(got["all"] / max(done, 1))
            alone.add(sqlite_alone(bench, rows, size, max(1, round(batches.values[-1]))))
    for window, (ours, alone, batches) in series.items():
        table.row(str(window), "dotsd", ours.rate, ours.cpu, batches, ratio(ours.rate, alone.rate))
        table.row(str(window), "SQLite alone", alone.rate, alone.cpu, batches, 1)
        ours.judge(table, f"{window} outstanding,")
    table.note(f"a record has {size} bytes; each commit is synchronised to the disk")
    return table
