import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.dataset import splits
from pipeline.errors import UserError


def test_a_content_hash_sees_values_names_dtypes_and_shapes() -> None:
    base = {"x": np.arange(4, dtype=np.int8)}
    others: list[dict[str, np.ndarray]] = [
        {"x": np.array([0, 1, 2, 4], np.int8)},
        {"y": np.arange(4, dtype=np.int8)},
        {"x": np.arange(4, dtype=np.uint8)},
        {"x": np.arange(4, dtype=np.int8).reshape(2, 2)},
    ]
    assert splits.content_hash(base) == splits.content_hash({"x": np.arange(8, dtype=np.int8)[:4]})
    assert len({splits.content_hash(sample) for sample in [base, *others]}) == 5


def test_duplicates_keep_the_first_in_the_given_order() -> None:
    assert splits.duplicates(["a", "b", "a", "a"], [3, 0, 1, 2]) == [(3, 0), (3, 2)]


@given(counts=st.lists(st.integers(1, 20), min_size=1, max_size=5), seed=st.integers(0, 9))
def test_every_stretch_holds_the_classes_in_proportion(counts: list[int], seed: int) -> None:
    labels = np.repeat(np.arange(len(counts)), counts)
    order = splits.stratified_order(range(len(labels)), labels, seed=seed)
    assert sorted(order) == list(range(len(labels)))
    for length in range(1, len(labels) + 1):
        for label, count in enumerate(counts):
            have = int((labels[order[:length]] == label).sum())
            # A sample of a class stands at (k + 1/2) / count of the way: at most one off, plus the others' rounding.
            assert abs(have - length * count / len(labels)) <= 1 + len(counts) / 2


def test_the_seed_decides_the_order_and_nothing_else_does() -> None:
    one, two, other = (splits.stratified_order(range(50), None, seed=seed) for seed in (1, 1, 2))
    assert one == two != other


@given(
    n=st.integers(10, 60),
    calibration=st.integers(1, 5),
    share=st.floats(0.1, 0.4),
    seed=st.integers(0, 5),
)
def test_no_sample_is_in_two_sets_and_the_rest_takes_what_is_left(n: int, calibration: int, share: float, seed: int) -> None:
    sets = splits.draw(
        range(n), None, None, {"evaluation": (None, "rest"), "calibration": (None, calibration), "tuning": (None, share)}, seed=seed
    )
    assert list(sets) == ["evaluation", "calibration", "tuning"]
    assert len(sets["calibration"]) == calibration
    assert len(sets["tuning"]) == round(share * n)
    assert sorted(i for members in sets.values() for i in members) == list(range(n))


def test_a_declared_split_is_respected() -> None:
    declared = np.array(["a", "b"] * 10)
    sets = splits.draw(range(20), declared, None, {"tuning": (["a"], 4), "evaluation": (["b"], "rest")}, seed=0)
    assert set(declared[sets["tuning"]]) == {"a"}
    assert sorted(sets["evaluation"]) == list(range(1, 20, 2))


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"tuning": (None, 11)}, "data.splits.tuning: asks for 11 samples, 10 are left of 10; take fewer"),
        ({"tuning": (None, 10), "evaluation": (None, "rest")}, "data.splits.evaluation: asks for rest samples, 0 are left of 10"),
        ({"tuning": (["z"], 1)}, "data.splits.tuning.source: the data declares no split 'z'; declares: none"),
    ],
)
def test_a_set_that_cannot_be_filled(wanted: dict[str, tuple[list[str] | None, int | str]], message: str) -> None:
    with pytest.raises(UserError, match=message):
        splits.draw(range(10), None, None, wanted, seed=0)


def test_overlapping_sets_are_named() -> None:
    splits.check_disjoint({"a": ["1"], "b": ["2"]})
    with pytest.raises(UserError, match="data: tuning and training share 1 samples of the same content"):
        splits.check_disjoint({"tuning": ["1", "2"], "evaluation": ["3"], "training": ["2", "4"]})
