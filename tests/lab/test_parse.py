"""The lab language: what is accepted, what is refused and where."""
import pathlib

import pytest

from lab.model import Lab
from lab.net import Network
from lab.parse import OUTSIDE_EVENTS, STATEMENTS, VERBS, LabError, load, split, statement

ROOT = pathlib.Path(__file__).resolve().parents[2]
LABS = ROOT / "labs"
HEAD = """lab X
ns a role=router
ns b role=host
link a:x 192.0.2.1/30,2001:db8::1/64 b:y 192.0.2.2/30,2001:db8::2/64
pvd 1 prefixes=192.0.2.0/30,2001:db8::/64 suffix=isp1.example server=s.isp1.example ca=CA1 at=a:x
dots b kind=server name=s.isp1.example ca=CA1 owns=192.0.2.0/24
"""


def lab_of(tmp_path, text, name="X"):
    path = tmp_path / f"{name}.lab"
    path.write_text(text)
    return Lab(path)


def refused(tmp_path, line, why):
    with pytest.raises(LabError) as e:
        lab_of(tmp_path, HEAD + line + "\n")
    number = len(HEAD.splitlines()) + 1 + line.count("\n")
    assert str(e.value).startswith(f"{tmp_path / 'X.lab'}:{number}: ")
    assert why in str(e.value)


def test_words_are_grouped_and_comments_cut():
    words = split('zone n "a b" x="c d",e  # "never read')
    assert [w.text for w in words] == ["zone", "n", "a b", "x=c d,e"]
    assert [w.quoted for w in words] == [False, False, True, False]


def test_hash_inside_a_word_is_no_comment():
    assert [w.text for w in split("a#b #c")] == ["a#b"]


def test_unclosed_quotation_is_refused():
    with pytest.raises(LabError, match="f:3: a \" is never closed"):
        statement('ns "a', "f", 3)


def test_quoted_word_is_never_an_attribute():
    st = statement('do s1 drop a "x=1"', "f", 1)
    assert st.args == ["s1", "drop", "a", "x=1"] and not st.attrs


def test_operators_of_attributes():
    st = statement("must s1 at=a put-mitigate scope<=192.0.2.0/24,PA1", "f", 1)
    assert st.attrs["scope"].op == "<=" and st.attrs["scope"].items == ["192.0.2.0/24", "PA1"]


@pytest.mark.parametrize("line, why", [
    ("nss c role=host", "unknown statement 'nss'"),
    ("ns c colour=red", "no attribute 'colour'"),
    ("ns c d", "takes 1 words"),
    ("ns c role=host role=host", "role twice"),
    ("link a:x2 - c:y -", "c:y"),
    ("link a:x2 300.0.2.1/30 b:y2 -", "no address"),
    ("step s1 explode a", "unknown verb 'explode'"),
    ("step s1 start c", "no agent c"),
    ("step s1 alarm b target=PA9.b", "PA9.b"),
    ("step s1 alarm b colour=red", "no attribute 'colour'"),
    ("must s1 at=b session-up", "no step s1"),
    ("step s1 start\nmust s1 at=b session-upp", "unknown event"),
    ("step s1 start\nmust s1 at=b session-up colour=red", "no attribute 'colour'"),
    ("step s1 start\nmust s1 session-up", "no at="),
    ("step s1 start\nmust s1 at=c session-up", "at=c"),
    ("step s1 start\nmust s1 at=b session-up peer<=b", "only scope and target"),
    ("step s1 start\nmust s1 at=b pkt if=nowhere", "no such interface"),
    ("step s1 start\nmust s1 at=b session-up peer=c", "no such namespace"),
    ("step s1 start\nstep s1 start", "step s1 twice"),
    ("step s1 start\nstep s2 after=s9 start", "only the step just before"),
    ("dots a kind=wizard", "kind=wizard"),
    ("undo ns zz role=host", "undoes nothing"),
    ("lab Y", "lab twice"),
    ("ns a role=host", "ns a twice"),
    ("pvd 1 prefixes=- at=a:x", "pvd 1 twice"),
    ("pvd 1 prefixes=192.0.2.0/30,2001:db8::/64 server=t ca=CA1 at=a:x", "pvd 1 twice"),
    ("link a:z - b:z -\npvd 1 prefixes=192.0.2.0/29 server=t ca=CA1 at=a:z", "pvd 1 twice"),
    ("undo steps s9", "undoes nothing"),
    ("dots a kind=client pvds=1 attach=lan", "no interface lan in a"),
    ("step s1 rule c prio=1 from=::/0 table=7", "no namespace c"),
    ("dots b kind=client pvds=1", "dots b twice"),
    ("route c ::/0 via 2001:db8::1", "no namespace c"),
    ("route a ::/0 via 2001:db8::1 dev=eth9", "no interface eth9 in a"),
    ("route a ::/0 to 2001:db8::1", "route NS PREFIX via GW"),
    ("urpf a:nowhere", "no interface nowhere in a"),
    ("zone c www.example A 192.0.2.1", "no namespace c"),
    ("reach a src=192.0.2.1 dst=192.0.2.2 maybe", "reach … ok"),
    ("dots a kind=gateway listen=lan", "no interface lan in a"),
    ("dots a kind=server mitigator=c", "no namespace c"),
    ("identity x", "no ca="),
    ("identity b ca=CA1", "b is a namespace"),
    ("identity x ca=CA1 known=a", "no agent a"),
    ("identity x ca=CA1\nidentity x ca=CA2", "identity x twice"),
    ("pi 192.0.2.0/24 more", "takes 1 words"),
    ("step s1 pause c", "no agent c"),
    ("step s1 forget c", "no agent c"),
    ("step s1 hellos c target=b", "no namespace c"),
    ("step s1 hellos a target=nobody", "nobody"),
    ("step s1 coap a get mitigate server=b", "no as="),
    ("step s1 coap a get mitigate as=nobody server=b", "as=nobody"),
    ("step s1 coap a get mitigate as=b server=nobody", "server=nobody"),
    ("step s1 coap a get mitigate as=b server=b cuid=nobody", "cuid=nobody"),
    ("step s1 coap a get mitigate as=b server=b colour=red", "no attribute 'colour'"),
    ("step s1 start\nmust s1 at=a status colour=red", "no attribute 'colour'"),
    ("step s1 family=5 start", "family=5"),
    ("step s1 start\ndo s1 after=s1 start", "no attribute 'after'"),
])
def test_refused_with_file_and_line(tmp_path, line, why):
    refused(tmp_path, line, why)


def test_base_and_undo(tmp_path):
    lab_of(tmp_path, HEAD + "reach a src=192.0.2.1 dst=192.0.2.2 ok\nstep s1 start\n")
    twin = lab_of(tmp_path, "lab Y base=X\nundo reach *\nundo step s1 start\nns c role=host\n", "Y")
    assert list(twin.namespaces) == ["a", "b", "c"]
    assert not twin.of("reach") and not twin.steps


def test_undo_of_steps_takes_all_that_is_said_of_them(tmp_path):
    steps = ("step s1 start\nmust s1 at=b started\nstep s2 wait 1\ndo s2 wait 1\n"
             "never s2 at=b stopped\ndecide s2 this or that\nmust s2 at=b stopped\n")
    lab_of(tmp_path, HEAD + steps)
    twin = lab_of(tmp_path, "lab Y base=X\nundo steps s2\n", "Y")
    assert [st.text for st in twin.statements if st.kind in ("step", "do", "must", "never", "decide")] == [
        "step s1 start", "must s1 at=b started"]
    assert not lab_of(tmp_path, "lab Z base=X\nundo steps *\n", "Z").steps


def test_what_two_bases_share_comes_once(tmp_path):
    lab_of(tmp_path, HEAD + "reach a src=192.0.2.1 dst=192.0.2.2 ok\n")
    lab_of(tmp_path, "lab L base=X\nns c role=host\n", "L")
    lab_of(tmp_path, "lab R base=X family=6\nundo reach *\nstep s1 start\n", "R")
    both = lab_of(tmp_path, "lab B base=L,R\nstep s2 start\n", "B")
    assert list(both.namespaces) == ["a", "b", "c"] and list(both.steps) == ["s1", "s2"]
    assert both.families == ["6"] and len(both.of("reach")) == 1


def test_base_is_found_one_folder_up_and_gives_its_family(tmp_path):
    lab_of(tmp_path, HEAD.replace("lab X", "lab X family=4"))
    (tmp_path / "broken").mkdir()
    assert lab_of(tmp_path / "broken", "lab Z base=X\n", "Z").family == "4"


def test_a_lab_that_is_its_own_base_is_refused(tmp_path):
    (tmp_path / "L.lab").write_text("lab L base=L\n")
    with pytest.raises(LabError, match="its own base"):
        load(tmp_path / "L.lab")


def test_family_drops_the_other_addresses(tmp_path):
    lab = lab_of(tmp_path, HEAD.replace("lab X", "lab X family=4"))
    assert [str(a) for a in lab.addresses_of("b")] == ["192.0.2.2"]
    assert lab.pvds["1"].prefixes == ["192.0.2.0/30"]


@pytest.mark.parametrize("given, families, label", [
    ("", ["dual"], "X"), (" family=6", ["6"], "X"), (" family=4,6,dual", ["4", "6", "dual"], "X/4")])
def test_families_of_a_file(tmp_path, given, families, label):
    lab = lab_of(tmp_path, HEAD.replace("lab X", "lab X" + given))
    assert (lab.families, lab.family, lab.label) == (families, families[0], label)


def test_one_family_of_several(tmp_path):
    lab_of(tmp_path, HEAD.replace("lab X", "lab X family=4,6,dual"))
    six = Lab(tmp_path / "X.lab", "6")
    assert six.label == "X/6" and six.pvds["1"].prefixes == ["2001:db8::/64"]
    assert {str(n) for n in six.prefixes(["PA1.b"], six.head)} == {"2001:db8::2/128"}
    assert len(Lab(tmp_path / "X.lab", "dual").prefixes(["PA1.b"], six.head)) == 2


def test_a_strange_family_is_refused(tmp_path):
    with pytest.raises(LabError, match="X.lab:1: family=5"):
        lab_of(tmp_path, HEAD.replace("lab X", "lab X family=4,5"))


@pytest.mark.parametrize("line", [
    "step s1 alarm b target=192.0.2.2/32",
    "step s1 start\nnever s1 at=a pkt to=192.0.2.2",
    "step s1 start\nmust s1 at=a session-up src-in=192.0.2.0/24",
    "step s1 probe a dst=192.0.2.2"])
def test_what_says_nothing_in_the_family_is_refused(tmp_path, line):
    lab_of(tmp_path, HEAD.replace("lab X", "lab X family=4") + line + "\n")
    with pytest.raises(LabError, match="nothing of IPv6"):
        lab_of(tmp_path, HEAD.replace("lab X", "lab X family=6") + line + "\n")


def test_a_step_for_one_family_only(tmp_path):
    text = HEAD + ("step s1 start\nstep s2 family=4 alarm b target=192.0.2.2\n"
                   "must s2 at=b alert target=192.0.2.2\nstep s3 after=s1 stop b\n")
    with pytest.raises(LabError, match="only the step just before"):
        lab_of(tmp_path, text.replace("lab X", "lab X family=4"))
    six = lab_of(tmp_path, text.replace("lab X", "lab X family=6"))
    assert list(six.steps) == ["s1", "s3"]
    with pytest.raises(LabError, match="step s2 twice"):
        lab_of(tmp_path, text.replace("lab X", "lab X family=6") + "step s2 start\n")


def test_an_action_for_one_family_only(tmp_path):
    text = HEAD + "step s1 start\ndo s1 family=4 stop b\ndo s1 family=6 kill b\n"
    for family, verb in ("4", "stop"), ("6", "kill"):
        lab = lab_of(tmp_path, text.replace("lab X", f"lab X family={family}"))
        assert [st.args[1] for st in lab.steps["s1"].actions] == ["start", verb]


def test_servers_that_share_a_name_are_of_one_domain(tmp_path):
    lab = lab_of(tmp_path, HEAD + "ns c role=host\ndots c kind=server name=s.isp1.example ca=CA1\n")
    assert [a.name for a in lab.servers_of(lab.pvds["1"])] == ["b", "c"]


def test_domains_are_called_by_the_first_label_unless_that_is_taken(tmp_path):
    lab = lab_of(tmp_path, HEAD + "pvd two prefixes=- suffix=isp1.other at=a:x\n")
    assert [p.domain for p in lab.pvds.values()] == ["isp1", "isp1.other"]
    assert lab.pvds["two"].prefixes == []


def test_a_domain_may_have_several_attachments(tmp_path):
    lab = lab_of(tmp_path, HEAD + "link a:z - b:z -\ndots a kind=client pvds=1 attach=z\n"
                 "pvd 1 prefixes=192.0.2.0/30,2001:db8::/64 server=t.isp1.example ca=CA1 at=a:z\n")
    assert [(at.ns, at.interface, at.server) for at in lab.pvds["1"].attachments] == [
        ("a", "x", "s.isp1.example"), ("a", "z", "t.isp1.example")]
    assert lab.servers_of(lab.pvds["1"]) == [lab.agents["b"]]


@pytest.mark.parametrize("family, lines", [("4", 1), ("dual", 2)])
def test_routes_and_rules_are_those_of_the_family(tmp_path, family, lines):
    lab = lab_of(tmp_path, HEAD.replace("lab X", f"lab X family={family}")
                 + "route a 0.0.0.0/0 via 198.51.100.1 dev=x table=7 onlink=yes\n"
                 "route a ::/0 via 2001:db8:1::1 dev=x table=7\n"
                 "step s1 rule a prio=9 from=203.0.113.0/24 table=7\n"
                 "do s1 rule a prio=9 from=2001:db8:9::/48 table=7\n")
    net, said = Network(lab, "x"), []
    net.batch = lambda ns, lines, *options: said.append((ns, *lines, *options))
    for st in lab.steps["s1"].actions:
        net.change_rule(st, "add", *st.args[2:])
    assert net.route_lines("a")[0] == "route append 0.0.0.0/0 table 7 via 198.51.100.1 dev x onlink"
    assert said[0] == ("a", "rule add prio 9 from 203.0.113.0/24 table 7", "-4")
    assert len(said) == len(net.route_lines("a")) == lines


def test_provider_independent_space(tmp_path):
    lab = lab_of(tmp_path, HEAD)
    assert lab.pi == []  # nothing is provider-independent here, but the name has a meaning
    lab = lab_of(tmp_path, HEAD.replace("lab X", "lab X addressing=PI"))
    assert lab.pi == ["203.0.113.0/25", "2001:db8:f000::/48"]
    lab = lab_of(tmp_path, HEAD + "pi 198.51.100.0/24\n")
    assert {str(n) for n in lab.prefixes(["PI"], lab.head)} == {"198.51.100.0/24"}


def test_interfaces_where_duplicates_are_looked_for(tmp_path):
    lab = lab_of(tmp_path, HEAD + "link a:z - b:z - dad=yes\n")
    assert lab.probing == {("a", "z"), ("b", "z")}


def test_narrow_links(tmp_path):
    text = HEAD + "link a:z - b:z - mtu=600\n"
    lab = lab_of(tmp_path, text)
    assert [lab.mtu(st) for st in lab.of("link")][-1] == 1280  # both families
    assert lab.mtu(lab.of("link")[0]) is None
    for bad in ("mtu=67", "mtu=1501", "mtu=a"):
        with pytest.raises(LabError, match="mtu=68 to 1500"):
            lab_of(tmp_path, text.replace("mtu=600", bad))


def test_names_become_prefixes(tmp_path):
    lab = lab_of(tmp_path, HEAD)
    st = lab.head
    assert {str(n) for n in lab.prefixes(["PA1.b"], st)} == {"192.0.2.2/32", "2001:db8::2/128"}
    assert {str(n) for n in lab.prefixes(["PA1"], st)} == {"192.0.2.0/30", "2001:db8::/64"}
    assert {str(n) for n in lab.prefixes(["198.51.100.7"], st)} == {"198.51.100.7/32"}
    assert "203.0.113.0/25" in {str(n) for n in lab.prefixes(["PI"], st)}


@pytest.mark.parametrize("file", sorted(LABS.rglob("*.lab")), ids=lambda f: f.stem)
def test_every_lab_of_the_tree_is_understood_in_every_family_it_names(file):
    for family in Lab(file).families:
        assert Lab(file, family).name == file.stem


@pytest.mark.parametrize("word", sorted({*STATEMENTS, *VERBS, *OUTSIDE_EVENTS}))
def test_every_word_of_the_language_is_documented(word):
    text = (ROOT / "doc/labs.md").read_text(encoding="utf-8")
    # As code, alone or in a list, with or without what follows it.
    assert any(word in code.replace(",", " ").split() for code in text.split("`")[1::2])


@pytest.mark.parametrize("word", ["ns", "link", "pvd", "dots", "identity", "coap", "hellos", "alias",
                                  "filter", "restconf"])
def test_every_attribute_is_documented(word):
    text = (ROOT / "doc/labs.md").read_text(encoding="utf-8")
    allowed = (STATEMENTS | VERBS)[word][2]
    assert not [a for a in allowed if f"{a}=" not in text]
