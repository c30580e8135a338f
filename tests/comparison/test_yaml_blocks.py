import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.comparison import yaml_blocks
from tests.helpers import ROOT

WORDS = st.text("abcé:#-' \"{}[]&*!|>%@\n0\t", max_size=8)
LEAVES = st.none() | st.booleans() | st.integers(-999, 999) | WORDS
NODES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3), max_leaves=12)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(WORDS, NODES, min_size=1, max_size=5))
def test_block_by_block_is_as_a_whole(content: dict) -> None:
    assert yaml_blocks.mapping(yaml.safe_dump(content, allow_unicode=True)) == content


def test_the_projects_own_files() -> None:
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    assert yaml_blocks.mapping(text) == yaml.safe_load(text)
    lock = (ROOT / "dvc.lock").read_text(encoding="utf-8")
    whole = yaml.safe_load(lock)["stages"]
    found = yaml_blocks.locked(lock, ["select", "quantize@int8", "calibrate", "nothing"])
    assert found == {
        name: {key: value for key, value in whole[name].items() if key != "deps"}
        for name in ("select", "quantize@int8", "calibrate")
    }
    assert found["select"]["outs"]


def test_plain_words_are_those_of_yaml_1_2() -> None:
    text = "on: [on, no, yes, true]\nnumbers: [1e-07, 0x1f, 1_000, 012, 2020-01-01, 1:30, .inf]\nnothing: [~, null]\n"
    assert yaml_blocks.mapping(text) == {
        "on": ["on", "no", "yes", True],
        "numbers": [1e-07, 31, "1_000", "012", "2020-01-01", "1:30", float("inf")],
        "nothing": [None, None],
    }


def test_an_anchor_of_another_block() -> None:
    assert yaml_blocks.mapping("a: &x {b: 1}\nc: *x\n") == {"a": {"b": 1}, "c": {"b": 1}}


@pytest.mark.parametrize("text", ["a: [", "word", "", "- 1\n", "- 1\na: 2\n", "a: 1\n<<<<<<< HEAD\nb: 2\n"])
def test_what_is_no_mapping(text: str) -> None:
    with pytest.raises(ValueError, match="no YAML"):
        yaml_blocks.mapping(text)


def test_a_lock_that_is_not_as_dvc_writes_it() -> None:
    with pytest.raises(ValueError, match="not as DVC writes it"):
        yaml_blocks.locked("stages:\n  select:\n   - [\n", ["select"])


def test_a_single_value() -> None:
    assert [yaml_blocks.value(text) for text in ("50", "mse", "[1, a]", "no", "null")] == [50, "mse", [1, "a"], "no", None]
    with pytest.raises(ValueError, match="no YAML"):
        yaml_blocks.value("[")
