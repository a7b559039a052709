#!/usr/bin/python3
"""The data channel of a running dotsd (RFC 8783, RFC 8040), by curl over HTTPS with certificates that openssl
makes; and what it and the signal channel tell each other.

DOTSD, DOTSCTL and TALKER name the programs. Run as a program it prints TAP."""
import contextlib
import json
import pathlib
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import xml.etree.ElementTree

import pytest

from control_test import Daemon, free_port, until
from revoked_test import Pki
from talking import CONTENT_FORMAT, DOTS_CBOR, KEY, MAX_AGE, PUT, Talker, cbor

HERE = pathlib.Path(__file__).resolve()
sys.path.insert(0, str(HERE.parents[2]))
import tap  # noqa: E402

VECTORS = {v["id"]: v for v in json.loads((HERE.parents[2] / "vectors" / "rfc8783.json").read_text())}
MODULE = "ietf-dots-data-channel"
ROOT = "/restconf/data/" + MODULE + ":dots-data"
TYPE = "application/yang-data+json"
XRD = "{http://docs.oasis-open.org/ns/xri/xrd-1.0}"
CUID, OTHER_CUID = "dz6pHjaADkaFTbjr0JGBpw", "paL8p4Zqo4SLv64TLPXrxA"
SERVER = """instance: server
state: server-state
control: server.sock
events: server.json
listen: [{{address: 127.0.0.1, port: {port}}}]
data-channel: {{listen: [{{address: 127.0.0.1, port: {https}}}]{more}}}
credentials: {{certificate: server.crt, key: server.key, trust: ca.crt}}
clients:
  acme: {{certificates: [acme.example], psk: [{{identity: acme, file: a.psk}}],
          cdids: [7eeaf349529eb55ed50113], prefixes: [198.51.100.0/24, 2001:db8::/32]{acme}}}
  beta: {{certificates: [beta.example], prefixes: [192.0.2.0/24]}}
  gate: {{certificates: [gate.example], gateway: yes}}
mitigators: [{mitigators}]
mitigation: {{terminating: 0}}
"""


@pytest.fixture(scope="module")
def folder():
    path = pathlib.Path(tempfile.mkdtemp(prefix="dotsd-data-"))
    path.chmod(0o755)
    (path / "a.psk").write_text(KEY + "\n")
    pki = Pki(path)
    pki.certify("gate", "gate.example", "clientAuth")
    yield path
    shutil.rmtree(path)


class Answer:
    def __init__(self, text):
        head, _, self.text = text.partition("\r\n\r\n")
        while self.text.startswith("HTTP/"):  # after 100 Continue
            head, _, self.text = self.text.partition("\r\n\r\n")
        lines = head.split("\r\n")
        self.status = int(lines[0].split()[1])
        self.fields = {k.lower(): v for k, v in (line.split(": ", 1) for line in lines[1:])}

    @property
    def body(self):
        return json.loads(self.text) if self.text else None

    @property
    def error(self):
        return self.body["ietf-restconf:errors"]["error"][0]

    def __repr__(self):
        return f"{self.status} {self.fields} {self.text}"


class Web:
    """curl with a certificate."""
    def __init__(self, folder, port, who):
        self.folder, self.port, self.who = folder, port, who

    def __call__(self, method, path, body=None, fields=(), accept=TYPE, content_type=TYPE):
        args = ["curl", "-sS", "-i", "--max-time", "20", "--path-as-is", "-g", "--cacert", "ca.crt", "--resolve",
                f"dots.example:{self.port}:127.0.0.1", "-X", method]
        if self.who:
            args += ["--cert", f"{self.who}.crt", "--key", f"{self.who}.key"]
        if method == "HEAD":
            args.append("-I")
        args += ["-H", f"Accept: {accept}"] if accept else ["-H", "Accept:"]
        for name, value in fields:
            args += ["-H", f"{name}: {value}"]
        if body is not None:
            args += ["-H", f"Content-Type: {content_type}", "--data-binary",
                     body if isinstance(body, str) else json.dumps(body)]
        done = subprocess.run([*args, f"https://dots.example:{self.port}{path}"], cwd=self.folder, timeout=60,
                              capture_output=True)
        assert done.returncode == 0, done.stderr
        return Answer(done.stdout.decode())

    def get(self, path, **more):
        return self("GET", path, **more)

    def post(self, path, body, **more):
        return self("POST", path, body, **more)

    def put(self, path, body, **more):
        return self("PUT", path, body, **more)

    def delete(self, path, **more):
        return self("DELETE", path, **more)


@pytest.fixture
def serve(folder):
    daemons = []

    def start(more="", acme="", mitigators="dry-run: {}"):
        port, https = free_port(), free_port()
        text = SERVER.format(port=port, https=https, more=more, acme=acme, mitigators=mitigators)
        d = Daemon(folder, "server", text).start()
        d.port, d.https = port, https
        daemons.append(d)
        return d

    yield start
    for d in daemons:
        assert d.stop() in (0, None)
        shutil.rmtree(folder / "server-state", ignore_errors=True)
        (folder / "server.json").unlink(missing_ok=True)


@pytest.fixture
def web(folder):
    return lambda server, who="acme": Web(folder, server.https, who)


def own(cuid=CUID):
    return f"{ROOT}/dots-client={cuid}"


def register(w, cuid=CUID):
    assert w.post(ROOT, {f"{MODULE}:dots-client": [{"cuid": cuid}]}).status == 201


def alias(name="web", **more):
    return {"name": name, "target-prefix": ["198.51.100.7/32"], **more}


def post_alias(w, *aliases, cuid=CUID):
    return w.post(own(cuid), {f"{MODULE}:aliases": {"alias": list(aliases)}})


def ace(name="r", forwarding="drop", **matches):
    return {"name": name, "matches": matches or {"ipv4": {"destination-ipv4-network": "198.51.100.0/24"}},
            "actions": {"forwarding": forwarding}}


def post_acl(w, name, *aces, cuid=CUID, kind="ipv4-acl-type", **more):
    return w.post(own(cuid), {f"{MODULE}:acls": {"acl": [{"name": name, "type": kind,
                                                          "aces": {"ace": list(aces)}, **more}]}})


# --- the vectors of the RFC ------------------------------------------------------------------------


def identities(value):
    """Names of identities with and without their module are the same (RFC 7951 6.8)."""
    if isinstance(value, dict):
        return {k: identities(v) for k, v in value.items()}
    if isinstance(value, list):
        return [identities(v) for v in value]
    return value.removeprefix("ietf-access-control-list:") if isinstance(value, str) else value


def matches(want, got, subset):
    if want == "<positive>":
        return isinstance(got, int) and got > 0
    if isinstance(want, dict):
        return isinstance(got, dict) and all(k in got and matches(v, got[k], subset) for k, v in want.items()) \
            and (subset or want.keys() == got.keys())
    if isinstance(want, list) and isinstance(got, list) and subset and not any(isinstance(v, dict) for v in want):
        return all(v in got for v in want)
    if isinstance(want, list):
        return isinstance(got, list) and len(want) == len(got) and all(map(matches, want, got, [subset] * len(want)))
    return want == got


def say(w, vector, done):
    """A vector, after those that come before it."""
    for before in vector.get("after", []):
        if before not in done:
            assert say(w, VECTORS[before], done).status in (201, 204)
    done.add(vector["id"])
    fields = dict(vector.get("headers", {}))
    return w(vector["method"], vector["path"], body=vector.get("body"), accept=fields.pop("Accept", TYPE),
             content_type=fields.pop("Content-Type", TYPE), fields=fields.items())


# 8783-1-04, 8783-3.1-04, -05, -06, -10, 8783-4.2-15, 8783-4.3-17, -27, -30, 8783-5.1-32, -33, -34, 8783-6.1-04,
# 8783-6.2-01, -04, 8783-7.1-04, 8783-7.3-02, -03, 8040-4-02, 8040-4.4.1-04, 8040-4.5-05
# What a gateway does is shown where there is one.
@pytest.mark.parametrize("name", [k for k, v in VECTORS.items() if "gateway" not in v.get("needs", [])])
def test_vector(serve, web, name):
    vector = VECTORS[name]
    w = web(serve(), "gate" if "trusted-gateway" in vector.get("needs", []) else "acme")
    got = say(w, vector, set())
    assert got.status in vector["status"], got
    assert got.fields["cache-control"] == "no-cache"  # 8040-5.5-01, 8040-5.5-02
    if "tags" in vector:
        assert got.fields["content-type"] == TYPE and got.error["error-tag"] in vector["tags"], got
        assert got.error["error-message"].startswith("RFC "), got
    if "location" in vector:
        assert got.fields["location"].endswith(vector["location"]), got
    if "answer" in vector:
        assert matches(identities(vector["answer"]), identities(got.body), False), got
    if "contains" in vector:
        assert matches(identities(vector["contains"]), identities(got.body), True), got
    if got.status in (201, 204):
        assert not got.text, got


# --- who may be here -------------------------------------------------------------------------------


# 8040-2.5-01, -02, -03, 8040-12-03
def test_who_shows_no_certificate_is_told_so(serve, web):
    got = web(serve(), None).get(ROOT)
    assert got.status == 401 and got.error["error-tag"] == "access-denied"


# 8783-10-26, 8040-2.5-09, 8040-4.3-05, -06, 8040-4.4.1-08, 8040-4.5-08, 8040-4.6-06, 8040-4.7-03, 8783-6.2-02,
# 8040-4.3-03, -04, 8040-4.4.1-07, 8040-4.5-07, 8040-4.6-05, 8040-4.7-02, 8783-5.1-41
def test_another_clients_registration_does_not_exist(serve, web):
    server = serve()
    mine, theirs = web(server), web(server, "beta")
    register(mine)
    assert post_alias(mine, alias()).status == 201
    for path in (own(), own() + "/aliases", own() + "/aliases/alias=web"):
        got = theirs.get(path)
        assert (got.status, got.error["error-tag"]) == (404, "invalid-value")
    assert theirs.delete(own()).status == 404
    assert post_alias(theirs, alias("x")).status == 404
    for method in ("PUT", "PATCH"):
        got = theirs(method, own() + "/aliases/alias=web", {f"{MODULE}:alias": [alias()]})
        assert (got.status, got.error["error-tag"]) == (404, "invalid-value")
    got = theirs.post(ROOT, {f"{MODULE}:dots-client": [{"cuid": CUID}]})
    assert (got.status, got.error["error-tag"]) == (409, "resource-denied")  # 8783-5.1-36
    assert CUID not in theirs.get(ROOT).text and CUID not in theirs.get("/restconf/data").text
    assert mine.get(own()).status == 200


# 8783-3.3-04, 8783-5.1-28, 8783-5.1-18, -20, -24, -31, 8783-6.1-29, 8783-7.2-19
def test_a_cdid_counts_from_trusted_gateways_only(serve, web):
    server = serve()
    acme, beta, gate = web(server), web(server, "beta"), web(server, "gate")
    cdid = "7eeaf349529eb55ed50113"  # acme's
    assert beta.post(ROOT, {f"{MODULE}:dots-client": [{"cuid": "b", "cdid": cdid}]}).status == 201
    assert post_alias(beta, alias("b", **{"target-prefix": ["192.0.2.1/32"]}), cuid="b").status == 201
    assert post_alias(beta, alias("a"), cuid="b").status == 400  # it has not become acme
    assert gate.post(ROOT, {f"{MODULE}:dots-client": [{"cuid": "g"}]}).status == 201
    for got in (post_alias(gate, alias(), cuid="g"), post_acl(gate, "f", ace(), cuid="g")):
        assert (got.status, got.error["error-tag"]) == (403, "access-denied")
    got = gate.post(ROOT, {f"{MODULE}:dots-client": [{"cuid": "u", "cdid": "AAAAAAAAAAAAAAAAAAAAAA"}]})
    assert (got.status, got.error["error-tag"]) == (403, "access-denied")
    assert gate.post(ROOT, {f"{MODULE}:dots-client": [{"cuid": "r", "cdid": cdid}]}).status == 201
    assert post_alias(gate, alias(), cuid="r").status == 201
    assert acme.get(own("r") + "/aliases/alias=web").status == 200
    assert beta.get(own("r")).status == 404


# 8783-3.1-03: by TCP alone.
def test_the_port_of_the_data_channel_is_free_for_udp(serve):
    server = serve()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        with pytest.raises(OSError):
            s.bind(("127.0.0.1", server.port))  # the signal channel
        s.bind(("127.0.0.1", server.https))


# --- RESTCONF --------------------------------------------------------------------------------------


# 8040-3-01, 8040-3.1-02, -03, 8040-1.5-01, -02, 8040-3.3-01, -02, 8040-3.3.2-01, 8040-3.3.3-01, 8040-3.4-02,
# 8040-10-01, 8040-9.1.2-01
def test_the_api_tells_of_itself(serve, web):
    w = web(serve())
    got = w.get("/.well-known/host-meta", accept="application/xrd+xml")
    assert (got.status, got.fields["content-type"]) == (200, "application/xrd+xml")
    xrd = xml.etree.ElementTree.fromstring(got.text.encode())
    assert xrd.tag == XRD + "XRD" and [(x.tag, x.attrib) for x in xrd] == [
        (XRD + "Link", {"rel": "restconf", "href": "/restconf"})]
    assert w.get("/restconf/operations").body == {"ietf-restconf:operations": {}}
    assert list(w.get("/restconf/data").body) == ["ietf-restconf:data"]
    assert w.get("/restconf").body == {"ietf-restconf:restconf": {
        "data": {}, "operations": {}, "yang-library-version": "2016-06-21"}}
    assert w.get("/restconf/yang-library-version").body == {"ietf-restconf:yang-library-version": "2016-06-21"}
    modules = w.get("/restconf/data/ietf-yang-library:modules-state").body
    names = [m["name"] for m in modules["ietf-yang-library:modules-state"]["module"]]
    assert {"ietf-dots-data-channel", "ietf-access-control-list", "ietf-packet-fields"} <= set(names)
    state = w.get("/restconf/data/ietf-restconf-monitoring:restconf-state/capabilities").text
    assert "urn:ietf:params:restconf:capability:defaults:1.0?basic-mode=explicit" in state


# 8040-3.3.1-01, 8040-3.5.1-01, 8040-4.1-01, -02, 8040-4.2-01, 8040-5.5-06, 8040-7-05
def test_methods_of_a_resource(serve, web):
    w = web(serve())
    register(w)
    got = w("OPTIONS", own())
    assert got.status == 200 and "DELETE" in got.fields["allow"] and got.fields["accept-patch"] == TYPE
    head, get = w("HEAD", own()), w.get(own())
    assert head.status == 200 and not head.text
    assert [head.fields[k] for k in ("etag", "last-modified")] == [get.fields[k] for k in ("etag", "last-modified")]
    got = w("DELETE", "/restconf/data")
    assert got.status == 405 and "GET" in got.fields["allow"]
    got = w("BREW", own())
    assert (got.status, got.error["error-tag"]) == (501, "operation-not-supported")
    for method in ("PUT", "POST", "PATCH"):  # 8040-4.5-03, 8040-3.4-01
        got = w(method, "/restconf/data", {"ietf-restconf:data": {}})
        assert (got.status, got.error["error-tag"]) == (403, "access-denied")
    got = w("PUT", own() + "/aliases/alias=a")  # 8040-4.5-02
    assert (got.status, got.error["error-tag"]) == (400, "invalid-value")
    got = w.get(own(), accept=None)  # 8040-7.1-05
    assert got.status == 200 and got.fields["content-type"] == TYPE


# 8040-B-01, 8040-3.4.1-01, -06, -08, -11, 8040-3.5.2-01, -02, -04, 8040-5.5-04
def test_validators_change_with_configuration_only(serve, web):
    server = serve()
    w = web(server)
    register(w)
    assert post_alias(w, alias("a"), alias("b")).status == 201

    def tags():
        return [w.get(p).fields["etag"] for p in
                ("/restconf/data", own(), own() + "/aliases", own() + "/aliases/alias=a",
                 own() + "/aliases/alias=b", own() + "/acls")]

    before = tags()
    assert tags() == before
    beta = web(server, "beta")  # 8040-12-04: what others do is not told
    register(beta, "beta")
    assert post_alias(beta, alias(**{"target-prefix": ["192.0.2.1/32"]}), cuid="beta").status == 201
    assert tags() == before
    assert w.put(own() + "/aliases/alias=a", {f"{MODULE}:alias": [alias("a", **{"target-protocol": [6]})]}).status == 204
    after = tags()
    assert [x != y for x, y in zip(before, after)] == [True, True, True, True, False, False]
    got = w.get(own() + "/aliases/alias=b", fields=[("If-None-Match", after[4])])
    assert got.status == 304 and not got.text
    assert w.get(own() + "/aliases/alias=a", fields=[("If-None-Match", before[3])]).status == 200


# 8040-4.3-08
def test_a_list_has_no_validators(serve, web):
    w = web(serve())
    register(w)
    assert post_alias(w, alias("a"), alias("b")).status == 201
    for path in (own() + "/aliases/alias", ROOT + "/dots-client"):
        got = w.get(path)
        assert got.status == 200 and not {"etag", "last-modified"} & set(got.fields), got
        for tag in ('"0"', '""', w.get(own() + "/aliases").fields["etag"]):
            assert w.get(path, fields=[("If-None-Match", tag)]).status == 200
        assert w.get(path, fields=[("If-None-Match", "*")]).status == 304
    assert w.get(own("nobody") + "/aliases/alias").status == 404


# 8040-4.6.1-01, 8040-5.2-05, -07, 8040-5.4-01, 8040-7.1-01, -04
def test_bodies_say_what_they_are(serve, web):
    w = web(serve())
    register(w)
    assert post_alias(w, alias("a")).status == 201
    path, body = own() + "/aliases/alias=a", {f"{MODULE}:alias": [alias("a")]}
    for method in ("PUT", "PATCH", "POST"):
        for kind in ("", "text/plain", "application/yang-data+xml"):
            got = w(method, path, body, content_type=kind, accept=None)
            assert (got.status, got.fields["content-type"]) == (415, TYPE), got
            assert got.error["error-tag"] == "operation-not-supported"
    got = w("PATCH", path, accept=None)
    assert (got.status, got.error["error-tag"], got.fields["content-type"]) == (400, "invalid-value", TYPE)
    assert w("PATCH", path, body).status == 204


# 8040-5.2-12, -13
def test_members_have_no_order_and_entries_have_one(serve, web):
    w = web(serve())
    register(w)
    one = {"actions": {"forwarding": "ietf-access-control-list:drop"}, "name": "z",
           "matches": {"ipv4": {"destination-ipv4-network": "198.51.100.0/24"}}}
    body = json.dumps({f"{MODULE}:acl": [{"aces": {"ace": [one, dict(reversed(ace("a").items()))]},
                                          "type": "ietf-access-control-list:ipv4-acl-type", "name": "f"}]})
    assert w.put(own() + "/acls/acl=f", body).status == 201
    got = w.get(own() + "/acls/acl=f?content=config").body[f"{MODULE}:acls"]["acl"][0]
    assert got["type"] == "ietf-access-control-list:ipv4-acl-type"
    assert [(a["name"], a["actions"]["forwarding"]) for a in got["aces"]["ace"]] == [
        ("z", "ietf-access-control-list:drop"), ("a", "ietf-access-control-list:drop")]


# 8040-3.4.1-05, -07, 8040-3.5.1-05, 8040-3.5.2-05, 8040-B-03
def test_a_stale_edit_changes_nothing(serve, web):
    w = web(serve())
    register(w)
    post_alias(w, alias("a"))
    path = own() + "/aliases/alias=a"
    tag, changed = (w.get(path).fields[k] for k in ("etag", "last-modified"))
    got = w.get(path, fields=[("If-Modified-Since", changed)])
    assert got.status == 304 and not got.text
    assert w.get(path, fields=[("If-Modified-Since", "Thu, 01 Jan 1970 00:00:00 GMT")]).status == 200
    body = {f"{MODULE}:alias": [alias("a", **{"target-protocol": [17]})]}
    got = w.put(path, body, fields=[("If-Match", '"0"')])
    assert got.status == 412 and (got.fields["etag"], got.fields["last-modified"]) == (tag, changed)
    got = w.put(path, body, fields=[("If-Unmodified-Since", "Thu, 01 Jan 1970 00:00:00 GMT")])
    assert got.status == 412 and w.get(path).fields["etag"] == tag
    assert w.put(path, body, fields=[("If-Match", tag)]).status == 204
    assert w.put(own() + "/aliases/alias=new", {f"{MODULE}:alias": [alias("new")]},
                 fields=[("If-None-Match", "*")]).status == 201
    assert w.put(path, body, fields=[("If-None-Match", "*")]).status == 412


# 8040-1.2-01, 8040-4.6-04, 8040-4.6-01, -03, 8040-4.6.1-02, 8040-4.7-01, 8040-3.5-01
def test_what_is_in_an_entry_is_edited_by_itself(serve, web):
    w = web(serve())
    register(w)
    post_alias(w, alias("a", **{"target-protocol": [6]}))
    path = own() + "/aliases/alias=a"
    assert w("PATCH", path, {f"{MODULE}:alias": [{"name": "a", "target-protocol": [17]}]}).status == 204
    got = w.get(path + "?content=config").body[f"{MODULE}:aliases"]["alias"][0]
    assert got["target-protocol"] == [6, 17] and got["target-prefix"] == ["198.51.100.7/32"]
    assert w.delete(path + "/target-protocol=6").status == 204
    assert w.get(path + "?content=config").body[f"{MODULE}:aliases"]["alias"][0]["target-protocol"] == [17]
    assert w("PATCH", own() + "/aliases/alias=nosuch", {f"{MODULE}:alias": [alias("nosuch")]}).status == 404
    got = w.delete(path + "/target-prefix=198.51.100.7%2F32")  # 8783-6.1-21
    assert (got.status, got.error["error-tag"]) == (400, "missing-attribute")
    assert w.get(path + "/target-prefix").status == 200


# 8040-8-03, 8040-7.1-06, 8040-4.4.1-05
def test_errors_say_where_and_locations_lead_there(serve, web):
    w = web(serve())
    register(w)
    assert post_acl(w, "f", ace("one")).status == 201
    client = f"/{MODULE}:dots-data/dots-client[cuid='{CUID}']"
    bad = ace("bad", ipv4={"length": 70000})
    got = post_acl(w, "g", bad)
    assert got.error["error-path"] == client + "/acls/acl[name='g']/aces/ace[name='bad']/matches/ipv4/length", got
    got = w.put(own() + "/acls/acl=f/aces/ace=bad", {f"{MODULE}:ace": [bad]})
    assert got.error["error-path"] == client + "/acls/acl[name='f']/aces/ace[name='bad']/matches/ipv4/length", got
    got = w.post(own() + "/acls/acl=f/aces", {f"{MODULE}:ace": [ace("two")]})
    assert got.status == 201 and got.fields["location"] == own() + "/acls/acl=f/aces/ace=two"
    assert w.get(got.fields["location"]).body[f"{MODULE}:ace"][0]["name"] == "two"
    got = w.put(own() + "/acls/acl=f/aces/ace=zero?insert=first", {f"{MODULE}:ace": [ace("zero")]})
    assert got.status == 201 and got.fields["location"] == own() + "/acls/acl=f/aces/ace=zero"
    got = w.get(own() + "/acls/acl=f?content=config").body[f"{MODULE}:acls"]["acl"][0]
    assert [a["name"] for a in got["aces"]["ace"]] == ["zero", "one", "two"]


# 8040-3.5.4-03, 8040-3.5.4-01, -02, 8040-4.8.9-04
def test_defaults_are_told_when_they_are_asked_for(serve, web):
    w = web(serve())
    register(w)
    assert post_acl(w, "f", ace()).status == 201
    path = own() + "/acls/acl=f"
    assert "activation-type" not in w.get(path).text
    assert w.get(path + "/activation-type").body == {f"{MODULE}:activation-type": "activate-when-mitigating"}
    assert "activate-when-mitigating" in w.get(path + "?with-defaults=report-all").text


# --- what is kept ----------------------------------------------------------------------------------


# 8040-3.4-03, 8040-1.4-03, 8783-4.1-02
def test_what_is_on_record_survives_a_restart(serve, web):
    server = serve()
    w = web(server)
    register(w)
    post_alias(w, alias("a/b, c"), alias("z"))
    for name in ("one", "two"):
        assert post_acl(w, name, ace()).status == 201
    first = {f"{MODULE}:acl": [{"name": "zero", "type": "ipv4-acl-type", "aces": {"ace": [ace()]}}]}
    assert w.put(own() + "/acls/acl=zero?insert=first", first).status == 201
    before = w.get(own() + "?content=config").body
    assert [a["name"] for a in before[f"{MODULE}:dots-client"][0]["acls"]["acl"]] == ["zero", "one", "two"]
    assert w.get(own() + "/aliases/alias=a%2Fb%2C%20c").status == 200  # 8040-3.5.3-04
    tag = w.get(own()).fields["etag"]
    server.process.kill()
    server.stop()
    server.start()
    assert w.get(own() + "?content=config").body == before and w.get(own()).fields["etag"] == tag


# 8783-6.1-33, -34, 8783-7.2-26, -27: the record is made to be a week older
def test_what_is_not_renewed_goes(serve, web, folder):
    server = serve()
    w = web(server)
    register(w)
    post_alias(w, alias("old"), alias("renewed"))
    assert post_acl(w, "old", ace(), **{"activation-type": "immediate"}).status == 201
    assert w.get(own() + "/aliases/alias=old").body[f"{MODULE}:aliases"]["alias"][0]["pending-lifetime"] == 10080
    server.stop()
    with contextlib.closing(sqlite3.connect(folder / "server-state" / "dotsd.db")) as db, db:
        rows = db.execute("select kind, key, value from record where kind like 'data-a%'").fetchall()
        assert len(rows) == 3
        for kind, key, value in rows:
            record = json.loads(value)
            record["expires"] = int(time.time() * 1000) + 4000
            db.execute("update record set value = ? where kind = ? and key = ?", (json.dumps(record), kind, key))
    server.start()
    assert w.get(own() + "/aliases/alias=old").body[f"{MODULE}:aliases"]["alias"][0]["pending-lifetime"] == 1
    assert w.put(own() + "/aliases/alias=renewed", {f"{MODULE}:alias": [alias("renewed")]}).status == 204  # 8783-7.2-28
    until(lambda: w.get(own() + "/aliases/alias=old").status == 404, "the alias to go")
    until(lambda: w.get(own() + "/acls/acl=old").status == 404, "the ACL to go")
    until(lambda: server.events("filters-in-force")[-1]["rules"] == 0, "its rules to go")
    assert w.get(own() + "/aliases/alias=renewed").body[f"{MODULE}:aliases"]["alias"][0]["pending-lifetime"] == 10080


# 8783-5.2-01, -02, -03, 8040-4.2
def test_a_registration_takes_everything_with_it(serve, web):
    w = web(serve())
    register(w)
    post_alias(w, alias())
    assert w.delete(own()).status == 204 and w.get(own()).status == 404
    got = w.delete(own())
    assert (got.status, got.error["error-tag"]) == (404, "invalid-value")
    register(w)
    assert w.get(own() + "/aliases").body == {f"{MODULE}:aliases": {}}


# 8783-5.1-40: what it does not name stays
def test_a_registration_said_again_takes_nothing_away(serve, web):
    w = web(serve())
    register(w)
    post_alias(w, alias())
    assert w.put(own(), {f"{MODULE}:dots-client": [{"cuid": CUID}]}).status == 204
    assert w.get(own() + "/aliases/alias=web").status == 200


# 8040-4.6-01, 8040-4.6.1-02, 8040-4.6.1-04
def test_a_registration_is_patched_as_a_whole(serve, web):
    w = web(serve())
    register(w)
    post_alias(w, alias("a", **{"target-protocol": [6]}), alias("b"))
    assert post_acl(w, "f", ace()).status == 201
    change = {"cuid": CUID, "aliases": {"alias": [{"name": "a", "target-protocol": [17]}, alias("new")]}}
    assert w("PATCH", own(), {f"{MODULE}:dots-client": [change]}).status == 204
    got = w.get(own() + "?content=config").body[f"{MODULE}:dots-client"][0]
    assert {a["name"]: a.get("target-protocol") for a in got["aliases"]["alias"]} == {"a": [6, 17], "b": None, "new": None}
    assert [a["name"] for a in got["acls"]["acl"]] == ["f"]
    assert w("PATCH", own(), {f"{MODULE}:dots-client": [{"cuid": OTHER_CUID}]}).status == 400


# 8040-4.3-10, 8040-3.5.3-01: nothing else is taken for what has another name
def test_what_the_module_does_not_have_does_not_exist(serve, web):
    w = web(serve())
    register(w)
    post_alias(w, alias())
    for below in ("/bogus", "/aliases/bogus=web", "/aliases/acl=web", "/acls/alias=web", "/other:aliases", "/aliases=web",
                  "/aliases/alias=web/bogus"):
        for method in ("GET", "DELETE", "PUT", "PATCH", "POST"):
            got = w(method, own() + below, {f"{MODULE}:alias": [alias()]} if method[0] == "P" else None)
            assert got.status in (400, 404) and got.error["error-tag"] == "invalid-value", (method, below, got)
    for path in (own() + "/aliases.json", own() + "/aliases/alias=web.json",  # 8040-5.2-16
                 "/restconf/data/ietf-restconf:restconf", "/restconf/data/ietf-restconf:errors",  # 8040-8-05, 8040-3.9-01
                 "/restconf/data/ietf-restconf-monitoring:restconf-state/streams"):  # 8040-9.2-01
        assert w.get(path).status == 404, path
    assert w.get(own() + "/cuid").body == {f"{MODULE}:cuid": CUID}
    for method in ("DELETE", "PUT"):
        got = w(method, own() + "/cuid", {f"{MODULE}:cuid": "x"} if method == "PUT" else None)
        assert got.status == 405 and "GET" in got.fields["allow"], got
    assert w.get(own() + "/aliases/alias=web").status == 200


# 8040-4.4.1-03, 8040-4.8.5-01, -02
def test_order_is_for_acls(serve, web):
    w = web(serve())
    register(w)
    post_alias(w, alias())
    assert post_acl(w, "one", ace()).status == 201
    acl = {f"{MODULE}:acl": [{"name": "two", "type": "ipv4-acl-type", "aces": {"ace": [ace()]}}]}
    here = "/" + own().removeprefix("/restconf/data/")
    wrong = ((own() + "/aliases/alias=a?insert=first", {f"{MODULE}:alias": [alias("a")]}),
             (own() + "?insert=first", {f"{MODULE}:dots-client": [{"cuid": CUID}]}),
             (own() + "/aliases?insert=first", {f"{MODULE}:aliases": {"alias": [alias()]}}),
             (own() + "/acls/acl=two?insert=after", acl),
             (own() + "/acls/acl=two?insert=after&point=" + here + "/aliases/alias=web", acl),
             (own() + "/acls/acl=two?insert=after&point=" + here.replace(CUID, OTHER_CUID) + "/acls/acl=one", acl))
    for path, body in wrong:
        got = w.put(path, body)
        assert (got.status, got.error["error-tag"]) == (400, "invalid-value"), (path, got)
    assert w.put(own() + "/acls/acl=two?insert=before&point=" + here + "/acls/acl=one", acl).status == 201
    got = w.get(own() + "/acls?content=config").body[f"{MODULE}:acls"]["acl"]
    assert [a["name"] for a in got] == ["two", "one"]


# 8040-4.8.1-03, 8040-4.8.2-02, 8040-4.8.3-02, 8040-4.8.9-01
def test_parameters_are_for_the_resources_that_they_are_for(serve, web):
    w = web(serve())
    register(w)
    assert post_alias(w, alias()).status == 201
    path, body = own() + "/aliases/alias=web", {f"{MODULE}:alias": [alias()]}
    wrong = [("PUT", path + "?content=all", body), ("PATCH", path + "?fields=name", body),
             ("POST", own() + "/aliases?depth=1", {f"{MODULE}:alias": [alias("b")]}),
             ("PUT", path + "?with-defaults=trim", body), ("DELETE", path + "?depth=1", None)]
    wrong += [("GET", place, None) for place in (
        "/restconf?content=all", "/restconf?with-defaults=trim", "/restconf/operations?depth=1",
        "/restconf/operations?content=all", "/restconf/yang-library-version?fields=x", "/.well-known/host-meta?depth=1")]
    for method, place, said in wrong:
        got = w(method, place, said)
        assert (got.status, got.error["error-tag"]) == (400, "invalid-value"), (method, place, got)
    assert w("HEAD", path + "?depth=1&content=config").status == 200
    version = {"yang-library-version": "2016-06-21"}
    assert w.get("/restconf?depth=1").body == {"ietf-restconf:restconf": {}}
    assert w.get("/restconf?depth=2").body == w.get("/restconf").body
    assert w.get("/restconf?fields=yang-library-version").body == {"ietf-restconf:restconf": version}
    assert w.get("/restconf?fields=nothing").status == 400


# 8783-6.1-05, -25, 8783-6.3-03
def test_a_container_is_posted_again_with_what_is_new(serve, web):
    w = web(serve())
    register(w)
    for name in ("one", "two"):
        got = post_alias(w, alias(name))
        assert got.status == 201 and got.fields["location"] == own() + f"/aliases/alias={name}"
        assert w.get(got.fields["location"]).body[f"{MODULE}:aliases"]["alias"][0]["name"] == name
    names = [a["name"] for a in w.get(own() + "/aliases").body[f"{MODULE}:aliases"]["alias"]]
    assert names == ["one", "two"]
    assert w.delete(own() + "/aliases/alias=one").status == 204
    assert w.get(own() + "/aliases/alias=one").status == 404 and w.get(own() + "/aliases/alias=two").status == 200


# 8783-6.1-26, 8783-7.2-31
def test_of_several_entries_all_are_made_or_none(serve, web):
    w = web(serve())
    register(w)
    got = post_alias(w, alias("good"), alias("bad", **{"target-prefix": ["203.0.113.1/32"]}))
    assert got.status == 400 and w.get(own() + "/aliases/alias=good").status == 404
    assert post_alias(w, alias("one"), alias("two")).fields["location"].endswith("/aliases")


# 8783-10-19, -20, -21, 8783-3.3-02
def test_limits_are_named(serve, web):
    server = serve(more=", aliases: 2, acls: 1, aces: 2, entry-bytes: 2000, body: 20000",
                   acme=", limits: {cuids: 1, data-bytes: 1024}")
    w = web(server)
    register(w)
    got = w.post(ROOT, {f"{MODULE}:dots-client": [{"cuid": OTHER_CUID}]})
    assert got.status == 403 and "limit" in got.error["error-message"] or "may have" in got.error["error-message"]
    # Also who says it for them.
    got = web(server, "gate").post(ROOT, {f"{MODULE}:dots-client": [{"cuid": "r", "cdid": "7eeaf349529eb55ed50113"}]})
    assert (got.status, got.error["error-tag"]) == (403, "access-denied") and "limits.cuids" in got.error["error-message"]
    assert post_alias(w, alias("a"), alias("b")).status == 201
    full = [post_alias(w, alias("c")), post_acl(w, "x", ace("1"), ace("2"), ace("3"))]
    assert post_acl(w, "x", ace("1")).status == 201
    full.append(post_acl(w, "y", ace("1")))
    for got, limit in zip(full, ("aliases", "aces", "acls")):
        assert got.status == 409 and f"data-channel.{limit}" in got.error["error-message"]
    more = alias("a", **{"target-prefix": [f"198.51.100.{i}/32" for i in range(60)]})
    got = w.put(own() + "/aliases/alias=a", {f"{MODULE}:alias": [more]})
    assert (got.status, got.error["error-tag"]) == (409, "resource-denied") and "limits.data-bytes" in got.text
    long = alias("a", **{"target-prefix": [f"198.51.100.{i}/32" for i in range(200)]})
    assert w.put(own() + "/aliases/alias=a", {f"{MODULE}:alias": [long]}).status in (403, 413)
    assert w.put(own() + "/aliases/alias=a", "[" + " " * 30000 + "]").status == 413


# --- the signal channel ----------------------------------------------------------------------------


# 8783-5.1-36
def test_a_cuid_of_another_client_on_the_signal_channel_is_in_use(serve, web):
    server = serve()
    mine, theirs = web(server), web(server, "beta")
    t = Talker(server.port, "psk", "acme", KEY)
    t.up()
    assert t.put(CUID, 1, ["198.51.100.1/32"]).code == "2.01"
    t.stop()
    for cuid in (CUID, "7eeaf349529eb55ed50113"):  # used, and kept for acme
        for got in (theirs.post(ROOT, {f"{MODULE}:dots-client": [{"cuid": cuid}]}),
                    theirs.put(own(cuid), {f"{MODULE}:dots-client": [{"cuid": cuid}]})):
            assert (got.status, got.error["error-tag"]) == (409, "resource-denied")
        register(mine, cuid)


# 8783-3.1-14, 8783-6.1-02, 8612-SIG-008-04
def test_an_alias_names_targets_of_the_same_cuid(serve, web):
    server = serve()
    w = web(server)
    register(w)
    post_alias(w, alias())
    t = Talker(server.port, "psk", "acme", KEY)
    t.up()
    assert t.put(CUID, 1, [], alias=["web"]).code == "2.01"
    assert t.put(CUID, 2, [], alias=["nosuch"]).code == "4.00"
    assert t.put("another", 3, [], alias=["web"]).code == "4.00"
    t.stop()


# 8783-3.1-02, 8783-7.2-06, -07, 8783-4.3-03, -05
def test_filters_follow_the_mitigations_of_their_cuid(serve, web):
    server = serve()
    w = web(server)
    register(w)
    assert post_acl(w, "f", ace()).status == 201
    assert post_acl(w, "off", ace(), **{"activation-type": "deactivate"}).status == 201

    def rules():
        return [e["rules"] for e in server.events("filters-in-force")][-1:]

    assert rules() in ([], [0])
    t = Talker(server.port, "psk", "acme", KEY)
    t.up()
    assert t.put("another", 1, ["198.51.100.1/32"]).code == "2.01"
    assert rules() in ([], [0])
    assert t.put(CUID, 2, ["198.51.100.2/32"]).code == "2.01"
    until(lambda: rules() == [1], "the filter to be in force")
    assert t.delete(CUID, 2).code == "2.02"
    until(lambda: rules() == [0], "the filter to be in force no more")
    t.stop()


# 8783-7.2-05, 8783-7.3-04, 8783-7.4-03, 8040-1.3-03
def test_what_is_answered_is_in_force(serve, web):
    server = serve()
    w = web(server)
    register(w)

    def rules():
        return [e["rules"] for e in server.events("filters-in-force")][-1:]

    assert post_acl(w, "f", ace(), **{"activation-type": "deactivate"}).status == 201
    assert rules() in ([], [0])
    now = {"name": "f", "type": "ipv4-acl-type", "activation-type": "immediate", "aces": {"ace": [ace()]}}
    assert w.put(own() + "/acls/acl=f", {f"{MODULE}:acl": [now]}).status == 204
    assert rules() == [1]
    rule, = w.get(own() + "/acls/acl=f").body[f"{MODULE}:acls"]["acl"][0]["aces"]["ace"]
    assert rule["statistics"] == {"matched-packets": "0", "matched-octets": "0"}  # 8783-7.3-04
    assert w.delete(own() + "/acls/acl=f").status == 204
    assert rules() == [0] and w.get(own() + "/acls/acl=f").status == 404


# 9133-3.2.1-23, 9133-3.2.1-04, -05, -09, -17, -18, -19, -20, -25, 9133-6-03
def test_a_request_controls_filters(serve, web):
    server = serve()
    w = web(server)
    register(w)
    register(w, OTHER_CUID)
    assert post_acl(w, "f", ace(), **{"activation-type": "deactivate"}).status == 201
    assert post_acl(w, "g", ace()).status == 201
    assert post_acl(w, "theirs", ace(), cuid=OTHER_CUID).status == 201

    def activation(name):
        return w.get(f"{own()}/acls/acl={name}/activation-type").body[f"{MODULE}:activation-type"]

    t = Talker(server.port, "psk", "acme", KEY)
    t.up()
    assert t.put(CUID, 1, ["198.51.100.1/32"], acl=[("f", 2), ("g", 3)]).code == "2.01"
    assert (activation("f"), activation("g")) == ("immediate", "deactivate")
    assert t.put(CUID, 1, ["198.51.100.1/32"], acl=[("g", 3), ("f", 2)]).code == "2.04"  # said again
    assert t.put(CUID, 2, ["198.51.100.1/32"], acl=[("f", None)]).code == "2.01"  # 9133-3.2.1-03, 9133-3.2.2.2-02
    assert activation("f") == "activate-when-mitigating"
    for name in ("nosuch", "theirs"):
        assert t.put(CUID, 3, ["198.51.100.1/32"], acl=[(name, 2)]).code == "4.04"
    assert [m["mid"] for m in server("list")[1]["mitigations"]] == [2]
    assert t.delete(CUID, 2).code == "2.02"
    assert (activation("f"), activation("g")) == ("activate-when-mitigating", "deactivate")
    t.stop()


# 9133-3.2.1-21, -22: the packet filter is away
def test_filters_that_cannot_be_put_in_force_are_told(serve, web):
    server = serve(mitigators="nftables: {socket: nowhere.sock}")
    w = web(server)
    register(w)
    assert post_acl(w, "f", ace(), **{"activation-type": "deactivate"}).status == 201
    t = Talker(server.port, "psk", "acme", KEY)
    t.up()
    got = t.put(CUID, 7, ["198.51.100.1/32"], acl=[("f", 2)])
    assert got.code == "5.03" and got.number(MAX_AGE) == 30
    assert got.payload == cbor({1: {2: [{5: 7, 53: [{23: "f", 52: 2}]}]}})
    assert w.get(own() + "/acls/acl=f/activation-type").body[f"{MODULE}:activation-type"] == "deactivate"
    # It stands without the filters, and does not say that it has them.
    assert [m["mid"] for m in server("list")[1]["mitigations"]] == [7]
    got = t.put(CUID, 7, ["198.51.100.1/32"], acl=[("f", 2)])
    assert got.code == "4.00" and b"new mid" in got.payload
    assert t.put(CUID, 7, ["198.51.100.1/32"]).code == "2.04"
    assert t.put(CUID, 8, ["198.51.100.1/32"]).code == "2.01"
    assert [m["mid"] for m in server("list")[1]["mitigations"]] == [8]
    t.stop()


class Helper:
    """In the place of dotsd-priv: says that everything is done, until it is told to be silent."""
    SYNC, COMMIT, COUNTERS, DONE, VALUES = 2, 3, 4, 128, 129

    def __init__(self, path):
        self.silent, self.heard = False, []
        self.listening = socket.socket(socket.AF_UNIX)
        self.listening.bind(str(path))
        self.listening.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        with self.listening.accept()[0] as s, s.makefile("rb") as stream:
            while head := stream.read(4):
                op = stream.read(int.from_bytes(head, "big"))[0]
                self.heard.append(op)
                body = {self.SYNC: bytes([self.DONE]) + bytes(14), self.COMMIT: bytes([self.DONE]) + bytes(14),
                        self.COUNTERS: bytes([self.VALUES]) + bytes(8)}.get(op)
                if body and not self.silent:
                    s.sendall(len(body).to_bytes(4, "big") + body)


# What stands is not ended by a packet filter that is away; what is said again waits with the first.
def test_a_request_with_filters_that_stands_outlives_the_packet_filter(serve, web, folder):
    helper = Helper(folder / "stand-in.sock")
    server = serve(mitigators="nftables: {socket: stand-in.sock}")
    w = web(server)
    register(w)
    assert post_acl(w, "f", ace(), **{"activation-type": "deactivate"}).status == 201
    t = Talker(server.port, "psk", "acme", KEY)
    t.up()
    said = {"acl": [("f", 2)]}
    assert t.put(CUID, 1, ["198.51.100.1/32"], **said).code == "2.01"
    helper.silent = True
    assert t.put(CUID, 2, ["198.51.100.2/32"]).code == "2.01"
    assert post_acl(w, "g", ace(), **{"activation-type": "immediate"}).status == 201  # after a while
    assert t.put(CUID, 1, ["198.51.100.1/32"], **said).code == "2.04"
    assert sorted(m["mid"] for m in server("list")[1]["mitigations"]) == [1, 2]
    assert w.delete(own() + "/acls/acl=f").status == 204
    assert t.put(CUID, 1, ["198.51.100.1/32"], **said).code == "2.04"
    put = [PUT, t.mitigate_path(CUID, 3), [(CONTENT_FORMAT, DOTS_CBOR)],
           t.put_body(["198.51.100.3/32"], acl=[("g", 3)])]
    first, again = t.send(*put), t.send(*put)
    assert (t.answer(first).code, t.answer(again).code) == ("5.03", "5.03")
    t.stop()
    (folder / "stand-in.sock").unlink()


# 9133-3.2.1-07, -08, -10, 9133-3.2.2.1-01
def test_filters_are_controlled_with_a_new_mid_and_under_attack_only(serve, web):
    server = serve()
    w = web(server)
    register(w)
    assert post_acl(w, "f", ace(), **{"activation-type": "deactivate"}).status == 201
    t = Talker(server.port, "psk", "acme", KEY)
    t.up()
    one = ["198.51.100.1/32"]
    assert t.put(CUID, 1, one).code == "2.01"
    for mid, more, why in ((2, {"trigger": False, "acl": [("f", 2)]}, "idle time"), (1, {"acl": [("f", 2)]}, "new mid"),
                           (2, {"acl": [("f", 2), ("f", 3)]}, "twice"), (2, {"acl": [("f", 4)]}, "activation-type")):
        got = t.put(CUID, mid, one, **more)
        assert got.code == "4.00" and why.encode() in got.payload, got
    assert w.get(own() + "/acls/acl=f/activation-type").body[f"{MODULE}:activation-type"] == "deactivate"
    t.stop()


# --- odds and ends ---------------------------------------------------------------------------------


def test_requests_beyond_the_rate_are_refused(serve, web):
    w = web(serve(acme=", limits: {requests-per-second: 1}"))
    codes = [w.get(ROOT).status for _ in range(15)]
    assert codes[0] == 200 and codes[-1] == 429


def test_a_suspended_client_changes_nothing(serve, web):
    server = serve()
    w = web(server)
    register(w)
    tags = [w.get(path).fields["etag"] for path in ("/restconf/data", own())]
    assert server("client", "acme", "suspend")[0] == 0
    assert [w.get(path).fields["etag"] for path in ("/restconf/data", own())] == tags  # 8040-4.3-12
    assert w.get(own()).status == 200 and post_alias(w, alias()).status == 403
    assert server("client", "acme", "resume")[0] == 0
    assert post_alias(w, alias()).status == 201


# M17
def test_what_is_not_its_clients_any_more_ends_with_a_reload(serve, web):
    server = serve()
    w = web(server)
    register(w)
    post_alias(w, alias("stays", **{"target-prefix": ["2001:db8::1/128"]}), alias("goes"))
    text = server.path.read_text()
    server.path.write_text(text.replace("198.51.100.0/24, ", ""))
    assert server("reload")[0] == 0
    until(lambda: w.get(own() + "/aliases/alias=goes").status == 404, "the alias to end")
    assert w.get(own() + "/aliases/alias=stays").status == 200


def test_many_changes_by_one_request_are_told_together(serve, web):
    server = serve()
    client = web(server)
    assert client.post(ROOT, {f"{MODULE}:dots-client": [{"cuid": CUID}]}).status == 201
    seen = 0
    for n, told in ((16, 16), (17, 1)):
        aliases = [{"name": f"n{n}-{i}", "target-prefix": ["198.51.100.1/32"]} for i in range(n)]
        assert client.post(own(), {f"{MODULE}:aliases": {"alias": aliases}}).status == 201
        events = [e for e in server.events("data-changed") if e["kind"] == "alias"]
        seen += told
        assert len(events) == seen and all(e["change"] == "written" for e in events)
    assert int(events[-1]["entries"]) == 17 and "name" not in events[-1]
    assert client.delete(f"{own()}/aliases").status == 204
    last = server.events("data-changed")[-1]
    assert (last["change"], int(last["entries"])) == ("removed", 33)


if __name__ == "__main__":
    tap.run(__file__)
