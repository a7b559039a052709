"""A thousand clients at once: after the server was killed and started again, without and with the tickets
of before, and after a break in the network, with tickets. All of them come back, what they asked for
stands, and who is connected already keeps his heartbeats."""
import signal
import time

from hello_flood import PORT, SERVER
from rig import cbor
from rig.case import Failure, until
from rig.network import Rig, now_ms
from rig.watch import peer_in

TITLE = "many clients reconnect at once, after kill -9 of the server and after a break"
UNIT, FULL, SHORT = "clients, half of them with a PSK, half with a certificate", 1000, 40

WINDOW = 16          # handshakes at a time when the rate is measured
STAY = 8             # one client of so many is back first, or stays, and wants its heartbeats
PATIENCE_S = 180
ATTEMPT_S = 20       # a client that is not back by then begins anew …
IN_VAIN = 0.05       # … which is for few of them
HALF_OPEN = 512      # handshakes under way (the default); of fewer clients half as many
ELSEWHERE = "100.64.0.0/10"


class Client:
    """Each in a network of its own, as customers are."""

    def __init__(self, rig, n):
        self.name, self.cuid = f"k{n}", f"cuid-of-k{n:013}"
        net = f"100.{64 + (n >> 8)}.{n & 255}"
        self.source, self.target, self.key = f"{net}.1", f"{net}.99", f"{n:04x}" * 8
        self.leaf = rig.pki.leaf("CA", f"{self.name}.example", "clientAuth") if n % 2 else None
        (rig.folder / f"{self.name}.psk").write_text(self.key + "\n")

    def known(self, rig):
        """What the server has of it."""
        found = {"prefixes": [f"{self.target}/32"]}
        if self.leaf:
            return found | {"certificates": [f"{self.name}.example"]}
        return found | {"psk": [{"identity": self.name, "file": str(rig.folder / f"{self.name}.psk")}]}

    def begin(self, peer, ticket):
        peer.source(self.source)
        more = [self.name] if ticket else []
        if self.leaf:
            peer.x509(self.name, SERVER, PORT, self.leaf["certificate"], self.leaf["key"], *more)
        else:
            peer.psk(self.name, SERVER, PORT, self.name, self.key, *more)


class Herd:
    def __init__(self, case, rig, clients):
        self.case, self.rig, self.clients = case, rig, clients
        self.few, self.many = clients[::STAY], [c for i, c in enumerate(clients) if i % STAY]
        self.peer = peer_in(rig, "c")
        self.again = 0  # attempts that led nowhere

    def connect(self, clients, window, ticket=False):
        """Seconds until all of them have a session; so many handshakes at a time."""
        begun, left, under_way = time.monotonic(), list(reversed(clients)), {}
        while left or under_way:
            while left and len(under_way) < window:
                c = left.pop()
                under_way[c.name] = c, time.monotonic()
                c.begin(self.peer, ticket)
            with self.peer.changed:
                self.peer.changed.wait_for(lambda: self.settled(under_way), 0.2)
            for name in self.settled(under_way):
                c, _ = under_way.pop(name)
                if self.peer.state[name] != "up":
                    self.again += 1
                    self.peer.close(name, "drop")
                    left.append(c)
            if time.monotonic() - begun > PATIENCE_S:
                raise Failure(f"{len(left) + len(under_way)} of {len(clients)} are not back after "
                              f"{PATIENCE_S} s")
            self.rig.check_alive()
        return time.monotonic() - begun

    def settled(self, under_way):
        late = time.monotonic() - ATTEMPT_S
        return [n for n, (_, since) in under_way.items()
                if self.peer.state[n] != "opening" or since < late]

    def drop(self, clients):
        """Without a word: the server does not hear of it."""
        for c in clients:
            self.peer.state[c.name] = "opening"
            self.peer.line("drop", c.name)
        until(lambda: all(self.peer.state[c.name] == "closed" for c in clients), "all are gone")
        for c in clients:
            self.peer.data.pop(c.name, None)

    def keep(self):
        for c in self.clients:
            self.peer.keep(c.name, c.name)
        self.peer.sync()

    def resumed(self, clients):
        return sum(c.name in self.peer.resumed for c in clients)

    # ---- what has to hold ----

    def ask(self):
        for c in self.clients:
            m = self.peer.put(c.name, c.cuid, 1, cbor.scope(c.target + "/32"))
            if m is None or m.code != "2.01":
                raise Failure(f"{c.name} asks: {m}")

    def judge_mitigations(self):
        """Everybody's own word for it, and the packet filter's."""
        for c in self.clients:
            m = self.peer.get(c.name, c.cuid, 1)
            if m is None or m.code != "2.05" or f"{c.target}/32".encode() not in m.payload:
                raise Failure(f"the mitigation of {c.name} is lost: {m}")
        wanted = {c.target for c in self.clients}
        self.rig.until(lambda: {first for first, _, _ in self.rig.elements("s")} == wanted,
                       lambda: f"the packet filter has {len(self.rig.elements('s'))} targets")

    def judge_heartbeats(self, since):
        """Of those who were connected while all others came."""
        names = {c.name for c in self.few}
        lost = [e for what in ("session-silent", "session-down")
                for e in self.rig.events("s", what, since) if e.fields.get("peer") in names]
        if lost:
            raise Failure(f"who was connected lost: {list(map(str, lost[:3]))}")

        def missing():
            return names - {e.fields["peer"] for e in self.rig.events(
                "s", "heartbeat", since, direction="out")}
        self.rig.until(lambda: not missing(), lambda: f"no heartbeats to {sorted(missing())[:5]}")


def measure(herd, what, ticket=False):
    """Handshakes a second of a server that has nothing else to do."""
    took = herd.connect(herd.clients, WINDOW, ticket)
    rate = len(herd.clients) / took
    herd.case.figure(f"{what} handshakes of an idle server, a second", f"{rate:.0f}")
    return rate


def storm(herd, what, rate, ticket=False):
    """All but a few, who are connected."""
    since, again = now_ms(), herd.again
    took = herd.connect(herd.many, len(herd.many), ticket)
    in_vain = herd.again - again
    herd.case.figure(f"{what}: {len(herd.many)} are back after, at that rate it takes, seconds",
                     f"{took:.2f}, {len(herd.many) / rate:.2f}; attempts in vain {in_vain}")
    # Of a few on a busy machine even one would be too many.
    if in_vain > IN_VAIN * len(herd.many) and len(herd.many) > HALF_OPEN:
        raise Failure(f"{what}: {in_vain} handshakes of {len(herd.many)} led nowhere")
    herd.judge_mitigations()
    herd.judge_heartbeats(since)


def killed(herd, what, rate, ticket=False):
    herd.rig.stop("s", how=signal.SIGKILL)
    herd.drop(herd.clients)
    herd.rig.start("s")
    herd.connect(herd.few, WINDOW)
    storm(herd, what, rate, ticket)
    if herd.resumed(herd.many):
        raise Failure("tickets are good for a server that has never given them")


def run(case):
    def configure(rig):
        clients.extend(Client(rig, n) for n in range(case.rounds))
        cfg = rig.agents.configs["s"]
        cfg["clients"] = {c.name: c.known(rig) for c in clients}
        cfg["session"] = {"heartbeat-interval": 2, "missing-hb-allowed": 5}
        cfg["limits"] = {"half-open": min(HALF_OPEN, case.rounds // 2)}

    clients = []
    with Rig(case, "tests/torture/one-server.lab", configure,
             more=[f"route r {ELSEWHERE} via 198.51.100.10"]) as rig:
        rig.net.run("c", ["ip", "route", "add", "local", ELSEWHERE, "dev", "lo"])
        rig.start("s")
        herd = Herd(case, rig, clients)
        full = measure(herd, "full")
        herd.ask()
        herd.keep()
        herd.drop(clients)
        by_ticket = measure(herd, "resumed", ticket=True)
        killed(herd, "after kill -9", full)
        herd.keep()
        killed(herd, "after kill -9, with tickets of before", full, ticket=True)
        herd.keep()
        herd.drop(herd.many)
        storm(herd, "after a break, with tickets", by_ticket, ticket=True)
        if herd.resumed(herd.many) != len(herd.many):
            raise Failure(f"{herd.resumed(herd.many)} of {len(herd.many)} tickets were taken")
