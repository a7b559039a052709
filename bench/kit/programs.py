"""Processes under measurement and the load generator, each on its core, ended when the bench ends."""
import json
import os
import pathlib
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
SERVER_CORE, LOAD_CORE = 0, 1
PATIENCE = 30


class BenchError(Exception):
    """It cannot be measured; says why."""


def free_port():
    """libcoap's server takes the port after the one it is given for DTLS."""
    for _ in range(100):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        if port % 2 == 0:
            return port
    raise BenchError("no free port")


class Process:
    """One program, pinned to a core; its output goes to a file."""

    def __init__(self, bench, name, argv, core, stdin=None, netns=None):
        self.name, self.log = name, bench.new_path(name + ".log")
        inside = ["ip", "netns", "exec", netns] if netns else []
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*inside, "taskset", "-c", str(core), *map(str, argv)], stdin=stdin,
                stdout=subprocess.PIPE if stdin else log, stderr=log)
        self.pid = self.process.pid  # taskset and ip replace themselves
        bench.processes.append(self)

    def text(self):
        return self.log.read_text(encoding="utf-8", errors="replace")

    def wait_for(self, ready):
        end = time.monotonic() + PATIENCE
        while not ready():
            if self.process.poll() is not None or time.monotonic() > end:
                raise BenchError(f"{self.name} did not start:\n{self.text()[-2000:]}")
            time.sleep(0.01)
        return self

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()

    def resident(self):
        """Bytes, as the kernel counts them."""
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise BenchError(f"{self.name} is gone")


class Load(Process):
    """The load generator against one server."""

    def __init__(self, bench, server, address, clients=1, **options):
        argv = [bench.program("load"), "--server", address, "--pid", server.pid,
                "--clients", clients]
        for key, value in options.items():
            argv += ["--" + key.replace("_", "-"), value]
        super().__init__(bench, "load", argv, LOAD_CORE, stdin=subprocess.PIPE)
        self.server = server

    def ask(self, command, patience=700):
        """One command, its figures."""
        try:
            self.process.stdin.write(command.encode() + b"\n")
            self.process.stdin.flush()
        except OSError:
            pass  # the reason is in the log
        if not select.select([self.process.stdout], [], [], patience)[0]:
            raise BenchError(f"load: no answer to {command}")
        line = self.process.stdout.readline()
        if not line:
            raise BenchError(f"load ended at {command}:\n{self.text()[-2000:]}")
        return json.loads(line)

    def open(self, sessions, first=0, window=64):
        """All up to that number; those before `first` are open already."""
        got = self.ask(f"open {first} {sessions} {window}")
        if got["ok"] != sessions - first:
            raise BenchError(f"{self.server.name}: {got['ok']} of {sessions - first} sessions:\n"
                             + self.server.text()[-2000:] + self.text()[-500:])
        return got


class Bench:
    """What all figures share: the build, a folder on disk, what has to be ended."""

    def __init__(self, build, scale, old=None):
        self.build, self.scale, self.old = build, scale, old
        self.processes, self.namespaces, self.count = [], [], 0
        # In a test run, names by which it sweeps up; else on a disk, for the store.
        run = os.environ.get("RUN_ID")
        self.prefix = f"{run}-bench" if run else f"dotsd-bench-{os.getpid()}"
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"{self.prefix}-",
                                                    dir="/tmp" if run else "/var/tmp"))

    def program(self, name, build=None):
        build = build or self.build
        for path in (build / "bench" / name, *build.glob(f"src/*/{name}")):
            if path.is_file():
                return path
        raise BenchError(f"{build} has no {name}")

    def new_path(self, name):
        self.count += 1
        return self.folder / f"{self.count}.{name}"

    def start(self, name, argv, core=SERVER_CORE, netns=None):
        return Process(self, name, argv, core, netns=netns)

    def stop_all(self):
        for p in reversed(self.processes):
            p.stop()
        self.processes.clear()

    def namespace(self, name):
        name = f"{self.prefix}-{name}"
        subprocess.run(["ip", "netns", "add", name], check=True)
        self.namespaces.append(name)
        return name

    def finish(self):
        self.stop_all()
        for name in self.namespaces:
            subprocess.run(["ip", "netns", "delete", name], check=False)
        self.namespaces.clear()
        shutil.rmtree(self.folder, ignore_errors=True)
