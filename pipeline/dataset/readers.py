"""Readers of the user's data: one function and one row in `READERS` each.

A reader takes a path and keyword options (`data.reader.options`, checked against its signature) and returns a `Dataset`.
"""

from collections.abc import Callable

from pipeline.dataset.arrays import npy, npz
from pipeline.dataset.image_folder import image_folder
from pipeline.dataset.samples import Dataset
from pipeline.dataset.tables import table
from pipeline.dataset.wav_folder import wav_folder

READERS: dict[str, Callable[..., Dataset]] = {
    "npz": npz,
    "npy": npy,
    "image_folder": image_folder,
    "table": table,
    "wav_folder": wav_folder,
}

__all__ = ["READERS", "Dataset"]
