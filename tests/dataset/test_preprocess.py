"""The steps against Keras' own functions and arithmetic by hand."""

import inspect
from typing import Any

import numpy as np
import pytest

from pipeline.dataset import preprocess
from pipeline.errors import UserError
from pipeline.source.tensorflow_setup import tf  # noqa: F401

import keras  # isort: skip

PHOTO = np.random.default_rng(4).integers(0, 256, (5, 7, 3)).astype(np.uint8)
OWNERS: dict[str, Any] = {
    "tf": keras.applications.mobilenet_v2,
    "torch": keras.applications.densenet,
    "caffe": keras.applications.vgg16,
}


@pytest.mark.parametrize("mode", OWNERS)
def test_keras_applications_is_keras_own(mode: Any) -> None:
    expected = OWNERS[mode].preprocess_input(PHOTO.astype(np.float32))
    found = preprocess.keras_applications(PHOTO, mode=mode)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-5 * np.abs(expected).max())


@pytest.mark.parametrize(
    ("step", "given", "options", "expected"),
    [
        ("rescale", np.array([0, 255], np.uint8), {"scale": 2 / 255, "offset": -1.0}, np.array([-1, 1], np.float32)),
        ("normalize", np.array([[1.0, 10.0]]), {"mean": [1.0, 4.0], "std": [1.0, 3.0]}, np.array([[0, 2]], np.float32)),
        ("normalize", np.array([5.0, 9.0]), {"mean": 5.0, "std": 2.0}, np.array([0, 2], np.float32)),
        ("cast", np.array([3.0, -2.0]), {"dtype": "int8"}, np.array([3, -2], np.int8)),
        # round half to even, then the zero point, then clipped to -128..127
        (
            "quantize",
            np.array([0.25, 0.75, -90.0]),
            {"scale": 0.5, "zero_point": 3, "dtype": "int8"},
            np.array([3, 5, -128], np.int8),
        ),
        ("add_axis", np.zeros((2, 3)), {"axis": -1}, np.zeros((2, 3, 1))),
        (
            "move_axis",
            np.arange(6).reshape(1, 2, 3),
            {"source": 2, "destination": 0},
            np.arange(6).reshape(1, 2, 3).transpose(2, 0, 1),
        ),
        ("reshape", np.arange(4), {"shape": [2, 2]}, np.array([[0, 1], [2, 3]])),
        ("fit_length", np.array([1, 2, 3]), {"length": 5}, np.array([1, 2, 3, 0, 0])),
        ("fit_length", np.array([1, 2, 3]), {"length": 2}, np.array([1, 2])),
        ("fit_length", np.array([1, 2]), {"length": 5, "align": "center"}, np.array([0, 1, 2, 0, 0])),
        ("fit_length", np.arange(7), {"length": 3, "align": "center"}, np.array([2, 3, 4])),
        ("center_crop", np.arange(16).reshape(4, 4, 1), {"height": 2, "width": 2}, np.array([[[5], [6]], [[9], [10]]])),
    ],
)
def test_by_hand(step: str, given: np.ndarray, options: dict[str, Any], expected: np.ndarray) -> None:
    found = preprocess.STEPS[step](given, **options)
    np.testing.assert_array_equal(found, expected, strict=True)


def test_center_cut_of_an_even_surplus() -> None:
    np.testing.assert_array_equal(preprocess.fit_length(np.arange(6), length=4, align="center"), [1, 2, 3, 4])


def test_a_step_may_name_its_inputs() -> None:
    sample = {"image": np.ones(2, np.float32), "meta": np.ones(2, np.float32)}
    found = preprocess.apply(sample, [("rescale", {"scale": 3.0, "inputs": ["image"]}), ("rescale", {"scale": 2.0})], name="s")
    assert (found["image"].tolist(), found["meta"].tolist()) == ([6, 6], [2, 2])


@pytest.mark.parametrize(
    ("step", "options", "given", "message"),
    [
        ("rescale", {"scale": 1.0, "inputs": ["imag"]}, np.ones(2), r"data\.preprocess\.0\.options\.inputs: no input 'imag'; .* x"),
        (
            "normalize",
            {"mean": [0.0], "std": 1.0},
            np.ones((2, 3)),
            r"a\.png: data\.preprocess\.0 \(normalize\) on input x: mean has 1 entries",
        ),
        ("keras_applications", {"mode": "tf"}, np.ones((2, 2, 1)), r"\(keras_applications\) .*wants an RGB image .*\[2, 2, 1\]"),
        ("cast", {"dtype": "int8"}, np.array([0.5]), r"\(cast\) .*not whole numbers in -128\.\.127; use quantize"),
        ("cast", {"dtype": "uint8"}, np.array([256.0]), r"\(cast\) .*not whole numbers in 0\.\.255"),
        ("reshape", {"shape": [3]}, np.ones(2), r"\(reshape\) .*cannot reshape"),
        ("resize", {"height": 2, "width": 2}, np.ones((4, 4)), r"\(resize\) .*wants an image .*see add_axis"),
        ("resize", {"height": 2, "width": 2, "method": "area", "antialias": False}, np.ones((4, 4, 1)), "for bilinear and nearest"),
        ("center_crop", {"height": 5, "width": 2}, np.ones((4, 4, 1)), "the image is 4x4, smaller than 5x2"),
        ("log_mel", {}, np.ones((4, 4)), "wants a sound"),
        ("mfcc", {"coefficients": 9}, np.ones((4, 4)), "at least 9 bands"),
    ],
)
def test_refuses(step: str, options: dict[str, Any], given: np.ndarray, message: str) -> None:
    if step == "log_mel":
        options = {"rate": 8, "frame_length": 2, "frame_step": 2, "fft_length": 2, "bands": 2, "low_hz": 0.0, "high_hz": 4.0}
    with pytest.raises(UserError, match=message):
        preprocess.apply({"x": given}, [(step, options)], name="a.png")


@pytest.mark.parametrize("step", preprocess.STEPS)
def test_every_option_is_keyword_only_and_typed(step: str) -> None:
    """Composition checks options against these annotations."""
    _, *options = inspect.signature(preprocess.STEPS[step]).parameters.values()
    assert options
    for option in options:
        assert option.kind is inspect.Parameter.KEYWORD_ONLY
        assert option.annotation is not inspect.Parameter.empty
    assert not {option.name for option in options} & {"inputs", "size", "nfiles"}


def test_rescale_is_computed_in_float64() -> None:
    result = preprocess.rescale(np.array([0, 255], np.uint8), scale=1 / 127.5, offset=-1.0)
    np.testing.assert_array_equal(result, np.array([-1, 1], np.float32))
    assert result.dtype == np.float32


def test_steps_are_applied_in_their_order_to_every_input() -> None:
    sample = {"a": np.array([1], np.uint8), "b": np.array([2], np.uint8)}
    steps: list[tuple[str, dict[str, Any]]] = [("rescale", {"scale": 2.0, "offset": 1.0}), ("cast", {"dtype": "int32"})]
    result = preprocess.apply(sample, steps, name="s")
    assert {name: (array.tolist(), array.dtype.name) for name, array in result.items()} == {
        "a": ([3], "int32"),
        "b": ([5], "int32"),
    }
    assert sample["a"].dtype == np.uint8
