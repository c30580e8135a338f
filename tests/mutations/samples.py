"""Sound cases of data, written by the libraries that users write it with, and of the files of the configuration."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import yaml

from pipeline import files
from pipeline.source.source_record import Tensor
from tests import records
from tests.inprocess import ROOT, configure
from tests.mutations.case import Case

NAMED = ("data.path", "data.splits", "data.classes", "data.reader", "data.preprocess")
_ROWS = 12


def _project(folder: Path, data: dict[str, Any], shape: tuple[int, ...], dtype: str = "float32") -> Path:
    """A project after `load` of a network with one input x."""
    entries = [{"name": "x", "shape": [1, *shape], "dtype": dtype}]
    source = records.source(msgspec.convert(entries, list[Tensor]))
    files.write_json(folder / "models/source.json", msgspec.to_builtins(source))
    configure(folder, model={"path": "none"}, data=data, variants=["float32"], samples=2)
    return folder


def _arrays() -> dict[str, np.ndarray]:
    random = np.random.default_rng(1)
    return {
        "x": random.random((_ROWS, 4)).astype(np.float32),
        "labels": np.arange(_ROWS) % 2,
        "split": np.array(["a", "b", "c"] * (_ROWS // 3)),
    }


def _npz(folder: Path, save: Callable[..., Any]) -> list[Case]:
    options = {"inputs": {"x": "x"}, "labels": "labels", "split": "split"}
    project = _project(folder, {"path": "data.npz", "reader": {"name": "npz", "options": options}}, (4,))
    save(project / "data.npz", allow_pickle=False, **_arrays())
    return [Case(project=project, targets=("data.npz",), command="sample", named=(*NAMED, "data.npz", "data["))]


def npz(folder: Path) -> list[Case]:
    return _npz(folder, np.savez)


def npz_compressed(folder: Path) -> list[Case]:
    return _npz(folder, np.savez_compressed)


def npy(folder: Path) -> list[Case]:
    options = {"inputs": {"x": "x"}, "labels": "labels", "split": "split"}
    project = _project(folder, {"path": "arrays", "reader": {"name": "npy", "options": options}}, (4,))
    (project / "arrays").mkdir()
    for name, array in _arrays().items():
        np.save(project / "arrays" / f"{name}.npy", array, allow_pickle=False)
    targets = tuple(f"arrays/{name}.npy" for name in _arrays())
    return [Case(project=project, targets=targets, command="sample", named=(*NAMED, "arrays"))]


def pictures(folder: Path, *, suffix: str) -> list[Case]:
    """Pictures of one format in two classes; of each mode that it has, one case."""
    from PIL import Image

    found = []
    for mode in ("RGB", "L") if suffix in ("png", "jpg", "bmp") else ("RGB",):
        reader = {"name": "image_folder", "options": {"input": "x", "mode": mode}}
        steps = [{"name": "resize", "options": {"height": 4, "width": 4}}, {"name": "rescale", "options": {"scale": 1 / 255}}]
        shape = (4, 4, 3 if mode == "RGB" else 1)
        project = _project(folder / mode, {"path": "pictures", "reader": reader, "preprocess": steps}, shape)
        random = np.random.default_rng(1)
        for number in range(8):
            place = project / "pictures" / ("cat", "dog")[number % 2] / f"{number}.{suffix}"
            place.parent.mkdir(parents=True, exist_ok=True)
            pixels = random.integers(0, 256, (9, 8) if mode == "L" else (9, 8, 3)).astype(np.uint8)
            turned: dict[str, Any] = {"exif": _turned()} if suffix == "jpg" and number == 0 else {}
            Image.fromarray(pixels).save(place, **turned)
        targets = (f"pictures/cat/0.{suffix}", f"pictures/dog/1.{suffix}")
        found.append(Case(project=project, targets=targets, command="sample", named=(*NAMED, f"0.{suffix}", f"1.{suffix}")))
    return found


def _turned() -> bytes:
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = 6
    return exif.tobytes()


def sounds(folder: Path, *, suffix: str, subtypes: tuple[str, ...]) -> list[Case]:
    import soundfile

    found = []
    for subtype in subtypes:
        reader = {"name": "wav_folder", "options": {"input": "x", "rate": 8000, "length": 100}}
        project = _project(folder / subtype, {"path": "sounds", "reader": reader}, (100,))
        random = np.random.default_rng(1)
        for number in range(8):
            place = project / "sounds" / ("no", "yes")[number % 2] / f"{number}.{suffix}"
            place.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(place, random.uniform(-0.5, 0.5, (90 + number, 2)), 8000, subtype=subtype)
        targets = (f"sounds/no/0.{suffix}", f"sounds/yes/1.{suffix}")
        found.append(Case(project=project, targets=targets, command="sample", named=(*NAMED, f"0.{suffix}", f"1.{suffix}")))
    return found


def table(folder: Path, *, suffix: str) -> list[Case]:
    import pandas

    found = []
    for label, cells in (("name", ["b", "a"] * (_ROWS // 2)), ("number", list(np.linspace(0, 1, _ROWS)))):
        options = {"inputs": {"x": ["height", "age"]}, "label": "kind", "split": "part", "id": "who"}
        project = _project(folder / label, {"path": f"data.{suffix}", "reader": {"name": "table", "options": options}}, (2,))
        random = np.random.default_rng(1)
        frame = pandas.DataFrame(
            {
                "who": [f"p{number}" for number in range(_ROWS)],
                "age": random.uniform(20, 60, _ROWS),
                "height": random.uniform(1.5, 2, _ROWS),
                "kind": cells,
                "part": ["a", "b", "c"] * (_ROWS // 3),
            }
        )
        place = project / f"data.{suffix}"
        frame.to_csv(place, index=False) if suffix == "csv" else frame.to_parquet(place, index=False)
        found.append(Case(project=project, targets=(place.name,), command="sample", named=(*NAMED, place.name)))
    return found


def params(folder: Path) -> list[Case]:
    """params.yaml, edited by hand."""
    (case,) = npz(folder)
    keys = yaml.safe_load((case.project / "params.yaml").read_text(encoding="utf-8"))
    return [
        Case(project=case.project, targets=("params.yaml",), command="sample", named=("params.yaml", "data.npz", *_settings(keys)))
    ]


def conf(folder: Path) -> list[Case]:
    """The files of the configuration that are composed."""
    for name in ("conf", "hydra_plugins"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "params.yaml", folder / "params.yaml")
    for name in ("model", "data"):
        place = folder / yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))[name]["path"]
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(b"there")
    groups = ("benchmark", "calibrate", "convert", "data", "evaluate", "gate", "model", "quantization", "select", "task", "verify")
    targets = tuple(str(file.relative_to(folder)) for group in groups for file in sorted((folder / "conf" / group).glob("*.yaml")))
    keys = yaml.safe_load((folder / "params.yaml").read_text(encoding="utf-8"))
    return [
        Case(project=folder, targets=("conf/config.yaml", *targets), command="compose", named=("conf", *groups, *_settings(keys)))
    ]


def _settings(keys: dict[str, Any]) -> tuple[str, ...]:
    """The beginnings of settings: a message may name one of them instead of the file."""
    return tuple(f"{key}." for key in keys) + tuple(f"{key}:" for key in keys)
