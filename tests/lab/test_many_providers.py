"""The labs with many providers are what their script writes."""
import itertools

import pytest

import many_providers


@pytest.mark.parametrize("name, text", many_providers.files().items())
def test_the_file_is_the_one_written(name, text):
    assert (many_providers.LABS / name).read_text(encoding="utf-8") == text


@pytest.mark.parametrize("name, text", many_providers.files().items())
def test_every_ordered_pair_is_watched(name, text):
    for i, j in itertools.permutations(range(1, int(name[1]) + 1), 2):
        assert f"never s1 at=isp{i} dns-query name=dots.isp{j}.example" in text
        assert f"never s1 at=cpe pkt if=wan{i} to={many_providers.Provider(j).own}" in text
