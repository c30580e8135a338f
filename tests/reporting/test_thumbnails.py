import base64
import io

import numpy as np
import pytest
from PIL import Image

from pipeline.reporting import thumbnails


def decoded(uri: str) -> np.ndarray:
    head, body = uri.split(",", 1)
    assert head == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(body))))


def test_values_become_grey_from_low_to_high() -> None:
    sample = np.array([[0.0, 0.5], [1.0, 2.0]]).repeat(2, 0).repeat(2, 1)[..., None]
    pixels = decoded(thumbnails.data_uri(sample, low=0.0, high=1.0))
    assert pixels[::2, ::2].tolist() == [[0, 128], [255, 255]]


def test_colour_stays_and_large_pictures_shrink() -> None:
    sample = np.zeros((300, 200, 3))
    sample[..., 0] = 1
    pixels = decoded(thumbnails.data_uri(sample, low=0.0, high=1.0))
    assert pixels.shape == (96, 64, 3)
    assert pixels[5, 5].tolist() == [255, 0, 0]


def test_a_flat_sample_is_no_division_by_zero() -> None:
    assert decoded(thumbnails.data_uri(np.full((4, 4, 1), 7.0), low=7.0, high=7.0)).max() == 0


@pytest.mark.parametrize(
    ("shape", "image"),
    [((8, 8, 1), True), ((9, 7, 3), True), ((40,), False), ((49, 10), False), ((8, 8, 16), False), ((1, 200, 3), False)],
)
def test_what_is_a_picture(shape: tuple[int, ...], image: bool) -> None:
    assert thumbnails.is_image(shape) == image
