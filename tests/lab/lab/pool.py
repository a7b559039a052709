"""So many commands at the same time: the longest begin first, what they say comes in the order they were
given in."""
import dataclasses
import signal
import subprocess
import tempfile
import time

from lab.net import ENDING, die_with_parent

POLL = 0.1


@dataclasses.dataclass
class Task:
    argv: list
    seconds: float           # about how long it will take
    name: str = ""
    process: object = None
    output: object = None


class Pool:
    """Of one thread: whatever interrupts it, stop() leaves nothing behind."""

    def __init__(self):
        self.running = []

    def run(self, tasks, jobs):
        """Yields (task, what it said, exit status)."""
        waiting = sorted(tasks, key=lambda t: -t.seconds)
        told = 0
        while told < len(tasks):
            self.running = [t for t in self.running if t.process.poll() is None]
            while waiting and len(self.running) < jobs:
                self.start(waiting.pop(0))
            while told < len(tasks) and tasks[told].process and tasks[told].process.poll() is not None:
                yield tasks[told], said(tasks[told]), tasks[told].process.returncode
                told += 1
            if told < len(tasks):
                time.sleep(POLL)

    def start(self, task):
        task.output = tempfile.TemporaryFile()
        # Signals wait until the process is where stop() finds it.
        held = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
        try:
            task.process = subprocess.Popen(task.argv, stdin=subprocess.DEVNULL, stdout=task.output,
                                            stderr=subprocess.STDOUT,
                                            preexec_fn=lambda: begin(held))
            self.running.append(task)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, held)

    def stop(self):
        """Ends those that run, each in its own good order."""
        for t in self.running:
            t.process.terminate()
        for t in self.running:
            t.process.wait()
        self.running = []


def begin(mask):
    die_with_parent(signal.SIGTERM)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def said(task):
    task.output.seek(0)
    with task.output as f:
        return f.read().decode(errors="replace")
