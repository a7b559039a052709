"""What the runner waits for, and the state that each step starts from."""
import types

import pytest

from lab.net import is_set_up, is_usable
from lab.runner import LabRun


def interface(*addresses, name="wan1", flags=("UP", "LOWER_UP")):
    return {"ifname": name, "flags": list(flags), "addr_info": list(addresses)}


LINK_LOCAL, GLOBAL = {"scope": "link"}, {"scope": "global"}


@pytest.mark.parametrize("given, set_up, usable", [
    (interface(GLOBAL), False, False), (interface(GLOBAL, LINK_LOCAL), True, True),
    (interface({**GLOBAL, "tentative": True}, LINK_LOCAL), True, False),
    (interface(GLOBAL, name="lo"), True, True), (interface(GLOBAL, flags=["UP"]), True, True)])
def test_an_interface_is_ready_with_its_link_local_address(given, set_up, usable):
    assert (is_set_up(given), is_usable(given)) == (set_up, usable)


class Run:
    """Of LabRun what goes back to the state after the first step."""
    restore = LabRun.restore

    def __init__(self, dirty):
        self.did, self.sessions = [], {"s"}
        self.steps = types.SimpleNamespace(calm=lambda: None, dirty=dirty)

    def sessions_up(self):
        return self.sessions

    def withdraw_all(self):
        self.did.append("withdraw")

    def begin_anew(self):
        self.did.append("begin anew")


# What the first step asked for it asks for again when it is done again.
@pytest.mark.parametrize("dirty, done", [(False, ["withdraw"]), (True, ["begin anew", "withdraw"])])
def test_a_step_begins_with_nothing_asked_for(dirty, done):
    run = Run(dirty)
    run.restore(None)
    assert run.did == done
