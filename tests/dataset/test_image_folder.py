"""Against Pillow, and pixels put down by hand."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.dataset import image_folder
from pipeline.errors import UserError
from pipeline.system import boundary

PIXELS = np.random.default_rng(1).integers(0, 256, (4, 6, 3)).astype(np.uint8)


def test_exif_orientation_turns_the_image_upright(tmp_path: Path) -> None:
    (tmp_path / "c").mkdir()
    exif = Image.Exif()
    exif[0x0112] = 6  # the top of the scene is at the right: turn by 90 degrees clockwise
    Image.fromarray(PIXELS).save(tmp_path / "c/a.png", exif=exif)
    dataset = image_folder.image_folder(tmp_path, input="x")
    np.testing.assert_array_equal(dataset.read(0)["x"], np.rot90(PIXELS, -1))


def test_modes(tmp_path: Path) -> None:
    alpha = np.concatenate([PIXELS, np.full((4, 6, 1), 7, np.uint8)], axis=2)
    Image.fromarray(alpha).save(tmp_path / "rgba.png")
    Image.fromarray(PIXELS[:, :, 0]).save(tmp_path / "grey.png")
    Image.fromarray(PIXELS).quantize(256).save(tmp_path / "palette.png")
    np.testing.assert_array_equal(image_folder.image(tmp_path / "rgba.png", mode="RGB"), PIXELS)
    np.testing.assert_array_equal(image_folder.image(tmp_path / "grey.png", mode="RGB"), np.repeat(PIXELS[:, :, :1], 3, axis=2))
    assert image_folder.image(tmp_path / "palette.png", mode="RGB").shape == (4, 6, 3)
    # ITU-R 601: L = 0.299 R + 0.587 G + 0.114 B, rounded.
    grey = image_folder.image(tmp_path / "rgba.png", mode="L")
    assert grey.shape == (4, 6, 1)
    np.testing.assert_allclose(grey[:, :, 0], PIXELS @ [0.299, 0.587, 0.114], atol=1)


def claiming(path: Path, width: int, height: int) -> Path:
    """A PNG of one pixel whose header says that it has more."""
    Image.new("L", (1, 1)).save(path)
    content = bytearray(path.read_bytes())
    content[16:24] = struct.pack(">II", width, height)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    path.write_bytes(content)
    return path


def test_a_bomb_is_refused_by_its_header(tmp_path: Path) -> None:
    """Pillow only warns of the first, and refuses the second in words of its own."""
    with boundary.limits(seconds=9, gigabytes=1):
        for width, size in ((12_000, "1.92"), (100_000, "16")):
            expected = rf"a\.png: {width:,} x 10,000 pixels, which take {size} GB, the limit is 1 GB; .*set limits\.gigabytes"
            with pytest.raises(UserError, match=expected):
                image_folder.image(claiming(tmp_path / "a.png", width, 10_000), mode="L")


def test_a_large_image_within_the_limit_is_read_without_a_warning(tmp_path: Path) -> None:
    Image.new("L", (10_000, 9_500), 3).save(tmp_path / "a.png", compress_level=1)
    with boundary.limits(seconds=60, gigabytes=2):
        assert image_folder.image(tmp_path / "a.png", mode="L").shape == (9_500, 10_000, 1)
