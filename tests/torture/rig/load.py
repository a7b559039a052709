"""The driver of bench/load.c: many sessions in one process, that do what they are told."""
import json
import select
import subprocess

from rig.case import Failure

PATIENCE = 60  # beyond what a command takes by itself


class Load:
    """argv: the program, with what puts it into its namespace."""

    def __init__(self, rig, ns, **options):
        argv = [rig.case.binaries["load"]]
        for key, value in options.items():
            argv += ["--" + key.replace("_", "-"), value]
        self.log = rig.folder / "load.log"
        with self.log.open("ab") as log:
            self.proc = rig.net.spawn(ns, argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=log, text=True)
        rig.closing.append(self.stop)

    def stop(self):
        self.proc.kill()
        self.proc.wait()

    def __call__(self, *words, seconds=0):
        """One command that takes up to so long; its figures."""
        command = " ".join(map(str, words))
        try:
            self.proc.stdin.write(command + "\n")
            self.proc.stdin.flush()
        except OSError:
            pass  # the reason is in the log
        if not select.select([self.proc.stdout], [], [], seconds + PATIENCE)[0]:
            raise Failure(f"load: no answer to {command}")
        line = self.proc.stdout.readline()
        if not line:
            raise Failure(f"load ended at {command}:\n{self.log.read_text()[-2000:]}")
        return json.loads(line)
