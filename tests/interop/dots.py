"""DOTS signal channel bodies by an independent CBOR library (RFC 9132 table 5)."""

import cbor2

FORMAT = 271  # application/dots+cbor
WELL_KNOWN = "/.well-known/dots"

KEYS = {
    "mitigation-scope": 1, "scope": 2, "mid": 5, "target-prefix": 6, "target-port-range": 7,
    "lower-port": 8, "upper-port": 9, "target-protocol": 10, "lifetime": 14,
    "mitigation-start": 15, "status": 16, "conflict-information": 17, "conflict-status": 18,
    "conflict-cause": 19, "retry-timer": 20, "conflict-scope": 21, "bytes-dropped": 25,
    "bps-dropped": 26, "pkts-dropped": 27, "pps-dropped": 28, "attack-status": 29,
    "signal-config": 30, "mitigating-config": 32, "heartbeat-interval": 33, "max-value": 34,
    "min-value": 35, "current-value": 36, "missing-hb-allowed": 37, "max-retransmit": 38,
    "ack-timeout": 39, "ack-random-factor": 40, "max-value-decimal": 41, "min-value-decimal": 42,
    "current-value-decimal": 43, "idle-config": 44, "trigger-mitigation": 45, "heartbeat": 49,
    "probing-rate": 50,
    "peer-hb-status": 51,
}
NAMES = {v: k for k, v in KEYS.items()}
IN_PROGRESS, MITIGATED, WITHDRAWN_BY_CLIENT, TERMINATED = 1, 2, 5, 6


def keyed(value):
    """Names to keys, all the way down."""
    if isinstance(value, dict):
        return {KEYS[k]: keyed(v) for k, v in value.items()}
    return [keyed(v) for v in value] if isinstance(value, list) else value


def named(value):
    if isinstance(value, dict):
        return {NAMES[k]: named(v) for k, v in value.items()}
    return [named(v) for v in value] if isinstance(value, list) else value


def encode(value):
    return cbor2.dumps(keyed(value))


def decode(payload):
    return named(cbor2.loads(payload))


def decode_all(payloads):
    """Bodies one after the other, as they come out of a file; a cut one at the end is left out."""
    import io

    stream, found = io.BytesIO(payloads), []
    while stream.tell() < len(payloads):
        try:
            found.append(named(cbor2.load(stream)))
        except (cbor2.CBORDecodeEOF, EOFError):
            break
    return found


def request(prefixes, lifetime=3600, **more):
    scope = {"target-prefix": prefixes, "lifetime": lifetime, **more}
    return encode({"mitigation-scope": {"scope": [scope]}})


def scopes(payload):
    return decode(payload)["mitigation-scope"]["scope"]


def heartbeat(status=True):
    return encode({"heartbeat": {"peer-hb-status": status}})


def mitigate(cuid=None, mid=None):
    path = WELL_KNOWN + "/mitigate"
    path += "" if cuid is None else f"/cuid={cuid}"
    return path + ("" if mid is None else f"/mid={mid}")
