"""Bodies of the independent client, against bytes written by hand after RFC 8949 and RFC 9132."""
import pytest

from lab import cbor


@pytest.mark.parametrize("value, text", [
    (0, "00"), (23, "17"), (24, "1818"), (256, "190100"), (4000000000, "1aee6b2800"),
    (1 << 32, "1b0000000100000000"), (-1, "20"), (-500, "3901f3"), (True, "f5"), (False, "f4"),
    ("ü", "62c3bc"), ([1, [2]], "82018102"), ({1: {2: []}}, "a101a10280")])
def test_both_ways(value, text):
    assert cbor.encode(value).hex() == text
    assert cbor.decode(bytes.fromhex(text)) == value


@pytest.mark.parametrize("text", ["", "18", "62c3", "8201", "0000", "9fff"])
def test_what_is_cut_off_or_strange_is_refused(text):
    with pytest.raises(ValueError):
        cbor.decode(bytes.fromhex(text))


def test_mitigation_request():
    body = cbor.mitigation(["192.0.2.66/32"], ["80", "1-9"], ["17"], -1, 1, False)
    assert body.hex() == ("a101a10281a6"           # mitigation-scope: scope: one entry of
                          "0681" "6d" + b"192.0.2.66/32".hex() +   # target-prefix
                          "0782" "a1081850" "a208010909"           # target-port-range
                          "0a8111" "0e20" "181d01" "182df4")       # protocol, lifetime, attack-status, trigger


def test_mitigation_request_for_names():
    body = cbor.mitigation([], lifetime=60, names=["a.example", "https://b/"], aliases=["web"])
    assert body.hex() == ("a101a10281a4" "0b8169" + b"a.example".hex() + "0c816a" + b"https://b/".hex() +
                          "0d8163" + b"web".hex() + "0e183c")
    assert cbor.names(body) == ["a.example", "https://b/", "web"] and cbor.scopes(body) == []


def test_mitigation_request_that_switches_filters():
    body = cbor.mitigation(["192.0.2.1/32"], acls=["f:immediate", "g:deactivate", "h"])
    assert cbor.decode(body)[1][2][0][53] == [{23: "f", 52: 2}, {23: "g", 52: 3}, {23: "h"}]


def test_conflicts_are_read_with_whatever_is_in_them():
    told = {17: {19: 1, 18: 2, 21: {6: ["192.0.2.66/32"]}}}
    assert cbor.conflicts(cbor.encode({1: {2: [{5: 1}, told]}})) == (
        "overlapping-targets request-active", "192.0.2.66/32")
    told = {17: {19: 1, 18: 1, 20: 60, 21: {5: 7, 6: []}}}
    assert cbor.conflicts(cbor.encode({1: {2: [told]}})) == (
        "overlapping-targets request-inactive-other-active retry-timer=60 scope-key=5", "")
    assert cbor.conflicts(cbor.encode({1: {2: [{17: {19: 9}}]}})) == ("?", "")
    assert cbor.conflicts(cbor.encode({1: {2: [{5: 1}]}})) == ("none", "")
    assert cbor.conflicts(b"RFC 9132: no") == ("none", "")


def test_tagged_answers_are_read():
    body = b"\xd9\x01\x0f" + cbor.mitigation(["192.0.2.66/32", "2001:db8::/48"], lifetime=60)
    assert cbor.scopes(body) == ["192.0.2.66/32", "2001:db8::/48"]
    assert cbor.scopes(b"RFC 9132: no") == [] and cbor.scopes(b"") == []


def test_redirection():
    """RFC 9132, figure 26."""
    body = cbor.redirection("alt-server.example", ["2001:db8:6401::1", "2001:db8:6401::2"])
    assert body.hex() == ("a1182ea2182f" "72" + b"alt-server.example".hex() +
                          "183082" "70" + b"2001:db8:6401::1".hex() + "70" + b"2001:db8:6401::2".hex())
