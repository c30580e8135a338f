from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pyarrow
import pyarrow.parquet
import pytest

from pipeline.dataset import tables
from pipeline.errors import UserError
from pipeline.system import boundary


def test_more_rows_than_a_block(tmp_path: Path) -> None:
    frame = pandas.DataFrame({"a": np.arange(25_000) / 4, "b": np.arange(25_000)})
    frame.to_csv(tmp_path / "t.csv", index=False)
    frame.to_parquet(tmp_path / "t.parquet")
    for name in ("t.csv", "t.parquet"):
        dataset = tables.table(tmp_path / name, inputs={"one": ["b", "a"], "two": ["a"]}, dtype="float64")
        assert len(dataset.ids) == 25_000
        assert dataset.read(24_999)["one"].tolist() == [24_999, 24_999 / 4]
        assert dataset.read(3)["two"].tolist() == [0.75]
    frame.astype({"a": str}).assign(a=lambda f: f["a"].where(f.index != 20_000, "x")).to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(UserError, match=r"row 20001, column 'a' is 'x', no number"):
        tables.table(tmp_path / "t.csv", inputs={"one": ["a"]})


@pytest.mark.parametrize(
    ("cells", "kind", "expected", "classes"),
    [
        (["b", "a", "b"], "auto", [1, 0, 1], ["a", "b"]),
        (["2", "0", "1"], "auto", [2, 0, 1], None),
        (["2", "0.5", "1"], "auto", [2.0, 0.5, 1.0], None),
        (["2", "0", "2"], "name", [1, 0, 1], ["0", "2"]),
        (["2", "0", "2"], "number", [2.0, 0.0, 2.0], None),
    ],
)
def test_labels(tmp_path: Path, cells: list[str], kind: Any, expected: list[float], classes: list[str] | None) -> None:
    pandas.DataFrame({"x": [1, 2, 3], "y": cells, "part": ["t", "v", "v"], "who": ["p", "q", "r"]}).to_csv(tmp_path / "t.csv")
    dataset = tables.table(
        tmp_path / "t.csv",
        inputs={"x": ["x"]},
        label="y",
        label_as=kind,
        split="part",
        id="who",
    )
    assert isinstance(dataset.labels, np.ndarray)
    assert dataset.labels.tolist() == expected
    assert dataset.labels.dtype == (np.float64 if isinstance(expected[0], float) else np.int64)
    assert dataset.classes == classes
    assert dataset.ids == ["p", "q", "r"]
    assert dataset.split is not None
    assert dataset.split.tolist() == ["t", "v", "v"]


def test_a_bomb_of_rows_is_refused_by_its_footer(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    zeros = pyarrow.array(np.zeros(3_000_000, np.int8))
    pyarrow.parquet.write_table(pyarrow.table({"a": zeros}), path)
    assert path.stat().st_size < 20_000
    with boundary.limits(seconds=9, gigabytes=1):
        expected = (
            r"t\.parquet: 3,000,000 samples, whose names, hashes and labels take 1\.5 GB, the limit is 1 GB; .*limits\.gigabytes"
        )
        with pytest.raises(UserError, match=expected):
            tables.table(path, inputs={"x": ["a"]})


def test_a_group_of_rows_that_unpacks_to_too_much_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    texts = pyarrow.array(["x" * 1_000_000] * 50)
    pyarrow.parquet.write_table(pyarrow.table({"a": texts, "b": list(range(50))}), path, use_dictionary=False, compression="zstd")
    assert path.stat().st_size < 100_000
    expected = r"t\.parquet: unpacked, a group of its rows takes 0\.05 GB, the limit is 0\.04 GB"
    with boundary.limits(seconds=9, gigabytes=0.04), pytest.raises(UserError, match=expected):
        tables.table(path, inputs={"x": ["b"]}, label="a")
