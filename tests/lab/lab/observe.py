"""What was seen: one journal of records from the agents' event logs, the DNS servers' query logs
and the captures. A record has the time it happened (wall clock; of a query: when it was read)."""
import dataclasses
import datetime
import ipaddress
import json
import re
import socket
import struct
import time

QUERY = re.compile(r"query\[(\w+)\] (\S+) from (\S+)")
OTHER_HOST, OUTGOING = 3, 4
FRAGMENT = 44  # IPv6 next header
DNS_PORT = 53
MARK = b"lab-flood"
READABLE = re.compile(rb"[\x20-\x7e]{8,}")


@dataclasses.dataclass
class Record:
    at: str
    event: str
    time: float
    fields: dict

    def __str__(self):
        fields = " ".join(f"{k}={v}" if " " not in str(v) else f'{k}="{v}"'
                          for k, v in self.fields.items())
        clock = datetime.datetime.fromtimestamp(self.time).strftime("%H:%M:%S.%f")[:-3]
        return f"{clock} {self.at} {self.event} {fields}"


class Tail:
    """Bytes appended to a file that may not exist yet."""

    def __init__(self, at, path):
        self.at, self.path = at, path
        self.file, self.rest = None, b""

    def more(self):
        if self.file is None:
            try:
                self.file = open(self.path, "rb")
            except FileNotFoundError:
                return b""
        return self.file.read()

    def lines(self):
        *lines, self.rest = (self.rest + self.more()).split(b"\n")
        return lines


class EventLog(Tail):
    """An agent's JSON lines."""

    def poll(self):
        for line in self.lines():
            try:
                fields = json.loads(line)
                t = datetime.datetime.fromisoformat(fields.pop("time").replace("Z", "+00:00"))
                yield Record(self.at, fields.pop("event"), t.timestamp(), fields)
            except (ValueError, KeyError, AttributeError):
                yield Record(self.at, "unreadable", time.time(), {"line": repr(line)})


class QueryLog(Tail):
    """dnsmasq with --log-queries."""

    def poll(self):
        for line in self.lines():
            m = QUERY.search(line.decode(errors="replace"))
            if m:
                yield Record(self.at, "dns-query", time.time(),
                             {"type": m.group(1), "name": m.group(2).lower(), "source": m.group(3)})


class PacketLog(Tail):
    """A pcap file of LINUX_SLL frames."""

    def __init__(self, at, interface, path):
        super().__init__(at, path)
        self.interface, self.started = interface, False

    def poll(self):
        data = self.rest + self.more()
        if not self.started:
            if len(data) < 24:
                self.rest = data
                return
            data, self.started = data[24:], True
        while len(data) >= 16:
            sec, usec, kept, _ = struct.unpack("<IIII", data[:16])
            if len(data) < 16 + kept:
                break
            fields = packet(data[16:16 + kept])
            if fields:
                yield Record(self.at, "pkt", sec + usec / 1e6, {"if": self.interface, **fields})
            data = data[16 + kept:]
        self.rest = data


def transport(proto, data):
    name = {6: "tcp", 17: "udp", 1: "icmp", 58: "icmp6"}.get(proto, str(proto))
    fields = {"proto": name}
    if name in ("tcp", "udp") and len(data) >= 4:
        fields["sport"], fields["dport"] = struct.unpack("!HH", data[:4])
    if name == "tcp" and len(data) >= 14:
        fields["reset"] = bool(data[13] & 4)
    if name == "udp" and data[8:].startswith(MARK):
        fields["mark"] = True
    elif name in ("udp", "tcp"):
        # What can be read in it, as it stands: names in a handshake.
        start = 8 if name == "udp" else (data[12:13] or b"\0")[0] >> 2 & 0x3C
        fields["readable"] = b" ".join(READABLE.findall(data[start:])).decode()
    if name == "udp" and fields.get("dport") == DNS_PORT:
        fields["query"] = question(data[8:])
    return fields


def question(message):
    """The name that a DNS message asks for; what is cut off is left out."""
    labels, rest = [], message[12:]
    while rest and rest[0]:
        labels.append(rest[1:1 + rest[0]].decode(errors="replace").lower())
        rest = rest[1 + rest[0]:]
    return ".".join(labels)


def packet(frame):
    """Fields of an IP packet in a cooked frame, to or from this host; None for anything else."""
    pkttype, ethertype = struct.unpack("!H12xH", frame[:16])
    if pkttype == OTHER_HOST:  # a bridge did not know better
        return None
    ip = frame[16:]
    fields = {"dir": "out" if pkttype == OUTGOING else "in"}
    if ethertype == 0x0800 and len(ip) >= 20:
        fields["src"], fields["dst"] = socket.inet_ntoa(ip[12:16]), socket.inet_ntoa(ip[16:20])
        if struct.unpack("!H", ip[6:8])[0] & 0x1FFF:
            return {**fields, "proto": "fragment"}
        return {**fields, **transport(ip[9], ip[(ip[0] & 15) * 4:])}
    if ethertype == 0x86DD and len(ip) >= 40:
        fields["src"] = str(ipaddress.ip_address(ip[8:24]))
        fields["dst"] = str(ipaddress.ip_address(ip[24:40]))
        if ip[6] == FRAGMENT and len(ip) >= 48:
            if struct.unpack("!H", ip[42:44])[0] >> 3:
                return {**fields, "proto": "fragment"}
            return {**fields, **transport(ip[40], ip[48:])}
        return {**fields, **transport(ip[6], ip[40:])}
    return None


class Journal:
    def __init__(self):
        self.sources, self.records = [], []

    def add(self, source):
        self.sources.append(source)

    def note(self, at, event, **fields):
        """Something the runner itself saw."""
        self.records.append(Record(at, event, time.time(), fields))

    def poll(self):
        for s in self.sources:
            self.records += s.poll()

    def since(self, t, until=float("inf")):
        return [r for r in self.records if t <= r.time <= until]
