"""Reader of tables, CSV and Parquet, a block of rows at a time."""

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from pipeline.dataset.samples import Dataset, bookkeeping
from pipeline.errors import UserError
from pipeline.system import boundary, disk

if TYPE_CHECKING:
    import pandas

_ROWS = 10_000


def table(
    path: Path,
    *,
    inputs: Mapping[str, list[str]],
    label: str | None = None,
    label_as: Literal["auto", "name", "index", "number"] = "auto",
    split: str | None = None,
    id: str | None = None,
    dtype: Literal["float32", "float64", "int32", "int64"] = "float32",
) -> Dataset:
    """Rows of a .csv (with a header) or .parquet file.

    Numbers are kept in a temporary file (where `TMPDIR` says), not in memory.

    Args:
        path: the file.
        inputs: the network's input to the columns that make it up, in order: [len(columns)] of `dtype`.
        label: column of the label.
        label_as: "name" of a class, "index" of a class, or a "number" to predict; "auto" takes text as names, whole numbers as
            indices and other numbers as numbers.
        split: column of the declared split.
        id: column that names the rows; without it they are counted from 1.
        dtype: of the inputs.

    Raises:
        UserError: when the file cannot be read, a column is missing, or a cell is empty or no number, naming it.
    """
    columns = list(dict.fromkeys(column for group in inputs.values() for column in group))
    texts = {"label": label, "split": split, "id": id}
    wanted = list(dict.fromkeys([*columns, *(name for name in texts.values() if name is not None)]))
    kept: dict[str, list[Any]] = {name: [] for name in texts}
    count = 0
    with boundary.reading(path, kind="a table"), disk.temporary_file() as stream:
        for block in _blocks(path, wanted):
            numbers = np.stack([_numbers(block[column], path, count, dtype) for column in columns], axis=1)
            stream.write(numbers.tobytes())
            for name, column in texts.items():
                if column is not None:
                    kept[name] += block[column].tolist()
            count += len(block)
            _enough(path, count, columns)
        if count == 0:
            raise UserError(f"{path}: holds no rows")
        stream.flush()
        values = np.memmap(stream, np.float64, "r", shape=(count, len(columns)))
    places = {name: [columns.index(column) for column in group] for name, group in inputs.items()}
    labels, classes = _labels(kept["label"], label_as, path, label) if label else (None, None)
    return Dataset(
        ids=[str(name) for name in kept["id"]] if id else [f"{path.name} row {i + 1}" for i in range(count)],
        labels=labels,
        classes=classes,
        split=np.array([str(name) for name in kept["split"]]) if split else None,
        read=lambda i: {name: np.asarray(values[i])[place].astype(dtype) for name, place in places.items()},
    )


def _blocks(path: Path, wanted: list[str]) -> "Iterator[pandas.DataFrame]":
    import pandas  # half a second, which only tables are worth
    import pyarrow.parquet

    if path.suffix.lower() == ".parquet":
        file = pyarrow.parquet.ParquetFile(path)
        _has(file.schema_arrow.names, wanted, path)
        _enough(path, file.metadata.num_rows, wanted)
        groups = (file.metadata.row_group(i).total_byte_size for i in range(file.metadata.num_row_groups))
        boundary.within(path, max(groups, default=0), what="unpacked, a group of its rows takes")
        for batch in file.iter_batches(batch_size=_ROWS, columns=wanted):
            yield batch.to_pandas()
    elif path.suffix.lower() == ".csv":
        _has(pandas.read_csv(path, nrows=0).columns.tolist(), wanted, path)
        # As text, so that a message can show what stands in the cell.
        yield from pandas.read_csv(path, usecols=wanted, dtype=str, keep_default_na=False, chunksize=_ROWS)
    else:
        raise UserError(f"data.path: {path} is neither .csv nor .parquet")


def _enough(path: Path, count: int, columns: Sequence[str]) -> None:
    """Refuse more rows than can be kept account of, or than their numbers (float64) take."""
    bookkeeping(path, count)
    boundary.within(path, count * len(columns) * 8, what=f"{count:,} rows of {len(columns)} columns, which take")


def _has(columns: list[str], wanted: list[str], path: Path) -> None:
    if missing := [name for name in wanted if name not in columns]:
        raise UserError(f"{path}: has no column {missing[0]!r}; has: {', '.join(map(str, columns))}")


def _numbers(column: Any, path: Path, before: int, dtype: str) -> np.ndarray:
    """A column as float64 [rows], of numbers that `dtype` holds."""
    import pandas

    values = np.asarray(pandas.to_numeric(column, errors="coerce"), np.float64)
    kind = np.dtype(dtype)
    limits = np.finfo(kind) if kind.kind == "f" else np.iinfo(kind)
    wrong = np.flatnonzero(~((values >= float(limits.min)) & (values <= float(limits.max))))
    if wrong.size:
        cell = column.iloc[int(wrong[0])]
        empty = cell is None or str(cell).strip() in ("", "nan", "None", "<NA>")
        other = "no number" if math.isnan(values[wrong[0]]) else f"more than {dtype} holds"
        what = "is empty" if empty else f"is {str(cell)!r}, {other}"
        raise UserError(f"{path}: row {before + int(wrong[0]) + 1}, column {column.name!r} {what}; fix the table")
    return values


def _labels(cells: list[Any], kind: str, path: Path, column: str) -> tuple[np.ndarray, list[str] | None]:
    texts = [str(cell) for cell in cells]
    if empty := [i for i, text in enumerate(texts) if text.strip() in ("", "nan", "None", "<NA>")]:
        raise UserError(f"{path}: row {empty[0] + 1}, column {column!r} (the label) is empty; fix the table")
    if kind == "auto":
        kind = (
            "index" if all(_is(int, text) for text in texts) else "number" if all(_is(_finite, text) for text in texts) else "name"
        )
    if kind == "name":
        classes = sorted(set(texts))
        index = {name: number for number, name in enumerate(classes)}
        return np.array([index[text] for text in texts], np.int64), classes
    convert: Any = int if kind == "index" else _finite
    if wrong := [i for i, text in enumerate(texts) if not _is(convert, text)]:
        raise UserError(f"{path}: row {wrong[0] + 1}, column {column!r} (the label) is {texts[wrong[0]]!r}; label_as is {kind}")
    return np.array([convert(text) for text in texts], np.int64 if kind == "index" else np.float64), None


def _finite(text: str) -> float:
    if not math.isfinite(number := float(text)):
        raise ValueError(text)
    return number


def _is(convert: Any, text: str) -> bool:
    try:
        convert(text)
    except ValueError:
        return False
    return True
