"""Runs the tests of a pytest file and prints them as the C tests print theirs (TAP)."""
import os
import pathlib
import sys
import tempfile

import pytest


class Tap:
    """One line a test case."""

    def __init__(self):
        self.n = 0

    def pytest_addoption(self, parser):
        # Of the terminal plugin that we do without; what tells why an assertion failed asks for it.
        parser.addoption("--verbose", action="count", default=0)

    def pytest_runtest_logreport(self, report):
        if report.when == "call" or report.outcome != "passed":
            self.n += 1
            word = {"passed": "ok", "failed": "not ok"}.get(report.outcome, "ok")
            skip = " # SKIP" if report.outcome == "skipped" else " -"
            name = report.nodeid.split("::")[-1].encode("unicode_escape").decode()
            print(f"{word} {self.n}{skip} {name}", flush=True)
            if report.outcome == "failed":
                print(report.longreprtext, flush=True)


def run(file):
    """For files that are programs, too."""
    os.environ.setdefault("TMPDIR", tempfile.gettempdir())
    pathlib.Path("/run/netns").mkdir(exist_ok=True)
    sys.exit(pytest.main(["-p", "no:cacheprovider", "-p", "no:terminal", file], plugins=[Tap()]))
