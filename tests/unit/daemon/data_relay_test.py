#!/usr/bin/python3
"""A gateway that passes on what its clients have on record (RFC 8783 3.3, 3.4; rules M12, M13): clients are curl,
the providers dotsd, or a server in Python that refuses; and what our client does about a cuid that is somebody
else's.

DOTSD, DOTSCTL and TALKER name the programs. Run as a program it prints TAP."""
import base64
import hashlib
import http.client
import json
import pathlib
import shutil
import ssl
import subprocess
import sys
import tempfile
import time

import pytest

from control_test import Daemon, free_port, until
from data_client_test import DOMAIN, PROVIDERS, Stub, World, acl, alias, networks, records
from data_test import MODULE, ROOT, TYPE, VECTORS, Web
from revoked_test import Pki
from talking import Talker

HERE = pathlib.Path(__file__).resolve()
sys.path.insert(0, str(HERE.parents[2]))
import tap  # noqa: E402

PROVIDER = """instance: {name}
state: {name}-state
control: {name}.sock
events: {name}.json
listen: [{{address: 127.0.0.1, port: {port}}}]
data-channel: {{listen: [{{address: 127.0.0.1, port: {https}}}]}}
credentials: {{certificate: server.crt, key: server.key, trust: ca.crt}}
clients:
{clients}mitigators: [dry-run: {{}}]
"""
GATEWAY = """instance: gw
state: gw-state
control: gw.sock
events: gw.json
domains:
{domains}listen: [{{address: 127.0.0.1, port: {port}}}]
data-channel: {{listen: [{{address: 127.0.0.1, port: {https}}}]}}
credentials: {{certificate: gate.crt, key: gate.key, trust: ca.crt}}
clients:
{clients}mitigators: [{mitigators}]
{more}"""
BOTH = "[198.51.100.0/24, 192.0.2.0/24, 203.0.113.0/24]"
CLIENTS = {name: f"  {name}: {{{{certificates: [{name}.example], prefixes: {BOTH}}}}}\n".format()
           for name in ("one", "two")}


@pytest.fixture(scope="module")
def keys():
    path = pathlib.Path(tempfile.mkdtemp(prefix="dotsd-data-relay-"))
    path.chmod(0o755)
    pki = Pki(path)
    # curl asks for dots.example, and the gateway's own name is its second one.
    pki.certify("gate", "gw.example.net,DNS:dots.example", "serverAuth,clientAuth")
    for name in ("one", "two"):
        pki.certify(name, f"{name}.example", "clientAuth")
    yield path
    shutil.rmtree(path)


class Network(World):
    """Two providers, a gateway (which is `client` of World), and clients behind it."""
    def __init__(self, folder):
        super().__init__(folder)
        self.stubs, self.https, self.port = {}, free_port(), free_port()

    def ports_of(self, name):
        return self.ports.setdefault(name, (free_port(), free_port()))

    def provide(self, name, clients=None):
        port, https = self.ports_of(name)
        who, prefix = PROVIDERS[name]
        clients = clients or f"  customer: {{certificates: [{who}.example], prefixes: [{prefix}]}}\n"
        self.daemons[name] = Daemon(self.folder, name, PROVIDER.format(
            name=name, port=port, https=https, clients=clients)).start()

    def stub(self, name):
        self.stubs[name] = Stub(self.folder, self.ports_of(name)[1])
        return self.stubs[name]

    def text(self, clients=CLIENTS, more="", mitigators="escalate: {}", check=5, only=PROVIDERS, nat=""):
        domains = ""
        for name in only:
            (port, https), (who, prefix) = self.ports_of(name), PROVIDERS[name]
            domains += DOMAIN.format(name=name, prefix=prefix, port=port, https=https, who=who,
                                     https_name="dots.example", more=nat, check=check)
        return GATEWAY.format(domains=domains, port=self.port, https=self.https, clients="".join(clients.values()),
                              mitigators=mitigators, more=more)

    def gate(self, **how):
        self.client = Daemon(self.folder, "gw", self.text(**how)).start()

    def reload(self, **how):
        self.client.path.write_text(self.text(**how))
        assert self.client("reload")[0] == 0

    def at_gate(self, who):
        return Web(self.folder, self.https, who)

    def register(self, who, cuid=None, **more):
        w = self.at_gate(who)
        cuid = cuid or f"cuid-of-{who}"
        assert w.post(ROOT, {f"{MODULE}:dots-client": [{"cuid": cuid, **more}]}).status == 201
        return w, f"{ROOT}/dots-client={cuid}"

    def names_at(self, name):
        """Of aliases and ACLs, without the tags."""
        there = self.there(name)
        return there and ({n.rpartition(".")[0] for n in there[0]}, [a["name"].rpartition(".")[0] for a in there[1]])

    def names(self):
        aliases, acls = self.there("isp1")
        return sorted(aliases), [a["name"] for a in acls]

    def stop(self):
        super().stop()
        for s in self.stubs.values():
            s.stop()


@pytest.fixture
def net(keys):
    n = Network(keys)
    yield n
    n.stop()
    for path in [*keys.glob("*-state"), *keys.glob("*.json")]:
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def put_alias(w, own, name, *prefixes, **more):
    return w.put(f"{own}/aliases/alias={name}", {f"{MODULE}:alias": [alias(name, *prefixes)]}, **more)


def put_acl(w, own, name, *destinations, **more):
    return w.put(f"{own}/acls/acl={name}", {f"{MODULE}:acl": [acl(name, *destinations)]}, **more)


# 8783-5.1-25, 8783-1-03, 8783-3.3-05, 8783-5.1-26, -27, 8783-10-17
def test_each_provider_gets_its_part_and_does_not_learn_whose(net):
    for name in PROVIDERS:
        net.provide(name)
    net.gate()
    one, own = net.register("one")
    two, other = net.register("two")
    assert put_alias(one, own, "web", "198.51.100.7/32", "192.0.2.7/32").status == 201
    assert put_acl(one, own, "x", "198.51.100.7/32", "192.0.2.7/32").status == 201
    assert put_alias(two, other, "web", "198.51.100.8/32").status == 201
    # Each answer came when upstream had it.
    aliases, acls = net.there("isp1")
    assert sorted(a["target-prefix"] for a in aliases.values()) == [["198.51.100.7/32"], ["198.51.100.8/32"]]
    assert len(aliases) == 2 and all(n.startswith("web.") and len(n) == 14 for n in aliases)
    assert [networks(a) for a in acls] == [["198.51.100.7/32"]]
    aliases, acls = net.there("isp2")
    assert [a["target-prefix"] for a in aliases.values()] == [["192.0.2.7/32"]]
    assert [networks(a) for a in acls] == [["192.0.2.7/32"]]
    for name in PROVIDERS:
        said = net.web(name).get(net.own(name)).text + (net.folder / f"{name}.json").read_text()
        assert "cuid-of" not in said and '"one' not in said and "example.net" not in said
    # Here each sees what it has written, and nothing of the other one.
    seen = one.get(own).body[f"{MODULE}:dots-client"][0]
    assert seen["aliases"]["alias"][0]["target-prefix"] == ["198.51.100.7/32", "192.0.2.7/32"]
    assert [a["name"] for a in seen["acls"]["acl"]] == ["x"] and two.get(own).status == 404
    assert two.post(ROOT, {f"{MODULE}:dots-client": [{"cuid": "cuid-of-one"}]}).status == 409
    shown = net.client("aliases")[1]["aliases"]
    assert [(a["name"], a["for"], a["domain"], a["state"]) for a in shown] == [
        ("web", "one/cuid-of-one", "isp1", "placed"), ("web", "two/cuid-of-two", "isp1", "placed"),
        ("web", "one/cuid-of-one", "isp2", "placed")]
    assert {a["as"] for a in shown if a["domain"] == "isp1"} == set(net.there("isp1")[0])
    assert "one/cuid-of-one" in net.client.text("acls")[1]


# 8783-3.3-03, -05: M12
def test_what_no_provider_owns_is_refused(net):
    net.provide("isp1")
    net.gate(only=["isp1"])
    one, own = net.register("one")
    got = put_alias(one, own, "a", "198.51.100.7/32", "203.0.113.1/32", "192.0.2.1/32")
    assert got.status == 400 and got.error["error-tag"] == "invalid-value"
    assert got.error["error-message"] == (
        "RFC 9284 5.3: target-prefix: 203.0.113.1/32, 192.0.2.1/32 belongs to no provider of this network")
    assert put_acl(one, own, "x", "203.0.113.1/32").status == 400
    # Without a destination it would be for all clients.
    bare = {**acl("y"), "activation-type": "activate-when-mitigating"}
    bare["aces"]["ace"] = [{"name": "r", "matches": {"ipv4": {"protocol": 6}},
                            "actions": {"forwarding": "drop"}}]
    got = one.put(f"{own}/acls/acl=y", {f"{MODULE}:acl": [bare]})
    assert got.status == 400 and got.error["error-message"] == (
        "RFC 8783 7.2: ace r: it names no destination network, and is passed on for all clients of a gateway")
    assert put_acl(one, own, "n" * 54, "198.51.100.7/32").error["error-message"] == (
        "RFC 8783 4.3: name: it has 54 characters, and a gateway passes on those of at most 53")
    assert put_alias(one, own, "n" * 54, "198.51.100.7/32").status == 400
    assert put_acl(one, own, "n" * 53, "198.51.100.7/32").status == 201
    assert one.get(f"{own}/aliases").body[f"{MODULE}:aliases"] == {}
    assert net.names_at("isp1") == (set(), ["n" * 53])
    net.reload(only=["isp1"], more="mixed-targets: trim\n")
    assert put_alias(one, own, "a", "198.51.100.7/32", "203.0.113.1/32").status == 201
    assert [a["target-prefix"] for a in net.there("isp1")[0].values()] == [["198.51.100.7/32"]]
    assert put_alias(one, own, "b", "203.0.113.1/32").status == 400
    assert put_acl(one, own, "x", "198.51.100.7/32", "203.0.113.1/32").status == 400


# 8783-10-24, 8040-5.4-02, 8040-7-02, 8783-3.4-02, -03, -04, -05, -06, -08
def test_a_request_that_has_been_here_is_a_loop(net):
    s = net.stub("isp1")
    net.gate(only=["isp1"])
    one, own = net.register("one")
    assert put_alias(one, own, "a", "198.51.100.7/32").status == 201
    asked = len([m for m, _, _ in s.asked if m == "PUT"])
    ours = s.vias[-1][2].removeprefix("1.1 ")
    assert ours.startswith("gw-") and len(ours) == 13
    came = VECTORS["8783-F03"]["headers"]["Via"]
    for via in (came, f"1.1 {ours}", f"1.0 x, HTTP/1.1 {ours.upper()}:443 (a, (b) c), 1.1 y", "1.1 127.0.0.1:8443",
                "1.1 gw", "2 GW.example.net"):
        for got in (one.get(f"{own}/aliases", fields=[("Via", via)]),
                    put_alias(one, own, "b", "198.51.100.8/32", fields=[("Via", via)]),
                    one.delete(own, fields=[("Via", via)])):
            assert got.status == 508, via
            assert {k: got.error[k] for k in ("error-type", "error-tag", "error-app-tag")} == {
                "error-type": "application", "error-tag": "operation-failed", "error-app-tag": "loop-detected"}
            assert got.error["error-info"] == {f"{MODULE}:via-header": via}
            assert "infinite loop" in got.error["error-message"]
    told = net.client.events("data-loop")
    assert told[0]["level"] == "warning" and told[0]["via"] == came and told[0]["client"] == "one"
    assert [a["name"] for a in one.get(f"{own}/aliases").body[f"{MODULE}:aliases"]["alias"]] == ["a"]
    assert len([m for m, _, _ in s.asked if m == "PUT"]) == asked
    # Nobody of these is us.
    for via in ("1.1 gw2", "1.1 other.example.net (gw.example.net)", f"1.1 x{ours}", "1.1 127.0.0.2"):
        assert one.get(own, fields=[("Via", via)]).status == 200, via
    assert one.get(own, fields=[("Via", "1.1 " + "x" * 1100)]).status == 431


# 8783-3.4-01, -09, -10, -11
def test_via_is_passed_on_where_it_is_wanted(net):
    s = net.stub("isp1")
    net.gate(only=["isp1"])
    one, own = net.register("one")
    assert put_alias(one, own, "a", "198.51.100.7/32", fields=[("Via", "1.1 inner")]).status == 201
    assert all(v and v.startswith("1.1 gw-") and "," not in v for m, p, v in s.vias if "well-known" not in p)
    ours = s.vias[-1][2]
    net.reload(only=["isp1"], more="keep-via: yes\n")
    assert put_alias(one, own, "b", "198.51.100.8/32", fields=[("Via", "1.0 inner, 1.1 next")]).status == 201
    assert put_alias(one, own, "c", "198.51.100.9/32").status == 201
    said = {p.rpartition("=")[2].partition(".")[0]: v for m, p, v in s.vias if m == "PUT"}
    assert said == {"a": said["a"], "b": f"1.0 inner, 1.1 next, {ours}", "c": ours}


# 8783-3.3-06: M13
def test_what_all_refuse_is_undone(net):
    s = net.stub("isp1")
    net.gate(only=["isp1"])
    one, own = net.register("one")
    assert put_acl(one, own, "w", "198.51.100.6/32").status == 201
    assert put_acl(one, own, "x", "198.51.100.7/32").status == 201
    assert put_acl(one, own, "y", "198.51.100.9/32").status == 201
    before = one.get(f"{own}/acls?content=config").body
    s.answers += [("PUT", "/acls/acl=x", 409)]
    got = put_acl(one, own, "x", "198.51.100.8/32")
    assert (got.status, got.error["error-tag"]) == (409, "resource-denied")
    assert got.error["error-message"] == (
        "RFC 8783 3.3: acl x: it is refused upstream: 409 resource-denied")
    assert one.get(f"{own}/acls?content=config").body == before
    s.answers += [("PUT", "/acls/acl=x", 409)]
    moved = one.put(f"{own}/acls/acl=x?insert=first", {f"{MODULE}:acl": [acl("x", "198.51.100.8/32")]})
    assert moved.status == 409 and one.get(f"{own}/acls?content=config").body == before
    s.answers += [("PUT", "/aliases/alias=n", 403), ("POST", "", 409), ("PUT", "/aliases/alias=n", 403)]
    got = put_alias(one, own, "n", "198.51.100.5/32")
    assert (got.status, got.error["error-tag"]) == (403, "access-denied") and "isp1" not in got.text
    assert one.get(f"{own}/aliases/alias=n").status == 404
    until(lambda: {n.rpartition(".")[0] for _, n in s.entries} == {"w", "x", "y"}, "what was there before")
    assert [e["name"] for e in net.client.events("data-changed") if e["change"] == "undone"] == ["x", "x", "n"]


def test_one_that_takes_it_is_enough(net):
    first, second = net.stub("isp1"), net.stub("isp2")
    net.gate()
    one, own = net.register("one")
    first.answers += [("PUT", "/aliases/alias=a", 409)]
    assert put_alias(one, own, "a", "198.51.100.7/32", "192.0.2.7/32").status == 201
    assert {n.rpartition(".")[0] for _, n in second.entries} == {"a"}
    until(lambda: net.events("record-refused", domain="isp1", code=409), "the refusal")
    assert not first.entries and one.get(f"{own}/aliases/alias=a").status == 200
    states = {a["domain"]: a["state"] for a in net.client("aliases")[1]["aliases"]}
    assert states == {"isp1": "refused", "isp2": "placed"}


# M13
def test_who_cannot_be_reached_gets_it_later(net):
    net.gate(only=["isp1"])
    one, own = net.register("one")
    assert put_alias(one, own, "a", "198.51.100.7/32").status == 201
    assert put_alias(one, own, "b", "198.51.100.8/32").status == 201
    assert [a["state"] for a in net.client("aliases")[1]["aliases"]] == ["pending"] * 2
    net.reload(only=["isp1"])
    until(lambda: len(net.events("data-pending")) == 2, "another try")
    assert len(net.events("alert", section="RFC 8783 3.1")) == 1
    net.provide("isp1")
    net.reload(only=["isp1"])  # which does not wait
    until(lambda: net.names_at("isp1") == ({"a", "b"}, []), "it there")


# M13
def test_who_says_nothing_is_not_waited_for_long(net):
    s = net.stub("isp1")
    net.gate(only=["isp1"])
    one, own = net.register("one")
    s.answers += [("PUT", "/aliases/alias=a", None), ("PUT", "/aliases/alias=b", 409)]
    begun = time.monotonic()
    assert put_alias(one, own, "a", "198.51.100.7/32").status == 201
    assert time.monotonic() - begun >= 2.5 and not s.entries
    assert [a["state"] for a in net.client("aliases")[1]["aliases"]] == ["pending"]
    # What is changed meanwhile goes with the next round, and what is refused too late stays here.
    assert put_alias(one, own, "b", "198.51.100.8/32").status == 201
    s.hurry.set()
    until(lambda: net.events("record-refused", code=409), "b refused")
    assert {n.rpartition(".")[0] for _, n in s.entries} == {"a"}
    assert one.get(f"{own}/aliases/alias=b").status == 200


def make_ring(net, more):
    """Two gateways that are each other's provider: that other one."""
    net.ports_of("isp1"), net.ports_of("isp2")
    ours, theirs = (net.port, net.https), net.ports["isp1"]
    net.ports["isp2"], net.port, net.https = ours, *theirs  # the other one, whose provider we are
    other = net.text(only=["isp2"], more=more, clients={
        "gw": f"  gw: {{certificates: [acme.example], prefixes: {BOTH}}}\n"})
    other = other.replace("gate.", "server.").replace("gw-state", "gb-state").replace("gw.sock", "gb.sock").replace(
        "gw.json", "gb.json").replace("instance: gw", "instance: gb").replace("192.0.2.0/24]\n    s", "198.51.100.0/24]\n    s")
    net.daemons["gb"] = gb = Daemon(net.folder, "gb", other).start()
    net.port, net.https = ours
    net.gate(only=["isp1"], more=more, clients={
        "one": CLIENTS["one"], "gb": f"  gb: {{certificates: [beta.example], prefixes: {BOTH}}}\n"})
    assert gb("reload")[0] == 0
    until(lambda: gb.events("data-in-step"), "both there")
    return gb


# 8783-3.4-03, -09
def test_a_loop_of_gateways_is_found_and_leaves_nothing(net):
    gb = make_ring(net, "keep-via: yes\n")
    one, own = net.register("one")
    assert put_alias(one, own, "a", "198.51.100.7/32").status == 508
    assert one.get(f"{own}/aliases").body[f"{MODULE}:aliases"] == {}
    until(lambda: not gb("aliases")[1]["aliases"] and not net.client("aliases")[1]["aliases"], "nothing left")
    assert [e["client"] for e in net.client.events("data-loop")] == ["gb"]
    assert [e["name"] for e in gb.events("data-changed") if e["change"] == "undone"][0].startswith("a.")


# Each round waits for the next one in vain, and makes the name longer.
def test_a_loop_that_no_via_shows_ends_all_the_same(net):
    gb = make_ring(net, "")
    one, own = net.register("one")
    assert put_alias(one, own, "a", "198.51.100.7/32").status == 201
    both = (net.client, gb)
    until(lambda: [e for d in both for e in d.events("record-refused") if e["code"] == 400], "the end")
    assert not net.client.events("data-loop")
    # "a" with no to four tags; who still waited when the one behind was refused has taken it back.
    assert 3 <= sum(len(d("aliases")[1]["aliases"]) for d in both) <= 5
    assert one.delete(f"{own}/aliases/alias=a").status == 204
    until(lambda: not any(d("aliases")[1]["aliases"] for d in both), "nothing left")


# 8783-3.4-07: a loop upstream is that record's matter.
def test_a_loop_upstream_holds_up_nothing_else(net):
    s = net.stub("isp1")
    net.gate(only=["isp1"])
    one, own = net.register("one")
    s.answers += [("PUT", "/aliases/alias=a", 508)]
    got = put_alias(one, own, "a", "198.51.100.7/32")
    assert got.status == 508 and got.error["error-app-tag"] == "loop-detected"
    assert net.events("alert", section="RFC 8783 6.1") and not net.events("data-pending")
    assert put_alias(one, own, "b", "198.51.100.8/32").status == 201


def test_a_client_that_changes_its_mind_all_the_time_does_not_trouble_the_provider(net):
    net.provide("isp1")
    net.gate(only=["isp1"], check=3600)
    one, own = net.register("one")
    context = ssl.create_default_context(cafile=net.folder / "ca.crt")
    context.check_hostname = False
    context.load_cert_chain(net.folder / "one.crt", net.folder / "one.key")
    line = http.client.HTTPSConnection("127.0.0.1", net.https, context=context, timeout=60)
    begun = time.monotonic()
    for i in range(160):
        body = json.dumps({f"{MODULE}:alias": [alias("a", f"198.51.100.{i + 1}/32")]})
        line.request("PUT", f"{own}/aliases/alias=a", body, {"Content-Type": TYPE, "Accept": TYPE})
        answer = line.getresponse()
        answer.read()
        assert answer.status in (201, 204)
    rounds = len([e for e in net.daemons["isp1"].events("data-changed") if e.get("name", "").startswith("a.")])
    assert rounds <= 101 + 10 * (time.monotonic() - begun)
    until(lambda: [e["target-prefix"] for e in net.there("isp1")[0].values()] == [["198.51.100.160/32"]], "the last one")


def test_many_go_on_as_few_do(net):
    """More than are planned, or looked at, in one go."""
    net.provide("isp1")
    net.gate(only=["isp1"])
    one, own = net.register("one")
    for n in 7, 8:
        aliases = [alias(f"a{i}", f"198.51.100.{n}/32") for i in range(300)]
        assert one.put(f"{own}/aliases", {f"{MODULE}:aliases": {"alias": aliases}}).status in (201, 204)
        until(lambda n=n: [a["target-prefix"] for a in net.there("isp1")[0].values()] == [[f"198.51.100.{n}/32"]] * 300,
              "all of them are upstream")


def test_what_is_too_much_for_one_registration_goes_nowhere(net):
    s = net.stub("isp1")
    net.gate(only=["isp1"], clients={n: c.replace("}", ", limits: {data-bytes: 2000000}}") for n, c in CLIENTS.items()})

    def fill(w, own):
        many = [acl(f"n{k}") for k in range(10)]
        for a in many:
            a["aces"]["ace"] = [{"name": f"{i:064}", "matches": {"ipv4": {
                "destination-ipv4-network": "198.51.100.7/32", "source-ipv4-network": f"203.0.113.{i}/32"}},
                "actions": {"forwarding": "drop"}} for i in range(100)]
        (net.folder / "body.json").write_text(json.dumps({f"{MODULE}:acls": {"acl": many}}))
        return w.post(own, "@body.json").status

    first = [net.register("one", f"c{i}") for i in range(4)]
    assert [fill(w, own) for w, own in first] == [201] * 4
    there = set(s.entries)
    two, other = net.register("two")
    assert fill(two, other) == 409 and two.get(f"{other}/acls").body[f"{MODULE}:acls"] == {}
    until(lambda: set(s.entries) == there, "only what was there")
    assert net.events("record-refused", section="RFC 8783 10", behalf="two/cuid-of-two")


# 8783-7.1-05: a gateway shows what it reads itself, and says no for who cannot do it.
def test_what_a_provider_cannot_filter_is_refused(net):
    s = net.stub("isp1")
    s.capabilities = json.dumps({f"{MODULE}:capabilities": {"forwarding-actions": ["accept"]}})
    net.gate(only=["isp1"])
    one, own = net.register("one")
    shown = one.get(f"{ROOT}/capabilities").body[f"{MODULE}:capabilities"]
    assert "drop" in json.dumps(shown["forwarding-actions"])
    got = put_acl(one, own, "x", "198.51.100.7/32")
    assert (got.status, got.error["error-tag"]) == (400, "invalid-value")
    assert one.get(f"{own}/acls/acl=x").status == 404 and not s.entries


# 8783-3.1-29: each side has its own addresses; rule M15
def test_between_the_sides_of_a_nat_addresses_are_translated(net):
    net.provide("isp1")
    net.gate(only=["isp1"], nat="\n    nat-map: [{inside: 10.0.0.0/24, outside: 198.51.100.0/24}]",
             clients={"one": CLIENTS["one"].replace("[198.", "[10.0.0.0/24, 198.")})
    one, own = net.register("one")
    assert put_alias(one, own, "a", "10.0.0.7/32").status == 201
    assert put_acl(one, own, "x", "10.0.0.8/32").status == 201
    aliases, acls = net.there("isp1")
    assert [a["target-prefix"] for a in aliases.values()] == [["198.51.100.7/32"]]
    assert [networks(a) for a in acls] == [["198.51.100.8/32"]]
    seen = one.get(own).body[f"{MODULE}:dots-client"][0]
    assert seen["aliases"]["alias"][0]["target-prefix"] == ["10.0.0.7/32"]
    assert networks(seen["acls"]["acl"][0]) == ["10.0.0.8/32"]


# What is withdrawn here is gone upstream.
def test_what_is_withdrawn_is_gone_upstream(net):
    for name in PROVIDERS:
        net.provide(name)
    net.gate()
    one, own = net.register("one")
    two, other = net.register("two")
    for w, o in ((one, own), (two, other)):
        assert put_alias(w, o, "a", "198.51.100.7/32").status == 201
        assert put_alias(w, o, "b", "192.0.2.7/32").status == 201
        assert put_acl(w, o, "x", "198.51.100.7/32").status == 201
    assert one.delete(f"{own}/aliases/alias=b").status == 204
    until(lambda: len(net.there("isp2")[0]) == 1, "b of one gone")
    assert one.delete(own).status == 204
    until(lambda: [len(part) for part in net.there("isp1")] == [1, 1], "all of one gone")
    net.reload(clients={"one": CLIENTS["one"]})
    until(lambda: [len(part) for name in PROVIDERS for part in net.there(name)] == [0] * 4, "all of two gone")
    assert net.client("aliases")[1]["aliases"] == []


# Nobody to pass it on to: as at any server.
def test_without_data_channels_of_providers_nothing_is_passed_on(net):
    net.client = Daemon(net.folder, "gw", "\n".join(
        line for line in net.text(only=["isp1"]).splitlines() if not line.startswith("    data-channel"))).start()
    one, own = net.register("one")
    assert put_alias(one, own, "a", "203.0.113.1/32").status == 201
    assert put_acl(one, own, "x", "203.0.113.1/32").status == 201


def test_after_a_restart_it_is_known_and_not_written_again(net):
    s = net.stub("isp1")
    net.gate(only=["isp1"])
    one, own = net.register("one")
    two, other = net.register("two")
    assert put_alias(one, own, "a", "198.51.100.7/32").status == 201
    assert put_acl(two, other, "x", "198.51.100.8/32").status == 201
    assert net.client.stop() == 0
    writes = len(s.did("PUT"))
    net.client.start()
    until(lambda: [a["state"] for c in ("aliases", "acls") for a in net.client(c)[1][c]] == ["placed"] * 2, "both")
    assert len(s.did("PUT")) == writes and not s.did("DELETE")
    assert net.client.stop() == 0
    net.client.path.write_text(net.text(only=["isp1"], clients={"one": CLIENTS["one"]}))
    net.client.start()
    until(lambda: {n.rpartition(".")[0] for _, n in s.entries} == {"a"}, "what two had gone")


def digest(folder, name):
    key = subprocess.run(["openssl", "pkey", "-in", f"{name}.key", "-pubout", "-outform", "DER"], cwd=folder,
                         capture_output=True, check=True).stdout
    return base64.urlsafe_b64encode(hashlib.sha256(key).digest()[:16]).decode().rstrip("=")


# 8783-10-12, 8783-3.3-01, 8783-5.1-13, -14, -15, -16, -21, -42
def test_each_client_has_a_registration_of_its_own_that_says_whose_it_is(net):
    cdids = {n: digest(net.folder, n) for n in CLIENTS}
    net.provide("isp1", clients="  gate: {certificates: [acme.example], gateway: yes}\n" + "".join(
        f"  {n}: {{cdids: [{c}], prefixes: [198.51.100.0/24]}}\n" for n, c in cdids.items()))
    apart = "aggregate: no\nserver-domain: yes\n"
    net.gate(only=["isp1"], more=apart)
    one, own = net.register("one", cdid="AAAAAAAAAAAAAAAAAAAAAA")
    two, other = net.register("two")
    assert put_alias(one, own, "a", "198.51.100.7/32").status == 201
    assert put_alias(two, other, "a", "198.51.100.8/32").status == 201

    cuids = {s["behalf"]: s["cuid"] for s in net.client("sessions")[1]["upstream"] if s.get("behalf")}
    for n in CLIENTS:
        got = net.web("isp1").get(f"{ROOT}/dots-client={cuids[n]}").body[f"{MODULE}:dots-client"][0]
        assert got["cdid"] == cdids[n] and len(got["aliases"]["alias"]) == 1
    assert "cdid" not in one.get(own).text and "cdid" not in one.get(ROOT).text
    again = one.put(own, {f"{MODULE}:dots-client": [{"cuid": "cuid-of-one", "cdid": "BBBBBBBBBBBBBBBBBBBBBB"}]})
    assert again.status == 204 and "cdid" not in again.text
    # Whose entry is taken away has nothing there any more, not even a registration.
    net.reload(only=["isp1"], more=apart, clients={"two": CLIENTS["two"]})
    gone = f"{ROOT}/dots-client={cuids['one']}"
    until(lambda: net.web("isp1").get(gone).status == 404, "the registration gone")
    assert net.web("isp1").get(f"{ROOT}/dots-client={cuids['two']}").status == 200


# 8783-5.2-01
def test_a_registration_of_who_is_gone_is_deleted_after_a_restart(net):
    s = net.stub("isp1")
    net.gate(only=["isp1"], more="aggregate: no\n")
    one, own = net.register("one")
    assert put_alias(one, own, "a", "198.51.100.7/32").status == 201
    gone = s.cuid
    assert net.client.stop() == 0
    net.client.path.write_text(net.text(only=["isp1"], more="aggregate: no\n", clients={"two": CLIENTS["two"]}))
    net.client.start()
    until(lambda: net.events("record-deleted", kind="dots-client"), "its registration deleted")
    assert [p.rpartition("=")[2] for p in s.did("DELETE")] == [gone] and s.cuid is None
    # And not once more.
    assert net.client.stop() == 0
    looks = len(s.asked)
    net.client.start()
    until(lambda: len(s.asked) > looks + 1, "a look")
    assert len(s.did("DELETE")) == 1


# 8783-5.1-23
def test_what_a_gateway_in_front_calls_them_goes_on(net):
    s = net.stub("isp1")
    cdid = "7eeaf349529eb55ed50113"
    net.gate(only=["isp1"], more="aggregate: no\nserver-domain: yes\n", clients={
        "one": "  one: {certificates: [one.example], gateway: yes}\n",
        "two": f"  two: {{cdids: [{cdid}], prefixes: [198.51.100.0/24]}}\n"})
    one, own = net.register("one", cdid=cdid)
    assert put_alias(one, own, "a", "198.51.100.7/32").status == 201
    assert [b for m, _, b in s.asked if m == "POST"] == [
        {f"{MODULE}:dots-client": [{"cuid": s.cuid, "cdid": cdid}]}]
    assert s.did("PUT") and "cdid" not in json.dumps([b for m, _, b in s.asked if m == "PUT"])  # 8783-5.1-17


def test_what_is_for_here_alone_stays_here(net):
    s = net.stub("isp1")
    net.gate(only=["isp1"], mitigators="dry-run: {}, escalate: {}", clients={
        "one": CLIENTS["one"], "two": CLIENTS["two"].replace("{certificates", "{escalate: no, certificates")})
    two, other = net.register("two")
    assert put_alias(two, other, "far", "203.0.113.1/32").status == 201
    assert put_alias(two, other, "b", "198.51.100.8/32").status == 201
    one, own = net.register("one")
    assert put_alias(one, own, "a", "198.51.100.7/32").status == 201
    assert {n.rpartition(".")[0] for _, n in s.entries} == {"a"}


# An ACL for who takes none.
@pytest.mark.parametrize("mitigators, status", [("escalate: {}", 400), ("dry-run: {}, escalate: {}", 201)])
def test_a_filter_that_no_provider_takes_has_to_have_an_effect_here(net, mitigators, status):
    net.stub("isp1")
    text = net.text(mitigators=mitigators)
    first, mark, second = text.partition("  isp2:")
    second = "\n".join(line for line in second.split("\n") if not line.startswith("    data-channel"))
    net.client = Daemon(net.folder, "gw", first + mark + second).start()
    one, own = net.register("one")
    got = put_acl(one, own, "x", "192.0.2.7/32")
    assert got.status == status and "isp" not in got.text
    assert put_acl(one, own, "y", "198.51.100.7/32").status == 201
    assert put_alias(one, own, "a", "192.0.2.7/32").status == 201


# 8783-5.1-15: the option, and what stood there before.
def test_registrations_follow_how_clients_are_told_apart(net):
    s = net.stub("isp1")
    net.gate(only=["isp1"])
    one, own = net.register("one")
    assert put_alias(one, own, "a", "198.51.100.7/32").status == 201
    shared = s.cuid
    assert [b for m, p, b in s.asked if m == "POST"] == [{f"{MODULE}:dots-client": [{"cuid": shared}]}]
    net.reload(only=["isp1"], more="aggregate: no\n")
    until(lambda: len(s.did("POST")) >= 2, "another registration")
    assert "cdid" not in json.dumps([b for m, _, b in s.asked if m == "POST"]) and s.cuid != shared


# --- our own cuid ----------------------------------------------------------------------------------


CUSTOMERS = """  customer: {certificates: [acme.example], prefixes: [198.51.100.0/24]}
  other: {certificates: [beta.example], prefixes: [192.0.2.0/24]}
"""


# 9132-4.4.1.1-16, -17, 8783-5.1-10
def test_a_cuid_that_is_given_up_leaves_nothing_behind(net):
    net.provide("isp1", clients=CUSTOMERS)
    World.ask(net, records([alias("a", "198.51.100.7/32")], [acl("x", "198.51.100.7/32")]), only=["isp1"], check=3600)
    net.in_step("isp1")
    old = net.cuid("isp1")
    assert net.web("isp1").get(f"{ROOT}/dots-client={old}").status == 200
    # Another client takes our cuid on the signal channel.
    t = Talker(net.ports["isp1"][0], "x509", *(net.folder / f for f in ("beta.crt", "beta.key", "ca.crt")))
    t.up()
    assert t.put(old, 1, ["192.0.2.1/32"]).code == "2.01"
    assert net.client("mitigate", "198.51.100.7/32")[0] in (0, 4)
    until(lambda: net.cuid("isp1") != old, "another cuid")
    until(lambda: net.there("isp1") and net.names() == (["a"], ["x"]), "everything under it")
    assert net.web("isp1").get(f"{ROOT}/dots-client={old}").status == 404
    gone = net.events("record-deleted", kind="dots-client")
    assert [(e["name"], e["code"]) for e in gone] == [(old, 204)]
    t.stop()
    # It is known after a restart, too.
    assert net.client.stop() == 0
    net.client.start()
    net.in_step("isp1", 3)
    assert len(net.events("record-deleted")) == 1


# 8783-5.1-09, -11, -36
def test_a_cuid_of_somebody_else_is_given_up_at_registration(net):
    net.provide("isp1", clients=CUSTOMERS)
    taken = digest(net.folder, "acme")
    w = Web(net.folder, net.ports["isp1"][1], "beta")
    assert w.post(ROOT, {f"{MODULE}:dots-client": [{"cuid": taken}]}).status == 201
    World.ask(net, records([alias("a", "198.51.100.7/32")]), only=["isp1"])
    net.in_step("isp1")
    assert net.cuid("isp1") != taken and net.names() == (["a"], [])
    assert w.get(f"{ROOT}/dots-client={taken}").status == 200
    assert net.events("alert", section="RFC 8783 5.1", domain="isp1")
    assert net.client("mitigate", "198.51.100.7/32")[0] == 0


# 8783-5.1-09: something stands under it.
def test_a_cuid_under_which_something_is_protected_stays(net):
    net.provide("isp1", clients=CUSTOMERS)
    provider = net.daemons["isp1"]
    assert provider.stop() == 0
    provider.path.write_text("".join(x for x in provider.path.read_text().splitlines(True) if "data-channel" not in x))
    provider.start()
    World.ask(net, records([alias("a", "198.51.100.7/32")]), only=["isp1"])
    assert net.client("mitigate", "198.51.100.7/32")[0] == 0
    cuid = net.cuid("isp1")
    s = net.stub("isp1")
    s.answers += [("POST", "", 409)] * 2
    assert net.client("reload")[0] == 0
    until(lambda: net.events("data-pending", reason="RFC 8783 5.1: the server says 409 resource-denied: because"),
          "the refusal")
    assert net.cuid("isp1") == cuid and len(net.events("alert", section="RFC 8783 5.1")) == 1
    # Once nothing does any more, it is another one.
    assert net.client("withdraw", net.client("list")[1]["wishes"][0]["id"])[0] == 0
    until(lambda: net.events("withdrawn"), "the withdrawal")
    assert net.client("reload")[0] == 0
    until(lambda: s.entries, "it there")
    assert s.cuid == net.cuid("isp1") != cuid


if __name__ == "__main__":
    tap.run(__file__)
