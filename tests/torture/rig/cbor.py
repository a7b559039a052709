"""CBOR as anybody may write it, wrong ones included: values of Python, Raw bytes as they are."""
import struct


class Raw(bytes):
    """Stands as it is."""


class Pairs(list):
    """A map as a list of pairs: in this order, doubled keys and all."""


def head(major, n):
    if n < 24:
        return bytes([major << 5 | n])
    for code, fmt, bits in ((24, "!B", 8), (25, "!H", 16), (26, "!I", 32), (27, "!Q", 64)):
        if n < 1 << bits:
            return bytes([major << 5 | code]) + struct.pack(fmt, n)
    raise ValueError(n)


def encode(value):
    if isinstance(value, Raw):
        return bytes(value)
    if isinstance(value, bool):
        return b"\xf5" if value else b"\xf4"
    if value is None:
        return b"\xf6"
    if isinstance(value, int):
        return head(0, value) if value >= 0 else head(1, -1 - value)
    if isinstance(value, float):
        return b"\xfb" + struct.pack("!d", value)
    if isinstance(value, str):
        return head(3, len(value.encode())) + value.encode()
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, dict):
        value = Pairs(value.items())
    if isinstance(value, Pairs):
        return head(5, len(value)) + b"".join(encode(k) + encode(v) for k, v in value)
    return head(4, len(value)) + b"".join(encode(v) for v in value)


# Keys of RFC 9132, table 5.
MITIGATION_SCOPE, SCOPE = 1, 2
MID, TARGET_PREFIX, TARGET_PORT_RANGE, LOWER_PORT, UPPER_PORT = 5, 6, 7, 8, 9
TARGET_PROTOCOL, TARGET_FQDN, TARGET_URI, ALIAS_NAME, LIFETIME = 10, 11, 12, 13, 14
MITIGATION_START, STATUS, CONFLICT_INFORMATION = 15, 16, 17
CONFLICT_STATUS, CONFLICT_CAUSE, RETRY_TIMER, CONFLICT_SCOPE = 18, 19, 20, 21
OVERLAPPING_TARGETS, CUID_COLLISION = 1, 3
ATTACK_STATUS, TRIGGER_MITIGATION = 29, 45
SIGNAL_CONFIG, REDIRECTED_SIGNAL, HEARTBEAT, PEER_HB_STATUS = 30, 46, 49, 51


def scope(*targets, lifetime=3600, **more):
    """Body of a mitigation request for these prefixes; more: KEY=value by the names above."""
    entry = {TARGET_PREFIX: list(targets), LIFETIME: lifetime}
    entry |= {globals()[k]: v for k, v in more.items()}
    return encode({MITIGATION_SCOPE: {SCOPE: [entry]}})


def heartbeat(peer_status=True):
    return encode({HEARTBEAT: {PEER_HB_STATUS: peer_status}})


def configuration(interval):
    """Both sets of a session with that heartbeat-interval."""
    return encode({SIGNAL_CONFIG: {k: {33: {36: interval}} for k in (32, 44)}})
