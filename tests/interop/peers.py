"""Other people's programs, and what the tests need to run them."""

import os
import pathlib
import queue
import re
import shutil
import socket
import subprocess
import sys
import threading
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from ports import free_port  # noqa: E402, F401

BUILT = pathlib.Path(os.environ.get("DOTSD_INTEROP_DIR", "."))  # echo_server and echo_client
PATIENCE = 150  # seconds; only a failure takes as long. Some answers of dotsd come after a minute, on purpose
IDENTITY = "jane"
KEY_TEXT = "sixteen-byte-key"  # libcoap takes the key as text
KEY_HEX = KEY_TEXT.encode().hex()
HB = "/.well-known/dots/hb"
COAP_CLIENTS = ["coap-client-gnutls", "coap-client-openssl"]
COAP_SERVERS = ["coap-server-gnutls", "coap-server-openssl"]


def need(program):
    if not shutil.which(program):
        pytest.skip(f"{program} is not installed")
    return program


def until(condition, what):
    """Waits for it to be true, and returns what it said. what: a text, or who makes one."""
    end = time.monotonic() + PATIENCE
    while not (value := condition()):
        assert time.monotonic() < end, f"never happened: {what() if callable(what) else what}"
        time.sleep(0.02)
    return value


def is_bound(port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        try:
            s.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def until_bound(port):
    """Until somebody has that UDP port."""
    until(lambda: is_bound(port), f"somebody listens on {port}")


class Program:
    """A running program whose lines can be waited for."""

    def __init__(self, *args, stdin=None, **kwargs):
        self.process = subprocess.Popen([str(a) for a in args], stdin=stdin or subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                        errors="replace", bufsize=1, **kwargs)
        self.lines = []
        self.queue = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.queue.put(line.rstrip("\n"))
        self.queue.put(None)

    def wait_for(self, pattern):
        end = time.monotonic() + PATIENCE
        while True:
            try:
                line = self.queue.get(timeout=max(0.01, end - time.monotonic()))
            except queue.Empty:
                line = None
            if line is None:
                raise AssertionError(f"no line matches {pattern!r}:\n" + "\n".join(self.lines))
            self.lines.append(line)
            if re.search(pattern, line):
                return line

    def rest(self):
        """Everything it said until it ended."""
        self.process.wait(PATIENCE)
        while (line := self.queue.get(timeout=PATIENCE)) is not None:
            self.lines.append(line)
        return "\n".join(self.lines)

    def say(self, text):
        self.process.stdin.write(text)
        self.process.stdin.flush()

    def stop(self):
        self.process.kill()
        self.process.wait()


def certificate_of(pki, name, trust="ca"):
    return pki / f"{name}.crt", pki / f"{name}.key", pki / f"{trust}.crt"


def gnutls_cli(run, port, *args, **kwargs):
    return run(need("gnutls-cli"), "--udp", "--port", port, "--sni-hostname", "dots.example",
               "--verify-hostname", "dots.example", *args, "127.0.0.1", stdin=subprocess.PIPE,
               **kwargs)


def s_client(run, port, *args, version="-dtls1_2"):
    return run(need("openssl"), "s_client", version, "-connect", f"127.0.0.1:{port}", *args,
               stdin=subprocess.PIPE)
