"""How long the steps of a lab take, about, and how it is divided into runs in networks of their own.

A chain is a step without after= and those that go on from it: it starts from the state after the first
step, so each may be run after the first step of another copy of the network. The first chain begins with
the first step itself."""

NETWORK, START, END = 1.5, 1, 1      # making it, the first step of all agents, and the end, in seconds
RESTORE, ACTION, WAIT_FOR = 1, 0.2, 2
AT_ONCE, NEVER = 1, 10               # a must is seen at once as a rule; a never takes its time
PART = 75                            # chains are put together into parts of so many seconds


def seconds(step):
    """What the actions wait for, and then the longest of the assertions."""
    verbs = [(st.args[1], st) for st in step.actions]
    acting = sum(float(st.args[2]) if verb == "wait" else WAIT_FOR if verb == "wait-for" else ACTION
                 for verb, st in verbs)
    return acting + max([NEVER if st.kind == "never" else AT_ONCE for st in step.asserts], default=0)


def length(lab, chains):
    """Of a run with these chains."""
    if not lab.steps:
        return NETWORK
    first = next(iter(lab.steps.values()))
    inside = [lab.steps[name] for chain in chains for name in chain if lab.steps[name] is not first]
    return (NETWORK + START + seconds(first) + END + RESTORE * len(chains)
            + sum(seconds(step) for step in inside))


def divided(lab):
    """The chains in their order, in groups that are run each by itself."""
    groups, taken = [[]], 0
    for chain in lab.chains():
        own = sum(RESTORE + seconds(lab.steps[name]) for name in chain)
        if groups[-1] and taken + own > PART:
            groups.append([])
            taken = 0
        groups[-1].append(chain)
        taken += own
    return groups
