"""DOTS clients by hand for the tests of dotsd: CoAP and CBOR in a few lines, DTLS by the program
talker (TALKER names it)."""
import os
import queue
import subprocess
import threading
import time

from control_test import PATIENCE

TALKER = os.environ["TALKER"]
KEY = "00112233445566778899aabbccddeeff"
GET, PUT, DELETE = 1, 3, 4
CON, NON, ACK, RST = 0, 1, 2, 3
OBSERVE, URI_PATH, CONTENT_FORMAT, MAX_AGE = 6, 11, 12, 14
DOTS_CBOR = 271


def cbor(value):
    def head(major, n):
        for size, first in ((1, 24), (2, 25), (4, 26), (8, 27)):
            if n < 24:
                return bytes([major << 5 | n])
            if n < 1 << 8 * size:
                return bytes([major << 5 | first]) + n.to_bytes(size, "big")

    if isinstance(value, bool):
        return b"\xf5" if value else b"\xf4"
    if isinstance(value, int):
        return head(0, value) if value >= 0 else head(1, -1 - value)
    if isinstance(value, str):
        return head(3, len(value.encode())) + value.encode()
    if isinstance(value, list):
        return head(4, len(value)) + b"".join(map(cbor, value))
    return head(5, len(value)) + b"".join(cbor(k) + cbor(v) for k, v in value.items())


def request(code, message_id, token, path, options=(), payload=b"", kind=NON):
    """options: (number, integer) besides the path."""
    def extended(n):
        return (n, b"") if n < 13 else (13, bytes([n - 13])) if n < 269 else (14, (n - 269).to_bytes(2, "big"))

    out = bytes([1 << 6 | kind << 4 | len(token), code]) + message_id.to_bytes(2, "big") + token
    values = [(URI_PATH, s.encode()) for s in path]
    values += [(number, v.to_bytes((v.bit_length() + 7) // 8, "big")) for number, v in options]
    last = 0
    for number, value in sorted(values, key=lambda o: o[0]):
        (delta, more), (length, longer) = extended(number - last), extended(len(value))
        out += bytes([delta << 4 | length]) + more + longer + value
        last = number
    return out + (b"\xff" + payload if payload else b"")


class Answer:
    def __init__(self, data):
        self.type, length = data[0] >> 4 & 3, data[0] & 15
        self.code = f"{data[1] >> 5}.{data[1] & 31:02}"
        self.token = data[4:4 + length]
        self.options, self.payload = {}, b""
        at, number = 4 + length, 0
        while at < len(data):
            if data[at] == 255:
                self.payload = data[at + 1:]
                break
            fields, at = (data[at] >> 4, data[at] & 15), at + 1
            values = []
            for f in fields:
                size = {13: 1, 14: 2}.get(f, 0)
                values.append({13: 13, 14: 269}.get(f, f) + int.from_bytes(data[at:at + size], "big")
                              if size else f)
                at += size
            number += values[0]
            self.options[number] = data[at:at + values[1]]
            at += values[1]

    def number(self, option):
        return int.from_bytes(self.options[option], "big") if option in self.options else None

    def __repr__(self):
        return f"{self.code} {self.options} {self.payload!r}"


class Talker:
    """One session at a time; every line of it is kept."""

    def __init__(self, port, *credentials, address="127.0.0.1", source="127.0.0.1", mute=False):
        self.process = subprocess.Popen(
            [TALKER, address, str(port), source, *(["mute"] if mute else []), *map(str, credentials)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        self.lines, self.mail, self.queue, self.id = [], [], queue.Queue(), 0
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.queue.put(line.strip())
        self.queue.put(None)

    def _next(self, what, end):
        try:
            line = self.queue.get(timeout=max(0.01, end - time.monotonic()))
        except queue.Empty:
            line = None
        assert line is not None, f"no {what} after {self.lines}"
        self.lines.append(line)
        return line

    def expect(self, start):
        end = time.monotonic() + PATIENCE
        while not (line := self._next(start, end)).startswith(start):
            pass
        return line

    def has(self, start):
        """Whether such a line has come so far."""
        while not self.queue.empty():
            line = self.queue.get()
            self.lines.append(line or "")
        return any(line.startswith(start) for line in self.lines)

    def up(self):
        return self.expect("up")

    def say(self, text):
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()

    def send(self, code, path, options=(), payload=b"", token=None):
        self.id += 1
        token = token or self.id.to_bytes(2, "big")
        self.say("send " + request(code, self.id, token, path, options, payload).hex())
        return token

    def answer(self, token):
        """The next one with that token; the server's own requests are passed over."""
        end = time.monotonic() + PATIENCE
        while not (found := next((a for a in self.mail if a.token == token), None)):
            line = self._next("answer", end)
            if line.startswith("got ") and (data := bytes.fromhex(line[4:]))[1] >> 5 >= 2:
                self.mail.append(Answer(data))
        self.mail.remove(found)
        return found

    def ask(self, *args, **kwargs):
        return self.answer(self.send(*args, **kwargs))

    def mitigate_path(self, cuid, mid=None):
        return [".well-known", "dots", "mitigate", f"cuid={cuid}"] + ([f"mid={mid}"] if mid is not None else [])

    def put_body(self, targets, lifetime=3600, **more):
        scope = {**({6: targets} if targets else {}), **({7: more["ports"]} if "ports" in more else {}),
                 **({10: more["protocols"]} if "protocols" in more else {}),
                 **({13: more["alias"]} if "alias" in more else {}), 14: lifetime,
                 **({45: more["trigger"]} if "trigger" in more else {}),
                 # RFC 9133: (acl-name, activation-type or None)
                 **({53: [{23: name, **({52: kind} if kind else {})} for name, kind in more["acl"]]}
                    if "acl" in more else {})}
        return cbor({1: {2: [scope]}})

    def put(self, cuid, mid, targets, **more):
        return self.ask(PUT, self.mitigate_path(cuid, mid), [(CONTENT_FORMAT, DOTS_CBOR)],
                        self.put_body(targets, **more))

    def delete(self, cuid, mid):
        return self.ask(DELETE, self.mitigate_path(cuid, mid))

    def observe(self, cuid, mid, wanted=0, token=None):
        return self.ask(GET, self.mitigate_path(cuid, mid), [(OBSERVE, wanted)], token=token)

    def beat(self):
        return self.ask(PUT, [".well-known", "dots", "hb"], [(CONTENT_FORMAT, DOTS_CBOR)],
                        cbor({49: {51: True}}))

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
