"""The servers: dotsd with a configuration of its own, the floors, libcoap's."""
import ipaddress
import json
import shutil
import subprocess

from kit.programs import BenchError, free_port

CLIENTS = 100
KEY = "0123456789abcdef0123456789abcdef"  # hexadecimal
KEY_TEXT = "sixteen-byte-key"  # libcoap takes the key as text
SERVER_NAME = "dots.example"


def make_certificates(bench):
    """A CA, a server and CLIENTS clients, once; the folder."""
    folder = bench.folder / "pki"
    if folder.exists():
        return folder
    folder.mkdir()

    def openssl(*args):
        subprocess.run(["openssl", *args], cwd=folder, check=True, capture_output=True)

    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.crt", "-days", "2", "-subj",
            "/CN=ca", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    names = {"server": f"subjectAltName=DNS:{SERVER_NAME}\nextendedKeyUsage=serverAuth\n"}
    for i in range(CLIENTS):
        names[f"c{i}"] = f"subjectAltName=DNS:c{i}.example\nextendedKeyUsage=clientAuth\n"
    for name, extensions in names.items():
        (folder / "ext").write_text("basicConstraints=CA:FALSE\nkeyUsage=digitalSignature\n"
                                    + extensions)
        openssl("req", *key, "-keyout", f"{name}.key", "-out", "csr", "-subj", f"/CN={name}")
        openssl("x509", "-req", "-in", "csr", "-CA", "ca.crt", "-CAkey", "ca.key",
                "-CAcreateserial", "-days", "2", "-extfile", "ext", "-out", f"{name}.crt")
    return folder


LIMITS = {"sessions": 20000, "mitigations": 200000, "requests-per-second": 1000000,
          "targets-total": 200000, "handshakes-per-minute": 1000000}


def limits_of(program):
    """Those that this build knows: one of before may have fewer."""
    words = program.read_bytes()
    return {name: limit for name, limit in LIMITS.items() if name.encode() in words}


def client(i, certificates, limits):
    """Client i may ask for 10.i.0.0/16."""
    prefix = ipaddress.ip_network(((10 << 24) + (i << 16), 16))
    entry = {"prefixes": [str(prefix)], "limits": limits}
    if certificates:
        return entry | {"certificates": [f"c{i}.example"]}
    return entry | {"psk": [{"identity": f"c{i}", "file": "key.psk"}]}


class Dotsd:
    """dotsd with CLIENTS clients (or fewer), a store on disk, and a mitigator."""

    handshakes = 64  # at a time

    def __init__(self, bench, certificates=False, clients=CLIENTS, mitigator=None, build=None):
        self.port, self.clients = free_port(), clients
        self.folder = bench.new_path("dotsd")
        self.folder.mkdir()
        (self.folder / "key.psk").write_text(KEY + "\n")
        program = bench.program("dotsd", build)
        limits = limits_of(program)
        cfg = {"state": str(self.folder / "state"), "control": str(self.folder / "control.sock"),
               "listen": [{"address": "127.0.0.1", "port": self.port}],
               "clients": {f"c{i}": client(i, certificates, limits)
                           for i in range(clients)},
               "mitigators": [mitigator or {"dry-run": {}}],
               "mitigation": {"terminating": 0},
               # The generator's sessions come from one address range.
               "limits": {"sessions": 20000, "half-open": 1000, "half-open-per-prefix": 1000,
                          "mitigations": 300000}}
        self.credentials = {"psk": KEY}
        if certificates:
            pki = make_certificates(bench)
            cfg["credentials"] = {"certificate": str(pki / "server.crt"),
                                  "key": str(pki / "server.key"), "trust": str(pki / "ca.crt")}
            self.credentials = {"certificates": pki}
        (self.folder / "dotsd.yaml").write_text(json.dumps(cfg))  # JSON is YAML
        self.process = bench.start("dotsd", [program, "--config", self.folder / "dotsd.yaml"])
        self.process.wait_for(lambda: "started" in self.process.text())
        self.address = f"127.0.0.1:{self.port}"


class Floor:
    """A bare echo, over UDP or DTLS."""

    handshakes = 64

    def __init__(self, bench, name, answer, dtls, certificates=False):
        self.address, self.clients = f"127.0.0.1:{free_port()}", CLIENTS
        argv, self.credentials = [bench.program(name), self.address, answer], {}
        if dtls:
            argv.append(KEY)
            self.credentials = {"psk": KEY}
        if certificates:
            pki = make_certificates(bench)
            argv += [pki / "server.crt", pki / "server.key", pki / "ca.crt"]
            self.credentials = {"certificates": pki}
        self.process = bench.start(name, argv)
        self.process.wait_for(lambda: "ready" in self.process.text())


class Libcoap:
    """coap-server-gnutls of the distribution, with a pre-shared key."""

    handshakes = 8  # each datagram costs it a walk over all sessions

    def __init__(self, bench):
        if not shutil.which("coap-server-gnutls"):
            raise BenchError("coap-server-gnutls is not installed (scripts/deps)")
        port = free_port()
        self.address, self.clients = f"127.0.0.1:{port + 1}", CLIENTS
        self.credentials = {"psk": KEY_TEXT.encode().hex()}
        self.process = bench.start("libcoap", ["coap-server-gnutls", "-A", "127.0.0.1", "-p", port,
                                               "-k", KEY_TEXT, "-h", "hint", "-v", "3"])
        self.process.wait_for(lambda: udp_bound(port + 1))


def udp_bound(port):
    with open("/proc/net/udp", encoding="ascii") as f:
        return any(int(line.split()[1].split(":")[1], 16) == port for line in list(f)[1:])
