from typing import Any

import pytest

from pipeline.comparison import parameters


def point(**changed: Any) -> dict[str, Any]:
    return {"calibrate.samples": 100, "calibrate.method": "min_max", "model.name": "a", "model.path": "a.h5", **changed}


def test_flat_leaves_out_what_is_derived() -> None:
    content = {
        "calibrate": {"samples": 50},
        "variants": {"int8": {"algorithm": "mse", "exclude": [], "reads": {"network": "x"}}},
        "evaluate": {"on": "all", "reads": {"tuning": "y"}},
        "searches": {},
        "simulation": {"variants": ["int8"], "reports": "z"},
        "variant_names": ["int8"],
        "conf_digest": "0",
        "checked": True,
        "versions": {"numpy": "2"},
        "model": {"inputs": {}},
    }
    assert parameters.flat(content) == {
        "calibrate.samples": 50,
        "variants.int8.algorithm": "mse",
        "variants.int8.exclude": [],
        "evaluate.on": "all",
        "versions.numpy": "2",
        "model.inputs": {},
    }


def test_swept_are_those_that_differ() -> None:
    assert parameters.swept([point(), point()]) == []
    assert parameters.swept([point(), point(**{"calibrate.samples": 50}), point(**{"calibrate.method": "mse"})]) == [
        "calibrate.samples",
        "calibrate.method",
    ]
    # True is not 1, nor "1"; an absent parameter is a value of its own.
    assert parameters.swept([{"a": 1, "b": 1, "c": 1}, {"a": True, "b": "1"}]) == ["a", "b", "c"]


def test_a_variant_that_some_points_lack_is_no_sweep_of_its_parameters() -> None:
    int8, int16 = {"variants.int8.algorithm": "mse"}, {"variants.int16.algorithm": "octav"}
    assert parameters.swept([int8, int16, {**int8, **int16}]) == []
    assert parameters.swept([int8, int16, {"variants.int8.algorithm": "min_max"}]) == ["variants.int8.algorithm"]
    # A list of named things is not a named thing.
    assert parameters.swept([{"variants_of": 1}, {"variants_of": 2}]) == ["variants_of"]


def test_an_interpolation_is_said_once() -> None:
    points = [{"variants.gptq.samples": n, "calibrate.samples": n, "calibrate.other": n} for n in (50, 100)]
    assert parameters.swept(points) == ["calibrate.samples", "calibrate.other"]
    assert parameters.swept([*points, {"variants.gptq.samples": 7, "calibrate.samples": 50}]) == [
        "variants.gptq.samples",
        "calibrate.samples",
        "calibrate.other",
    ]


def test_followers_go_with_another_value_for_value() -> None:
    points = [point(), point(**{"model.name": "b", "model.path": "b.h5"}), point(**{"calibrate.samples": 50})]
    names = parameters.swept(points)
    assert parameters.followers(points, names) == {"model.path": "model.name"}


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["calibrate.samples", "a.method"], ["samples", "method"]),
        (["variants.int8.algorithm", "variants.int4.algorithm"], ["int8.algorithm", "int4.algorithm"]),
        (["a.bytes", "seed"], ["a.bytes", "seed"]),
        (["a.b", "b"], ["a.b", "b"]),
        (["x.a.b", "y.a.b"], ["x.a.b", "y.a.b"]),
    ],
)
def test_short_names_are_unique(names: list[str], expected: list[str]) -> None:
    assert list(parameters.short(names, taken=["bytes"]).values()) == expected


def test_owner_is_the_variant() -> None:
    assert [parameters.owner(name) for name in ("variants.int8.algorithm", "calibrate.samples", "variants")] == ["int8", None, ""]


def test_shown_as_in_an_override() -> None:
    values = [None, True, 0.5, "a b", [1, "x"], {"a": [False]}]
    assert [parameters.shown(value) for value in values] == ["null", "true", "0.5", "a b", "[1, x]", "{a: [false]}"]
