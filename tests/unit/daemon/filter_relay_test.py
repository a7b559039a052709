#!/usr/bin/python3
"""Filters by signal through a gateway (RFC 9133 behind RFC 8783 3.3): what a client of it has on record goes to the
provider over HTTPS, and is switched there by what it says over DTLS. Clients are curl and CBOR by hand, the providers
are dotsd.

DOTSD, DOTSCTL and TALKER name the programs. Run as a program it prints TAP."""
import pathlib
import sys

import pytest

from control_test import Daemon, free_port, until
from data_client_test import acl, records
from data_relay_test import MODULE, PROVIDERS, ROOT, keys, net, put_acl  # noqa: F401
from talking import Talker

HERE = pathlib.Path(__file__).resolve()
sys.path.insert(0, str(HERE.parents[2]))
import tap  # noqa: E402

CUID = "cuid-of-one"
TARGET, OTHER = "198.51.100.7/32", "192.0.2.7/32"
BY_DEFAULT, IMMEDIATE, DEACTIVATE = (None, "activate-when-mitigating"), (2, "immediate"), (3, "deactivate")


@pytest.fixture
def talk(net):  # noqa: F811
    talkers = []

    def up(who="one"):
        t = Talker(net.port, "x509", *(net.folder / f for f in (f"{who}.crt", f"{who}.key", "ca.crt")))
        talkers.append(t)
        t.up()
        return t

    yield up
    for t in talkers:
        t.stop()


def available(net):  # noqa: F811
    until(lambda: (up := net.client("sessions")[1]["upstream"]) and all(s["state"] == "available" for s in up),
          "the sessions")


def at_provider(net, name):  # noqa: F811
    """The activation-types of ACLs there, in all of our registrations, by their names without the tags."""
    types = {}
    for cuid in {s["cuid"] for s in net.client("sessions")[1]["upstream"] if s["domain"] == name}:
        got = net.web(name).get(f"{ROOT}/dots-client={cuid}?content=config")
        for a in got.body[f"{MODULE}:dots-client"][0].get("acls", {}).get("acl", []) if got.status == 200 else []:
            types[a["name"].rpartition(".")[0]] = a.get("activation-type", BY_DEFAULT[1])
    return types


def at_gateway(w, own, name):
    got = w.get(f"{own}/acls/acl={name}?content=config").body
    return got[f"{MODULE}:acls"]["acl"][0].get("activation-type", BY_DEFAULT[1])


def look_again(net):  # noqa: F811
    """A round of each data channel that has anything to tell."""
    n = len(net.events("data-in-step"))
    assert net.client("reload")[0] == 0
    shown = {a["domain"] for a in net.client("acls")[1]["acls"]}
    until(lambda: len(net.events("data-in-step")) >= n + len(shown), "a look")


def mids(net, name):  # noqa: F811
    return [m["mid"] for m in net.daemons[name]("list")[1]["mitigations"]]


def by_signal(net, name):  # noqa: F811
    return [(e["name"].rpartition(".")[0], e["change"]) for e in net.daemons[name].events("data-changed")
            if e["change"].endswith("by-signal")]


def controlled(net):  # noqa: F811
    """What has been done there."""
    return [(e["domain"], e["acls"]) for e in net.events("filter-control") if "reason" not in e]


def kill(net):  # noqa: F811
    net.client.process.kill()
    net.client.stop()
    net.client.start()


def again(net, talk):  # noqa: F811
    available(net)
    return talk()


BOTH = pytest.mark.parametrize("aggregate", ["yes", "no"])


def begin(net, talk, aggregate="yes", only=("isp1",), **more):  # noqa: F811
    """An ACL is on record here and there, and a mitigation has begun."""
    for name in only:
        net.provide(name)
    net.gate(only=only, more=f"aggregate: {aggregate}\n", check=3600)
    one, own = net.register("one")
    assert put_acl(one, own, "x", TARGET).status == 201
    available(net)
    t = talk()
    targets = [TARGET, OTHER] if len(only) > 1 else [TARGET]
    assert t.put(CUID, 1, targets).code == "2.01"
    assert at_provider(net, "isp1") == {"x": BY_DEFAULT[1]}
    return one, own, t, targets


# 9133-3.2.1-10, 9133-3.1-06
@BOTH
def test_a_filter_is_switched_at_the_provider_by_its_name_there(net, talk, aggregate):  # noqa: F811
    one, own, t, targets = begin(net, talk, aggregate)
    for mid, kind in ((2, DEACTIVATE), (3, IMMEDIATE)):
        assert t.put(CUID, mid, targets, acl=[("x", kind[0])]).code == "2.01"
        until(lambda: controlled(net)[-1:] == [("isp1", f"x={kind[1]}")], "the filter there")
        assert at_provider(net, "isp1") == {"x": kind[1]} and at_gateway(one, own, "x") == kind[1]
        look_again(net)
        assert at_provider(net, "isp1") == {"x": kind[1]}
    assert by_signal(net, "isp1") == [("x", "deactivated-by-signal"), ("x", "activated-by-signal")]
    assert len(net.events("filter-control")) == 2 and not net.events("alert")
    until(lambda: len(mids(net, "isp1")) == 1, "one request there")
    # While the signal has it, what is written here does not change its type there, but all else.
    changed = {**acl("x", "198.51.100.8/32"), "activation-type": DEACTIVATE[1]}
    assert one.put(f"{own}/acls/acl=x", {f"{MODULE}:acl": [changed]}).status == 204
    assert at_gateway(one, own, "x") == DEACTIVATE[1]
    assert at_provider(net, "isp1") == {"x": IMMEDIATE[1]}
    # Afterwards it is as this datastore says.
    assert t.delete(CUID, 3).code == "2.02"
    until(lambda: net.events("withdrawn") or not net.client("list")[1]["wishes"], "the end")
    look_again(net)
    until(lambda: at_provider(net, "isp1") == {"x": DEACTIVATE[1]}, "the type of here")


# 9133-3.2.1-17
def test_who_does_not_have_an_acl_does_not_control_it(net, talk):  # noqa: F811
    one, own, t, targets = begin(net, talk)
    two, other = net.register("two")
    assert put_acl(two, other, "y", "198.51.100.8/32").status == 201
    before = mids(net, "isp1")
    for name in ("y", "nowhere", net.client("acls")[1]["acls"][0]["as"]):
        assert t.put(CUID, 2, targets, acl=[(name, DEACTIVATE[0])]).code == "4.04"
    assert mids(net, "isp1") == before and not controlled(net) and not by_signal(net, "isp1")
    # Each has its own of that name.
    assert put_acl(two, other, "x", "198.51.100.8/32").status == 201
    assert t.put(CUID, 3, targets, acl=[("x", DEACTIVATE[0])]).code == "2.01"
    until(lambda: by_signal(net, "isp1") == [("x", "deactivated-by-signal")], "the filter there")
    shown = {a["for"]: a["as"] for a in net.client("acls")[1]["acls"] if a["name"] == "x"}
    there = {a["name"]: a.get("activation-type") for a in net.there("isp1")[1]}
    assert there[shown["one/cuid-of-one"]] == DEACTIVATE[1] and there[shown["two/cuid-of-two"]] is None


def test_only_a_provider_that_has_it_is_told(net, talk):  # noqa: F811
    one, own, t, targets = begin(net, talk, only=tuple(PROVIDERS))
    assert t.put(CUID, 2, targets, acl=[("x", DEACTIVATE[0])]).code == "2.01"
    until(lambda: controlled(net) == [("isp1", "x=deactivate")], "the filter there")
    assert at_provider(net, "isp1") == {"x": DEACTIVATE[1]} and at_provider(net, "isp2") == {}
    until(lambda: [len(mids(net, n)) for n in PROVIDERS] == [1, 1], "one request at each")
    sent = [(e["domain"], e["kind"]) for e in net.events("sent")]
    assert ("isp1", "filters") in sent and ("isp2", "filters") not in sent and not net.events("alert")


@BOTH
def test_a_gateway_that_is_killed_goes_on(net, talk, aggregate):  # noqa: F811
    one, own, t, targets = begin(net, talk, aggregate)
    kill(net)  # after the request, before its filters
    t = again(net, talk)
    assert t.put(CUID, 2, targets, acl=[("x", DEACTIVATE[0])]).code == "2.01"
    until(lambda: controlled(net) == [("isp1", "x=deactivate")], "the filter there")
    kill(net)  # after them
    t = again(net, talk)
    look_again(net)
    assert at_provider(net, "isp1") == {"x": DEACTIVATE[1]} == {"x": at_gateway(one, own, "x")}
    assert by_signal(net, "isp1") == [("x", "deactivated-by-signal")]
    changed = {**acl("x", TARGET), "activation-type": IMMEDIATE[1]}
    assert one.put(f"{own}/acls/acl=x", {f"{MODULE}:acl": [changed]}).status == 204
    assert at_provider(net, "isp1") == {"x": DEACTIVATE[1]}
    assert t.put(CUID, 2, targets, acl=[("x", DEACTIVATE[0])]).code == "2.04"
    assert t.delete(CUID, 2).code == "2.02"
    until(lambda: not net.client("list")[1]["wishes"], "the end")
    look_again(net)
    until(lambda: at_provider(net, "isp1") == {"x": IMMEDIATE[1]}, "the type of here")
    assert not [e for e in net.events("alert") if "9133" in e.get("section", "")]


# In an attack the data channel cannot be reached, and is not needed.
@BOTH
@pytest.mark.parametrize("restarts", [False, True])
def test_filters_are_switched_while_the_data_channel_is_away(net, talk, aggregate, restarts):  # noqa: F811
    one, own, t, targets = begin(net, talk, aggregate)
    port, https = net.ports["isp1"]
    assert net.daemons["isp1"].stop() == 0
    net.ports["isp1"] = port, free_port()  # where the gateway does not look
    net.provide("isp1")
    if restarts:
        kill(net)
        t = again(net, talk)
    until(lambda: t.put(CUID, 1, targets).code in ("2.01", "2.04"), "it goes on")
    for mid, kind in ((2, DEACTIVATE), (3, IMMEDIATE)):
        assert t.put(CUID, mid, targets, acl=[("x", kind[0])]).code == "2.01"
        until(lambda: controlled(net)[-1:] == [("isp1", f"x={kind[1]}")], "the filter there")
        assert at_provider(net, "isp1") == {"x": kind[1]}

# Where mitigators are of our own, upstream is asked, too; it is told when it can be reached again.
@BOTH
def test_beside_mitigators_of_its_own_filters_are_switched_here_and_there(net, talk, aggregate):  # noqa: F811
    net.ports_of("isp1")  # which is not there yet
    net.gate(only=["isp1"], more=f"aggregate: {aggregate}\n", mitigators="dry-run: {}, escalate: {}", check=3600)
    one, own = net.register("one")
    assert put_acl(one, own, "x", TARGET).status == 201
    t = talk()
    assert t.put(CUID, 1, [TARGET]).code == "2.01"
    assert t.put(CUID, 2, [TARGET], acl=[("x", DEACTIVATE[0])]).code == "2.01"
    assert at_gateway(one, own, "x") == DEACTIVATE[1]
    kill(net)  # before anything has gone upstream
    net.provide("isp1")
    look_again(net)  # it may be told of the filter before it has it, and then again
    until(lambda: controlled(net) == [("isp1", "x=deactivate")], "the filter there")
    t = again(net, talk)
    assert t.put(CUID, 3, [TARGET], acl=[("x", IMMEDIATE[0])]).code == "2.01"
    until(lambda: controlled(net)[-1] == ("isp1", "x=immediate"), "the filter there")
    assert at_provider(net, "isp1") == {"x": IMMEDIATE[1]} == {"x": at_gateway(one, own, "x")}
    assert by_signal(net, "isp1") == [("x", "deactivated-by-signal"), ("x", "activated-by-signal")]


CLIENT = """instance: end
state: end-state
control: end.sock
events: end.json
domains:
  gw:
    protects: [198.51.100.0/24]
    servers: [{{name: dots.example, addresses: [127.0.0.1], port: {port}}}]
    credentials: {{certificate: one.crt, key: one.key, trust: ca.crt}}
    data-channel: {{name: dots.example, address: 127.0.0.1, port: {https}, check: 3600}}
data-files: [records.json]
"""


# dotsd behind dotsd behind dotsd
@BOTH
def test_our_client_controls_its_filters_through_our_gateway(net, aggregate):  # noqa: F811
    net.provide("isp1")
    net.gate(only=["isp1"], more=f"aggregate: {aggregate}\n", check=3600)
    net.write(records([], [acl("x", TARGET)]))
    end = net.daemons["end"] = Daemon(net.folder, "end", CLIENT.format(port=net.port, https=net.https)).start()
    until(lambda: end.events("data-in-step"), "the ACL here")
    until(lambda: end.server()["state"] == "available", "the session")
    available(net)
    until(lambda: at_provider(net, "isp1") == {"x": BY_DEFAULT[1]}, "the ACL there")
    assert end("mitigate", TARGET, "--id", "w")[0] == 0
    code, reply = end("filter", "w", "x=deactivate")
    assert code == 0 and reply["parts"][0]["filters_state"] == "done", reply
    until(lambda: controlled(net) == [("isp1", "x=deactivate")], "the filter there")
    look_again(net)
    assert at_provider(net, "isp1") == {"x": DEACTIVATE[1]}
    assert end("withdraw", "w")[0] == 0
    until(lambda: not end("list")[1]["wishes"] and not net.client("list")[1]["wishes"], "the end")
    rounds = len(end.events("data-in-step"))
    assert end("reload")[0] == 0
    until(lambda: len(end.events("data-in-step")) > rounds, "the type of the file here")
    look_again(net)
    until(lambda: at_provider(net, "isp1") == {"x": BY_DEFAULT[1]}, "what the client's file says")


# Its wishes stay where they were asked for, what is on record moves.
@pytest.mark.parametrize("before, after", [("yes", "no"), ("no", "yes")])
def test_registrations_that_move_keep_what_the_signal_said(net, talk, before, after):  # noqa: F811
    one, own, t, targets = begin(net, talk, before)
    assert t.put(CUID, 2, targets, acl=[("x", DEACTIVATE[0])]).code == "2.01"
    until(lambda: controlled(net) == [("isp1", "x=deactivate")], "the filter there")
    net.reload(only=["isp1"], more=f"aggregate: {after}\n", check=3600)
    available(net)
    look_again(net)
    until(lambda: at_provider(net, "isp1") == {"x": DEACTIVATE[1]}, "it under the other one")
    assert t.put(CUID, 3, targets, acl=[("x", IMMEDIATE[0])]).code == "2.01"
    until(lambda: at_provider(net, "isp1") == {"x": IMMEDIATE[1]}, "the filter there")
    until(lambda: controlled(net)[-1] == ("isp1", "x=immediate"), "the filter by signal")


# A client that has taken its ACL away does not hold up what others control.
@BOTH
@pytest.mark.parametrize("wide", [TARGET, "198.51.100.0/24"])
def test_a_filter_that_is_gone_holds_up_no_other(net, talk, aggregate, wide):  # noqa: F811
    one, own, t, targets = begin(net, talk, aggregate)
    two, other = net.register("two")
    assert put_acl(two, other, "y", wide).status == 201
    t2 = talk("two")
    assert t2.put("cuid-of-two", 1, [wide], acl=[("y", DEACTIVATE[0])]).code == "2.01"
    until(lambda: at_provider(net, "isp1").get("y") == DEACTIVATE[1], "y there")
    assert two.delete(f"{other}/acls/acl=y").status == 204
    until(lambda: "y" not in at_provider(net, "isp1"), "y gone")
    assert t.put(CUID, 2, targets, acl=[("x", DEACTIVATE[0])]).code == "2.01"
    until(lambda: ("isp1", "x=deactivate") in controlled(net), "the filter there")
    assert at_provider(net, "isp1") == {"x": DEACTIVATE[1]}


if __name__ == "__main__":
    tap.run(__file__)
