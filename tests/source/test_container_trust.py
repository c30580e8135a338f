"""Containers that hold nothing but a network; what else they may hold is in tests/test_trust.py."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from pipeline.errors import UserError
from pipeline.source import container_trust


def test_links_and_rings_inside_the_file_are_sound(tmp_path: Path) -> None:
    path = tmp_path / "m.h5"
    with h5py.File(path, "w") as file:
        file["a/b"] = np.zeros(3)
        file["a/ring"] = file["a"]
        file["soft"] = h5py.SoftLink("/a/b")
        file.create_dataset("packed", data=np.zeros(100), compression="gzip", shuffle=True)
    container_trust.refuse(path, format="keras2_h5")


def test_a_filter_that_would_be_loaded(tmp_path: Path) -> None:
    path = tmp_path / "m.h5"
    with h5py.File(path, "w") as file:
        settings = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        settings.set_chunk((4,))
        settings.set_filter(32015, h5py.h5z.FLAG_OPTIONAL, ())
        h5py.h5d.create(file.id, b"a", h5py.h5t.NATIVE_FLOAT, h5py.h5s.create_simple((4,)), settings)
    with pytest.raises(UserError, match=r"holds an array packed by the filter 32015, a program outside of HDF5 \(/a\)"):
        container_trust.refuse(path, format="keras3_h5")


def test_a_folder_is_no_container(tmp_path: Path) -> None:
    container_trust.refuse(tmp_path, format="keras2_saved_model")
