import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import accuracy_score

from pipeline.mixed_precision import candidates
from pipeline.quantization import recipes
from pipeline.tflite import flatbuffer
from tests.networks import Measured

CHOICES = ("static_wi4_ai8", "static_wi8_ai8", "static_wi8_ai16", "dynamic_wi4_afp32", "dynamic_wi8_afp32", "float32")


def units(digits: Measured, choices: tuple[str, ...] = CHOICES, **options: Any) -> list[candidates.Unit]:
    return candidates.units(digits.graph, digits.rows, choices, algorithm="min_max", granularity="channel", **options)


def test_an_operator_may_become_what_it_has_kernels_for(digits: Measured) -> None:
    found = {unit.operator: unit.choices for unit in units(digits)}
    assert found["CONV_2D"] == CHOICES
    assert found["DEPTHWISE_CONV_2D"] == ("static_wi8_ai8", "static_wi8_ai16", "dynamic_wi8_afp32", "float32")
    # Without weights there is one choice for each dtype of activations.
    assert found["MAX_POOL_2D"] == ("static_wi4_ai8", "static_wi8_ai16", "float32")


def test_operators_with_float_as_the_only_choice_are_no_units(digits: Measured) -> None:
    assert [unit.operator for unit in units(digits, ("dynamic_wi4_afp32", "float32"))] == [
        "CONV_2D",
        "CONV_2D",
        *["FULLY_CONNECTED"] * 2,
    ]
    tensors = [row.tensor for row in digits.rows]
    assert len(units(digits, exclude=tensors[:3])) == len(tensors) - 3


def test_units_carry_their_keras_layers(digits: Measured) -> None:
    assert [unit.layers for unit in units(digits)][:2] == [
        ["conv", "conv_bn", "conv_relu"],
        ["depthwise", "depthwise_bn", "depthwise_relu"],
    ]


def test_every_unit_alone_in_every_choice_can_be_built_and_run(digits: Measured) -> None:
    some = {name: array[:5] for name, array in digits.evaluation.items()}
    for unit in units(digits):
        for scheme in unit.choices:
            recipe, made = candidates.build(
                digits.model, digits.graph, {unit.tensor: scheme}, digits.ranges, algorithm="min_max", granularity="channel"
            )
            figures = candidates.measure(
                made,
                some,
                {"probabilities": digits.reference[:5]},
                drop=None,
                workers=1,
            )
            assert figures["finite"]
            assert (scheme == "float32") == (recipe == []) == (figures["noise"] == 0)


def test_the_recipe_is_the_candidate(digits: Measured) -> None:
    chosen = {unit.tensor: unit.choices[number % len(unit.choices)] for number, unit in enumerate(units(digits))}
    recipe, made = candidates.build(digits.model, digits.graph, chosen, digits.ranges, algorithm="min_max", granularity="channel")
    assert recipe == recipes.each(digits.graph, chosen, algorithm="min_max", granularity="channel")
    assert flatbuffer.read(made).signature == digits.graph.signature


def test_figures_by_hand(digits: Measured) -> None:
    made = digits.quantized("dynamic_wi4_afp32", "min_max", "channel", "float32")
    expected = digits.figures(made)

    def accuracy(outputs: Mapping[str, np.ndarray]) -> float:
        return float(accuracy_score(digits.labels, outputs["probabilities"].argmax(1)))

    found = candidates.measure(
        made,
        digits.evaluation,
        {"probabilities": digits.reference},
        drop=lambda before, after: (accuracy(before) - accuracy(after), 0.5),
        workers=2,
    )
    assert found["bytes"] == len(made)
    assert found["drop"] == pytest.approx(expected["drop"])
    assert found["drop_high"] == 0.5
    assert found["sqnr_db"] == pytest.approx(expected["sqnr_db"])
    assert found["noise"] == pytest.approx(10 ** (-found["sqnr_db"] / 10))


def test_the_float_file_has_no_noise(digits: Measured) -> None:
    found = candidates.measure(
        digits.model,
        digits.evaluation,
        {"probabilities": digits.reference},
        drop=None,
        workers=1,
    )
    assert (found["noise"], found["sqnr_db"], found["drop"]) == (0.0, None, None)


def test_outputs_that_are_not_finite(digits: Measured) -> None:
    reference = np.full_like(digits.reference, np.nan)
    found = candidates.measure(
        digits.model,
        digits.evaluation,
        {"probabilities": reference},
        drop=None,
        workers=1,
    )
    assert found["finite"] is False
    assert candidates.violation(found, max_drop=1.0, drop_bound="upper", min_sqnr_db=None) == math.inf


@pytest.mark.parametrize(
    ("drop", "sqnr", "budget", "missed"),
    [
        (0.01, 30.0, {"max_drop": 0.01, "min_sqnr_db": None}, 0.0),
        (0.01 + 1e-12, 30.0, {"max_drop": 0.01, "min_sqnr_db": None}, 0.0),
        (0.03, 30.0, {"max_drop": 0.01, "min_sqnr_db": None}, 0.02),
        (-0.5, 30.0, {"max_drop": 0.0, "min_sqnr_db": 30.0}, 0.0),
        (None, 29.0, {"max_drop": None, "min_sqnr_db": 30.0}, 0.01),
        (0.03, 29.0, {"max_drop": 0.0, "min_sqnr_db": 30.0}, 0.03),
        (None, None, {"max_drop": None, "min_sqnr_db": 90.0}, 0.0),
    ],
)
def test_by_how_much_the_budget_is_missed(drop: float | None, sqnr: float | None, budget: Any, missed: float) -> None:
    figures = {"finite": True, "drop": drop, "drop_high": None, "sqnr_db": sqnr}
    assert candidates.violation(figures, drop_bound="estimate", **budget) == pytest.approx(missed)
    # The same by the upper end of the interval, whatever the drop is.
    figures = {"finite": True, "drop": None, "drop_high": drop, "sqnr_db": sqnr}
    for bound in ("upper", "simultaneous"):
        assert candidates.violation(figures, drop_bound=bound, **budget) == pytest.approx(missed)
