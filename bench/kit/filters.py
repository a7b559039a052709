"""dotsd and its privileged helper, with a packet filter in a namespace of its own."""
import json
import subprocess
import time

from kit.figures import load_for
from kit.programs import LOAD_CORE, PATIENCE, BenchError
from kit.servers import CLIENTS, Dotsd

INSTANCE = "bench"


class Filtered:
    """`scopes` mitigations installed in a new namespace by dotsd through dotsd-priv."""

    def __init__(self, bench, scopes, prefix_len=32):
        self.scopes = scopes
        self.netns = bench.namespace(f"filter{len(bench.namespaces)}")
        socket = bench.new_path("priv.sock")
        self.priv = bench.start("dotsd-priv", [bench.program("dotsd-priv"), "--socket", socket,
                                               "--instance", INSTANCE], LOAD_CORE, self.netns)
        self.priv.wait_for(socket.exists)
        server = Dotsd(bench, mitigator={"nftables": {"socket": str(socket),
                                                      "instance": INSTANCE}})
        self.load = load_for(bench, server, CLIENTS, prefix_len=prefix_len)
        got = self.load.ask(f"each put 0 {scopes} 256")
        if got["ok"] != scopes:
            raise BenchError(f"{scopes} scopes: {got}")
        self.wait()

    def counters(self):
        """Name of each mitigation's counter -> packets."""
        out = subprocess.run(["ip", "netns", "exec", self.netns, "nft", "-j", "list", "counters",
                              "table", "inet", f"dotsd_{INSTANCE}"], check=True,
                             capture_output=True, text=True).stdout
        return {o["counter"]["name"]: o["counter"]["packets"]
                for o in json.loads(out)["nftables"] if "counter" in o}

    def wait(self):
        """Until the filter has them all."""
        end = time.monotonic() + 10 * PATIENCE
        while len(self.counters()) != self.scopes:
            if time.monotonic() > end:
                raise BenchError(f"{len(self.counters())} of {self.scopes} scopes installed:\n"
                                 + self.priv.text()[-2000:])
            time.sleep(0.2)
