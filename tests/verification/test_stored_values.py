import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pipeline.tflite.flatbuffer import Graph, Operator, Subgraph, Tensor
from pipeline.verification import stored_values

WEIGHTS = hnp.arrays(np.float32, (3, 5), elements=st.floats(-2, 2, width=32)).filter(lambda w: np.abs(w).max(axis=1).min() > 0.01)


def quantized(w: np.ndarray, *, bits: int = 8, zero: int = 0, scales: np.ndarray | None = None) -> Tensor:
    """Symmetric min/max by output channel, written out by hand."""
    largest = 2 ** (bits - 1) - 1
    scales = (np.abs(w).max(axis=1) / largest).astype(np.float32) if scales is None else scales
    stored = np.clip(np.rint(w / scales[:, None]), -largest, largest).astype(np.int8 if bits == 8 else np.int16)
    return tensor(stored, scales, zero)


def tensor(stored: np.ndarray, scales: np.ndarray | None = None, zero: int = 0, name: str = "w") -> Tensor:
    return Tensor(
        name=name,
        shape=stored.shape,
        dtype=stored.dtype.name,
        data=stored.view(np.uint8).ravel(),
        scales=scales,
        zero_points=None if scales is None else np.full(scales.shape, zero, np.int64),
        quantized_dimension=0,
    )


@given(WEIGHTS)
def test_min_max_codes_are_within_half_a_step(w: np.ndarray) -> None:
    check = stored_values.compare(w, quantized(w))
    assert check.passed
    assert check.steps is not None
    assert check.steps <= 0.5 + 1e-4
    assert check.rule == "symmetric"


@given(WEIGHTS, st.integers(0, 14), st.sampled_from([-1, 1]))
def test_one_code_off_is_seen(w: np.ndarray, at: int, by: int) -> None:
    good = quantized(w)
    assert good.data is not None
    stored = good.data.view(np.int8).copy()
    exact = float(w.ravel()[at]) / float(good.scales[at // 5])  # type: ignore[index]
    changed = int(stored[at]) + by
    if abs(changed) > 127 or abs(abs(exact - np.floor(exact)) - 0.5) < 1e-5:
        return  # no such code, or a tie, at which both neighbours are half a step away
    stored[at] = changed
    check = stored_values.compare(w, tensor(stored.reshape(3, 5), good.scales))
    assert not check.passed
    assert "one of 15 entries differs" in check.reason


@given(WEIGHTS, st.integers(0, 2))
def test_one_scale_off_by_one_percent_is_seen(w: np.ndarray, channel: int) -> None:
    good = quantized(w)
    assert good.scales is not None
    scales = good.scales.copy()
    scales[channel] *= np.float32(1.01)
    found = tensor(good.data.view(np.int8).reshape(3, 5), scales)  # type: ignore[union-attr]
    rule, ratio = stored_values.kernel_scales(found, w)
    assert rule == "other"
    assert ratio[channel] == pytest.approx(1.01, rel=1e-5)
    # The largest weight of the channel has code 127, which is now 1.27 steps off.
    assert not stored_values.compare(w, found).passed


def test_clipped_values_are_counted() -> None:
    w = np.array([[1.0, -3.0, 0.5]], np.float32)
    check = stored_values.compare(w, quantized(w, scales=np.array([1 / 127], np.float32)))
    assert check.passed
    assert check.clipped == 1
    assert "1 clipped" in check.reason


def test_float16_must_be_the_nearest() -> None:
    w = np.array([[0.1, 0.2]], np.float32)
    half = w.astype(np.float16)
    assert stored_values.compare(w, tensor(half)).how == stored_values.CAST
    assert stored_values.compare(w, tensor(half)).passed
    assert not stored_values.compare(w, tensor(np.nextafter(half, np.float16(1)))).passed
    assert "does not fit" in stored_values.compare(np.array([[1e6]], np.float32), tensor(np.array([[np.inf]], np.float16))).reason


def test_float32_is_compared_bit_for_bit() -> None:
    w = np.array([[0.1, 0.2, 0.3]], np.float32)
    assert stored_values.compare(w, tensor(w)).passed
    assert not stored_values.compare(w, tensor(np.nextafter(w, np.float32(1)))).passed
    assert stored_values.compare(w, tensor(w[:, :2])).reason == "has shape [1, 2]; expected [1, 3]"


def test_two_channels_that_were_swapped_are_named() -> None:
    w = np.random.default_rng(0).normal(size=(6, 8)).astype(np.float32)
    assert stored_values.compare(w, tensor(w[[0, 4, 2, 3, 1, 5]])).reason == "channels 1, 4 hold each other's weights"


def dense(bias_scale: float, bias_zero: int = 0, kernel_zero: int = 0, output: tuple[str, float, int] = ("NONE", 0.1, 3)) -> Graph:
    one = np.ones(1, np.float32)
    tensors = [
        activation("x", 0.5, 7),
        tensor(np.ones((1, 4), np.int8), one * 0.25, kernel_zero, "kernel"),
        tensor(np.ones(1, np.int32), one * bias_scale, bias_zero, "bias"),
        activation("y", output[1], output[2]),
    ]
    operator = Operator(name="FULLY_CONNECTED", inputs=(0, 1, 2), outputs=(3,), options={"fusedActivationFunction": output[0]})
    return graph(tensors, operator)


def activation(name: str, scale: float, zero: int, dtype: str = "int8") -> Tensor:
    scales, zeros = np.array([scale], np.float32), np.array([zero], np.int64)
    return Tensor(name=name, shape=(1, 4), dtype=dtype, data=None, scales=scales, zero_points=zeros, quantized_dimension=0)


def graph(tensors: list[Tensor], operator: Operator) -> Graph:
    inner = Subgraph(name="main", inputs=(0,), outputs=(len(tensors) - 1,), tensors=tensors, operators=[operator])
    return Graph(signature="s", inputs={}, outputs={}, tensors=tensors, operators=[operator], subgraphs=[inner])


def test_a_bias_has_the_product_of_the_scales() -> None:
    assert list(stored_values.relations(dense(0.125))) == []
    (place, reason), *_ = stored_values.relations(dense(0.125 * 1.01))
    assert place == (0, 0)
    assert "bias bias: scale 0.12625 of channel 0; expected the product of the data's and the kernel's, 0.125" in reason


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (dense(0.125, bias_zero=1), "bias bias: zero point 1; expected 0"),
        (dense(0.125, kernel_zero=1), "kernel kernel: zero point 1; expected 0"),
        (dense(0.125, output=("RELU", 0.1, -127)), "after RELU it is -128"),
        (
            graph([activation("x", 1, 0), activation("y", 1 / 256, -127)], Operator(name="SOFTMAX", inputs=(0,), outputs=(1,))),
            "SOFTMAX needs",
        ),
        (
            graph([activation("x", 1, 0), activation("y", 1.01, 0)], Operator(name="RESHAPE", inputs=(0,), outputs=(1,))),
            "only moves values",
        ),
        (
            graph([activation("x", 1, 0), activation("y", 1, 1, "int16")], Operator(name="ADD", inputs=(0,), outputs=(1,))),
            "of int16",
        ),
    ],
)
def test_what_is_not_free_to_choose(wrong: Graph, message: str) -> None:
    assert any(message in reason for _, reason in stored_values.relations(wrong))
