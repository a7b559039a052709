"""1: a mitigation GET and a refresh PUT beside the floors and libcoap's server."""
from kit.figures import WINDOW, WINDOW_ONE, Series, load_for, ratio
from kit.programs import BenchError
from kit.servers import Dotsd, Floor, Libcoap
from kit.table import Table, short

LIMIT_FLOOR = 2.5
MEANING = """\
One mitigation read (GET of its mid), and one refreshed (PUT with the same body, answered once it is on
disk), drawn at random, 128 requests outstanding over all sessions (32 on a single one). Beside it in
the same run: what the kernel takes for the same datagrams (UDP echo), what DTLS adds (DTLS echo:
GnuTLS, the same cipher suite and sizes), and the packaged `coap-server-gnutls` of libcoap, which looks
through all its sessions for each datagram. The last column is what all of CoAP, CBOR, the DOTS rules
and the store cost beyond the association."""
LIMIT_LIBCOAP = {1000: 3, 10000: 50}


def start(bench, sessions):
    """What is measured: series and how to run it, in the order of a round."""
    window = WINDOW if sessions > 1 else WINDOW_ONE
    seconds = bench.scale["seconds"]
    dotsd = load_for(bench, Dotsd(bench), sessions)
    made = dotsd.ask(f"each put 0 {sessions} {window}")
    size = dotsd.ask(f"run get {seconds / 10} {window} {sessions}")
    if made["ok"] != sessions or not size["ok"]:
        raise BenchError(f"preparing: {made} {size}")
    udp = load_for(bench, Floor(bench, "floor_udp", size["answer_on"], dtls=False), sessions,
                   request=size["request_on"], answer=size["answer_on"])
    dtls = load_for(bench, Floor(bench, "floor_dtls", size["answer"], dtls=True), sessions,
                    request=size["request"], answer=size["answer"])
    try:
        libcoap = load_for(bench, Libcoap(bench), sessions)
    except BenchError:
        libcoap = None  # too slow to get so many sessions on a busy machine
    return size, [(Series(name), load, f"run {kind} {seconds} {window} {sessions}")
                  for name, load, kind in (("UDP echo", udp, "echo"), ("DTLS echo", dtls, "echo"),
                                           ("dotsd GET", dotsd, "get"),
                                           ("dotsd refresh PUT", dotsd, "put"),
                                           ("libcoap GET", libcoap, "root"))]


def measure(bench, table, sessions):
    size, things = start(bench, sessions)
    for _ in range(bench.scale["runs"]):
        for series, load, command in things:
            if load:
                series.add(load.ask(command))
    bench.stop_all()
    by_name = {series.name: series for series, _, _ in things}
    floor, get = by_name["DTLS echo"], by_name["dotsd GET"]
    for series, _, _ in things:
        table.row(f"{sessions:,}", series.name, series.rate, series.cpu, series.busy,
                  ratio(series.cpu, floor.cpu))
        series.count(table, f"{sessions:,} sessions,")
    table.note(f"{sessions:,} sessions: GET {size['request_on']} bytes there, "
               f"{size['answer_on']} back")
    table.limit(f"{sessions:,} sessions: CPU of GET over DTLS echo", ratio(get.cpu, floor.cpu),
                LIMIT_FLOOR)
    libcoap = by_name["libcoap GET"]
    if sessions in LIMIT_LIBCOAP and libcoap.cpu.values:
        table.note(f"{sessions:,} sessions: libcoap's GET takes {short(ratio(libcoap.cpu, get.cpu))} "
                   "times the CPU of ours, which is what the rates come to on a core of one's own")
    if sessions in LIMIT_LIBCOAP:
        table.limit(f"{sessions:,} sessions: GET per second over libcoap's",
                    ratio(get.rate, libcoap.rate), LIMIT_LIBCOAP[sessions], True)


def run(bench):
    table = Table("1. Requests (PSK, one core each for server and load generator)",
                  ["sessions", "server", "requests/s", "CPU us/request", "core busy %",
                   "CPU over DTLS echo"], MEANING)
    for sessions in bench.scale["sessions"]:
        measure(bench, table, sessions)
    return table
