"""What an authenticated client may say again, too early, too late, or against what it said before:
each story is a few messages in their order, with what each of them has to get. Rows cite the
requirement (rfc9132 ids as in doc/conformance) or the section of RFC 7252 or 7641.

Targets are of one part of the client's prefix for each story, so that stories do not meet."""
import dataclasses

from messages import OTHERS, SILENCE
from rig import cbor, coap
from rig.cbor import encode

FORMAT = (coap.CONTENT_FORMAT, b"\x01\x0f")
UNDER_ATTACK = {cbor.ATTACK_STATUS: 1}
IF_MATCH = (coap.IF_MATCH, b"")


@dataclasses.dataclass
class Step:
    expected: object       # a code, several of them, or SILENCE
    code: int
    options: list
    payload: bytes = b""
    kind: int = coap.NON
    same_id: bool = False    # the Message ID and token of the step before
    token: bytes = None      # of its own; None: a fresh one
    holds: object = None     # function of the entries of the body: what has to be true of them
    says: str = ""


def path(mid=None, cuid=None, cdid=None):
    return coap.mitigate(*([f"cdid={cdid}"] if cdid else []), f"cuid={cuid or CUID}",
                         *([f"mid={mid}"] if mid is not None else []))


CUID = "stories-cuid-000000000"
SECOND = "stories-cuid-111111111"


def put(mid, target, expected, lifetime=600, more=(), entry=None, cuid=None, cdid=None, **how):
    e = {cbor.TARGET_PREFIX: [target], cbor.LIFETIME: lifetime} | (entry or {})
    return Step(expected, coap.PUT, [*path(mid, cuid, cdid), FORMAT, *more],
                encode({1: {2: [{k: v for k, v in e.items() if v is not None}]}}), **how)


def get(mid, expected="2.05", more=(), cuid=None, **how):
    return Step(expected, coap.GET, [*path(mid, cuid), *more], **how)


def delete(mid, expected="2.02", more=(), cuid=None, **how):
    return Step(expected, coap.DELETE, [*path(mid, cuid), *more], **how)


def config(sid, expected, interval=None, code=coap.PUT, **how):
    return Step(expected, code, coap.path(".well-known", "dots", "config", *(
        [f"sid={sid}"] if sid is not None else [])) + [FORMAT] * (interval is not None),
        cbor.configuration(interval) if interval is not None else b"", **how)


def shows(**want):
    """All entries have these values; names as in rig.cbor."""
    return lambda entries: entries and all(
        e.get(getattr(cbor, k)) in (v if isinstance(v, tuple) else (v,))
        for e in entries for k, v in want.items())


def left(least, most):
    return lambda entries: least < entries[0][cbor.LIFETIME] <= most


def conflict(mid):
    """4.09 for one's own higher mid, with the two nodes that RFC 9132 4.4.1.3 has for it: conflict-status is about
    requests of other clients, retry-timer for those that are deactivated."""
    return lambda entries: entries == [{cbor.CONFLICT_INFORMATION: {
        cbor.CONFLICT_CAUSE: cbor.OVERLAPPING_TARGETS, cbor.CONFLICT_SCOPE: {cbor.MID: mid}}}]


def collision(entries):
    """4.09 for a cuid of somebody else: without conflict-status, conflict-scope and retry-timer (RFC 9132 4.4.1.3)."""
    return entries == [{cbor.CONFLICT_INFORMATION: {cbor.CONFLICT_CAUSE: cbor.CUID_COLLISION}}]


OBSERVE, OBSERVE_NO_MORE = (coap.OBSERVE, b""), (coap.OBSERVE, b"\x01")
A, B = "198.51.100.{}/32".format, "198.51.100.{}/31".format


def again(n, end):
    yield ("7252-4.5", "a Confirmable one again: the same answer, nothing done twice", [
        put(7, A(n), "2.01", kind=coap.CON), put(7, A(n), "2.01", kind=coap.CON, same_id=True),
        put(8, A(n + 1), "2.01", kind=coap.CON, same_id=True),  # another body: not looked at
        get(8, "4.04"), put(7, A(n), "2.04", kind=coap.CON)])
    yield ("7252-4.5", "a Non-confirmable one again, and another one under its Message ID", [
        put(9, A(end), "2.01"), put(9, A(end), SILENCE, same_id=True),
        put(11, A(end + 1), SILENCE, same_id=True), get(11, "4.04"),
        delete(9), delete(9, SILENCE, same_id=True)])


def again_in_a_stream(n, end):
    yield ("8323-3.3-07", "the same bytes again are another request, and so is what has its token", [
        put(7, A(n), "2.01"), put(7, A(n), "2.04", same_id=True),
        put(8, A(n + 1), "2.01", same_id=True), get(8, holds=shows(TARGET_PREFIX=[A(n + 1)])),
        put(9, A(end), "2.01"), delete(9), delete(9, same_id=True)])


def stories(terminates=True, stream=False):
    """(rule, what, steps). terminates: what is withdrawn stays for a while (9132-4.4.4-08). stream:
    over TCP."""
    at = iter(range(32, 128, 2))
    after = {"holds": shows(STATUS=5)} if terminates else {"expected": "4.04"}

    n = next(at)
    yield ("9132-4.4.1.3-51", "the same mid with another target, more of it, other ports, no trigger", [
        put(1, A(n), "2.01"),
        put(1, A(n + 1), "4.00", says="mid 1"),
        put(1, B(n), "4.00", says="mid 1"),
        put(1, A(n), "4.00", entry={cbor.TARGET_PORT_RANGE: [{8: 80}]}),
        put(1, A(n), "4.00", entry={cbor.TARGET_PROTOCOL: [6]}),
        put(1, A(n), "4.00", entry={cbor.TRIGGER_MITIGATION: False}),
        get(1, holds=shows(TARGET_PREFIX=[A(n)], TARGET_PROTOCOL=None))])
    n = next(at)
    yield ("9132-4.4.1.3-48", "the same mid with another lifetime only", [
        put(2, A(n), "2.01", 600), put(2, A(n), "2.04", 60, holds=left(0, 60)),
        get(2, holds=left(0, 60)), put(2, A(n), "2.04", 3600), get(2, holds=left(3000, 3600)),
        put(2, A(n), "4.00", 0), get(2, holds=left(3000, 3600))])
    n = next(at)
    yield ("9132-4.4.3-07", "an efficacy update of another target, and one without anything", [
        put(3, A(n), "2.01"),
        put(3, A(n + 1), "4.00", more=[IF_MATCH], entry=UNDER_ATTACK),
        put(3, A(n), "4.00", more=[IF_MATCH]),
        put(3, A(n), "4.00", entry=UNDER_ATTACK),
        put(3, A(n), "2.04", more=[IF_MATCH], entry=UNDER_ATTACK),
        put(3, A(n), "2.04", more=[IF_MATCH], entry=UNDER_ATTACK | {cbor.LIFETIME: None}),
        get(3, holds=shows(TARGET_PREFIX=[A(n)], ATTACK_STATUS=None))])
    n = next(at)
    yield ("9132-4.4.3-10", "an efficacy update before its request", [
        put(4, A(n), SILENCE, more=[IF_MATCH], entry=UNDER_ATTACK), get(4, "4.04"),
        put(4, A(n), "2.01"), put(4, A(n), "2.04", more=[IF_MATCH], entry=UNDER_ATTACK)])
    n = next(at)
    yield ("9132-4.4.1.3-22", "a lower mid after a higher one, and a higher one", [
        put(20, A(n), "2.01"), put(10, A(n), "4.09", holds=conflict(20)), get(10, "4.04"),
        put(10, B(n), "4.09", holds=conflict(20)),
        put(30, B(n), "2.01"), get(20, "4.04"), get(30, holds=shows(TARGET_PREFIX=[B(n)])),
        put(20, A(n), "4.09", holds=conflict(30)), delete(20), get(30)])
    n = next(at)
    yield ("9132-4.4.4-07", "a withdrawal before its request, twice, and of nothing", [
        delete(5), delete(5), put(5, A(n), "2.01"), get(5), delete(5),
        get(5, **after), delete(5), get(5, **after), delete(4711)])
    n = next(at)
    if terminates:
        yield ("9132-4.4.4-12", "asked for again while it terminates; not with other parameters", [
            put(6, A(n), "2.01"), delete(6), put(6, A(n + 1), "4.00"),
            get(6, holds=shows(STATUS=5)), put(6, A(n), "2.04"), get(6, holds=shows(STATUS=(1, 2)))])
    n, end = next(at), next(at)
    yield from (again_in_a_stream(n, end) if stream else again(n, end))
    n = next(at)
    yield ("9132-4.4.1.1-18", "with another client's cuid, by each method", [
        put(1, A(n), "4.09", cuid=OTHERS, holds=collision),
        put(1, "198.51.100.200/32", "4.09", cuid=OTHERS, holds=collision),
        put(1, "198.51.100.200/32", "4.09", cuid=OTHERS, more=[IF_MATCH], entry=UNDER_ATTACK),
        get(1, "4.04", cuid=OTHERS), get(None, "4.04", cuid=OTHERS),
        get(1, "4.04", cuid=OTHERS, more=[OBSERVE]), get(1, "4.04", cuid=OTHERS, more=[OBSERVE_NO_MORE]),
        delete(1, "4.04", cuid=OTHERS)])
    n = next(at)
    yield ("9132-4.4.1.2-10", "with a cdid, which is no word of a client", [
        put(12, A(n), "2.01", cdid="good"), put(12, A(n), "2.04", cdid=OTHERS), put(12, A(n), "2.04"),
        put(12, A(n), "4.09", cdid="good", cuid=OTHERS)])
    n = next(at)
    yield ("9132-4.4.1.1-26", "the same mid under another cuid is another request", [
        put(13, A(n), "2.01"), put(13, A(n + 1), "2.01", cuid=SECOND),
        get(13, holds=shows(TARGET_PREFIX=[A(n)])),
        get(13, cuid=SECOND, holds=shows(TARGET_PREFIX=[A(n + 1)])),
        delete(13, cuid=SECOND), get(13, holds=shows(STATUS=(1, 2)))])
    n = next(at)
    yield ("7252-5.10.8", "only if it is there, only if it is not", [
        delete(14, "4.12", more=[IF_MATCH]), get(14, "4.12", more=[IF_MATCH]),
        put(14, A(n), "2.01", more=[(coap.IF_NONE_MATCH, b"")]),
        put(14, A(n), "4.12", more=[(coap.IF_NONE_MATCH, b"")]),
        put(14, A(n), "4.12", more=[(coap.IF_MATCH, b"etag")], entry=UNDER_ATTACK),
        delete(14, "4.12", more=[(coap.IF_MATCH, b"etag")]),
        get(14, more=[IF_MATCH]), get(14, "4.12", more=[(coap.IF_NONE_MATCH, b"")]),
        get(14, holds=shows(STATUS=(1, 2))), delete(14, more=[IF_MATCH])])
    n = next(at)
    yield ("9132-4.4.2-06", "content that is not defined, doubled, or of another resource", [
        put(15, A(n), "2.01"), get(15, more=[(coap.URI_QUERY, b"c=n")], holds=shows(TARGET_PREFIX=None)),
        get(15, more=[(coap.URI_QUERY, b"c=c")], holds=shows(STATUS=None)),
        *(get(15, more=[(coap.URI_QUERY, q)], holds=shows(TARGET_PREFIX=[A(n)], STATUS=(1, 2)))
          for q in (b"c=a", b"c=x", b"c=", b"c", b"", b"d=n", b"c=nn", b"x" * 255)),
        put(15, A(n), "2.04", more=[(coap.URI_QUERY, b"c=n")]),
        delete(15, more=[(coap.URI_QUERY, b"c=n")])])
    n = next(at)
    yield ("7641-3.6", "Observe where it means nothing, and ends that nobody began", [
        put(16, A(n), "2.01", more=[OBSERVE]),
        put(16, A(n), "2.04", more=[OBSERVE_NO_MORE]), get(16, more=[OBSERVE_NO_MORE]),
        get(16, more=[(coap.OBSERVE, b"\x02")]), get(16, more=[(coap.OBSERVE, b"\xff\xff\xff")]),
        get(16, more=[(coap.OBSERVE, b"\0\0\0\0\0")]), get(None, more=[OBSERVE_NO_MORE]),
        delete(16, more=[OBSERVE])])
    yield ("9132-4.5.2-30", "configurations out of order", [
        config(None, "2.02", code=coap.DELETE), config(50, "2.01", 60), config(50, "2.04", 30),
        config(49, "4.00", 30), config(0, "4.00", 30), config(49, "4.04", code=coap.GET),
        config(49, "2.02", code=coap.DELETE), config(50, "2.05", code=coap.GET),
        config(51, "4.22", 1), config(51, "4.04", code=coap.GET), config(51, "2.01", 30),
        config(50, "4.00", 30), config(51, "2.02", code=coap.DELETE),
        config(51, "4.04", code=coap.GET), config(51, "2.02", code=coap.DELETE),
        config(1, "2.01", 30), config(None, "2.02", code=coap.DELETE)])
