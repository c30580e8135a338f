"""Real files into sets: every reader through the stage, and what a user can get wrong about data, each with its message."""

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas
import pytest
import soundfile
from PIL import Image

from pipeline import files
from pipeline.errors import UserError
from pipeline.source.source_record import Tensor
from tests import records
from tests.helpers import call
from tests.inprocess import ROOT, configure, leftovers, save_arrays, stage

Data = dict[str, Any]


def network(folder: Path, **inputs: tuple[list[int], str]) -> None:
    """What the stage load would say of a network with these inputs: shape without the batch, and dtype."""
    entries = [{"name": name, "shape": [1, *shape], "dtype": dtype} for name, (shape, dtype) in inputs.items()]
    (folder / "models").mkdir(parents=True, exist_ok=True)
    source = records.source(msgspec.convert(entries, list[Tensor]))
    files.write_json(folder / "models/source.json", msgspec.to_builtins(source))


def images(folder: Path, count: int = 8, classes: tuple[str, ...] = ("cat", "dog"), mode: str = "RGB") -> Data:
    random = np.random.default_rng(1)
    for name in classes:
        (folder / name).mkdir(parents=True)
        for i in range(count):
            shape = (10 + i, 12) if mode == "L" else (10 + i, 12, 3)
            suffix = "png" if i % 2 else "jpg"
            Image.fromarray(random.integers(0, 256, shape).astype(np.uint8)).save(folder / name / f"{i}.{suffix}")
    return {
        "path": str(folder),
        "reader": {"name": "image_folder", "options": {"input": "image"}},
        "preprocess": [
            {"name": "resize", "options": {"height": 6, "width": 5}},
            {"name": "keras_applications", "options": {"mode": "tf"}},
        ],
    }


def sounds(folder: Path, rate: int = 8000, count: int = 6) -> Data:
    random = np.random.default_rng(1)
    for name in ("no", "yes"):
        (folder / name).mkdir(parents=True)
        for i in range(count):
            soundfile.write(folder / name / f"{i}.wav", random.uniform(-0.5, 0.5, (900 + i, 2)), rate)
    return {
        "path": str(folder),
        "reader": {"name": "wav_folder", "options": {"input": "sound", "rate": 8000, "length": 1000}},
        "preprocess": [{"name": "spectrogram", "options": {"frame_length": 200, "frame_step": 100, "fft_length": 256}}],
    }


def rows(path: Path, count: int = 12, **changes: list[Any]) -> Data:
    random = np.random.default_rng(1)
    columns: dict[str, Any] = {
        "age": random.uniform(20, 60, count),
        "height": random.uniform(1.5, 2, count),
        "kind": ["b", "a"] * (count // 2),
    }
    frame = pandas.DataFrame({**columns, **changes})
    frame.to_parquet(path, index=False) if path.suffix == ".parquet" else frame.to_csv(path, index=False)
    return {"path": str(path), "reader": {"name": "table", "options": {"inputs": {"person": ["height", "age"]}, "label": "kind"}}}


IMAGE = {"image": ([6, 5, 3], "float32")}
SOUND = {"sound": ([9, 129], "float32")}
PERSON = {"person": ([2], "float32")}


def read(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "data/split.json").read_text())


def sample(project: Path, inputs: dict[str, Any], data: Data, *, samples: int = 2) -> None:
    network(project, **inputs)
    configure(project, model={"path": "none"}, data=data, variants=["float32"], samples=samples)
    stage(project, "sample")


def test_images_by_class(tmp_path: Path) -> None:
    sample(tmp_path / "p", IMAGE, images(tmp_path / "d"))
    split = read(tmp_path / "p")
    assert split["classes"] == ["cat", "dog"]
    assert {name: part["n"] for name, part in split["sets"].items()} == {"calibration": 8, "tuning": 3, "evaluation": 5}
    for name, part in split["sets"].items():
        stored = np.load(tmp_path / f"p/data/{name}/inputs/image.npy")
        labels = np.load(tmp_path / f"p/data/{name}/labels.npy")
        for row, label, entry in zip(stored, labels, part["samples"], strict=True):
            pixels = np.asarray(Image.open(tmp_path / "d" / entry["id"]).resize((5, 6), Image.Resampling.BILINEAR), np.float64)
            np.testing.assert_allclose(row, pixels / 127.5 - 1, atol=1e-6)
            assert split["classes"][label] == entry["id"].split("/")[0]


def test_classes_in_an_order_of_ones_own(tmp_path: Path) -> None:
    sample(tmp_path / "p", IMAGE, {**images(tmp_path / "d"), "classes": ["dog", "cat"]})
    entry = read(tmp_path / "p")["sets"]["evaluation"]["samples"][0]
    assert entry["label"] == ["dog", "cat"].index(entry["id"].split("/")[0])


def test_sounds_by_class(tmp_path: Path) -> None:
    sample(tmp_path / "p", SOUND, sounds(tmp_path / "d"))
    assert read(tmp_path / "p")["sets"]["evaluation"]["by_class"] == {"no": 2, "yes": 2}


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_tables(name: str, tmp_path: Path) -> None:
    sample(tmp_path / "p", PERSON, rows(tmp_path / name))
    table = pandas.read_csv(tmp_path / name) if name.endswith("csv") else pandas.read_parquet(tmp_path / name)
    split = read(tmp_path / "p")
    stored = np.load(tmp_path / "p/data/evaluation/inputs/person.npy")
    for row, entry in zip(stored, split["sets"]["evaluation"]["samples"], strict=True):
        expected = table.iloc[int(entry["id"].split(" row ")[1]) - 1]
        np.testing.assert_array_equal(row, np.array([expected.height, expected.age], np.float32))
        assert ["a", "b"][entry["label"]] == expected.kind


def test_numbers_to_predict(tmp_path: Path) -> None:
    data = rows(tmp_path / "t.csv")
    data["reader"]["options"] |= {"inputs": {"person": ["height"]}, "label": "age"}
    sample(tmp_path / "p", {"person": ([1], "float32")}, data)
    labels = np.load(tmp_path / "p/data/evaluation/labels.npy")
    assert labels.dtype == np.float64
    assert read(tmp_path / "p")["sets"]["evaluation"]["by_class"] is None


def test_declared_splits_and_training_samples(tmp_path: Path) -> None:
    images(tmp_path / "d" / "train")
    data = images(tmp_path / "d" / "val", count=6)
    # Another seed of pixels is not needed: the first six of each class are in both, and only training samples are dropped from.
    data["path"] = str(tmp_path / "d")
    data["reader"]["options"] |= {"splits": True}
    data["splits"] = {
        "training": ["train"],
        "calibration": {"source": ["val"], "take": 4},
        "tuning": {"source": ["val"], "take": 2},
        "evaluation": {"source": ["val"], "take": "rest"},
    }
    with pytest.raises(UserError, match=r"val/cat/0\.jpg has the same content as train/cat/0\.jpg \(\d+ such\).*data\.duplicates"):
        sample(tmp_path / "p", IMAGE, data)


def test_limit_looks_at_some_only(tmp_path: Path) -> None:
    sample(tmp_path / "p", IMAGE, {**images(tmp_path / "d"), "limit": 10})
    assert sum(part["n"] for part in read(tmp_path / "p")["sets"].values()) == 10


def test_unlabelled(tmp_path: Path) -> None:
    data = images(tmp_path / "d")
    data["reader"]["options"]["labelled"] = False
    sample(tmp_path / "p", IMAGE, data)
    assert read(tmp_path / "p")["labelled"] is False
    assert not list((tmp_path / "p/data").rglob("labels.npy"))


def test_the_same_twice(tmp_path: Path) -> None:
    data = images(tmp_path / "d")
    for name in ("a", "b"):
        sample(tmp_path / name, IMAGE, data)
    files = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a/data").rglob("*") if path.is_file())
    assert files
    for path in files:
        assert (tmp_path / "a" / path).read_bytes() == (tmp_path / "b" / path).read_bytes()


def after(change: Callable[[Path], object], make: Callable[[Path], Data]) -> Callable[[Path], Data]:
    """Data that was changed after it was made."""

    def build(folder: Path) -> Data:
        data = make(folder)
        change(folder)
        return data

    return build


def options(make: Callable[[Path], Data], **given: Any) -> Callable[[Path], Data]:
    def build(folder: Path) -> Data:
        data = make(folder)
        data["reader"]["options"] |= given
        return data

    return build


def steps(make: Callable[[Path], Data], *given: tuple[str, dict[str, Any]]) -> Callable[[Path], Data]:
    return lambda folder: {**make(folder), "preprocess": [{"name": name, "options": values} for name, values in given]}


def emptied(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


def corrupt(folder: Path) -> None:
    path = folder / "dog/2.jpg"
    path.write_bytes(path.read_bytes()[:150])


def same_twice(folder: Path) -> None:
    (folder / "dog/copy.png").write_bytes((folder / "dog/1.png").read_bytes())


def only_one(folder: Path) -> None:
    (folder / "emu").mkdir()
    Image.new("RGB", (9, 9)).save(folder / "emu/1.png")


def wide(folder: Path) -> None:
    Image.fromarray(np.zeros((9, 9), np.uint16)).save(folder / "dog/1.png")


def table(**changes: list[Any]) -> Callable[[Path], Data]:
    return lambda folder: rows(folder.with_suffix(".csv"), 12, **changes)


def arrays(**changes: Any) -> Callable[[Path], Data]:
    content = {"x": np.random.default_rng(1).normal(size=(20, 4)).astype(np.float32), "labels": np.arange(20) % 2, **changes}
    return lambda folder: save_arrays(folder.with_suffix(".npz"), **content)


def truncated_npz(folder: Path) -> Data:
    data = arrays()(folder)
    path = Path(data["path"])
    path.write_bytes(path.read_bytes()[:300])
    return data


def spoilt_npz(change: Callable[[bytes], bytes]) -> Callable[[Path], Data]:
    """A compressed archive with other bytes."""

    def build(folder: Path) -> Data:
        data = arrays()(folder)
        path = Path(data["path"])
        with np.load(path) as stored:
            content = dict(stored)
        np.savez_compressed(path, **content)
        path.write_bytes(change(path.read_bytes()))
        return data

    return build


def garbled(content: bytes) -> bytes:
    """The first member's compressed bytes, behind its name, are others."""
    at = content.index(b"x.npy") + 25  # behind the name and what zip64 adds
    return content[:at] + b"\xff" * 20 + content[at + 20 :]


def other_compression(content: bytes) -> bytes:
    """Every place that says deflate (8) says Shrink (1): behind the version and flags of the local and of the central header."""
    for start, place in ((b"PK\3\4", 8), (b"PK\1\2", 10)):
        at = content.find(start)
        while at >= 0:
            content = content[: at + place] + b"\1" + content[at + place + 1 :]
            at = content.find(start, at + 1)
    return content


def npy_folder(header: bytes) -> Callable[[Path], Data]:
    """A folder of .npy files, one of which has another header of the same length."""

    def build(folder: Path) -> Data:
        folder.mkdir()
        np.save(folder / "x.npy", np.zeros((20, 4), np.float32))
        content = (folder / "x.npy").read_bytes()
        (folder / "x.npy").write_bytes(content[:10] + header.ljust(117) + b"\n" + content[128:])
        return {"path": str(folder), "reader": {"name": "npy", "options": {"inputs": {"x": "x"}}}}

    return build


def spoilt_parquet(old: bytes, new: bytes) -> Callable[[Path], Data]:
    """What pandas keeps of its own in the file, with other bytes."""

    def build(folder: Path) -> Data:
        data = rows(folder.with_suffix(".parquet"))
        path = Path(data["path"])
        content = path.read_bytes()
        assert old in content
        path.write_bytes(content.replace(old, new))
        return data

    return build


X = {"x": ([4], "float32")}
NAN = np.where(np.arange(80).reshape(20, 4) == 41, np.nan, np.random.default_rng(1).normal(size=(20, 4))).astype(np.float32)

BAD: dict[str, tuple[dict[str, Any], Callable[[Path], Data], str]] = {
    "wrong path": (
        IMAGE,
        lambda d: {**images(d), "path": "no/where"},
        r"data\.path: no such file or folder: no/where; set it in conf/data/",
    ),
    "empty folder": (
        IMAGE,
        after(emptied, images),
        r"holds no \.png, .* files as CLASS/FILE",
    ),
    "empty class": (IMAGE, after(lambda d: (d / "emu").mkdir(), images), r"class folder .*emu holds no .*add some or remove it"),
    "a file, no folder": (
        IMAGE,
        lambda d: {**images(d), "path": str(d / "cat/1.png")},
        r"is no folder; this reader takes a folder of",
    ),
    "other files": (
        IMAGE,
        after(lambda d: (d / "cat/notes.txt").write_text("x"), images),
        r"notes\.txt is no \.png, .*move it out",
    ),
    "corrupt JPEG": (IMAGE, after(corrupt, images), r"dog/2\.jpg: not readable as an image: .*remove it or copy it again"),
    "no image inside": (
        IMAGE,
        after(lambda d: (d / "cat/1.png").write_text("x"), images),
        r"cat/1\.png: not readable as an image: no known",
    ),
    "16 bits": (IMAGE, after(wide, images), r"dog/1\.png: has more than 8 bits a channel"),
    "duplicate": (IMAGE, after(same_twice, images), r"dog/copy\.png has the same content as dog/1\.png \(1 such\); remove one"),
    "class with one sample": (IMAGE, after(only_one, images), r"class 'emu' has 1 sample \(emu/1\.png\) .*needs 2 at least"),
    "class not in the list": (
        IMAGE,
        lambda d: {**images(d), "classes": ["cat"]},
        r"dog/0\.jpg: its class 'dog' is not in data\.classes: cat",
    ),
    "class without samples": (
        IMAGE,
        lambda d: {**images(d), "classes": ["cat", "dog", "emu"]},
        r"data\.classes: no sample of 'emu'",
    ),
    "wrong number of channels": (
        IMAGE,
        steps(options(images, mode="L"), ("resize", {"height": 6, "width": 5}), ("rescale", {"scale": 1.0})),
        r"cat/0\.jpg: input image has shape \[6, 5, 1\], the network wants \[6, 5, 3\]; see data\.preprocess",
    ),
    "wrong rank": (
        IMAGE,
        steps(images, ("resize", {"height": 6, "width": 5}), ("rescale", {"scale": 1.0}), ("add_axis", {"axis": 0})),
        r"input image has shape \[1, 6, 5, 3\], the network wants",
    ),
    "sizes differ": (IMAGE, steps(images, ("rescale", {"scale": 1.0})), r"input image has shape \[10, 12, 3\]"),
    "wrong dtype": (
        IMAGE,
        steps(images, ("resize", {"height": 6, "width": 5})),
        r"image is uint8, the network wants float32; add a step",
    ),
    "input names match nothing": (
        IMAGE,
        options(images, input="picture"),
        r"data\.reader: gives inputs picture; the network has image",
    ),
    "unknown option": (
        IMAGE,
        options(images, modes="L"),
        r"data\.reader\.options: image_folder takes no 'modes'; allowed: input, .*mode",
    ),
    "wrong type of an option": (IMAGE, options(images, mode="grey"), r"data\.reader\.options\.mode: got 'grey'; .*'L' or 'RGB'"),
    "unknown step": (IMAGE, steps(images, ("resise", {})), r"data\.preprocess\.0\.name: unknown 'resise'; allowed: .*resize"),
    "option of a step": (
        IMAGE,
        steps(images, ("resize", {"height": 0, "width": 5})),
        r"options\.height: got 0; .*at least 1",
    ),
    "missing option": (IMAGE, steps(images, ("resize", {"height": 5})), r"data\.preprocess\.0\.options: resize needs 'width'"),
    "sample rate": (
        SOUND,
        lambda d: sounds(d, rate=16000),
        r"no/0\.wav: has 16000 samples a second, data\.reader\.options\.rate is 8000; set resample",
    ),
    "corrupt sound": (
        SOUND,
        after(lambda d: (d / "no/1.wav").write_bytes(b"RIFF1234"), sounds),
        r"no/1\.wav: not readable as a sound",
    ),
    "missing column": (
        PERSON,
        options(table(), inputs={"person": ["height", "weight"]}),
        r"has no column 'weight'; has: age, height, kind",
    ),
    "missing label": (PERSON, options(table(), label="kinds"), r"has no column 'kinds'"),
    "text in a number": (
        PERSON,
        table(age=[30.0] * 5 + ["old"] + [31.0] * 6),
        r"row 6, column 'age' is 'old', no number; fix the table",
    ),
    "number beyond its type": (PERSON, table(age=[30.0] * 5 + [1e39] + [31.0] * 6), r"column 'age' is '1e\+39', more than float32"),
    "number beyond whole ones": (
        PERSON,
        options(table(age=[30.0] * 5 + [3e9] + [31.0] * 6), dtype="int32"),
        r"column 'age' is '3000000000\.0', more than int32 holds",
    ),
    "infinite label": (
        PERSON,
        options(table(kind=[0.5] * 6 + [np.inf] * 6), label_as="number"),
        r"row 7, column 'kind' \(the label\) is 'inf'; label_as is number",
    ),
    "empty cell": (PERSON, table(age=[30.0] * 5 + [None] + [31.0] * 6), r"row 6, column 'age' is empty"),
    "empty label": (PERSON, table(kind=["a"] * 3 + [None] + ["b"] * 8), r"row 4, column 'kind' \(the label\) is empty"),
    "no table": (PERSON, lambda d: {**table()(d), "path": str(d.with_suffix(".xls"))}, r"no such file"),
    "no rows": (PERSON, after(lambda d: d.with_suffix(".csv").write_text("age,height,kind\n"), table()), r"holds no rows"),
    "label outside": (
        X,
        lambda d: {**arrays(labels=np.arange(20) % 3)(d), "classes": ["a", "b"]},
        r"label 2 is not in data\.classes, which has 2",
    ),
    "compressed npz, garbled": (X, spoilt_npz(garbled), r"d\.npz: not readable as \.npz: .*decompress.*copy it again"),
    "compressed npz, another method": (
        X,
        spoilt_npz(other_compression),
        r"d\.npz: not readable as \.npz: That compression method is not supported",
    ),
    "header of npy does not end": (
        X,
        npy_folder(b"{'descr': '<f4', 'fortran_order': False, 'shape': (20, 4"),
        r"x\.npy: not readable as \.npy: EOF in multi-line statement; it may be damaged",
    ),
    "npy says it is longer": (
        X,
        npy_folder(b"{'descr': '<f4', 'fortran_order': False, 'shape': (20000, 4)}"),
        r"x\.npy: not readable as \.npy: mmap length is greater than file size",
    ),
    "npy of very many empty samples": (
        X,
        npy_folder(b"{'descr': '<f4', 'fortran_order': False, 'shape': (900000000000, 0)}"),
        r"d: 900,000,000,000 samples, whose names, hashes and labels take 4\.5e\+05 GB, the limit is 16 GB; .*limits\.gigabytes",
    ),
    "parquet without a key": (
        PERSON,
        spoilt_parquet(b'"pandas_type"', b'"pandas_tipe"'),
        r"d\.parquet: not readable as a table: KeyError: 'pandas_type'; it may be",
    ),
    "parquet with broken JSON": (
        PERSON,
        spoilt_parquet(b'"pandas_type"', b'"pandas_type!'),
        r"d\.parquet: not readable as a table: Expecting ':' delimiter",
    ),
    "parquet with another type": (
        PERSON,
        spoilt_parquet(b'"columns": [', b'"columns": 7 '),
        r"d\.parquet: not readable as a table: ",
    ),
    "label without end": (
        X,
        arrays(labels=np.where(np.arange(20) % 2, 10**15, 0)),
        r"label 1000000000000000 is no class index",
    ),
    "truncated npz": (X, truncated_npz, r"not readable as \.npz"),
    "NaN": (X, arrays(x=NAN), r"\[10\]: input x holds NaN or infinity"),
    "label that is NaN": (X, arrays(labels=np.where(np.arange(20) == 3, np.nan, 0.5)), r"labels holds NaN or infinity; remove"),
    "labels of complex numbers": (X, arrays(labels=np.full(20, 1j)), r"labels: expected numbers, got complex128 \[20\]"),
    # There would be a row in the reports for each index below it.
    "label beyond any network": (X, arrays(labels=np.arange(20) % 2 * 2**40), r"\[1\]: label 1099511627776 is no class index"),
    "splits that are no text": (
        X,
        options(arrays(split=np.zeros((20, 2))), split="split"),
        r"split: expected the name of a split for each sample, as text, got float64 \[20, 2\]",
    ),
    "splits of letters that do not exist": (
        X,
        options(arrays(split=np.full(20, 0x7FFFFFFF, np.uint32).view("<U1")), split="split"),
        r"not readable as .*maximum character",
    ),
    "missing array": (X, options(arrays(), labels="truth"), r"has no array 'truth'; has: labels, x"),
    "lengths differ": (X, arrays(labels=np.arange(19) % 2), r"arrays differ in length: x 20, labels 19"),
    "too few": (
        X,
        lambda d: {
            **arrays()(d),
            "splits": {
                "training": [],
                "calibration": {"source": None, "take": 15},
                "tuning": {"source": None, "take": 9},
                "evaluation": {"source": None, "take": "rest"},
            },
        },
        r"data\.splits\.tuning: asks for 9 samples, 5 are left of 20",
    ),
    "no such split": (
        X,
        lambda d: {
            **arrays()(d),
            "splits": {
                "training": ["train"],
                "calibration": {"source": None, "take": 5},
                "tuning": {"source": None, "take": 5},
                "evaluation": {"source": None, "take": "rest"},
            },
        },
        r"data\.splits\.training: the data declares no split 'train'",
    ),
}


@pytest.mark.parametrize("what", BAD)
def test_refuses(what: str, tmp_path: Path) -> None:
    inputs, build, message = BAD[what]
    data = build(tmp_path / "d")
    with pytest.raises(UserError, match=message):
        sample(tmp_path / "p", inputs, data)
    assert leftovers(tmp_path) == []
    assert not (tmp_path / "p/data").exists() or not list((tmp_path / "p/data").iterdir())


def test_no_traceback(tmp_path: Path) -> None:
    """A stage run as DVC runs it: one message, exit code 1."""
    data = images(tmp_path / "d")
    corrupt(tmp_path / "d")
    network(tmp_path / "p", **IMAGE)
    configure(tmp_path / "p", model={"path": "none"}, data=data, variants=["float32"], samples=2)
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.sample"],
        cwd=tmp_path / "p",
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
        text=True,
        capture_output=True,
    )
    assert done.returncode == 1
    assert "error: " in done.stderr
    assert "dog/2.jpg" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_bomb_of_samples_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    """A small file of very many samples, in a process of its own as the stage is: it ended in MemoryError, after minutes."""
    data = save_arrays(tmp_path / "d.npz", x=np.zeros((1, 1), np.uint8))
    with zipfile.ZipFile(tmp_path / "d.npz", "w", zipfile.ZIP_DEFLATED) as archive, archive.open("x.npy", "w") as stream:
        header = {"descr": "|u1", "fortran_order": False, "shape": (300_000_000, 1)}
        np.lib.format.write_array_header_1_0(stream, header)
        for _ in range(300):
            stream.write(bytes(1_000_000))
    assert (tmp_path / "d.npz").stat().st_size < 400_000
    network(tmp_path / "p", x=([1], "uint8"))
    configure(tmp_path / "p", model={"path": "none"}, data=data, variants=["float32"], samples=2)
    done = call("python", "-m", "pipeline.sample", cwd=tmp_path / "p", check=False, PYTHONPATH=str(ROOT))
    assert done.returncode == 1
    assert re.fullmatch(
        r"error: .*d\.npz: 300,000,000 samples, whose names, hashes and labels take 150 GB, the limit is 16 GB; if that is what "
        r"you expect of it, set limits\.gigabytes: 150 in conf/config\.yaml\n",
        done.stdout,
    )
