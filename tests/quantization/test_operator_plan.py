import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import Impossible, UserError
from pipeline.quantization import operator_plan, quantizer, recipes
from pipeline.runtime import interpreter
from pipeline.tflite import flatbuffer
from tests.networks import Measured, unsupported


def described(
    digits: Measured, scheme: str, algorithm: str, granularity: str, exclude: tuple[str, ...] = ()
) -> list[operator_plan.Treatment]:
    recipe = recipes.whole(
        digits.graph, scheme=scheme, algorithm=algorithm, granularity=granularity, io_dtype="float32", exclude=exclude
    )
    return operator_plan.describe(
        digits.graph, recipe, scheme=scheme, algorithm=algorithm, granularity=granularity, exclude=exclude
    )


def reasons(rows: list[operator_plan.Treatment]) -> dict[str, str]:
    return {row.operator: row.reason for row in rows if row.reason}


@pytest.mark.parametrize(
    ("scheme", "algorithm", "granularity", "expected"),
    [
        ("dynamic_wi8_afp32", "min_max", "channel", {}),
        ("static_wi8_ai8", "octav", "channel", {}),
        ("float16", "none", "none", {}),
        ("dynamic_wi4_afp32", "octav", "channel", {"DEPTHWISE_CONV_2D": "no int4 kernel for DEPTHWISE_CONV_2D: int8 per channel"}),
        (
            "weightonly_wi4_afp32",
            "gptq",
            "channel",
            {
                "CONV_2D": "no gptq for CONV_2D: min_max",
                "DEPTHWISE_CONV_2D": (
                    "no int4 kernel for DEPTHWISE_CONV_2D: int8 per channel; no gptq for DEPTHWISE_CONV_2D: min_max"
                ),
            },
        ),
        (
            "dynamic_wi8_afp32",
            "min_max",
            "tensor",
            {"DEPTHWISE_CONV_2D": "no sound tensor kernel for DEPTHWISE_CONV_2D, or a width that it does not divide: per channel"},
        ),
    ],
)
def test_every_departure_from_what_was_asked_has_its_reason(
    digits: Measured, scheme: str, algorithm: str, granularity: str, expected: dict[str, str]
) -> None:
    assert reasons(described(digits, scheme, algorithm, granularity)) == expected


@pytest.mark.parametrize("scheme", ["dynamic_wi4_afp32", "static_wi4_ai8", "static_wi8_ai16", "float16", "weightonly_wi8_afp32"])
def test_the_description_is_what_the_file_holds(digits: Measured, scheme: str) -> None:
    granularity, algorithm = ("none", "none") if scheme == "float16" else ("channel", "min_max")
    rows = described(digits, scheme, algorithm, granularity)
    graph = flatbuffer.read(digits.quantized(scheme, algorithm, granularity, "float32"))
    behind_dequantize = {operator.outputs[0]: operator.inputs[0] for operator in graph.operators if operator.name == "DEQUANTIZE"}
    operators = [operator for operator in graph.operators if operator.name not in ("QUANTIZE", "DEQUANTIZE")]
    for row, operator in zip(rows, operators, strict=True):
        assert row.operator == operator.name
        assert row.activations == graph.tensors[operator.outputs[0]].dtype
        if row.weights:
            assert row.weights == graph.tensors[behind_dequantize.get(operator.inputs[1], operator.inputs[1])].dtype


def test_excluded_operators_are_named(digits: Measured) -> None:
    kept = next(row.tensor for row in digits.rows if row.layers == ["hidden"])
    rows = described(digits, "static_wi8_ai8", "min_max", "channel", exclude=(kept,))
    assert [(row.tensor, row.weights, row.activations) for row in rows if row.reason] == [(kept, "float32", "float32")]
    assert reasons(rows) == {"FULLY_CONNECTED": "excluded"}


def test_an_operator_that_the_quantizer_does_not_know_stays_in_float_and_is_named(tmp_path: Path) -> None:
    """ELU has no quantized kernel: everything else becomes int8, and the file still runs."""
    made = unsupported(tmp_path / "saved")
    graph = flatbuffer.read(made.model)
    recipe = recipes.whole(graph, scheme="static_wi8_ai8", algorithm="min_max", granularity="channel", io_dtype="int8")
    rows = operator_plan.describe(graph, recipe, scheme="static_wi8_ai8", algorithm="min_max", granularity="channel")
    assert reasons(rows) == {"ELU": "litert-quantizer has no static_wi8_ai8 for ELU: float32"}
    names = {graph.tensors[i].name for operator in graph.operators for i in (*operator.inputs, *operator.outputs) if i >= 0}
    known = quantizer.ranges_as_statistics(dict.fromkeys(sorted(names), (-4.0, 4.0)))
    result = flatbuffer.read(quantizer.quantize(made.model, recipe, known=known))
    assert [operator.name for operator in result.operators] == [
        "FULLY_CONNECTED",
        "DEQUANTIZE",
        "ELU",
        "QUANTIZE",
        "FULLY_CONNECTED",
    ]
    assert interpreter.open_model(quantizer.quantize(made.model, recipe, known=known))


def test_a_tensor_takes_the_range_of_the_width_that_its_writer_has(digits: Measured) -> None:
    tensors = [row.tensor for row in digits.rows]
    chosen = {tensors[0]: "static_wi8_ai16", tensors[1]: "static_wi8_ai8"}
    recipe = recipes.each(digits.graph, chosen, algorithm="min_max", granularity="channel")
    rows = operator_plan.describe(digits.graph, recipe, scheme="mixed", algorithm="recipe", granularity="recipe")
    measured = {bits: dict.fromkeys(digits.ranges["8"], (0.0, float(bits))) for bits in ("8", "16")}
    found = operator_plan.ranges(digits.graph, rows, measured)
    source = digits.graph.tensors[next(iter(digits.graph.inputs.values()))].name
    assert [found[name][1] for name in (source, tensors[0], tensors[1], tensors[2])] == [16, 16, 8, 8]
    assert set(found) == set(digits.ranges["8"])


def test_a_constant_nan_cannot_become_an_integer(digits: Measured) -> None:
    rows = described(digits, "static_wi8_ai8", "min_max", "channel")
    index = next(i for i in digits.graph.operators[0].inputs if digits.graph.tensors[i].data is not None)
    spoilt = digits.graph.tensors[index]
    values = flatbuffer.values(spoilt).copy()
    values.flat[0] = np.nan
    tensors = [*digits.graph.tensors]
    tensors[index] = dataclasses.replace(spoilt, data=values.view(np.uint8).ravel())
    graph = dataclasses.replace(digits.graph, tensors=tensors)
    with pytest.raises(UserError, match=rf"CONV_2D reads a constant NaN \({re.escape(spoilt.name)}\), which int8 cannot hold"):
        operator_plan.ranges(graph, rows, digits.ranges)


def test_what_is_infinite_on_samples_cannot_become_an_integer(digits: Measured) -> None:
    """Both operators at its ends are named; with both in float there is a plan."""
    graph = digits.graph
    name = digits.rows[0].tensor
    measured = {bits: {key: value for key, value in rows.items() if key != name} for bits, rows in digits.ranges.items()}
    rows = described(digits, "static_wi8_ai8", "min_max", "channel")
    with pytest.raises(Impossible, match=f"{re.escape(name)} holds infinity or NaN on calibration samples.* int8 cannot") as error:
        operator_plan.ranges(graph, rows, measured, infinite=[name])
    ends = operator_plan.touching(graph, [name])
    assert len(ends) == 2
    assert error.value.places == tuple((rows[at].operator, rows[at].tensor) for at in ends)
    kept = [dataclasses.replace(row, activations="float32") if at in ends else row for at, row in enumerate(rows)]
    assert name not in operator_plan.ranges(graph, kept, measured, infinite=[name])
