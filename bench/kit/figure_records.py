"""9: aliases and ACLs on record over the data channel: memory, start-up, and requests beside few and many."""
import base64
import hashlib
import http.client
import ipaddress
import json
import pathlib
import signal
import socket
import ssl
import time

from kit.programs import PATIENCE, BenchError, free_port
from kit.servers import KEY, SERVER_NAME, make_certificates
from kit.table import Spread, Table

LIMIT = 1.5
ALIASES, ACLS = 90, 10  # of a client
GATEWAY = 99            # whose certificate speaks for all clients
MODULE = "ietf-dots-data-channel"
ROOT = f"/restconf/data/{MODULE}:dots-data"
TYPE = "application/yang-data+json"
US, MS = 1e6, 1e3
MEANING = """\
Two servers side by side, with the same configuration of {clients:,} clients: one has the entries of one client on
record, the other one those of all of them, {entries} each (aliases, and ACLs of one entry). One client asks over
one connection (HTTPS, X.509), one request after the other, of both in turn. An edit is answered once it is on
disk. Time is from the first octet sent to the last one received; CPU is that of all threads of the server. The
floor is `host-meta`: HTTPS and RESTCONF without any record. Start-up is from SIGKILL and a new start of the
program to the first answer with an entry in it, the handshake included."""


def cuid(n):
    return f"bench-cuid-{n:011}"


def cdid(n):
    return base64.urlsafe_b64encode(hashlib.sha256(b"%d" % n).digest()[:16]).decode().rstrip("=")


def prefix(n, last):
    return f"{ipaddress.ip_address((10 << 24) + (n << 8) + last)}/32"


def alias(n, i, protocol=6):
    return {"name": f"alias{i}", "target-prefix": [prefix(n, i)], "target-protocol": [protocol],
            "target-port-range": [{"lower-port": 443}]}


def acl(n, i, last=1):
    return {"name": f"acl{i}", "type": "ipv4-acl-type", "activation-type": "immediate", "aces": {"ace": [
        {"name": "rule", "matches": {"ipv4": {"destination-ipv4-network": prefix(n, last)}},
         "actions": {"forwarding": "drop"}}]}}


def registration(n):
    return {f"{MODULE}:dots-client": [{
        "cuid": cuid(n), "cdid": cdid(n), "aliases": {"alias": [alias(n, i) for i in range(ALIASES)]},
        "acls": {"acl": [acl(n, i) for i in range(ACLS)]}}]}


class Web:
    """A client that waits for each of its answers."""

    def __init__(self, folder, port, who):
        self.context = ssl.create_default_context(cafile=str(folder / "ca.crt"))
        self.context.load_cert_chain(str(folder / f"c{who}.crt"), str(folder / f"c{who}.key"))
        self.port, self.line = port, None

    def connect(self):
        """Anew: a connection that was idle has been closed."""
        self.close()
        s = socket.create_connection(("127.0.0.1", self.port), PATIENCE)
        # Head and body go in two pieces: the second one must not wait until the first is acknowledged.
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.line = http.client.HTTPSConnection("127.0.0.1", self.port)
        # The name that the certificate says is not the address.
        self.line.sock = self.context.wrap_socket(s, server_hostname=SERVER_NAME)

    def __call__(self, method, path, body=None):
        """(status, seconds)."""
        data = json.dumps(body).encode() if body is not None else None
        begun = time.monotonic()
        self.line.request(method, path, data, {"Content-Type": TYPE} if data else {})
        answer = self.line.getresponse()
        answer.read()
        return answer.status, time.monotonic() - begun

    def close(self):
        if self.line:
            self.line.close()
        self.line = None


class Provider:
    """dotsd with so many clients; the first `registered` of them put on record what they have."""

    def __init__(self, bench, clients, registered):
        self.bench, self.folder, self.pki = bench, bench.new_path("dotsd"), make_certificates(bench)
        self.folder.mkdir()
        (self.folder / "key.psk").write_text(KEY + "\n")
        self.port, self.process, self.registered = free_port(), None, registered
        (self.folder / "dotsd.yaml").write_text(json.dumps(self.config(clients)))  # JSON is YAML
        self.start()
        self.fill()
        self.web = Web(self.pki, self.port, 0)

    def config(self, clients):
        limits = {"requests-per-second": 1000000}
        entries = {f"c{n}": {"prefixes": [str(ipaddress.ip_network(((10 << 24) + (n << 8), 24)))],
                             "psk": [{"identity": f"c{n}", "file": "key.psk"}], "cdids": [cdid(n)], "limits": limits}
                   for n in range(clients)}
        entries["c0"]["certificates"] = ["c0.example"]
        entries["gateway"] = {"certificates": [f"c{GATEWAY}.example"], "gateway": True, "limits": limits}
        here = [{"address": "127.0.0.1", "port": self.port}]  # one over UDP and TCP, one over TCP
        return {"state": str(self.folder / "state"), "control": str(self.folder / "control.sock"),
                "listen": [{"address": "127.0.0.1", "port": free_port()}], "data-channel": {"listen": here},
                "clients": entries, "mitigators": [{"dry-run": {}}],
                "credentials": {"certificate": str(self.pki / "server.crt"), "key": str(self.pki / "server.key"),
                                "trust": str(self.pki / "ca.crt")}}

    def start(self):
        self.process = self.bench.start("dotsd", [self.bench.program("dotsd"), "--config",
                                                  self.folder / "dotsd.yaml"])

    def fill(self):
        """By the gateway, each client in one request."""
        self.process.wait_for(lambda: "started" in self.process.text())
        gateway = Web(self.pki, self.port, GATEWAY)
        gateway.connect()
        for n in range(self.registered):
            status, _ = gateway("PUT", f"{ROOT}/dots-client={cuid(n)}", registration(n))
            if status != 201:
                raise BenchError(f"registration {n}: {status}")
        gateway.close()

    @property
    def entries(self):
        return self.registered * (ALIASES + ACLS)

    def restart(self):
        """Seconds from SIGKILL to the first answer, bytes resident then."""
        self.process.process.send_signal(signal.SIGKILL)
        self.process.process.wait()
        begun = time.monotonic()
        self.start()
        while True:
            try:
                self.web.connect()
                status, _ = self.web("GET", f"{own()}/aliases/alias=alias1")
                break
            except OSError:
                if self.process.process.poll() is not None or time.monotonic() - begun > PATIENCE:
                    raise BenchError(f"it does not come back:\n{self.process.text()[-2000:]}") from None
                time.sleep(0.002)
        if status != 200:
            raise BenchError(f"after a restart: {status}")
        return time.monotonic() - begun, self.process.resident()

    def threads(self):
        """Seconds that each of them has run, by its id."""
        return {int(t.name): int((t / "schedstat").read_text().split()[0]) / 1e9
                for t in pathlib.Path(f"/proc/{self.process.pid}/task").iterdir()}

    def cpu(self):
        return sum(self.threads().values())


def own():
    return f"{ROOT}/dots-client={cuid(0)}"


def requests(round_):
    """(kind, words, status); what is new goes again. They differ from round to round."""
    one, two = f"{own()}/aliases/alias=new", f"{own()}/acls/acl=new"
    new, filter_ = alias(0, 0, round_ % 256) | {"name": "new"}, acl(0, 0, round_ % 256) | {"name": "new"}
    changed = alias(0, 1, round_ % 256)
    return [("host-meta", ("GET", "/.well-known/host-meta"), 200),
            ("GET of an alias", ("GET", f"{own()}/aliases/alias=alias1"), 200),
            ("PUT of an alias", ("PUT", f"{own()}/aliases/alias=alias1", {f"{MODULE}:alias": [changed]}), 204),
            ("new alias", ("PUT", one, {f"{MODULE}:alias": [new]}), 201),
            ("DELETE of an alias", ("DELETE", one), 204),
            ("GET of an ACL", ("GET", f"{own()}/acls/acl=acl1"), 200),
            ("new ACL", ("PUT", two, {f"{MODULE}:acl": [filter_]}), 201),
            ("DELETE of an ACL", ("DELETE", two), 204)]


class Side:
    """What one of the two takes."""

    def __init__(self, provider):
        self.provider = provider
        self.ms, self.cpu, self.right, self.wrong = {}, {}, {}, 0
        self.up, self.resident = Spread(), Spread()

    def interval(self, repeats, number):
        """So many of each kind, over one connection."""
        self.provider.web.connect()
        for kind in range(len(requests(0))):
            if requests(0)[kind][0].startswith("DELETE"):
                continue
            times, cpu = self.series(kind, repeats, number)
            for name, values in times.items():
                self.ms.setdefault(name, Spread()).add(sorted(values)[len(values) // 2] * MS)
                self.cpu.setdefault(name, Spread()).add(cpu[name] / len(values) * US)

    def series(self, kind, repeats, number):
        """Those of a kind, and of what undoes it, one after the other."""
        times, cpu = {}, {}
        for i in range(repeats):
            steps = requests(number * repeats + i)[kind:]
            for name, words, status in steps[:2 if steps[0][0].startswith("new") else 1]:
                before = self.provider.cpu()
                got, seconds = self.provider.web(*words)
                cpu[name] = cpu.get(name, 0) + self.provider.cpu() - before
                times.setdefault(name, []).append(seconds)
                self.right[name] = self.right.get(name, 0) + (got == status)
                self.wrong += got != status
        return times, cpu


def over(a, b):
    return a.median / b.median if a.values and b.values and b.median else None


def run(bench):
    clients, repeats = bench.scale["records"], bench.scale["asked"]
    table = Table(f"9. Aliases and ACLs on record ({ALIASES + ACLS} and {clients * (ALIASES + ACLS):,})",
                  ["entries", "what", "ms", "CPU us", "ms over few", "CPU over few", "CPU over host-meta"],
                  MEANING.format(clients=clients, entries=f"{ALIASES} and {ACLS}"))
    few, many = sides = [Side(Provider(bench, clients, n)) for n in (1, clients)]
    for number in range(bench.scale["runs"]):
        for side in sides if number % 2 else reversed(sides):
            side.interval(repeats, number)
    for _ in range(bench.scale["runs"]):
        for side in sides:
            up, resident = side.provider.restart()
            side.up.add(up * MS)
            side.resident.add(resident / 1024)
    for side in sides:
        for name, ms in side.ms.items():
            ratios = over(ms, few.ms[name]), over(side.cpu[name], few.cpu[name])
            table.row(f"{side.provider.entries:,}", name, ms, side.cpu[name], *ratios,
                      over(side.cpu[name], side.cpu["host-meta"]))
            if side is many:
                table.limit(f"CPU of {name} beside {many.provider.entries:,} over few", ratios[1], LIMIT)
                table.limit(f"ms of {name} beside {many.provider.entries:,} over few", ratios[0], LIMIT)
            table.count(f"{side.provider.entries:,} entries, {name}", side.right[name], side.wrong)
        table.note(f"{side.provider.entries:,} entries: start-up {side.up} ms, resident then {side.resident} KiB")
    table.note("bytes of memory an entry: " + str(round((many.resident.median - few.resident.median) * 1024 / max(
        1, many.provider.entries - few.provider.entries))))
    return table
