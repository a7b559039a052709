"""The driver of peer.c: sessions over DTLS, and over TLS on TCP, that say what they are told."""
import collections
import queue
import subprocess
import threading

from rig import coap
from rig.case import Failure, until

PATIENCE = 60
DTLS, TLS12, TLS13 = "dtls1.2", "tls1.2", "tls1.3"
HB = b"\xa1\x18\x31\xa1\x18\x33\xf5"  # {heartbeat: {peer-hb-status: true}}


class Peer:
    """argv: the program, with what puts it into its namespace; popen makes the process."""

    def __init__(self, argv, popen=subprocess.Popen):
        self.proc = popen([str(a) for a in argv], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.state = {}                               # session -> "up", "stalled", ..., "down WHY"
        self.resumed = set()                          # sessions that are up by a ticket
        # session -> messages that came in, oldest first; of a bare one what came, as it came
        self.data = collections.defaultdict(list)
        self.protocol, self.spoken = DTLS, {}         # what is begun next; of sessions
        self.rest = collections.defaultdict(bytes)    # of a stream, the beginning of a message
        self.changed = threading.Condition()
        self.syncs, self.ids = 0, collections.Counter()
        self.answers_heartbeats, self.ended = True, False
        # Who reads must never wait for the program to read: it may be waiting for us.
        self.lines = queue.SimpleQueue()
        threading.Thread(target=self.read, daemon=True).start()
        threading.Thread(target=self.write, daemon=True).start()

    def write(self):
        try:
            while line := self.lines.get():
                self.proc.stdin.write(line)
                if self.lines.empty():
                    self.proc.stdin.flush()
        except OSError:
            pass  # it ended; the reader tells

    def read(self):
        for line in self.proc.stdout:
            words = line.decode().split(maxsplit=2)
            with self.changed:
                if words[0] == "data":
                    self.arrived(words[1], b"" if words[2].strip() == "-"
                                 else bytes.fromhex(words[2]))
                elif words[0] == "down":
                    self.state[words[1]] = "down " + words[2].strip()
                else:
                    self.state[words[1]] = words[0]
                    if words[2:] == ["resumed\n"]:
                        self.resumed.add(words[1])
                self.changed.notify_all()
        with self.changed:
            self.state = {s: "down: the peer program ended" for s in self.state}
            self.ended = True
            self.changed.notify_all()
        self.lines.put(None)

    def arrived(self, session, data):
        if not self.is_stream(session):
            self.came(session, data)
            return
        self.rest[session] += data
        while size := coap.stream_size(self.rest[session]):
            data, self.rest[session] = self.rest[session][:size], self.rest[session][size:]
            self.came(session, data)

    def came(self, session, data):
        """Heartbeats of the server are answered, as a client does; all else is kept."""
        code = coap.stream_code(data) if self.is_stream(session) else data[1:2]
        if self.answers_heartbeats and session in self.spoken and code == bytes([coap.PUT]):
            m = self.parse(session, data)
            kind, mid = (coap.ACK, m.mid) if m.kind == coap.CON else (coap.NON, self.id(session))
            self.send(session, self.compose(session, kind, 0x44, mid, m.token))
        else:
            self.data[session].append(data)

    def line(self, *words):
        if self.ended:
            raise Failure("the peer program ended")
        self.lines.put(" ".join(map(str, words)).encode() + b"\n")

    def stop(self):
        self.proc.kill()
        self.proc.wait()

    # ---- sessions ----

    def open(self, how, session, *words):
        self.state[session] = "opening"
        self.resumed.discard(session)
        self.rest.pop(session, None)
        if how in ("psk", "x509"):
            self.spoken[session] = self.protocol
        else:
            self.spoken.pop(session, None)
        self.line(how, session, *words)

    def over(self, protocol):
        """What sessions are begun with from now on."""
        self.protocol = protocol
        self.line("over", protocol)

    def psk(self, session, address, port, identity, key, *ticket):
        self.open("psk", session, address, port, identity, key, *ticket)

    def x509(self, session, address, port, certificate, key, *ticket):
        self.open("x509", session, address, port, certificate, key, *ticket)

    def is_stream(self, session):
        """Over TCP, with messages on it."""
        return self.spoken.get(session, DTLS) != DTLS

    def source(self, address):
        """Where sessions are begun from now on."""
        self.line("from", address)

    def keep(self, session, ticket):
        self.line("keep", session, ticket)

    def spoil(self, ticket, new, what, at):
        """what: "ticket" or "secret"."""
        self.line("spoil", ticket, new, what, at)

    def settled(self, session, seconds=PATIENCE):
        """Its state once it is known."""
        with self.changed:
            if not self.changed.wait_for(lambda: self.state[session] != "opening", seconds):
                raise Failure(f"peer: {session} neither up nor down")
            return self.state[session]

    def up(self, session, seconds=PATIENCE):
        """It may be used: over TCP the server has greeted us, and we it."""
        state = self.settled(session, seconds)
        if state != "up":
            raise Failure(f"peer: {session} is {state}")
        if self.is_stream(session):
            self.send(session, coap.stream(coap.CSM))
            if not self.take(session, lambda m: m.code == "7.01", seconds):
                raise Failure(f"peer: {session} is not greeted, {self.state[session]}")

    def end_of(self, session, seconds=PATIENCE):
        """Why, once it has been ended; None if it has not."""
        def down():
            return self.state[session].startswith("down") and self.state[session][5:]

        with self.changed:
            return self.changed.wait_for(down, seconds) or None

    def send(self, session, data):
        self.line("send", session, data.hex() or "-")

    def raw(self, session, data):
        self.line("raw", session, data.hex() or "-")

    def again(self, session, times):
        self.line("again", session, times)

    def steal(self, session, other):
        self.line("steal", session, other)

    def tell(self, what, session, *words):
        """A command that has no answer of its own."""
        self.line(what, session, *words)

    def fence(self, session, seconds=PATIENCE):
        """Everything sent before has been dealt with: a ping is answered."""
        mid = self.id(session)
        token = mid.to_bytes(2, "big")
        if self.is_stream(session):
            self.send(session, coap.stream(coap.PING, token))
            return self.take(session, lambda m: m.code == "7.03" and m.token == token, seconds)
        self.send(session, coap.message(coap.CON, 0, mid))
        return self.take(session, lambda m: m.kind == coap.RST and m.mid == mid, seconds)

    def close(self, session, how="close"):
        self.state[session] = "opening"
        self.line(how, session)
        self.settled(session)
        self.data.pop(session, None)

    def sync(self, seconds=PATIENCE):
        """Everything that was said before has been sent."""
        self.syncs += 1
        self.line("sync", f"s{self.syncs}")
        with self.changed:
            if not self.changed.wait_for(lambda: self.state.pop(f"s{self.syncs}", None), seconds):
                raise Failure("peer: does not answer")

    # ---- messages ----

    def compose(self, session, kind, code, mid, *how, **more):
        """The bytes of a message there; a stream has no types and no Message IDs."""
        if self.is_stream(session):
            return coap.stream(code, *how, **more)
        return coap.message(kind, code, mid, *how, **more)

    def parse(self, session, data):
        return (coap.parse_stream if self.is_stream(session) else coap.parse)(data)

    def id(self, session):
        """A fresh Message ID; what repeats one says so itself."""
        self.ids[session] += 1
        return self.ids[session] & 0xFFFF

    def take(self, session, wanted, seconds):
        """The first message that wanted(message) accepts, taken out of what came in; None: none."""
        def look():
            for i, data in enumerate(self.data[session]):
                m = self.parse(session, data)
                if wanted(m):
                    del self.data[session][i]
                    return m
            return None

        found = []
        with self.changed:
            self.changed.wait_for(
                lambda: found.append(look()) or found[-1]
                or self.state.get(session, "").startswith("down"), seconds)
        return found[-1]

    def request(self, session, code, options, payload=b"", kind=coap.NON, seconds=PATIENCE,
                repeat=3):
        """Asks, again every `repeat` s if nothing comes (another Message ID, the same token), and
        gives the response; None if there is none."""
        token = self.id(session).to_bytes(4, "big")
        for _ in range(max(1, int(seconds / repeat))):
            self.send(session, self.compose(
                session, kind, code, self.id(session), token, options, payload))
            m = self.take(session, lambda m: m.token == token and m.code != "0.00", repeat)
            if m or self.state.get(session, "").startswith("down"):
                return m
        return None

    def put(self, session, cuid, mid, body, **how):
        return self.request(session, coap.PUT, [
            *coap.mitigate(f"cuid={cuid}", f"mid={mid}"),
            (coap.CONTENT_FORMAT, coap.number(coap.DOTS_CBOR))], body, **how)

    def get(self, session, cuid, mid=None, **how):
        return self.request(session, coap.GET, coap.mitigate(
            f"cuid={cuid}", *([f"mid={mid}"] if mid is not None else [])), **how)

    def delete(self, session, cuid, mid, **how):
        return self.request(session, coap.DELETE,
                            coap.mitigate(f"cuid={cuid}", f"mid={mid}"), **how)

    def heartbeat(self, session, **how):
        return self.request(session, coap.PUT, [
            *coap.path(".well-known", "dots", "hb"),
            (coap.CONTENT_FORMAT, coap.number(coap.DOTS_CBOR))], HB, **how)
