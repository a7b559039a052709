"""What an attacker sends, and the narrow link that it fills."""
import subprocess

from rig.case import Failure


class Flood:
    """Datagrams from namespace ns to an address and port, from random addresses of the source
    prefixes: a sender for each of these, with its share of the rate."""

    def __init__(self, rig, ns, sources, to, rate, seconds, payloads, seed):
        lines = "".join(p.hex() + "\n" for p in payloads)
        self.procs = []
        for i, source in enumerate(sources):
            p = rig.net.spawn(ns, [rig.case.binaries["flood"], source, *to,
                                   rate // len(sources), seconds, seed + i],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            p.stdin.write(lines)
            p.stdin.close()
            self.procs.append(p)
        rig.closing.append(self.kill)

    def over(self):
        return all(p.poll() is not None for p in self.procs)

    def kill(self):
        for p in self.procs:
            p.kill()
            p.wait()

    def reached(self):
        """Datagrams a second."""
        rate = 0.0
        for p in self.procs:
            words = p.stdout.read().split()
            if len(words) != 4:
                raise Failure("a flood did not get through")
            rate += int(words[1]) / float(words[3])
        return rate


def narrow(rig, ns, interface, kbit, packets):
    """No more than that leaves by the interface; UDP comes last, and so many packets of it wait."""
    tc = lambda *words: rig.net.run(ns, ["tc", *" ".join(map(str, words)).split()])
    dev = f"dev {interface}"
    tc("qdisc add", dev, "root handle 1: htb default 10")
    tc("class add", dev, "parent 1: classid 1:1 htb quantum 1514 rate", f"{kbit}kbit")
    for number, prio in ((10, 0), (20, 7)):
        tc("class add", dev, f"parent 1:1 classid 1:{number} htb quantum 1514 prio {prio}",
           f"rate {kbit // 2}kbit ceil {kbit}kbit")
    tc("qdisc add", dev, "parent 1:20 pfifo limit", packets)
    for n, (protocol, match) in enumerate((("ip", "ip"), ("ipv6", "ip6"))):
        tc("filter add", dev, f"parent 1: protocol {protocol} prio {n + 1} u32 match {match} protocol",
           "17 0xff flowid 1:20")
