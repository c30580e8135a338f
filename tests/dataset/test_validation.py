import numpy as np
import pytest

from pipeline.dataset import validation
from pipeline.errors import UserError

INPUTS = [{"name": "x", "shape": [1, None, 3], "dtype": "float32"}]


def test_a_sample_that_fits_passes_whatever_its_free_length() -> None:
    for length in (1, 7):
        validation.fits_signature({"x": np.zeros((length, 3), np.float32)}, INPUTS, name="s")


@pytest.mark.parametrize(
    ("sample", "message"),
    [
        ({"y": np.zeros((2, 3), np.float32)}, "gives inputs y; the network has x"),
        ({"x": np.zeros((2, 4), np.float32)}, r"s: input x has shape \[2, 4\], the network wants \[None, 3\]"),
        ({"x": np.zeros(3, np.float32)}, r"s: input x has shape \[3\], the network wants \[None, 3\]"),
        ({"x": np.zeros((2, 3))}, "s: input x is float64, the network wants float32; add a step to data.preprocess"),
        ({"x": np.full((2, 3), np.nan, np.float32)}, "s: input x holds NaN or infinity"),
    ],
)
def test_what_does_not_fit_is_named(sample: dict[str, np.ndarray], message: str) -> None:
    with pytest.raises(UserError, match=message):
        validation.fits_signature(sample, INPUTS, name="s")


def test_labels_out_of_range_and_empty_classes() -> None:
    validation.labels_in_range(np.array([0, 1]), ["a", "b"], ["s0", "s1"])
    for wrong in (2, -1):
        with pytest.raises(UserError, match=rf"s1: label {wrong} is not in data.classes, which has 2 \(0 to 1\)"):
            validation.labels_in_range(np.array([0, wrong]), ["a", "b"], ["s0", "s1"])
    with pytest.raises(UserError, match=r"data.classes: no sample of 'b'"):
        validation.labels_in_range(np.array([0, 0]), ["a", "b"], ["s0", "s1"])
