"""One long proof: its size, its seed, what it found. Everything random comes from rng()."""
import random
import time

PATIENCE = 90  # seconds; only what never happens takes as long


class Failure(Exception):
    """The proof does not hold; the text is the evidence."""


class Case:
    def __init__(self, name, rounds, seed, binaries, keep=False):
        self.name, self.rounds, self.seed, self.binaries = name, rounds, seed, binaries
        self.keep = keep
        self.figures = []

    def rng(self, *what):
        """A source of its own for each purpose, so that what one draws changes no other."""
        return random.Random("/".join(map(str, (self.seed, self.name, *what))))

    def say(self, text):
        print(f"# {self.name}: {text}", flush=True)

    def figure(self, what, value):
        self.figures.append((what, str(value)))


def until(condition, what, seconds=PATIENCE, tick=0.02, watch=None):
    """The first true value of the condition; `what` is a text, or gives one when it never comes.
    watch() is called between looks; it raises when waiting makes no sense any more."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        if watch:
            watch()
        if time.monotonic() > end:
            raise Failure(f"not within {seconds} s: {what() if callable(what) else what}")
        time.sleep(tick)
    return value


def spread(values):
    """min, median, max of a list of numbers, as text."""
    if not values:
        return "none"
    ordered = sorted(values)
    return f"{ordered[0]:.2f} / {ordered[len(ordered) // 2]:.2f} / {ordered[-1]:.2f}"
