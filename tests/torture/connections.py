"""The hostile client over TCP: what messages.py, stories.py and matrix.py have is said there as well
(hostile.py); this is what TCP and TLS have of their own. What each thing has to get stands in
streams.py, or beside it here."""
import collections

import messages
import mutations
import streams
from messages import ANSWER_S
from rig import coap
from rig.case import Failure, until
from rig.peer import TLS12, TLS13
from rig.watch import peer_in
from streams import ABORT, ENDED, UP

SHARE = 16            # `half-open-per-prefix`
OPEN_AT_ONCE = 8      # so that those that are held have their places besides
SESSIONS = 8          # `sessions` of a client
CROWD = 1000
LINE_MAX = 50000      # bytes that the peer is told at a time
HANDSHAKE_S = 20      # `handshake-timeout`
UNSAID = {"nothing": b"", "half-a-CSM": b"\x00", "empty-messages": b"\0\0" * 10}


def tell_all(wrong):
    """Fails if there is something."""
    if wrong:
        raise Failure("\n".join(wrong[:50] + [f"{len(wrong)} in all"]))


class Connections:
    """hostile: the client over TLS; at: the daemon it is at; tenant: who wants its answers meanwhile."""

    def __init__(self, hostile, at, tenant):
        self.hostile, self.at, self.rig, self.evil = hostile, at, hostile.rig, hostile.evil
        self.rng, self.case, self.tenant = hostile.case.rng("connections"), hostile.case, tenant
        self.wrong = []

    # ---- sessions ----

    def begin(self, name, over=TLS13, greet=True):
        self.evil.over(over)
        self.evil.psk(name, self.hostile.server, *self.hostile.proof)
        if greet:
            self.evil.up(name)
        elif self.evil.settled(name) != "up" or not self.evil.take(
                name, lambda m: m.code == "7.01", ANSWER_S):
            raise Failure(f"{name}: {self.evil.state[name]}, without a greeting")

    def sessions(self):
        """Those that the daemon has with this client over TCP."""
        return sum(s["client"] == "evil" and s["transport"] == "tcp"
                   for s in self.rig.ask(self.at, "sessions")["clients"])

    def others_are_served(self):
        seen = len(self.tenant.answers)
        until(lambda: len(self.tenant.answers) > seen + 20 or self.tenant.wrong,
              "the well-behaved client has its answers", ANSWER_S)

    def until_sessions(self, n):
        self.rig.until(lambda: self.sessions() == n,
                       lambda: f"{n} sessions of the client: {self.sessions()}", 60)

    # ---- what is said ----

    # 8323-3.2-01, 8323-3.2-02, 8323-3.3-03, 8323-3.3-04, 8323-3.4-01, 8323-5.2-01, 8323-5.3-01,
    # 8323-5.3.1-02, 8323-5.4-01, 8323-5.4-02, 8323-5.5-02, 8323-5.6-01, 8323-5.6-02, 8323-5.6-03
    def tables(self):
        n, live = 0, False
        for row in streams.greetings():
            n += 1
            self.begin("said", greet=False)
            self.judge(row)
            self.evil.close("said", "drop")
        for row in (*streams.signals(), *streams.lengths(), *streams.pieces()):
            n += 1
            if not live:
                self.evil.close("said", "drop")
                self.begin("said")
            live = self.judge(row) and row.then == UP
        self.evil.close("said", "drop")
        self.case.figure("what only a stream can say, with a known end", n)
        tell_all(self.wrong)

    def judge(self, row):
        """True: as it should be."""
        for part in row.parts:
            self.evil.send("said", part)
        wrong = self.outcome("said", row)
        if wrong:
            self.wrong.append(f"{row.rule} {row.what}: {' '.join(row.comes) or 'nothing'}, then "
                              f"{row.then} expected, {wrong}")
        return not wrong

    # 8323-3.3-04
    def not_greeted(self):
        """Sessions whose CSM is to come for ever."""
        for name, data in UNSAID.items():
            self.begin(name, greet=False)
            if data:
                self.evil.send(name, data)

    def not_greeted_are_over(self):
        for name in UNSAID:
            wrong = self.outcome(name, streams.Row("", "", [], then=ABORT), 2 * HANDSHAKE_S)
            if wrong:
                self.wrong.append(f"{name} in place of a CSM: {wrong}")
        tell_all(self.wrong)

    def outcome(self, name, row, seconds=ANSWER_S):
        """None, or what came and became of it instead."""
        if row.then == UP:
            end = UP if self.evil.fence(name, seconds) else self.evil.state[name]
        else:
            end = self.evil.end_of(name, seconds) or "it is up"
        came = [self.evil.parse(name, d) for d in self.evil.data.pop(name, [])]
        aborts = [m for m in came if m.code == "7.05"]
        codes = [m.code for m in came if m.code != "7.05"]
        if row.then != UP and end == "closed by the server":
            end = ABORT if aborts else ENDED
        if codes != list(row.comes) or end != row.then or (end == ABORT and not aborts[0].payload):
            return f"{' '.join(codes) or 'nothing'}, then {end} {aborts}"
        number = aborts[0].option(coap.BAD_CSM_OPTION) if aborts else None
        if row.bad != (number and int.from_bytes(number, "big")):
            return f"Bad-CSM-Option is {number}"
        return None

    # ---- ends ----

    # 8323-5.5-01, 8446-6.1
    def ends(self):
        """However a connection ends, what was asked before is answered where somebody listens, and
        nothing of it stays."""
        before = self.sessions()
        for how in ("bye", "shut", "close", "drop", "reset"):
            for rest in (b"", b"\x0d", streams.config()[:9], b"\xe0\x00\x00\x03" + bytes(100)):
                self.begin("end")
                self.evil.send("end", streams.config() + rest)
                self.evil.tell(how, "end") if how in ("bye", "shut") else self.evil.close("end", how)
                if how in ("bye", "shut"):
                    self.half_closed(how, rest)
            self.until_sessions(before)
        self.released()
        self.watched()
        tell_all(self.wrong)

    def half_closed(self, how, rest):
        m = self.evil.take("end", lambda m: m.code == "2.05", ANSWER_S)
        why = self.evil.end_of("end", ANSWER_S)
        if not m or not why:
            self.wrong.append(f"{how} after {rest!r}: the answer before it is {m}, the end {why}")

    def released(self):
        """What is asked after a Release may be answered or not (8323-5.5-01: the RFC has it that
        nobody asks); the connection ends."""
        for together in (True, False):
            self.begin("end")
            parts = [streams.config(b"1"), coap.stream(coap.RELEASE)] + [
                streams.config(b"%d" % i) for i in range(2, 100)]
            for data in [b"".join(parts)] if together else parts:
                self.evil.send("end", data)
            why = self.evil.end_of("end", ANSWER_S)
            came = [self.evil.parse("end", d) for d in self.evil.data.pop("end", [])]
            tokens = [m.token for m in came]
            if not why or tokens[:1] != [b"1"] or len(set(tokens)) != len(tokens) or any(
                    m.code != "2.05" for m in came):
                self.wrong.append(f"after a Release: {came}, {why}")

    # 8323-3.4-02
    def watched(self):
        """Observations go with their connection, however it ends."""
        def observers():
            return self.rig.ask(self.at, "clients", "evil")["clients"][0]["observers"]["has"]

        before = observers()
        self.evil.put("evil", messages.MINE, 8, messages.GOOD)
        for how in ("close", "drop", "reset"):
            self.begin("end")
            self.evil.send("end", coap.stream(coap.GET, b"watch", [
                *coap.mitigate(f"cuid={messages.MINE}", "mid=8"), (coap.OBSERVE, b"")]))
            self.evil.fence("end", ANSWER_S)
            if observers() != before + 1:
                self.wrong.append(f"{observers()} observers instead of {before + 1}")
            self.evil.close("end", how)
            self.rig.until(lambda: observers() == before, f"no more observers after {how}", 60)
        self.evil.delete("evil", messages.MINE, 8)

    # ---- TLS ----

    def said_to_tls(self):
        """(version, what, its steps, what may become of the session)"""
        evil = self.evil

        def raw(data):
            return lambda: evil.tell("raw", "tls", data.hex())

        def tell(*words):
            return lambda: evil.tell(words[0], "tls", *words[1:])

        def empty(n):
            return lambda: [evil.send("tls", b"") for _ in range(n)]

        for over in (TLS12, TLS13):
            yield over, "150 empty records", empty(150), {UP}
            # As many in a row as the library reads at a time are too many.
            yield over, "20,000 empty records", empty(20000), {UP, ENDED}
            yield over, "its last record again", tell("again", 1), {ENDED}
            yield over, "its last record a thousand times", tell("again", 1000), {ENDED}
            yield over, "a fatal alert", tell("alert", 2, 80), {ENDED}
            yield over, "10,000 warnings", lambda: [tell("alert", 1, 90)() for _ in range(10000)], {
                UP, ENDED}
            for what, data in (
                    ("random bytes", self.rng.randbytes(500)), ("HTTP", b"GET / HTTP/1.1\r\n\r\n"),
                    ("an alert in the clear", streams.record(21, b"\x02\x28")),
                    ("a farewell in the clear", streams.record(21, b"\x01\x00")),
                    ("a hello in the clear", streams.record(22, streams.hello(self.rng))),
                    ("a message in the clear", streams.record(23, streams.config())),
                    ("a record that is no record", streams.record(23, self.rng.randbytes(60))),
                    ("a record of 65535 bytes", streams.record(23, bytes(100), length=65535)),
                    ("a record of 2^14+257 bytes", streams.record(23, bytes(16641)))):
                yield over, what, raw(data), {ENDED}
        for what, kind, body, end in streams.sealed(self.rng):
            yield TLS13, what, lambda kind=kind, body=body: [
                evil.tell("record", "tls", kind, b.hex() or "-") for b in body], {end}
        yield TLS12, "a wish to renegotiate", tell("renegotiate"), {ENDED}
        yield TLS13, "four times new keys", tell("rekey", 4), {UP}
        yield TLS13, "10,000 times new keys", tell("rekey", 10000), {ENDED}

    # 9325-3.5, 8446-4.6.3
    def tls(self):
        before, n = self.sessions(), 0
        for over, what, do, allowed in self.said_to_tls():
            n += 1
            self.begin("tls", over)
            m = self.evil.put("tls", messages.MINE, 8, messages.GOOD)
            do()
            end = UP if self.evil.fence("tls", ANSWER_S) else (
                ENDED if self.evil.end_of("tls", ANSWER_S) not in (None, "timed out") else "it is stuck")
            if m is None or m.code not in ("2.01", "2.04") or end not in allowed:
                self.wrong.append(f"{over}, {what}: {m}, then {end}, {self.evil.state['tls']}")
            self.evil.close("tls", "drop")
        self.until_sessions(before)
        self.evil.delete("evil", messages.MINE, 8)
        self.case.figure("what breaks or bends TLS", n)
        tell_all(self.wrong)

    # ---- too much ----

    # 9132-11-09
    def pipelined(self, count):
        """So many questions before one answer is read: nothing of it is lost, and nobody keeps what
        the client does not take."""
        self.begin("flood")
        self.ask_deaf(count)
        self.others_are_served()
        self.evil.tell("hear", "flood")
        until(lambda: len(self.evil.data["flood"]) >= count or self.evil.state["flood"] != "up",
              lambda: f"{len(self.evil.data['flood'])} answers to {count} questions at once")
        came = [self.evil.parse("flood", d) for d in self.evil.data.pop("flood", [])]
        if [int.from_bytes(m.token, "big") for m in came] != list(range(count)) or any(
                m.code != "2.05" for m in came):
            raise Failure(f"{count} questions at once: {len(came)} answers, "
                          f"{self.evil.state['flood']}")
        self.case.figure("questions before one answer was read", count)
        self.ask_deaf(count)
        self.evil.close("flood", "drop")  # and leaves with all that on the way

    def ask_deaf(self, count):
        self.evil.tell("mute", "flood")
        for i in range(count):
            self.evil.send("flood", streams.config(i.to_bytes(4, "big")))
        self.evil.sync()

    def half_said(self):
        """On all sessions that the client may have: a large message that lacks its last byte."""
        data = streams.nowhere(streams.MAX - 14)
        names = [f"half{i}" for i in range(SESSIONS - 1)]
        for name in names:
            self.begin(name)
            self.evil.send(name, data[:-1])
        self.others_are_served()
        for name in names:
            self.evil.send(name, data[-1:])
            m = self.evil.take(name, lambda m: m.token == b"here", ANSWER_S)
            if not m or m.code != "4.04":
                self.wrong.append(f"a message that waited for its last byte: {m}")
            self.evil.close(name, "drop")
        tell_all(self.wrong)

    # ---- mutations ----

    def mutations(self, count):
        source, answers = mutations.Stream(self.hostile.rng), collections.Counter()
        for n in range(count):
            self.evil.send("evil", source.next())
            self.catch_up(source, answers, n)
        self.hostile.mutated(count, answers)

    def catch_up(self, source, answers, n):
        """It answers a ping, or it is over, and then another one can be begun."""
        self.evil.send("evil", source.END)
        pong = self.evil.take("evil", lambda m: m.code == "7.03" and not m.token, ANSWER_S)
        over = self.evil.state["evil"].startswith("down")
        answers.update(self.hostile.codes())
        if not pong and not over:
            raise Failure(f"after {n} mutated messages: no sign of life")
        if over:
            answers["sessions"] += 1
            self.hostile.begin()


class Strangers:
    """Who never proves anything, on connections of their own from that namespace; name: the daemon."""

    def __init__(self, rig, ns, name, server, port):
        self.rig, self.name, self.at = rig, name, (server, port)
        self.case, self.rng = rig.case, rig.case.rng("strangers")
        self.peer = peer_in(rig, ns)
        self.peer.over(TLS13)
        self.held = []  # names of connections that wait for the end of their time, and what they said
        self.wrong = []

    # 4218-1.1-04, 9132-11-09
    def come(self):
        """In place of TLS: the server hears it out, or not, and says no more than an alert."""
        table = list(streams.strangers(self.rng))
        at_once = [row for row in table if row[2] == streams.CLOSED]
        for i in range(0, len(at_once), OPEN_AT_ONCE):
            now = at_once[i:i + OPEN_AT_ONCE]
            for n, (_, data, _) in enumerate(now):
                self.throw(f"out{n}", data)
            for n, (what, _, _) in enumerate(now):
                self.gone(f"out{n}", what, HANDSHAKE_S / 2)
        for n, (what, data, end) in enumerate(table):
            if end == streams.HELD:
                self.throw(f"held{n}", data)
                self.held.append((f"held{n}", what))
        self.case.figure("what strangers said in place of TLS", len(table))
        tell_all(self.wrong)

    def throw(self, name, data):
        self.peer.open("bare", name, *self.at)
        self.peer.settled(name)
        for at in range(0, len(data), LINE_MAX):
            self.peer.raw(name, data[at:at + LINE_MAX])

    def gone(self, name, what, seconds):
        why, said = self.peer.end_of(name, seconds), b"".join(self.peer.data.pop(name, []))
        # One alert (7 bytes), or none.
        if not why or (said and (said[0] != 21 or len(said) > 7)):
            self.wrong.append(f"{what}, in place of TLS: {why}, {said.hex()}")

    def are_gone(self):
        """Those that never said enough."""
        for name, what in self.held:
            self.gone(name, what, 2 * HANDSHAKE_S)
        tell_all(self.wrong)

    def crowd(self, tenant):
        """A thousand connections that say nothing, or only hello; others come and go meanwhile."""
        for i in range(CROWD):
            self.peer.open(("bare", "bare", "bare", "stall")[i % 4], f"idle{i}", *self.at)
        for _ in range(5):
            tenant.untouched()
        self.peer.sync()
        handshakes = self.rig.ask(self.name, "status")["handshakes"]
        if handshakes > SHARE + len(UNSAID):
            raise Failure(f"{handshakes} handshakes under way for strangers of one network")
        for i in range(CROWD):
            self.peer.close(f"idle{i}", ("drop", "reset")[i % 2])
        self.case.figure("connections opened and left", CROWD)
