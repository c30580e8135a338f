import pytest

from pipeline.comparison import filters
from pipeline.comparison.experiments import Experiment, Reference
from pipeline.errors import UserError
from pipeline.selection.metrics_report import Metrics


def references(*names: str) -> list[Reference]:
    return [Reference(name=name, commit="c", baseline="b") for name in names]


def experiment(**params: object) -> Experiment:
    return Experiment(
        reference=references("e")[0],
        params={name.replace("_", "."): value for name, value in params.items()},
        primary_metric="m",
        confidence=0.95,
        metrics=Metrics(selected=None, conversion_verified=None, variants={}),
        latency_md5=None,
    )


def test_a_sweep_is_not_another_whose_name_begins_so() -> None:
    found = references("ranges-0123abcd", "ranges-wide-0123abcd", "ranges-of-mine", "ranges", "lucky-boar")
    assert [one.name for one in filters.of_sweep(found, "ranges")] == ["ranges-0123abcd", "ranges-of-mine"]
    assert [one.name for one in filters.of_sweep(found, "ranges-wide")] == ["ranges-wide-0123abcd"]


def test_the_sweep_that_all_are_of() -> None:
    assert filters.sweep_of({"a-b-0123abcd", "a-b-0123abce"}) == "a-b"
    assert filters.sweep_of({"a-0123abcd", "b-0123abcd"}) is None
    assert filters.sweep_of({"a-0123abcd", "lucky-boar"}) is None
    assert filters.sweep_of({"lucky-boar"}) is None


def test_named() -> None:
    found = references("lucky-boar", "dull-idea")
    assert filters.named(found, ["dull-idea"]) == found[1:]
    with pytest.raises(UserError, match=r"--names: no experiment 'luky-boar' here \(did you mean 'lucky-boar'\?\); `dvc exp list`"):
        filters.named(found, ["luky-boar"])


def test_where_compares_values_and_not_texts() -> None:
    found = [experiment(a_n=50, a_m="mse"), experiment(a_n=50.0, a_m="x"), experiment(a_n=100, a_m="mse"), experiment(a_m="mse")]
    assert filters.where(found, filters.conditions(["a.n=50"])) == found[:1]
    assert filters.where(found, filters.conditions(["a.n=50", "a.n=100"])) == [found[0], found[2]]
    assert filters.where(found, filters.conditions(["a.n=100", "a.m=mse"])) == [found[2]]
    assert filters.where(found, {}) == found
    lists = [experiment(a_l=[1, "x"])]
    assert filters.where(lists, filters.conditions(["a.l=[1, x]"])) == lists


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("samples", "--where: got 'samples'; expected PARAMETER=VALUE, such as calibrate.samples=50"),
        ("a=[", r"--where: 'a=\[': the value is no YAML; put text into quotes"),
    ],
)
def test_what_is_no_condition(text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        filters.conditions([text])


@pytest.mark.parametrize(("name", "message"), [("n", "'n'; did you mean a.n?"), ("a.nn", r"'a.nn' \(did you mean 'a.n'\?\)")])
def test_a_parameter_that_no_experiment_has(name: str, message: str) -> None:
    with pytest.raises(UserError, match=f"--where: none of these experiments has a parameter {message}"):
        filters.where([experiment(a_n=1)], {name: ["1"]})
