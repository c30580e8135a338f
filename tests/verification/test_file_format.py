from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from pipeline.quantization.schemes import SCHEMES
from pipeline.tflite import flatbuffer, macs
from pipeline.tflite.flatbuffer import Graph, Operator, Subgraph, Tensor
from pipeline.verification import file_format
from tests import faults
from tests.graphs import chain, tensor
from tests.made import Made, certify, litert


def test_a_float32_file_with_int8_weights(nets: Callable[[str], Made], files: Callable[[str, str], bytes]) -> None:
    report = certify(nets("convolutions"), files("convolutions", "dynamic_wi8_afp32"), "float32")
    reasons = [fault["reason"] for fault in report["faults"] if fault["check"] == "format"]
    assert any("weights are int8; the variant says float32" in reason for reason in reasons)


def test_a_float_boundary_where_integers_were_promised(nets: Callable[[str], Made]) -> None:
    model = litert(nets("convolutions"), "static_wi8_ai8", io_dtype="float32")
    report = certify(nets("convolutions"), model, "static_wi8_ai8")
    assert "image is float32; the variant says int8" in [fault["reason"] for fault in report["faults"]]


def test_the_narrowest_formats_of_operators_with_a_kernel(nets: Callable[[str], Made], files: Callable[[str, str], bytes]) -> None:
    expected = {
        "float32": ("float32", "float32"),
        "float16": ("float16", "float32"),
        "dynamic_wi8_afp32": ("int8", "float32"),
        "static_wi8_ai8": ("int8", "int8"),
        "static_wi8_ai16": ("int8", "int16"),
    }
    for scheme, formats in expected.items():
        assert file_format.narrowest(flatbuffer.read(files("convolutions", scheme))) == formats


def test_an_operator_that_was_left_in_float_between_integers(files: Callable[[str, str], bytes]) -> None:
    assert file_format.left_in_float(flatbuffer.read(files("convolutions", "static_wi8_ai8")), {}) == []
    # A float file has nothing between integers.
    assert file_format.left_in_float(flatbuffer.read(files("convolutions", "float32")), {}) == []
    inside = half_quantized()
    assert file_format.left_in_float(inside, {(0, 1): ["bend"]}) == [{"operator": "ELU", "layers": ["bend"]}]


def test_what_a_file_holds(files: Callable[[str, str], bytes]) -> None:
    held = file_format.dtypes(flatbuffer.read(files("convolutions", "static_wi8_ai8")))
    assert held["io_dtypes"]["image"] == "int8"
    assert "float32" not in held["activations"]


def test_integers_without_a_scale(nets: Callable[[str], Made], files: Callable[[str, str], bytes]) -> None:
    """An activation that lost its scale: LiteRT computes on, with another one or none."""

    def edit(content: Any) -> None:
        # 1 of 3: what is between two dense layers.
        faults.output_of(content, faults.operators(content, "FULLY_CONNECTED")[1]).quantization = None

    report = certify(nets("wide"), faults.edited(files("wide", "static_wi8_ai8"), edit), "static_wi8_ai8")
    reasons = [fault["reason"] for fault in report["faults"] if fault["check"] == "format"]
    assert reasons == ["is int8 without a scale; expected real numbers"]
    sound = certify(nets("wide"), files("wide", "static_wi8_ai8"), "static_wi8_ai8")
    assert sound["passed"]


def test_another_dtype_where_real_numbers_flow(nets: Callable[[str], Made]) -> None:
    def edit(content: Any) -> None:
        faults.output_of(content, faults.operators(content, "FULLY_CONNECTED")[1]).type = schema.TensorType.INT16

    report = certify(nets("wide"), faults.edited(nets("wide").float32, edit), "float32")
    assert "is int16 without a scale; expected real numbers" in [fault["reason"] for fault in report["faults"]]


def half_quantized() -> Graph:
    """int8 -> TANH -> int8, and float -> ELU -> float beside it."""
    one, zero = np.ones(1, np.float32), np.zeros(1, np.int64)
    tensors = [
        Tensor(
            name=str(i),
            shape=(1,),
            dtype=dtype,
            data=None,
            scales=one if dtype == "int8" else None,
            zero_points=zero if dtype == "int8" else None,
            quantized_dimension=0,
        )
        for i, dtype in enumerate(("int8", "int8", "float32", "float32"))
    ]
    operators = [
        Operator(name="TANH", inputs=(0,), outputs=(1,), options={}),
        Operator(name="ELU", inputs=(2,), outputs=(3,), options={}),
    ]
    inner = Subgraph(name="main", inputs=(0,), outputs=(1,), tensors=tensors, operators=operators)
    return Graph(signature="s", inputs={}, outputs={}, tensors=tensors, operators=operators, subgraphs=[inner])


def test_histogram_and_macs(nets: Callable[[str], Made]) -> None:
    made = nets("convolutions")
    assert file_format.histogram(made.proof.graph)["CONV_2D"] == 3
    # 12 x 12 x 8 of 27, 5 x 5 x 8 of 72, 5 x 5 x 16 of 9, 3 x 3 x 16 of 9, 3 x 3 x 12 of 16, 3 x 3 x 12 of 54, 216 x 20, 2 x 20 x 5
    assert sum(macs.macs(made.proof.graph).values()) == 31104 + 14400 + 3600 + 1296 + 1728 + 5832 + 4320 + 200


def test_weights_for_float_operators_are_brought_to_float(nets: Callable[[str], Made], files: Callable[[str, str], bytes]) -> None:
    scheme = SCHEMES["litert"]["weightonly_wi8_afp32"]
    assert file_format.faults(flatbuffer.read(files("wide", "weightonly_wi8_afp32")), scheme, None) == []
    hybrid = file_format.faults(flatbuffer.read(files("wide", "dynamic_wi8_afp32")), scheme, None)
    assert len(hybrid) == 4
    assert {reason for _, reason in hybrid} == {"FULLY_CONNECTED computes with int8 weights; the variant says in float"}


@pytest.mark.parametrize("scheme", ["float16", "static_wi8_ai8", "static_wi8_ai16"])
def test_an_operator_does_not_convert(nets: Callable[[str], Made], files: Callable[[str, str], bytes], scheme: str) -> None:
    """Every DEQUANTIZE and QUANTIZE gone, one at a time: of weights, of the first data, of the last."""
    model = litert(nets("wide"), scheme, io_dtype="float32")
    assert file_format.faults(flatbuffer.read(model), None, None) == []
    names = [operator.name for operator in flatbuffer.read(model).operators]
    reasons = []
    for kind in ("QUANTIZE", "DEQUANTIZE"):
        for number in range(names.count(kind)):

            def without(content: Any, kind: str = kind, number: int = number) -> None:
                faults.removed(content, faults.operators(content, kind)[number])

            wrong = faults.edited(model, without)
            # The last DEQUANTIZE stands before the output, whose dtype is what the scheme is asked for.
            reasons += [reason for _, reason in file_format.faults(flatbuffer.read(wrong), None, "float32")]
    assert len(reasons) >= sum(name in ("QUANTIZE", "DEQUANTIZE") for name in names)
    assert any(reason.startswith("FULLY_CONNECTED reads ") for reason in reasons)


def test_an_input_that_became_an_integer(nets: Callable[[str], Made], files: Callable[[str, str], bytes]) -> None:
    """Behind it an operator changes the format, and so it is no tensor that is laid beside one of the float32 file."""

    def edit(content: Any) -> None:
        graph = content.subgraphs[0]
        first = graph.tensors[int(graph.inputs[0])]
        first.type, first.quantization = schema.TensorType.INT32, None

    report = certify(nets("wide"), faults.edited(files("wide", "static_wi8_ai8"), edit), None)
    assert "is int32 without a scale; expected real numbers" in [fault["reason"] for fault in report["faults"]]


@pytest.mark.parametrize("constant", [True, False])
def test_what_is_looked_up_in_weights_is_no_activation(constant: bool) -> None:
    """A table of int8, GATHER, DEQUANTIZE: as TFLiteConverter writes it."""
    graph = chain("GATHER", "DEQUANTIZE")
    graph.tensors[0] = tensor((1,), "int8", scale=0.1, constant=constant)
    graph.tensors[1] = tensor((1,), "int8", scale=0.1)
    reasons = [reason for _, reason in file_format.faults(graph, SCHEMES["converter"]["dynamic_wi8_afp32"], None)]
    assert ("an activation is int8; the variant says float32" in reasons) != constant
