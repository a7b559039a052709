"""Must and never: which records of the journal a pattern means, and what the live ones look at."""
import fnmatch
import ipaddress
import itertools
import re

from lab.net import NetError, contains
from lab.parse import EVENT_NAMES, MATCHING

# Several names in these mean each of them; in all other attributes any of them. So do several
# prefixes in target=.
EACH = ("peer", "from")
LIVE = ("counter", "mitigated", "status", "record", "translated")
FLOW = re.compile(r"\b(src|dst|sport|dport)=(\S+)")  # of conntrack: as it came, then as it is answered
DEFAULT_WITHIN, NEVER_FOR = 5, 10


def networks(text):
    """The prefixes in a field; words that are none stay as they are."""
    result = set()
    for word in re.split(r"[,\s]+", str(text).strip("[]")):
        if word:
            try:
                result.add(ipaddress.ip_network(word, strict=False))
            except ValueError:
                result.add(word)
    return result


def inside(net, nets):
    return not isinstance(net, str) and any(net.version == n.version and net.subnet_of(n)
                                            for n in nets)


def touches(net, nets):
    return not isinstance(net, str) and any(net.version == n.version and net.overlaps(n)
                                            for n in nets)


class Pattern:
    """One must, never or wait-for, compared with records."""

    def __init__(self, lab, st, event):
        self.lab, self.st, self.event = lab, st, event
        self.at = st.get("at")
        self.within = st.number("within", DEFAULT_WITHIN)
        self.count = int(st.number("count", 1))
        self.after = st.number("after", 0)
        self.attrs = {k: a for k, a in st.attrs.items() if k not in MATCHING}
        # `response` with an interface is a packet that leaves it.
        self.packets = event in ("pkt", "traffic") or (event == "response" and "if" in self.attrs)
        self.name = "pkt" if self.packets else EVENT_NAMES.get(event, event)

    def variants(self):
        """name -> value of each EACH attribute, all combinations."""
        values = {} if self.packets else {k: self.attrs[k].items for k in EACH if k in self.attrs}
        if "target" in self.attrs and self.attrs["target"].op == "=":
            values["target"] = sorted(map(str, self.lab.prefixes(self.attrs["target"].items, self.st)))
        return [dict(zip(values, chosen)) for chosen in itertools.product(*values.values())]

    def matches(self, record, variant):
        if record.at != self.at or record.event != self.name:
            return False
        if self.packets:
            return self.packet(record.fields, variant)
        return all(self.field(k, a, record, variant) for k, a in self.attrs.items())

    def counters(self):
        """Of the counters that are named, those of the lab's family."""
        other = {"4": "urpf6_", "6": "urpf4_"}.get(self.lab.family, " ")
        return [n for n in self.attrs["name"].items if not n.startswith(other)]

    # ---- product events and queries ----

    def names_of(self, word):
        """An agent goes by its name and by what its certificate says."""
        agent = self.lab.agents.get(word)
        return {word, agent.st.get("name")} if agent else {word}

    def field(self, key, attr, record, variant):
        special = getattr(self, "field_" + key.replace("-", "_"), None)
        if special:
            return special(attr, record.fields, variant.get(key, attr.value), record)
        value = record.fields.get(key)
        return value is not None and any(fnmatch.fnmatchcase(str(value), i) for i in attr.items)

    def field_peer(self, attr, fields, wanted, record):
        return fields.get("peer") in self.names_of(wanted)

    def field_from(self, attr, fields, wanted, record):
        if record.event == "heartbeat" and fields.get("direction") != "in":
            return False
        value = fields.get("from", fields.get("peer", fields.get("server")))
        return value in self.names_of(wanted)

    def field_server(self, attr, fields, wanted, record):
        return any(fields.get("server") in self.names_of(i) for i in attr.items)

    def field_alternate(self, attr, fields, wanted, record):
        return any(fields.get("alternate") in self.names_of(i) for i in attr.items)

    def field_pvd(self, attr, fields, wanted, record):
        return fields.get("domain") == self.lab.pvds[attr.value].domain

    def field_text(self, attr, fields, wanted, record):
        return any(attr.value in str(v) for v in fields.values())

    def field_code(self, attr, fields, wanted, record):
        return re.fullmatch(attr.value.replace(".", r"\.").replace("x", r"\d"),
                            str(fields.get("code"))) is not None

    def field_scope(self, attr, fields, wanted, record):
        want, have = self.lab.prefixes(attr.items, self.st), networks(fields.get("scope", ""))
        if attr.op == "<=":
            return bool(have) and all(inside(n, want) for n in have)
        if self.overlap:
            return any(touches(n, want) for n in have)
        return have == want

    def field_aliases(self, attr, fields, wanted, record):
        return self.are_named(attr, fields.get("aliases", ""))

    def field_acls(self, attr, fields, wanted, record):
        return self.are_named(attr, fields.get("acls", ""))

    def are_named(self, attr, text):
        """Exactly these names; in a never: one of them."""
        have, want = set(text.split(",")) - {""}, set(attr.items) - {"-"}
        return bool(have & want) if self.overlap else have == want

    def field_contested(self, attr, fields, wanted, record):
        return self.lab.prefixes(attr.items, self.st) == networks(fields.get("contested", ""))

    def field_target(self, attr, fields, wanted, record):
        have = networks(fields.get("target", fields.get("scope", "")))
        if attr.op == "<=":
            want = self.lab.prefixes(attr.items, self.st)
            return bool(have) and all(inside(n, want) for n in have)
        return ipaddress.ip_network(wanted) in have

    def field_src_in(self, attr, fields, wanted, record):
        source = str(fields.get("source", ""))
        try:
            return contains(self.lab.prefixes(attr.items, self.st), source.strip("[]"))
        except ValueError:
            return False

    def field_via(self, attr, fields, wanted, record):
        # The interface at the client's end: its own event of the same session tells. The source alone
        # would not do: two links may have the same addresses.
        return fields.get("interface") in attr.items or any(
            r.event == "session-up" and r.at != record.at and r.fields.get("role") == "client"
            and r.fields.get("source") == fields.get("source")
            and r.fields.get("server") in self.names_of(record.at)
            and r.fields.get("interface") in attr.items for r in self.journal_records)

    journal_records = ()
    overlap = False  # a never: a scope that only touches the named prefixes is a violation already

    # ---- packets ----

    def packet(self, f, variant):
        if "target" in variant and ipaddress.ip_address(f["dst"]) not in ipaddress.ip_network(
                variant["target"]):
            return False
        if "if" in self.attrs and f["if"] not in self.attrs["if"].items:
            return False
        if self.event == "traffic":
            return bool(f.get("mark")) and f["dir"] == "in" and self.address("from", f["src"])
        if self.event == "response":
            return f["dir"] == "out" and not f.get("reset") and self.port(f.get("sport"))
        if "dir" in self.attrs and f["dir"] != self.attrs["dir"].value:
            return False
        if "proto" in self.attrs and f["proto"] not in self.attrs["proto"].items:
            return False
        if "holds" in self.attrs and self.attrs["holds"].value not in f.get("readable", ""):
            return False
        return (self.address("to", f["dst"]) and self.address("from", f["src"])
                and (self.port(f.get("sport")) or self.port(f.get("dport"))))

    def port(self, value):
        return "port" not in self.attrs or str(value) in self.attrs["port"].items

    def address(self, key, value):
        """Is the address one of those that the attribute means: prefixes or namespaces?"""
        if key not in self.attrs:
            return True
        for item in self.attrs[key].items:
            if item in self.lab.namespaces:
                if ipaddress.ip_address(value) in self.lab.addresses_of(item):
                    return True
            elif contains([ipaddress.ip_network(item)], value):
                return True
        return False

    # ---- verdicts over records ----

    def missing(self, records):
        """The variants that were not seen often enough."""
        self.journal_records = records
        return [v for v in self.variants()
                if sum(self.matches(r, v) for r in records) < self.count]

    def violations(self, records):
        self.journal_records = records
        found = []
        for v in self.variants():
            hits = [r for r in records if self.matches(r, v)]
            found += hits if len(hits) >= self.count else []
        return found

    def near(self, records, limit=6):
        """What was seen instead: the same event there, else the last events there."""
        here = [r for r in records if r.at == self.at]
        return ([r for r in here if r.event == self.name]
                or [r for r in here if r.event not in ("pkt", "heartbeat")])[-limit:]


class Live:
    """Events that are looked up rather than recorded. start() when the step begins."""

    def __init__(self, lab, net, agents, pattern):
        self.lab, self.net, self.agents, self.p = lab, net, agents, pattern
        self.look = getattr(self, "look_" + pattern.event)
        self.before = net.counters(self.p.at) if pattern.event == "counter" else {}

    def look_counter(self):
        """Each of those named in a must, any of them in a never."""
        names = self.p.counters()
        now = self.net.counters(self.p.at)
        absent = [n for n in names if n not in now]
        if absent:
            return False, f"no counter {', '.join(absent)} in {self.p.at}"
        need = int(self.p.attrs["value"].value) if "value" in self.p.attrs else 1
        grown = {n: now[n] - self.before.get(n, 0) for n in names}
        every = any if self.p.overlap else all
        return (every(g >= need for g in grown.values()),
                "\n".join(f"{n} grew by {g}" for n, g in grown.items()))

    def look_mitigated(self):
        """Installed, says the server; and the table in the mitigator's namespace has it."""
        want = self.lab.prefixes(self.p.attrs["scope"].items, self.p.st)
        looked = [self.installed(a, want) for a in self.lab.agents.values()
                  if a.st.get("mitigator") and self.p.at in (a.name, a.st.get("mitigator"))]
        if not looked:
            return False, f"no server has a mitigator at {self.p.at}"
        good = [text for held, text in looked if held]
        return bool(good), "\n".join(good or [text for _, text in looked])

    def installed(self, agent, want):
        where, name = agent.st.get("mitigator"), self.agents.table_name(agent.name)
        table = self.net.table(where, name)
        said = set().union(*[networks(r.fields.get("scope", "")) for r in self.p.journal_records
                             if r.at == agent.name and r.event == "rule-installed"] or [set()])
        absent = [str(n) for n in want if not holds(table, n)]
        unsaid = [str(n) for n in want if n not in said]
        if not absent and not unsaid:
            return True, table
        return False, (f"not in table {name} in {where}: {', '.join(absent) or 'nothing'}; not in a "
                       f"rule-installed event of {agent.name}: {', '.join(unsaid) or 'nothing'}")

    def look_status(self):
        """text= in anything that dotsctl says there; the others in one entry of its `sessions`."""
        replies = {c: self.agents.dotsctl(self.p.at, c)[1]
                   for c in ("status", "domains", "sessions", "list")}
        texts = [str(r) for r in replies.values()]
        shown = "\n".join(texts)
        if "text" in self.p.attrs and not any(self.p.attrs["text"].value in t for t in texts):
            return False, shown
        if "handshakes" in self.p.attrs:
            status = replies["status"]
            if "handshakes" not in status and "error" not in status:
                raise NetError(f"dotsctl status at {self.p.at} tells no handshakes")
            if status.get("handshakes", 0) < int(self.p.attrs["handshakes"].value):
                return False, shown
        wanted = self.p.attrs.keys() - {"text", "handshakes"}
        entries = replies["sessions"].get("upstream", []) + replies["sessions"].get("clients", [])
        held = not wanted or any(all(self.entry_has(e, k) for k in wanted) for e in entries)
        return held, shown

    def look_record(self):
        """One entry of `dotsctl aliases` or `acls`."""
        kinds = {"alias": "aliases", "acl": "acls"}
        chosen = self.p.attrs["kind"].items if "kind" in self.p.attrs else kinds
        found = [e for kind in chosen
                 for e in self.agents.dotsctl(self.p.at, kinds[kind])[1].get(kinds[kind], [])]
        wanted = self.p.attrs.keys() - {"kind"}
        return any(all(self.is_of(e, k) for k in wanted) for e in found), "\n".join(map(str, found))

    def is_of(self, entry, key):
        attr = self.p.attrs[key]
        if key == "pvd":
            return entry.get("domain") in [self.lab.pvds[i].domain for i in attr.items]
        if key == "server":
            return any(entry.get("server") in self.p.names_of(i) for i in attr.items)
        if key == "text":
            return attr.value in entry.get("reason", "")
        return entry.get(key) in attr.items

    def look_translated(self):
        """There are such TCP connections, and each leaves with one of these addresses."""
        out = self.net.run(self.p.at, ["conntrack", "-L", "-p", "tcp", "--dport",
                                       self.p.attrs["port"].value], check=False).stdout
        found = [line for line in out.splitlines() if self.is_between(FLOW.findall(line))]
        sources = self.lab.prefixes(self.p.attrs["src-in"].items, self.p.st)
        good = [contains(sources, FLOW.findall(line)[5][1]) for line in found]
        return bool(good) and all(good), out

    def is_between(self, flow):
        return (len(flow) == 8 and self.p.address("from", flow[0][1])
                and self.p.address("to", flow[1][1]))

    def entry_has(self, entry, key):
        items = self.p.attrs[key].items
        if key == "pvd":
            return entry.get("domain") in [self.lab.pvds[i].domain for i in items]
        if key in ("server", "peer"):
            value = entry.get({"server": "name", "peer": "client"}[key])
            return any(value in self.p.names_of(i) for i in items)
        return entry.get(key) in items


def holds(table, net):
    """Does the text of an nft table name this prefix (or a lone address of it)?"""
    text = str(net.network_address)
    if net.prefixlen != net.max_prefixlen:
        text += f"/{net.prefixlen}"
    return re.search(rf"(?<![\w.:]){re.escape(text)}(?![\w.:/])", table) is not None
