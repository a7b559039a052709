"""Garbage, broken and hostile messages at a server, from strangers and from a client that proved who
it is, and at the sockets of the daemons: each gets its error or silence, a second client keeps its
answers, and the memory comes back."""
import collections
import json
import socket
import struct

import cbor2

import matrix
import messages
import mutations
import stories
from connections import Connections, Strangers
from messages import ABORT, ANSWER_S, RESET, SILENCE
from rig import cbor, coap
from rig.case import Failure, until
from rig.network import Rig
from rig.peer import DTLS, TLS13
from rig.watch import Memory, Tenant, peer_in

TITLE = "garbage and hostile messages from everywhere"
UNIT, FULL, SHORT = "mutated messages", 200000, 10000

SERVER, PORT = "192.0.2.10", 4646
KEY = "00112233445566778899aabbccddeeff"
OTHERS_TOO = "good-cuid-111111111111"
GROWTH_MAX, GROWTH_LEFT = 32 * 1024, 8 * 1024  # KiB


def evil_client(rig):
    """Its entry in a configuration."""
    (rig.folder / "evil.psk").write_text(KEY + "\n")
    return {"psk": [{"identity": "evil", "file": str(rig.folder / "evil.psk")}],
            "prefixes": ["198.51.100.0/25"],
            # Each message is to get its own answer.
            "limits": {"requests-per-second": 1000000, "cuids": 16,
                       "handshakes-per-minute": 1000000}}


def configure(rig):
    cfg = rig.agents.configs["s"]
    cfg["clients"] = {"good": {"certificates": ["good.example"], "prefixes": ["198.51.100.0/24"]},
                      "evil": evil_client(rig)}
    del cfg["session"]  # heartbeats as they are by default


def tells(m):
    """More than which section it is about; or in CBOR."""
    return m.payload and not m.payload.rstrip().endswith(b":")


class Hostile:
    """The client, over DTLS or TLS."""
    terminates = True  # what is withdrawn stays for a while (RFC 9132 4.4.4)
    proof = (PORT, "evil", KEY)

    def __init__(self, case, rig, ns="c", server=SERVER, over=DTLS):
        self.case, self.rig, self.rng = case, rig, case.rng("hostile", over)
        self.server, self.over, self.evil = server, over, peer_in(rig, ns)
        self.stream = over != DTLS
        self.kinds = matrix.IN_A_STREAM if self.stream else matrix.KINDS
        self.begin()

    def begin(self):
        self.evil.over(self.over)
        self.evil.psk("evil", self.server, *self.proof)
        self.evil.up("evil")

    def figure(self, what, value):
        self.case.figure(what + ", over TCP" * self.stream, value)

    def say(self, kind, code, mid, *how, **more):
        self.evil.send("evil", self.evil.compose("evil", kind, code, mid, *how, **more))

    # ---- what each message has to get ----

    # 8811-2.2.2-20, 8612-SIG-006-01, 9132-3.1-02, 9132-4.4.1.1-66, 9132-5.1-01, 9132-5.1-02, 9132-5.1-04,
    # 9132-5.1-05, 9132-5.3-01
    def rows(self):
        n, wrong = 0, []
        for row in messages.rows(self.stream):
            for kind in row.kinds:
                n += 1
                got = self.one(row, kind)
                if got:
                    wrong.append(f"{row.rule} {row.what} ({'CON NON ACK RST'.split()[kind]}): "
                                 f"{row.expected} expected, {got}")
        self.evil.delete("evil", messages.MINE, 7)
        self.figure("messages with a known answer", n)
        if wrong:
            raise Failure("\n".join(wrong))

    def one(self, row, kind):
        """None, or what was wrong with the answer."""
        mid, token = self.evil.id("evil"), self.evil.id("evil").to_bytes(4, "big")
        how = {"code": row.code, "token": token, "options": row.options or (),
               "payload": row.payload} | row.how
        self.evil.send("evil", row.raw(kind, mid, token) if row.raw else self.evil.compose(
            "evil", kind, mid=mid, **how))
        if row.expected == ABORT:
            return self.aborted()

        def ours(m):
            return m.token == token or (m.kind == coap.RST and m.mid == mid)

        if row.expected in (SILENCE, RESET) and not self.evil.fence("evil", ANSWER_S):
            return "and then no answer at all"
        m = self.evil.take("evil", ours, 0 if row.expected == SILENCE else ANSWER_S)
        if row.expected == SILENCE:
            return f"got {m}" if m else None
        if m is None:
            return "got nothing"
        if row.expected == RESET:
            return None if m.kind == coap.RST else f"got {m}"
        return self.judge(row, m)

    def aborted(self):
        """None if that was the end of the session, with a reason; then there is another one."""
        m = self.evil.take("evil", lambda m: m.code == ABORT, ANSWER_S)
        why = self.evil.end_of("evil", ANSWER_S)
        if m is None or why is None or not tells(m):
            return f"got {m}, then {why}"
        self.begin()
        return None

    def judge(self, row, m):
        allowed = {row.expected} | ({"2.04"} if row.expected == "2.01" else set())
        if m.kind == coap.RST or m.code not in allowed:
            return f"got {m}"
        if m.code[0] in "45" and not tells(m):  # 9132-3-22
            return f"got {m}, which does not say why"
        if row.says and row.says.encode() not in m.payload:
            return f"got {m}, which does not say {row.says!r}"
        return None

    # ---- several that belong together ----

    # 8811-2.2.2-20, 8612-SEC-004-01, 9132-3-15, 9132-4.4.2-06, 9132-4.4.3-11, 9132-5.1-02, 9132-5.3-11,
    # 9132-4.4.1.3-19
    def stories(self):
        n, wrong = 0, []
        for rule, what, steps in stories.stories(self.terminates, self.stream):
            n += len(steps)
            for i, got in enumerate(self.told(steps)):
                if got:
                    wrong.append(f"{rule} {what}, message {i + 1}: {steps[i].expected} expected, {got}")
        for cuid in (stories.CUID, stories.SECOND):
            for m in self.entries(self.evil.get("evil", cuid)):
                self.evil.delete("evil", cuid, m[cbor.MID])
        self.evil.data.pop("evil", None)
        self.figure("messages that contradict others", n)
        if wrong:
            raise Failure("\n".join(wrong))

    def told(self, steps):
        """For each step None, or what was wrong with its answer."""
        mid = token = None
        for step in steps:
            if not step.same_id:
                mid = self.evil.id("evil")
                token = step.token or mid.to_bytes(4, "big")
            self.say(step.kind, step.code, mid, token, step.options, step.payload)
            silent = step.expected == SILENCE
            if silent and not self.evil.fence("evil", ANSWER_S):
                yield "and then no answer at all"
                continue
            m = self.evil.take("evil", lambda m, t=token: m.token == t and m.code != "0.00",
                               0 if silent else ANSWER_S)
            yield self.unlike(step, m)

    def unlike(self, step, m):
        if m is None or step.expected == SILENCE:
            return (f"got {m}" if m else None) if step.expected == SILENCE else "got nothing"
        if m.code != step.expected:
            return f"got {m}"
        if step.says and step.says.encode() not in m.payload:
            return f"got {m}, which does not say {step.says!r}"
        if step.holds and not step.holds(self.entries(m)):
            return f"got {m.code} {self.entries(m)}"
        return None

    @staticmethod
    def entries(m):
        """The scope entries of an answer."""
        if m.code[0] == "4" and m.option(coap.CONTENT_FORMAT) is None:
            return []
        return cbor2.loads(m.payload)[cbor.MITIGATION_SCOPE][cbor.SCOPE]

    # ---- each resource, method, part of a request ----

    # 8811-2.2.2-20, 8612-SIG-006-01, 9132-3-17, 9132-4.4.1.1-23, 9132-4.4.1.1-30, 9132-4.4.2-02,
    # 9132-4.4.2-03, 9132-4.4.4-02, 9132-4.4.4-04, 9132-9-04 and following
    def matrix(self, count):
        self.stand()
        n, wrong = 0, []
        for asked in (*matrix.singles(self.kinds), *matrix.several(
                self.case.rng("matrix"), count, self.kinds)):
            n += 1
            got = self.met(asked)
            if got:
                wrong.append(f"{asked}: {' or '.join(sorted(self.allowed(asked)))} expected, {got}")
        self.evil.delete("evil", matrix.CUID, matrix.MID)
        self.evil.request("evil", coap.DELETE, coap.path(".well-known", "dots", "config"))
        self.evil.data.pop("evil", None)
        self.figure("requests by their parts", n)
        if wrong:
            raise Failure("\n".join(wrong[:50] + [f"{len(wrong)} in all"]))

    def stand(self):
        """What the matrix is about is on record; the request once one of before is gone."""
        self.evil.request("evil", coap.PUT, [
            *coap.path(".well-known", "dots", "config", f"sid={matrix.SID}"), stories.FORMAT],
            cbor.configuration(30))
        until(lambda: self.evil.put("evil", matrix.CUID, matrix.MID, messages.GOOD).code[0] == "2",
              "the request of the matrix is taken", ANSWER_S)

    def allowed(self, asked):
        return asked.allowed()

    def met(self, asked):
        mid = self.evil.id("evil")
        token = mid.to_bytes(4, "big")
        self.say(asked.kind, asked.method, mid, token, asked.options, asked.payload)
        m = self.evil.take("evil", lambda m: m.token == token or (m.kind == coap.RST and m.mid == mid),
                           ANSWER_S)
        if m is None:
            return "got nothing"
        if m.code == "2.02":
            self.stand()
        if m.code == "2.05" and not asked.has("Observe", "absent"):
            self.deregister(asked, token)
        if (RESET if m.kind == coap.RST else m.code) not in self.allowed(asked):
            return f"got {m}"
        return None if m.kind == coap.RST or m.code[0] == "2" or tells(m) else f"got {m}, without a reason"

    def deregister(self, asked, token):
        mid, segments = self.evil.id("evil"), [f"cuid={matrix.CUID}"] * (asked.resource == "mitigate")
        self.say(coap.NON, coap.GET, mid, token, [
            *coap.path(".well-known", "dots", asked.resource, *segments), stories.OBSERVE_NO_MORE])
        self.evil.take("evil", lambda m: m.token == token and m.option(coap.OBSERVE) is None, ANSWER_S)

    # ---- who watches, and who ends that ----

    def ask(self, peer, session, message):
        """The answer to those bytes: token and Message ID are in them."""
        token = peer.parse(session, message).token
        peer.send(session, message)
        m = peer.take(session, lambda m: m.token == token, ANSWER_S)
        if m is None:
            raise Failure(f"{session}: no answer to {message.hex()}")
        return m

    def watching(self, value, token, mid, cuid, number):
        return self.evil.compose("evil", coap.NON, coap.GET, number, token, [
            *coap.mitigate(f"cuid={cuid}", f"mid={mid}"), (coap.OBSERVE, value)])

    # 9132-4.4.2.1-14, 7641-3.6, 7641-4.1
    def watchers(self, tenant):
        """An observation is ended by its own token on its own session, and by nothing else."""
        begin, end, cuid = b"", b"\x01", stories.CUID
        self.evil.put("evil", cuid, 60, cbor.scope("198.51.100.126/32"))
        registered = self.ask(self.evil, "evil", self.watching(begin, b"one", 60, cuid, 61001))
        self.ask(self.evil, "evil", self.watching(begin, b"two", 60, cuid, 61002))
        other = self.ask(self.evil, "evil", self.watching(end, b"three", 60, cuid, 61003))
        if registered.option(coap.OBSERVE) is None or other.option(coap.OBSERVE) is not None:
            raise Failure(f"Observe 0 and 1 were answered by {registered} and {other}")
        good = tenant.session("watcher")
        self.ask(good, "watcher", self.watching(begin, b"two", 1, messages.OTHERS, 61004))
        # The same token, of the other client, for the other one's request.
        for value in (end, begin, end):
            m = self.ask(self.evil, "evil", self.watching(
                value, b"four", 1, messages.OTHERS, self.evil.id("evil")))
            if m.code != "4.04":
                raise Failure(f"another client's request is watched: {m}")
        self.ask(self.evil, "evil", self.watching(end, b"two", 60, cuid, 61005))
        self.evil.delete("evil", cuid, 60)
        if not self.evil.take("evil", lambda m: m.token == b"one"
                              and self.entries(m)[0][cbor.STATUS] in (5, 6), ANSWER_S):
            raise Failure("the watcher that stays was not told")
        if self.evil.take("evil", lambda m: m.token in (b"two", b"three", b"four"), 0):
            raise Failure("who watches no more was told")
        self.ask(self.evil, "evil", self.watching(end, b"one", 60, cuid, 61006))

    def watcher_told(self, tenant):
        """The other client was told nothing of that, and is told of its own, within 15 s."""
        told = tenant.peer.take("watcher", lambda m: m.token == b"two", ANSWER_S)
        if told is None or self.entries(told)[0][cbor.MID] != 1:
            raise Failure(f"the other client's watcher was told {told}")
        tenant.peer.close("watcher")

    # ---- the same bytes from two clients ----

    # 9132-3-15, 9132-11-05, 8612-SEC-003-01
    def twins(self, tenant):
        """Who asks decides on the answer: nothing is kept by what was asked."""
        good, cuid, shared = tenant.session("twin"), messages.OTHERS, "shared-cuid-0000000000"
        for mid in range(100, 130):
            good.put("twin", cuid, mid, cbor.scope(f"198.51.100.{mid + 101}/32"))
        more = [(coap.BLOCK2, b"\x02")]  # 64 bytes at a time
        ask = [
            (coap.GET, coap.mitigate(f"cuid={cuid}", "mid=1"), b"", "2.05", "4.04"),
            (coap.GET, coap.mitigate(f"cuid={cuid}"), b"", "2.05", "4.04"),
            (coap.GET, coap.mitigate(f"cuid={cuid}") + more, b"", "2.05", "4.04"),
            (coap.GET, coap.mitigate(f"cuid={cuid}") + [(coap.BLOCK2, b"\x12")], b"", "2.05", "4.04"),
            (coap.GET, coap.mitigate(f"cuid={cuid}") + [(coap.BLOCK2, b"\x22")], b"", "2.05", "4.04"),
            (coap.PUT, coap.mitigate(f"cuid={cuid}", "mid=100") + [stories.FORMAT],
             cbor.scope("198.51.100.201/32"), "2.04", "4.09"),
            (coap.DELETE, coap.mitigate(f"cuid={cuid}", "mid=129"), b"", "2.02", "4.04"),
            (coap.PUT, coap.mitigate(f"cuid={shared}", "mid=1") + [stories.FORMAT],
             cbor.scope("198.51.100.127/32"), "2.01", "4.09"),
            (coap.GET, coap.mitigate(f"cuid={shared}") + more, b"", "2.05", "4.04"),
            (coap.DELETE, coap.mitigate(f"cuid={shared}", "mid=1"), b"", "2.02", "4.04"),
        ]
        for n, (code, options, payload, his, mine) in enumerate(ask):
            message = self.evil.compose("evil", coap.CON, code, 62000 + n, b"twin%d" % n, options,
                                        payload)
            got = [self.ask(good, "twin", message), self.ask(self.evil, "evil", message)]
            if [m.code for m in got] != [his, mine]:
                raise Failure(f"the same bytes of two clients, {code} {options}: {got}")
            if any(secret in got[1].payload for secret in (b"198.51.100.", b"good")):
                raise Failure(f"something of the other client's in {got[1]}")
        self.figure("requests said by both clients", len(ask))
        self.sessions_apart(good)
        for mid in range(100, 130):
            good.delete("twin", cuid, mid)
        good.close("twin")

    # 9132-4.5.2-18
    def sessions_apart(self, good):
        """Nor has what one of them agrees on with the server a meaning for the other."""
        path = coap.path(".well-known", "dots", "config")

        def asking(number):
            return self.evil.compose("evil", coap.CON, coap.GET, number, b"conf", path)

        before = self.ask(good, "twin", asking(62100)).payload
        m = self.evil.request("evil", coap.PUT, path + coap.path("sid=1") + [stories.FORMAT],
                              cbor.configuration(239))
        got = [self.ask(p, s, asking(62101)).payload
               for p, s in ((good, "twin"), (self.evil, "evil"))]
        if m.code != "2.01" or got[0] != before or got[1] == before:
            raise Failure(f"{m}, then the configurations {got}, and {before} before")
        self.evil.request("evil", coap.DELETE, path)

    # ---- repeated messages ----

    # 4218-3.3-01, 4218-4.4-01, 4218-7-03, 8612-GEN-002-03, 8612-SEC-004-01
    def replays(self):
        """The record layer sees a copy, from the same address and from another one; CoAP sees a
        message again: it is answered as before or not at all, never done twice."""
        self.evil.request("evil", coap.GET, coap.mitigate(f"cuid={messages.MINE}"))
        self.evil.data.pop("evil", None)  # acknowledgements of the rows among it
        self.evil.again("evil", 50)
        self.evil.open("bare", "thief", self.server, PORT)
        self.evil.settled("thief")
        self.evil.steal("thief", "evil")
        self.expect_quiet("a replayed record")
        for kind, answers in ((coap.CON, 5), (coap.NON, 1)):
            mid, token = self.evil.id("evil"), b"again"
            for _ in range(5):
                self.evil.send("evil", coap.message(kind, coap.GET, mid, token, coap.mitigate(
                    f"cuid={messages.MINE}")))
            self.evil.fence("evil")
            got = [coap.parse(d) for d in self.evil.data.pop("evil", [])]
            if len(got) != answers or len({m.mid for m in got}) != 1:
                raise Failure(f"a message five times, type {kind}: {answers} answers expected, "
                              f"got {got}")
        self.evil.close("thief", "drop")

    def expect_quiet(self, what):
        self.evil.fence("evil")
        left = {s: d for s, d in self.evil.data.items() if d}
        if left:
            raise Failure(f"{what} was answered: {left}")

    # ---- strangers ----

    # 4218-1.1-04, 4218-3.3-01
    def strangers(self):
        datagrams, outside = list(messages.strangers(self.rng)), peer_in(self.rig, "att")
        for i in range(8):
            outside.open("bare", f"out{i}", SERVER, PORT)
            outside.settled(f"out{i}")
        for n, (_, data) in enumerate(datagrams * 4):
            outside.raw(f"out{n % 8}", data)
        # On the way of a live session too, where it may neither disturb nor end it.
        for what, data in datagrams:
            self.evil.raw("evil", data)
            if not self.evil.fence("evil", ANSWER_S):
                raise Failure(f"{what} on its way, and a session is gone")
        self.expect_quiet("a stranger")
        self.cookies(outside)
        answered = [s for s, d in outside.data.items() if d and s.startswith("out")]
        if answered:
            raise Failure(f"strangers were answered: "
                          f"{[outside.data[s][0].hex() for s in answered]}")
        self.case.figure("datagrams of strangers", len(datagrams) * 5)

    # 4218-3.4-01
    def cookies(self, outside):
        """Whoever begins a handshake gets one question back that is shorter than what it said."""
        for n, data in enumerate(messages.askers(self.rng)):
            name = f"ask{n}"
            outside.open("bare", name, SERVER, PORT)
            outside.settled(name)
            outside.raw(name, data)
            until(lambda name=name: outside.data[name], f"a cookie for {data.hex()}", ANSWER_S)
            answer = outside.data[name]
            if len(answer) != 1 or answer[0][13] != 3 or len(answer[0]) > len(data):
                raise Failure(f"{data.hex()} is answered by {[a.hex() for a in answer]}")

    # ---- mutations ----

    def mutations(self, count):
        source, answers = mutations.Datagrams(self.rng), collections.Counter()
        for n in range(count):
            self.evil.send("evil", source.next())
            if n % 64 == 63:  # no more than that on the way at a time
                self.catch_up(answers, n)
        self.catch_up(answers, count)
        self.mutated(count, answers)

    def catch_up(self, answers, n):
        if not self.evil.fence("evil", ANSWER_S):
            raise Failure(f"after {n} mutated messages: {self.evil.state['evil']}")
        answers.update(self.codes())

    def codes(self):
        """What has come."""
        self.rig.check_alive()
        return [self.evil.parse("evil", data).code for data in self.evil.data.pop("evil", [])]

    def mutated(self, count, answers):
        self.figure("mutated messages, and answers", f"{count}, " + ", ".join(
            f"{k} {v}" for k, v in sorted(answers.items())))

    # ---- the daemons' own sockets ----

    def sockets(self, count):
        home = self.rig.folder / "s"
        for name, path, last in (("s", home / "control.sock", 1 << 20),
                                 ("s.helper", home / "priv.sock", 64 << 20)):
            begun = self.rig.descriptors(name)
            for _ in range(count):
                throw(path, self.rng, last)
            self.rig.until(lambda n=name, b=begun: self.rig.descriptors(n) <= b,
                           lambda n=name, b=begun: f"{n} has {self.rig.descriptors(n)} "
                                                   f"descriptors instead of {b}", 30)
            self.rig.check_alive()
        self.rig.ask("s", "status")
        # And the two still work together.
        self.evil.put("evil", messages.MINE, 4000000000, cbor.scope("198.51.100.77/32"))
        self.rig.until(lambda: "198.51.100.77" in {e[0] for e in self.rig.elements("s")},
                       "a filter is installed after all that", 30)
        self.case.figure("visits to the daemons' sockets", 2 * count)

    def leave(self, at):
        """Nothing of what it has asked for is left for the next one."""
        self.evil.close("evil")
        for m in self.rig.ask(at, "list")["mitigations"]:
            if m["client"] == "evil":
                self.rig.ask(at, "terminate", m["id"])

    def go(self):
        """The hostile client is no client any more; with it all it has asked for."""
        self.evil.close("evil")
        del self.rig.agents.configs["s"]["clients"]["evil"]
        self.rig.agents.write("s")
        self.rig.ask("s", "reload")
        left = {m["client"] for m in self.rig.ask("s", "list")["mitigations"]}
        if left != {"good"}:
            raise Failure(f"mitigations of {left} are left")


def throw(path, rng, largest):
    """One visit to a framed socket: junk of one kind, and away without a word."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(20)
        s.connect(str(path))
        try:
            junk(s, rng, largest)
            s.shutdown(socket.SHUT_WR)
            while s.recv(65536):
                pass
        except OSError:
            pass  # it hung up: its right


def frame(body, length=None):
    return struct.pack("!I", len(body) if length is None else length) + body


def junk(s, rng, largest):
    way = rng.randrange(12)
    if way == 0:
        s.sendall(rng.randbytes(rng.randrange(2000)))
    elif way == 1:
        s.sendall(frame(rng.randbytes(rng.randrange(2000))))
    elif way == 2:
        s.sendall(frame(rng.randbytes(100), length=rng.choice((1, 99, largest, largest + 1, 2**32 - 1))))
    elif way == 3:
        s.sendall(frame(b"") * rng.randrange(1, 300))
    elif way == 4:
        s.sendall(frame(b"[" * 200000))
    elif way == 5:
        s.sendall(frame(b'{"command":' * 50000))
    elif way == 6:
        s.sendall(frame(json.dumps({"command": "mitigate", "targets": ["x" * 900000]}).encode()))
    elif way == 7:
        s.sendall(frame(json.dumps({"command": rng.choice(("show", "withdraw", "list", "sessions")),
                                    "id": "\0" * rng.randrange(200)}).encode()) * 20)
    elif way == 8:
        socket.send_fds(s, [frame(rng.randbytes(20))], [s.fileno()] * rng.randrange(1, 60))
    elif way == 9:
        s.sendall(frame(b"\x01\x01" + frame(b"s")[2:]) + frame(rng.randbytes(300)))
    elif way == 10:  # a change of the packet filter that breaks off in the middle
        s.sendall(frame(b"\x01\x01" + frame(b"s")[2:])
                  + frame(b"\x03" + struct.pack("!III", rng.randrange(2**32), rng.randrange(2**32), 1)
                          + rng.randbytes(rng.randrange(400))))
    else:
        s.sendall(b"\0")


def attack(hostile, tenant, rounds):
    """What there is over both transports."""
    hostile.rows()
    hostile.stories()
    hostile.matrix(rounds // 20)
    hostile.watchers(tenant)
    hostile.twins(tenant)
    tenant.untouched()


def over_udp(case, hostile, tenant):
    attack(hostile, tenant, case.rounds)
    hostile.replays()
    hostile.strangers()
    hostile.mutations(case.rounds)
    hostile.leave("s")


def over_tcp(case, hostile, more, tenant, strangers):
    attack(hostile, tenant, case.rounds)
    more.tables()
    more.ends()
    more.tls()
    more.pipelined(case.rounds)
    more.half_said()
    strangers.crowd(tenant)
    more.mutations(case.rounds // 20)


# 8811-5-10
def run(case):
    with Rig(case, "tests/torture/one-server.lab", configure) as rig:
        rig.start("s")
        rig.until_event("s", "rules-reconciled")
        tenants = [Tenant(rig, "c", SERVER, messages.OTHERS, "198.51.100.200/32"),
                   Tenant(rig, "c", SERVER, OTHERS_TOO, "198.51.100.232/32", over=TLS13)]
        watched = [Memory(rig, "s"), Memory(rig, "s.helper")]
        for t in (*tenants, *watched):
            t.start()
        begun, strangers = rig.descriptors("s"), Strangers(rig, "att", "s", SERVER, PORT)
        # What takes the time of a handshake goes on beside all else.
        strangers.come()
        hostile, udp = Hostile(case, rig, over=TLS13), Hostile(case, rig)
        more = Connections(hostile, "s", tenants[1])
        more.not_greeted()
        over_udp(case, udp, tenants[0])
        over_tcp(case, hostile, more, tenants[1], strangers)
        hostile.sockets(max(100, case.rounds // 100))
        for t in tenants:
            hostile.watcher_told(t)
        more.not_greeted_are_over()
        strangers.are_gone()
        hostile.go()
        rig.until(lambda: rig.descriptors("s") <= begun,
                  lambda: f"{rig.descriptors('s')} descriptors, {begun} before", 30)
        for t in tenants:
            t.finish(case)
        for m in watched:
            m.finish(case, GROWTH_MAX, GROWTH_LEFT)
