"""The lab language: what is accepted, what is refused and where."""
import pathlib

import pytest

from lab.model import Lab
from lab.parse import LabError, load, split, statement

LABS = pathlib.Path(__file__).resolve().parents[2] / "labs"
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
    ("dots b kind=wizard", "kind=wizard"),
    ("undo ns zz role=host", "undoes nothing"),
    ("lab Y", "lab twice"),
])
def test_refused_with_file_and_line(tmp_path, line, why):
    refused(tmp_path, line, why)


def test_base_and_undo(tmp_path):
    lab_of(tmp_path, HEAD + "reach a src=192.0.2.1 dst=192.0.2.2 ok\nstep s1 start\n")
    twin = lab_of(tmp_path, "lab Y base=X\nundo reach *\nundo step s1 start\nns c role=host\n", "Y")
    assert list(twin.namespaces) == ["a", "b", "c"]
    assert not twin.of("reach") and not twin.steps


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
