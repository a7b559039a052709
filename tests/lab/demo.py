"""The demonstration behind scripts/demo: figure 6 of RFC 9284, one flood, and who is asked.

Every figure comes from a counter or a capture of this run. Exit 0 only if at least 95 % of the flood is
cut, provider 1 heard nothing of it, and the TCP conversation with the flooded host lost nothing."""
import argparse
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/lab"))

from lab.agents import Agents, programs  # noqa: E402
from lab.capture import Captures  # noqa: E402
from lab.dns import DnsServers  # noqa: E402
from lab.model import Lab  # noqa: E402
from lab.net import INSIDE, PYTHON, NetError, Network  # noqa: E402
from lab.observe import Journal, PacketLog  # noqa: E402
from lab.pki import Pki  # noqa: E402

HOST, PORT, TALK_PORT = "198.51.100.66", "9999", "7007"
S1, S2 = "192.0.2.10", "198.51.100.10"
FLOOD_SECONDS, ALARM_PPS, WINDOW, CUT = 40, 300, 3.0, 0.95

COUNT = f"""table inet demo {{
    counter flood {{ }}
    chain count {{ type filter hook HOOK priority -460; policy accept;
        ip daddr {HOST} udp dport {PORT} counter name flood
    }}
}}
"""

# What the story tells of each event: (agent, event) -> words with the event's fields.
STORY = {
    ("c2", "planned"): "client c2 asks its gateway to have {target} protected",
    ("cpe", "planned"): "gateway asks {server} over {interface}: {reason} [{section}]",
    ("s2", "put-mitigate"): "provider 2 got the request for {scope}, answers {code}",
    ("s2", "rule-installed"): "provider 2 has the drop rule in its packet filter",
    ("c2", "placed"): "client c2 is told that it is accepted ({code})",
    ("s2", "delete-mitigate"): "provider 2 got the withdrawal, answers {code}",
    ("s2", "rule-removed"): "provider 2 took the drop rule out",
    ("s1", "put-mitigate"): "PROVIDER 1 WAS ASKED FOR {scope}",
}


class Failed(Exception):
    """What did not hold."""


class Demo:
    def __init__(self, build, folder, run_id):
        self.lab = Lab(ROOT / "labs/F6pa.lab", "4")
        self.folder = folder
        self.net = Network(self.lab, run_id)
        self.journal = Journal()
        self.captures = Captures(self.net, self.journal, folder)
        self.dns = DnsServers(self.net, self.journal, folder)
        self.binaries = programs(build)
        self.agents = None
        self.procs = []
        self.told = 0
        self.began = time.time()

    # ---- telling ----

    def say(self, text, when=None):
        print(f"{(when or time.time()) - self.began:7.3f} s  {text}", flush=True)

    def tell_events(self):
        self.journal.poll()
        for r in sorted(self.journal.records[self.told:], key=lambda r: r.time):
            text = STORY.get((r.at, r.event))
            if text:
                self.say(text.format_map({"interface": "?", "section": "?", **r.fields}), r.time)
        self.told = len(self.journal.records)

    def watch(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.tell_events()
            time.sleep(0.05)

    # ---- setting up ----

    def spawn(self, ns, *argv, **kw):
        p = self.net.spawn(ns, argv, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                           **{"stdout": subprocess.DEVNULL, **kw})
        self.procs.append(p)
        return p

    def capture(self):
        """What leaves and enters the gateway on both provider links."""
        files = {i: self.folder / f"cpe-{i}.pcap" for i in ("wan1", "wan2")}
        p = self.net.spawn("cpe", [PYTHON, "-I", INSIDE / "capture.py",
                                   *(f"{i}={f}" for i, f in files.items())],
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if p.stdout.readline() != "ready\n":
            raise Failed("the capture does not start")
        self.captures.procs["cpe"] = p
        for i, f in files.items():
            self.journal.add(PacketLog("cpe", i, f))

    def up(self):
        self.say("network of two providers, a gateway, clients c1 and c2, a victim and an attacker")
        self.net.up()
        self.net.nft("t1", COUNT.replace("HOOK", "prerouting"))
        self.net.nft("att2", COUNT.replace("HOOK", "output"))
        self.dns.start(self.lab.zones)
        self.capture()
        self.agents = Agents(self.lab, self.net, self.journal, Pki(self.folder / "pki"), self.folder,
                             self.binaries)
        self.agents.start(["s1", "s2"])
        self.agents.start(["cpe"])
        self.sessions("cpe", {"role": "client"}, 2)
        self.agents.start(["c1", "c2"])
        self.sessions("cpe", {"role": "server"}, 2)
        self.say("gateway has a session with each provider, each over its own link; both clients have "
                 "one with the gateway")

    def sessions(self, at, fields, count):
        end = time.monotonic() + 30
        while True:
            self.journal.poll()
            up = [r for r in self.journal.records if r.at == at and r.event == "session-up" and
                  all(r.fields.get(k) == v for k, v in fields.items())]
            if len(up) >= count:
                return
            if time.monotonic() > end:
                raise Failed(f"{at} has {len(up)} of {count} sessions after 30 s")
            time.sleep(0.05)

    # ---- figures ----

    def count(self, ns):
        return self.net.counters(ns)["flood"]

    def rates(self, seconds=WINDOW):
        """(sent, received) flood packets a second, by the counters at both ends."""
        sent, got, start = self.count("att2"), self.count("t1"), time.monotonic()
        self.watch(seconds)
        span = time.monotonic() - start
        return (self.count("att2") - sent) / span, (self.count("t1") - got) / span

    def event_time(self, at, event, since):
        end = time.monotonic() + 15
        while time.monotonic() < end:
            self.tell_events()
            for r in self.journal.since(since):
                if r.at == at and r.event == event:
                    return r.time
            time.sleep(0.02)
        raise Failed(f"{at} does not say {event} within 15 s")

    # ---- the story ----

    def converse(self):
        self.spawn("t1", PYTHON, "-I", INSIDE / "talk.py", "serve", TALK_PORT)
        self.talk_file = self.folder / "talk"
        for _ in range(50):
            p = self.spawn("s3", PYTHON, "-I", INSIDE / "talk.py", "talk", HOST, TALK_PORT, "0.05",
                           self.talk_file, stdout=subprocess.PIPE, text=True)
            if p.stdout.readline() == "talking\n":
                self.talker = p
                self.say(f"a TCP conversation with {HOST} begins")
                return
            time.sleep(0.1)
        raise Failed(f"no TCP conversation with {HOST} comes about")

    def flood(self):
        self.flooder = self.spawn("att2", PYTHON, "-I", INSIDE / "send.py", "flood", "2000",
                                  str(FLOOD_SECONDS), "-", PORT, HOST)
        self.say(f"the flood of {HOST} begins, from provider 2's side, {FLOOD_SECONDS} s at most")

    def detect(self):
        """The watcher of the host: its packet rate, looked at every 200 ms."""
        end, before = time.monotonic() + 15, self.count("t1")
        while time.monotonic() < end:
            time.sleep(0.2)
            now = self.count("t1")
            if (now - before) / 0.2 > ALARM_PPS:
                self.say(f"watcher: {(now - before) / 0.2:.0f} packets/s at {HOST}: alarm")
                return
            before = now
        raise Failed("the watcher saw no flood")

    def alarm(self):
        at = time.time()
        status, reply = self.agents.dotsctl("c2", "mitigate", HOST + "/32", "--protocol", "17",
                                            "--asker", "alarm:watcher")
        if status != 0:
            raise Failed(f"dotsctl mitigate: exit {status}: {reply}")
        self.wish = reply["id"]
        return at

    def provider1(self, since):
        """What provider 1's link carried after the alarm: (datagrams of DOTS, requests)."""
        self.journal.poll()
        seen = self.journal.since(since)
        packets = [r for r in seen if r.event == "pkt" and r.fields.get("if") == "wan1"]
        foreign = [r for r in packets if S2 in (r.fields["src"], r.fields["dst"])]
        asked = [r for r in seen if r.at == "s1" and r.event in ("put-mitigate", "get-mitigate",
                                                                 "delete-mitigate")]
        beats = [r for r in seen if r.at == "s1" and r.event == "heartbeat"]
        dots = [r for r in packets if S1 in (r.fields["src"], r.fields["dst"])]
        return dots, beats, foreign, asked

    def run(self):
        self.up()
        self.converse()
        self.flood()
        self.detect()
        sent, before = self.rates()
        self.say(f"before: {sent:.0f} packets/s sent, {before:.0f} packets/s reach {HOST}")
        alarm = self.alarm()
        dropped = self.event_time("s2", "rule-installed", alarm - 0.01)
        self.say(f"from alarm to drop: {(dropped - alarm) * 1000:.0f} ms", dropped)
        sent, after = self.rates()
        cut = 1 - after / sent if sent else 0
        self.say(f"after: {sent:.0f} packets/s sent, {after:.0f} packets/s reach {HOST}: "
                 f"{cut:.1%} cut")
        mitigation = self.agents.dotsctl("s2", "list")[1]["mitigations"][0]
        self.say(f"provider 2's filter counts {mitigation['dropped_packets']} packets, "
                 f"{mitigation['dropped_bytes']} bytes dropped")
        dots, beats, foreign, asked = self.provider1(alarm)
        self.say(f"provider 1 since the alarm: {len(dots)} datagrams, all of its own session "
                 f"({len(beats)} heartbeats), {len(asked)} requests; {len(foreign)} packets of "
                 "provider 2's session on its link")
        self.flooder.kill()
        self.say("the flood ends; client c2 withdraws")
        self.agents.dotsctl("c2", "withdraw", self.wish)
        self.event_time("s2", "rule-removed", alarm)
        words = self.finish_talk()
        self.say(f"the TCP conversation: {words[1]} lines sent, {words[3]} echoed")
        self.judge(sent, cut, dots, foreign, asked, words)

    def finish_talk(self):
        self.talker.send_signal(signal.SIGTERM)
        self.talker.wait(10)
        return self.talk_file.read_text().split()

    def judge(self, sent, cut, dots, foreign, asked, words):
        problems = []
        if not dots:
            problems.append("the capture of provider 1's link saw not even a heartbeat")
        if not sent or cut < CUT:
            problems.append(f"only {cut:.1%} of the flood was cut")
        if foreign or asked:
            problems.append(f"provider 1 heard of it: {[str(r) for r in foreign + asked][:3]}")
        if words[1] != words[3] or int(words[1]) < 20:
            problems.append("the TCP conversation lost something")
        why = self.captures.finish()
        if why:
            problems.append(why)
        if problems:
            raise Failed("; ".join(problems))

    # ---- afterwards ----

    def hint(self):
        c2 = self.agents.folders["c2"]
        print(f"""
The network is still there. To look around:
    ip netns list
    {self.binaries['dotsctl']} --socket {self.agents.folders['cpe']}/control.sock domains
    {self.binaries['dotsctl']} --socket {c2}/control.sock mitigate {HOST}/32 --protocol udp
    ip netns exec {self.net.full('isp2')} nft list table inet dotsd_s2
    ip netns exec {self.net.full('cpe')} tcpdump -ni wan1 udp port 4646
To remove it, press Enter or Ctrl-C.""", flush=True)
        try:
            sys.stdin.readline()
        except KeyboardInterrupt:
            pass

    def close(self):
        for p in self.procs:
            p.kill()
            p.wait()
        if self.agents:
            self.agents.kill_all()
        self.captures.kill()
        self.dns.stop()
        self.net.down()


def interrupted(number, _):
    raise SystemExit(128 + number)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--build", required=True)
    p.add_argument("--keep", action="store_true", help="leave the network up until a key is pressed")
    args = p.parse_args()
    for s in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(s, interrupted)
    run_id = f"{os.environ.get('RUN_ID', 'demo')}-{os.getpid()}"
    folder = pathlib.Path("/tmp", run_id)
    folder.mkdir(mode=0o755)
    demo = Demo(ROOT / args.build, folder, run_id)
    try:
        demo.run()
        print("\nOne flood, two providers: the right one was asked, the flood stopped there, the other "
              "heard nothing.")
        if args.keep:
            demo.hint()
        return 0
    except (Failed, NetError) as e:
        print(f"\ndemo failed: {e}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        demo.close()
        shutil.rmtree(folder, ignore_errors=True)


sys.exit(main())
