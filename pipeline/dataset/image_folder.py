"""Reader of folders of images by class, through Pillow."""

from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from pipeline.dataset import class_folders
from pipeline.dataset.samples import Dataset
from pipeline.errors import UserError
from pipeline.system import boundary

_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp")
# More than 8 bits a channel: Pillow would clip, not scale, when it converts these.
_DEEP = ("I", "F", "I;16", "I;16B", "I;16L", "I;16N")
# What a pixel takes while it is decoded, turned upright, converted and copied.
_BYTES = 16
# Pillow warns of images above a size of its own and refuses others: here the limit of the configuration says what is too large.
Image.MAX_IMAGE_PIXELS = None


def image_folder(
    path: Path, *, input: str, mode: Literal["RGB", "L"] = "RGB", labelled: bool = True, splits: bool = False
) -> Dataset:
    """Images in CLASS/FILE (PNG, JPEG, BMP, WebP), any size, turned upright by their EXIF orientation.

    Args:
        path: the folder.
        input: the network's input that takes them, as uint8 [height, width, channels] in 0..255.
        mode: "RGB", three channels, or "L", one of grey (ITU-R 601 luma); images of the other kind are converted, alpha is
            dropped.
        labelled: whether folders are classes; false takes files at any depth and gives no labels.
        splits: whether the first level of folders is the declared split, as in train/CLASS/FILE.

    Raises:
        UserError: when there are no images; when one is read that is corrupt, naming it, or has more than 8 bits a channel.
    """
    return class_folders.dataset(path, partial(image, mode=mode), input=input, suffixes=_SUFFIXES, labelled=labelled, splits=splits)


def image(file: Path, *, mode: str) -> np.ndarray:
    """One image upright as uint8 [height, width, channels].

    Raises:
        UserError: when it is corrupt, or has more than 8 bits a channel.
    """
    with boundary.reading(file, kind="an image", remedy="remove it or copy it again"), _opened(file) as opened:
        width, height = opened.size
        boundary.within(file, width * height * _BYTES, what=f"{width:,} x {height:,} pixels, which take")
        if opened.mode in _DEEP:
            raise UserError(
                f"{file}: has more than 8 bits a channel ({opened.mode}); convert it, or read it in pipeline/custom/readers.py"
            )
        pixels = np.asarray(ImageOps.exif_transpose(opened).convert(mode))
    return pixels if pixels.ndim == 3 else pixels[:, :, None]


def _opened(file: Path) -> Image.Image:
    try:
        return Image.open(file)
    except UnidentifiedImageError:
        raise UserError(f"{file}: not readable as an image: no known format; remove it or copy it again") from None
