"""What a lab file makes of the agents' configurations."""
import socket
import subprocess
import types

import pytest

from lab.agents import Configuration, Process, instance_name, listens, put, state_of, value_of
from lab.model import Lab
from lab.net import NetError
from lab.parse import LabError

LAB = """lab X family=dual
ns border role=router
ns gw2 role=router
ns there role=host
ns c1 role=host
link border:up 192.0.2.2/30,2001:db8::2/64 there:ens1 192.0.2.1/30,2001:db8::1/64
link border:in 198.51.100.1/28,2001:db8:1::1/64 c1:wlan 198.51.100.2/28,2001:db8:1::2/64
link gw2:in 198.51.100.17/28 gw2:out -
pvd north prefixes=198.51.100.0/28,2001:db8:1::/48 dns=192.0.2.1 suffix=n.example server=s.n.example ca=CA1 at=border:up
dots there kind=server name=s.n.example ca=CA1 owns=198.51.100.0/28,2001:db8:1::/48 pins=border heartbeat-interval=5
dots border kind=gateway listen=in name=gw.example ca=CAc upstream-pvds=north
dots gw2 kind=gateway listen=in name=gw2.example ca=CAc upstream-pvds=north if=out
dots c1 kind=client server=198.51.100.1,2001:db8:1::1,198.51.100.17 ca=CAc filters=PAnorth:border,203.0.113.0/24:gw2
identity stray ca=CA1 known=there owns=192.0.2.128/25,2001:db8:9::/48
"""


class FakePki:
    """Names instead of files."""

    def leaf(self, ca, name, usage, also=()):
        return {"certificate": f"{ca}/{name}.crt", "key": f"{ca}/{name}.key", "trust": ca}

    def digest(self, key):
        return "digest of " + key


@pytest.fixture(name="make")
def maker(tmp_path):
    def make(agent, text=LAB, family=None):
        path = tmp_path / "X.lab"
        path.write_text(text)
        lab = Lab(path, family)
        return Configuration(lab, lab.agents[agent], tmp_path, FakePki()).make()
    return make


def test_server_knows_clients_whose_configuration_does_not_name_it(make):
    text = LAB.replace("pins=border", "pins=border clients=c1")
    assert set(make("there", text)["clients"]) == {"border", "gw2", "c1", "stray"}


def test_server_knows_who_uses_its_domain_and_the_identities(make):
    cfg = make("there")
    assert set(cfg["clients"]) == {"border", "gw2", "stray"}
    assert cfg["clients"]["border"] == {
        "certificates": ["border.ca1.example"], "prefixes": ["198.51.100.0/28", "2001:db8:1::/48"],
        "spki": ["digest of CA1/border.ca1.example.key"]}
    assert "spki" not in cfg["clients"]["gw2"]
    assert cfg["clients"]["stray"]["prefixes"] == ["192.0.2.128/25", "2001:db8:9::/48"]
    assert cfg["listen"] == [{"interface": "ens1"}]
    assert cfg["session"] == {"heartbeat-interval": 5, "missing-hb-allowed": 3}
    assert cfg["mitigators"] == [{"dry-run": {}}]


def test_gateway_asks_over_the_link_of_its_domain(make):
    cfg = make("border")
    assert cfg["domains"]["n"]["interface"] == "up"
    assert cfg["domains"]["n"]["servers"] == [{"name": "s.n.example"}]
    assert set(cfg["clients"]) == {"c1"} and "provider-independent" not in cfg
    assert make("gw2")["domains"]["n"]["interface"] == "out"


SECOND = """link border:up2 192.0.2.6/30 there:ens2 192.0.2.5/30
pvd north prefixes=198.51.100.0/28,2001:db8:1::/48 dns=192.0.2.1 server=t.n.example ca=CA1 at=border:up2
"""


def test_several_attachments_are_listed_with_their_servers(make):
    cfg = make("border", LAB + SECOND)["domains"]["n"]
    assert cfg["interfaces"] == ["up", "up2"] and "interface" not in cfg
    assert cfg["servers"] == [{"name": "s.n.example", "interface": "up", "priority": 0},
                              {"name": "t.n.example", "interface": "up2", "priority": 1}]


def test_one_of_several_attachments_may_be_chosen(make):
    text = LAB.replace("upstream-pvds=north\n", "upstream-pvds=north attach=up2\n", 1) + SECOND
    cfg = make("border", text)["domains"]["n"]
    assert (cfg["interface"], cfg["servers"]) == ("up2", [{"name": "t.n.example"}])


def test_inside_all_servers_are_behind_the_one_interface(make):
    text = LAB + SECOND + "ns c2 role=host\nlink c2:e - border:e -\ndots c2 kind=client pvds=north\n"
    cfg = make("c2", text)["domains"]["n"]
    assert cfg["interface"] == "e" and cfg["servers"] == [{"name": "s.n.example", "priority": 0},
                                                          {"name": "t.n.example", "priority": 1}]


def test_client_of_two_gateways(make):
    cfg = make("c1")["gateways"]
    assert cfg["border"]["servers"] == [{"name": "gw.example",
                                         "addresses": ["198.51.100.1", "2001:db8:1::1"]}]
    assert cfg["gw2"]["servers"] == [{"name": "gw2.example", "addresses": ["198.51.100.17"]}]
    assert cfg["border"]["interface"] == "wlan"
    assert cfg["border"]["filters"] == ["198.51.100.0/28", "2001:db8:1::/48"]
    assert cfg["gw2"]["filters"] == ["203.0.113.0/24"]


def test_client_of_gateways_and_of_servers(make):
    cfg = make("c1", LAB.replace("ca=CAc filters=PAnorth:border,203.0.113.0/24:gw2", "pvds=north"))
    assert set(cfg["gateways"]) == {"border", "gw2"} and set(cfg["domains"]) == {"n"}
    # Towards each with a certificate of its own CA.
    assert cfg["gateways"]["gw2"]["credentials"]["certificate"] == "CAc/c1.cac.example.crt"
    assert cfg["domains"]["n"]["credentials"]["certificate"] == "CA1/c1.ca1.example.crt"


RECURSING = LAB.replace("dots there kind=server", "dots there kind=gateway upstream=third mitigator=border") + """
ns third role=host
link third:eth0 203.0.113.2/30,2001:db8:3::2/64 border:far 203.0.113.1/30,2001:db8:3::1/64
dots third kind=server name=s.third.example ca=CA3 owns=198.51.100.0/28
"""


def test_a_providers_server_asks_another_one_beside_its_own_mitigator(make):
    cfg = make("there", RECURSING)
    assert set(cfg["clients"]) == {"border", "gw2", "stray"}
    assert [list(m) for m in cfg["mitigators"]] == [["nftables"], ["escalate"]]
    assert cfg["mitigation"] == {"terminating": 1}
    assert set(cfg["domains"]) == {"third"}
    domain = cfg["domains"]["third"]
    assert domain["interface"] == "ens1" and "via" not in domain
    assert domain["protects"] == ["198.51.100.0/28"]
    assert domain["servers"] == [{"name": "s.third.example",
                                  "addresses": ["2001:db8:3::2", "203.0.113.2"]}]
    assert domain["credentials"]["certificate"] == "CA3/there.ca3.example.crt"
    assert set(make("third", RECURSING)["clients"]) == {"there"}


def test_data_channels_are_where_servers_have_one(make):
    text = LAB.replace("dots there kind=server", "dots there kind=server data=8443")
    server, client = make("there", text), make("border", text)
    assert server["data-channel"] == {"listen": [{"interface": "ens1", "port": 8443}]}
    assert "data-files" not in server
    assert client["domains"]["n"]["data-channel"] == {"name": "s.n.example", "address": "192.0.2.1", "port": 8443}
    assert client["data-files"][0].endswith("/records.json")
    assert make("border", text, "6")["domains"]["n"]["data-channel"]["address"] == "2001:db8::1"
    assert "data-channel" not in make("there") and "data-files" not in make("border")


def test_data_channels_of_gateways_and_third_parties(make):
    text = LAB.replace("dots border kind=gateway", "dots border kind=gateway data=443")
    # Not at the first address of that host, but at the first where it listens.
    assert make("c1", text)["gateways"]["border"]["data-channel"] == {
        "name": "gw.example", "address": "198.51.100.1", "port": 443}
    assert "data-channel" not in make("c1", text)["gateways"]["gw2"]
    assert make("border", text)["data-channel"]["listen"] == [{"interface": "in", "port": 443}]
    text = RECURSING.replace("dots third kind=server", "dots third kind=server data=443")
    assert make("there", text)["domains"]["third"]["data-channel"]["address"] == "203.0.113.2"


def test_upstream_has_to_be_a_server(make):
    with pytest.raises(LabError, match="upstream=c1: no server c1"):
        make("there", RECURSING.replace("upstream=third", "upstream=c1"))


def test_a_family_drops_what_is_of_the_other(make):
    assert make("there", family="6")["clients"]["border"]["prefixes"] == ["2001:db8:1::/48"]
    assert make("c1", family="4")["gateways"]["border"]["servers"][0]["addresses"] == ["198.51.100.1"]


def test_provider_independent_space_is_configured(make):
    cfg = make("border", LAB + "pi 203.0.113.0/25\n")
    assert cfg["provider-independent"] == ["203.0.113.0/25"]
    assert "203.0.113.0/25" in cfg["clients"]["c1"]["prefixes"]


def test_a_host_with_several_interfaces_has_to_say_which(make):
    text = LAB + "link c1:second - border:second -\n"
    with pytest.raises(LabError, match="c1 has interfaces second, wlan: say if="):
        make("c1", text.replace("dots c1", "dots c1 "))


def test_names_of_instances():
    assert instance_name("North-Edge.1") == "north_edge_1"


@pytest.mark.parametrize("text, value", [
    ("wan9", "wan9"), ("5", 5), ("a,b", ["a", "b"]), ("[{'dry-run':{}}]", [{"dry-run": {}}]),
    ("@domains.n.interface", "up"),
    # In IPv6:
    ("192.0.2.1,2001:db8::1", "2001:db8::1"), ("192.0.2.0/24,2001:db8::/32,x", ["2001:db8::/32", "x"]),
    ("['192.0.2.1','2001:db8::1']", ["2001:db8::1"])])
def test_values_of_configure(text, value):
    lab = types.SimpleNamespace(mine=lambda texts: [t for t in texts if "." not in t])
    assert value_of(lab, {"domains": {"n": {"interface": "up"}}}, text) == value


@pytest.mark.parametrize("text", ["@domains.x", "@servers.1", "@servers.x", "@servers.0.name.x"])
def test_a_value_that_is_not_there(text):
    with pytest.raises(NetError, match=text[1:]):
        value_of(None, {"domains": {}, "servers": [{"name": "s"}]}, text)


def test_a_path_through_a_list():
    cfg = {"servers": [{"name": "a"}, {"name": "b"}]}
    put(cfg, "servers.1.addresses", ["192.0.2.1"])
    put(cfg, "new.folder.key", 1)
    assert cfg["servers"] == [{"name": "a"}, {"name": "b", "addresses": ["192.0.2.1"]}]
    assert cfg["new"] == {"folder": {"key": 1}}
    assert value_of(None, cfg, "@servers.1.name") == "b"
    with pytest.raises(NetError, match="7"):
        put(cfg, "servers.7.addresses", [])
    put(cfg, "new.folder", "-")
    assert cfg["new"] == {}
    with pytest.raises(NetError, match="folder"):
        put(cfg, "new.folder", "-")


def test_who_is_paused_stands_still(tmp_path):
    net = types.SimpleNamespace(spawn=lambda ns, argv, **how: subprocess.Popen(argv, **how))
    p = Process(net, "ns", "sleeper", ["sleep", "60"], tmp_path / "log")
    p.start()
    pid = p.proc.pid
    for _ in range(20):
        p.pause(True)
        assert state_of(pid) == "T" and p.paused
        p.pause(False)
        assert state_of(pid) != "T" and not p.paused
    p.pause(True)
    assert p.stop() == "sleeper ended with signal 15" and state_of(pid) is None


def test_a_socket_that_is_there_is_not_yet_one_that_listens(tmp_path):
    path = tmp_path / "a.sock"
    with socket.socket(socket.AF_UNIX) as s:
        assert not listens("self", path)
        s.bind(str(path))
        assert path.exists() and not listens("self", path)
        s.listen()
        assert listens("self", path) and not listens("self", tmp_path / "b.sock")
