"""The verbs of steps. Each takes its statement and acts; a NetError fails the step."""
import ipaddress
import itertools
import json
import re
import signal
import struct
import subprocess
import time

from lab import cbor, decoding, records
from lab.assertions import Pattern
from lab.net import INSIDE, PYTHON, NetError
from lab.observe import packet
from lab.parse import STEP

FLOOD_PORT, DOTS_PORT = "9999", "4646"
HELLO_SOURCES = "198.18.0.0/15,2001:db8:ffff::/48"
END = re.compile(r"\[?(?P<address>[^]]*)\]?:(?P<port>\d+)")  # of a session
DOTS_CBOR = "271"  # Content-Format application/dots+cbor
CAPTURED_WITHIN, DECODE_WITHIN = 5, 20
YANG_JSON = "application/yang-data+json"


def listed(args):
    return [name for a in args for name in a.split(",")]


class Steps:
    def __init__(self, lab, net, dns, dhcp, agents, journal, folder):
        self.lab, self.net, self.agents = lab, net, agents
        self.dns, self.dhcp = dns, dhcp
        self.journal, self.folder = journal, folder
        self.floods, self.asks = [], []   # asks: (agent, id in the lab, id of the agent)
        self.dirty = False                # something that only a new start of all agents undoes
        self.tables, self.downed = set(), set()
        self.detours = []                 # rules of steps

    def act(self, st):
        getattr(self, "do_" + st.args[1].replace("-", "_"))(st, *st.args[2:])

    # ---- agents ----

    def do_start(self, st, *names):
        self.dirty = True
        self.agents.start(listed(names) or list(self.lab.agents))

    def do_stop(self, st, *names, how=signal.SIGTERM):
        self.dirty = True
        for name in listed(names):
            if not self.agents.running(name):
                raise NetError(f"{name} does not run")
            self.agents.stop(name, how)

    def do_kill(self, st, *names):
        self.do_stop(st, *names, how=signal.SIGKILL)

    def do_restart(self, st, *names):
        self.do_stop(st, *names)
        self.agents.start(listed(names))

    def do_pause(self, st, *names, on=True):
        self.dirty = True
        for name in listed(names):
            if not self.agents.running(name):
                raise NetError(f"{name} does not run")
            self.agents.processes[name].pause(on)

    def do_resume(self, st, *names):
        self.do_pause(st, *names, on=False)

    def do_forget(self, st, *names):
        self.dirty = True
        for name in listed(names):
            if self.agents.running(name):
                raise NetError(f"{name} runs")
            self.agents.forget_state(name)

    def do_configure(self, st, name):
        self.dirty = True
        self.agents.configure(name, {k: a.value for k, a in st.attrs.items() if k not in STEP})

    def do_alarm(self, st, name):
        targets = sorted(map(str, self.lab.prefixes(st.items("target"), st)))
        words = ["mitigate", *targets, *st.items("name")]
        for option in ("port", "protocol", "lifetime", "wait"):
            if option in st.attrs:
                words += ["--" + option, st.get(option)]
        if st.get("on-loss", "no") == "yes":
            words.append("--on-loss")
        for acl in records.controls(st):
            words += ["--acl", acl]
        status, reply = self.agents.dotsctl(name, *words)
        if status not in (0, 1, 4):
            raise NetError(f"dotsctl {' '.join(words)} at {name}: exit {status}, {reply}")
        self.journal.note(name, "alarmed", exit=status, reply=str(reply))
        if "id" in reply:
            self.asks.append((name, st.get("id"), str(reply["id"])))

    def asked(self, st, name):
        mine = [a for a in self.asks if a[0] == name and a[1] == st.get("id")]
        if not mine:
            raise NetError(f"{name} has asked for nothing with id={st.get('id')}")
        return mine

    def do_refresh(self, st, name):
        for ask in self.asked(st, name):
            status, reply = self.agents.dotsctl(name, "refresh", ask[2])
            if status:
                raise NetError(f"dotsctl refresh {ask[2]} at {name}: exit {status}, {reply}")

    def do_withdraw(self, st, name):
        for ask in self.asked(st, name):
            self.withdraw(ask)

    def withdraw(self, ask):
        self.asks.remove(ask)
        status, reply = self.agents.dotsctl(ask[0], "withdraw", ask[2])
        if status not in (0, 4):
            raise NetError(f"dotsctl withdraw {ask[2]} at {ask[0]}: exit {status}, {reply}")

    def do_drain(self, st, name, action):
        self.dirty = True
        words = ["drain", action]
        if {"to", "name"} & st.attrs.keys():
            agent = self.lab.agents.get(st.get("to"))
            words += ["--to", st.get("name") or agent.st.get("name")]
            for address in self.alternates(st, agent):
                words += ["--address", address]
        if "ttl" in st.attrs:
            words += ["--ttl", st.get("ttl")]
        status, reply = self.agents.dotsctl(name, *words)
        if status:
            raise NetError(f"dotsctl {' '.join(words)} at {name}: exit {status}, {reply}")

    def alternates(self, st, agent):
        """The first `count` inside the prefixes of `addresses`, in turn; or else all that the agent has."""
        if "addresses" not in st.attrs:
            return sorted(str(ip) for ip in self.lab.addresses_of(agent.name)) if agent else []
        nets = sorted(self.lab.prefixes(st.items("addresses"), st), key=str)
        in_turn = (ip for some in itertools.zip_longest(*nets) for ip in some if ip)
        return list(map(str, itertools.islice(in_turn, int(st.get("count", len(nets))))))

    # ---- forged and recorded datagrams ----

    def session(self, st):
        """The ends of the session that a client has with a server: (its own, the server's)."""
        server = self.lab.agents[st.get("from")].st.get("name")
        for s in self.agents.dotsctl(st.get("to"), "sessions")[1].get("upstream", []):
            if s["name"] == server and s.get("local"):
                return tuple(END.fullmatch(s[end]).group("address", "port")
                             for end in ("local", "remote"))
        raise NetError(f"{st.get('to')} has no session with {server}")

    def inject(self, st, ns, payloads):
        (address, port), (server, server_port) = self.session(st)
        self.finished(self.send(ns, "inject", server, server_port, address, port,
                                *(p.hex() for p in payloads)), 10)

    def do_forge(self, st, ns):
        """5.03 with a redirection: as it is, and in records that prove nothing; an ICMP redirect."""
        alternate = self.lab.agents[st.get("alternate")]
        body = cbor.redirection(alternate.st.get("name"),
                                sorted(map(str, self.lab.addresses_of(alternate.name))))
        message = bytes.fromhex("50a31234c2010f220e10ff") + body  # NON 5.03, 271, Max-Age 3600
        records = [struct.pack("!BHHHIH", kind, 0xFEFD, epoch, 0, 99, len(message)) + message
                   for kind in (22, 23) for epoch in (0, 1)]
        self.inject(st, ns, [message, *records])
        (address, _), (server, _) = self.session(st)
        self.finished(self.send(ns, "redirect", address, server), 10)

    def do_replay(self, st, ns):
        """All that has come from that server since the step began, as it was captured."""
        end = time.monotonic() + CAPTURED_WITHIN
        while not (recorded := self.recorded(st)):
            if time.monotonic() > end:
                raise NetError("nothing of it was captured")
            time.sleep(0.05)
        self.inject(st, ns, recorded)

    def recorded(self, st):
        """What is in the files by now: what the agents have said already may be a little ahead of them."""
        sources = self.lab.addresses_of(st.get("from"))
        return [p for log in self.folder.glob(f"{st.get('to')}-*.pcap")
                for p in datagrams(log.read_bytes(), sources, self.begun)]

    def mitigations(self, st, name):
        """The ids of what the agent has for exactly these targets."""
        wanted = {str(n) for n in self.lab.prefixes(st.items("target"), st)}
        mine = [m for m in self.agents.dotsctl(name, "list")[1].get("mitigations", [])
                if set(m["targets"]) == wanted]
        if not mine:
            raise NetError(f"{name} has no mitigation for {', '.join(sorted(wanted))}")
        return [str(m["id"]) for m in mine]

    def command(self, name, *words):
        status, reply = self.agents.dotsctl(name, *words)
        if status:
            raise NetError(f"dotsctl {' '.join(words)} at {name}: exit {status}, {reply}")

    def do_escalate(self, st, name):
        """By the operator's hand."""
        for number in self.mitigations(st, name):
            self.command(name, "escalate", number)

    def do_terminate(self, st, name):
        reason = ["--reason", st.get("reason")] if "reason" in st.attrs else []
        for number in self.mitigations(st, name):
            self.command(name, "terminate", number, *reason)

    def do_client(self, st, name, client, action):
        self.dirty = True
        words = ["--end"] if st.get("end") == "yes" else []
        words += ["--reason", st.get("reason")] if "reason" in st.attrs else []
        self.command(name, "client", client, action, *words)

    # ---- traffic ----

    def send(self, ns, *words):
        return self.net.spawn(ns, [PYTHON, "-I", INSIDE / "send.py", *words],
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True)

    def finished(self, proc, seconds):
        try:
            _, err = proc.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            proc.kill()
            proc.wait()
            raise NetError("did not end in time") from None
        if proc.returncode:
            raise NetError(err.strip()[-500:])

    def do_flood(self, st, ns):
        targets = sorted(str(n.network_address)
                         for n in self.lab.prefixes(st.items("target"), st))
        self.floods.append(self.send(ns, "flood", st.get("rate", "20"), st.get("for", "5"),
                                     st.get("count", "-"), st.get("port", FLOOD_PORT), *targets))

    def do_hellos(self, st, ns):
        target = st.get("target")
        targets = (self.lab.addresses_of(target) if target in self.lab.agents
                   else [n.network_address for n in self.lab.prefixes([target], st)])
        sources = self.lab.filtered(st.get("sources", HELLO_SOURCES).split(","))
        self.floods.append(self.send(ns, "hellos", st.get("count", "1000"), st.get("for", "5"),
                                     st.get("port", DOTS_PORT), ",".join(sources),
                                     *sorted(map(str, targets))))

    def do_probe(self, st, ns):
        sources = {":" in s: s for s in self.lab.filtered(st.items("src"))}
        for target in self.lab.filtered(st.items("dst")):
            self.finished(self.send(ns, "probe", sources.get(":" in target, "-"),
                                    st.get("dev", "-"), st.get("port", DOTS_PORT), target), 10)

    # ---- network ----

    def do_link(self, st, end, state):
        if state not in ("up", "down"):
            raise st.error("link NS:if up, or down")
        self.dirty = True
        node = self.lab.node(st, end)
        (self.downed.add if state == "down" else self.downed.discard)(node)
        self.net.link_state(*node, state)

    def do_rule(self, st, ns, *words):
        self.dirty = True
        self.net.change_rule(st, "add", ns, *words)
        self.detours.append((st, ns, *words))

    def do_loss(self, st, end, percent):
        ns, interface = self.lab.node(st, end)
        self.net.loss(ns, interface, int(percent))
        self.tables.add((ns, "lab_loss_" + interface))

    def do_drop(self, st, ns, *matches):
        self.net.drop(ns, matches)
        self.tables.add((ns, "lab_drop"))

    def do_undrop(self, st, ns):
        self.net.undo_table(ns, "lab_drop")

    def do_forget_flows(self, st, ns):
        self.net.run(ns, ["conntrack", "--flush"])

    def do_zone(self, st, *record):
        if record[2] not in ("A", "AAAA") or record[3] == "-" or self.lab.wanted(record[3]):
            self.dns.change(*record)

    def do_dhcp(self, st, end):
        self.dhcp.change(self.lab.node(st, end), st)

    # ---- time ----

    def do_wait(self, st, seconds):
        end = time.monotonic() + float(seconds)
        while time.monotonic() < end:
            self.journal.poll()
            time.sleep(0.05)

    def do_wait_for(self, st, event):
        pattern = Pattern(self.lab, st, event)
        end = time.monotonic() + pattern.within
        while True:
            self.journal.poll()
            if not pattern.missing(self.journal.since(self.begun)):
                return
            if time.monotonic() > end:
                seen = pattern.near(self.journal.since(self.begun))
                raise NetError("\n".join(["not seen; instead:", *map(str, seen)]))
            time.sleep(0.05)

    begun = 0.0  # of the step under way

    # ---- an independent client ----

    def do_coap(self, st, ns, method, path):
        if method != "get":
            self.dirty = True  # nobody else withdraws what it asked for
        who, ca, address = st.get("as"), *self.coap_server(st)
        own = self.agents.credentials(who, ca)
        answer = self.folder / f"coap-{st.line}.out"
        answer.unlink(missing_ok=True)
        argv = ["coap-client-openssl", "-m", method, "-B", st.get("for", "3"), "-v", "6", "-o", answer,
                "-c", own["certificate"], "-j", own["key"], "-C", self.agents.pki.ca(ca)]
        body = self.coap_body(st)
        if body is not None:
            file = self.folder / f"coap-{st.line}.cbor"
            file.write_bytes(body)
            argv += ["-t", DOTS_CBOR, "-f", file]
        if st.get("if-match") == "yes":
            argv += ["-O", "1,"]  # empty: RFC 9132 4.4.3
        host = f"[{address}]" if ":" in address else address
        uri = f"coaps://{host}:{DOTS_PORT}{self.coap_path(st, path, ca)}"
        r = self.net.run(ns, [*map(str, argv), uri], check=False, timeout=30)
        data = answer.read_bytes() if answer.exists() else b""
        (self.folder / f"coap-{st.line}.log").write_text(r.stdout + r.stderr)
        said = readable(data) or diagnostic(r.stderr)
        conflict, contested = cbor.conflicts(data)
        self.journal.note(ns, "coap-response", **{"as": who}, code=answer_code(r.stdout + r.stderr),
                          scope=",".join(cbor.scopes(data)), names=",".join(cbor.names(data)),
                          conflict=conflict, contested=contested, text=said)

    def coap_server(self, st):
        """Whose CA signs there, and the address."""
        name = st.get("server")
        for a in self.lab.agents.values():
            addresses = [str(ip) for ip in self.lab.addresses_of(a.name)]
            if a.kind != "client" and (a.name == name or name in addresses):
                return st.get("ca", a.st.get("ca")), name if name in addresses else addresses[0]
        raise NetError(f"no agent serves at {name}")

    def coap_body(self, st):
        if "body" in st.attrs:
            return bytes.fromhex(st.get("body"))
        if not {"target", "name", "alias", "acl"} & set(st.attrs):
            return None
        numbers = {k: int(st.number(k)) for k in ("lifetime", "attack-status") if k in st.attrs}
        trigger = {"yes": True, "no": False}.get(st.get("trigger-mitigation"))
        prefixes = self.lab.prefixes(st.items("target"), st) if "target" in st.attrs else []
        return cbor.mitigation(sorted(prefixes, key=str), st.items("port"), st.items("protocol"),
                               numbers.get("lifetime"), numbers.get("attack-status"), trigger,
                               st.items("name"), st.items("alias"), st.items("acl"))

    def coap_path(self, st, path, ca):
        """As it is, or the name of a resource of RFC 9132 4.2."""
        if path.startswith("/"):
            return path
        path = f"/.well-known/dots/{path}"
        if path.endswith("/mitigate"):
            path += f"/cuid={self.agents.cuid(st.get('cuid', st.get('as')), ca)}"
        if "mid" in st.attrs:
            path += f"/mid={self.last_mid(st) if st.get('mid') == 'last' else st.get('mid')}"
        return path

    def last_mid(self, st):
        """Of the newest request that the server had from the one whose cuid it is."""
        who = st.get("cuid", st.get("as"))
        self.journal.poll()
        for r in reversed(self.journal.records):
            if (r.event == "put-mitigate" and r.at == st.get("server")
                    and r.fields.get("from") == who):
                return r.fields["mid"]
        raise NetError(f"{st.get('server')} had no request from {who}")

    # ---- aliases and filters ----

    def do_alias(self, st, name):
        entry = None if records.is_empty(st) else records.alias(self.lab, st, st.get("name"))
        self.put_record(st, name, "alias", entry)

    def do_filter(self, st, name):
        before = self.agents.record(name, "acl", st.get("name"))
        entry = None if records.is_empty(st) else records.acl(self.lab, st, st.get("name"), before)
        self.put_record(st, name, "acl", entry)

    def do_control(self, st, name):
        """RFC 9133, of what was asked for."""
        self.dirty = True
        for ask in self.asked(st, name):
            status, reply = self.agents.dotsctl(name, "filter", ask[2], *records.controls(st))
            if status not in (0, 1, 4):
                raise NetError(f"dotsctl filter {ask[2]} at {name}: exit {status}, {reply}")
            self.journal.note(name, "controlled", exit=status, reply=str(reply))

    def put_record(self, st, name, kind, entry):
        """In the agent's files, or by its operator's hand; None: away with it."""
        self.dirty = True
        if "by" not in st.attrs:
            self.agents.put_record(name, kind, st.get("name"), entry)
            return
        file = self.folder / f"{kind}-{st.line}.json"
        file.write_text(records.file_of({kind: {st.get("name"): entry}} if entry else {}))
        status, reply = self.agents.dotsctl(name, kind, "set" if entry else "remove", st.get("name"),
                                            *[str(file)] * bool(entry))
        if status not in (0, 1, 4):
            raise NetError(f"dotsctl {kind} {st.get('name')} at {name}: exit {status}, {reply}")
        self.journal.note(name, "recorded", exit=status, reply=str(reply))

    def do_restconf(self, st, ns, method, path):
        """An independent client of data channels: curl."""
        if method != "get":
            self.dirty = True
        who, server = st.get("as"), self.lab.agents[st.get("server")].st
        ca, address = server.get("ca"), str(self.lab.served_at(st.get("server"))[0])
        own, cuid = self.agents.credentials(who, ca), self.agents.cuid(st.get("cuid", who), ca)
        host, answer = f"{server.get('name')}:{server.get('data')}", self.folder / f"curl-{st.line}.out"
        answer.unlink(missing_ok=True)
        argv = ["curl", "-sS", "--max-time", "10", "-g", "-o", answer, "-w", "%{http_code}",
                "--noproxy", "*", "--cacert", self.agents.pki.ca(ca), "--cert", own["certificate"],
                "--key", own["key"], "-X", method.upper(), "-H", f"Accept: {YANG_JSON}", "--resolve",
                f"{host}:{f'[{address}]' if ':' in address else address}"]
        body = records.body_of(self.lab, st, method, path, cuid)
        if body:
            argv += ["-H", f"Content-Type: {YANG_JSON}", "--data-binary", json.dumps(body)]
        r = self.net.run(ns, [*map(str, argv), f"https://{host}{records.path_of(st, path, cuid)}"],
                         check=False, timeout=30)
        text = answer.read_text(errors="replace") if answer.exists() else ""
        self.journal.note(ns, "restconf-response", **{"as": who}, server=server.get("name"),
                          code="none" if r.returncode else r.stdout, **records.shown(text),
                          text=r.stderr.strip() if r.returncode else text)

    def do_decode(self, st, ns):
        """What the captures there hold, with the keys that the agents have logged; they may be a little behind."""
        captures = sorted(self.folder.glob(f"{ns}-*.pcap"))
        if not captures:
            raise NetError("nothing is captured there")
        end = time.monotonic() + DECODE_WITHIN
        while st.get("holds") not in (text := decoding.text_of(captures, self.folder / decoding.KEYS)):
            if time.monotonic() > end:
                raise NetError(f"{len(text)} characters of it, and not {st.get('holds')}")
        self.journal.note(ns, "decoded", text=text)

    # ---- back to the state after s1 ----

    def calm(self):
        """Ends what a step left going on in the network."""
        for p in self.floods:
            p.kill()
            p.communicate()
        self.floods = []
        for ns, table in self.tables:
            self.net.undo_table(ns, table)
        self.tables = set()
        self.dns.restore(self.lab.zones)
        self.dhcp.restore(self.lab.offers)

    def straighten(self):
        """Takes back the rules of steps, once nobody uses them any more."""
        for st, *words in self.detours:
            self.net.change_rule(st, "del", *words)
        self.detours = []

    def withdraw_all(self):
        for ask in list(self.asks):
            self.withdraw(ask)


def datagrams(pcap, sources, since):
    """The UDP payloads from these addresses in a file of capture.py."""
    at = 24
    while len(pcap) >= at + 16:
        seconds, micros, kept, _ = struct.unpack("<IIII", pcap[at:at + 16])
        frame = pcap[at + 16:at + 16 + kept]
        at += 16 + kept
        if len(frame) < kept:  # it is being written
            break
        fields = packet(frame)
        if (seconds + micros / 1e6 >= since and fields and fields["proto"] == "udp"
                and fields["dir"] == "in" and ipaddress.ip_address(fields["src"]) in sources):
            header = (frame[16] & 15) * 4 if frame[16] >> 4 == 4 else 40
            yield frame[16 + header + 8:]


def readable(data):
    return data[-300:].decode(errors="replace") if data.isascii() else ""


def diagnostic(text):
    """What a refusal said."""
    found = re.findall(r"^[45]\.\d\d (.*)$", text, re.MULTILINE)
    return found[-1] if found else ""


def answer_code(text):
    """Code of the last CoAP response that the tool printed."""
    found = re.findall(r"\bc:([2-5]\.\d\d)\b", text)
    return found[-1] if found else "none"
