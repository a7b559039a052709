"""Aliases and filters: how they are written, and what is read of them."""
import json
import pathlib

import pytest

from lab import decoding, records
from lab.model import Lab
from lab.observe import Journal
from lab.parse import LabError, statement
from lab.steps import Steps

LAB = """lab X
ns cpe role=router
ns t1 role=host
ns s1 role=host
link cpe:wan 192.0.2.2/30,2001:db8:1::2/64 s1:eth0 192.0.2.1/30,2001:db8:1::1/64
link cpe:lan 192.0.2.65/26,2001:db8:1a::1/64 t1:eth0 192.0.2.66/26,2001:db8:1a::66/64
pvd 1 prefixes=192.0.2.64/26,2001:db8:1a::/48 suffix=isp1.example server=s.isp1.example ca=CA1 at=cpe:wan
dots s1 kind=server name=s.isp1.example ca=CA1 owns=192.0.2.64/26 data=443
dots cpe kind=client pvds=1
"""


@pytest.fixture(name="lab")
def make_lab(tmp_path):
    (tmp_path / "X.lab").write_text(LAB)
    return Lab(tmp_path / "X.lab")


def said(line):
    return statement(f"step s2 {line}", "f", 1)


def test_an_alias_in_words(lab):
    st = said("alias cpe name=web target=PA1.t1 fqdn=www.example port=80,8000-8080 protocol=6,17")
    assert records.alias(lab, st, "web") == {
        "name": "web", "target-prefix": ["192.0.2.66/32", "2001:db8:1a::66/128"], "target-fqdn": ["www.example"],
        "target-port-range": [{"lower-port": 80}, {"lower-port": 8000, "upper-port": 8080}],
        "target-protocol": [6, 17]}
    assert records.alias(lab, said("alias cpe name=n fqdn=www.example"), "n") == {
        "name": "n", "target-fqdn": ["www.example"]}


def test_entries_of_an_acl_come_one_behind_the_other(lab):
    first = said("filter cpe name=f ace=ok forward=accept rate=1000 source=198.51.100.0/24 target=192.0.2.66/32 "
                 "activation=immediate")
    then = said("filter cpe name=f ace=no target=192.0.2.66/32 protocol=17 port=1-9 source-port=123")
    got = records.acl(lab, then, "f", records.acl(lab, first, "f"))
    assert (got["name"], got["activation-type"]) == ("f", "immediate")
    assert got["aces"]["ace"] == [
        {"name": "ok", "actions": {"forwarding": "accept", "rate-limit": "1000.00"}, "matches": {"ipv4": {
            "destination-ipv4-network": "192.0.2.66/32", "source-ipv4-network": "198.51.100.0/24"}}},
        {"name": "no", "actions": {"forwarding": "drop"}, "matches": {
            "ipv4": {"destination-ipv4-network": "192.0.2.66/32"},
            "udp": {"destination-port-range-or-operator": {"lower-port": 1, "upper-port": 9},
                    "source-port-range-or-operator": {"operator": "eq", "port": 123}}}}]


def test_each_pair_of_one_family_is_an_entry(lab):
    st = said("filter cpe name=f target=PA1.t1,192.0.2.67/32 source=198.51.100.1/32,2001:db8:9::/64")
    assert [(a["name"], *a["matches"]) for a in records.aces(lab, st)] == [
        ("r-1", "ipv4"), ("r-2", "ipv4"), ("r-3", "ipv6")]


@pytest.mark.parametrize("words, matches", [
    ("protocol=6 port=80", {"tcp": {"destination-port-range-or-operator": {"operator": "eq", "port": 80}}}),
    ("source=198.51.100.1/32 protocol=1", {"ipv4": {"source-ipv4-network": "198.51.100.1/32", "protocol": 1}}),
    ("forward=drop", {})])
def test_what_has_no_destination(lab, words, matches):
    assert [a["matches"] for a in records.aces(lab, said(f"filter cpe name=f {words}"))] == [matches]


@pytest.mark.parametrize("words, why", [("port=80", "protocol=6 or 17"), ("protocol=1 port=80", "protocol=6 or 17"),
                                        ("protocol=1", "needs a target or source")])
def test_what_cannot_be_matched(lab, words, why):
    with pytest.raises(LabError, match=why):
        records.aces(lab, said(f"filter cpe name=f {words}"))


@pytest.mark.parametrize("line, why", [
    ("alias cpe target=PA1.t1", "no name="), ("filter t1 name=f", "no agent t1"),
    ("filter cpe name=f activation=later", "activation=later"), ("filter cpe name=f forward=back", "forward=back"),
    ("alias cpe name=a by=hand", "by=hand"), ("control cpe id=a", "no acl="),
    ("control cpe acl=f:later", "acl=f:later"), ("alarm cpe target=PA1.t1 acl=f:later", "acl=f:later"), ("filter cpe name=f source=PA9.t1", "PA9.t1"), ("alias cpe name=a forward=drop", "no attribute 'forward'"),
    ("restconf t1 get aliases server=s1", "no as="), ("restconf t1 get aliases as=t1 server=s1", "as=t1"),
    ("restconf t1 get aliases as=cpe server=cpe", "no agent with data="),
    ("restconf t1 get nothing as=cpe server=s1", "nothing: registration"),
    ("restconf t1 post aliases as=cpe server=s1", "post: get, put or delete"),
    ("restconf t9 get aliases as=cpe server=s1", "no namespace t9"),
    ("decode s1", "no holds="), ("decode s9 holds=x", "no namespace s9"),
    ("start\nmust s2 at=cpe translated from=cpe", "translated from= to= port= src-in=")])
def test_refused_before_anything_runs(tmp_path, line, why):
    (tmp_path / "X.lab").write_text(f"{LAB}step s2 {line}\n")
    with pytest.raises(LabError, match=why):
        Lab(tmp_path / "X.lab")


@pytest.mark.parametrize("line", ["dots t1 kind=client pvds=1 data=443", "dots t1 kind=server data=https"])
def test_who_has_a_data_channel(tmp_path, line):
    (tmp_path / "X.lab").write_text(LAB + line + "\n")
    with pytest.raises(LabError, match="data=PORT"):
        Lab(tmp_path / "X.lab")


def test_the_file_of_an_agent():
    got = json.loads(records.file_of({"alias": {"b": {"name": "b"}, "a": {"name": "a"}}}))
    assert got == {"ietf-dots-data-channel:aliases": {"alias": [{"name": "b"}, {"name": "a"}]},
                   "ietf-dots-data-channel:acls": {"acl": []}}


@pytest.mark.parametrize("path, below", [
    ("registration", ""), ("acls", "/acls"), ("aliases/a%20b", "/aliases/alias=a%20b"), ("acls/f", "/acls/acl=f")])
def test_paths(path, below):
    assert records.path_of(None, path, "c") == "/restconf/data/ietf-dots-data-channel:dots-data/dots-client=c" + below
    assert records.path_of(None, "/restconf", "c") == "/restconf"


def test_bodies_of_requests(lab):
    st = said("restconf t1 put x as=cpe server=s1 target=192.0.2.66/32")
    entry = {"name": "x", "target-prefix": ["192.0.2.66/32"]}
    assert records.body_of(lab, st, "put", "aliases/x", "c") == {"ietf-dots-data-channel:alias": [entry]}
    assert "aces" in records.body_of(lab, st, "put", "acls/x", "c")["ietf-dots-data-channel:acl"][0]
    assert records.body_of(lab, st, "put", "registration", "c") == {"ietf-dots-data-channel:dots-client": [{"cuid": "c"}]}
    assert records.body_of(lab, st, "get", "aliases/x", "c") is None
    with pytest.raises(LabError, match="put registration"):
        records.body_of(lab, st, "put", "aliases", "c")


def test_what_an_answer_shows():
    body = {"ietf-dots-data-channel:dots-client": [{
        "cuid": "c", "aliases": {"alias": [{"name": "a", "target-prefix": ["192.0.2.1/32", "2001:db8::1/128"]},
                                           {"name": "b", "target-fqdn": ["www.example"]}]},
        "acls": {"acl": [{"name": "f", "aces": {"ace": [{"name": "r", "matches": {
            "ipv4": {"destination-ipv4-network": "192.0.2.2/32", "source-ipv4-network": "192.0.2.3/32"}}}]}}]}}]}
    assert records.shown(json.dumps(body)) == {"aliases": "a,b", "acls": "f", "names": "www.example",
                                               "scope": "192.0.2.1/32,2001:db8::1/128,192.0.2.2/32"}
    for text in ("", "gone", '{"ietf-restconf:errors": {"error": [{"error-tag": "invalid-value"}]}}'):
        assert set(records.shown(text).values()) == {""}


class Files:
    """In the place of the agents: what they have, and what their operators say."""

    def __init__(self):
        self.entries, self.said = {}, []

    def dotsctl(self, name, *words):
        text = json.loads(pathlib.Path(words[-1]).read_text()) if words[1] == "set" else None
        self.said.append((name, *words[:3], text) if words[0] in ("alias", "acl") else (name, *words))
        return 4, {}

    def record(self, name, kind, entry):
        return self.entries.get((name, kind, entry))

    def put_record(self, name, kind, entry_name, entry):
        self.entries[name, kind, entry_name] = entry


def test_statements_add_and_take_away(lab, tmp_path):
    files = Files()
    steps = Steps(lab, None, None, None, files, Journal(), tmp_path)
    steps.do_alias(said("alias cpe name=a target=PA1.t1"), "cpe")
    for n in "12":
        steps.do_filter(said(f"filter cpe name=f ace={n} target=192.0.2.66/32"), "cpe")
    assert files.entries["cpe", "alias", "a"]["name"] == "a" and steps.dirty
    assert [a["name"] for a in files.entries["cpe", "acl", "f"]["aces"]["ace"]] == ["1", "2"]
    steps.do_alias(said("alias cpe name=a"), "cpe")
    steps.do_filter(said("filter cpe name=f"), "cpe")
    assert set(files.entries.values()) == {None} and not files.said


def test_an_operator_does_so_by_hand(lab, tmp_path):
    files, journal = Files(), Journal()
    steps = Steps(lab, None, None, None, files, journal, tmp_path)
    steps.do_alias(said("alias cpe name=a by=dotsctl fqdn=www.example"), "cpe")
    steps.do_filter(said("filter cpe name=f by=dotsctl"), "cpe")
    assert files.said[0][:4] == ("cpe", "alias", "set", "a")
    assert files.said[0][4]["ietf-dots-data-channel:aliases"] == {"alias": [{"name": "a", "target-fqdn": ["www.example"]}]}
    assert files.said[1] == ("cpe", "acl", "remove", "f", None)
    assert not files.entries and steps.dirty
    assert [(r.at, r.event, r.fields["exit"]) for r in journal.records] == [("cpe", "recorded", 4)] * 2


def test_keys_are_written_down_only_where_something_is_decoded(tmp_path, lab):
    assert decoding.environment(lab, tmp_path) is None
    (tmp_path / "Y.lab").write_text(LAB.replace("lab X", "lab Y") + "step s1 decode s1 holds=x\n")
    assert decoding.environment(Lab(tmp_path / "Y.lab"), tmp_path)["SSLKEYLOGFILE"] == str(tmp_path / "session-keys")


def test_filters_are_switched_by_signal(lab, tmp_path):
    files, journal = Files(), Journal()
    steps = Steps(lab, None, None, None, files, journal, tmp_path)
    steps.asks = [("cpe", "a", "w7"), ("cpe", "b", "w8")]
    steps.do_control(said("control cpe id=a acl=f:when-mitigating,g:deactivate,h"), "cpe")
    assert files.said == [("cpe", "filter", "w7", "f=activate-when-mitigating", "g=deactivate", "h")]
    assert [(r.event, r.fields["exit"]) for r in journal.records] == [("controlled", 4)] and steps.dirty
    steps.do_alarm(said("alarm cpe target=192.0.2.66/32 acl=f:immediate"), "cpe")
    assert files.said[1][-3:] == ("192.0.2.66/32", "--acl", "f=immediate")
