"""Reader of folders of WAV files by class, through soundfile; resampled by soxr."""

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from msgspec import Meta

from pipeline.dataset import class_folders
from pipeline.dataset.preprocess import fit_length
from pipeline.dataset.samples import Dataset
from pipeline.errors import UserError
from pipeline.system import boundary

_SUFFIXES = (".wav", ".flac", ".ogg")
# What a sample takes while its channels are averaged: as float32 and as float64.
_BYTES = 12


def wav_folder(
    path: Path,
    *,
    input: str,
    rate: Annotated[int, Meta(ge=1)],
    length: Annotated[int, Meta(ge=1)],
    resample: bool = False,
    align: Literal["start", "center"] = "start",
    labelled: bool = True,
    splits: bool = False,
) -> Dataset:
    """Sounds in CLASS/FILE (WAV, FLAC, OGG): channels are averaged, and all brought to one length.

    Args:
        path: the folder.
        input: the network's input that takes them, as float32 [length] in -1..1 (integer samples divided by their full scale).
        rate: samples a second that the network wants.
        length: samples that the network wants; longer sounds are cut, shorter ones followed by zeros.
        resample: whether files of another rate are resampled (soxr, high quality); false refuses them.
        align: "start" cuts and pads at the end, "center" at both ends.
        labelled: whether folders are classes; false takes files at any depth and gives no labels.
        splits: whether the first level of folders is the declared split, as in train/CLASS/FILE.

    Raises:
        UserError: when there are no files; when one is read that is corrupt or empty, naming it, or has another rate.
    """

    def read(file: Path) -> np.ndarray:
        return fit_length(sound(file, rate=rate, resample=resample), length=length, align=align)

    return class_folders.dataset(path, read, input=input, suffixes=_SUFFIXES, labelled=labelled, splits=splits)


def sound(file: Path, *, rate: int, resample: bool) -> np.ndarray:
    """One sound as float32 [samples] in -1..1, the mean of its channels.

    Raises:
        UserError: when it is corrupt or empty, or has another rate and may not be resampled.
    """
    import soundfile  # only where there are sounds
    import soxr

    remedy = "remove it or copy it again"
    with boundary.reading(file, kind="a sound", remedy=remedy):
        try:
            with soundfile.SoundFile(file) as opened:
                size = opened.frames * opened.channels * _BYTES
                boundary.within(file, size, what=f"{opened.frames:,} samples of {opened.channels} channels, which take")
                channels, have = opened.read(dtype="float32", always_2d=True), opened.samplerate
        except soundfile.LibsndfileError as error:
            raise UserError(f"{file}: not readable as a sound: {error.error_string.rstrip('.')}; {remedy}") from None
    if len(channels) == 0:
        raise UserError(f"{file}: holds no samples; remove it")
    if have != rate and not resample:
        raise UserError(
            f"{file}: has {have} samples a second, data.reader.options.rate is {rate}; set resample: true, or correct rate"
        )
    mono = channels.astype(np.float64).mean(axis=1)
    return (soxr.resample(mono, have, rate, quality="HQ") if have != rate else mono).astype(np.float32)
