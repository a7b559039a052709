#!/usr/bin/python3
"""The tables of the data channel against the published modules, which are no part of this project: every
node of them is in the tables, and what is accepted and shown is valid for yanglint (Debian's
libyang2-tools), after the corrections without which the RFC's own examples are not (doc/architecture.md).

Also the requests of tests/vectors/rfc8783.json whose answers the modules decide. There, "by" says what
decides: wire (paths, queries, bodies, modules), core (whose addresses, conflicts, lifetimes), role (HTTP,
gateways). "after" are requests to send before, "needs" what else has to be set up; "<positive>", "<text>"
and "<any>" stand for values. Bodies are application/yang-data+json where "headers" says nothing else."""
import json
import os
import pathlib
import re
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
import tap  # noqa: E402

MODULES, DATASTORE = pathlib.Path(os.environ["YANG_MODULES"]), os.environ["DATASTORE"]
VECTORS = {v["id"]: v for v in json.loads(pathlib.Path(os.environ["VECTORS"]).read_text(encoding="utf-8"))}
MODULE = "ietf-dots-data-channel"
CLIENT = f"/restconf/data/{MODULE}:dots-data/dots-client=c"
NETWORK = {4: ("ipv4", "198.51.100.0/24"), 6: ("ipv6", "2001:db8::/32")}


@pytest.fixture(name="modules", scope="session")
def corrected_modules(tmp_path_factory):
    """A copy in which an ACL's type counts as derived from itself, and in which what is mandatory below
    `fragment` and `flags-bitmask` is so only where these stand."""
    assert MODULES.is_dir(), f"the published modules are expected in {MODULES}"
    copy = tmp_path_factory.mktemp("modules")
    for f in MODULES.glob("*.yang"):
        text = f.read_text(encoding="utf-8")
        if f.name.startswith(MODULE):
            text, n = re.subn(r"derived-from\(", "derived-from-or-self(", text)
            text, m = re.subn(r"container (fragment|flags-bitmask) \{", r'\g<0> presence "is matched";', text)
            assert (n, m) == (2, 3)
        (copy / f.name).write_text(text, encoding="utf-8")
    return copy


def yanglint(modules, *args, files=()):
    main, = modules.glob(f"{MODULE}@*.yang")
    return subprocess.run(["yanglint", "-p", modules, "-F", "ietf-access-control-list:*", *args, main, *files],
                          capture_output=True, text=True, timeout=120, check=False)


def lint(modules, tmp_path, body, kind="config"):
    file = tmp_path / "body.json"
    file.write_text(json.dumps(body), encoding="utf-8")
    r = yanglint(modules, "-t", kind, files=[file])
    assert r.returncode == 0 and not r.stderr, r.stderr + json.dumps(body, indent=1)


def serve(*requests):
    r = subprocess.run([DATASTORE], input=json.dumps(requests), capture_output=True, text=True, timeout=120, check=False)
    assert r.returncode == 0, r.stderr
    return json.loads(r.stdout)


def tree_of(text):
    """What `yanglint -f tree` prints, without choices and cases: {path: (kind, access, mandatory)}."""
    nodes, above = {}, []
    for line in text.splitlines():
        m = re.match(r"([ |]*)\+--(rw|ro|:)\s*(\(?)([\w-]+)(\)?)([?*!]?)(?: +(\S.*))?", line)
        if not m:
            continue
        indent, access, bracket, name, _, mark, rest = m.groups()
        above = [a for a in above if a[0] < len(indent)]
        if not bracket:
            kind = "leaf" if rest else "container"
            if mark == "*":
                kind = "list" if (rest or "").startswith("[") else "leaf-list"
            path = "".join("/" + a[1] for a in above if a[1]) + "/" + name
            nodes[path] = (kind, access, kind == "leaf" and not mark)
        above.append((len(indent), "" if bracket else name))
    return nodes


def test_the_tables_have_every_node_of_the_module(modules):
    """8783-4.1-01, 8783-4.2-01, 8783-4.3-31"""
    published = tree_of(yanglint(modules, "-f", "tree").stdout)
    keys = {p for p in published if re.search(r"/(cuid|name|lower-port)$", p) and "operator" not in p}
    ours = {}
    for line in subprocess.check_output([DATASTORE, "--tree"], text=True).splitlines():
        path, kind, access, mandatory = line.split()
        if path.startswith("/dots-data"):
            ours[path] = (kind, access, path in keys or (kind == "leaf" and mandatory == "1"))
    assert len(published) > 140
    assert ours == published


def ace(name, matches=None, **actions):
    return {"name": name, **({"matches": matches} if matches else {}),
            "actions": {"forwarding": "drop", **{k.replace("_", "-"): v for k, v in actions.items()}}}


def acl(name, *aces, **leafs):
    return {"name": name, **{k.replace("_", "-"): v for k, v in leafs.items()}, "aces": {"ace": list(aces)}}


EVERYTHING = {
    "aliases": {"alias": [
        {"name": "it's \"quoted\" / strange, =[1]", "target-fqdn": ["WWW.Example.Com", "a_b.example."]},
        {"name": "uri", "target-uri": ["https://[2001:db8::1]:8443/a%20b?c=d#e"], "target-protocol": [0, 255]},
        {"name": "ports", "target-prefix": ["198.51.100.77/28", "2001:DB8:0:0:1::9/64", "::/0"],
         "target-port-range": [{"lower-port": 0, "upper-port": 0}, {"lower-port": 1, "upper-port": 65535}, {"lower-port": 7}]}]},
    "acls": {"acl": [
        acl("v4", ace("all", {"ipv4": {"dscp": 63, "ecn": 3, "length": 65535, "ttl": 255, "protocol": 6, "ihl": 5,
                                       "flags": "more  reserved", "offset": 20, "identification": 0,
                                       "destination-ipv4-network": "198.51.100.9/24", "source-ipv4-network": "0.0.0.0/0"},
                              "tcp": {"sequence-number": 4294967295, "acknowledgement-number": 0, "data-offset": 15,
                                      "reserved": 0, "flags": "fin cwr syn", "window-size": 1, "urgent-pointer": 2,
                                      "options": "AgQFtA==", "source-port-range-or-operator": {"port": 80},
                                      "destination-port-range-or-operator": {"lower-port": 1, "upper-port": 2}}}),
            ace("fragments", {"ipv4": {"fragment": {"operator": "any not", "type": "lf df"}}}), type="ipv4-acl-type"),
        acl("v6", ace("f", {"ipv6": {"fragment": {"type": "isf"}, "flow-label": 1048575, "ttl": 1,
                                     "source-ipv6-network": "2001:DB8::1/64"}, "icmp": {"type": 1, "code": 0, "rest-of-header": ""}}),
            type="ietf-access-control-list:ipv6-acl-type", activation_type="deactivate"),
        acl("none", ace("flags", {"tcp": {"flags-bitmask": {"bitmask": 4095, "operator": "not any"}}}),
            ace("rate", {"udp": {"length": 8, "destination-port-range-or-operator": {"operator": "neq", "port": 53}}},
                forwarding="accept", rate_limit="0020.5"), ace("everything"), activation_type="immediate"),
        acl("mixed", ace("a", {"ipv4": {"ttl": 1}}), ace("b", {"ipv6": {"ttl": 1}}), type="mixed-eth-ipv4-ipv6-acl-type")]},
}


def put(what):
    return {"method": "PUT", "path": CLIENT, "body": {f"{MODULE}:dots-client": [{"cuid": "c", **what}]}}


def get(path, query=""):
    return {"method": "GET", "path": path + query}


@pytest.mark.parametrize("query", ["", "?content=config", "?with-defaults=trim", "?with-defaults=report-all",
                                   "?depth=4", "?fields=dots-client/acls/acl/activation-type"])
def test_what_is_shown_is_valid(modules, tmp_path, query):
    """8783-3.1-11, 8783-4.3-23, 8040-5.2-10"""
    done, shown = serve(put(EVERYTHING), get(f"/restconf/data/{MODULE}:dots-data", query))
    assert done["status"] == 201, done
    assert shown["status"] == 200, shown
    # A view in part lacks what is mandatory.
    lint(modules, tmp_path, shown["body"], "get" if "depth" in query or "fields" in query else "config")


def test_what_is_shown_is_normal(modules, tmp_path):
    """8783-4.3-06, 8783-4.3-20, 8783-4.3-28"""
    _, first, again, second = serve(put(EVERYTHING), get(CLIENT), {"method": "GET", "path": CLIENT}, get(CLIENT))
    assert first == again == second
    client, = first["body"][f"{MODULE}:dots-data"]["dots-client"]
    replaced, third = serve(put({k: client[k] for k in ("aliases", "acls")}), get(CLIENT))
    assert replaced["status"] == 201 and third == first
    lint(modules, tmp_path, first["body"])
    v4 = client["acls"]["acl"][0]
    assert v4["type"] == "ietf-access-control-list:ipv4-acl-type"
    assert v4["aces"]["ace"][0]["matches"]["ipv4"]["flags"] == "reserved more"
    assert client["acls"]["acl"][2]["aces"]["ace"][1]["actions"]["rate-limit"] == "20.50"


BROKEN = {
    "type": acl("x", ace("a", {"ipv4": {"ttl": 1}}), type="ipv6-acl-type"),
    "no type for it": acl("x", ace("a", {"ipv4": {"ttl": 1}}), type="eth-acl-type"),
    "both families": acl("x", ace("a", {"ipv4": {"ttl": 1}, "ipv6": {"ttl": 1}})),
    "two transports": acl("x", ace("a", {"tcp": {"reserved": 1}, "udp": {"length": 1}})),
    "no fragment type": acl("x", ace("a", {"ipv4": {"fragment": {"operator": "not"}}}), type="ipv4-acl-type"),
    "no bitmask": acl("x", ace("a", {"tcp": {"flags-bitmask": {"operator": "not"}}})),
    "half a range": acl("x", ace("a", {"udp": {"source-port-range-or-operator": {"lower-port": 5}}})),
    "range and operator": acl("x", ace("a", {"udp": {"source-port-range-or-operator": {
        "lower-port": 5, "upper-port": 6, "port": 7}}})),
    "range backwards": acl("x", ace("a", {"udp": {"source-port-range-or-operator": {"lower-port": 6, "upper-port": 5}}})),
    "rate of a drop": acl("x", ace("a", rate_limit="1.00")),
    "rate of three digits": acl("x", ace("a", forwarding="accept", rate_limit="1.001")),
    "rate as a number": acl("x", ace("a", forwarding="accept", rate_limit=1.5)),
    "two aces": acl("x", ace("a"), ace("a")),
    "no name": acl("", ace("a")),
    "long name": acl("x" * 65, ace("a")),
    "bit twice": acl("x", ace("a", {"tcp": {"flags": "syn syn"}})),
    "options too long": acl("x", ace("a", {"tcp": {"options": "A" * 56}})),
    "ihl": acl("x", ace("a", {"ipv4": {"ihl": 4}}), type="ipv4-acl-type"),
    "other family": acl("x", ace("a", {"ipv4": {"source-ipv4-network": "2001:db8::/32"}}), type="ipv4-acl-type"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_the_modules_refuse_is_refused(modules, tmp_path, what):
    """8783-4.3-08, 8783-4.3-14, 8783-4.3-18, 8783-4.3-21, 8783-4.3-24, 8783-4.3-25: the modules and the
    tables agree on what is wrong."""
    bad = BROKEN[what]
    done, = serve(put({"acls": {"acl": [bad]}}))
    assert done["status"] == 400, done
    text = json.dumps({f"{MODULE}:dots-data": {"dots-client": [{"cuid": "c", "acls": {"acl": [bad]}}]}})
    # yanglint knows identities by their module only (RFC 7951 6.8).
    text = re.sub(r'"((?:ipv[46]|eth)-acl-type|drop|accept)"', r'"ietf-access-control-list:\1"', text)
    (tmp_path / "body.json").write_text(text, encoding="utf-8")
    assert yanglint(modules, "-t", "config", files=[tmp_path / "body.json"]).returncode != 0


def matches(expected, found):
    if expected == "<any>":
        return True
    if isinstance(expected, dict):
        return isinstance(found, dict) and all(k in found and matches(v, found[k]) for k, v in expected.items())
    if isinstance(expected, list):
        return len(expected) == len(found) and all(map(matches, expected, found))
    return found in (expected, f"ietf-access-control-list:{expected}")


def steps_to(vector):
    steps = []
    for v in vector.get("after", []):
        steps += [s for s in steps_to(VECTORS[v]) if s not in steps]
    return steps + [vector]


def decided(by):
    return sorted(i for i, v in VECTORS.items() if v["by"] == by)


@pytest.mark.parametrize("vector", decided("wire"))
def test_the_vectors_have_their_answers(modules, tmp_path, vector):
    """8783-5.1-12, 8783-5.1-30, 8783-5.1-33, 8783-5.1-34, 8783-5.1-35, 8783-5.1-38, 8783-5.1-39, 8783-5.2-01,
    8783-5.2-02, 8783-6.1-04 to -06, 8783-6.1-21, 8783-6.1-24, 8783-6.1-27, 8783-6.1-28, 8783-6.2-05, 8783-6.3-01
    to -03, 8783-7.2-01, 8783-7.2-02, 8783-7.2-14, 8783-7.2-16 to -18, 8783-7.2-30, 8783-7.3-03, 8783-7.4-01,
    8783-7.4-02, 8783-A-04"""
    steps = steps_to(VECTORS[vector])
    answers = serve(*steps, get("/restconf/data"))
    for step, a in zip(steps, answers):
        assert a["status"] in step["status"], a
    a, step = answers[len(steps) - 1], steps[-1]
    if "tags" in step:
        error, = a["body"]["ietf-restconf:errors"]["error"]
        assert error["error-tag"] in step["tags"], a
        assert re.match(r"RFC \d{4} [\d.]+: [^:]+: ", error["error-message"]), a
    if "answer" in step or "contains" in step:
        assert matches(step.get("answer") or step["contains"], a["body"]), a
    if "location" in step and vector not in ("8783-F16", "8783-F17", "8783-F24", "8783-F34", "8783-F35"):
        assert a["location"].endswith(step["location"]), a
    left = answers[-1]["body"]["ietf-restconf:data"]
    if left:
        lint(modules, tmp_path, left)


def test_bodies_that_only_others_refuse_are_taken(modules, tmp_path):
    """What core decides is valid by the modules: whose addresses these are is not for them to say."""
    for vector in decided("core"):
        for a, step in zip(serve(*steps_to(VECTORS[vector])), steps_to(VECTORS[vector])):
            assert a["status"] in (200, 201), (step["id"], a)


if __name__ == "__main__":
    tap.run(__file__)
