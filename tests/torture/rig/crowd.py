"""Many clients of our own on one host, each a dotsd with a key, a cuid and a target of its own."""
import concurrent.futures
import json
import subprocess
import time

from rig.case import Failure, until

TOGETHER = 12  # dotsctl at a time


def key_of(n):
    return f"{n:04x}" * 8


def name_of(n):
    return f"k{n}"


def target_of(n):
    return f"198.51.100.{n + 100}"


def known(rig, n):
    """The entries of `clients:` that a server has for n of them."""
    found = {}
    for i in range(n):
        file = rig.folder / f"{name_of(i)}.psk"
        file.write_text(key_of(i) + "\n")
        found[name_of(i)] = {"psk": [{"identity": name_of(i), "file": str(file)}],
                             "prefixes": [target_of(i) + "/32"]}
    return found


class Crowd:
    def __init__(self, rig, ns, n, server):
        self.rig, self.ns, self.n = rig, ns, n
        self.folder = rig.folder / "crowd"
        self.folder.mkdir()
        self.folder.chmod(0o777)
        self.processes = {}
        for i in range(n):
            self.file(i, "yaml").write_text(json.dumps(self.config(i, server)))
        rig.closing.append(self.kill)

    def file(self, i, suffix):
        return self.folder / f"{name_of(i)}.{suffix}"

    def config(self, i, server):
        name, address = server
        return {"state": str(self.file(i, "state")), "control": str(self.file(i, "sock")),
                "events": str(self.file(i, "events")),
                "domains": {"isp": {
                    "interface": "eth0", "prefixes": [target_of(i) + "/32"],
                    "servers": [{"name": name, "addresses": [address]}],
                    "credentials": {"psk-identity": name_of(i),
                                    "psk-file": str(self.rig.folder / f"{name_of(i)}.psk")}}}}

    # ---- processes ----

    def start(self):
        for i in range(self.n):
            with open(self.file(i, "log"), "ab") as log:
                self.processes[i] = self.rig.net.spawn(
                    self.ns, [self.rig.case.binaries["dotsd"], "--config", self.file(i, "yaml")],
                    stdout=subprocess.DEVNULL, stderr=log)
        self.each(lambda i: until(lambda: self.ctl(i, "status")[0] == 0, f"{name_of(i)} answers"))

    def kill(self):
        for p in self.processes.values():
            p.kill()
            p.wait()
        self.processes = {}

    def alive(self):
        dead = [name_of(i) for i, p in self.processes.items() if p.poll() is not None]
        if dead:
            raise Failure(f"ended by themselves: {', '.join(dead)}")

    # ---- what they are told ----

    def ctl(self, i, *words):
        r = subprocess.run([str(self.rig.case.binaries["dotsctl"]), "--socket",
                            str(self.file(i, "sock")), "--json", *map(str, words)],
                           capture_output=True, text=True, check=False)
        return r.returncode, json.loads(r.stdout) if r.stdout else {}

    def each(self, do):
        """Of all of them, some at a time; in their order."""
        with concurrent.futures.ThreadPoolExecutor(TOGETHER) as pool:
            return list(pool.map(do, range(self.n)))

    def connected(self):
        return all(s["state"] == "available" for i in range(self.n)
                   for s in [self.ctl(i, "sessions")[1]["upstream"][0]])

    def alarm(self, i, ask):
        """When it was told."""
        at = time.time()
        status, reply = self.ctl(i, "mitigate", target_of(i), "--id", ask, "--wait", 0)
        if status not in (0, 4):
            raise Failure(f"the alarm of {name_of(i)}: exit {status}, {reply}")
        return at

    def withdraw(self, i, ask):
        self.ctl(i, "withdraw", ask)
