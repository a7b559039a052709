#!/usr/bin/python3
"""What our client does not ask a server of the data channel for: filters that it says it cannot do (RFC 8783 7.1), and
what is inside a NAT (RFC 8783 3.1, rule M15).

DOTSD and DOTSCTL name the programs. Run as a program it prints TAP."""
import json
import pathlib
import sys

import pytest

from control_test import until
from data_client_test import MODULE, acl, alias, keys, records, stub, world  # noqa: F401

HERE = pathlib.Path(__file__).resolve()
sys.path.insert(0, str(HERE.parents[2]))
import tap  # noqa: E402


def limited(acl, rate="1000.00"):
    acl["aces"]["ace"][0]["actions"] = {"forwarding": "accept", "rate-limit": rate}
    return acl


# 8783-7.1-01, -02
def test_what_a_server_says_it_cannot_is_not_asked_for_until_it_can(world, stub):
    s = stub()
    s.capabilities = json.dumps({f"{MODULE}:capabilities": {
        "address-family": ["ipv4"], "forwarding-actions": ["drop", "accept"], "rate-limit": False}})
    world.ask(records([alias("a", "198.51.100.7/32")],
                      [limited(acl("x", "198.51.100.7/32")), acl("y", "198.51.100.8/32")]), only=["isp1"])
    world.in_step("isp1")
    assert s.entries.keys() == {("aliases", "a"), ("acls", "y")} and not s.did("PUT", "/acls/acl=x")
    why = "ace to-0: actions.rate-limit: the server says that it cannot do this"
    assert [(a["name"], a["state"], a["reason"]) for a in world.client("acls")[1]["acls"]] == [
        ("x", "refused", "RFC 8783 7.1: " + why), ("y", "placed", "")]
    refused = world.events("record-refused")[0]
    assert (refused["name"], refused["section"], refused.get("code")) == ("x", "RFC 8783 7.1", None)
    assert [e["reason"] for e in world.events("alert", section="RFC 8783 7.1")] == [
        "RFC 8783 7.1: acl x is refused: " + why]
    # Asked again in each round, which costs an empty answer while nothing has changed, and is told once.
    until(lambda: s.unchanged >= 2, "more looks")
    assert len(world.events("record-refused")) == 1 and not world.events("shared", record="acl x")
    # A reload forgets neither.
    assert world.client("reload")[0] == 0
    world.in_step("isp1", 2)
    assert len(world.events("record-refused")) == 1
    s.capabilities = s.capabilities.replace("false", "true")
    until(lambda: ("acls", "x") in s.entries, "it, now that it can be done")
    # Of another family than it has.
    six = acl("z", "198.51.100.9/32")
    s.capabilities = s.capabilities.replace('"ipv4"', '"ipv6"')
    world.rewrite(records([], [six]))
    until(lambda: [(a["name"], a["reason"]) for a in world.client("acls")[1]["acls"]] == [
        ("z", "RFC 8783 7.1: ace to-0: ipv4: the server says that it cannot do this")], "the refusal")
    assert not s.did("PUT", "/acls/acl=z")


@pytest.mark.parametrize("said", ["{", "[]", json.dumps({f"{MODULE}:capabilities": []}), json.dumps(
    {f"{MODULE}:capabilities": {"rate-limit": "no", "address-family": [4]}})])
def test_capabilities_without_sense_hold_up_nothing(world, stub, said):
    s = stub()
    s.capabilities = said
    world.ask(records([], [limited(acl("x", "198.51.100.7/32"))]), only=["isp1"])
    world.in_step("isp1")
    assert s.entries.keys() == {("acls", "x")} and s.did("GET", "/capabilities")


def test_who_has_no_filters_does_not_ask_for_capabilities(world, stub):
    s = stub()
    world.ask(records([alias("a", "198.51.100.7/32")]), only=["isp1"])
    world.in_step("isp1")
    assert s.entries.keys() == {("aliases", "a")} and not s.did("GET", "/capabilities")


# 8783-7.1-02: what dotsd says of itself, and does not do.
def test_dotsd_is_not_asked_for_what_it_says_it_cannot(world):
    world.serve("isp1")
    options = acl("x", "198.51.100.7/32")
    options["aces"]["ace"][0]["matches"]["tcp"] = {"options": "AgQFtA=="}
    world.ask(records([], [options, acl("y", "198.51.100.8/32")]), only=["isp1"])
    world.in_step("isp1")
    assert [a["name"] for a in world.there("isp1")[1]] == ["y"]
    assert [e["reason"] for e in world.events("record-refused")] == [
        "RFC 8783 7.1: ace to-0: tcp.options: the server says that it cannot do this"]


# --- behind a NAT ----------------------------------------------------------------------------------


# 8783-3.1-26, -27; rule M15
def test_nothing_from_inside_a_nat_goes_to_a_server(world, stub):
    s = stub()
    inside = acl("x", "10.0.0.7/32")
    inside["aces"]["ace"][0]["matches"]["ipv4"]["source-ipv4-network"] = "10.0.0.8/32"
    hidden = acl("y", "198.51.100.8/32")
    hidden["aces"]["ace"][0]["matches"]["ipv4"]["source-ipv4-network"] = "192.168.1.0/24"
    world.ask(records([alias("a", "10.0.0.7/32"), alias("b", "10.9.0.7/32")],
                      [inside, hidden, acl("z", "10.9.0.7/32")]), only=["isp1"], more="\n    nat-map: [{inside: 10.0.0.0/24, outside: 198.51.100.0/24}]")
    world.in_step("isp1")
    assert s.entries.keys() == {("aliases", "a"), ("acls", "x")}
    assert s.entries["aliases", "a"]["target-prefix"] == ["198.51.100.7/32"]
    assert s.entries["acls", "x"]["aces"]["ace"][0]["matches"]["ipv4"] == {
        "destination-ipv4-network": "198.51.100.7/32", "source-ipv4-network": "198.51.100.8/32"}
    assert {e["name"]: e["reason"] for e in world.events("record-refused")} == {
        "b": "target-prefix: 10.9.0.7/32 is private, and no nat-map says what it is outside",
        "y": "ace to-0: source-ipv4-network: 192.168.1.0/24 is inside, and no nat-map of isp1 says what it is outside",
        "z": "ace to-0: destination-ipv4-network: 10.9.0.7/32 is private, and no nat-map says what it is outside"}
    # What the server shows is what we want there: nothing is written again.
    looks = len(s.did("GET", "/dots-client="))
    until(lambda: len(s.did("GET", "/dots-client=")) > looks + 1, "more looks")
    assert len(s.did("PUT")) == 2
    assert not [b for _, _, b in s.asked if b and ('"10.' in json.dumps(b) or '"192.168.' in json.dumps(b))]


if __name__ == "__main__":
    tap.run(__file__)
