"""dotsd as a server, asked by libcoap's clients over DTLS: the whole life of mitigation requests,
with bodies made and read by another CBOR library."""

import decimal
import re
import subprocess

import cbor2
import pytest

import dots
from daemon import CLIENT, DOTSCTL, SERVER, Daemon
from peers import COAP_CLIENTS, IDENTITY, KEY_TEXT, PATIENCE, certificate_of, need, until

HB = dots.WELL_KNOWN + "/hb"
CONFIG = dots.WELL_KNOWN + "/config"
RECEIVED = re.compile(r"v:1 t:(\w+) c:([2-5]\.\d\d) i:\w+ \{\w*\} \[ ?(.*?) ?\]")


@pytest.fixture(scope="module")
def server(pki, tmp_path_factory):
    d = Daemon(tmp_path_factory.mktemp("dotsd") / "server", SERVER, pki=pki).start()
    yield d
    assert d.stop() == 0


class Answer:
    def __init__(self, out, err, payload):
        found = RECEIVED.findall(out)
        assert found, out + err
        self.type, self.code, self.options = found[-1]
        self.payload = payload
        self.text = err.strip()


class Client:
    """One of libcoap's clients with one credential; each request is a session of its own."""

    def __init__(self, tool, port, credential, folder):
        self.tool, self.port, self.credential, self.folder = tool, port, credential, folder

    def arguments(self, method, path, *more, payload=None, content_format=dots.FORMAT, non=False,
                  scheme="coaps"):
        args = [need(self.tool), *map(str, self.credential), "-v", "7", "-m", method, *more]
        if payload is not None:
            (self.folder / "request").write_bytes(payload)
            args += ["-f", str(self.folder / "request"), "-t", str(content_format)]
        if non:
            args.append("-N")
        return [*args, f"{scheme}://127.0.0.1:{self.port}{path}"]

    def __call__(self, method, path, *more, **kwargs):
        out = self.folder / "response"
        out.unlink(missing_ok=True)
        r = subprocess.run(self.arguments(method, path, "-B", "20", "-o", str(out), *more, **kwargs),
                           capture_output=True, timeout=PATIENCE, check=False)
        return Answer(r.stdout.decode(errors="replace"), r.stderr.decode(errors="replace"),
                      out.read_bytes() if out.exists() else b"")


@pytest.fixture(params=[(tool, kind) for tool in COAP_CLIENTS for kind in ("certificate", "psk")],
                ids=lambda p: f"{p[0]}-{p[1]}")
def client(request, server, pki, tmp_path):
    """A client with its own cuid and its own part of the address space."""
    tool, kind = request.param
    if kind == "psk":
        c = Client(tool, server.port, ["-u", IDENTITY, "-k", KEY_TEXT], tmp_path)
        c.name, c.network = "jane", "198.51.100"
    else:
        crt, key, trust = certificate_of(pki, "client")
        c = Client(tool, server.port, ["-c", crt, "-j", key, "-C", trust], tmp_path)
        c.name, c.network = "acme", "192.0.2"
    c.cuid = f"cuid-of-{c.name}"
    c.host = f"{c.network}.{10 + COAP_CLIENTS.index(tool)}/32"
    return c


MIDS = iter(range(1, 100000))


# 8811-2-08, 8811-2.2.2-22, 8612-2-02, 9132-3-20, 9132-4.4.1.3-06, 9132-4.4.1.3-07, 9132-4.4.2-18, 9132-4.4.2-23,
# 9132-1-02, 9132-3-16, 9132-4.4.1.1-02, 9132-4.4.1.1-62, 9132-4.4.1.1-63, 9132-4.4.2-01, 9132-4.4.2-34, 9132-5.3-05
@pytest.mark.parametrize("non", [False, True], ids=["con", "non"])
def test_the_life_of_a_request(client, server, non):
    mid = next(MIDS)
    path = dots.mitigate(client.cuid, mid)
    answer_type = "NON" if non else "ACK"
    body = dots.request([client.host], 3600, **{"target-protocol": [17], "target-port-range": [
        {"lower-port": 80, "upper-port": 90}]})

    put = client("put", path, payload=body, non=non)
    assert (put.type, put.code) == (answer_type, "2.01"), put.text
    assert dots.scopes(put.payload) == [{"mid": mid, "lifetime": 3600}]
    server.until_event("rule-installed", client=client.name, scope=client.host)

    again = client("put", path, payload=body, non=non)
    assert (again.type, again.code) == (answer_type, "2.04")
    assert dots.scopes(again.payload) == [{"mid": mid, "lifetime": 3600}]

    got = client("get", path, non=non)
    assert (got.type, got.code) == (answer_type, "2.05")
    [scope] = dots.scopes(got.payload)
    assert scope["mid"] == mid and scope["target-prefix"] == [client.host]
    assert scope["target-protocol"] == [17]
    assert scope["target-port-range"] == [{"lower-port": 80, "upper-port": 90}]
    assert 3500 < scope["lifetime"] <= 3600 and scope["status"] == dots.MITIGATED
    assert scope["bytes-dropped"] == 0 and scope["mitigation-start"] > 1700000000

    gone = client("delete", path, non=non)
    assert (gone.type, gone.code) == (answer_type, "2.02")
    server.until_event("mitigation-ended", client=client.name, mid=mid)
    after = client("get", path, non=non)
    assert after.code == "4.04" and "RFC 9132 4.4.2" in after.text
    # 9132-4.4.4: also of what is not there
    assert client("delete", path, non=non).code == "2.02"


# 9132-4.4.1.1-62: not the one that was asked for, in 2.01 and 2.04.
def test_the_granted_lifetime_is_told(client, server):
    mid = next(MIDS)
    path, most = dots.mitigate(client.cuid, mid), 86400
    for asked, code in ((most + 1, "2.01"), (2 * most, "2.04"), (-1, "2.04")):
        put = client("put", path, payload=dots.request([client.host], asked))
        assert put.code == code, put.text
        assert dots.scopes(put.payload) == [{"mid": mid, "lifetime": most}]
    assert client("delete", path).code == "2.02"
    server.until_event("mitigation-ended", client=client.name, mid=mid)


# 9132-4.4.1.3-03: who it is, cuid and mid make a request, over whatever session it comes.
def test_one_request_over_two_transports(client, server):
    mid = next(MIDS)
    path, body = dots.mitigate(client.cuid, mid), dots.request([client.host], 600)
    assert client("put", path, payload=body).code == "2.01"
    again = client("put", path, payload=body, scheme="coaps+tcp")
    assert again.code == "2.04", again.text
    assert server.events("session-up", peer=client.name, transport="tcp")
    [scope] = dots.scopes(client("get", dots.mitigate(client.cuid), scheme="coaps+tcp").payload)
    assert scope["mid"] == mid
    assert client("delete", path, scheme="coaps+tcp").code == "2.02"
    server.until_event("mitigation-ended", client=client.name, mid=mid)


# 8811-2.2.2-22, 9132-4.4.2-08, 9132-4.4.2-16, 9132-4.4.2-17, 9132-4.4.2-21, 9132-4.4.2-06
def test_all_requests_and_parts_of_them(client, server):
    mids = [next(MIDS), next(MIDS)]
    other = client.host.replace("/32", "").rsplit(".", 1)[0] + ".200/32"
    for mid, prefix in zip(mids, (client.host, other)):
        put = client("put", dots.mitigate(client.cuid, mid), payload=dots.request([prefix], 600))
        assert put.code == "2.01", put.text
        server.until_event("rule-installed", client=client.name, scope=prefix)
    everything = dots.scopes(client("get", dots.mitigate(client.cuid)).payload)
    assert [s["mid"] for s in everything] == mids
    configured = dots.scopes(client("get", dots.mitigate(client.cuid) + "?c=c").payload)
    assert [s["target-prefix"] for s in configured] == [[client.host], [other]]
    assert not any("status" in s for s in configured)
    state = dots.scopes(client("get", dots.mitigate(client.cuid) + "?c=n").payload)
    assert [s["status"] for s in state] == [dots.MITIGATED] * 2
    assert not any("target-prefix" in s for s in state)
    for mid in mids:
        assert client("delete", dots.mitigate(client.cuid, mid)).code == "2.02"
        server.until_event("mitigation-ended", client=client.name, mid=mid)


# 8811-2-11, 8612-SIG-009-01, 9132-4.4.3-08
def test_efficacy_update(client, server):
    mid = next(MIDS)
    path = dots.mitigate(client.cuid, mid)
    assert client("put", path, payload=dots.request([client.host], 600)).code == "2.01"
    update = dots.request([client.host], 900, **{"attack-status": 1})
    answer = client("put", path, "-O", "1,", payload=update)
    assert answer.code == "2.04", answer.text
    assert dots.scopes(answer.payload)[0]["lifetime"] == 900
    # Without If-Match it is no efficacy update.
    assert client("put", path, payload=update).code == "4.00"
    assert client("delete", path).code == "2.02"
    server.until_event("mitigation-ended", client=client.name, mid=mid)


# 9132-4.4.3-10: an efficacy update of what is not there is ignored; Confirmable, it is acknowledged.
@pytest.mark.parametrize("tool", COAP_CLIENTS)
def test_efficacy_update_of_nothing_is_only_acknowledged(tool, server, pki, tmp_path):
    crt, key, trust = certificate_of(pki, "client")
    client = Client(tool, server.port, ["-c", crt, "-j", key, "-C", trust], tmp_path)
    update = dots.request(["192.0.2.77/32"], 900, **{"attack-status": 1})
    r = subprocess.run(client.arguments("put", dots.mitigate("cuid-of-acme", 99999), "-O", "1,",
                                        "-B", "3", payload=update),
                       capture_output=True, timeout=PATIENCE, check=False)
    out = r.stdout.decode(errors="replace")
    assert re.search(r"v:1 t:ACK c:0\.00", out), out
    assert not RECEIVED.search(out), out


# 8811-2.2.2-04, 9132-4.4.2.1-02, 9132-4.4.2.1-03, 9132-4.4.2.1-04, 9132-4.4.2.1-01
@pytest.mark.parametrize("selector", ["", "?c=n"], ids=["all", "state"])
def test_observation(client, server, run, tmp_path, selector):
    mid = next(MIDS)
    path = dots.mitigate(client.cuid, mid)
    assert client("put", path, payload=dots.request([client.host], 600)).code == "2.01"
    server.until_event("rule-installed", client=client.name, scope=client.host)
    seen = tmp_path / "seen"
    watcher = run(*client.arguments("get", path + selector, "-s", "50", "-o", str(seen)))
    watcher.wait_for(r"t:ACK c:2\.05 .*Observe:\d")
    assert client("delete", path).code == "2.02"
    # RFC 9132 4.4.2.1: notifications are Non-confirmable
    watcher.wait_for(r"t:NON c:2\.05 .*Observe:\d")

    def statuses():
        return [d["mitigation-scope"]["scope"][0] for d in dots.decode_all(seen.read_bytes())]

    until(lambda: statuses()[-1]["status"] == dots.TERMINATED, lambda: str(statuses()))
    assert statuses()[0]["status"] == dots.MITIGATED
    assert all(("target-prefix" in s) == (not selector) for s in statuses())
    assert statuses()[-1]["lifetime"] == 0


def test_sessions_that_are_over_do_not_count(server, run, pki, tmp_path):
    """A client may have eight at a time; it has had many."""
    crt, key, trust = certificate_of(pki, "client")
    client = Client(COAP_CLIENTS[0], server.port, ["-c", crt, "-j", key, "-C", trust], tmp_path)
    path = dots.mitigate("cuid-of-acme", next(MIDS))
    assert client("put", path, payload=dots.request(["192.0.2.99/32"], 600)).code == "2.01"
    for _ in range(8):
        assert client("get", CONFIG).code == "2.05"
    watcher = run(*client.arguments("get", path, "-s", "50"))
    watcher.wait_for(r"t:ACK c:2\.05 .*Observe:\d")
    assert client("delete", path).code == "2.02"
    watcher.wait_for(r"t:NON c:2\.05 .*Observe:\d")


# 8811-3.1.2-07, 8811-3.1.2-08, 8612-SIG-004-03, 9132-4.5.1-04, 9132-4.5.1-05, 9132-4.5.1-12
def test_session_configuration(client):
    answer = client("get", CONFIG)
    assert answer.code == "2.05"
    config = dots.decode(answer.payload)["signal-config"]
    for part in ("mitigating-config", "idle-config"):
        assert config[part]["heartbeat-interval"]["current-value"] == 30
        assert config[part]["missing-hb-allowed"]["current-value"] == 15
        assert config[part]["max-retransmit"]["current-value"] == 3
        assert float(config[part]["ack-timeout"]["current-value-decimal"]) == 2.0
        assert float(config[part]["ack-random-factor"]["current-value-decimal"]) == 1.5


def session_config(mitigating=None, idle=None, robust=None):
    """The body of a PUT; robust: keys of RFC 9362 in the mitigating set."""
    def numbers(part):
        return {k: {"current-value" + ("-decimal" if isinstance(v, decimal.Decimal) else ""): v}
                for k, v in part.items()}

    parts = {"mitigating-config": numbers(mitigating or {}), "idle-config": numbers(idle or {})}
    body = dots.keyed({"signal-config": {k: v for k, v in parts.items() if v}})
    for key, value in (robust or {}).items():
        body[dots.KEYS["signal-config"]].setdefault(dots.KEYS["mitigating-config"], {})[key] = value
    return cbor2.dumps(body)


FIGURE_23 = session_config(
    {"heartbeat-interval": 30, "missing-hb-allowed": 15, "probing-rate": 15, "max-retransmit": 3,
     "ack-timeout": decimal.Decimal("2.00"), "ack-random-factor": decimal.Decimal("1.50")},
    {"heartbeat-interval": 0, "max-retransmit": 3, "ack-timeout": decimal.Decimal("2.00"),
     "ack-random-factor": decimal.Decimal("1.50")})


# 8811-3.1.2-07, 9132-4.5.2-31, 9132-4.5.2-35, 9132-4.5.4-02: libcoap's client is another session each
# time, which has no configuration of the one before (9132-4.5.2-18).
@pytest.mark.parametrize("non", [False, True], ids=["con", "non"])
def test_session_configuration_is_negotiated(client, server, non):
    answer_type = "NON" if non else "ACK"
    put = client("put", CONFIG + "/sid=123", payload=FIGURE_23, non=non)
    assert (put.type, put.code) == (answer_type, "2.01"), put.text
    event = server.until_event("session-config", peer=client.name, reason="negotiated")
    assert event["sid"] == 123 and event["idle"].startswith("0 s,")
    gone = client("get", CONFIG + "/sid=123", non=non)
    assert (gone.type, gone.code) == (answer_type, "4.04") and "sid 123" in gone.text
    for path in (CONFIG, CONFIG + "/sid=123"):
        assert client("delete", path, non=non).code == "2.02"


# 9132-4.5-08, 9132-4.5-09: what is in force shows at both ends, and follows the mitigation.
def test_two_of_ours_agree(pki, tmp_path):
    server = Daemon(tmp_path / "server", SERVER, pki=pki).start()
    crt, key, trust = certificate_of(pki, "client")
    client = Daemon(tmp_path / "client", CLIENT, port=server.port, heartbeat=60,
                    credentials=f"{{certificate: {crt}, key: {key}, trust: {trust}}}").start()
    sid = client.until_event("session-config", code="2.01")["sid"]

    def in_force(which):
        return {"set": which, "sid": sid, "heartbeat_interval": 60, "missing_hb_allowed": 15,
                "probing_rate": 5, "max_retransmit": 3, "ack_timeout": 2, "ack_random_factor": 1.5}

    def shown():
        return [client.server()["config"], server("sessions")[1]["clients"][0]["config"]]

    assert shown() == [in_force("idle")] * 2
    table = subprocess.run([DOTSCTL, "--socket", client.socket, "sessions"], capture_output=True,
                           text=True, timeout=PATIENCE, check=True).stdout
    assert "idle 60 s x 15" in table
    assert client("mitigate", "192.0.2.5/32", "--wait", "30")[0] == 0
    until(lambda: shown() == [in_force("mitigating")] * 2, lambda: str(shown()))
    assert client.stop() == 0 and server.stop() == 0


# 9132-4.5.3-01: how long it is good for comes with it.
def test_session_configuration_is_good_for_ever(client):
    assert "Max-Age:4294967295" in client("get", CONFIG).options


# 9362-3-24, 9362-4-03: what RFC 9362 adds may be left out of account, in any form that it has.
def test_robust_transmission_is_left_out_of_account(client):
    whole = {32776: {36: 15}, 32777: {36: 3}, 32778: {43: decimal.Decimal("2.00")}}
    put = client("put", CONFIG + "/sid=1",
                 payload=session_config({"heartbeat-interval": 30}, robust=whole))
    assert put.code == "2.01", put.text
    ranged = client("put", CONFIG + "/sid=1", payload=session_config(
        {"heartbeat-interval": 30}, robust={32776: {34: 15, 36: 15}}))
    assert ranged.code == "4.00" and "RFC 9362 3" in ranged.text
    assert cbor2.loads(client("get", CONFIG).payload)[30].keys() == {32, 44}
    told = cbor2.loads(client("get", CONFIG).payload)[30][32]
    assert not any(key >= 32768 for key in told)


# 9132-4.5.3-12, 9132-4.5-10
@pytest.mark.parametrize("tool", COAP_CLIENTS)
def test_changes_of_the_configuration_are_notified(tool, run, pki, tmp_path):
    d = Daemon(tmp_path / "server", SERVER, pki=pki).start()
    crt, key, trust = certificate_of(pki, "client")
    client = Client(tool, d.port, ["-c", crt, "-j", key, "-C", trust], tmp_path)
    watcher = run(*client.arguments("get", CONFIG, "-s", "50", "-o", str(tmp_path / "seen")))
    watcher.wait_for(r"t:ACK c:2\.05 .*Observe:\d")
    config = d.folder / "dotsd.yaml"
    config.write_text(config.read_text().replace("heartbeat-interval: 30", "heartbeat-interval: 60"))
    assert d("reload")[0] == 0
    watcher.wait_for(r"t:CON c:2\.05 .*Observe:\d")
    until(lambda: [60] == [c["signal-config"]["idle-config"]["heartbeat-interval"]["current-value"]
                           for c in dots.decode_all((tmp_path / "seen").read_bytes())][-1:],
          "the new interval")
    assert d.stop() == 0


# 9132-4.7-04, 9132-4.7-07, 9132-4.7-10
@pytest.mark.parametrize("non", [False, True], ids=["con", "non"])
def test_heartbeat(client, server, non):
    before = len(server.events("heartbeat", direction="in", peer=client.name))
    answer = client("put", HB, payload=dots.heartbeat(), non=non)
    assert (answer.type, answer.code) == ("NON" if non else "ACK", "2.04")
    assert answer.payload == b""
    server.until_event("heartbeat", before + 1, direction="in", peer=client.name)
    assert client("put", HB, non=non).code == "4.00"


GOOD = dots.request(["192.0.2.9/32"])
ERRORS = {
    "no such resource": ("get", "/.well-known/dots/nothing", {}, "4.04", "RFC 9132 4.2"),
    "not ours": ("get", "/.well-known/core", {}, "4.04", "RFC 9132 4.2"),
    "post": ("post", dots.mitigate("c", 1), {"payload": GOOD}, "4.05", "method"),
    "fetch": ("fetch", CONFIG, {}, "4.05", "method"),
    "heartbeat read": ("get", HB, {}, "4.05", "method"),
    "text": ("put", dots.mitigate("c", 1), {"payload": GOOD, "content_format": 0}, "4.15", "271"),
    "plain cbor": ("put", dots.mitigate("c", 1), {"payload": GOOD, "content_format": 60}, "4.15",
                   "271"),
    "no body": ("put", dots.mitigate("c", 1), {}, "4.00", "body is missing"),
    "no cbor": ("put", dots.mitigate("c", 1), {"payload": b"\xff\x00hello"}, "4.00", "RFC 9132"),
    "no cuid": ("put", dots.mitigate(), {"payload": GOOD}, "4.00", "cuid"),
    "two scopes": ("put", dots.mitigate("c", 1), {"payload": dots.encode({"mitigation-scope": {
        "scope": [{"target-prefix": ["192.0.2.9/32"], "lifetime": 9}] * 2}})}, "4.00",
                   "2 entries instead of one"),
    "read without cuid": ("get", dots.mitigate(), {}, "4.00", "cuid"),
    "read without a mid behind its name": ("get", dots.mitigate("c", ""), {}, "4.00", "mid is empty"),
    "read without a cuid behind its name": ("get", dots.mitigate("", 1), {}, "4.00", "cuid is empty"),
    "withdrawn without a mid behind its name": ("delete", dots.mitigate("c", ""), {}, "4.00",
                                                "mid is empty"),
    "configured without sid": ("put", CONFIG, {"payload": GOOD}, "4.00", "signal-config is missing"),
    "configured by no number": ("put", CONFIG + "/sid=x", {"payload": GOOD}, "4.00", "sid"),
    "configured with cuid": ("put", CONFIG + "/cuid=x", {"payload": GOOD}, "4.00", "cuid is none"),
    "configured without a value": ("put", CONFIG + "/sid=1", {"payload": dots.encode(
        {"signal-config": {"idle-config": {"heartbeat-interval": {"max-value": 30}}}})}, "4.00",
                                   "max-value"),
    "configured beyond the range": ("put", CONFIG + "/sid=1", {"payload": dots.encode(
        {"signal-config": {"idle-config": {"heartbeat-interval": {"current-value": 241}}}})}, "4.22",
                                    "taken are 15 to 240"),
    "no such sid": ("get", CONFIG + "/sid=5", {}, "4.04", "sid 5"),
    "withdrawn without cuid": ("delete", dots.mitigate(), {}, "4.00", "cuid"),
    "withdrawn without mid": ("delete", dots.mitigate("c"), {}, "4.00", "mid"),
    "nothing on record": ("get", dots.mitigate("nobody"), {}, "4.04", "RFC 9132 4.4.2"),
    "no mid": ("put", dots.mitigate("c"), {"payload": GOOD}, "4.00", "mid"),
    "mid no number": ("put", dots.mitigate("c", "x"), {"payload": GOOD}, "4.00", "mid"),
    "somebody else's": ("put", dots.mitigate("c", 1), {"payload": dots.request(["203.0.113.1/32"])},
                        "4.00", "203.0.113.1/32"),
    "loopback": ("put", dots.mitigate("c", 1), {"payload": dots.request(["127.0.0.1/32"])}, "4.00",
                 "127.0.0.1/32"),
    "lifetime 0": ("put", dots.mitigate("c", 1), {"payload": dots.request(["192.0.2.9/32"], 0)},
                   "4.00", "lifetime"),
}


# 8811-2.2.2-10, 8811-2.2.2-20, 8612-SIG-006-01, 9132-4.4.1.3-09, 9132-4.4.1.3-10, 9132-4.4.2-19, 9132-4.4.4-05,
# 9132-3-22, 9132-3-23, 9132-4.4.1.1-23, 9132-4.4.1.1-30, 9132-4.4.1.1-71, 9132-4.4.2-02, 9132-4.4.2-03, 9132-4.4.4-02,
# 9132-4.4.4-04,
# 9132-9-01, 9132-9-02, 9132-9-04, 9132-9-07, 9132-9-08, 9132-9-12, 9132-9-13, 9132-4.5.2-19,
# 9132-4.5.2-21, 9132-4.5.2-37
@pytest.mark.parametrize("non", [False, True], ids=["con", "non"])
@pytest.mark.parametrize("case", ERRORS)
def test_errors_say_what_is_wrong(case, non, server, pki, tmp_path):
    method, path, kwargs, code, text = ERRORS[case]
    crt, key, trust = certificate_of(pki, "client")
    client = Client(COAP_CLIENTS[non], server.port, ["-c", crt, "-j", key, "-C", trust], tmp_path)
    answer = client(method, path, non=non, **kwargs)
    assert answer.type == ("NON" if non else "ACK")
    assert answer.code == code and text in answer.text, answer.text


def test_unknown_critical_option(client):
    answer = client("get", CONFIG, "-O", "65001,x")
    assert answer.code == "4.02" and "65001" in answer.text


# 4218-4.1.3-01, 8612-SEC-005-01, 9132-9-10, 9132-3-15
def test_a_cuid_has_one_owner(server, pki, tmp_path):
    crt, key, trust = certificate_of(pki, "client")
    acme = Client(COAP_CLIENTS[0], server.port, ["-c", crt, "-j", key, "-C", trust], tmp_path)
    jane = Client(COAP_CLIENTS[1], server.port, ["-u", IDENTITY, "-k", KEY_TEXT], tmp_path)
    path = dots.mitigate("shared", next(MIDS))
    assert acme("put", path, payload=dots.request(["192.0.2.222/32"], 600)).code == "2.01"
    collision = jane("put", path, payload=dots.request(["198.51.100.222/32"], 600))
    assert collision.code == "4.09" and "dots+cbor" in collision.options
    # libcoap's client writes error bodies as text: what is in it shows the server's event
    event = server.until_event("put-mitigate", code="4.09")
    assert event["from"] == "jane" and "cuid" in event["reason"]
    assert jane("get", path).code == "4.04"
    assert acme("delete", path).code == "2.02"
