"""Resizing against Pillow on whole images and against tf.image."""

import numpy as np
import pytest
from PIL import Image

from pipeline.dataset import preprocess, resizing
from pipeline.source.tensorflow_setup import tf

PHOTO = np.random.default_rng(4).integers(0, 256, (37, 53, 3)).astype(np.uint8)


@pytest.mark.parametrize("method", resizing.METHODS)
@pytest.mark.parametrize(("height", "width"), [(16, 24), (80, 60), (37, 53)])
def test_is_pillow_on_rgb_and_grey(method: str, height: int, width: int) -> None:
    options = {"height": height, "width": width, "method": method, "antialias": True}
    expected = np.asarray(Image.fromarray(PHOTO).resize((width, height), resizing.METHODS[method]))
    np.testing.assert_array_equal(resizing.resize(PHOTO, **options), expected)  # type: ignore[arg-type]
    grey = np.asarray(Image.fromarray(PHOTO[:, :, 0]).resize((width, height), resizing.METHODS[method]))
    np.testing.assert_array_equal(resizing.resize(PHOTO[:, :, :1], **options)[:, :, 0], grey)  # type: ignore[arg-type]


def test_float_images_are_not_rounded() -> None:
    found = resizing.resize(PHOTO.astype(np.float32) / 255, height=16, width=24, method="bilinear", antialias=True)
    expected = resizing.resize(PHOTO, height=16, width=24, method="bilinear", antialias=True)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found * 255, expected, atol=1.01)  # uint8 rounds once for each direction


@pytest.mark.parametrize(("height", "width"), [(16, 24), (80, 60)])
@pytest.mark.parametrize("method", ["bilinear", "nearest"])
def test_without_antialias_is_tf_image(method: str, height: int, width: int) -> None:
    pixels = PHOTO.astype(np.float32)
    expected = np.asarray(tf.image.resize(pixels, (height, width), method=method, antialias=False))
    found = resizing.resize(pixels, height=height, width=width, method=method, antialias=False)
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_crop_keeps_proportions() -> None:
    # 37x53 to 20x20: scaled by 20/37 to 20x29, then columns 4 to 24.
    scaled = np.asarray(Image.fromarray(PHOTO).resize((29, 20), Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(preprocess.resize(PHOTO, height=20, width=20, fit="crop"), scaled[:, 4:24])


def test_pad_keeps_proportions() -> None:
    # 37x53 to 20x20: scaled by 20/53 to 14x20, with 3 rows of zeros above and below.
    scaled = np.asarray(Image.fromarray(PHOTO).resize((20, 14), Image.Resampling.BILINEAR))
    found = preprocess.resize(PHOTO, height=20, width=20, fit="pad")
    np.testing.assert_array_equal(found[3:17], scaled)
    assert not found[:3].any()
    assert not found[17:].any()
