"""Who watches while others do harm: a client that wants its answers, the memory of a process, what
passes on links."""
import threading
import time

from lab.net import INSIDE, PYTHON
from lab.observe import PacketLog
from rig import cbor
from rig.case import Failure
from rig.peer import DTLS, Peer

CALM_S = 60


def peer_in(rig, ns):
    """An independent client in a namespace."""
    p = Peer(rig.net.argv(ns, [rig.case.binaries["peer"]]))
    rig.closing.append(p.stop)
    return p


class Tenant(threading.Thread):
    """A well-behaved client: asks all the time, and wants an answer every time. tries: how often it
    says each of its requests, 3 s apart, before it counts as unanswered."""

    def __init__(self, rig, ns, server, cuid, target, tries=1, ca="CA", name="good", over=DTLS):
        super().__init__(daemon=True)
        self.own = rig.pki.leaf(ca, f"{name}.example", "clientAuth")
        self.peer, self.cuid, self.patience = peer_in(rig, ns), cuid, 3 * tries
        self.server, self.target, self.name = server, target, name
        self.peer.over(over)
        self.session(name)
        if self.peer.put(name, cuid, 1, cbor.scope(target)).code != "2.01":
            raise Failure("the well-behaved client is not served at the beginning")
        self.over = threading.Event()
        self.answers, self.unanswered, self.wrong = [], 0, []  # answers: (asked at, seconds)

    def session(self, name):
        """One more session of this client; its peer."""
        self.peer.x509(name, self.server, 4646, self.own["certificate"], self.own["key"])
        self.peer.up(name)
        return self.peer

    def untouched(self):
        """What it has asked for stands as it was asked for."""
        m = self.session("eye").get("eye", self.cuid, 1)
        self.peer.close("eye")
        if m is None or m.code != "2.05" or self.target.encode() not in m.payload:
            raise Failure(f"the request of the well-behaved client: {m}")

    def run(self):
        try:
            while not self.over.wait(0.05):
                self.one(self.get, "2.05")
                self.one(self.beat, "2.04")
        except Failure as e:
            self.wrong.append(e)

    def one(self, ask, code):
        begun = time.monotonic()
        m = ask()
        self.answers.append((begun, time.monotonic() - begun))
        if m is None:
            self.unanswered += 1
        elif m.code != code:
            self.wrong.append(m)

    def get(self):
        return self.peer.get(self.name, self.cuid, 1, seconds=self.patience)

    def beat(self):
        return self.peer.heartbeat(self.name, seconds=self.patience)

    def stop(self):
        self.over.set()
        if self.is_alive():
            self.join()

    def finish(self, case):
        self.stop()
        took = [seconds for _, seconds in self.answers]
        over = "" if self.peer.protocol == DTLS else " over TCP"
        case.figure(f"requests of the well-behaved client{over}: all, repeated, slowest answer",
                    f"{len(took)}, {sum(t > 3 for t in took)}, {max(took, default=0) * 1000:.0f} ms")
        if self.unanswered or self.wrong or not took:
            raise Failure(f"the well-behaved client: {self.unanswered} of {len(took)} requests "
                          f"without an answer, wrong answers {self.wrong[:3]}")


class Memory(threading.Thread):
    """Watches how much a process takes."""

    def __init__(self, rig, name):
        super().__init__(daemon=True)
        self.rig, self.name, self.over = rig, name, threading.Event()
        self.before = self.most = rig.rss(name)

    def run(self):
        try:
            while not self.over.wait(0.02):
                self.most = max(self.most, self.rig.rss(self.name))
        except (AttributeError, Failure, OSError):
            pass  # it is gone; whoever ended it knows why

    def finish(self, case, most, more_left):
        """Fails if it grew by more than `most` KiB, or keeps more than `more_left` for a minute."""
        self.over.set()
        self.join()
        left = self.rig.rss(self.name)
        end = time.monotonic() + CALM_S
        while left - self.before > more_left and time.monotonic() < end:
            self.rig.check_alive()
            time.sleep(0.2)
            left = self.rig.rss(self.name)
        case.figure(f"memory of {self.name}, KiB: before, most, afterwards",
                    f"{self.before}, {self.most}, {left}")
        if self.most - self.before > most:
            raise Failure(f"{self.name} grew by {self.most - self.before} KiB")
        if left - self.before > more_left:
            raise Failure(f"{self.name} keeps {left - self.before} KiB more after {CALM_S} s")


class Capture:
    """Interfaces of one namespace, from the first packet to the last: records `pkt` of the journal."""

    def __init__(self, rig, ns, interfaces):
        files = {i: rig.folder / f"{ns}-{i}.pcap" for i in interfaces}
        self.proc = rig.net.spawn(ns, [PYTHON, "-I", INSIDE / "capture.py",
                                       *(f"{i}={f}" for i, f in files.items())], stdout=-1, text=True)
        rig.closing.append(self.kill)
        if self.proc.stdout.readline() != "ready\n":
            raise Failure("the capture does not start")
        for i, f in files.items():
            rig.journal.add(PacketLog(ns, i, f))

    def kill(self):
        self.proc.kill()
        self.proc.wait()

    def finish(self):
        self.proc.terminate()
        out, _ = self.proc.communicate(timeout=20)
        if out.strip() != "drops 0":
            raise Failure(f"the capture is not complete: {out.strip()}")
