from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from pipeline import files, paths
from pipeline.errors import UserError
from pipeline.quantization import histograms, range_estimators
from pipeline.quantization.ranges_record import Ranges

RANGES: dict[str, Any] = {
    "method": "mse",
    "samples": 2,
    "bits": {"8": {"a;b": [-1e-17, 0.1]}, "16": {"a;b": [-3.0, 4.5]}},
    "stability": {"a;b": 0.25},
    "least_stable": ["a;b"],
    "constant": ["c", "d"],
    "dead": ["d"],
    "infinite": ["e"],
}


def test_the_file_of_a_run_is_one_and_is_written_with_the_same_bytes(finished: Path, tmp_path: Path) -> None:
    path = finished / paths.RANGES
    record = files.read_record(path, Ranges)
    files.write_json(tmp_path / "again.json", msgspec.to_builtins(record))
    assert (tmp_path / "again.json").read_bytes() == path.read_bytes()
    assert set(record.bits) == {"8", "16"}


def test_the_bytes_are_those_of_the_dictionary(tmp_path: Path) -> None:
    files.write_json(tmp_path / "plain.json", RANGES)
    record = files.read_record(tmp_path / "plain.json", Ranges)
    files.write_json(tmp_path / "record.json", msgspec.to_builtins(record))
    assert (tmp_path / "record.json").read_bytes() == (tmp_path / "plain.json").read_bytes()
    with pytest.raises(AttributeError, match="immutable"):
        record.samples = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda ranges: ranges.pop("dead"), "missing required field `dead`"),
        (lambda ranges: ranges.update(extra=1), "unknown field `extra`"),
        (lambda ranges: ranges.update(samples=2.5), "Expected `int`, got `float` - at `$.samples`"),
        (lambda ranges: ranges["bits"]["8"].update({"a;b": [1.0]}), "Expected `array` of length 2 - at `$.bits[...][...]`"),
        (lambda ranges: ranges["stability"].update({"a;b": None}), "Expected `float`, got `null` - at `$.stability[...]`"),
    ],
)
def test_another_form_is_refused_with_file_and_place(
    tmp_path: Path, change: Callable[[dict[str, Any]], object], fault: str
) -> None:
    content = msgspec.json.decode(msgspec.json.encode(RANGES))
    change(content)
    files.write_json(tmp_path / "ranges.json", content)
    with pytest.raises(UserError) as error:
        files.read_record(tmp_path / "ranges.json", Ranges)
    assert str(error.value).startswith(f"{tmp_path / 'ranges.json'}: ")
    assert fault in str(error.value)


@pytest.mark.parametrize("method", range_estimators.METHODS)
def test_every_method_gives_what_a_record_can_hold(method: str) -> None:
    """NumPy's own numbers are none of it."""
    values = np.random.default_rng(0).normal(size=(4, 100)).astype(np.float32)
    extremes = {"a": (values.min(1).astype(np.float64), values.max(1).astype(np.float64))}
    ends = {"a": (float(values.min()), float(values.max()))}
    halves = histograms.collect(({"a": row} for row in values), ends, samples=4, bins=64)
    seen = halves if range_estimators.METHODS[method].reads_histogram else None
    bits = {str(bits): range_estimators.estimate(extremes, seen, method=method, bits=bits, percentile=99) for bits in (8, 16)}
    stability = range_estimators.stability(extremes, seen, method=method, percentile=99)
    record = Ranges(method=method, samples=4, bits=bits, stability=stability, least_stable=["a"], constant=[], dead=[], infinite=[])
    assert msgspec.json.decode(msgspec.json.encode(record), type=Ranges, strict=True) == record
