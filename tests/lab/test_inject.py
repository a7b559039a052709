"""Captured datagrams are told by whom they are from and when."""
import ipaddress
import struct

import pytest

from lab.model import Lab
from lab.parse import LabError
from lab.steps import END, datagrams

SERVER, OTHER = map(ipaddress.ip_address, ("192.0.2.10", "2001:db8::10"))


def frame(src, payload, pkttype=0):
    """As capture.py writes it: a cooked header, IP, UDP."""
    udp = struct.pack("!HHHH", 4646, 5000, 8 + len(payload), 0) + payload
    if src.version == 4:
        ip = b"\x45\0" + bytes(7) + b"\x11\0\0" + src.packed + bytes(4)
    else:
        ip = b"\x60" + bytes(5) + b"\x11\0" + src.packed + bytes(16)
    return struct.pack("!H12xH", pkttype, 0x0800 if src.version == 4 else 0x86DD) + ip + udp


def pcap(*frames):
    return bytes(24) + b"".join(struct.pack("<IIII", t, 0, len(f), len(f)) + f for t, f in frames)


def test_those_of_the_server_since_then():
    data = pcap((9, frame(SERVER, b"before")), (10, frame(SERVER, b"one")), (10, frame(OTHER, b"two")),
                (11, frame(ipaddress.ip_address("192.0.2.11"), b"another's")),
                (11, frame(SERVER, b"ours", pkttype=4)), (12, frame(SERVER, b"three")))
    assert list(datagrams(data, [SERVER, OTHER], 10)) == [b"one", b"two", b"three"]
    assert not list(datagrams(data[:-1], [SERVER], 12))  # it is being written


@pytest.mark.parametrize("text, address, port", [
    ("192.0.2.1:4646", "192.0.2.1", "4646"), ("[2001:db8::1]:99", "2001:db8::1", "99")])
def test_ends_of_sessions(text, address, port):
    assert END.fullmatch(text).group("address", "port") == (address, port)


@pytest.mark.parametrize("line, why", [
    ("forge a from=x to=s alternate=s", "from=x: no such namespace"),
    ("replay a from=s to=a", "to=a: no agent"),
    ("drain a on", "no agent a")])
def test_what_they_name_is_there(tmp_path, line, why):
    path = tmp_path / "X.lab"
    path.write_text("lab X family=4\nns a role=host\nns s role=host\nlink a:e 192.0.2.1/30 s:e 192.0.2.2/30\n"
                    f"dots s kind=server name=s.example ca=CA owns=192.0.2.0/24\nstep s1 {line}\n")
    with pytest.raises(LabError, match=why):
        Lab(path, "4")
