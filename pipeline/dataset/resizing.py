"""Pixels: resizing, cropping and the conventions of `keras.applications`. Arrays [height, width, channels] in and out."""

from typing import Literal

import numpy as np
from PIL import Image

METHODS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
    "area": Image.Resampling.BOX,
}
Method = Literal["nearest", "bilinear", "bicubic", "lanczos", "area"]


def resize(image: np.ndarray, *, height: int, width: int, method: str, antialias: bool) -> np.ndarray:
    """Another height and width, in the image's dtype.

    Args:
        image: uint8 or float [h, w, c].
        height: wanted.
        width: wanted.
        method: key of `METHODS`.
        antialias: true is Pillow's resize, whose filter widens when it shrinks. False is that of `tf.image.resize`, which
            Keras' image_dataset_from_directory trains with: it looks at the nearest pixels only. Nearest is the same in both.

    Returns:
        [height, width, c].
    """
    if not antialias and method == "bilinear":
        return _interpolated(image, height, width)
    if image.dtype == np.uint8:
        if image.shape[2] == 3:
            return np.asarray(Image.fromarray(image).resize((width, height), METHODS[method]))
        planes = [Image.fromarray(image[:, :, c]).resize((width, height), METHODS[method]) for c in range(image.shape[2])]
        return np.stack([np.asarray(plane) for plane in planes], axis=2)
    planes = [
        Image.fromarray(np.ascontiguousarray(image[:, :, c], np.float32)).resize((width, height), METHODS[method])
        for c in range(image.shape[2])
    ]
    return np.stack([np.asarray(plane) for plane in planes], axis=2).astype(image.dtype)


def _interpolated(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Bilinear between the four nearest pixels, pixel centres at half integers; uint8 is rounded."""
    pixels = image.astype(np.float64)
    for axis, wanted in ((0, height), (1, width)):
        have = pixels.shape[axis]
        position = np.clip((np.arange(wanted) + 0.5) * have / wanted - 0.5, 0, have - 1)
        low = np.floor(position).astype(int)
        weight = (position - low).reshape([-1 if i == axis else 1 for i in range(3)])
        high = np.minimum(low + 1, have - 1)
        pixels = pixels.take(low, axis) * (1 - weight) + pixels.take(high, axis) * weight
    return np.round(pixels).astype(np.uint8) if image.dtype == np.uint8 else pixels.astype(image.dtype)


def center_crop(image: np.ndarray, *, height: int, width: int) -> np.ndarray:
    """The middle [height, width] of an image, which must be at least as large."""
    top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    return image[top : top + height, left : left + width]


def covering(have: tuple[int, int], wanted: tuple[int, int], *, inside: bool) -> tuple[int, int]:
    """Height and width of the same proportions that just cover `wanted`, or with `inside` just fit into it."""
    factors = wanted[0] / have[0], wanted[1] / have[1]
    factor = min(factors) if inside else max(factors)
    exact = [round(length * factor) for length in have]
    limit = min if inside else max
    return max(1, limit(exact[0], wanted[0])), max(1, limit(exact[1], wanted[1]))
