"""What a proof needs built: the product's programs, the peers of tests/torture, the load generator."""
import pathlib
import subprocess

from lab.agents import PROGRAMS, programs
from rig.case import Failure

ROOT = pathlib.Path(__file__).resolve().parents[3]
PEERS = {"peer": "tests/torture", "flood": "tests/torture", "slowdisk.so": "tests/torture",
         "othertime.so": "tests/torture", "load": "bench"}


def built(build):
    """name -> path, after a build."""
    build = (ROOT / build).resolve()
    setup = [] if (build / "build.ninja").exists() else [["meson", "setup", str(build)]]
    for argv in [*setup, ["ninja", "-j2", "-C", str(build)]]:
        r = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
        if r.returncode:
            raise Failure(f"{' '.join(argv)}\n" + "\n".join(r.stdout.splitlines()[-20:]) + r.stderr)
    found = programs(build) | {n: build / where / n for n, where in PEERS.items()}
    missing = [n for n in (*PROGRAMS, *PEERS) if n not in found or not found[n].is_file()]
    if missing:
        raise Failure(f"{build} has no {', '.join(missing)}")
    return found
