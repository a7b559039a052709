"""As much CBOR as the independent client needs: bodies of mitigation requests, written from the words
of a lab file, and what servers answer. Kept apart from the product's codec on purpose."""
import struct

# RFC 9132, table 5.
SCOPE_PATH = (1, 2)  # mitigation-scope, scope
PREFIX, PORTS, LOWER, UPPER, PROTOCOL = 6, 7, 8, 9, 10
FQDN, URI, ALIAS = 11, 12, 13
REDIRECTED, ALT_SERVER, ALT_SERVER_RECORD = 46, 47, 48
LIFETIME, ATTACK_STATUS, TRIGGER = 14, 29, 45
ACL_LIST, ACL_NAME, ACTIVATION_TYPE = 53, 23, 52  # RFC 9133
ACTIVATIONS = {"when-mitigating": 1, "immediate": 2, "deactivate": 3}
CONFLICT, CONFLICT_STATUS, CONFLICT_CAUSE, RETRY_TIMER, CONFLICT_SCOPE = 17, 18, 19, 20, 21
STATUSES = {1: "request-inactive-other-active", 2: "request-active", 3: "all-requests-inactive"}
CAUSES = {1: "overlapping-targets", 2: "conflict-with-acceptlist", 3: "cuid-collision"}


def head(major, n):
    for extra, size, fmt in ((24, 1 << 8, "B"), (25, 1 << 16, "!H"), (26, 1 << 32, "!I")):
        if n < 24:
            return bytes([major << 5 | n])
        if n < size:
            return bytes([major << 5 | extra]) + struct.pack(fmt, n)
    return bytes([major << 5 | 27]) + struct.pack("!Q", n)


def encode(value):
    if value is True or value is False:
        return b"\xf5" if value else b"\xf4"
    if isinstance(value, int):
        return head(0, value) if value >= 0 else head(1, -1 - value)
    if isinstance(value, str):
        return head(3, len(value.encode())) + value.encode()
    if isinstance(value, list):
        return head(4, len(value)) + b"".join(map(encode, value))
    return head(5, len(value)) + b"".join(encode(k) + encode(v) for k, v in value.items())


def redirection(name, addresses):
    """RFC 9132, figure 25."""
    return encode({REDIRECTED: {ALT_SERVER: name, ALT_SERVER_RECORD: addresses}})


def decode(data):
    """The value of one item that fills data; ValueError for what servers of ours do not send."""
    value, rest = item(data)
    if rest:
        raise ValueError("bytes after the item")
    return value


def item(data):
    if not data:
        raise ValueError("cut off")
    major, low = data[0] >> 5, data[0] & 31
    size = {24: 1, 25: 2, 26: 4, 27: 8}.get(low, 0)
    if low > 27 or len(data) < 1 + size:
        raise ValueError("indefinite or cut off")
    n = int.from_bytes(data[1:1 + size], "big") if size else low
    data = data[1 + size:]
    if major in (0, 1):
        return (n if major == 0 else -1 - n), data
    if major in (2, 3):
        if len(data) < n:
            raise ValueError("cut off")
        return (data[:n] if major == 2 else data[:n].decode()), data[n:]
    if major == 4:
        return some(n, data)
    if major == 5:
        flat, data = some(2 * n, data)
        return dict(zip(flat[::2], flat[1::2])), data
    if major == 6:
        return item(data)
    return {20: False, 21: True}.get(n), data


def some(n, data):
    values = []
    for _ in range(n):
        value, data = item(data)
        values.append(value)
    return values, data


def mitigation(prefixes, ports=(), protocols=(), lifetime=None, attack_status=None, trigger=None,
               names=(), aliases=(), acls=()):
    """The body of a mitigation request; ports are "80" or "1-9", names are domain names and URIs, acls
    "NAME" or "NAME:ACTIVATION"."""
    uris = [n for n in names if "://" in n]
    scope = {PREFIX: [str(p) for p in prefixes]} if prefixes else {}
    if ports:
        scope[PORTS] = [dict(zip((LOWER, UPPER), map(int, p.split("-")))) for p in ports]
    if protocols:
        scope[PROTOCOL] = [int(p) for p in protocols]
    for key, texts in ((FQDN, [n for n in names if n not in uris]), (URI, uris), (ALIAS, list(aliases))):
        if texts:
            scope[key] = texts
    if acls:
        scope[ACL_LIST] = list(map(acl_control, acls))
    for key, value in ((LIFETIME, lifetime), (ATTACK_STATUS, attack_status), (TRIGGER, trigger)):
        if value is not None:
            scope[key] = value
    return encode({SCOPE_PATH[0]: {SCOPE_PATH[1]: [scope]}})


def acl_control(text):
    name, _, kind = text.partition(":")
    return {ACL_NAME: name, **({ACTIVATION_TYPE: ACTIVATIONS[kind]} if kind else {})}


def entries(body):
    """The scope entries of an answer; of anything else none."""
    try:
        found = decode(body)[SCOPE_PATH[0]][SCOPE_PATH[1]]
        return [e for e in found if isinstance(e, dict)]
    except (ValueError, KeyError, TypeError):
        return []


def scopes(body):
    """The prefixes that an answer speaks of."""
    return [p for e in entries(body) for p in e.get(PREFIX, [])]


def names(body):
    """The names, URIs and aliases that an answer speaks of."""
    return [n for e in entries(body) for key in (FQDN, URI, ALIAS) for n in e.get(key, [])]


def conflicts(body):
    """The conflicts that it tells of, as words: cause, status, and whatever else is in them; and the
    prefixes of their scopes."""
    told = [e[CONFLICT] for e in entries(body) if CONFLICT in e]
    words, prefixes = [], []
    for c in told:
        scope = c.get(CONFLICT_SCOPE, {})
        words.append(CAUSES.get(c.get(CONFLICT_CAUSE), "?"))
        words += [STATUSES.get(c[CONFLICT_STATUS], "?")] if CONFLICT_STATUS in c else []
        words += [f"retry-timer={c[RETRY_TIMER]}"] if RETRY_TIMER in c else []
        words += [f"scope-key={k}" for k in scope if k != PREFIX]
        prefixes += scope.get(PREFIX, [])
    return " ".join(words) or "none", ",".join(prefixes)
