"""Aliases and filters (ACLs) of RFC 8783: written from the words of a lab file, and read in what a data
channel shows. Kept apart from the product's tables on purpose."""
import json

MODULE = "ietf-dots-data-channel"
CONTAINERS = {"alias": "aliases", "acl": "acls"}
ACTIVATIONS = {"immediate": "immediate", "when-mitigating": "activate-when-mitigating",
               "deactivate": "deactivate"}
FORWARDINGS = ("drop", "accept")
TRANSPORTS = {"6": "tcp", "17": "udp"}
# What may be said of an alias, and of an entry of an ACL or of all of it.
ALIAS = ("target", "fqdn", "port", "protocol")
FILTER = ("ace", "forward", "rate", "source", "target", "port", "source-port", "protocol", "activation")


def controls(st):
    """acl=NAME, NAME:ACTIVATION, as dotsctl has it."""
    found = [text.partition(":") for text in st.items("acl")]
    return [f"{name}={ACTIVATIONS[kind]}" if kind else name for name, _, kind in found]


def is_empty(st):
    """Does the statement name something, and say nothing of it? Then it goes."""
    return not {*ALIAS, *FILTER} & st.attrs.keys()


def check(st):
    """What can be said before anything runs."""
    if st.get("activation", "immediate") not in ACTIVATIONS:
        raise st.error(f"activation={st.get('activation')}: {', '.join(ACTIVATIONS)}")
    if st.get("by", "dotsctl") != "dotsctl":
        raise st.error(f"by={st.get('by')}: dotsctl")
    if st.get("forward", "drop") not in FORWARDINGS:
        raise st.error(f"forward={st.get('forward')}: {', '.join(FORWARDINGS)}")


def ports(text):
    """RFC 8783: "80" or "1-9"."""
    return dict(zip(("lower-port", "upper-port"), map(int, text.split("-"))))


def ports_of_acl(text):
    return ports(text) if "-" in text else {"operator": "eq", "port": int(text)}


def alias(lab, st, name):
    said = (("target-prefix", sorted(map(str, lab.prefixes(st.items("target"), st)))),
            ("target-port-range", list(map(ports, st.items("port")))),
            ("target-protocol", list(map(int, st.items("protocol")))),
            ("target-fqdn", st.items("fqdn")))
    return {"name": name, **{key: value for key, value in said if value}}


def acl(lab, st, name, before=None):
    """The ACL with what the statement says appended to what it had."""
    before = before or {"name": name, "aces": {"ace": []}}
    kind = ACTIVATIONS.get(st.get("activation"), before.get("activation-type"))
    return {"name": name, **({"activation-type": kind} if kind else {}),
            "aces": {"ace": before["aces"]["ace"] + aces(lab, st)}}


def aces(lab, st):
    """One for each source and target of one family."""
    sources = sorted(lab.prefixes(st.items("source"), st), key=str) or [None]
    targets = sorted(lab.prefixes(st.items("target"), st), key=str) or [None]
    pairs = [(s, t) for s in sources for t in targets if not s or not t or s.version == t.version]
    name = st.get("ace", "r")
    actions = {"forwarding": st.get("forward", "drop")}
    if "rate" in st.attrs:
        actions["rate-limit"] = f"{st.number('rate'):.2f}"
    return [{"name": name if len(pairs) == 1 else f"{name}-{n}", "actions": actions,
             "matches": matches(st, *pair)} for n, pair in enumerate(pairs, 1)]


def matches(st, source, target):
    """Which packets: an IP header where something is said of it, and one of its transport."""
    some, result, header = target or source, {}, {}
    for end, net in (("destination", target), ("source", source)):
        if net:
            header[f"{end}-ipv{net.version}-network"] = str(net)
    transport = {f"{end}-port-range-or-operator": ports_of_acl(st.get(key))
                 for end, key in (("destination", "port"), ("source", "source-port")) if key in st.attrs}
    protocol = st.get("protocol")
    if transport:
        if protocol not in TRANSPORTS:
            raise st.error("ports need protocol=6 or 17")
        result[TRANSPORTS[protocol]] = transport
    elif protocol:
        if not some:
            raise st.error("a protocol without ports needs a target or source")
        header["protocol"] = int(protocol)
    return result | ({f"ipv{some.version}": header} if some else {})


def file_of(entries):
    """The text of a file of `data-files`; entries: kind -> name -> entry."""
    return json.dumps({f"{MODULE}:{CONTAINERS[kind]}": {kind: list(entries.get(kind, {}).values())}
                       for kind in CONTAINERS}, indent=1) + "\n"


# ---- of a data channel ----

def of_path(path):
    """aliases/NAME, acls/NAME -> kind and NAME; of anything else None."""
    container, _, name = path.partition("/")
    kinds = {container: kind for kind, container in CONTAINERS.items()}
    return (kinds[container], name) if name and container in kinds else None


def path_of(st, path, cuid):
    """As it is, or of something under that cuid: registration, aliases, acls, aliases/NAME, acls/NAME."""
    if path.startswith("/"):
        return path
    entry = of_path(path)
    if not entry and path not in ("registration", *CONTAINERS.values()):
        raise st.error(f"{path}: registration, aliases, acls, aliases/NAME, acls/NAME or a path")
    below = "" if path == "registration" else "/" + path
    if entry:
        below = f"/{CONTAINERS[entry[0]]}/{entry[0]}={entry[1]}"
    return f"/restconf/data/{MODULE}:dots-data/dots-client={cuid}{below}"


def body_of(lab, st, method, path, cuid):
    """What a PUT says: a registration, or the alias or ACL that the words are about."""
    if method != "put":
        return None
    if path == "registration":
        return {f"{MODULE}:dots-client": [{"cuid": cuid}]}
    if not of_path(path):
        raise st.error("put registration, aliases/NAME or acls/NAME")
    kind, name = of_path(path)
    return {f"{MODULE}:{kind}": [(alias if kind == "alias" else acl)(lab, st, name)]}


def members(value):
    """(name without module, value) of all members of all objects in it."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key.rpartition(":")[2], inner
            yield from members(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from members(inner)


def shown(text):
    """Of an answer: the names of aliases and of ACLs, the prefixes that they are about, domain names."""
    try:
        found = list(members(json.loads(text)))
    except ValueError:
        found = []

    def entries(kind):
        return [e["name"] for key, v in found if key == kind for e in v]

    scope = [p for key, v in found if key == "target-prefix" for p in v]
    scope += [v for key, v in found if key in ("destination-ipv4-network", "destination-ipv6-network")]
    names = [n for key, v in found if key in ("target-fqdn", "target-uri") for n in v]
    return {key: ",".join(values) for key, values in
            (("aliases", entries("alias")), ("acls", entries("acl")), ("scope", scope), ("names", names))}
