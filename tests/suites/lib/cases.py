"""Prints one line a test case from what the test programs and pytest left behind.

	cases.py meson BUILDDIR	   TAP output of cmocka, in the log of `meson test`
	cases.py junit FILE	   JUnit XML of pytest
"""
import json
import pathlib
import re
import sys
import xml.etree.ElementTree as ET

TAP = re.compile(r"^(not ok|ok) \d+ (?:- (.*)|(# SKIP) ?(.*))$")


def evidence(text, lines=40):
    for line in text.splitlines()[-lines:]:
        print("    " + line)


def program(entry):
    """The cases of one test program; a crash or an empty program is a failure of its own."""
    name, out = entry["name"], entry.get("stdout", "")
    bad = count = 0
    for line in out.splitlines():
        m = TAP.match(line)
        if not m:
            continue
        count += 1
        word = "skip" if m.group(3) else "ok" if m.group(1) == "ok" else "FAIL"
        bad += word == "FAIL"
        print(word, name, m.group(2) or m.group(4))
    if entry["result"] not in ("OK", "SKIP") and not bad:
        bad += 1
        print("FAIL", name, entry["result"].lower(), f"(exit status {entry.get('returncode')})")
    elif not count:
        bad += 1
        print("FAIL", name, "has no test case")
    if bad:
        evidence(out + "\n" + entry.get("stderr", ""))
    return bad


def meson(builddir):
    log = pathlib.Path(builddir, "meson-logs/testlog.json")
    bad = 0
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
        bad += program(json.loads(line))
    return bad


def junit(file):
    bad = 0
    for case in ET.parse(file).iter("testcase"):
        name = f"{case.get('classname')}::{case.get('name')}"
        fault = next((c for c in case if c.tag in ("failure", "error")), None)
        if fault is not None:
            bad += 1
            print("FAIL", name)
            evidence(fault.text or fault.get("message") or "")
        elif case.find("skipped") is not None:
            print("skip", name, case.find("skipped").get("message", ""))
        else:
            print("ok", name)
    return bad


if __name__ == "__main__":
    sys.exit(1 if {"meson": meson, "junit": junit}[sys.argv[1]](sys.argv[2]) else 0)
