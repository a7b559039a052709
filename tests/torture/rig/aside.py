"""A program of ours that does its worst beside a measurement: a process of its own, so that it shares
nothing but the machine with who measures, told by lines what to do."""
import json
import os
import subprocess
import sys

from lab.net import die_with_parent
from rig.case import Failure

NICE = 15  # it stands for other machines


class Aside:
    """argv: python's, of the program. how: its first line. ready: its answer to that."""

    def __init__(self, rig, called, argv, how, ready):
        self.proc = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                     preexec_fn=self.become)
        self.called = called
        rig.closing.append(self.kill)
        self.tell(json.dumps(how))
        self.expect(ready)

    @staticmethod
    def python(file):
        return [sys.executable, "-B", file]

    @staticmethod
    def become():
        os.nice(NICE)
        die_with_parent()

    def tell(self, line):
        self.proc.stdin.write(line + "\n")
        self.proc.stdin.flush()

    def expect(self, word):
        line = self.proc.stdout.readline().strip()
        if line != word:
            raise Failure(f"{self.called}: {line or 'ended'}")

    def turn(self, word):
        self.tell(word)
        self.expect(word)

    def finish(self):
        """What came of it -> how often."""
        self.tell("end")
        return json.loads(self.proc.stdout.readline() or "{}")

    def kill(self):
        self.proc.stdin.close()  # its own program ends with it
        try:
            self.proc.wait(10)
        except subprocess.TimeoutExpired:
            self.proc.kill()
            self.proc.wait()
