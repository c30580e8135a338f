"""Readers of the user's data: one function and one row in `READERS` each.

A reader takes a path and keyword options (`data.reader.options`, checked against its signature) and returns a `Dataset`.
"""

from collections.abc import Callable

from pipeline.lib.dataset import Dataset
from pipeline.lib.read_arrays import npy, npz
from pipeline.lib.read_audio import wav_folder
from pipeline.lib.read_images import image_folder
from pipeline.lib.read_tables import table

READERS: dict[str, Callable[..., Dataset]] = {
    "npz": npz,
    "npy": npy,
    "image_folder": image_folder,
    "table": table,
    "wav_folder": wav_folder,
}

__all__ = ["READERS", "Dataset"]
