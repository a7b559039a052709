"""Daemons on the loopback interface, for tests that need no network of their own. DOTSD and DOTSCTL
name the programs."""
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
from ports import free_port  # noqa: E402, F401

PATIENCE = 60  # seconds; only a hang takes as long


def until(condition, what):
    end = time.monotonic() + PATIENCE
    while not (value := condition()):
        assert time.monotonic() < end, f"never happened: {what}"
        time.sleep(0.02)
    return value


class Daemon:
    """config names the files of a daemon called `name` in that folder."""

    def __init__(self, folder, name, config):
        self.folder, self.name = folder, name
        (folder / f"{name}.yaml").write_text(config)
        self.start()

    def start(self):
        self.log = open(self.folder / f"{self.name}.log", "ab")
        self.process = subprocess.Popen([os.environ["DOTSD"], "--config",
                                         self.folder / f"{self.name}.yaml"], stderr=self.log)
        until(lambda: self("status")[0] == 0, f"{self.name} answers")

    def __call__(self, *words):
        """(exit status, reply) of dotsctl."""
        r = subprocess.run([os.environ["DOTSCTL"], "--socket", self.folder / f"{self.name}.sock",
                            "--json", *words], text=True, capture_output=True, timeout=PATIENCE)
        return r.returncode, json.loads(r.stdout) if r.stdout else {}

    def list(self, what):
        return self("list")[1][what]

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.log.close()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(PATIENCE) == 0, (self.folder / f"{self.name}.log").read_text()
        self.log.close()
