#!/usr/bin/python3
"""Aliases and ACLs of a running dotsd at the data channels of two providers, which are dotsd as well (RFC 8783;
rules M2, M7, M9), looked at with curl; and at a server in Python that does what dotsd does not.

DOTSD and DOTSCTL name the programs. Run as a program it prints TAP."""
import http.server
import json
import pathlib
import shutil
import ssl
import sys
import tempfile
import threading
import time
import urllib.parse
import zlib

import pytest

from control_test import Daemon, free_port, until
from data_test import MODULE, ROOT, Web
from revoked_test import Pki

HERE = pathlib.Path(__file__).resolve()
sys.path.insert(0, str(HERE.parents[2]))
import tap  # noqa: E402

SERVER = """instance: {name}
state: {name}-state
control: {name}.sock
events: {name}.json
listen: [{{address: 127.0.0.1, port: {port}}}]
data-channel: {{listen: [{{address: 127.0.0.1, port: {https}}}]{more}}}
credentials: {{certificate: server.crt, key: server.key, trust: ca.crt}}
clients:
  customer: {{certificates: [{who}.example], prefixes: [{prefix}]}}
mitigators: [dry-run: {{}}]
"""
CLIENT = """instance: client
state: client-state
control: client.sock
events: client.json
domains:
{domains}data-files: [records.json]
hosts: {{www.example.com: [198.51.100.9], far.example.com: [198.51.100.9, 192.0.2.9]}}
"""
DOMAIN = """  {name}:
    protects: [{prefix}]{more}
    servers: [{{name: dots.example, addresses: [127.0.0.1], port: {port}}}]
    credentials: {{certificate: {who}.crt, key: {who}.key, trust: ca.crt}}
    data-channel: {{name: {https_name}, address: 127.0.0.1, port: {https}, check: {check}}}
"""
PROVIDERS = {"isp1": ("acme", "198.51.100.0/24"), "isp2": ("beta", "192.0.2.0/24")}


@pytest.fixture(scope="module")
def keys():
    path = pathlib.Path(tempfile.mkdtemp(prefix="dotsd-data-client-"))
    path.chmod(0o755)
    Pki(path)
    yield path
    shutil.rmtree(path)


class World:
    """Two providers and a customer."""
    def __init__(self, folder):
        self.folder, self.daemons, self.ports, self.client = folder, {}, {}, None

    def serve(self, name, more=""):
        who, prefix = PROVIDERS[name]
        port, https = self.ports.setdefault(name, (free_port(), free_port()))
        text = SERVER.format(name=name, port=port, https=https, more=more, who=who, prefix=prefix)
        self.daemons[name] = Daemon(self.folder, name, text).start()

    def ask(self, records, **how):
        self.write(records)
        self.client = Daemon(self.folder, "client", self.configuration(**how)).start()

    def configuration(self, https_name="dots.example", only=PROVIDERS, more="", check=5):
        domains = ""
        for name in only:
            who, prefix = PROVIDERS[name]
            port, https = self.ports.setdefault(name, (free_port(), free_port()))
            domains += DOMAIN.format(name=name, prefix=prefix, port=port, https=https, who=who, https_name=https_name,
                                     more=more, check=check)
        return CLIENT.format(domains=domains)

    def write(self, records):
        (self.folder / "records.json").write_text(json.dumps(records))

    def rewrite(self, records):
        self.write(records)
        assert self.client("reload")[0] == 0

    def web(self, name):
        return Web(self.folder, self.ports[name][1], PROVIDERS[name][0])

    def cuid(self, name):
        return next(s["cuid"] for s in self.client("sessions")[1]["upstream"] if s["domain"] == name)

    def own(self, name):
        return f"{ROOT}/dots-client={self.cuid(name)}"

    def there(self, name):
        """What is on record: aliases by name, ACLs in their order."""
        got = self.web(name).get(self.own(name) + "?content=config")
        if got.status != 200:
            return None
        entry = got.body[f"{MODULE}:dots-client"][0]
        return ({a["name"]: a for a in entry.get("aliases", {}).get("alias", [])},
                entry.get("acls", {}).get("acl", []))

    def events(self, event, **fields):
        return [e for e in self.client.events(event) if all(e.get(k) == v for k, v in fields.items())]

    def in_step(self, name, n=1):
        until(lambda: len(self.events("data-in-step", domain=name)) >= n, f"{name} in step")

    def stop(self):
        for d in [self.client, *self.daemons.values()]:
            assert d is None or d.stop() in (0, None)


@pytest.fixture
def world(keys):
    w = World(keys)
    yield w
    w.stop()
    for path in [*keys.glob("*-state"), *keys.glob("*.json")]:
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def alias(name, *prefixes, **more):
    return {"name": name, **({"target-prefix": list(prefixes)} if prefixes else {}), **more}


def acl(name, *destinations, **more):
    return {"name": name, "type": "ipv4-acl-type", "aces": {"ace": [
        {"name": f"to-{i}", "matches": {"ipv4": {"destination-ipv4-network": d}}, "actions": {"forwarding": "drop"}}
        for i, d in enumerate(destinations)]}, **more}


def records(aliases=(), acls=()):
    return {f"{MODULE}:aliases": {"alias": list(aliases)}, f"{MODULE}:acls": {"acl": list(acls)}}


def networks(a):
    return [x["matches"]["ipv4"]["destination-ipv4-network"] for x in a["aces"]["ace"]]


# 8783-1-02, 8783-5.1-08, 8783-3.1-07, -08, -12, 8783-5.1-01, -02, -11
def test_each_provider_gets_its_own_and_nothing_else(world):
    for name in PROVIDERS:
        world.serve(name)
    world.ask(records(
        [alias("both", "198.51.100.7/32", "192.0.2.7/32"), alias("second", "192.0.2.8/32"),
         alias("named", **{"target-fqdn": ["www.example.com"]}),
         alias("far", **{"target-fqdn": ["far.example.com"]}),
         alias("unknown", **{"target-fqdn": ["other.example.com"]}), alias("foreign", "203.0.113.1/32")],
        [acl("a", "198.51.100.7/32", "192.0.2.7/32"), acl("b", "198.51.100.8/32"), acl("c", "203.0.113.1/32")]))
    for name in PROVIDERS:
        world.in_step(name)
    aliases, acls = world.there("isp1")
    assert {k: v.get("target-prefix", v.get("target-fqdn")) for k, v in aliases.items()} == {
        "both": ["198.51.100.7/32"], "named": ["www.example.com"]}
    assert [(a["name"], networks(a)) for a in acls] == [("a", ["198.51.100.7/32"]), ("b", ["198.51.100.8/32"])]
    aliases, acls = world.there("isp2")
    assert {k: v["target-prefix"] for k, v in aliases.items()} == {"both": ["192.0.2.7/32"],
                                                                  "second": ["192.0.2.8/32"]}
    assert [(a["name"], networks(a)) for a in acls] == [("a", ["192.0.2.7/32"])]
    assert "198.51.100" not in world.web("isp2").get(world.own("isp2")).text
    assert world.cuid("isp1") != world.cuid("isp2")
    refused = {(e["kind"], e["name"]): e["section"] for e in world.events("record-refused")}
    assert refused == {("alias", "far"): "RFC 9284 6", ("alias", "unknown"): "RFC 9284 6",
                       ("alias", "foreign"): "RFC 9284 5.1", ("acl", "c"): "RFC 9284 5.1"}
    assert {e["record"] for e in world.events("shared", domain="isp2")} == {"alias both", "alias second", "acl a"}
    assert [e["names"] for e in world.events("shared", record="alias named")] == [1]
    code, reply = world.client("acls")
    assert code == 0 and [(a["name"], a["domain"], a["state"], a["reason"]) for a in reply["acls"]] == [
        ("a", "isp1", "placed", ""), ("b", "isp1", "placed", ""), ("a", "isp2", "placed", ""),
        ("c", "", "refused", "RFC 9284 5.1: ace to-0: destination-ipv4-network: 203.0.113.1/32 belongs to no provider "
         "of this network")]
    code, reply = world.client("aliases")
    assert [a["name"] for a in reply["aliases"]] == ["both", "named", "both", "second", "far", "unknown", "foreign"]
    assert world.daemons["isp1"]("acls")[0] == 1  # no domains there


# 8783-3.1-25
def test_what_is_changed_by_hand_is_put_right(world):
    world.serve("isp1")
    world.ask(records([alias("a", "198.51.100.7/32"), alias("b", "198.51.100.8/32")],
                      [acl("x", "198.51.100.7/32"), acl("y", "198.51.100.8/32")]), only=["isp1"])
    world.in_step("isp1")
    before = world.there("isp1")
    w, own = world.web("isp1"), world.own("isp1")
    assert w.put(own + "/aliases/alias=a", {f"{MODULE}:alias": [alias("a", "198.51.100.99/32")]}).status == 204
    assert w.delete(own + "/aliases/alias=b").status == 204
    assert w.put(own + "/aliases/alias=more", {f"{MODULE}:alias": [alias("more", "198.51.100.98/32")]}).status == 201
    assert w.put(own + "/acls/acl=y?insert=first", {f"{MODULE}:acl": [acl("y", "198.51.100.8/32")]}).status == 204
    assert world.there("isp1") != before
    until(lambda: world.there("isp1") == before, "what the files say")
    assert [e["name"] for e in world.events("record-deleted")] == ["more"]


def test_a_reload_changes_what_is_on_record(world):
    for name in PROVIDERS:
        world.serve(name)
    world.ask(records([alias("a", "198.51.100.7/32"), alias("b", "198.51.100.8/32")], [acl("x", "198.51.100.7/32")]))
    world.in_step("isp1")
    world.rewrite(records([alias("a", "192.0.2.7/32")], [acl("y", "198.51.100.8/32"), acl("x", "198.51.100.7/32")]))
    until(lambda: world.there("isp2") and world.there("isp2")[0].keys() == {"a"}, "it at the other one")
    until(lambda: world.there("isp1")[0] == {} and [a["name"] for a in world.there("isp1")[1]] == ["y", "x"],
          "it away from the first")
    world.write({"x": {}})
    assert world.client("reload")[0] != 0
    assert world.there("isp2")[0].keys() == {"a"}


def test_the_example_of_the_manual_is_taken(world):
    manual = (HERE.parents[3] / "doc" / "dotsd.yaml.md").read_text()
    world.serve("isp2")
    world.ask(json.loads(manual.partition("```json\n")[2].partition("```")[0]), only=["isp2"])
    world.in_step("isp2")
    aliases, acls = world.there("isp2")
    assert list(aliases) == ["web"] and [a["name"] for a in acls] == ["no-ntp"]


# 8783-5.1-11: the server has forgotten us.
def test_a_server_that_has_lost_everything_gets_it_again(world):
    world.serve("isp1")
    world.ask(records([alias("a", "198.51.100.7/32")]), only=["isp1"])
    world.in_step("isp1")
    world.daemons["isp1"].stop()
    shutil.rmtree(world.folder / "isp1-state")
    world.serve("isp1")
    until(lambda: (world.there("isp1") or [{}])[0].keys() == {"a"}, "it again")


def test_a_server_that_is_away_holds_up_nobody(world):
    world.serve("isp2")
    world.ask(records([alias("both", "198.51.100.7/32", "192.0.2.7/32")]))
    world.in_step("isp2")
    until(lambda: world.events("data-pending", domain="isp1", retry=30), "the pause")
    alert = world.events("alert", domain="isp1", section="RFC 8783 3.1")[0]
    waiting = world.client("aliases")[1]["aliases"][0]
    assert (waiting["domain"], waiting["state"], waiting["reason"]) == ("isp1", "pending", alert["reason"])
    assert world.client.text("aliases")[1].splitlines()[1].split()[:4] == ["both", "isp1", "dots.example", "pending"]
    world.serve("isp1")
    assert world.client("reload")[0] == 0  # which does not wait
    world.in_step("isp1")
    assert world.there("isp1")[0].keys() == {"both"}


# 8783-3.1-13
def test_a_server_of_another_name_is_told_nothing(world):
    world.serve("isp1")
    world.ask(records([alias("a", "198.51.100.7/32")]), https_name="other.example", only=["isp1"])
    until(lambda: world.events("data-pending", domain="isp1"), "the refusal")
    assert not world.events("shared") and world.there("isp1") is None


def test_what_the_server_refuses_is_not_tried_until_it_changes(world):
    world.serve("isp1", more=", entry-bytes: 1024")
    long = alias("long", *[f"198.51.100.{i}/32" for i in range(0, 200, 2)])
    world.ask(records([long, alias("a", "198.51.100.7/32")]), only=["isp1"])
    world.in_step("isp1")
    refused = world.events("record-refused", name="long")
    assert len(refused) == 1 and refused[0]["code"] == 413 and refused[0]["section"] == "RFC 8783 6.1"
    assert world.events("data-in-step")[0]["refused"] == 1
    assert [a["reason"] for a in world.client("aliases")[1]["aliases"] if a["state"] == "refused"] == [
        refused[0]["reason"]]
    assert world.there("isp1")[0].keys() == {"a"}
    assert world.client("reload")[0] == 0
    world.in_step("isp1", 2)
    assert len(world.events("shared", record="alias long")) == 1
    world.rewrite(records([alias("long", "198.51.100.6/32"), alias("a", "198.51.100.7/32")]))
    until(lambda: world.there("isp1")[0].keys() == {"a", "long"}, "the shorter one")


def test_what_is_there_after_a_restart_is_not_told_again(world):
    world.serve("isp1")
    world.ask(records([alias("a", "198.51.100.7/32")], [acl("x", "198.51.100.7/32")]), only=["isp1"])
    world.in_step("isp1")
    assert world.client.stop() == 0
    world.client.start()
    world.in_step("isp1", 2)
    assert [a["state"] for c in ("aliases", "acls") for a in world.client(c)[1][c]] == ["placed", "placed"]
    assert len(world.events("shared")) == 2 and len(world.events("record-placed")) == 2


# --- another server --------------------------------------------------------------------------------


class Stub:
    """One registration. What `answer` does not say by (method, path) is done as RFC 8783 has it."""
    def __init__(self, folder, port, root="/top/restconf", href=None, lifetime=10080):
        self.root, self.href, self.lifetime = root, href or root, lifetime
        self.entries, self.cuid, self.asked, self.connections, self.answers = {}, None, [], 0, []
        self.capabilities, self.unchanged = None, 0  # as text; how often nothing else was told of it
        self.heads = []  # of all requests: method, target, fields
        self.vias = []  # (method, path, Via)
        self.hurry = threading.Event()  # an answer without a status waits for it
        stub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                stub.connections += 1
                super().setup()

            def serve(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                stub.heads.append((self.command, self.path, self.headers))
                stub.vias.append((self.command, self.path, self.headers.get("Via")))
                status, kind, text = stub.answer(self.command, self.path, json.loads(body) if body else None)
                tag = f'"{zlib.crc32(text.encode())}"' if self.path.endswith("/capabilities") and status == 200 else None
                if tag and self.headers.get("If-None-Match") == tag:
                    stub.unchanged += 1
                    status, kind, text = 304, None, ""
                self.send_response(status)
                if tag:
                    self.send_header("ETag", tag)
                if kind:
                    self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            do_GET = do_POST = do_PUT = do_DELETE = serve

            def log_message(self, *_):
                pass

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "server.crt", folder / "server.key")
        context.load_verify_locations(folder / "ca.crt")
        context.verify_mode = ssl.CERT_REQUIRED
        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.http.socket = context.wrap_socket(self.http.socket, server_side=True)
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def stop(self):
        self.http.shutdown()
        self.http.server_close()

    def shown(self):
        lists = {"aliases": [], "acls": []}
        for (container, _), entry in self.entries.items():
            lists[container].append({**entry, "pending-lifetime": self.lifetime})
        return {f"{MODULE}:dots-client": [{"cuid": self.cuid, "aliases": {"alias": lists["aliases"]},
                                           "acls": {"acl": lists["acls"]}}]}

    def answer(self, method, target, body):
        path, _, query = target.partition("?")
        self.asked.append((method, path, body))
        for i, (m, part, status) in enumerate(self.answers):
            if m == method and part in path:
                del self.answers[i]
                if status is None:
                    self.hurry.wait(60)
                    break
                tag = {403: "access-denied", 409: "resource-denied"}.get(status, "operation-failed")
                return status, "application/yang-data+json", json.dumps(
                    {"ietf-restconf:errors": {"error": [{"error-type": "application", "error-tag": tag,
                                                         "error-message": "because"}]}})
        if path == "/.well-known/host-meta":
            return 200, "application/xrd+xml", f"<XRD><Link rel='restconf' href='{self.href}'/></XRD>"
        if not path.startswith(f"{self.root}/data/{MODULE}:dots-data"):
            return 404, None, ""
        segments = [urllib.parse.unquote(s) for s in path.removeprefix(self.root).split("/")[3:]]
        if path.endswith(":dots-data/capabilities") and self.capabilities:
            return 200, "application/yang-data+json", self.capabilities
        if method == "POST":
            self.cuid = body[f"{MODULE}:dots-client"][0]["cuid"]
            return 201, None, ""
        if not self.cuid or segments[0] != f"dots-client={self.cuid}":
            return 404, None, ""
        if method == "GET":
            return 200, "application/yang-data+json", json.dumps(self.shown())
        if len(segments) == 1:
            self.cuid, self.entries = None, {}
            return 204, None, ""
        key = (segments[1], segments[2].partition("=")[2])
        if method == "DELETE":
            return (204 if self.entries.pop(key, None) else 404), None, ""
        entry = next(iter(body[f"{MODULE}:{segments[1]}"].values()))[0]
        created = key not in self.entries
        if query == "insert=first":
            self.entries = {key: entry, **{k: e for k, e in self.entries.items() if k != key}}
        else:
            self.entries[key] = entry
        return (201 if created else 204), None, ""

    def did(self, method, part=""):
        return [p for m, p, _ in self.asked if m == method and part in p]


@pytest.fixture
def stub(world):
    stubs = []

    def start(**more):
        https = world.ports.setdefault("isp1", (free_port(), free_port()))[1]
        stubs.append(Stub(world.folder, https, **more))
        return stubs[-1]

    yield start
    for s in stubs:
        s.stop()


# 8783-3.1-07, -08, -16, -19, 8783-5.1-01, -02, -19
def test_a_round_has_its_order_and_one_connection(world, stub):
    s = stub()
    world.ask(records([alias("a b", "198.51.100.7/32")], [acl("x", "198.51.100.7/32")]), only=["isp1"])
    world.in_step("isp1")
    own = f"/top/restconf/data/{MODULE}:dots-data/dots-client={world.cuid('isp1')}"
    able = own.rpartition("/")[0] + "/capabilities"
    assert s.asked[3][2] == {f"{MODULE}:dots-client": [{"cuid": world.cuid("isp1")}]}
    assert [(m, p) for m, p, _ in s.asked[:7]] == [
        ("GET", "/.well-known/host-meta"), ("GET", able), ("GET", own), ("POST", own.rpartition("/")[0]),
        ("PUT", own + "/aliases/alias=a%20b"), ("PUT", own + "/acls/acl=x"), ("GET", own)]
    until(lambda: len(s.asked) > 8, "the next look")
    assert [(m, p) for m, p, _ in s.asked[7:9]] == [("GET", able), ("GET", own)] and s.connections == 1
    assert len(world.events("data-in-step")) == 1


# 8040-5.1-05, 8040-3.1-04, 8040-4.3-02, 8040-5.1-04, 8040-5.2-05, -12, 8040-7.1-03
def test_every_request_begins_with_the_root_and_names_its_encodings(world, stub):
    s = stub()
    world.ask(records([alias("a/b?c#d%", "198.51.100.7/32")],
                      [acl("x", "198.51.100.7/32"), acl("y", "198.51.100.8/32")]), only=["isp1"])
    world.in_step("isp1")
    world.rewrite(records([], [acl("y", "198.51.100.8/32"), acl("x", "198.51.100.7/32")]))
    world.in_step("isp1", 2)
    assert {m for m, _, _ in s.heads} == {"GET", "POST", "PUT", "DELETE"}
    for method, target, fields in s.heads:
        path, _, query = target.partition("?")
        assert path == "/.well-known/host-meta" or path.startswith(f"/top/restconf/data/{MODULE}:dots-data")
        assert query in ("", "content=all", "insert=first") and "#" not in target
        assert fields["Accept"] == f"application/{'xrd+xml' if path.endswith('host-meta') else 'yang-data+json'}"
        assert fields["Content-Type"] == ("application/yang-data+json" if method in ("POST", "PUT") else None)
    assert s.did("PUT", "/aliases/alias=a%2Fb%3Fc%23d%25")
    assert s.entries["acls", "x"]["aces"]["ace"][0]["actions"] == {"forwarding": "ietf-access-control-list:drop"}


def test_a_root_at_another_server_is_not_followed(world, stub):
    s = stub(href="https://dots.example:1/restconf")
    world.ask(records([alias("a", "198.51.100.7/32")]), only=["isp1"])
    failed = until(lambda: world.events("data-pending"), "the refusal")[0]
    assert failed["reason"] == "RFC 8040 3.1: host-meta leads to https://dots.example:1/restconf, which is another server"
    assert len(s.asked) == 1 and not world.events("shared")


# 8783-6.1-30
def test_who_is_denied_registers_and_goes_on(world, stub):
    s = stub()
    s.answers += [("PUT", "/aliases/", 403)]
    world.ask(records([alias("a", "198.51.100.7/32"), alias("b", "198.51.100.8/32")]), only=["isp1"])
    world.in_step("isp1")
    assert len(s.did("POST")) == 2 and {n for _, n in s.entries} == {"a", "b"}
    assert not world.events("record-refused")
    # It denies again: that one is refused, once.
    s.answers += [("PUT", "/aliases/alias=c", 403), ("POST", "", 409), ("PUT", "/aliases/alias=c", 403)]
    world.rewrite(records([alias("c", "198.51.100.9/32"), alias("b", "198.51.100.8/32")]))
    world.in_step("isp1", 2)
    assert world.events("record-refused")[0]["reason"] == "the server says 403 access-denied: because"
    assert {n for _, n in s.entries} == {"b"} and s.did("DELETE")[0].endswith("/aliases/alias=a")


# 8783-7.2-20
def test_who_is_denied_a_filter_registers_and_goes_on(world, stub):
    s = stub()
    s.answers += [("PUT", "/acls/", 403)]
    world.ask(records([], [acl("x", "198.51.100.7/32")]), only=["isp1"])
    world.in_step("isp1")
    assert len(s.did("POST")) == 2 and {n for _, n in s.entries} == {"x"}
    assert not world.events("record-refused")


def test_a_conflict_is_an_alert_and_not_tried_again(world, stub):
    s = stub()
    s.answers += [("PUT", "/acls/acl=x", 409)]
    world.ask(records([], [acl("x", "198.51.100.7/32"), acl("y", "198.51.100.8/32")]), only=["isp1"])
    world.in_step("isp1")
    assert [e["reason"] for e in world.events("alert", section="RFC 8783 7.2")] == [
        "RFC 8783 7.2: acl x is in conflict: the server says 409 resource-denied: because"]
    looks = len(s.did("GET"))
    until(lambda: len(s.did("GET")) > looks + 1, "more looks")
    assert len(s.did("PUT", "/acls/acl=x")) == 1 and {n for _, n in s.entries} == {"y"}


def test_an_older_filter_that_stays_is_none_of_the_order(world, stub):
    s = stub()
    world.ask(records([], [acl("x", "198.51.100.7/32"), acl("y", "198.51.100.8/32")]), only=["isp1"])
    world.in_step("isp1")
    s.answers += [("PUT", "/acls/acl=x", 409)]
    world.rewrite(records([], [acl("x", "198.51.100.9/32"), acl("y", "198.51.100.8/32")]))
    world.in_step("isp1", 2)
    looks = len(s.did("GET"))
    until(lambda: len(s.did("GET")) > looks + 2, "more looks")
    assert len(s.did("PUT", "/acls/acl=y")) == 1 and networks(s.entries["acls", "x"]) == ["198.51.100.7/32"]


def test_what_one_server_has_refused_another_one_is_asked_for(world, stub):
    s = stub()
    s.answers += [("PUT", "/aliases/alias=a", 409)]
    world.ask(records([alias("a", "198.51.100.7/32")]), only=["isp1"])
    world.in_step("isp1")
    assert not s.entries
    world.ports["isp1"] = (world.ports["isp1"][0], free_port())
    other = stub()
    world.client.path.write_text(world.configuration(only=["isp1"]))
    assert world.client("reload")[0] == 0
    until(lambda: {n for _, n in other.entries} == {"a"}, "it at the other one")


# 8783-3.1-07: its root is somewhere else now.
def test_a_root_that_has_moved_is_found_again(world, stub):
    s = stub()
    world.ask(records([alias("a", "198.51.100.7/32")]), only=["isp1"])
    world.in_step("isp1")
    s.root = s.href = "/elsewhere"
    until(lambda: s.did("GET", f"/elsewhere/data/{MODULE}:dots-data/"), "the look at the other place")


def test_a_server_that_fails_is_left_in_peace_and_then_gets_the_rest(world, stub):
    s = stub()
    s.answers += [("PUT", "/aliases/alias=b", 503)]
    world.ask(records([alias(n, f"198.51.100.{i}/32") for i, n in enumerate("abc")]), only=["isp1"])
    until(lambda: world.events("data-pending", retry=30,
                               reason="RFC 8783 6.1: the server says 503 operation-failed: because"), "the failure")
    assert {n for _, n in s.entries} == {"a"}
    world.in_step("isp1")
    assert {n for _, n in s.entries} == {"a", "b", "c"} and len(s.did("PUT", "alias=a")) == 1


# 8783-7.2-28
def test_what_is_on_record_is_renewed_before_half_of_its_time(world, stub):
    s = stub(lifetime=1)
    world.ask(records([alias("a", "198.51.100.7/32")]), only=["isp1"])
    world.in_step("isp1")
    until(lambda: len(s.did("PUT")) == 2, "the renewal")
    methods = [m for m, _, _ in s.asked]
    first = methods.index("PUT")
    # After the one that confirms, a look every 5 s, and one with the renewal: 6 in 30 s.
    assert methods[first:methods.index("PUT", first + 1)].count("GET") <= 7
    assert len(world.events("shared")) == 1  # it tells nothing new


# 8783-6.3-01
def test_what_cannot_be_deleted_is_told_once(world, stub):
    s = stub()
    world.ask(records([alias("a", "198.51.100.7/32"), alias("b", "198.51.100.8/32")]), only=["isp1"])
    world.in_step("isp1")
    s.answers += [("DELETE", "", 403)] * 2
    world.rewrite(records([alias("a", "198.51.100.7/32")]))
    until(lambda: len(s.did("DELETE")) == 3 and len(s.entries) == 1, "the third try")
    assert [e["reason"] for e in world.events("alert", section="RFC 8783 6.3")] == [
        "RFC 8783 6.3: alias b is not deleted: the server says 403 access-denied: because"]


# Rule M1: the server can be reached, but not over the domain's own link.
def test_nothing_goes_over_another_link(world, stub):
    s = stub()
    world.ask(records([alias("a", "198.51.100.7/32")]), only=["isp1"], more="\n    interface: dots-none0")
    failed = until(lambda: world.events("data-pending"), "the failure")[0]
    assert failed["reason"] == "RFC 9284 5.1: interface dots-none0 is down"
    assert not s.connections and not world.events("shared")


def test_who_has_nothing_there_does_not_register(world, stub):
    s = stub()
    begun = time.monotonic()
    world.ask(records([alias("a", "192.0.2.7/32")]), only=["isp1"], check=20)
    world.in_step("isp1")
    assert [m for m, _, _ in s.asked] == ["GET", "GET"] and not world.events("shared")
    until(lambda: len(s.asked) == 3, "the next look")  # there is nothing that has to be renewed
    assert time.monotonic() - begun >= 20 and s.asked[2][0] == "GET"


if __name__ == "__main__":
    tap.run(__file__)
