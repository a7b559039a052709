"""What dotsd says on the wire, as Wireshark understands it. The keys come from the other end: dotsd
has no code to give any away."""

import os
import signal
import subprocess

import pytest

import coap
import dots
from daemon import CLIENT, SERVER, Daemon
from other_server import OtherServer
from peers import PATIENCE, certificate_of, need, s_client, until

FIELDS = ["coap.type", "coap.code", "coap.mid", "coap.token", "coap.opt.uri_path", "coap.opt.ctype",
          "coap.payload_length", "_ws.malformed"]
TYPES = {"0": "CON", "1": "NON", "2": "ACK", "3": "RST"}
CONFIG = dots.WELL_KNOWN + "/config"
DOTS_CBOR = "application/dots+cbor"


class Capture:
    """The datagrams of one port on loopback."""

    def __init__(self, run, folder, port):
        self.port, self.file, self.keys = port, folder / "capture.pcap", folder / "keys"
        self.keys.touch()
        self.program = run(need("tshark"), "-i", "lo", "-f", f"udp port {port}", "-w", self.file)
        # "Capturing on" is said before it is true; "Capture started" after.
        self.program.wait_for("Capture started")

    def _tshark(self, *args, check=False):
        r = subprocess.run(["tshark", "-r", self.file, "-o", f"tls.keylog_file:{self.keys}", "-d",
                            f"udp.port=={self.port},dtls", "-d", f"dtls.port=={self.port},coap",
                            *args], capture_output=True, text=True, timeout=PATIENCE, check=check)
        return r.stdout.splitlines()

    def messages(self):
        """(type, code, Message ID, token, Uri-Path, Content-Format, payload length) so far."""
        fields = [a for f in FIELDS for a in ("-e", f)]
        found = []
        for line in self._tshark("-Y", "coap", "-T", "fields", "-E", "separator=|", *fields):
            kind, code, mid, token, path, content, length, malformed = line.split("|")
            assert not malformed, line
            code = coap.code_text(int(code)) if int(code) > 31 else int(code)
            found.append((TYPES[kind], code, mid, token, "/" + path.replace(",", "/"), content,
                          int(length or 0)))
        return found

    def server_names(self):
        """SNI of all ClientHellos."""
        return set(self._tshark("-Y", "dtls.handshake.type == 1", "-T", "fields", "-e",
                                "dtls.handshake.extensions_server_name", check=True))

    def until_messages(self, n):
        return until(lambda: len(self.messages()) >= n and self.messages(),
                     lambda: f"{n} messages in {self.messages()}")

    def finish(self):
        """Nothing in it is malformed, in any protocol, and nothing stayed encrypted."""
        self.program.process.send_signal(signal.SIGINT)
        self.program.process.wait(PATIENCE)
        assert self._tshark("-Y", "_ws.malformed || _ws.expert.severity == Error", check=True) == []
        data = self._tshark("-Y", "dtls.record.content_type == 23", check=True)
        read = self._tshark("-Y", "dtls.record.content_type == 23 && coap", check=True)
        assert data and len(data) == len(read)


@pytest.fixture
def server(pki, tmp_path):
    d = Daemon(tmp_path / "server", SERVER, pki=pki).start()
    yield d
    assert d.stop() == 0


# 9284-1-10, 8811-1.2-01, 9132-3-21, 9132-3-17, 9132-10.3-01, 9132-10.4-01
def test_requests_and_answers(server, run, pki, tmp_path):
    """coap-client-gnutls logs the keys of its sessions."""
    capture = Capture(run, tmp_path, server.port)
    crt, key, trust = certificate_of(pki, "client")
    body = dots.request(["192.0.2.1/32"])
    (tmp_path / "body").write_bytes(body)
    path = dots.mitigate("abc", 7)

    def ask(*args, path=path):
        subprocess.run([need("coap-client-gnutls"), "-c", crt, "-j", key, "-C", trust, "-B", "20",
                        *args, f"coaps://127.0.0.1:{server.port}{path}"], capture_output=True,
                       env=dict(os.environ, SSLKEYLOGFILE=str(capture.keys)), timeout=PATIENCE,
                       check=True)

    put = ["-m", "put", "-t", str(dots.FORMAT), "-f", str(tmp_path / "body")]
    ask(*put)
    ask("-N", *put)
    ask("-m", "get")
    ask("-m", "delete")
    ask("-m", "get", path="/.well-known/dots/nothing")
    messages = capture.until_messages(10)
    requests, answers = messages[::2], messages[1::2]
    assert [(m[0], m[1], m[4], m[5]) for m in requests] == [
        ("CON", coap.PUT, path, DOTS_CBOR), ("NON", coap.PUT, path, DOTS_CBOR),
        ("CON", coap.GET, path, ""), ("CON", coap.DELETE, path, ""),
        ("CON", coap.GET, "/.well-known/dots/nothing", "")]
    assert [(m[0], m[1], m[5]) for m in answers] == [
        ("ACK", "2.01", DOTS_CBOR), ("NON", "2.04", DOTS_CBOR), ("ACK", "2.05", DOTS_CBOR),
        ("ACK", "2.02", ""), ("ACK", "4.04", "")]
    assert requests[0][6] == len(body) and answers[4][6] > 0 and answers[3][6] == 0
    for request, answer in zip(requests, answers):
        assert request[3] == answer[3]  # the token
        assert (request[2] == answer[2]) == (answer[0] == "ACK")  # the Message ID
    capture.finish()


def test_a_heartbeat_from_openssl(server, run, pki, tmp_path):
    """openssl s_client logs the keys; the message is made by hand."""
    capture = Capture(run, tmp_path, server.port)
    crt, key, trust = certificate_of(pki, "client")
    cli = s_client(run, server.port, "-cert", crt, "-key", key, "-CAfile", trust, "-quiet",
                   "-keylogfile", capture.keys)
    server.until_event("session-up")
    options = [(coap.URI_PATH, p) for p in (b".well-known", b"dots", b"hb")]
    options.append((coap.CONTENT_FORMAT, coap.number(dots.FORMAT)))
    beat = coap.encode(coap.Message(coap.CON, coap.PUT, 0x1234, b"tok", options, dots.heartbeat()))
    cli.process.stdin.buffer.write(beat)
    cli.process.stdin.buffer.flush()
    request, answer = capture.until_messages(2)
    assert request[:2] == ("CON", coap.PUT) and request[4:6] == ("/.well-known/dots/hb", DOTS_CBOR)
    assert answer == ("ACK", "2.04", request[2], request[3], "/", "", 0)
    server.until_event("heartbeat", direction="in")
    capture.finish()


# 9284-1-10, 9284-7-01, 4218-1.1-02, 8811-1.2-01, 8811-5-03, 9132-7.1-11
def test_our_client(pki, run, tmp_path):
    """An OpenSSL server logs the keys of what our client sends."""
    other = OtherServer(pki, keylog=tmp_path / "keys")
    capture = Capture(run, tmp_path, other.port)
    d = Daemon(tmp_path / "client", CLIENT, port=other.port, heartbeat=1, credentials=
               f"{{certificate: {pki}/client.crt, key: {pki}/client.key, trust: {pki}/ca.crt}}").start()
    try:
        assert d("mitigate", "192.0.2.5/32", "--wait", "30")[0] == 0
        other.until_message(coap.GET, "/mitigate/")
        other.heartbeat()
        assert d("withdraw", "w1")[0] == 0
        d.until_event("withdrawn")
        other.until_message(coap.PUT, "/hb", 2)
        path = other.messages(coap.DELETE)[0].path

        def asked():
            return {(m[1], m[4], m[5]) for m in capture.messages() if isinstance(m[1], int)}

        until(lambda: asked() == {(coap.PUT, path, DOTS_CBOR), (coap.GET, path, ""),
                                  (coap.DELETE, path, ""), (coap.GET, CONFIG, ""),
                                  (coap.PUT, "/.well-known/dots/hb", DOTS_CBOR)}, lambda: str(asked()))
        # RFC 9132 4.4, 4.7: all of it is Non-confirmable, but for the configuration (4.5)
        requests = [m for m in capture.messages() if isinstance(m[1], int)]
        assert {m[0] for m in requests if m[4] != CONFIG} == {"NON"}
        assert {m[0] for m in requests if m[4] == CONFIG} == {"CON"}
        capture.finish()
        assert capture.server_names() == {"dots.example"}
    finally:
        assert d.stop() == 0
        other.stop()
