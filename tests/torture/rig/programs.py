"""What a proof needs built: the product's programs, and the peers of tests/torture."""
import pathlib
import subprocess

from lab.agents import PROGRAMS, programs
from rig.case import Failure

ROOT = pathlib.Path(__file__).resolve().parents[3]
PEERS = ["peer", "flood", "slowdisk.so", "othertime.so"]


def built(build):
    """name -> path, after a build."""
    build = (ROOT / build).resolve()
    setup = [] if (build / "build.ninja").exists() else [["meson", "setup", str(build)]]
    for argv in [*setup, ["ninja", "-j2", "-C", str(build)]]:
        r = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
        if r.returncode:
            raise Failure(f"{' '.join(argv)}\n" + "\n".join(r.stdout.splitlines()[-20:]) + r.stderr)
    found = programs(build) | {n: build / "tests/torture" / n for n in PEERS}
    missing = [n for n in (*PROGRAMS, *PEERS) if n not in found or not found[n].is_file()]
    if missing:
        raise Failure(f"{build} has no {', '.join(missing)}")
    return found
