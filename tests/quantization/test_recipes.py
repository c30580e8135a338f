import json
import re

import pytest

from pipeline.quantization import quantizer, recipes
from pipeline.tflite import flatbuffer
from tests.networks import Measured


def dtypes_of_weights(model: bytes) -> dict[str, list[str]]:
    """The dtype of the weights of each operator that has some, by type, in order."""
    graph = flatbuffer.read(model)
    found: dict[str, list[str]] = {}
    for operator in graph.operators:
        if operator.name in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"):
            found.setdefault(operator.name, []).append(graph.tensors[operator.inputs[1]].dtype)
    return found


def test_int4_falls_back_to_int8_where_there_is_no_kernel(digits: Measured) -> None:
    made = digits.quantized("dynamic_wi4_afp32", "octav", "channel", "float32")
    assert dtypes_of_weights(made) == {"CONV_2D": ["int4"] * 2, "DEPTHWISE_CONV_2D": ["int8"], "FULLY_CONNECTED": ["int4"] * 2}


@pytest.mark.parametrize(("granularity", "blocks"), [("block32", [16, 1]), ("block64", [8, None]), ("block256", [2, None])])
def test_blocks_where_the_width_allows_them(digits: Measured, granularity: str, blocks: list[int | None]) -> None:
    """The dense layers read 512 and 32 values: 16 blocks of 32 and 1; no block of 64 fits into 32."""
    made = digits.quantized("dynamic_wi4_afp32", "min_max", granularity, "float32")
    content = quantizer.quantize(digits.model, [])
    assert content == digits.model
    graph = flatbuffer.read(made)
    dense = [operator for operator in graph.operators if operator.name == "FULLY_CONNECTED"]
    outs = [32, 10]
    for operator, count, out in zip(dense, blocks, outs, strict=True):
        weights = graph.tensors[operator.inputs[1]]
        if count is None:
            assert weights.scales is not None
            assert len(weights.scales) == out
        else:
            scales = [
                tensor for tensor in flatbuffer.constants(graph) if tensor.dtype == "float16" and tensor.shape == (out, count)
            ]
            assert len(scales) == 1


def test_excluded_operators_stay_in_float(digits: Measured) -> None:
    """Its weights are those of the float file, bit for bit; every other operator is as without the exclusion."""
    kept = next(row.tensor for row in digits.rows if row.operator == "DEPTHWISE_CONV_2D")
    made = digits.quantized("static_wi8_ai8", "min_max", "channel", "int8", exclude=(kept,))
    assert dtypes_of_weights(made) == {"CONV_2D": ["int8"] * 2, "DEPTHWISE_CONV_2D": ["float32"], "FULLY_CONNECTED": ["int8"] * 2}
    before, after = digits.graph, flatbuffer.read(made)
    (old,) = [operator for operator in before.operators if operator.name == "DEPTHWISE_CONV_2D"]
    (new,) = [operator for operator in after.operators if operator.name == "DEPTHWISE_CONV_2D"]
    a, b = before.tensors[old.inputs[1]].data, after.tensors[new.inputs[1]].data
    assert a is not None
    assert b is not None
    assert a.tobytes() == b.tobytes()


def test_a_rule_for_one_operator_matches_no_other(digits: Measured) -> None:
    """Names with the characters of regular expressions, and names that begin like others."""
    graph = digits.graph
    for operator in graph.operators:
        (rule,) = recipes.each(
            graph, {graph.tensors[operator.outputs[0]].name: "static_wi8_ai8"}, algorithm="min_max", granularity="channel"
        )
        matched = [other for other in graph.operators if re.search(rule["regex"], recipes.scope(graph, other))]
        assert matched == [operator]


def test_each_operator_gets_its_own_scheme(digits: Measured) -> None:
    names = {row.operator + str(number): row.tensor for number, row in enumerate(digits.rows)}
    chosen = {
        names["CONV_2D0"]: "dynamic_wi4_afp32",
        names["DEPTHWISE_CONV_2D1"]: "dynamic_wi4_afp32",
        names["FULLY_CONNECTED5"]: "dynamic_wi8_afp32",
    }
    recipe = recipes.each(digits.graph, chosen, algorithm="min_max", granularity="channel")
    made = quantizer.quantize(digits.model, recipe)
    # The depthwise convolution has no int4 kernel: a search gets exactly what it asks for, or float32.
    assert dtypes_of_weights(made) == {
        "CONV_2D": ["int4", "float32"],
        "DEPTHWISE_CONV_2D": ["float32"],
        "FULLY_CONNECTED": ["int8", "float32"],
    }


def test_a_recipe_survives_json(digits: Measured) -> None:
    recipe = recipes.whole(digits.graph, scheme="dynamic_wi4_afp32", algorithm="octav", granularity="block32", io_dtype="float32")
    assert json.loads(json.dumps(recipe)) == recipe
    assert quantizer.quantize(digits.model, json.loads(json.dumps(recipe))) == quantizer.quantize(digits.model, recipe)
