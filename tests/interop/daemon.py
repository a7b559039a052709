"""dotsd as the interoperability tests run it: on loopback, in a directory of its own."""

import json
import os
import pathlib
import subprocess

from peers import PATIENCE, free_port, until

DOTSD = os.environ.get("DOTSD", "dotsd")
DOTSCTL = os.environ.get("DOTSCTL", "dotsctl")

SERVER = """instance: {name}
state: state
control: control.sock
events: events.json
listen: [{{address: 127.0.0.1, port: {port}}}]
credentials: {{certificate: {pki}/server.crt, key: {pki}/server.key, trust: {pki}/ca.crt}}
clients:
  acme:
    certificates: [client, expired, client-rsa]
    prefixes: [192.0.2.0/24, "2001:db8::/32"]
  jane:
    psk: [{{identity: jane, file: {pki}/key.psk}}]
    prefixes: [198.51.100.0/24, 192.0.2.128/25]
mitigators: [dry-run: {{}}]
session: {{heartbeat-interval: {heartbeat}, missing-hb-allowed: 15}}
mitigation: {{terminating: 1}}
"""

CLIENT = """instance: {name}
state: state
control: control.sock
events: events.json
domains:
  isp1:
    interface: lo
    prefixes: [192.0.2.0/24]
    servers: [{{name: dots.example, addresses: [127.0.0.1], port: {port}}}]
    credentials: {credentials}
    heartbeat-interval: {heartbeat}
    missing-hb-allowed: 15
    lifetime: {lifetime}
"""


class Daemon:
    def __init__(self, folder, text, **values):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.text = text
        self.values = {"name": self.folder.name, "heartbeat": 30, "lifetime": 3600, **values}
        self.port = self.values.get("port")
        self.socket = self.folder / "control.sock"
        self.process = None
        self.seen = 0  # events already waited for

    def start(self):
        """On a port that is free; another one if somebody was faster."""
        for _ in range(5):
            if "port" not in self.values:
                self.port = free_port()
            (self.folder / "dotsd.yaml").write_text(self.text.format(**{"port": self.port,
                                                                        **self.values}))
            with open(self.folder / "log", "ab") as log:
                self.process = subprocess.Popen([DOTSD, "--config", self.folder / "dotsd.yaml"],
                                                stderr=log, stdout=log)
            until(lambda: self.process.poll() is not None or self.answers(), "dotsd starts")
            if self.process.poll() is None:
                return self
        raise AssertionError((self.folder / "log").read_text())

    def stop(self):
        """Its exit status; it has to end by itself, and in order."""
        if not self.process:
            return None
        self.process.terminate()
        try:
            return self.process.wait(PATIENCE)
        finally:
            self.process.kill()
            self.process.wait()
            self.process = None

    def answers(self):
        return self.socket.exists() and self("status")[0] == 0

    def __call__(self, *words):
        """(exit status, reply) of dotsctl --json."""
        r = subprocess.run([DOTSCTL, "--socket", self.socket, "--json", *words], text=True,
                           capture_output=True, timeout=PATIENCE, check=False)
        return r.returncode, json.loads(r.stdout) if r.stdout else {"error": r.stderr}

    def server(self):
        """The first upstream server of `dotsctl sessions`."""
        return self("sessions")[1]["upstream"][0]

    def events(self, name=None, **fields):
        path = self.folder / "events.json"
        lines = path.read_text().splitlines(keepends=True) if path.exists() else []
        events = [json.loads(line) for line in lines if line.endswith("\n")]
        return [e for e in events if name in (None, e["event"]) and
                all(e.get(k.rstrip("_")) == v for k, v in fields.items())]

    def until_event(self, name, count=1, **fields):
        """The count-th event of that kind."""
        return until(lambda: self.events(name, **fields)[count - 1:count],
                     lambda: f"{name} {fields} in {self.folder.name}:\n"
                     + "\n".join(map(str, self.events()[-30:])))[0]
