"""Hostile HTTP at a server with a data channel: from strangers, from a client that says everything wrong, and
from one at all of its limits. A good client of the data channel has its right answers meanwhile, and one of the
signal channel has all of its own; how long these take is measured in turns, with the storm and without."""
import collections
import contextlib
import queue
import signal
import socket
import statistics
import struct
import subprocess
import threading
import time

import http_messages
from rig import cbor
from rig.case import Failure, spread, until
from rig.network import Rig, now_ms
from rig.watch import Memory, Tenant
from rig.web import MODULE, NAME, ROOT, Ended, Line, Web, entry, request
from rig.webstorm import Storm

TITLE = "hostile HTTP beside good clients of both channels"
UNIT, FULL, SHORT = "mutated requests", 20000, 600

SERVER, SIGNAL, PORT = "192.0.2.10", 4646, 443
GOOD = http_messages.OTHERS
PAIRS, PAIRS_SHORT, SECONDS, PACE_S = 20, 5, 2.0, 0.005
# How many times as slow the signal channel may be with the storm, in half of the pairs at least; of few pairs more.
SLOWER_MAX, SLOWER_MAX_SHORT = {"median": 2, "p99": 3}, {"median": 2, "p99": 5}
MUTANTS = 8               # connections that mutated requests go over
PATIENCE_S = 20
QUIET_S = 0.3             # what waits for more of a request says nothing
ELSEWHERE = "100.64.0.0/10"
GROWTH_MAX, GROWTH_LEFT = 40 * 1024, 8 * 1024  # KiB
STATUSES = {200, 201, 204, 304, 400, 401, 403, 404, 405, 406, 408, 409, 412, 413, 415, 417, 429, 431, 501, 503, 505}
FENCE = request("OPTIONS", "/.well-known/host-meta")


def configure(rig):
    cfg = rig.agents.configs["s"]
    cfg["clients"] = {
        "good": {"certificates": ["good.example"], "prefixes": ["198.51.100.128/25"]},
        "storm": {"certificates": ["storm.example"], "prefixes": ["198.18.0.0/16"]},
        "mutant": {"certificates": ["mutant.example"], "prefixes": ["198.19.0.0/16"],
                   "limits": {"requests-per-second": 1000000}}}
    cfg["data-channel"] = {"listen": [{"address": SERVER, "port": PORT}]}
    cfg["session"] = {"heartbeat-interval": 1, "missing-hb-allowed": 5}


def own(rig, name):
    return rig.pki.leaf("CA", f"{name}.example", "clientAuth")


def config_of(web):
    """What a client has on record, as it sees it."""
    a = until(lambda: next(filter(lambda a: a.status != 429, [web("GET", f"{ROOT}?content=config")]), None),
              "a client may ask again", tick=1)
    if a.status != 200:
        raise Failure(f"the records of a client: {a}")
    return a.json[f"{MODULE}:dots-data"].get("dots-client", [])


class Records(threading.Thread):
    """The good client of the data channel: writes, reads and removes, and knows what there has to be."""

    def __init__(self, rig):
        super().__init__(daemon=True)
        self.web = Web((SERVER, PORT), own(rig, "good"), ns=rig.net.full("c"))
        self.over, self.wrong, self.times, self.n = threading.Event(), [], [], 0
        self.aliases = {}
        self.expect(201, "POST", ROOT, {f"{MODULE}:dots-client": [{"cuid": GOOD}]})
        self.write("site")
        self.acl = {"name": "f", "type": "ipv4-acl-type", "activation-type": "deactivate", "aces": {"ace": [
            {"name": "r", "matches": {"ipv4": {"destination-ipv4-network": "198.51.100.128/25"}},
             "actions": {"forwarding": "drop"}}]}}
        self.expect(201, "PUT", f"{entry(GOOD)}/acls/acl=f", {f"{MODULE}:acl": [self.acl]})

    def expect(self, status, *words):
        begun = time.monotonic()
        a = self.web(*words)
        self.times.append((begun, time.monotonic() - begun))
        if a.status != status:
            raise Failure(f"the good client of the data channel: {status} was expected of {words[:2]}: {a}")
        return a

    def write(self, name):
        self.n += 1
        alias = {"name": name, "target-prefix": [f"198.51.100.{128 + self.n % 128}/32"]}
        self.expect(204 if name in self.aliases else 201, "PUT", f"{entry(GOOD)}/aliases/alias={name}",
                    {f"{MODULE}:alias": [alias]})
        self.aliases[name] = alias

    def look(self):
        a = self.expect(200, "GET", f"{entry(GOOD)}/aliases?content=config")
        got = a.json[f"{MODULE}:aliases"]["alias"]
        if got != [self.aliases[name] for name in sorted(self.aliases)]:
            raise Failure(f"the good client of the data channel sees {got} instead of {self.aliases}")

    def step(self):
        self.write(f"a{self.n % 7}")
        self.look()
        if self.n % 5 == 0 and len(self.aliases) > 2:
            name = next(n for n in self.aliases if n != "site")
            self.expect(204, "DELETE", f"{entry(GOOD)}/aliases/alias={name}")
            del self.aliases[name]

    def run(self):
        try:
            while not self.over.wait(0.05):
                self.step()
        except (Failure, Ended, TimeoutError) as e:
            self.wrong.append(e)

    def stop(self):
        self.over.set()
        if self.is_alive():
            self.join()
        if self.wrong:
            raise Failure(f"the good client of the data channel: {self.wrong}")

    def judge(self):
        """All that it has written is there, and nothing else."""
        (found,) = config_of(self.web)
        wanted = {"cuid": GOOD, "aliases": {"alias": [self.aliases[n] for n in sorted(self.aliases)]},
                  "acls": {"acl": [self.acl]}}
        found["acls"]["acl"][0]["type"] = self.acl["type"]  # shown with its module
        found["acls"]["acl"][0]["aces"]["ace"][0]["actions"]["forwarding"] = "drop"
        if found != wanted:
            raise Failure(f"on record is {found} instead of {wanted}")


class Quiet(Tenant):
    """The client of the signal channel, in the thread that measures."""

    def __init__(self, rig):
        super().__init__(rig, "c", SERVER, "good-signal-0000000000", "198.51.100.200/32", tries=5)

    def refresh(self):
        return self.peer.put("good", self.cuid, 1, cbor.scope(self.target), seconds=self.patience)

    def sample(self, seconds):
        """Seconds to each answer."""
        first, end = len(self.answers), time.monotonic() + seconds
        while time.monotonic() < end:
            for ask, code in ((self.get, "2.05"), (self.refresh, "2.04"), (self.beat, "2.04")):
                self.one(ask, code)
                time.sleep(PACE_S)
        return [took for _, took in self.answers[first:]]


def percentile(times, share):
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def processor(rig):
    """Seconds that the server has run."""
    with open(f"/proc/{rig.pid('s')}/schedstat", encoding="ascii") as f:
        return int(f.read().split()[0]) / 1e9


def compare(case, rig, quiet, records, storms):
    """In turns, with the storm and without; how many times as slow the signal channel is."""
    ratios, told, busy = collections.defaultdict(list), collections.defaultdict(list), []
    for _ in range(PAIRS if case.rounds > SHORT else PAIRS_SHORT):
        samples = []
        for word in ("off", "on"):
            for s in storms:
                s.turn(word)
            begun, before = time.monotonic(), processor(rig)
            answers = quiet.sample(SECONDS)
            data = [took for at, took in list(records.times) if at >= begun]
            samples.append({"signal channel": answers, "data channel": data})
            if word == "on":
                busy.append((processor(rig) - before) / (time.monotonic() - begun))
        for channel in samples[0]:
            for share, name in ((0.5, "median"), (0.99, "p99")):
                pair = [percentile(s[channel], share) if s[channel] else PATIENCE_S for s in samples]
                told[channel, name].append(pair)
                ratios[channel, name].append(pair[1] / pair[0])
        rig.check_alive()
    for s in storms:
        s.turn("off")
    for key, pairs in told.items():
        case.figure(f"{key[0]}, {key[1]}: ms without, with (medians), ratio of the pairs (min / median / max)",
                    f"{statistics.median(p[0] for p in pairs) * 1000:.2f}, "
                    f"{statistics.median(p[1] for p in pairs) * 1000:.2f}, {spread(ratios[key])}")
    case.figure("share of a core that the server took in the storm (min / median / max)", spread(busy))
    return {name: statistics.median(ratios["signal channel", name]) for name in SLOWER_MAX}


def judge_ratios(case, slower):
    most = SLOWER_MAX if case.rounds > SHORT else SLOWER_MAX_SHORT
    if any(slower[name] > most[name] for name in most):
        raise Failure(f"the signal channel is as many times as slow with the storm: {slower}, at most {most}")


# ---- what each thing has to get ----


class Table:
    def __init__(self, case, rig):
        self.case, self.rig, self.line, self.wrong = case, rig, None, []

    def begin(self):
        return Line((SERVER, PORT), own(self.rig, "mutant"), ns=self.rig.net.full("att"))

    def judge(self, row):
        """None, or what came instead."""
        self.line = self.line or self.begin()
        try:
            try:
                self.line.say(row.data)
            except Ended:
                pass  # it may have said why before all was sent
            a = self.line.answer(head=row.data.startswith(b"HEAD "), seconds=PATIENCE_S)
        except (Ended, TimeoutError, ValueError) as e:
            return f"{type(e).__name__} {e}"
        if a.status not in row.statuses:
            return a
        if a.status >= 400 and not a.body:
            return f"{a}, which says nothing"
        if row.ends and not self.line.is_ended(PATIENCE_S):
            return f"{a}, and the connection goes on"
        if not row.ends and self.line.ask(FENCE, seconds=PATIENCE_S).status != 200:
            return f"{a}, and then nothing right"
        return None

    def run(self):
        n = 0
        for row in http_messages.rows():
            n += 1
            try:
                wrong = self.judge(row)
            except (Ended, TimeoutError) as e:
                wrong = f"then {type(e).__name__} {e}"
            if wrong:
                self.wrong.append(f"{row.what}: {' or '.join(map(str, row.statuses))}"
                                  f"{' and the end' * row.ends} expected, {wrong}")
            if wrong or row.ends:
                self.line.close()
                self.line = None
        self.case.figure("messages with a known answer", n)
        self.tell()

    def ends(self):
        """Who ends its direction, or is gone, wherever it is: the connection ends, answered or not."""
        parts, n = [b"", b"GET /", request("GET", ROOT), request("GET", ROOT) * 20,
                    request("PUT", ROOT, b"[" * 1000)[:-500]], 0
        for part in parts:
            for how in ("half closed", "half closed without a word", "gone", "reset"):
                n += 1
                line = self.begin()
                line.say(part)
                if not self.leave(line, how):
                    self.wrong.append(f"{how} behind {part[:20]!r} of {len(part)}: the connection stays")
                line.close()
        self.case.figure("ways to leave", n)
        self.tell()

    @staticmethod
    def leave(line, how):
        """Whether it is over at our end."""
        if how == "reset":
            line.s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if how in ("gone", "reset"):
            return True
        if how == "half closed without a word":
            socket.socket.shutdown(line.s, socket.SHUT_WR)
            return line.is_ended(PATIENCE_S)
        with contextlib.suppress(OSError):
            line.s.unwrap()  # waits for the other side to say so, too
        return True

    def tell(self):
        if self.wrong:
            raise Failure("\n".join([*self.wrong[:50], f"{len(self.wrong)} in all"]))


class Mutants:
    """Mutated requests over a few connections at a time: each gets answers, the end, or waits for more."""

    def __init__(self, case, rig):
        self.case, self.rig = case, rig
        self.source = http_messages.Mutations(case.rng("mutations"))
        self.counts, self.wrong, self.work = collections.Counter(), [], queue.SimpleQueue()

    def one(self, line, data):
        """Whether the connection goes on."""
        line.say(data + FENCE)
        while True:
            try:
                a = line.answer(seconds=QUIET_S)
            except TimeoutError:
                self.counts["waits for more"] += 1
                return False
            self.counts[a.status] += 1
            if a.status not in STATUSES:
                self.wrong.append(f"{data!r}: {a}")
            if a.status == 200 and a.fields.get("allow") == "GET, HEAD, OPTIONS":
                return not line.rest and a.fields.get("connection") != "close"

    def through(self):
        line = None
        while (data := self.work.get()) is not None:
            try:
                line = line or Line((SERVER, PORT), own(self.rig, "mutant"), ns=self.rig.net.full("att"))
                goes_on = self.one(line, data)
            except Ended:
                self.counts["ended"] += 1
                goes_on = False
            except ValueError as e:
                self.wrong.append(f"{data!r}: {e}")
                goes_on = False
            if not goes_on and line:
                line.close()
                line = None
        if line:
            line.close()

    def run(self):
        own(self.rig, "mutant")
        threads = [threading.Thread(target=self.through, daemon=True) for _ in range(MUTANTS)]
        for _ in range(self.case.rounds):
            self.work.put(self.source.next())
        for t in threads:
            self.work.put(None)
            t.start()
        for t in threads:
            until(lambda t=t: not t.is_alive(), "mutated requests come to an end", 3600,
                  watch=self.rig.check_alive)
        self.case.figure("mutated requests, and what came", f"{self.case.rounds}, " + ", ".join(
            f"{k} {v}" for k, v in sorted(self.counts.items(), key=str)))
        if self.wrong:
            raise Failure("\n".join([*self.wrong[:20], f"{len(self.wrong)} in all"]))


# ---- TLS ----


class Openssl:
    """What Python's ssl does not do."""

    def __init__(self, rig):
        self.rig, self.own = rig, own(rig, "mutant")

    def argv(self, *more):
        o = self.own
        return ["openssl", "s_client", "-connect", f"{SERVER}:{PORT}", "-servername", NAME, "-CAfile", o["trust"],
                "-cert", o["certificate"], "-key", o["key"], *map(str, more)]

    # 9325-3.5
    def renegotiation(self):
        """A wish to renegotiate is refused, or ends the connection."""
        p = subprocess.Popen(self.rig.net.argv("att", self.argv("-tls1_2")), stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        p.stdin.write(b"R\n")
        p.stdin.flush()
        with contextlib.suppress(subprocess.TimeoutExpired):
            p.wait(PATIENCE_S)
        alive = p.poll() is None
        p.kill()
        text = p.communicate()[0].decode(errors="replace")
        if alive or "RENEGOTIATING" not in text or text.count("Certificate chain") > 1:
            raise Failure(f"renegotiation: {text[-600:]}")

    # 8040-2.1, 9325-3.5
    def early_data(self):
        """Nothing is taken before the handshake is done."""
        folder = self.rig.folder
        (folder / "early").write_bytes(request("DELETE", entry(http_messages.MINE)))
        ask = request("GET", ROOT, fields=[("Connection", "close")]).decode()
        self.rig.net.run("att", self.argv("-tls1_3", "-ign_eof", "-sess_out", folder / "ticket"), ask,
                         check=False, timeout=PATIENCE_S)
        if not (folder / "ticket").exists():
            raise Failure("no ticket")
        r = self.rig.net.run("att", self.argv("-tls1_3", "-ign_eof", "-sess_in", folder / "ticket", "-early_data",
                                              folder / "early"), ask, check=False, timeout=PATIENCE_S)
        if "HTTP/1.1 200" not in r.stdout or "Early data was accepted" in r.stdout:
            raise Failure(f"early data: {r.stdout[-600:]}")


# ---- before and after ----


def restart(rig, views):
    """What is on record is there after SIGKILL: each client sees the same, and nobody has anything else."""
    before, killed = {name: config_of(web) for name, web in views.items()}, now_ms()
    rig.stop("s", how=signal.SIGKILL)
    rig.start("s")
    rig.until_event("s", "rules-reconciled", killed)
    for name, web in views.items():
        web.close()
        after = config_of(web)
        if after != before[name]:
            raise Failure(f"{name} has something else on record after a restart: {before[name]}, then {after}")


def judge_sessions(case, rig, quiet, begun):
    lost = [str(r) for event in ("session-silent", "session-down") for r in rig.events("s", event, begun, peer="good")]
    beats = len(rig.events("s", "heartbeat", begun, direction="out", peer="good"))
    case.figure("heartbeats to the client of the signal channel, sessions lost", f"{beats}, {len(lost)}")
    if lost or not beats or quiet.peer.state["good"] != "up":
        raise Failure(f"the client of the signal channel: {beats} heartbeats, lost {lost[:3]}")


def storms_of(case, rig):
    rig.net.run("att", ["ip", "route", "add", "local", ELSEWHERE, "dev", "lo"])
    shown = own(rig, "storm")
    return [Storm(rig, "att", role="client", to=[SERVER, PORT], own=shown, seed=case.seed,
                  sources=[f"100.64.{n}.1" for n in range(8)]),
            Storm(rig, "att", role="strangers", to=[SERVER, PORT], own=shown, seed=case.seed,
                  sources=[f"100.65.{n}.1" for n in range(60)])]


def was_at_its_limits(codes):
    """Else the storm proves nothing."""
    for what in ("one_more: 409", "stranger: 403", "larger: 409", "one_more_filter: 409", "too_long: 413",
                 "large: 413", "all rewritten: 204", "nobody's request: 401", "pipelined: 200", "reader: 200"):
        if not codes.get(what):
            raise Failure(f"the storm never had {what}: {codes}")


# 8040-12-05, 8783-10-19, 8783-10-20
def run(case):
    with Rig(case, "tests/torture/one-server.lab", configure) as rig:
        rig.start("s")
        rig.until_event("s", "rules-reconciled")
        alone = rig.alone("s")
        quiet, records, begun = Quiet(rig), Records(rig), now_ms()
        storms = storms_of(case, rig)
        memory, descriptors = Memory(rig, "s"), rig.descriptors("s")
        memory.start()
        records.start()
        table = Table(case, rig)
        table.run()
        table.ends()
        tls = Openssl(rig)
        tls.renegotiation()
        tls.early_data()
        Mutants(case, rig).run()
        slower = compare(case, rig, quiet, records, storms)
        codes = collections.Counter()
        for s in storms:
            codes.update(s.finish())
        case.figure("what the storm was told", dict(sorted(codes.items())))
        records.stop()
        was_at_its_limits(codes)
        if alone:
            judge_ratios(case, slower)
        judge_sessions(case, rig, quiet, begun)
        quiet.finish(case)
        memory.finish(case, GROWTH_MAX, GROWTH_LEFT)
        rig.until(lambda: rig.descriptors("s") <= descriptors,
                  lambda: f"{rig.descriptors('s')} descriptors, {descriptors} before", 120)
        records.judge()
        views = {name: Web((SERVER, PORT), own(rig, name), ns=rig.net.full("c"))
                 for name in ("good", "storm", "mutant")}
        restart(rig, views)
        records.web.close()
        records.judge()
        case.figure("requests of the good client of the data channel, slowest answer",
                    f"{len(records.times)}, {max(t for _, t in records.times) * 1000:.0f} ms")
