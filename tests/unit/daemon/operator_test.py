#!/usr/bin/python3
"""The operator of a server: mitigations ended by hand, clients suspended, customers in files of their own.

DOTSD, DOTSCTL and TALKER name the programs. Run as a program it prints TAP."""
import pathlib
import re
import shutil
import sys

import pytest

from control_test import until
from limits_test import folder, refused, serve, sessions, talk  # noqa: F401

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
import tap  # noqa: E402


def ids(server):
    return [str(m["id"]) for m in server("list")[1]["mitigations"]]


def status(answer):
    """Of a GET or a notification: (status, lifetime) of its first entry, by the bytes of figure 14."""
    at = answer.payload.index(b"\x10")  # key 16
    return answer.payload[at + 1]


# --- mitigations -----------------------------------------------------------------------------------


# 9132-4.4.2-40, 8811-2.2.2-19
def test_a_terminated_mitigation_is_withdrawn_by_the_server(serve, talk):  # noqa: F811
    server = serve()
    acme = talk(server)
    assert acme.put("a", 1, ["192.0.2.1/32"]).code == "2.01"
    assert acme.put("a", 2, ["192.0.2.2/32"]).code == "2.01"
    acme.observe("a", 1, token=b"one")
    number, other = sorted(ids(server), key=int)
    assert server("terminate", number, "--reason", "ticket 17") == (0, {"exit": 0})
    assert status(acme.answer(b"one")) == 7
    assert ids(server) == [other]
    told, = server.events("terminated")
    assert (told["client"], told["mid"], told["scope"], told["reason"]) == ("acme", 1, "192.0.2.1/32", "ticket 17")
    assert server.events("mitigation-ended")[-1]["reason"] == "terminated by the operator"
    until(lambda: server.events("rule-removed"), "removal of the filter")
    assert acme.ask(1, acme.mitigate_path("a", 1)).code == "4.04"
    assert acme.put("a", 1, ["192.0.2.1/32"]).code == "2.01"  # it may ask again
    assert server.stop() == 0
    server.start()
    assert len(ids(server)) == 2


def test_what_cannot_be_terminated_is_refused(serve):  # noqa: F811
    server = serve()
    code, reply = server("terminate", "77")
    assert code == 1 and "nothing of the id 77" in reply["error"]
    assert server("terminate")[0] == 2
    assert server("terminate", "1", "--reason", "x" * 201)[0] == 2


# --- clients ---------------------------------------------------------------------------------------


# 8811-2.2.2-19, 8612-SIG-006-01
def test_a_suspended_client_gets_nothing_new(serve, talk):  # noqa: F811
    server = serve()
    acme, beta = talk(server), talk(server, "beta")
    assert acme.put("a", 1, ["192.0.2.1/32"]).code == "2.01"
    assert server("client", "acme", "suspend", "--reason", "contract ended") == (0, {"exit": 0})
    answer = acme.put("a", 2, ["192.0.2.2/32"])
    assert answer.code == "4.03" and b"RFC 8811 2.2.2" in answer.payload and b"suspended" in answer.payload
    assert acme.put("a", 1, ["192.0.2.1/32"]).code == "2.04"  # what stands is served
    assert acme.beat().code == "2.04" and acme.ask(1, acme.mitigate_path("a", 1)).code == "2.05"
    assert beta.put("b", 1, ["198.51.100.1/32"]).code == "2.01"
    assert server.stop() == 0
    server.start()
    assert server("status")[1]["alerts"] == ["clients that are suspended: 1, see dotsctl clients"]
    acme = talk(server)
    assert acme.put("a", 2, ["192.0.2.2/32"]).code == "4.03"
    assert acme.delete("a", 1).code == "2.02"
    entry, = server("clients", "acme")[1]["clients"]
    assert entry["state"] == "suspended" and entry["reason"] == "contract ended" and entry["refused"] == 1
    assert "suspended" in entry["refusal"]
    assert server("client", "acme", "resume")[0] == 0
    assert acme.put("a", 2, ["192.0.2.2/32"]).code == "2.01"
    assert server.stop() == 0
    server.start()
    assert server("clients", "acme")[1]["clients"][0]["state"] == "served"
    assert [e["client"] for e in server.events("client-suspended") + server.events("client-resumed")] == ["acme"] * 2


def test_a_suspension_may_end_what_stands(serve, talk):  # noqa: F811
    server = serve()
    acme, beta = talk(server), talk(server, "beta")
    for mid in (1, 2):
        assert acme.put("a", mid, [f"192.0.2.{mid}/32"]).code == "2.01"
    assert beta.put("b", 1, ["198.51.100.1/32"]).code == "2.01"
    acme.observe("a", 1, token=b"one")
    assert server("client", "acme", "suspend", "--end")[0] == 0
    assert status(acme.answer(b"one")) == 7
    assert [m["client"] for m in server("list")[1]["mitigations"]] == ["beta"]
    assert server.events("client-suspended")[-1]["ended"] == 2


def test_what_a_client_has_withdrawn_is_new(serve, talk):  # noqa: F811
    server = serve()
    server.path.write_text(server.path.read_text().replace("terminating: 0", "terminating: 60"))
    assert server("reload")[0] == 0
    acme = talk(server)
    assert acme.put("a", 1, ["192.0.2.1/32"]).code == "2.01"
    assert acme.delete("a", 1).code == "2.02"
    server("client", "acme", "suspend")
    assert acme.put("a", 1, ["192.0.2.1/32"]).code == "4.03"
    assert server("terminate", *ids(server))[0] == 0  # at once
    assert ids(server) == []


def test_words_of_client(serve):  # noqa: F811
    server = serve()
    for words, code, text in ((["nobody", "suspend"], 1, "no client nobody"), (["nobody", "resume"], 1, "no client"),
                              (["acme", "resume"], 1, "acme is not suspended"), (["acme", "dance"], 2, "no action"),
                              (["acme", "resume", "--end"], 2, "for suspend")):
        assert (r := server("client", *words))[0] == code and text in r[1]["error"]
    assert server("client", "acme")[0] == 2 and server("clients", "nobody")[0] == 1


# 8811-2.2.2-02, 8811-2.2.2-03
def test_clients_are_shown_with_what_they_have(serve, talk):  # noqa: F811
    server = serve(acme="mitigations: 5, sessions: 3, targets-total: 20")
    beta = talk(server, "beta")
    assert beta.put("b", 1, ["198.51.100.1/32", "198.51.100.2/32"]).code == "2.01"
    assert beta.put("b", 2, ["203.0.113.1/32"]).code == "4.00"
    first, second = server("clients")[1]["clients"]
    assert first["name"] == "beta" and second["name"] == "acme"  # who has something comes first
    assert first["mitigations"] == {"has": 1, "may": 1000} and first["targets"]["has"] == 2
    assert first["sessions"] == {"has": 1, "may": 8} and first["refused"] == 1
    assert "203.0.113.1/32 is outside" in first["refusal"]
    assert second["sessions"] == {"has": 0, "may": 3} and second["targets"] == {"has": 0, "may": 20}
    assert "heard" not in second and second["state"] == "served"
    server("client", "acme", "suspend", "--reason", "see ticket 4")
    out = server.text("clients")[1].splitlines()
    assert re.match(r"acme +suspended +0/3 +0/5 +0/20 ", out[1])  # suspended ones first of all
    assert re.match(r"beta +served +1/8 +1/1000 +2/10000 ", out[2])
    assert out[3].startswith("acme is suspended since ") and out[3].endswith(": see ticket 4")


# --- prefixes --------------------------------------------------------------------------------------


# 9132-4.4.1.1-37
def test_a_reload_ends_what_is_no_longer_authorised(serve, talk):  # noqa: F811
    server = serve()
    acme = talk(server)
    assert acme.put("a", 1, ["192.0.2.0/25"]).code == "2.01"
    assert acme.put("a", 2, ["192.0.2.192/26"]).code == "2.01"
    assert acme.put("a", 3, ["192.0.2.130/32"]).code == "2.01"
    text = server.path.read_text()
    server.path.write_text(text + "never-mitigate: [192.0.2.200/32]\n")
    assert server("reload")[0] == 0
    assert sorted(m["mid"] for m in server("list")[1]["mitigations"]) == [1, 3]
    answer = acme.put("a", 4, ["192.0.2.192/26"])
    assert answer.code == "4.00" and b"192.0.2.192/26 has to do with 192.0.2.200/32" in answer.payload
    server.path.write_text(text.replace("  acme: {", "  acme: {widest: {ipv4: 28}, "))
    assert server("reload")[0] == 0
    assert [m["mid"] for m in server("list")[1]["mitigations"]] == [3]
    answer = acme.put("a", 5, ["192.0.2.0/27"])
    assert answer.code == "4.00" and b"192.0.2.0/27 is wider than the /28" in answer.payload
    assert acme.put("a", 5, ["192.0.2.0/28"]).code == "2.01"


# --- files of customers ----------------------------------------------------------------------------


@pytest.fixture
def customers(folder, serve):  # noqa: F811
    path = folder / "customers"
    path.mkdir()
    (path / "gamma.yaml").write_text("gamma: {psk: [{identity: gamma, file: ../a.psk}], prefixes: [203.0.113.0/24]}\n")
    server = serve()
    server.path.write_text(server.path.read_text() + "clients-dir: customers\n")
    assert server("reload")[0] == 0
    yield server, path
    shutil.rmtree(path)


# 8811-1.2-04
def test_a_reload_takes_all_files_of_customers_or_none(customers, talk):  # noqa: F811
    server, path = customers
    gamma = talk(server, "gamma")
    assert gamma.put("g", 1, ["203.0.113.1/32"]).code == "2.01"
    (path / "delta.yaml").write_text("delta: {psk: [{identity: delta, file: ../a.psk}], prefixes: [192.0.2.0/24]}\n")
    (path / "epsilon.yaml").write_text("epsilon: {psk: [{identity: gamma, file: ../a.psk}]}\n")
    code, reply = server("reload")
    assert code == 1 and f'{path}/gamma.yaml:1:1: client "gamma": "gamma" stands twice' in reply["error"]
    assert [c["name"] for c in server("clients")[1]["clients"]] == ["gamma", "acme", "beta"]
    (path / "epsilon.yaml").unlink()
    assert server("reload")[0] == 0
    delta = talk(server, "delta")
    assert delta.put("d", 1, ["192.0.2.1/32"]).code == "2.01"
    assert gamma.beat().code == "2.04" and not gamma.has("down")  # nothing happened to it
    assert len(ids(server)) == 2
    (path / "gamma.yaml").unlink()
    assert server("reload")[0] == 0
    gamma.expect("down")
    assert [m["client"] for m in server("list")[1]["mitigations"]] == ["delta"]
    assert delta.beat().code == "2.04"


# 9133-3.2.1-16
def test_filters_are_not_controlled_without_a_data_channel(serve, talk):  # noqa: F811
    server = serve()
    acme = talk(server)
    got = acme.put("a", 1, ["192.0.2.1/32"], acl=[("f", 2)])
    assert got.code == "4.00" and b"acl-list" in got.payload
    assert not ids(server)


if __name__ == "__main__":
    tap.run(__file__)
