"""What was said over TLS and DTLS, from captures: by tshark, with the session keys that the library of the
agents writes down where this variable of the environment says so. Only in labs that decode something."""
import os

from lab.net import run

KEYS = "session-keys"
SIGNAL = ("-d", "udp.port==4646,dtls", "-d", "tcp.port==4646,tls")
PROTOCOLS = ("tls", "dtls")


def environment(lab, folder):
    """Of the agents; None: the runner's own."""
    if not any(st.args[1] == "decode" for step in lab.steps.values() for st in step.actions):
        return None
    return {**os.environ, "SSLKEYLOGFILE": str(folder / KEYS)}


def tshark(capture, keys, *args):
    return run(["tshark", "-n", "-r", str(capture), "-o", f"tls.keylog_file:{keys}", *SIGNAL, *args],
               check=False, timeout=60).stdout


def text_of(captures, keys):
    """All of it, one conversation after the other."""
    found = []
    for capture in captures:
        lines = tshark(capture, keys, "-Y", " || ".join(PROTOCOLS), "-T", "fields", "-E", "separator=,",
                       "-e", "tcp.stream", "-e", "udp.stream").split()
        numbers = zip(*(line.split(",") for line in lines))  # of TCP's, of UDP's
        follow = [a for protocol, some in zip(PROTOCOLS, numbers) for n in sorted(set(some) - {""}, key=int)
                  for a in ("-z", f"follow,{protocol},ascii,{n}")]
        if follow:
            found.append(tshark(capture, keys, "-q", *follow))
    return "\n".join(found)
