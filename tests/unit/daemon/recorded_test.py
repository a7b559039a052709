#!/usr/bin/python3
"""Aliases and ACLs that the operator puts on record while dotsd runs (RFC 8783 6, 7): at providers that are dotsd as
well, and at a server in Python.

DOTSD and DOTSCTL name the programs. Run as a program it prints TAP."""
import json
import pathlib
import sqlite3
import subprocess
import sys

from control_test import DOTSCTL, PATIENCE, until
from data_client_test import PROVIDERS, acl, alias, keys, networks, records, stub, world  # noqa: F401

HERE = pathlib.Path(__file__).resolve()
sys.path.insert(0, str(HERE.parents[2]))
import tap  # noqa: E402


def put(world, kind, entry, *more, action="set"):
    """(exit status, reply) of dotsctl, which reads the entry of a file."""
    body = records([entry]) if kind == "alias" else records([], [entry])
    path = world.folder / "entry.json"
    path.write_text(json.dumps(body))
    return world.client(kind, action, entry["name"], str(path), *more)


def crash(world):
    """No time to write anything."""
    world.client.process.kill()
    world.client.process.wait(PATIENCE)
    world.client.start()


def states(reply):
    return [(r["domain"], r["state"]) for r in reply["records"]]


# 8783-6.1-01, 8783-7.2-01, 8783-7.4-01, 8783-5.1-37
def test_what_is_set_is_placed_and_what_is_removed_is_deleted(world):
    for name in PROVIDERS:
        world.serve(name)
    world.ask(records([alias("filed", "198.51.100.1/32")]))
    world.in_step("isp1")
    code, reply = put(world, "alias", alias("web", "198.51.100.7/32", "192.0.2.7/32"), "--wait", "20")
    assert code == 0 and reply["name"] == "web" and states(reply) == [("isp1", "placed"), ("isp2", "placed")]
    code, reply = put(world, "acl", acl("x", "198.51.100.7/32"), "--wait", "20")
    assert code == 0 and states(reply) == [("isp1", "placed")]
    assert world.there("isp1")[0].keys() == {"filed", "web"} and world.there("isp2")[0].keys() == {"web"}
    # Another one of that name takes its place.
    code, reply = put(world, "alias", alias("web", "198.51.100.8/32"), "--wait", "20")
    assert code == 0 and states(reply) == [("isp1", "placed")]
    assert world.there("isp1")[0]["web"]["target-prefix"] == ["198.51.100.8/32"]
    until(lambda: world.there("isp2")[0] == {}, "it away from the other one")
    assert world.client("alias", "remove", "web") == (0, {"exit": 0})
    assert world.client.text("acl", "remove", "x") == (0, "done\n", "")
    until(lambda: world.there("isp1")[0].keys() == {"filed"} and world.there("isp1")[1] == [], "it away")
    assert [(e["kind"], e["name"]) for e in world.events("record-set")] == [
        ("alias", "web"), ("acl", "x"), ("alias", "web")]
    assert [(e["kind"], e["name"]) for e in world.events("record-removed")] == [("alias", "web"), ("acl", "x")]


def test_it_survives_a_restart_and_a_reload(world):
    world.serve("isp1")
    world.ask(records([alias("filed", "198.51.100.1/32")], [acl("m", "198.51.100.1/32")]), only=["isp1"])
    for entry in (acl("b", "198.51.100.8/32"), acl("a", "198.51.100.7/32")):
        assert put(world, "acl", entry, "--wait", "20")[0] == 0
    # Those of the files first, then by name.
    assert [a["name"] for a in world.there("isp1")[1]] == ["m", "a", "b"]
    crash(world)
    until(lambda: [a["state"] for a in world.client("acls")[1]["acls"]] == ["placed"] * 3, "all three again")
    assert [a["name"] for a in world.there("isp1")[1]] == ["m", "a", "b"] and not world.events("record-deleted")
    world.rewrite(records())
    until(lambda: [a["name"] for a in world.there("isp1")[1]] == ["a", "b"], "what the files had away")
    # What was answered is on disk.
    assert put(world, "acl", acl("c", "198.51.100.9/32"), "--wait", "0")[0] == 4
    crash(world)
    assert [a["name"] for a in world.client("acls")[1]["acls"]] == ["a", "b", "c"]
    assert world.client("acl", "remove", "b")[0] == 0
    crash(world)
    assert [a["name"] for a in world.client("acls")[1]["acls"]] == ["a", "c"]
    until(lambda: [a["name"] for a in world.there("isp1")[1]] == ["a", "c"], "the removed one away")


def test_a_file_is_not_overridden(world, stub):
    s = stub()
    world.ask(records([alias("a", "198.51.100.1/32")]), only=["isp1"])
    world.in_step("isp1")
    assert put(world, "alias", alias("a", "198.51.100.2/32")) == (
        1, {"error": "alias a: `data-files` have one of that name, which counts", "exit": 1})
    assert world.client("alias", "remove", "a") == (
        1, {"error": "alias a: it is one of `data-files`: what they say is changed there", "exit": 1})
    assert put(world, "acl", acl("a", "198.51.100.2/32"), "--wait", "20")[0] == 0  # an ACL has a name of its own
    assert put(world, "alias", alias("b", "198.51.100.3/32"), "--wait", "20")[0] == 0
    world.rewrite(records([alias("a", "198.51.100.1/32"), alias("b", "198.51.100.4/32")]))
    until(lambda: s.entries["aliases", "b"]["target-prefix"] == ["198.51.100.4/32"], "what the file says")
    assert [(a["domain"], a["state"], a["reason"]) for a in world.client("aliases")[1]["aliases"] if a["name"] == "b"][
        -1] == ("", "refused", "RFC 8783 6.1: `data-files` have one of that name, which counts")
    world.rewrite(records())
    until(lambda: s.entries.get(("aliases", "b"), {}).get("target-prefix") == ["198.51.100.3/32"], "the operator's")
    assert ("aliases", "a") not in s.entries


def test_what_may_go_to_nobody_is_not_kept(world):
    world.serve("isp1")
    world.ask(records(), only=["isp1"])
    code, reply = put(world, "acl", acl("x", "203.0.113.1/32"))
    why = "RFC 9284 5.1: ace to-0: destination-ipv4-network: 203.0.113.1/32 belongs to no provider of this network"
    assert code == 1 and "name" not in reply and reply["error"] == why
    assert reply["records"] == [
        {"name": "x", "domain": "", "server": "", "state": "refused", "for": "", "as": "", "reason": why}]
    assert world.client("acls")[1]["acls"] == [] and not world.events("record-set")
    # Part of an alias may go.
    code, reply = put(world, "alias", alias("a", "198.51.100.7/32", "203.0.113.1/32"), "--wait", "20")
    assert code == 4 and states(reply) == [("isp1", "placed"), ("", "refused")]


# 8783-4.1-10
def test_what_is_none_says_field_and_reason(world):
    world.ask(records(), only=["isp1"])
    rejecting = acl("x", "198.51.100.7/32")
    rejecting["aces"]["ace"][0]["actions"]["forwarding"] = "reject"
    code, reply = put(world, "acl", rejecting)
    assert code == 2 and reply["error"].startswith(
        "RFC 7951 6.8: acls.acl[0].aces.ace[0].actions.forwarding: reject is no identity that is allowed here")
    # 8783-4.2-16, -17: nor what excludes each other, in several entries as well
    both = acl("x", "198.51.100.7/32", "198.51.100.8/32")
    both["aces"]["ace"][0]["matches"]["ipv4"]["fragment"] = {"type": "isf"}
    both["aces"]["ace"][1]["matches"]["ipv4"]["flags"] = "more"
    assert put(world, "acl", both)[1]["error"] == (
        "RFC 8783 4.2: fragment and the flags of ipv4 exclude each other, expected aliases and acls of RFC 8783")
    both = acl("x", "198.51.100.7/32")
    both["aces"]["ace"][0]["matches"]["tcp"] = {"flags": "syn", "flags-bitmask": {"bitmask": 2}}
    assert put(world, "acl", both)[0] == 2
    code, reply = put(world, "alias", alias("a"))
    assert code == 2 and reply["error"].startswith(
        "RFC 8783 6.1: target-prefix: an alias has none, nor target-fqdn or target-uri at ")
    code, reply = put(world, "acl", acl("x" * 65, "198.51.100.7/32"))
    assert code == 2 and "name" in reply["error"]
    (world.folder / "entry.json").write_text(json.dumps(records([alias("a", "198.51.100.7/32")])))
    entry = str(world.folder / "entry.json")
    assert world.client("alias", "set", "b", entry)[1]["error"] == "RFC 8783 6.1: name: there is no alias b in it"
    assert world.client("acl", "set", "a", entry)[1]["error"] == "RFC 8783 7.2: name: there is no acl a in it"
    assert world.client("alias", "set", "a") == (
        2, {"error": "alias: text is missing, expected what a file of `data-files` has", "exit": 2})
    assert world.client("alias", "remove", "a", entry)[0] == 2
    assert world.client("alias", "put", "a")[1]["error"] == "put is no action, expected set, remove or explain"
    assert world.client("alias", "remove", "b") == (
        1, {"error": "alias b: there is none of that name", "exit": 1})
    code, _, wrong = world.client.text("alias", "set", "a", str(world.folder / "none.json"))
    assert code == 2 and "none.json cannot be read: No such file" in wrong


def test_explain_tells_what_would_go_where_and_sends_nothing(world, stub):
    s = stub()
    world.ask(records())
    world.in_step("isp1")
    before = len(s.asked)
    code, reply = put(world, "alias", alias("a", "198.51.100.7/32", "192.0.2.7/32", "203.0.113.1/32"), action="explain")
    assert code == 0 and states(reply) == [("", "refused"), ("isp1", "planned"), ("isp2", "planned")]
    assert world.client.text("alias", "explain", "a", str(world.folder / "entry.json"))[1].splitlines()[2].split() == [
        "a", "isp1", "dots.example", "planned", "-", "-"]
    assert world.client("aliases")[1]["aliases"] == [] and len(s.did("PUT")) == 0 and before


def test_who_is_away_leaves_it_pending_and_who_refuses_it_refused(world, stub):
    s = stub()
    world.ask(records(), only=["isp1"])
    world.in_step("isp1")
    s.answers += [("PUT", "/aliases/alias=a", 409)]
    code, reply = put(world, "alias", alias("a", "198.51.100.7/32"), "--wait", "20")
    assert code == 1 and reply["name"] == "a" and reply["error"] == "the server says 409 resource-denied: because"
    s.answers += [("PUT", "/aliases/alias=b", 503)]
    code, reply = put(world, "alias", alias("b", "198.51.100.7/32"), "--wait", "1")
    assert code == 4 and states(reply) == [("isp1", "pending")]
    assert "503" in reply["records"][0]["reason"]


def test_an_acl_of_64_kb_passes_and_a_longer_text_is_refused(world, stub):
    s = stub()
    world.ask(records(), only=["isp1"])
    world.in_step("isp1")
    big = acl("x", *[f"198.51.100.{i % 256}/32" for i in range(600)])
    assert 65536 < len(json.dumps(big)) < 90000
    code, reply = put(world, "acl", big, "--wait", "20")
    assert code == 0 and states(reply) == [("isp1", "placed")]
    assert len(networks(s.entries["acls", "x"])) == 600
    path = world.folder / "entry.json"
    path.write_text(json.dumps(records([], [acl("x", *["198.51.100.1/32"] * 4000)])))
    code, _, wrong = world.client.text("acl", "set", "x", str(path))
    assert code == 2 and f"{path} is longer than 262144 octets" in wrong
    path.write_bytes(b"\0")
    assert f"{path} is no text in UTF-8" in world.client.text("acl", "set", "x", str(path))[2]


def test_the_standard_input_is_a_file(world, stub):
    s = stub()
    world.ask(records(), only=["isp1"])
    world.in_step("isp1")
    r = subprocess.run([DOTSCTL, "--socket", world.client.socket, "alias", "set", "a", "-", "--wait", "20"], text=True,
                       input=json.dumps(records([alias("a", "198.51.100.7/32")])), capture_output=True,
                       timeout=PATIENCE)
    assert r.returncode == 0 and r.stdout.splitlines()[1].split()[:4] == ["a", "isp1", "dots.example", "placed"]
    assert ("aliases", "a") in s.entries


def test_they_are_limited_with_those_of_the_files(world, stub):
    stub()
    world.ask(records([alias(f"f{i}", "198.51.100.7/32") for i in range(4095)]), only=["isp1"])
    assert put(world, "alias", alias("a", "198.51.100.7/32"), "--wait", "0")[0] == 4
    assert put(world, "alias", alias("b", "198.51.100.7/32")) == (
        1, {"error": "alias b: with those of `data-files` there are 4096 already", "exit": 1})
    assert put(world, "alias", alias("a", "198.51.100.8/32"), "--wait", "0")[0] == 4
    world.rewrite(records([alias(f"f{i}", "198.51.100.7/32") for i in range(4096)]))
    assert world.events("alert", reason="RFC 8783 6.1: alias a: with those of `data-files` there are more than 4096")


def test_what_is_broken_on_record_is_left_alone_and_told(world, stub):
    s = stub()
    world.ask(records(), only=["isp1"])
    assert put(world, "alias", alias("a", "198.51.100.7/32"), "--wait", "20")[0] == 0
    world.client.stop()
    with sqlite3.connect(world.folder / "client-state" / "dotsd.db") as db:
        db.execute("INSERT INTO record VALUES ('recorded', 'alias b', '{')")
        db.execute("INSERT INTO record SELECT kind, 'alias c', value FROM record WHERE key = 'alias a'")
    world.client.start()
    until(lambda: [(a["name"], a["state"]) for a in world.client("aliases")[1]["aliases"]] == [("a", "placed")], "it")
    alerts = [e["reason"] for e in world.events("alert", section="RFC 8783 4.3")]
    assert len(alerts) == 2 and alerts[0].startswith("alias b, which the operator had put on record, cannot be read: ")
    assert alerts[1].endswith("it is another one, or several")
    assert {n for _, n in s.entries} == {"a"}
    world.client.stop()
    with sqlite3.connect(world.folder / "client-state" / "dotsd.db") as db:
        assert db.execute("SELECT count(*) FROM record WHERE kind = 'recorded'").fetchone() == (3,)
    world.client.start()


if __name__ == "__main__":
    tap.run(__file__)
