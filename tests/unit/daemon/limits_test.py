#!/usr/bin/python3
"""What others can make grow in a running dotsd, and what happens beyond (doc/limits.md): real
daemons, and clients that are not ours.

DOTSD, DOTSCTL and TALKER name the programs. Run as a program it prints TAP."""
import contextlib
import datetime
import pathlib
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile

import pytest

from control_test import PATIENCE, Daemon, Raw, free_port, until
from talking import CONTENT_FORMAT, DOTS_CBOR, KEY, MAX_AGE, OBSERVE, PUT, Talker

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
import tap  # noqa: E402

SERVER = """instance: {name}
state: {name}-state
control: {name}.sock
events: {name}.json
listen: [{{address: 127.0.0.1, port: {port}}}]
clients:
  acme: {{psk: [{{identity: acme, file: a.psk}}], prefixes: [192.0.2.0/24], limits: {{{acme}}}}}
  beta: {{psk: [{{identity: beta, file: a.psk}}], prefixes: [198.51.100.0/24], limits: {{{beta}}}}}
limits: {{{limits}}}
"""
DRY = "mitigators: [dry-run: {}]\nmitigation: {terminating: 0}\n"
DOMAIN = """domains:
  isp1:
    interface: lo
    prefixes: [192.0.2.0/24, 198.51.100.0/24]
    servers: [{{name: dots.example, addresses: [127.0.0.1], port: {upstream}}}]
    credentials: {{psk-identity: acme, psk-file: a.psk}}
"""


@pytest.fixture(scope="module")
def folder():
    path = pathlib.Path(tempfile.mkdtemp(prefix="dotsd-limits-"))
    path.chmod(0o755)
    (path / "a.psk").write_text(KEY + "\n")
    yield path
    shutil.rmtree(path)


@pytest.fixture
def serve(folder):
    """Starts a dotsd that serves; upstream makes it a gateway."""
    daemons = []

    def start(name="server", acme="", beta="", limits="", upstream=None):
        port = free_port()
        text = SERVER.format(name=name, port=port, acme=acme, beta=beta, limits=limits)
        text += DOMAIN.format(upstream=upstream) if upstream else DRY
        d = Daemon(folder, name, text).start()
        d.port = port
        daemons.append(d)
        return d

    yield start
    for d in daemons:
        if d.process:
            d.process.send_signal(signal.SIGCONT)
        assert d.stop() in (0, None)
        for path in folder.glob(f"{d.name}*"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


@pytest.fixture
def talk():
    talkers = []

    def start(server, who="acme", up=True, **more):
        talkers.append(Talker(server.port, "psk", who, KEY, **more))
        if up:
            talkers[-1].up()
        return talkers[-1]

    yield start
    for t in talkers:
        t.stop()


def sessions(server):
    return server("sessions")[1]["clients"]


def refused(server, text):
    return [e for e in server.events("session-refused") if text in e["reason"]]


# --- sessions and handshakes -----------------------------------------------------------------------


# 8811-2.2.2-02
def test_the_session_heard_longest_ago_makes_room(serve, talk):
    server = serve(acme="sessions: 2")
    first, second = talk(server), talk(server)
    assert first.beat().code == "2.04"
    third = talk(server)
    second.expect("down")
    assert first.beat().code == "2.04" and third.beat().code == "2.04"
    until(lambda: len(sessions(server)) == 2, "two sessions")


def test_sessions_that_are_over_do_not_count(serve, talk):
    server = serve(acme="sessions: 2")
    for _ in range(4):
        talk(server).say("close")
    until(lambda: not sessions(server), "all over")
    first, second = talk(server), talk(server)
    assert first.beat().code == "2.04" and second.beat().code == "2.04"
    assert not first.has("down") and len(sessions(server)) == 2


def test_sessions_in_all_are_limited(serve, talk):
    server = serve(limits="sessions: 2")
    first = talk(server)
    talk(server, "beta")
    third = talk(server, "beta", up=False)
    third.expect("asked 4")  # the second ClientHello again and again
    assert not third.has("up") and len(sessions(server)) == 2
    first.say("close")
    third.up()


def test_limits_follow_a_reload(serve, talk):
    server = serve(limits="sessions: 1")
    talk(server)
    second = talk(server, up=False)
    second.expect("asked 4")
    assert not second.has("up")
    server.path.write_text(server.path.read_text().replace("limits: {sessions: 1}", "limits: {sessions: 2}"))
    assert server("reload")[0] == 0
    second.up()


def test_half_open_handshakes_by_prefix_and_in_time(serve, talk):
    server = serve(limits="half-open-per-prefix: 2, handshake-timeout: 3")
    stalled = [talk(server, up=False, source=f"127.0.5.{i}", mute=True) for i in (1, 2)]
    for t in stalled:
        t.expect("begun")
    late = talk(server, up=False, source="127.0.5.3")
    other = talk(server, source="127.0.6.1")
    assert other.beat().code == "2.04"
    late.up()  # when the others' time is over
    assert len(until(lambda: refused(server, "handshake timed out"), "end")) >= 1


def test_half_open_handshakes_in_all(serve, talk):
    server = serve(limits="half-open: 2, half-open-per-prefix: 2, handshake-timeout: 3")
    for i in (1, 2):
        talk(server, up=False, source=f"127.0.5.{i}", mute=True).expect("begun")
    talk(server, source="127.0.7.1")  # comes in at once
    assert refused(server, "all places for handshakes were taken")
    talk(server, up=False, source="127.0.6.1", mute=True).expect("begun")
    late = talk(server, up=False, source="127.0.6.2")  # its prefix has as many as any
    late.up()
    assert refused(server, "handshake timed out")


def test_a_certificate_beyond_32_kib_is_refused(serve, folder):
    """GnuTLS does not send one, OpenSSL does."""
    def openssl(*args):
        subprocess.run(["openssl", *args], cwd=folder, check=True, capture_output=True)

    new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    openssl("req", "-x509", *new, "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=ca")
    for name, extension in (("server", "extendedKeyUsage=serverAuth"), ("small", "extendedKeyUsage=clientAuth"),
                            ("huge", "extendedKeyUsage=clientAuth\nsubjectAltName=URI:urn:" + "x" * 40000)):
        (folder / f"{name}.ext").write_text(extension + "\n")
        openssl("req", *new, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}.example")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial",
                "-extfile", f"{name}.ext", "-out", f"{name}.crt")
    server = serve(limits="handshake-timeout: 2")
    text = server.path.read_text() + "credentials: {certificate: server.crt, key: server.key, trust: ca.crt}\n"
    server.path.write_text(text.replace("  acme: {", "  acme: {certificates: [small.example, huge.example], "))
    assert server("reload")[0] == 0
    for name, seen in (("huge", lambda: refused(server, "more than 32 KiB")), ("small", lambda: sessions(server))):
        with subprocess.Popen(["openssl", "s_client", "-dtls1_2", "-connect", f"127.0.0.1:{server.port}", "-cert",
                               f"{name}.crt", "-key", f"{name}.key"], cwd=folder, stdin=subprocess.PIPE,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as client:
            try:
                until(seen, f"end of the handshake of {name}")
            finally:
                client.kill()
    assert {s["credential"] for s in sessions(server)} <= {"small.example"}


# 9132-11-08
def test_handshakes_of_a_client_are_limited(serve, talk):
    server = serve(acme="handshakes-per-minute: 2")
    first, second = talk(server), talk(server)
    third = talk(server, up=False)
    third.expect("down")
    assert len(until(lambda: refused(server, "too many handshakes"), "refusal")) == 1
    assert first.beat().code == "2.04" and second.beat().code == "2.04"
    assert talk(server, "beta").beat().code == "2.04"
    entry, = server("clients", "acme")[1]["clients"]
    assert entry["refused"] == 1 and "too many handshakes" in entry["refusal"]


def record(kind, body, version=b"\xfe\xfd", number=0):
    """One of DTLS, epoch 0."""
    return bytes([kind]) + version + bytes(2) + number.to_bytes(6, "big") + len(body).to_bytes(2, "big") + body


def hello(extra=b"", cookie=b"", session=b"", cut=0):
    body = b"\xfe\xfd" + bytes(range(32)) + bytes([len(session)]) + session + bytes([len(cookie)]) + cookie
    body += b"\x00\x02\xc0\xac\x01\x00" + extra
    body = body[:len(body) - cut]
    length = len(body).to_bytes(3, "big")
    return b"\x01" + length + bytes(2) + bytes(3) + length + body


def strangers():
    """What somebody may send who claims another one's address: whole and broken hellos, and anything else."""
    yield "hello", record(22, hello())
    yield "large hello", record(22, hello(extra=b"\x01\x00" + bytes(256)))
    yield "hello with a wrong cookie", record(22, hello(cookie=bytes(16)))
    yield "hello with a long cookie", record(22, hello(cookie=bytes(255)))
    for cut in range(1, 42):
        yield f"hello without {cut} bytes", record(22, hello(cut=cut))
    whole = hello()
    for n in (0, 1, 11, 12, 13, 20, 40):
        yield f"{n} bytes of a hello", record(22, whole[:n])
        yield f"{n} bytes of a record", record(22, whole)[:n]
    yield "fragment", record(22, whole[:6] + bytes(3) + (10).to_bytes(3, "big") + whole[12:22])
    for kind in (0, 20, 21, 23, 24, 25, 255):
        for body in (b"", b"\x02\x28", bytes(40)):
            yield f"record {kind}", record(kind, body)
    yield "TLS 1.3 record", bytes([0x2f]) + bytes(40)
    yield "CoAP", b"\x40\x01\x00\x01\xbb.well-known\x04core"
    yield "ping", b"\x40\x00\x00\x01"
    for n in (1, 2, 13, 100, 1400):
        yield f"{n} zeros", bytes(n)
    yield "many hellos in one datagram", b"".join(record(22, hello(), number=i) for i in range(8))


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_strangers_get_no_more_than_they_send(address, serve):
    """8811-5-10: whoever is claimed to have asked is hit by no more than what was sent: UDP payload, of one port for
    each message. An answer to the hello that follows it says that nothing more is to come."""
    server = serve()
    server.path.write_text(server.path.read_text().replace("address: 127.0.0.1", f'address: "{address}"'))
    assert server.stop() == 0
    server.start()
    answered = 0
    for what, message in strangers():
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(PATIENCE)
            s.connect((address, server.port))
            s.send(message)
            s.send(record(22, hello(), number=99))
            got = s.recv(65536)
            total = len(got)
            while got[5:11] != (99).to_bytes(6, "big"):
                got = s.recv(65536)
                total += len(got)
            total -= len(got)
            assert got[0] == 22 and got[13] == 3 and len(got) <= len(record(22, hello()))
        assert total <= len(message), (what, total)
        answered += total > 0
    assert answered  # whole hellos are
    assert not sessions(server) and server("status")[1]["handshakes"] == 0


# --- requests --------------------------------------------------------------------------------------


# 9132-4.4.1.3-15
def test_mitigations_beyond_the_limits_get_busy(serve, talk):
    server = serve(acme="mitigations: 2", limits="mitigations: 3")
    acme, beta = talk(server), talk(server, "beta")

    def is_busy(answer):
        return answer.code == "5.03" and answer.number(MAX_AGE) > 0

    assert acme.put("a", 1, ["192.0.2.1/32"]).code == "2.01"
    assert acme.put("a", 2, ["192.0.2.2/32"]).code == "2.01"
    assert is_busy(acme.put("a", 3, ["192.0.2.3/32"]))  # its own limit
    assert beta.put("b", 1, ["198.51.100.1/32"]).code == "2.01"
    assert is_busy(beta.put("b", 2, ["198.51.100.2/32"]))  # the limit of all
    assert acme.put("a", 1, ["192.0.2.1/32"]).code == "2.04"  # a refresh is none more
    assert acme.delete("a", 2).code == "2.02"
    assert beta.put("b", 2, ["198.51.100.2/32"]).code == "2.01"


# 9132-11-08
def test_targets_of_all_requests_are_limited(serve, talk):
    server = serve(acme="targets-total: 3", limits="targets-total: 4")
    acme, beta = talk(server), talk(server, "beta")
    assert acme.put("a", 1, ["192.0.2.1/32", "192.0.2.2/32"]).code == "2.01"
    answer = acme.put("a", 2, ["192.0.2.3/32", "192.0.2.4/32"])
    assert answer.code == "5.03" and answer.number(MAX_AGE) > 0 and b"as many target-prefixes" in answer.payload
    assert beta.put("b", 1, ["198.51.100.1/32", "198.51.100.2/32"]).code == "2.01"
    assert acme.put("a", 3, ["192.0.2.5/32"]).code == "5.03"  # the limit of all
    assert acme.delete("a", 1).code == "2.02"
    assert acme.put("a", 3, ["192.0.2.5/32"]).code == "2.01"


def test_entries_of_a_request_beyond_the_limits_are_refused(serve, talk):
    server = serve(acme="targets: 3, ports: 2")
    acme = talk(server)
    targets = [f"192.0.2.{i}/32" for i in range(4)]
    answer = acme.put("a", 1, targets)
    assert answer.code == "4.00" and b"target-prefix has 4 entries, more than the 3" in answer.payload
    answer = acme.put("a", 1, targets[:3], ports=[{8: 1}, {8: 2}, {8: 3}])
    assert answer.code == "4.00" and b"target-port-range has 3 entries, more than the 2" in answer.payload
    assert acme.put("a", 1, targets[:3], ports=[{8: 1}, {8: 2, 9: 9}]).code == "2.01"
    answer = acme.put("a", 2, ["192.0.2.9/32"], protocols=[6] * 257)
    assert answer.code == "4.00" and b"more than 256 entries" in answer.payload


# 9132-11-08 9132-11-09
@pytest.mark.parametrize("role", ["server", "gateway"])
def test_cuids_of_a_client_are_limited(role, serve, talk):
    """A gateway without anybody upstream answers 5.03 for that, before and after."""
    server = serve(acme="cuids: 2", upstream=free_port() if role == "gateway" else None)
    taken = "5.03" if role == "gateway" else "2.01"
    acme = talk(server)
    assert acme.put("a", 1, ["192.0.2.1/32"]).code == taken
    assert acme.put("b", 1, ["192.0.2.2/32"]).code == taken
    for i in range(100):
        answer = acme.put(f"c{i}", 1, ["192.0.2.3/32"])
        assert answer.code == "4.29" and b"one more than the 2" in answer.payload
    assert acme.put("a", 2, ["192.0.2.4/32"]).code == taken
    assert len(server("list")[1]["mitigations"]) == (3 if role == "server" else 0)


# 9132-11-09
@pytest.mark.parametrize("role", ["server", "gateway"])
def test_requests_beyond_the_rate_are_too_many(role, serve, talk):
    server = serve(acme="requests-per-second: 1", upstream=free_port() if role == "gateway" else None)
    taken = "5.03" if role == "gateway" else "2.01"
    acme, again, beta = talk(server), talk(server), talk(server, "beta")

    def is_too_many(answer):
        return answer.code == "4.29" and answer.number(MAX_AGE) == 1 and b"RFC 9132 11" in answer.payload

    codes = [acme.put("a", 1, ["203.0.113.1/32"]).code for _ in range(10)]
    assert codes == ["4.00"] * 10  # those of ten seconds at once
    until(lambda: is_too_many(acme.put("a", 1, ["192.0.2.1/32"])), "one too many")
    until(lambda: is_too_many(again.put("a", 2, ["192.0.2.2/32"])), "one too many of another session")
    assert acme.beat().code == "2.04" and acme.delete("a", 7).code == "2.02"
    assert beta.put("b", 1, ["198.51.100.1/32"]).code == taken
    until(lambda: acme.put("a", 3, ["192.0.2.3/32"]).code == taken, "its turn")


def test_observers_beyond_the_limits_get_a_plain_answer(serve, talk):
    server = serve(acme="observers: 2", limits="observers: 3")
    acme, beta = talk(server), talk(server, "beta")
    for i in range(4):
        acme.put("a" if i % 2 else "A", i, [f"192.0.2.{i}/32"])
        beta.put("b", i, [f"198.51.100.{i}/32"])
    assert OBSERVE in acme.observe("A", 0, token=b"one").options
    assert OBSERVE in acme.observe("a", 1, token=b"two").options  # whatever the cuid
    answer = acme.observe("A", 2, token=b"three")
    assert answer.code == "2.05" and OBSERVE not in answer.options
    assert server.events("get-mitigate")[-1]["observe"] == "too many"
    assert OBSERVE in acme.observe("A", 0, token=b"one").options  # the same again is none more
    assert OBSERVE in beta.observe("b", 0, token=b"one").options
    assert OBSERVE not in beta.observe("b", 1, token=b"two").options  # the limit of all
    acme.observe("a", 1, wanted=1, token=b"two")  # cancelled
    assert OBSERVE in beta.observe("b", 1, token=b"two").options
    beta.say("close")
    until(lambda: len(sessions(server)) == 1, "end of the session")
    assert OBSERVE in acme.observe("A", 2, token=b"three").options


def test_a_token_observes_one_thing_at_a_time(serve, talk):
    server = serve(acme="observers: 1")
    acme = talk(server)
    acme.put("a", 1, ["192.0.2.1/32"])
    acme.put("b", 2, ["192.0.2.2/32"])
    assert OBSERVE in acme.observe("a", 1, token=b"t").options
    assert OBSERVE in acme.observe("b", 2, token=b"t").options
    acme.delete("b", 2)
    assert acme.answer(b"t").code == "2.05"  # its last word
    assert OBSERVE in acme.observe("a", 1, token=b"u").options


def silent_upstream(serve, **limits):
    """A gateway whose provider has a session and says nothing any more."""
    upstream = serve(name="upstream")
    gateway = serve(name="gateway", upstream=upstream.port, **limits)
    until(lambda: gateway.server()["state"] == "available", "session upstream")
    upstream.process.send_signal(signal.SIGSTOP)
    return gateway


def test_requests_that_wait_are_limited(serve, talk):
    gateway = silent_upstream(serve, acme="waiting-requests: 2")
    acme = talk(gateway)

    def burst(first):
        """Three at once; the codes of their answers."""
        tokens = [acme.send(PUT, acme.mitigate_path("a", first + i), [(CONTENT_FORMAT, DOTS_CBOR)],
                            acme.put_body([f"192.0.2.{(first + i) % 256}/32"])) for i in range(3)]
        return [acme.answer(t).code for t in tokens]

    mids = iter(range(1, 1000, 3))
    codes = until(lambda: (c if "5.03" in (c := burst(next(mids))) else None), "a request too many")
    assert codes == ["2.01", "2.01", "5.03"]  # the first two after 3 s of silence (rule M13)
    assert burst(next(mids))[0] == "2.01"


def test_repeats_of_a_request_that_waits_share_its_answer_up_to_eight(serve, talk):
    gateway = silent_upstream(serve)
    acme = talk(gateway)

    mids = iter(range(1, 100))

    def one_too_many():
        """Nine at once; their answers, if none came before the last one was sent."""
        mid = next(mids)
        tokens = [acme.send(PUT, acme.mitigate_path("a", mid), [(CONTENT_FORMAT, DOTS_CBOR)],
                            acme.put_body([f"192.0.2.{mid}/32"])) for _ in range(9)]
        answers = [acme.answer(t) for t in tokens]
        return answers if "5.03" in {a.code for a in answers} else None

    answers = until(one_too_many, "one too many")
    assert answers[8].code == "5.03" and answers[8].number(MAX_AGE) > 0
    assert {a.code for a in answers[:8]} == {"2.01"}


def test_endpoints_learnt_from_sessions_are_limited(serve, talk, folder):
    server = serve()
    server.path.write_text(server.path.read_text().replace("address: 127.0.0.1, ", ""))
    assert server.stop() == 0
    server.start()
    for i in range(1, 67):
        talk(server, address=f"127.0.0.{i}").say("close")
    acme = talk(server)
    assert acme.put("a", 1, ["192.0.2.1/32"]).code == "2.01"  # answered when all before it is on disk
    with sqlite3.connect(folder / "server-state" / "dotsd.db") as db:
        assert db.execute("SELECT count(*) FROM record WHERE kind = 'endpoint'").fetchone() == (64,)


def moments(events):
    return [datetime.datetime.fromisoformat(e["time"][:23]) for e in events]


def test_a_client_does_not_fill_the_log(serve, talk):
    """Refusals, heartbeats, withdrawals of nothing: ten a second are told of, the others are counted."""
    server = serve()
    acme, beta = talk(server), talk(server, "beta")
    asked = 200
    for i in range(asked):
        assert acme.put("a", i, ["203.0.113.1/32"]).code == "4.00"  # is told as put-mitigate
        assert acme.ask(PUT, acme.mitigate_path("a", i)).code == "4.00"  # as request-refused
        assert acme.delete("a", i).code == "2.02"
        assert acme.beat().code == "2.04"
    refusal = beta.put("b", 1, ["203.0.113.1/32"])
    assert refusal.code == "4.00"
    assert [e["from"] for e in server.events("put-mitigate")][-1] == "beta"  # at once, whatever acme does
    kinds = {"refusals": (2 * asked, ("put-mitigate", "request-refused")),
             "idle": (2 * asked, ("delete-mitigate", "heartbeat"))}
    for number, names in kinds.values():
        told = sorted((e for name in names for e in server.events(name)
                       if "acme" in (e.get("from"), e.get("peer")) and e.get("direction") != "out"),
                      key=lambda e: e["time"])
        # No more than ten in a second that begins with the first of them, so a whole one between these.
        assert all((b - a).total_seconds() > 0.9 for a, b in zip(moments(told), moments(told)[20:]))
        assert len(told) <= len(told) + sum(int(e.get("untold", 0)) for e in told) <= number


# --- the store -------------------------------------------------------------------------------------


def test_what_was_volatile_is_told_to_be_durable_without_a_refresh(serve, talk, folder):
    server = serve()
    acme = talk(server)

    def marks():
        return [m["volatile"] for m in server("list")[1]["mitigations"]]

    with contextlib.closing(sqlite3.connect(folder / "server-state" / "dotsd.db", isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")  # nobody else can write
        assert acme.put("a", 1, ["192.0.2.1/32"]).code == "2.01"
        assert acme.put("a", 2, ["192.0.2.2/32"]).code == "2.01"
        assert marks() == [True, True] and server("status")[1]["store"]["state"] == "volatile"
        assert acme.delete("a", 2).code == "2.02"
        assert server("status")[1]["store"]["state"] == "volatile"
        db.execute("ROLLBACK")
    until(lambda: marks() == [False], "the mark gone")
    assert server("status")[1]["store"] == {"state": "durable", "backlog": 0}
    assert len(server.events("put-mitigate")) == 2 and len(server.events("store-durable")) == 1


# --- our own requests ------------------------------------------------------------------------------


def test_wishes_are_limited(serve):
    gateway = silent_upstream(serve, limits="wishes: 2")
    for i in (1, 2):
        assert gateway("mitigate", f"192.0.2.{i}", "--id", f"w{i}", "--wait", "0")[0] == 4
    code, reply = gateway("mitigate", "192.0.2.3", "--wait", "0")
    assert code == 1 and "too many requests already" in reply["error"]
    assert gateway("mitigate", "192.0.2.1", "--id", "w1", "--wait", "0")[0] == 4  # renewed: none more
    assert gateway("status")[1]["wishes"] == 2


def test_preconfigured_requests_are_wishes_like_others(serve, folder):
    server = serve()
    text = f"""instance: client
state: client-state
control: client.sock
events: client.json
limits: {{wishes: 2}}
{DOMAIN.format(upstream=server.port)}"""
    client = Daemon(folder, "client", text + "preconfigured: [192.0.2.1/32, 192.0.2.2/32, 192.0.2.3/32]\n").start()

    def beyond():
        return [e["ask"] for e in client.events("alert") if e["reason"] == "2 requests are kept already"]

    def targets():
        return [w["id"] for w in client("list")[1]["wishes"]]

    try:
        until(lambda: beyond() == ["file:192.0.2.3/32"], "an alert for the third")
        until(lambda: len(server("list")[1]["mitigations"]) == 2, "two of three")
        assert targets() == ["file:192.0.2.1/32", "file:192.0.2.2/32"]
        code, reply = client("mitigate", "192.0.2.9", "--wait", "0")
        assert code == 1 and "too many requests already" in reply["error"]
        client.path.write_text(text + "preconfigured: [192.0.2.1/32]\n")
        assert client("reload")[0] == 0
        until(lambda: len(targets()) == 1, "withdrawal of one")
        client.path.write_text(text + "preconfigured: [192.0.2.1/32, 192.0.2.3/32]\n")
        assert client("reload")[0] == 0
        assert len(beyond()) == 1 and targets() == ["file:192.0.2.1/32", "file:192.0.2.3/32"]
    finally:
        client.stop()


def test_more_requests_than_a_session_has_open_are_all_placed(serve, folder):
    """An observation keeps its request open for good: they leave room for asking."""
    server = serve()
    client = Daemon(folder, "client", f"""instance: client
state: client-state
control: client.sock
events: client.json
{DOMAIN.format(upstream=server.port)}""").start()
    try:
        until(lambda: client.server()["state"] == "available", "session")
        for i in range(100):
            assert client("mitigate", f"192.0.2.{i}", "--wait", "60")[0] == 0
        until(lambda: len(server("list")[1]["mitigations"]) == 100, "100 mitigations")
        observed = [e for e in server.events("get-mitigate") if e["observe"] == "yes"]
        assert len({e["mid"] for e in server.events("put-mitigate")}) == 100 and 16 <= len(observed) <= 40
        assert not [e for e in client.events("alert") if "open files" in e["reason"]]
        for i in range(100):
            assert client("withdraw", f"w{i + 1}")[0] == 0
        until(lambda: client("status")[1]["wishes"] == 0, "all withdrawn")
    finally:
        client.stop()
        shutil.rmtree(folder / "client-state")


def test_a_client_has_its_share_of_the_wishes(serve, talk):
    """What it withdrew counts until that is through: it cannot take the places of others."""
    gateway = silent_upstream(serve, acme="mitigations: 2")
    acme, beta = talk(gateway), talk(gateway, "beta")
    for mid in (1, 2):
        assert acme.put("a", mid, [f"192.0.2.{mid}/32"]).code == "2.01"
        assert acme.delete("a", mid).code == "2.02"
    assert gateway("status")[1]["wishes"] == 2 and gateway("status")[1]["mitigations"] == 0
    answer = acme.put("a", 3, ["192.0.2.3/32"])
    assert answer.code == "5.03" and answer.number(MAX_AGE) > 0 and b"gateway takes" in answer.payload
    assert beta.put("b", 1, ["198.51.100.1/32"]).code == "2.01"
    assert gateway("mitigate", "192.0.2.4", "--wait", "0")[0] == 4


# --- the control socket ----------------------------------------------------------------------------


def is_closed(raw, request=None):
    """At once, or after the request."""
    try:
        if request:
            raw.send(request)
        raw.receive()
    except (EOFError, ConnectionError):
        return True


def test_idle_control_connections_make_room(serve):
    server = serve(limits="control-connections: 3")
    status = {"command": "status"}
    first, second, third = (Raw(server.socket) for _ in range(3))
    for raw in (first, second, third, first):
        assert raw.ask(status)["exit"] == 0
    mute = Raw(server.socket)  # says nothing, which is as good as the others
    assert is_closed(second) and first.ask(status)["exit"] == 0
    for _ in range(40):
        assert server("status")[0] == 0  # one more each, that goes by itself
    assert is_closed(third)
    others = [Raw(server.socket) for _ in range(2)]
    assert is_closed(mute) and first.ask(status)["exit"] == 0
    assert others[1].ask(status)["exit"] == 0
    server.path.write_text(server.path.read_text().replace("control-connections: 3", "control-connections: 5"))
    assert server("reload")[0] == 0
    crowd = [Raw(server.socket) for _ in range(5)]
    for raw in crowd + crowd:  # all of them have room
        assert raw.ask(status)["exit"] == 0


def test_control_connections_are_limited(serve):
    """Whose command is being carried out keeps its place."""
    server = serve(limits="control-connections: 3", upstream=free_port())
    busy = [Raw(server.socket) for _ in range(3)]
    for i, raw in enumerate(busy):
        raw.send({"command": "mitigate", "targets": [f"192.0.2.{i}"], "id": f"w{i}", "wait": 60})
    until(lambda: len(server.events("asked")) == 3, "three commands")
    assert is_closed(Raw(server.socket), {"command": "status"})
    busy[0].s.close()
    until(server.answers, "room for a connection")
    for raw in busy[1:]:
        raw.s.setblocking(False)
        with pytest.raises(BlockingIOError):  # neither answered nor closed
            raw.s.recv(1)


def test_a_list_shows_a_thousand(serve):
    server = serve(upstream=free_port())
    raw = Raw(server.socket)
    for i in range(1001):
        target = f"192.0.2.{i}" if i < 256 else f"198.51.100.{i % 256}"
        assert raw.ask({"command": "mitigate", "targets": [target], "wait": 0})["exit"] == 4
    reply = raw.ask({"command": "list"})
    assert len(reply["wishes"]) == 1000 and reply["not_shown"] == 1


if __name__ == "__main__":
    tap.run(__file__)
