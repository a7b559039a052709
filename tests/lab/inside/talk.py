#!/usr/bin/python3
"""A TCP conversation: numbered lines one way, each echoed. Runs inside namespaces.

	talk.py serve PORT
	talk.py talk ADDRESS PORT GAP FILE	 until SIGTERM; then writes "sent N echoed N" to FILE
"""
import pathlib
import signal
import socket
import sys
import time

stopping = False


def stop(*_):
    global stopping
    stopping = True


def serve(port):
    with socket.create_server(("", int(port))) as s:
        while True:
            peer, _ = s.accept()
            with peer:
                while data := peer.recv(4096):
                    peer.sendall(data)


def talk(address, port, gap, path):
    signal.signal(signal.SIGTERM, stop)
    sent = echoed = 0
    with socket.create_connection((address, int(port)), timeout=10) as s, s.makefile("rb") as lines:
        print("talking", flush=True)
        while not stopping:
            s.sendall(b"%d\n" % sent)
            sent += 1
            if lines.readline() != b"%d\n" % (sent - 1):
                break
            echoed += 1
            time.sleep(float(gap))
    pathlib.Path(path).write_text(f"sent {sent} echoed {echoed}\n")


if sys.argv[1] == "serve":
    serve(sys.argv[2])
else:
    talk(*sys.argv[2:6])
