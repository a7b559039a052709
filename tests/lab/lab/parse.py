"""Lab files as statements: words, attributes, bases, undo. Knows every statement, verb and event
by name and refuses what it does not know; what they mean is the business of the other modules."""
import dataclasses
import pathlib
import re

from lab import records

ATTRIBUTE = re.compile(r"([A-Za-z][\w.-]*)(<=|=)")


class LabError(Exception):
    """A mistake in a lab file; the text starts with file:line."""


@dataclasses.dataclass
class Word:
    text: str
    quoted: bool  # began with a quotation mark: never an attribute


@dataclasses.dataclass
class Attr:
    name: str
    op: str  # "=" or "<="
    value: str

    @property
    def items(self):
        return [i for i in self.value.split(",") if i]


@dataclasses.dataclass
class Statement:
    kind: str
    args: list
    attrs: dict
    words: list  # as written, for undo and for messages
    file: str
    line: int

    @property
    def text(self):
        return " ".join(w if " " not in w else f'"{w}"' for w in self.words)

    def error(self, why):
        return LabError(f"{self.file}:{self.line}: {why}")

    def get(self, name, default=None):
        return self.attrs[name].value if name in self.attrs else default

    def items(self, name):
        return self.attrs[name].items if name in self.attrs else []

    def number(self, name, default=None):
        if name not in self.attrs:
            return default
        try:
            return float(self.attrs[name].value)
        except ValueError:
            raise self.error(f"{name}={self.attrs[name].value} is no number") from None


# Of a step itself, and of a further action of it, whatever its verb.
STEP = {"after", "family"}
ACTION = {"family"}
MATCHING = {"at", "within", "count", "after"}
SESSION = {"role", "peer", "domain", "pvd", "server", "source", "src-in", "address", "interface", "via",
           "ca", "credential", "resumed", "transport", "behalf", "reason"}
RECORD = {"domain", "pvd", "server", "kind", "name", "code"}
# name -> attributes, beside those of MATCHING and text=. Those of the product: the fields of
# src/base/event.h, plus what assertions.py derives from them.
PRODUCT_EVENTS = {
    "started": {"version", "config", "instance"},
    "stopped": {"reason"},
    "config-loaded": {"path"},
    "config-refused": {"path", "reason"},
    "config-warning": {"where", "reason"},
    "listening": {"address", "interface"},
    "alert": {"reason", "target", "domain", "pvd", "server", "alternate", "section"},
    "session-up": SESSION,
    "session-down": SESSION,
    "session-silent": SESSION | {"missed"},
    "session-heard": SESSION,
    "session-refused": {"role", "peer", "address", "reason", "untold"},
    "session-attempt": SESSION,
    "session-failed": SESSION | {"retry"},
    "redirected": {"role", "peer", "domain", "pvd", "server", "alternate", "ttl", "reason"},
    "redirect-ended": {"domain", "pvd", "server", "alternate", "reason"},
    "drain": {"state", "alternate", "ttl"},
    "hb": {"role", "peer", "from", "direction", "domain", "pvd", "server"},
    "discovery": {"domain", "pvd", "interface", "reason"},
    "learned": {"domain", "pvd", "kind", "value", "source", "interface", "expires"},
    "forgotten": {"domain", "pvd", "kind", "value", "source", "interface", "reason"},
    "resolved": {"domain", "name", "addresses", "resolver", "interface"},
    "resolve-failed": {"domain", "name", "reason"},
    "put-mitigate": {"from", "cdid", "cuid", "mid", "scope", "target", "names", "lifetime", "code", "reason"},
    "get-mitigate": {"from", "cuid", "mid", "code", "observe"},
    "delete-mitigate": {"from", "cuid", "mid", "code", "scope"},
    "request-refused": {"from", "code", "reason"},
    "data-changed": {"client", "cuid", "kind", "name", "change", "entries"},
    "data-refused": {"client", "method", "path", "code", "reason"},
    "record-set": {"kind", "name"},
    "record-removed": {"kind", "name"},
    "record-placed": RECORD,
    "record-refused": RECORD | {"reason", "section"},
    "record-deleted": RECORD,
    "data-in-step": {"domain", "pvd", "server", "interface", "records", "refused"},
    "data-pending": {"domain", "pvd", "server", "reason", "retry"},
    "filters-in-force": {"client", "rules"},
    "filters-failed": {"client", "reason"},
    "mitigation-started": {"id", "client", "mid", "scope", "lifetime", "action"},
    "mitigation-status": {"id", "client", "mid", "status"},
    "activated": {"id", "client", "mid", "scope", "peer", "silent"},
    "mitigation-conflict": {"id", "client", "mid", "scope"},
    "mitigation-ended": {"id", "client", "mid", "reason"},
    "terminated": {"id", "client", "mid", "scope", "reason"},
    "client-suspended": {"client", "reason", "ended"},
    "client-resumed": {"client"},
    "escalated": {"id", "client", "mid", "reason", "upstream"},
    "rule-installed": {"id", "client", "scope", "mitigator"},
    "rule-removed": {"id", "client", "mitigator"},
    "rule-failed": {"id", "client", "mitigator", "reason"},
    "rules-reconciled": {"mitigator", "kept", "added", "removed"},
    "asked": {"ask", "asker", "target", "lifetime"},
    "planned": {"ask", "domain", "pvd", "server", "interface", "target", "reason", "section"},
    "refused": {"ask", "target", "domain", "pvd", "reason", "section"},
    "pending": {"ask", "target", "domain", "pvd", "server", "reason", "section"},
    "sent": {"domain", "pvd", "server", "behalf", "interface", "mid", "scope", "lifetime", "kind"},
    "shared": {"domain", "pvd", "server", "behalf", "mid", "record", "targets", "names", "told", "consent",
               "section"},
    "placed": {"domain", "pvd", "server", "interface", "mid", "scope", "lifetime", "code"},
    "response": {"domain", "pvd", "server", "behalf", "mid", "code", "conflict", "if", "port"},
    "status-change": {"domain", "pvd", "server", "mid", "status", "conflict"},
    "withdrawn": {"domain", "pvd", "server", "mid", "code"},
    "released": {"ask", "asker", "reason"},
    "store-volatile": {"reason"},
    "store-durable": {"after"},
    "helper-lost": {"mitigator", "reason"},
    "link": {"interface", "state"},
    "clock-jump": {"seconds"},
}
# Seen from outside the agents.
OUTSIDE_EVENTS = {
    "dns-query": {"name", "type", "src-in"},
    "pkt": {"if", "to", "from", "port", "proto", "dir", "holds"},
    "traffic": {"from", "target"},
    "counter": {"name", "value"},
    "mitigated": {"scope"},
    "status": {"text", "pvd", "server", "peer", "state", "interface", "handshakes"},
    "coap-response": {"code", "as", "scope", "names", "conflict", "contested"},
    "restconf-response": {"code", "as", "server", "aliases", "acls", "scope", "names"},
    "record": {"kind", "name", "pvd", "server", "state"},
    "decoded": set(),
    "translated": {"from", "to", "port", "src-in"},
    "alarmed": {"exit"},
    "recorded": {"exit"},
    "controlled": {"exit"},
}
EVENTS = {**PRODUCT_EVENTS, **OUTSIDE_EVENTS}
# In labs as in topologies -> in the product's event log.
EVENT_NAMES = {"hb": "heartbeat", "status-change": "status"}

ANY = None  # any attribute name
DHCP = {"ri", "address", "domain", "resolver", "ri6", "address6", "domain6", "resolver6", "lease"}
# What the body of a `coap` request may say, and how often.
COAP_BODY = ("target", "name", "alias", "acl", "port", "protocol", "lifetime", "attack-status",
             "trigger-mitigation")
# verb -> (fewest words, most words, attributes)
VERBS = {
    "start": (0, 99, set()),
    "stop": (1, 99, set()),
    "kill": (1, 99, set()),
    "restart": (1, 99, set()),
    "pause": (1, 99, set()),
    "resume": (1, 99, set()),
    "forget": (1, 99, set()),
    "alarm": (1, 1, {"target", "name", "port", "protocol", "lifetime", "wait", "id", "on-loss", "acl"}),
    "control": (1, 1, {"id", "acl"}),
    "refresh": (1, 1, {"id"}),
    "withdraw": (1, 1, {"id"}),
    "escalate": (1, 1, {"target"}),
    "terminate": (1, 1, {"target", "reason"}),
    "client": (3, 3, {"end", "reason"}),
    "drain": (2, 2, {"to", "name", "addresses", "count", "ttl"}),
    "flood": (1, 1, {"target", "rate", "for", "count", "port"}),
    "probe": (1, 1, {"dst", "src", "dev", "port"}),
    "hellos": (1, 1, {"target", "count", "for", "sources", "port"}),
    "forge": (1, 1, {"from", "to", "alternate"}),
    "replay": (1, 1, {"from", "to"}),
    "link": (2, 2, set()),
    "rule": (1, 2, {"prio", "from", "table"}),
    "loss": (2, 2, set()),
    "drop": (2, 99, set()),
    "undrop": (1, 1, set()),
    "forget-flows": (1, 1, set()),
    "zone": (4, 4, set()),
    "dhcp": (1, 1, DHCP),
    "configure": (1, 1, ANY),
    "wait": (1, 1, set()),
    "wait-for": (1, 1, ANY),
    "alias": (1, 1, {"name", "by", *records.ALIAS}),
    "filter": (1, 1, {"name", "by", *records.FILTER}),
    "restconf": (3, 3, {"as", "server", "cuid", *records.ALIAS, *records.FILTER}),
    "decode": (1, 1, {"holds"}),
    "coap": (3, 3, {"as", "ca", "server", "for", "cuid", "mid", "if-match", "body"} | set(COAP_BODY)),
}
# statement -> (fewest words, most words, attributes)
STATEMENTS = {
    "lab": (1, 1, {"base", "fig", "sec", "addressing", "family"}),
    "ns": (1, 1, {"role"}),
    "link": (4, 4, {"dad", "mtu"}),
    "bridge": (2, 2, set()),
    "port": (3, 3, set()),
    "lo": (2, 2, set()),
    "route": (4, 4, {"metric", "table", "dev", "onlink"}),
    "rule": (1, 2, {"prio", "from", "table"}),
    "urpf": (1, 1, set()),
    "ingress": (1, 1, {"allow"}),
    "snat": (1, 1, {"oif", "from", "to"}),
    "undo": (1, 99, ANY),
    "reach": (1, 2, {"src", "dst", "dev", "drop"}),
    "pvd": (1, 1, {"prefixes", "dns", "gw", "suffix", "server", "ca", "at"}),
    "zone": (4, 4, set()),
    "dhcp": (1, 1, DHCP),
    "pi": (1, 1, set()),
    "dots": (1, 1, {"kind", "name", "ca", "owns", "mitigator", "listen", "server", "pvds",
                    "upstream-pvds", "if", "attach", "filters", "pins", "third", "upstream", "clients",
                    "discovery", "also", "data", "heartbeat-interval", "missing-hb-allowed"}),
    "identity": (1, 1, {"ca", "known", "owns"}),
    "step": (2, 99, ANY),
    "do": (2, 99, ANY),
    "must": (2, 2, ANY),
    "never": (2, 2, ANY),
    "decide": (2, 999, ANY),
}


def split(line):
    """Blank separated words; " groups, # at the start of a word begins a comment."""
    words, i, n = [], 0, len(line)
    while i < n:
        if line[i].isspace():
            i += 1
            continue
        if line[i] == "#":
            break
        text, quoted = "", line[i] == '"'
        while i < n and not line[i].isspace():
            if line[i] == '"':
                end = line.find('"', i + 1)
                if end < 0:
                    raise ValueError('a " is never closed')
                text += line[i + 1:end]
                i = end + 1
            else:
                text += line[i]
                i += 1
        words.append(Word(text, quoted))
    return words


def known(table, name, what, st):
    if name not in table:
        raise st.error(f"unknown {what} {name!r}")
    return table[name]


def check_shape(st, what, args, attrs, shape):
    low, high, allowed = shape
    if not low <= len(args) <= high:
        raise st.error(f"{what} takes {low if low == high else f'{low} to {high}'} words, "
                       f"not {len(args)}")
    if allowed is not ANY:
        for name in attrs:
            if name not in allowed:
                raise st.error(f"{what} has no attribute {name!r}")


def check_pattern(st, event, attrs, free=()):
    allowed = known(EVENTS, event, "event", st) | MATCHING | {"text"}
    for name, a in attrs.items():
        if name not in allowed and name not in free:
            raise st.error(f"event {event} has no attribute {name!r}")
        if a.op == "<=" and name not in ("scope", "target"):
            raise st.error(f"{name}<= : only scope and target are sets of prefixes")
    if "at" not in attrs:
        raise st.error("no at=")


def check(st):
    """Everything that can be said of a statement by itself."""
    check_shape(st, st.kind, st.args, st.attrs, known(STATEMENTS, st.kind, "statement", st))
    if st.kind in ("step", "do"):
        verb = st.args[1]
        own = STEP if st.kind == "step" else ACTION
        rest = {k: a for k, a in st.attrs.items() if k not in own}
        check_shape(st, verb, st.args[2:], rest, known(VERBS, verb, "verb", st))
        if verb == "wait-for":
            check_pattern(st, st.args[2], rest)
    elif st.kind in ("must", "never"):
        check_pattern(st, st.args[1], st.attrs)


def statement(line, file, number):
    """One line; None if there is nothing on it."""
    try:
        words = split(line)
    except ValueError as e:
        raise LabError(f"{file}:{number}: {e}") from None
    if not words:
        return None
    st = Statement(words[0].text, [], {}, [w.text for w in words], str(file), number)
    if st.kind in ("undo", "decide"):
        st.args = st.words[1:]
        check(st)
        return st
    for w in words[1:]:
        m = None if w.quoted else ATTRIBUTE.match(w.text)
        if m is None:
            st.args.append(w.text)
        elif m.group(1) in st.attrs:
            raise st.error(f"{m.group(1)} twice")
        else:
            st.attrs[m.group(1)] = Attr(m.group(1), m.group(2), w.text[m.end():])
    check(st)
    return st


OF_STEPS = ("step", "do", "must", "never", "decide")


def undone(words, pattern):
    if pattern[0] == "steps":
        return words[0] in OF_STEPS and (words[1] in pattern[1:] or pattern[1:] == ["*"])
    if pattern[-1] == "*":
        return words[:len(pattern) - 1] == pattern[:-1]
    return words == pattern


def find_base(path, name):
    """Beside the file, or one folder up (labs/broken builds on labs)."""
    for folder in (path.parent, path.parent.parent):
        candidate = folder / f"{name}.lab"
        if candidate.is_file():
            return candidate
    return None


def inherited(head, path, name, seen, present):
    """The statements of one base; what a base before it brought already comes once."""
    base = find_base(path, name)
    if base is None:
        raise head.error(f"no file for base {name}")
    first, *rest = load(base, (*seen, path))
    for attribute in ("family", "addressing"):
        if attribute in first.attrs:
            head.attrs.setdefault(attribute, first.attrs[attribute])
    here = {(s.file, s.line) for s in present}
    return [s for s in rest if (s.file, s.line) not in here]


def load(path, seen=(), more=()):
    """All statements of a lab in order, those of its bases first; the first is its lab line. more: lines
    that are read as if they stood at its end."""
    path = pathlib.Path(path)
    if path in seen:
        raise LabError(f"{path}:1: is its own base")
    result, head = [], None
    for number, line in enumerate([*path.read_text(encoding="utf-8").splitlines(), *more], 1):
        st = statement(line, path, number)
        if st is None:
            continue
        if (st.kind == "lab") != (head is None):
            raise st.error("a lab file starts with its lab line" if head is None else "lab twice")
        if st.kind == "lab":
            head = st
            for name in st.items("base"):
                result += inherited(st, path, name, seen, result)
        elif st.kind == "undo":
            kept = [s for s in result if not undone(s.words, st.args)]
            if len(kept) == len(result):
                raise st.error("undoes nothing")
            result = kept
        else:
            result.append(st)
    if head is None:
        raise LabError(f"{path}:1: no lab line")
    return [head, *result]
