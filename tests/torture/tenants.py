"""One client at all of its limits that goes on asking, and a quiet one beside it: how long the quiet
one waits for its answers, with the noise and without, in turns; and that it loses nothing."""
import collections
import statistics
import time

from rig import cbor, coap
from rig.case import Failure, spread
from rig.network import Rig, now_ms
from rig.noisy import Noisy, TARGETS
from rig.watch import Tenant

TITLE = "a client at all of its limits beside a quiet one"
UNIT, FULL, SHORT = "pairs of quiet and noisy seconds", 30, 5

SERVER, PORT = "192.0.2.10", 4646
SPARE = 100             # targets that it may still have, but in no mitigation
LIMITS = {"requests-per-second": 200, "sessions": 8, "mitigations": 1000, "observers": 256,
          "cuids": 4, "handshakes-per-minute": 120, "targets-total": 1000 * TARGETS + SPARE}
# What takes too long to reach in a short time.
SMALL = LIMITS | {"requests-per-second": 100, "mitigations": 200, "observers": 64,
                  "handshakes-per-minute": 60, "targets-total": 200 * TARGETS + SPARE}
QUIET = 5               # mitigations of the quiet one
ROOM = 2 * QUIET        # what is left of everything for all others
SECONDS, PACE_S = 1.0, 0.01
# Median of the pairs' ratios of medians, in the full version only. No more than 1.2 is what is wanted;
# who makes the noise has the same processors and the same disk.
SLOWER = 1.5
CUID = "good-cuid-000000000000"


def limits(case):
    return SMALL if case.rounds <= SHORT else LIMITS


def configure(rig):
    mine = limits(rig.case)
    cfg = rig.agents.configs["s"]
    cfg["clients"] = {
        "good": {"certificates": ["good.example"], "prefixes": ["198.51.100.0/24"]},
        "noisy": {"certificates": ["noisy.example"], "prefixes": ["198.18.0.0/15"],
                  "limits": mine}}
    # If it got more than its share of anything there would be none left.
    cfg["limits"] = {"sessions": mine["sessions"] + ROOM, "mitigations": mine["mitigations"] + ROOM,
                     "targets-total": mine["targets-total"] + ROOM,
                     "observers": mine["observers"] + ROOM}
    cfg["mitigation"] = {"terminating": 0}
    cfg["session"] = {"heartbeat-interval": 1, "missing-hb-allowed": 5}


def target(mid):
    return f"198.51.100.{mid}/32"


class Quiet(Tenant):
    """Asks one thing after the other, in the thread that measures."""

    def __init__(self, rig):
        super().__init__(rig, "c", SERVER, CUID, target(1), tries=5)
        self.times, self.next = collections.defaultdict(list), QUIET
        for mid in range(2, QUIET + 1):
            self.expect(self.put(mid), "2.01")

    def put(self, mid):
        return self.peer.put("good", self.cuid, mid, cbor.scope(target(mid)), seconds=self.patience)

    def expect(self, m, code):
        if m is None or m.code != code:
            raise Failure(f"the quiet client: {code} was expected: {m}")

    def sample(self, seconds):
        """kind -> median of the seconds to the answer."""
        times, end = collections.defaultdict(list), time.monotonic() + seconds
        while time.monotonic() < end:
            for kind, ask, code in (("status", self.get, "2.05"),
                                    ("refresh", lambda: self.put(1), "2.04"),
                                    ("heartbeat", self.beat, "2.04")):
                begun = time.monotonic()
                self.one(ask, code)
                times[kind].append(time.monotonic() - begun)
                time.sleep(PACE_S)
        return {kind: statistics.median(t) for kind, t in times.items()}

    def newcomer(self):
        """What is new is granted as well: a session, a request, an observation."""
        self.untouched()
        self.next = QUIET + 1 + self.next % QUIET
        m = self.put(self.next)
        if m is None or m.code not in ("2.01", "2.04"):
            raise Failure(f"the quiet client asks for something new: {m}")
        self.observe()
        self.expect(self.peer.delete("good", self.cuid, self.next, seconds=self.patience), "2.02")

    def observe(self):
        for word in (b"", b"\x01"):  # begins and ends
            m = self.peer.request("good", coap.GET, [
                *coap.mitigate(f"cuid={self.cuid}", f"mid={self.next}"), (coap.OBSERVE, word)],
                seconds=self.patience)
            self.expect(m, "2.05")
            if (m.option(coap.OBSERVE) is None) == (word == b""):
                raise Failure(f"the quiet client observes: {m}")


def compare(case, quiet, noisy):
    """kind -> ratio of each pair."""
    ratios, times = collections.defaultdict(list), collections.defaultdict(list)
    for _ in range(case.rounds):
        before = quiet.sample(SECONDS)
        noisy.turn("on")
        during = quiet.sample(SECONDS)
        quiet.newcomer()
        noisy.turn("off")
        for kind in before:
            ratios[kind].append(during[kind] / before[kind])
            times[kind].append((before[kind] * 1000, during[kind] * 1000))
    for kind, pairs in times.items():
        case.figure(f"{kind}: ms quiet, noisy (medians), ratio of the pairs (min / median / max)",
                    f"{statistics.median(p[0] for p in pairs):.2f}, "
                    f"{statistics.median(p[1] for p in pairs):.2f}, {spread(ratios[kind])}")
    return {kind: statistics.median(r) for kind, r in ratios.items()}


def was_at_its_limits(rig, codes):
    """Else the noise proves nothing."""
    for code, what in (("5.03", "mitigations"), ("2.01", "mitigations anew"),
                       ("notified", "observers"), ("sessions refused or ended", "sessions")):
        if not codes.get(code):
            raise Failure(f"the noisy client never had {code} ({what}): {codes}")
    refused = [r.fields["reason"] for r in rig.events("s", "session-refused")]
    if not any("too many handshakes" in why for why in refused):
        raise Failure(f"the noisy client was never refused a handshake: {codes}")
    if codes.get("4.29", 0) <= codes["with one more cuid"]:
        raise Failure(f"the noisy client was never too fast: {codes}")


def stays(rig, begun, held):
    """Sessions, mitigations and filters of the quiet one."""
    for event in ("session-down", "session-silent"):
        gone = [r for r in rig.events("s", event, begun, peer="good")
                if r.fields.get("reason") != "closed by the peer"]
        if gone:
            raise Failure(f"a session of the quiet client: {list(map(str, gone))}")
    ended = rig.events("s", "mitigation-ended", begun, client="good")
    wrong = [r for r in ended if int(r.fields["mid"]) <= QUIET]
    if wrong:
        raise Failure(f"mitigations of the quiet client: {list(map(str, wrong))}")
    missing = held - {e[0] + "/32" for e in rig.elements("s")}
    if missing:
        raise Failure(f"filters of the quiet client: {missing} are not there")


def run(case):
    with Rig(case, "tests/torture/one-server.lab", configure) as rig:
        rig.start("s")
        rig.first_in_line("s")
        begun = now_ms()
        quiet = Quiet(rig)
        own = rig.pki.leaf("CA", "noisy.example", "clientAuth")
        noisy = Noisy(rig, peer=list(map(str, rig.net.argv("att", [case.binaries["peer"]]))),
                      server=SERVER, port=PORT, certificate=own["certificate"], key=own["key"],
                      limits=limits(case))
        ratios = compare(case, quiet, noisy)
        codes = noisy.finish()
        case.figure("what the noisy client was told", codes)
        quiet.finish(case)
        was_at_its_limits(rig, codes)
        stays(rig, begun, {target(mid) for mid in range(1, QUIET + 1)})
        if case.rounds > SHORT and max(ratios.values()) > SLOWER:
            raise Failure(f"the quiet client waits {ratios} times as long")
