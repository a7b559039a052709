"""What was said over TLS on TCP, from captures: by tshark, with the session keys that the library of the
agents writes down where this variable of the environment says so. Only in labs that decode something."""
import os

from lab.net import run

KEYS = "session-keys"


def environment(lab, folder):
    """Of the agents; None: the runner's own."""
    if not any(st.args[1] == "decode" for step in lab.steps.values() for st in step.actions):
        return None
    return {**os.environ, "SSLKEYLOGFILE": str(folder / KEYS)}


def tshark(capture, keys, *args):
    return run(["tshark", "-n", "-r", str(capture), "-o", f"tls.keylog_file:{keys}", *args],
               check=False, timeout=60).stdout


def text_of(captures, keys):
    """All of it, one conversation after the other."""
    found = []
    for capture in captures:
        streams = set(tshark(capture, keys, "-Y", "tls", "-T", "fields", "-e", "tcp.stream").split())
        follow = [a for n in sorted(streams, key=int) for a in ("-z", f"follow,tls,ascii,{n}")]
        if follow:
            found.append(tshark(capture, keys, "-q", *follow))
    return "\n".join(found)
