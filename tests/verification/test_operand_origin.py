from collections.abc import Callable
from dataclasses import replace

import numpy as np

from pipeline.tflite.flatbuffer import Operator, Tensor
from pipeline.verification import operand_origin
from pipeline.verification.operands import Operand
from pipeline.verification.rounded_arithmetic import Constant
from tests import faults
from tests.made import Made, constants_of


def test_a_stranger_s_constant_is_explained_by_nothing(nets: Callable[[str], Made]) -> None:
    def edit(content: object) -> None:
        values = faults.array(content, faults.tensor_of(content, faults.operators(content, "MUL")[0], 1), "float32")
        values += np.float32(0.5)

    made = nets("convolutions")
    wrong = [row for row in constants_of(made, faults.edited(made.float32, edit)) if not row.passed]
    assert [row.type for row in wrong] == ["MUL"]


def test_a_constant_that_is_negated_where_an_operator_subtracts() -> None:
    value = np.array([1.0, -2.0], np.float32)
    tensor = Tensor(
        name="c", shape=(2,), dtype="float32", data=(-value).view(np.uint8), scales=None, zero_points=None, quantized_dimension=0
    )
    operand = Operand(constant=Constant(value=value.astype(np.float64), variables=frozenset(["v"])), operations=("net/sub",))
    operator = Operator(name="SUB", inputs=(0, 1), outputs=(2,))
    claimed: set[str] = set()
    row = operand_origin.explain(operator, 1, tensor, set(), {2: [operand]}, claimed, real=True)
    assert (row["transformation"], row["passed"], row["variables"]) == ("negated", True, ["v"])
    assert claimed == {"net/sub"}
    row = operand_origin.explain(replace(operator, name="MUL"), 1, tensor, set(), {2: [operand]}, set(), real=True)
    assert (row["passed"], row["reason"]) == (False, "nothing in the network explains this constant")


def test_the_converter_s_own_constants() -> None:
    shape = np.array([1, 4], np.int32)
    tensor = Tensor(
        name="s", shape=(2,), dtype="int32", data=shape.view(np.uint8), scales=None, zero_points=None, quantized_dimension=0
    )
    for name, real, words in (("RESHAPE", True, "shape, axis or index"), ("ADD", False, "index arithmetic")):
        operator = Operator(name=name, inputs=(0, 1), outputs=(2,))
        row = operand_origin.explain(operator, 1, tensor, set(), {}, set(), real=real)
        assert (row["transformation"], row["kind"], row["passed"]) == (words, "converter", True)
    assert not operand_origin.explain(Operator(name="ADD", inputs=(0, 1), outputs=(2,)), 1, tensor, set(), {}, set(), real=True)[
        "passed"
    ]


def test_a_part_of_a_kernel_of_gates() -> None:
    gates = np.arange(24, dtype=np.float64).reshape(3, 8)
    part = gates[:, 2:4].astype(np.float32)
    tensor = Tensor(
        name="p",
        shape=(3, 2),
        dtype="float32",
        data=part.reshape(-1).view(np.uint8),
        scales=None,
        zero_points=None,
        quantized_dimension=0,
    )
    operand = Operand(constant=Constant(value=gates, variables=frozenset(["v"])), operations=("lstm",))
    operator = Operator(name="UNIDIRECTIONAL_SEQUENCE_LSTM", inputs=(0, 1), outputs=(2,))
    row = operand_origin.explain(operator, 1, tensor, set(), {24: [operand]}, set(), real=True)
    assert (row["transformation"], row["passed"]) == ("part 2 of 4 of the last axis", True)
