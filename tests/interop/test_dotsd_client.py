"""dotsd as a client: of a DOTS server that shares no code with it, and of libcoap's servers, which
are none."""

import pytest

import coap
import dots
from daemon import CLIENT, Daemon
from other_server import OtherServer
from peers import (COAP_SERVERS, IDENTITY, KEY_TEXT, certificate_of, free_port, need, until,
                   until_bound)

X509 = "{{certificate: {0}/client.crt, key: {0}/client.key, trust: {0}/ca.crt}}"
CONFIG = dots.WELL_KNOWN + "/config"
PSK = "{{psk-identity: jane, psk-file: {0}/key.psk}}"


@pytest.fixture
def other(pki):
    s = OtherServer(pki)
    yield s
    s.stop()


@pytest.fixture
def client(pki, tmp_path):
    daemons = []

    def start(port, credentials=X509, text=CLIENT, **values):
        d = Daemon(tmp_path / "client", text, port=port, credentials=credentials.format(pki), **values)
        daemons.append(d.start())
        return d

    yield start
    for d in daemons:
        assert d.stop() == 0


def mitigate(d, *more):
    """Asks for 192.0.2.5; the exit status and the one part of the reply."""
    status, reply = d("mitigate", "192.0.2.5/32", "--wait", "30", *more)
    assert len(reply["parts"]) == 1, reply
    return status, reply["id"], reply["parts"][0]


# --- an independent DOTS server --------------------------------------------------------------------


# 8811-2-06, 8811-2.2.1-03, 8612-SIG-008-05, 9132-3-10, 9132-3-08, 9132-4.1-01, 9132-4.4.1.1-01,
# 9132-4.4.1.1-31, 9132-4.4.1.1-57, 9132-4.4.1.1-71, 9132-4.4.1.2-09
def test_a_request_and_its_withdrawal(client, other):
    d = client(other.port)
    status, wish, part = mitigate(d, "--protocol", "udp", "--port", "80-90")
    assert status == 0 and part["state"] == "placed", part
    put = other.until_message(coap.PUT, "/mitigate/")
    # 9132-4.4: Non-confirmable, cuid before mid, DOTS CBOR
    assert put.type == coap.NON and put.one(coap.CONTENT_FORMAT) == dots.FORMAT
    assert put.path.startswith(dots.mitigate("")) and put.path.split("/")[-1].startswith("mid=")
    assert "cdid=" not in put.path
    assert dots.scopes(put.payload) == [{
        "target-prefix": ["192.0.2.5/32"], "target-protocol": [17], "lifetime": 3600,
        "target-port-range": [{"lower-port": 80, "upper-port": 90}]}]
    observe = other.until_message(coap.GET, put.path)
    assert observe.one(coap.OBSERVE) == 0
    assert d("withdraw", wish)[0] == 0
    delete = other.until_message(coap.DELETE, put.path)
    assert delete.type == coap.NON and not delete.payload
    d.until_event("withdrawn")
    assert not other.mitigations


# 8811-2.2.2-24, 8612-SIG-006-06, 9132-4.4.2.2-05
def test_notifications(client, other):
    d = client(other.port)
    _, wish, _ = mitigate(d)
    path = other.until_message(coap.GET, "/mitigate/").path
    other.notify(path, 2, payload=other.status(path, dots.MITIGATED, **{"pkts-dropped": 77,
                                                                       "bytes-dropped": 7700}))
    d.until_event("status", status="attack-successfully-mitigated")
    part = d("show", wish)[1]["wish"]["parts"][0]
    assert (part["dropped_packets"], part["dropped_bytes"]) == (77, 7700), part
    # RFC 7641 3.4: what is older than the last one is out of order
    other.notify(path, 1, payload=other.status(path, dots.IN_PROGRESS))
    other.notify(path, 3, payload=other.status(path, dots.TERMINATED))
    d.until_event("status", status="attack-mitigation-terminated")
    assert [e["status"] for e in d.events("status")][-2:] == [
        "attack-successfully-mitigated", "attack-mitigation-terminated"]
    assert d("show", wish)[1]["wish"]["parts"][0]["state"] == "ended"


# 9132-4.4.1.3-48, 9132-4.4.1.3-49
def test_refresh(client, other):
    other.lifetime = 2
    d = client(other.port)
    assert mitigate(d, "--protocol", "udp", "--port", "80-90")[0] == 0
    first, second = other.until_message(coap.PUT, "/mitigate/"), other.until_message(
        coap.PUT, "/mitigate/", 2)
    # 9132-4.4.1.3-48: the same mid, the same parameters, another message
    assert first.path == second.path and first.payload == second.payload
    assert (first.id, first.token) != (second.id, second.token)
    assert len(other.mitigations) == 1


# 8612-SIG-009-01, 8811-2-11, 9132-4.4.3-03, 9132-4.4.3-06, 9132-4.4.3-08
def test_efficacy_update(client, other):
    d = client(other.port)
    _, wish, _ = mitigate(d, "--protocol", "udp", "--port", "80-90")
    first = other.until_message(coap.PUT, "/mitigate/")
    assert not first.all(coap.IF_MATCH)
    assert d("refresh", wish, "--attack-status", "attack-successfully-mitigated")[0] == 0
    update = other.until_message(coap.PUT, first.path, 2)
    assert update.type == coap.NON and update.all(coap.IF_MATCH) == [b""]
    [was], [scope] = dots.scopes(first.payload), dots.scopes(update.payload)
    assert scope.pop("attack-status") == 2 and scope == was
    assert d("refresh", wish)[0] == 0
    plain = other.until_message(coap.PUT, first.path, 3)
    assert plain.payload == first.payload and not plain.all(coap.IF_MATCH)


# 8811-2.2.2-25, 9132-4.7-03, 9132-4.7-04, 9132-4.7-07, 9132-4.7-10
def test_heartbeats_both_ways(client, other):
    d = client(other.port, heartbeat=1)
    ours = other.until_message(coap.PUT, "/hb", 2)
    assert ours.type == coap.NON and ours.path == dots.WELL_KNOWN + "/hb"
    assert isinstance(dots.decode(ours.payload)["heartbeat"]["peer-hb-status"], bool)
    answer = other.heartbeat()
    assert (answer.type, coap.code_text(answer.code), answer.payload) == (coap.NON, "2.04", b"")
    seen = len(other.messages(coap.PUT, "/hb"))
    later = other.until_message(coap.PUT, "/hb", seen + 2)
    assert dots.decode(later.payload) == {"heartbeat": {"peer-hb-status": True}}
    assert d.server()["state"] == "available"


# 8811-3.1.2-06, 9132-4.5-10, 9132-4.5.2-20, 9132-4.5.2-22, 9132-4.5.2-24, 9132-4.5.2-25
def test_session_configuration_is_negotiated(client, other):
    told = {"heartbeat-interval": {"max-value": 240, "min-value": 15, "current-value": 30},
            "missing-hb-allowed": {"max-value": 20, "min-value": 3, "current-value": 15}}
    body = dots.encode({"signal-config": {"mitigating-config": told, "idle-config": told}})
    other.scripted = [(coap.GET, CONFIG, "2.05", [(coap.MAX_AGE, b"\xff\xff\xff\xff")], body),
                      (coap.PUT, CONFIG, "2.01", [], b"")]
    d = client(other.port, heartbeat=60)
    get, put = other.until_message(coap.GET, CONFIG), other.until_message(coap.PUT, CONFIG)
    assert get.path == CONFIG and get.type == put.type == coap.CON
    assert put.path.startswith(CONFIG + "/sid=") and put.one(coap.CONTENT_FORMAT) == dots.FORMAT
    wanted = {"heartbeat-interval": {"current-value": 60}, "missing-hb-allowed": {"current-value": 15}}
    assert dots.decode(put.payload) == {
        "signal-config": {"mitigating-config": wanted, "idle-config": wanted}}
    event = d.until_event("session-config", role="client", code="2.01")
    assert put.path == f"{CONFIG}/sid={event['sid']}"
    config = d.server()["config"]
    assert (config["set"], config["heartbeat_interval"], config["sid"]) == ("idle", 60, event["sid"])


def test_a_server_without_session_configuration(client, other):
    d = client(other.port, heartbeat=60)
    event = d.until_event("session-config", role="client", code="4.04")
    assert event["reason"] == "not negotiated"
    assert d.server()["config"]["heartbeat_interval"] == 60
    assert mitigate(d)[0] == 0


def test_a_server_may_ask_for_nothing_else(client, other):
    client(other.port)
    s = other.session()
    with other.lock:
        token = s.request(coap.PUT, dots.mitigate("x", 1), dots.request(["192.0.2.1/32"]))
    [answer] = until(lambda: [m for m in other.messages() if m.token == token], "an answer")
    assert coap.code_text(answer.code) == "4.04" and b"RFC 9132 4.7" in answer.payload


# 8811-2-02
def test_refused(client, other):
    other.scripted.append((coap.PUT, dots.mitigate(""), "4.00", [], b"not \x1b[31m yours"))
    d = client(other.port)
    status, _, part = mitigate(d)
    assert status == 1 and part["state"] == "refused" and part["code"] == "4.00", part
    event = d.until_event("refused")
    assert event["code"] == "4.00" and event["reason"].startswith("not "), event
    assert "\x1b" not in event["reason"] and "[31m yours" in event["reason"]


def test_overload(client, other):
    other.scripted.append((coap.PUT, dots.mitigate(""), "5.03", [(coap.MAX_AGE, b"\x01")], b""))
    d = client(other.port)
    mitigate(d)
    d.until_event("placed")
    assert len(other.messages(coap.PUT, "/mitigate/")) == 2


def test_unanswered_it_is_sent_again(client, other):
    """9132-4.4: every 3 s, under a new Message ID; here the first one is answered by nothing."""
    other.scripted.append((coap.PUT, dots.mitigate(""), "0.00", [], b""))
    d = client(other.port)
    mitigate(d)
    first, second = other.until_message(coap.PUT, "/mitigate/"), other.until_message(
        coap.PUT, "/mitigate/", 2)
    assert first.token == second.token and first.id != second.id
    d.until_event("placed")


def test_a_forgetful_server_is_told_again(client, other):
    """4.04 to the observation: the request is put again, and observed again."""
    d = client(other.port)
    mitigate(d)
    path = other.until_message(coap.GET, "/mitigate/").path
    other.mitigations.clear()
    # An error ends the observation, even with an Observe option in it (RFC 7641 4.2).
    other.notify(path, 2, code="4.04", payload=b"who?")
    again = other.until_message(coap.PUT, path, 2)
    assert dots.scopes(again.payload)[0]["target-prefix"] == ["192.0.2.5/32"]
    assert other.until_message(coap.GET, path, 2).one(coap.OBSERVE) == 0
    other.notify(path, 3, payload=other.status(path, dots.MITIGATED))
    d.until_event("status", status="attack-successfully-mitigated")


# 9132-4.7-23
def test_back_after_a_close(client, other):
    """From a new port, resumed; what stands is told again."""
    d = client(other.port)
    mitigate(d)
    first = other.session()
    other.close()
    d.until_event("session-down")
    up = d.until_event("session-up", 2)
    assert up["resumed"] == "yes" and other.session().address != first.address
    assert d.server()["state"] == "available"


# 4218-3.1-01
def test_a_server_of_another_name(client, other):
    d = client(other.port, text=CLIENT.replace("dots.example", "other.example"))
    event = d.until_event("session-failed")
    assert "not for the name other.example" in event["reason"]
    status, reply = d("mitigate", "192.0.2.5/32", "--wait", "0")
    assert status == 4 and reply["parts"][0]["state"] == "pending"
    assert not other.messages()


def test_a_server_of_a_foreign_ca(client, pki):
    other = OtherServer(pki, certificate="foreign")
    d = client(other.port)
    assert "certificate:" in d.until_event("session-failed")["reason"]
    assert not other.messages()
    other.stop()


# --- libcoap's servers: sessions, but no DOTS ------------------------------------------------------


@pytest.mark.parametrize("credentials", [X509, PSK], ids=["certificate", "psk"])
@pytest.mark.parametrize("tool", COAP_SERVERS)
def test_a_server_that_knows_no_dots(tool, credentials, client, run, pki):
    port = free_port()
    crt, key, trust = certificate_of(pki, "server")
    args = ["-k", KEY_TEXT, "-h", "hint"] if credentials == PSK else ["-c", crt, "-j", key, "-C",
                                                                      trust]
    run(need(tool), "-A", "127.0.0.1", "-p", port - 1, *args)
    until_bound(port)
    d = client(port, credentials, heartbeat=1)
    up = d.until_event("session-up")
    assert up["credential"] in ("client", f"psk:{IDENTITY}")
    # Its 4.xx to a heartbeat shows all the same that it is there.
    d.until_event("heartbeat", 3, direction="out")
    assert d.server()["state"] == "available"
    status, wish, part = mitigate(d)
    assert status == 1 and part["state"] == "refused" and part["code"].startswith("4."), part
    assert d.until_event("refused")["code"] == part["code"]
    assert d("withdraw", wish)[0] == 0
    assert not d.events("session-silent")
