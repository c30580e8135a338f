"""Against sounds worked out by hand."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from pipeline.dataset import wav_folder
from pipeline.errors import UserError
from pipeline.system import boundary


def test_channels_are_averaged_and_scaled(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.array([[16384, 0], [-32768, -32768]], np.int16), 8000)
    assert wav_folder.sound(tmp_path / "a.wav", rate=8000, resample=False).tolist() == [0.25, -1.0]


@pytest.mark.parametrize(("have", "wanted"), [(16000, 8000), (8000, 16000), (44100, 16000)])
def test_a_tone_is_the_same_tone_at_another_rate(tmp_path: Path, have: int, wanted: int) -> None:
    soundfile.write(tmp_path / "a.wav", 0.5 * np.sin(2 * np.pi * 440 * np.arange(have) / have), have, subtype="FLOAT")
    found = wav_folder.sound(tmp_path / "a.wav", rate=wanted, resample=True)
    assert len(found) == wanted
    expected = 0.5 * np.sin(2 * np.pi * 440 * np.arange(wanted) / wanted)
    middle = slice(wanted // 10, -wanted // 10)
    np.testing.assert_allclose(found[middle], expected[middle], atol=1e-4)


def test_a_folder(tmp_path: Path) -> None:
    for name, length in (("no", 3), ("yes", 6)):
        (tmp_path / name).mkdir()
        soundfile.write(tmp_path / name / "1.wav", np.full(length, 0.5), 8000, subtype="FLOAT")
    dataset = wav_folder.wav_folder(tmp_path, input="x", rate=8000, length=4)
    assert dataset.classes == ["no", "yes"]
    assert dataset.read(0)["x"].tolist() == [0.5, 0.5, 0.5, 0.0]
    assert dataset.read(1)["x"].tolist() == [0.5] * 4


def test_a_sound_that_says_it_is_very_long_is_refused_by_its_header(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    soundfile.write(path, np.zeros((800, 2)), 8000)
    content = bytearray(path.read_bytes())
    content[22:26] = b"\xf0\0\0\0"  # the lower 32 of the 36 bits of the number of samples
    path.write_bytes(content)
    with boundary.limits(seconds=9, gigabytes=16):
        expected = r"a\.flac: 4,026,531,840 samples of 2 channels, which take 96\.6 GB, the limit is 16 GB; .*limits\.gigabytes: 97"
        with pytest.raises(UserError, match=expected):
            wav_folder.sound(path, rate=8000, resample=False)
