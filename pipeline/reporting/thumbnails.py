"""Samples as small pictures within the page, when they are pictures at all."""

import base64
import io

import numpy as np
from PIL import Image


def is_image(shape: tuple[int, ...]) -> bool:
    """Whether samples of this shape, without a batch dimension, can be shown: [height, width, 1 or 3], more than a line."""
    return len(shape) == 3 and shape[2] in (1, 3) and min(shape[:2]) >= 4


def data_uri(sample: np.ndarray, *, low: float, high: float, longest: int = 96) -> str:
    """A PNG as a data: address.

    Args:
        sample: [height, width, 1 or 3], any real dtype.
        low: value shown black.
        high: value shown white.
        longest: larger pictures are reduced to this many pixels along their longer side.
    """
    scaled = (np.asarray(sample, np.float64) - low) / (high - low if high > low else 1.0)
    pixels = (np.clip(scaled, 0, 1) * 255).round().astype(np.uint8)
    image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    if max(image.size) > longest:
        image.thumbnail((longest, longest))
    stream = io.BytesIO()
    image.save(stream, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode()
