"""Capture processes: one a namespace, over the interfaces that assertions look at."""
import signal
import subprocess

from lab.net import INSIDE, PYTHON, NetError
from lab.observe import PacketLog

PACKET_EVENTS = ("pkt", "traffic")


def wanted(lab):
    """namespace -> interfaces, from the statements that speak of packets."""
    result = {}
    for step in lab.steps.values():
        for st in step.asserts + step.actions:
            event = st.args[2] if st.args[1] == "wait-for" else st.args[1]
            if st.kind in ("must", "never") or st.args[1] == "wait-for":
                if event in PACKET_EVENTS or (event == "response" and "if" in st.attrs):
                    ns = st.get("at")
                    interfaces = st.items("if") or sorted(lab.interfaces(ns) - {"lo"})
                    result.setdefault(ns, set()).update(interfaces)
    return result


class Captures:
    def __init__(self, net, journal, folder):
        self.net, self.journal, self.folder = net, journal, folder
        self.procs = {}

    def start(self, lab):
        for ns, interfaces in sorted(wanted(lab).items()):
            files = {i: self.folder / f"{ns}-{i}.pcap" for i in sorted(interfaces)}
            p = self.net.spawn(ns, [PYTHON, "-I", INSIDE / "capture.py",
                                    *(f"{i}={f}" for i, f in files.items())],
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            if p.stdout.readline() != "ready\n":
                raise NetError(f"capture in {ns} does not start: {p.communicate()[0]}")
            self.procs[ns] = p
            for i, f in files.items():
                self.journal.add(PacketLog(ns, i, f))

    def dead(self):
        """Why what the captures say cannot be trusted; None while they live."""
        for ns, p in self.procs.items():
            if p.poll() is not None:
                return f"the capture in {ns} died: {p.stdout.read().strip()[-500:]}"
        return None

    def finish(self):
        """Stops them all; None, or why what they saw is not complete."""
        why = self.dead()
        for ns, p in self.procs.items():
            if p.poll() is None:
                p.send_signal(signal.SIGTERM)
            out, _ = p.communicate(timeout=10)
            drops = out.partition("drops ")[2].strip()
            if drops != "0" and not why:
                why = f"the capture in {ns} lost {drops or 'its last word'}"
        self.procs = {}
        return why

    def kill(self):
        for p in self.procs.values():
            p.kill()
            p.wait()
        self.procs = {}
