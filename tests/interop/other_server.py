"""A small DOTS server that shares no code with dotsd: OpenSSL's DTLS, CoAP and DOTS by hand.

It serves in a thread of its own; what it was asked can be waited for, and what it answers is the
test's to say."""

import hmac
import os
import selectors
import socket
import threading

from OpenSSL import SSL

import coap
import dots
from peers import until

MTU = 1200
RECORD_HEADER = 13


def records(data):
    """Cuts a flight into datagrams: whole records, as many as fit."""
    datagrams, at = [b""], 0
    while at < len(data):
        end = at + RECORD_HEADER + int.from_bytes(data[at + 11:at + 13], "big")
        if len(datagrams[-1]) + end - at > MTU and datagrams[-1]:
            datagrams.append(b"")
        datagrams[-1] += data[at:end]
        at = end
    return [d for d in datagrams if d]


class Session:
    """One peer address."""

    def __init__(self, server, address):
        self.server, self.address = server, address
        self.tls = SSL.Connection(server.context, None)
        self.tls.set_accept_state()
        self.tls.set_app_data(address)
        self.state = "cookie"
        self.next_id = 1
        self.observers = {}  # path -> token

    def flush(self):
        try:
            out = self.tls.bio_read(65536)
        except SSL.WantReadError:
            return
        for datagram in records(out):
            self.server.socket.sendto(datagram, self.address)

    def feed(self, datagram):
        self.tls.bio_write(datagram)
        try:
            if self.state == "cookie":
                self.tls.DTLSv1_listen()
                self.state = "handshake"
                self.tls.set_ciphertext_mtu(MTU)
            if self.state == "handshake":
                self.tls.do_handshake()
                self.state = "up"
                self.server.note("up", self)
            while self.state == "up":
                self.server.on_message(self, coap.decode(self.tls.recv(65536)))
        except SSL.WantReadError:
            pass
        except SSL.ZeroReturnError:
            self.state = "over"
            self.server.note("closed", self)
        except SSL.Error as e:
            self.server.note("failed", e.args)
            self.state = "over"
        self.flush()

    def send(self, message):
        self.tls.send(coap.encode(message))
        self.flush()

    def request(self, method, path, payload):
        """A Non-confirmable request of the server (RFC 9132 4.7)."""
        self.next_id += 1
        token = os.urandom(4)
        options = [(coap.URI_PATH, p.encode()) for p in path.strip("/").split("/")]
        options.append((coap.CONTENT_FORMAT, coap.number(dots.FORMAT)))
        self.send(coap.Message(coap.NON, method, self.next_id, token, options, payload))
        return token


class OtherServer:
    def __init__(self, pki, certificate="server", keylog=None):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.keylog = keylog
        self.secret = os.urandom(16)
        self.context = self._context(pki, certificate)
        self.sessions, self.log, self.lock = {}, [], threading.RLock()
        self.mitigations = {}  # path -> scope as asked
        self.lifetime = None   # granted instead of what was asked for
        self.scripted = []     # (method, start of the path, code, options, payload): once each
        self._wake, self._woken = socket.socketpair()
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _context(self, pki, certificate):
        c = SSL.Context(SSL.DTLS_METHOD)
        c.set_options(SSL.OP_COOKIE_EXCHANGE | SSL.OP_NO_RENEGOTIATION | SSL.OP_NO_QUERY_MTU)
        c.use_certificate_chain_file(str(pki / f"{certificate}.crt"))
        c.use_privatekey_file(str(pki / f"{certificate}.key"))
        c.load_verify_locations(str(pki / "ca.crt"))
        c.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *a: bool(a[4]))
        c.set_session_id(b"other server")
        c.set_cookie_generate_callback(self._cookie)
        c.set_cookie_verify_callback(lambda conn, cookie: cookie == self._cookie(conn))
        if self.keylog:
            c.set_keylog_callback(self._log_key)
        return c

    def _cookie(self, conn):
        return hmac.digest(self.secret, repr(conn.get_app_data()).encode(), "sha256")[:16]

    def _log_key(self, conn, line):
        with open(self.keylog, "ab") as f:
            f.write(line + b"\n")

    # --- the thread ---------------------------------------------------------------------------

    def _serve(self):
        sel = selectors.DefaultSelector()
        sel.register(self.socket, selectors.EVENT_READ)
        sel.register(self._woken, selectors.EVENT_READ)
        while True:
            for key, _ in sel.select():
                if key.fileobj is self._woken:
                    return
                datagram, address = self.socket.recvfrom(65536)
                with self.lock:
                    session = self.sessions.get(address)
                    if not session or session.state == "over":
                        session = self.sessions[address] = Session(self, address)
                    session.feed(datagram)

    def stop(self):
        self._wake.send(b"x")
        self.thread.join()
        self.socket.close()

    def note(self, what, detail):
        self.log.append((what, detail))

    # --- DOTS -----------------------------------------------------------------------------------

    def on_message(self, session, m):
        self.note("message", m)
        if not 1 <= m.code <= 31:
            return
        for s in self.scripted:
            if m.code == s[0] and m.path.startswith(s[1]):
                self.scripted.remove(s)
                self.respond(session, m, *s[2:])
                return
        if m.path == dots.WELL_KNOWN + "/hb" and m.code == coap.PUT:
            self.respond(session, m, "2.04")
        elif m.path.startswith(dots.WELL_KNOWN + "/mitigate/"):
            self.on_mitigate(session, m)
        else:
            self.respond(session, m, "4.04", payload=b"nothing here")

    def on_mitigate(self, session, m):
        mid = int(m.path.rsplit("=", 1)[1])
        if m.code == coap.PUT:
            [scope] = dots.scopes(m.payload)
            known = m.path in self.mitigations
            self.mitigations[m.path] = scope
            granted = {"mid": mid, "lifetime": self.lifetime or scope["lifetime"]}
            self.respond(session, m, "2.04" if known else "2.01",
                         payload=dots.encode({"mitigation-scope": {"scope": [granted]}}))
        elif m.code == coap.DELETE:
            self.mitigations.pop(m.path, None)
            self.respond(session, m, "2.02")
        elif m.code == coap.GET and m.path in self.mitigations:
            options = []
            if m.one(coap.OBSERVE) == 0:
                session.observers[m.path] = m.token
                options = [(coap.OBSERVE, coap.number(1))]
            self.respond(session, m, "2.05", options, self.status(m.path, dots.IN_PROGRESS))
        else:
            self.respond(session, m, "4.04", payload=b"no such request")

    def status(self, path, status, **more):
        scope = {"mid": int(path.rsplit("=", 1)[1]), "lifetime": 600, "status": status,
                 "mitigation-start": 1700000000, **more}
        return dots.encode({"mitigation-scope": {"scope": [scope]}})

    def respond(self, session, m, code, options=(), payload=b""):
        options = list(options)
        if payload and code[0] == "2":
            options.append((coap.CONTENT_FORMAT, coap.number(dots.FORMAT)))
        session.next_id += 1
        con = m.type == coap.CON
        session.send(coap.Message(coap.ACK if con else coap.NON, coap.code(code),
                                  m.id if con else session.next_id, m.token, options, payload))

    # --- for the tests ----------------------------------------------------------------------------

    def session(self):
        """The session that came up last."""
        return until(lambda: [d for w, d in self.log if w == "up"], "a session at the other server"
                     )[-1]

    def messages(self, method=None, path=""):
        with self.lock:
            return [d for w, d in self.log if w == "message" and path in d.path and
                    method in (None, d.code)]

    def until_message(self, method, path="", count=1):
        return until(lambda: self.messages(method, path)[count - 1:count],
                     lambda: f"{method} {path}: {self.log}")[0]

    def notify(self, path, sequence, code="2.05", payload=b"", observe=True):
        with self.lock:
            s = self.session()
            s.next_id += 1
            options = [(coap.OBSERVE, coap.number(sequence))] if observe else []
            if code[0] == "2":
                options.append((coap.CONTENT_FORMAT, coap.number(dots.FORMAT)))
            s.send(coap.Message(coap.NON, coap.code(code), s.next_id, s.observers[path], options,
                                payload))

    def heartbeat(self):
        """Asks for one; the answer."""
        with self.lock:
            token = self.session().request(coap.PUT, dots.WELL_KNOWN + "/hb", dots.heartbeat())
        return until(lambda: [m for m in self.messages() if m.token == token and m.code > 31],
                     "the client answers a heartbeat")[0]

    def close(self):
        """close_notify to the session that came up last."""
        with self.lock:
            s = self.session()
            s.tls.shutdown()
            s.flush()
            s.state = "over"
