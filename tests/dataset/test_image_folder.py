"""Against Pillow, and pixels put down by hand."""

from pathlib import Path

import numpy as np
from PIL import Image

from pipeline.dataset import image_folder

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
