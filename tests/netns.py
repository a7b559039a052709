"""Network namespaces of one run of a test, named by it."""
import contextlib
import ctypes
import os
import subprocess

RUN = os.environ.get("RUN_ID", "unit") + f"-{os.getpid()}"
LIBC = ctypes.CDLL(None, use_errno=True)


def sh(*argv, check=True, **kw):
    return subprocess.run(argv, check=check, capture_output=True, text=True, **kw)


@contextlib.contextmanager
def inside(ns):
    """This thread in another network namespace."""
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{RUN}-{ns}", os.O_RDONLY)
    assert LIBC.setns(there, 0) == 0
    try:
        yield
    finally:
        assert LIBC.setns(home, 0) == 0
        os.close(there)
        os.close(home)
