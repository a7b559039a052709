"""How a lab is divided into runs of their own, and what each of them tells."""
import types

import pytest

from lab.model import Lab
from lab.parse import LabError
from lab.plan import NEVER, PART, divided, length, seconds
from lab.runner import Report

LAB = """lab X family=dual
ns a role=host
ns b role=host
link a:eth0 192.0.2.1/30 b:eth0 192.0.2.2/30
step s1 start
never s1 at=a alert
step s1-on after=s1 wait 1
step s2 wait 30
step s2-on after=s2 wait 30.5
never s2-on at=a alert
step s3 wait 30
must s3 at=a alert
step s4 wait 1
"""


@pytest.fixture(name="lab")
def make_lab(tmp_path):
    return lab_of(tmp_path, LAB)


def lab_of(tmp_path, text):
    path = tmp_path / "X.lab"
    path.write_text(text)
    return Lab(path)


def test_steps_that_go_on_are_in_the_chain_of_the_step_before(lab):
    assert lab.chains() == [["s1", "s1-on"], ["s2", "s2-on"], ["s3"], ["s4"]]


def test_a_step_takes_what_it_waits_for_and_its_longest_assertion(lab):
    assert seconds(lab.steps["s2-on"]) == 30.5 + NEVER
    assert NEVER > seconds(lab.steps["s3"]) - 30 > 0
    assert seconds(lab.steps["s2"]) == 30


def test_every_chain_is_in_one_part_in_its_order(lab):
    parts = divided(lab)
    assert [c for part in parts for c in part] == lab.chains()
    assert len(parts) > 1
    for part in parts:
        assert part and (len(part) == 1 or sum(seconds(lab.steps[n]) for c in part for n in c) <= PART)


def test_a_lab_without_steps_is_run_once(tmp_path):
    lab = lab_of(tmp_path, LAB.partition("step")[0])
    assert divided(lab) == [[]]
    assert length(lab, []) > 0


def test_every_part_has_the_first_step_too(lab):
    assert length(lab, [["s3"]]) > seconds(lab.steps["s1"]) + seconds(lab.steps["s3"])
    assert length(lab, lab.chains()) > length(lab, [["s3"]])


@pytest.mark.parametrize("names, steps, beginning, end", [
    (None, ["s1", "s1-on", "s2", "s2-on", "s3", "s4"], True, True),
    ("s1,s2", ["s1", "s1-on", "s2", "s2-on"], True, False),
    ("s2", ["s1", "s2", "s2-on"], False, False),
    ("s3,s4", ["s1", "s3", "s4"], False, True),
])
def test_chosen_chains_come_after_the_first_step(lab, names, steps, beginning, end):
    lab.choose(names)
    assert list(lab.steps) == steps
    assert (lab.tells_beginning, lab.tells_end) == (beginning, end)


@pytest.mark.parametrize("name", ["s9", "s2-on"])
def test_a_chain_that_is_not_there_is_refused(lab, name):
    with pytest.raises(LabError, match=rf"X\.lab:1: no step {name}"):
        lab.choose("s2," + name)


def test_what_another_part_tells_is_told_where_it_fails(capsys):
    report, lab = Report(), types.SimpleNamespace(label="X")
    report.quiet = True
    report.verdict(lab, "must s1 at=a alert", [])
    report.verdict(lab, "never s1 at=a alert", ["seen"])
    report.quiet = False
    report.verdict(lab, "must s2 at=a alert", [])
    assert capsys.readouterr().out.splitlines() == [
        "FAIL X s1 never at=a alert", "    seen", "ok X s2 must at=a alert"]
    assert not report.settle(lab)
