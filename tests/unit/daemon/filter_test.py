#!/usr/bin/python3
"""Filters by signal (RFC 9133): the stories of its section 4 with two running dotsd, one of which has put its filters
on record at the other over HTTPS and switches them over DTLS.

DOTSD, DOTSCTL and TALKER name the programs. Run as a program it prints TAP."""
import pathlib
import sys

from control_test import Daemon, free_port, until
from data_client_test import MODULE, SERVER, acl, keys, records, stub, world  # noqa: F401

HERE = pathlib.Path(__file__).resolve()
sys.path.insert(0, str(HERE.parents[2]))
import tap  # noqa: E402

TARGET = "198.51.100.7"


def accept_list(name, source="203.0.113.0/24", **more):
    """As figure 2: what comes from there may pass."""
    a = acl(name, TARGET + "/32", **more)
    a["aces"]["ace"][0]["matches"]["ipv4"]["source-ipv4-network"] = source
    a["aces"]["ace"][0]["actions"] = {"forwarding": "accept"}
    return a


def rate_limit(name, **more):
    """As figure 9."""
    a = acl(name, "198.51.100.0/24", **more)
    a["aces"]["ace"][0]["actions"] = {"forwarding": "accept", "rate-limit": "20000.00"}
    return a


def prepare(world, *acls, server=None, **how):
    """The filters are on record, in peace."""
    if server is None:
        world.serve("isp1")
    else:
        server(world)
    world.ask(records([], acls), only=["isp1"], **how)
    world.in_step("isp1")
    until(lambda: any(s["state"] == "available" for s in world.client("sessions")[1]["upstream"]), "the session")


def activation(world, name):
    there = {a["name"]: a for a in world.there("isp1")[1]}
    return there[name].get("activation-type", "activate-when-mitigating")


def mids(world):
    return [m["mid"] for m in world.daemons["isp1"]("list")[1]["mitigations"]]


def puts(world):
    return [(e["mid"], e["code"]) for e in world.daemons["isp1"].events("put-mitigate")]


def part(world, wish):
    return world.client("show", wish)[1]["wish"]["parts"][0]


def look_again(world):
    """A round of the data channel."""
    n = len(world.events("data-in-step", domain="isp1"))
    assert world.client("reload")[0] == 0
    world.in_step("isp1", n + 1)


# 9133-1.1-02, 9133-4.1-01, 9133-4.1-02, 9133-3.1-01, 9133-3.1-06, 9133-3.2.1-10, 9133-3.2.1-19
def test_an_accept_list_that_lets_the_attack_in_is_deactivated(world):
    prepare(world, accept_list("an-accept-list"), accept_list("other", "203.0.113.0/25"))
    code, reply = world.client("mitigate", TARGET, "--protocol", "udp")
    wish, first = reply["id"], reply["parts"][0]["mid"]
    assert code == 0 and mids(world) == [first]
    code, reply = world.client("filter", wish, "an-accept-list=deactivate")
    assert code == 0, reply
    assert reply["parts"][0]["filters"] == ["an-accept-list=deactivate"]
    assert (reply["parts"][0]["state"], reply["parts"][0]["filters_state"]) == ("placed", "done")
    assert activation(world, "an-accept-list") == "deactivate"
    assert activation(world, "other") == "activate-when-mitigating"
    assert mids(world) == [reply["parts"][0]["mid"]] and mids(world)[0] > first
    assert [e["acls"] for e in world.events("filter-control", domain="isp1")] == ["an-accept-list=deactivate"]
    # Our own data channel does not write the type of the file over it, until the request has ended.
    look_again(world)
    assert activation(world, "an-accept-list") == "deactivate"
    assert world.web("isp1").delete(world.own("isp1") + "/acls/acl=an-accept-list").status == 204
    look_again(world)
    assert activation(world, "an-accept-list") == "deactivate"
    assert "filters at dots.example: an-accept-list=deactivate done" in world.client.text("show", wish)[1]
    assert world.client("withdraw", wish)[0] == 0
    until(lambda: world.client("list")[1]["wishes"] == [], "the withdrawal")
    until(lambda: activation(world, "an-accept-list") == "activate-when-mitigating", "the type of the file again")
    assert not world.events("alert")


# 9133-4.2-01, 9133-3.2.1-05, 9133-3.2.1-09, 9133-3.2.1-11
def test_a_filter_is_activated_with_a_request(world):
    prepare(world, accept_list("my-accept-list", **{"activation-type": "deactivate"}))
    code, reply = world.client("mitigate", TARGET, "--acl", "my-accept-list=immediate")
    assert code == 0, reply
    assert reply["parts"][0]["filters_state"] == "done"
    assert activation(world, "my-accept-list") == "immediate"
    sent = [(e["kind"], e["mid"]) for e in world.events("sent")]
    assert [k for k, _ in sent] == ["request", "filters"] and sent[0][1] < sent[1][1]
    assert [c for _, c in puts(world)] == ["2.01", "2.01"]
    assert mids(world) == [sent[1][1]]


# 9133-4.3-01, 9133-3.2.1-12
def test_a_rate_limit_is_switched_on_and_off(world):
    prepare(world, rate_limit("my-ratelimit-list", **{"activation-type": "deactivate"}))
    wish = world.client("mitigate", "198.51.100.0/24", "--id", "all")[1]["id"]
    seen = mids(world)
    for kind in ("immediate", "deactivate"):
        assert world.client("filter", wish, f"my-ratelimit-list={kind}")[0] == 0
        assert activation(world, "my-ratelimit-list") == kind
        seen += mids(world)
    assert len(seen) == 3 and sorted(set(seen)) == seen
    # A restart tells nothing twice, and forgets nothing.
    world.client.stop()
    world.client.start()
    until(lambda: part(world, wish)["state"] == "placed" and puts(world)[-1][1] == "2.04", "the refresh")
    assert part(world, wish)["filters"] == ["my-ratelimit-list=deactivate"]
    assert mids(world) == seen[-1:]


# 9133-3.2.1-07, 9133-1.2-01
def test_what_cannot_be_asked_for_is_refused_and_nothing_sent(world):
    prepare(world, accept_list("a"))
    code, reply = world.client("mitigate", TARGET, "--acl", "nowhere=immediate")
    assert code == 1 and "RFC 9133 3.2.1: acl nowhere is on record at none" in reply["error"]
    code, reply = world.client("mitigate", TARGET, "--acl", "a", "--on-loss")
    assert code == 1 and "idle time" in reply["error"]
    code, reply = world.client("mitigate", TARGET, "--acl", "a=sometimes")
    assert code == 2 and "acl a=sometimes, expected NAME=immediate" in reply["error"]
    assert world.client("filter", "w1", "a")[0] == 1
    assert puts(world) == [] and world.client("list")[1]["wishes"] == []
    assert world.client("mitigate", TARGET, "--id", "w")[0] == 0
    assert world.client("filter", "w", "nowhere")[0] == 1
    assert len(puts(world)) == 1


# 9133-3.2.1-28
def test_what_others_make_of_a_filter_is_told(world):
    prepare(world, accept_list("a"), accept_list("b", "203.0.113.0/25"))
    assert world.client("mitigate", TARGET, "--id", "w", "--acl", "a=deactivate")[0] == 0
    w, own = world.web("isp1"), world.own("isp1")
    changed = accept_list("a", **{"activation-type": "immediate"})
    assert w.put(own + "/acls/acl=a", {f"{MODULE}:acl": [changed]}).status == 204
    until(lambda: part(world, "w").get("filters_changed") == ["a=immediate"], "the notification")
    assert [e["acls"] for e in world.events("filter-control")] == ["a=deactivate", "a=immediate"]
    assert "filters at dots.example have been changed there: a=immediate" in world.client.text("show", "w")[1]
    look_again(world)
    assert activation(world, "a") == "immediate"  # nothing is done about it by itself
    # What our own request makes of it is not told as a change.
    assert world.client("filter", "w", "a=immediate", "b=deactivate")[0] == 0
    assert activation(world, "b") == "deactivate"
    assert mids(world) == [part(world, "w")["mid"]]


# A start in the middle of an attack: the data channel cannot be reached, the signal channel can.
def test_filters_are_switched_while_the_data_channel_is_away(world):
    prepare(world, accept_list("a"), accept_list("b", "203.0.113.0/25"))
    for d in (world.client, world.daemons["isp1"]):
        d.stop()
    port, https = world.ports["isp1"]
    world.ports["isp1"] = port, free_port()  # where the client does not look
    world.serve("isp1")
    world.client.start()
    until(lambda: world.events("data-pending"), "the failure")
    code, reply = world.client("mitigate", TARGET, "--id", "w", "--wait", "30", "--acl", "a=deactivate")
    assert code == 0 and reply["parts"][0]["filters_state"] == "done", reply
    assert activation(world, "a") == "deactivate"
    assert world.client("filter", "w", "nowhere=deactivate")[0] == 1


# 9133-3.2.1-26: the packet filter is away
def test_filters_that_cannot_be_put_in_force_do_not_end_the_mitigation(world):
    def serve(w):
        text = SERVER.replace("mitigators: [dry-run: {{}}]", "mitigators: [nftables: {{socket: nowhere.sock}}]")
        port, https = w.ports.setdefault("isp1", (free_port(), free_port()))
        w.daemons["isp1"] = Daemon(w.folder, "isp1", text.format(
            name="isp1", port=port, https=https, more="", who="acme", prefix="198.51.100.0/24")).start()

    prepare(world, server=serve)
    world.rewrite(records([], [accept_list("a")]))
    until(lambda: any(a["state"] == "placed" for a in world.client("acls")[1]["acls"]), "the filter")
    code, reply = world.client("mitigate", TARGET, "--id", "w", "--acl", "a=deactivate", "--wait", "20")
    assert code == 4 and reply["parts"][0]["state"] == "placed", reply
    assert reply["parts"][0]["filters_state"] == "later"
    until(lambda: len(world.events("sent")) == 3, "the same without filters")
    assert [k["kind"] for k in world.events("sent")] == ["request", "filters", "request"]
    until(lambda: mids(world) == [world.events("sent")[2]["mid"]], "that one alone")
    until(lambda: part(world, "w")["mid"] == mids(world)[0] and part(world, "w")["state"] == "placed", "the answer")
    assert [e["section"] for e in world.events("alert")] == ["RFC 9133 3.2.1"]


# 9133-3.2.1-16
def test_a_server_without_filter_control_mitigates_all_the_same(world, stub):
    stub()

    def serve(w):
        text = "\n".join(line for line in SERVER.split("\n") if not line.startswith("data-channel"))
        w.daemons["isp1"] = Daemon(w.folder, "isp1", text.format(
            name="isp1", port=w.ports["isp1"][0], who="acme", prefix="198.51.100.0/24")).start()

    prepare(world, accept_list("a"), server=serve)
    code, reply = world.client("mitigate", TARGET, "--id", "w", "--acl", "a=deactivate")
    assert code == 4 and reply["parts"][0]["state"] == "placed", reply
    assert reply["parts"][0]["filters_state"] == "refused"
    assert world.client("filter", "w", "a=immediate")[0] == 1
    assert [e["code"] for e in world.events("filter-control")] == ["4.00"]
    assert len(world.events("sent", kind="filters")) == 1
    assert mids(world) == [part(world, "w")["mid"]]
    assert len(world.events("alert", section="RFC 9133 3.2.1", code="4.00")) == 1


def beside(world):
    """A server whose own data channel is another one than that which our client asks."""
    world.daemons["isp1"] = Daemon(world.folder, "isp1", SERVER.format(
        name="isp1", port=world.ports["isp1"][0], https=free_port(), more="", who="acme",
        prefix="198.51.100.0/24")).start()


# 9133-3.2.1-17
def test_an_acl_that_the_server_does_not_have_is_looked_for(world, stub):
    s = stub()
    prepare(world, accept_list("a"), server=beside, check=3600)
    s.asked.clear()
    code, reply = world.client("mitigate", TARGET, "--id", "w", "--acl", "a=deactivate")
    assert code == 4 and reply["parts"][0]["state"] == "placed", reply
    assert reply["parts"][0]["filters_reason"] == "it has no such ACL of ours"
    until(lambda: s.did("GET"), "the look")
    assert mids(world) == [part(world, "w")["mid"]]


# What a round has written is there, however the round ends: a request that waited for it is told of it.
def test_an_acl_that_is_written_again_is_told_again_though_the_round_fails(world, stub):
    s = stub()
    prepare(world, accept_list("a"), server=beside, check=3600)
    s.asked.clear()
    s.entries.clear()
    as_ever = s.answer

    def answer(method, target, body):
        if method == "GET" and "dots-client" in target and s.did("PUT"):
            return 500, None, ""
        return as_ever(method, target, body)

    s.answer = answer
    world.client("mitigate", TARGET, "--id", "w", "--acl", "a=deactivate")
    until(lambda: world.events("data-pending", domain="isp1"), "the end of the round")
    until(lambda: len([c for _, c in puts(world) if c == "4.04"]) == 2, "the filter once more")
    assert s.did("PUT") and mids(world) == [part(world, "w")["mid"]]


if __name__ == "__main__":
    tap.run(__file__)
