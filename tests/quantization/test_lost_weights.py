from collections.abc import Callable

import msgspec
import numpy as np
import pytest

from pipeline.quantization import lost_weights
from pipeline.tflite import flatbuffer, operators
from tests import certified
from tests.made import Made, litert


@pytest.mark.parametrize("scheme", ["static_wi8_ai8", "static_wi8_ai16"])
def test_rows_say_what_the_zeros_of_dead_channels_change(dying: Made, scheme: str) -> None:
    before, after = flatbuffer.read(dying.float32), flatbuffer.read(litert(dying, scheme))
    layers = {before.tensors[operator.outputs[0]].name: [operator.name] for operator in before.operators}
    rows = lost_weights.describe(before, after, layers)
    assert [row.operator for row in rows] == ["DEPTHWISE_CONV_2D", "CONV_2D"] * 2 + ["FULLY_CONNECTED"]
    assert [row.layers for row in rows] == [[row.operator] for row in rows]
    assert {(row.dead, row.coarser) for row in rows} == {(len(certified.DEAD), 0)}
    assert [row.channels for row in rows] == [8, 8, 8, 16, 8]
    chosen = [operator for operator in before.operators if before.tensors[operator.outputs[0]].name in {row.tensor for row in rows}]
    integers = [operator for operator in after.operators if operator.name in operators.LINEAR]
    for row, operator, found in zip(rows, chosen, integers[1:-1], strict=True):
        kernel = flatbuffer.values(before.tensors[operator.inputs[1]]).astype(np.float64)
        channels = np.moveaxis(kernel, 3 if operator.name == "DEPTHWISE_CONV_2D" else 0, 0)
        sums = np.abs(channels.reshape(len(channels), -1)).sum(axis=1)[sorted(certified.DEAD)]
        assert row.lost == pytest.approx(sums.max())
        data, output = after.tensors[found.inputs[0]], after.tensors[found.outputs[0]]
        assert data.scales is not None
        assert data.zero_points is not None
        assert output.scales is not None
        ends = np.array([np.iinfo(data.dtype).min, np.iinfo(data.dtype).max]) - data.zero_points[0]
        assert row.steps == pytest.approx(sums.max() * np.abs(ends).max() * data.scales[0] / output.scales[0])
        assert 0 < float(row.steps or 0) < 1e-20
    line = lost_weights.line(rows)
    assert line is not None
    assert line.startswith("rewritten behind the quantizer: 20 dead channels of 5 operators have kernels of zeros")
    assert line.endswith(f"by at most {max(row.steps or 0 for row in rows):.2g} steps")


def test_of_an_output_in_float_no_steps_are_known(dying: Made) -> None:
    rows = lost_weights.describe(flatbuffer.read(dying.float32), flatbuffer.read(litert(dying, "dynamic_wi8_afp32")), {})
    assert {row.steps for row in rows} == {None}
    assert str(lost_weights.line(rows)).endswith("times their input")


def test_coarser_weights_are_named(dying: Made) -> None:
    """Of the constant alone: as if the weights were small, and seen."""
    (row, *_) = lost_weights.describe(flatbuffer.read(dying.float32), flatbuffer.read(litert(dying, "static_wi8_ai8")), {})
    changed = msgspec.structs.replace(row, dead=0, coarser=2, coarser_steps=0.25)
    assert lost_weights.line([changed]) == (
        "rewritten behind the quantizer: 2 channels of 1 operators have coarser weights, so that their constant fits into 32 bits: "
        "at most 0.25 steps"
    )


def test_nothing_to_say_of_other_files(nets: Callable[[str], Made]) -> None:
    made = nets("wide")
    rows = lost_weights.describe(flatbuffer.read(made.float32), flatbuffer.read(litert(made, "static_wi8_ai8")), {})
    assert rows == []
    assert lost_weights.line(rows) is None
