#!/usr/bin/python3
"""hooks/dotsd-dhcp: from what DHCP clients give their hooks to calls of dotsctl, in every shell there is.
The client udhcpc is run for real if there is one (BUSYBOX names it, or PATH). Run as a program it
prints TAP."""
import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import tap  # noqa: E402

HOOK, DOTSD, DOTSCTL = os.environ["DHCP_HOOK"], os.environ["DOTSD"], os.environ["DOTSCTL"]
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
RUN = os.environ.get("RUN_ID", "hook") + f"-{os.getpid()}"
BUSYBOX = os.environ.get("BUSYBOX") or shutil.which("busybox", path=PATH)
SHELLS = {"dash": ["dash"], "bash": ["bash", "--posix"], "busybox": [BUSYBOX, "sh"]}
PATIENCE = 60
NAME = "04646f7473076578616d706c6500"
ADDRESS = "c000020ac0000214"
ADDRESS6 = "20010db8000000000000000000000001"
SHELL = pytest.mark.parametrize("shell", [s for s, argv in SHELLS.items() if argv[0] and shutil.which(
    argv[0], path=PATH)])


def domain(name, *interfaces):
    """As dotsctl prints it, with members before and after that look alike."""
    return {"name": name, "gateway": False, "interfaces": list(interfaces), "prefixes": ["192.0.2.0/24"],
            "resolvers": [], "servers": [{"domain": "other", "name": "wan1", "interface": "wan1",
                                          "interfaces": ["wan1"], "local": None}]}


TWO = [domain("isp1", "wan0", "wan1"), domain("isp2", "wan2")]


class Control:
    """A dotsctl that knows the domains and writes down what else it is asked."""

    def __init__(self, folder):
        self.folder = folder
        self.log = folder / "log"
        self.log.touch()
        self.seen = 0
        program = folder / "dotsctl"
        program.write_text(f"""#!/bin/sh
if [ "$*" = "--json domains" ]; then
	cat "{folder}/domains"
	exit
fi
line=$(for word; do printf '%s|' "$word"; done)
printf '%s\\n' "$line" >>"{self.log}"
echo done
exit "$(cat "{folder}/status")"
""")
        program.chmod(0o755)
        self.domains(TWO)
        (folder / "status").write_text("0")
        self.env = {"PATH": f"{folder}:{PATH}"}

    def domains(self, domains, indent=2):
        reply = {"exit": 0, "domains": domains}
        (self.folder / "domains").write_text(json.dumps(reply, indent=indent) + "\n")

    def calls(self):
        """Every call since the last look: its words."""
        new = [line.split("|")[:-1] for line in self.log.read_text().split("\n")[self.seen:-1]]
        self.seen += len(new)
        return new

    def run(self, shell, *arguments, **environment):
        """(output, errors) of the hook; busybox brings its own awk."""
        if shell == "busybox" and not (self.folder / "awk").exists():
            (self.folder / "awk").symlink_to(BUSYBOX)
        r = subprocess.run([*SHELLS[shell], HOOK, *arguments], env={**self.env, **environment}, text=True,
                           cwd=self.folder, capture_output=True, timeout=PATIENCE, check=False)
        assert r.returncode == 0
        return r.stdout, r.stderr


@pytest.fixture
def control(tmp_path):
    return Control(tmp_path)


def set_(name, options, seconds):
    return [["domain", name, "set", "dhcp", options, "--expires", str(seconds)]]


def unset(name):
    return [["domain", name, "unset", "server", "--source", "dhcp"]]


def decimal(text):
    return " ".join(str(b) for b in bytes.fromhex(text))


# What each client gives, and the calls that follow. 8973-5-08
CASES = {
    "dhclient bound": (
        {"reason": "BOUND", "interface": "wan1", "new_dots_ri": decimal(NAME), "new_dots_address": decimal(ADDRESS),
         "new_dhcp_lease_time": "3600"}, set_("isp1", f"147={NAME},148={ADDRESS}", 3600)),
    "dhclient renew, name only": (
        {"reason": "RENEW", "interface": "wan2", "new_dots_ri": decimal(NAME), "new_dhcp_lease_time": "120"},
        set_("isp2", f"147={NAME}", 120)),
    "dhclient -6": (
        {"reason": "BOUND6", "interface": "wan1", "new_dhcp6_dots_ri": decimal(NAME),
         "new_dhcp6_dots_address": decimal(ADDRESS6), "new_max_life": "7200"},
        set_("isp1", f"141={NAME},142={ADDRESS6}", 7200)),
    "dhclient -6 -S": (
        {"reason": "RENEW6", "interface": "wan1", "new_dhcp6_dots_address": decimal(ADDRESS6),
         "new_dhcp6_info_refresh_time": "infinite"}, set_("isp1", f"142={ADDRESS6}", 4294967295)),
    "dhclient expire": (
        {"reason": "EXPIRE", "interface": "wan1", "old_dots_ri": decimal(NAME)}, unset("isp1")),
    "dhclient expire of a lease without": ({"reason": "EXPIRE", "interface": "wan1"}, []),
    "dhclient release6": (
        {"reason": "RELEASE6", "interface": "wan1", "old_dhcp6_dots_ri": decimal(NAME)}, unset("isp1")),
    "one family's end is not the other's": (
        {"reason": "EXPIRE6", "interface": "wan1", "old_dots_ri": decimal(NAME)}, []),
    "dhclient renew, not any more": (
        {"reason": "RENEW", "interface": "wan1", "old_dots_ri": decimal(NAME)}, unset("isp1")),
    "dhclient preinit": ({"reason": "PREINIT", "interface": "wan1", "old_dots_ri": decimal(NAME)}, []),
    "dhcpcd reboot": (
        {"reason": "REBOOT", "interface": "wan1", "new_dots_ri": NAME, "new_dots_address": ADDRESS.upper(),
         "new_dhcp_lease_time": "600"}, set_("isp1", f"147={NAME},148={ADDRESS.upper()}", 600)),
    "dhcpcd inform": (
        {"reason": "INFORM", "interface": "wan1", "new_dots_ri": NAME}, set_("isp1", f"147={NAME}", 86400)),
    "dhcpcd bound6": (
        {"reason": "BOUND6", "interface": "wan1", "new_dhcp6_dots_ri": NAME,
         "new_dhcp6_ia_na1_ia_addr1_vltime": "300"}, set_("isp1", f"141={NAME}", 300)),
    "dhcpcd delegated6": (
        {"reason": "DELEGATED6", "interface": "wan1", "new_dhcp6_dots_ri": NAME,
         "new_dhcp6_ia_pd1_prefix1_vltime": "400"}, set_("isp1", f"141={NAME}", 400)),
    "dhcpcd nak": ({"reason": "NAK", "interface": "wan1", "old_dots_address": ADDRESS}, unset("isp1")),
    "dhcpcd no carrier": ({"reason": "NOCARRIER", "interface": "wan1", "old_dots_ri": NAME}, []),
    "udhcpc bound": (
        {"": "bound", "interface": "wan1", "opt147": NAME, "opt148": ADDRESS, "lease": "900"},
        set_("isp1", f"147={NAME},148={ADDRESS}", 900)),
    "udhcpc renew without": ({"": "renew", "interface": "wan1", "lease": "900"}, []),
    "udhcpc deconfig": ({"": "deconfig", "interface": "wan1"}, unset("isp1")),
    "udhcpc leasefail": ({"": "leasefail", "interface": "wan1"}, []),
    "an interface of nobody": ({"": "bound", "interface": "eth9", "opt147": NAME}, []),
    "no interface": ({"": "bound", "opt147": NAME}, []),
    "lease of no time": (
        {"": "bound", "interface": "wan1", "opt147": NAME, "lease": "0"}, set_("isp1", f"147={NAME}", 86400)),
    "lease that is no number": (
        {"": "bound", "interface": "wan1", "opt147": NAME, "lease": "9x"}, set_("isp1", f"147={NAME}", 86400)),
}


@SHELL
@pytest.mark.parametrize("case", CASES)
def test_events_become_calls(control, shell, case):
    environment, expected = CASES[case]
    arguments = [environment[""]] if "" in environment else []
    out, errors = control.run(shell, *arguments, **{k: v for k, v in environment.items() if k})
    assert control.calls() == expected
    assert out == errors == ""


# What a server could make of the options, or what other definitions of them give.
HOSTILE = ["dots.example.", "192.0.2.1 192.0.2.2", "$(touch hit)", "`touch hit`", "; touch hit", "\n touch hit",
           "'; touch hit; '", '"; touch hit; "', "*", "4 *", "-n", "4 100 256", "4 100 -1", "4 0x64", "4 010", "4 08",
           "4 1e1", "abc", "0g", NAME + "\n", "4\t100", "\\0144", "<error>", "4 100 $((1))", NAME + ",148=" + ADDRESS]


@SHELL
@pytest.mark.parametrize("value", HOSTILE)
def test_what_is_not_in_octets_goes_nowhere(control, shell, value):
    for environment, arguments in (
            ({"reason": "BOUND", "new_dots_ri": value, "new_dots_address": value, "old_dots_ri": NAME}, []),
            ({"reason": "BOUND6", "new_dhcp6_dots_ri": value, "new_dhcp6_dots_address": value}, []),
            ({"opt147": value, "opt148": value}, ["bound"])):
        out, errors = control.run(shell, *arguments, interface="wan1", **environment)
        assert control.calls() == []
        assert out == "" and errors.count("is not in octets") == 2
        assert value not in errors
    # The other option counts.
    control.run(shell, "bound", interface="wan1", opt147=value, opt148=ADDRESS, lease=value)
    assert control.calls() == set_("isp1", f"148={ADDRESS}", 86400)
    assert not (control.folder / "hit").exists()


@SHELL
@pytest.mark.parametrize("interface", ["$(touch hit)", "wan1;touch hit", "wan1\nwan2", "a b", "../wan1", '"', "\\",
                                       "wan1wan1wan1wan1"])
def test_interfaces_with_other_names_are_passed_over(control, shell, interface):
    control.domains([domain("isp1", interface)])
    control.run(shell, "bound", interface=interface, opt147=NAME)
    assert control.calls() == []
    assert not (control.folder / "hit").exists()


@SHELL
@pytest.mark.parametrize("indent", [None, 0, 1, 8])
def test_the_domain_is_found_however_the_reply_is_laid_out(control, shell, indent):
    control.domains([domain('a "quoted\\" one', "eth0"), *TWO, domain("isp3", "wan1.100")], indent)
    for interface, name in (("wan0", "isp1"), ("wan2", "isp2"), ("wan1.100", "isp3")):
        control.run(shell, "bound", interface=interface, opt147=NAME)
        assert control.calls() == set_(name, f"147={NAME}", 86400)
    control.run(shell, "bound", interface="wan", opt147=NAME)
    assert control.calls() == []


@SHELL
def test_nobody_is_told_when_the_domain_is_not_clear(control, shell):
    control.domains([domain("isp1", "wan1"), domain("isp2", "wan1")])
    assert "several domains" in control.run(shell, "bound", interface="wan1", opt147=NAME)[1]
    for name in ("isp $(touch hit)", "-isp", "isp\n1"):
        control.domains([domain(name, "wan1")])
        assert "cannot be used" in control.run(shell, "bound", interface="wan1", opt147=NAME)[1]
    (control.folder / "domains").write_text("no JSON [ } \" at all")
    control.run(shell, "bound", interface="wan1", opt147=NAME)
    (control.folder / "domains").unlink()
    control.run(shell, "bound", interface="wan1", opt147=NAME)
    assert control.calls() == []
    assert not (control.folder / "hit").exists()


@SHELL
def test_a_failure_is_told_and_not_passed_on(control, shell):
    (control.folder / "status").write_text("3")
    assert "dotsctl failed" in control.run(shell, "bound", interface="wan1", opt147=NAME)[1]


@SHELL
def test_it_may_be_sourced(control, shell):
    """dhclient-script and dhcpcd-run-hooks do: it changes nothing of theirs, and they go on."""
    script = f"""set -eu
IFS=:
options=mine domain=mine given=mine
set -- a b
. "{HOOK}"
echo "$options $domain $given $# $IFS $-" | tr -d c
command -v to_hex || :
touch *.glob
"""
    path = control.folder / "caller"
    path.write_text(script)
    r = subprocess.run([*SHELLS[shell], path], env={**control.env, "reason": "BOUND", "interface": "wan1",
                                                    "new_dots_ri": decimal(NAME)},
                       text=True, capture_output=True, cwd=control.folder, timeout=PATIENCE, check=False)
    assert (r.returncode, r.stderr) == (0, "")
    words = r.stdout.split()
    assert words[:5] == ["mine", "mine", "mine", "2", ":"] and len(words) == 6
    assert {"e", "u"} <= set(words[5]) and "f" not in words[5]
    assert control.calls() == set_("isp1", f"147={NAME}", 86400)


def test_the_reply_of_the_real_dotsctl_is_understood(control):
    """The rest is still written down: that dotsd takes it is for others to show."""
    folder = control.folder
    (folder / "a.psk").write_text("00112233445566778899aabbccddeeff\n")
    (folder / "dotsd.yaml").write_text("""instance: client
state: state
control: dotsd.sock
domains:
  isp1:
    interface: lo
    prefixes: [192.0.2.0/24]
    servers: [{name: dots.example, addresses: [127.0.0.1], port: 1}]
    credentials: {psk-identity: acme, psk-file: a.psk}
""")
    daemon = subprocess.Popen([DOTSD, "--config", folder / "dotsd.yaml"], stderr=subprocess.DEVNULL)
    try:
        ask = [DOTSCTL, "--socket", folder / "dotsd.sock", "--json", "domains"]
        for _ in range(PATIENCE * 50):
            reply = subprocess.run(ask, capture_output=True, text=True, timeout=PATIENCE, check=False)
            if reply.returncode == 0:
                break
            assert daemon.poll() is None
            time.sleep(0.02)
        (folder / "domains").write_text(reply.stdout)
        control.run("dash", "bound", interface="lo", opt147=NAME)
        assert control.calls() == set_("isp1", f"147={NAME}", 86400)
    finally:
        daemon.terminate()
        daemon.wait()


# ---- the clients themselves


def sh(*argv, check=True):
    return subprocess.run(argv, check=check, capture_output=True, text=True)


@pytest.fixture
def link():
    """cpe's wan1 towards isp's e0."""
    names = [f"{RUN}-cpe", f"{RUN}-isp"]
    for n in names:
        sh("ip", "netns", "add", n)
        sh("ip", "-n", n, "link", "set", "lo", "up")
    sh("ip", "-n", names[0], "link", "add", "wan1", "type", "veth", "peer", "name", "e0", "netns", names[1])
    sh("ip", "-n", names[0], "link", "set", "wan1", "up")
    sh("ip", "-n", names[1], "link", "set", "e0", "up")
    sh("ip", "-n", names[1], "addr", "add", "198.18.1.1/24", "dev", "e0")
    yield names
    for n in names:
        sh("ip", "netns", "delete", n, check=False)


@contextlib.contextmanager
def dnsmasq(folder, ns):
    name = bytes.fromhex(NAME).hex(":")
    (folder / "dnsmasq.conf").write_text(f"""port=0
interface=e0
bind-interfaces
except-interface=lo
dhcp-authoritative
no-ping
user=root
dhcp-leasefile={folder}/leases
dhcp-range=198.18.1.100,198.18.1.200,255.255.255.0,2m
dhcp-option=147,{name}
dhcp-option=148,192.0.2.10,192.0.2.20
""")
    proc = subprocess.Popen(["ip", "netns", "exec", ns, "dnsmasq", "-k", f"--conf-file={folder}/dnsmasq.conf",
                             f"--pid-file={folder}/pid"], stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        proc.terminate()
        proc.wait()


# 8973-5.2.3-01 (its client asks for both)
@pytest.mark.skipif(not BUSYBOX or "udhcpc" not in sh(BUSYBOX, "--list").stdout.split(), reason="no udhcpc")
def test_udhcpc_gives_what_it_learnt(control, link):
    cpe, isp = link
    with dnsmasq(control.folder, isp):
        client = subprocess.Popen(["ip", "netns", "exec", cpe, BUSYBOX, "udhcpc", "-f", "-R", "-i", "wan1", "-t", "100",
                                   "-T", "1", "-O", "147", "-O", "148", "-s", HOOK],
                                  env=control.env, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        calls = []
        try:
            for _ in range(PATIENCE * 50):
                calls += control.calls()
                if len(calls) == 2:
                    break
                time.sleep(0.02)
            assert calls == unset("isp1") + set_("isp1", f"147={NAME},148={ADDRESS}", 120)
        finally:
            client.terminate()  # it gives the lease back (-R)
            client.wait()
        assert control.calls()[-1:] == unset("isp1")


if __name__ == "__main__":
    tap.run(__file__)
