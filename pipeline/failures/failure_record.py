"""What failure.json holds in the folder of a variant that could not be built or run, and reports/benchmark/V.json then, too."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal, TypeVar

import msgspec

from pipeline import files, paths
from pipeline.errors import Impossible

Record = TypeVar("Record")
Stage = Literal["quantize", "predict", "benchmark"]
_WORDS: dict[str, str] = {"quantize": "could not be built", "predict": "cannot be run here", "benchmark": "cannot be measured here"}


class Place(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An operator by its type and the name of its first output tensor, and the layers that it carries, as far as they are known."""

    operator: str
    tensor: str
    layers: list[str]


class Failure(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What happened to a variant in which stage, at which operators (empty: not known), and what to do instead."""

    variant: str
    failed: Stage
    happened: str
    places: list[Place]
    remedy: str

    def short(self) -> str:
        """What could not be done."""
        return _WORDS[self.failed]

    def sentence(self) -> str:
        """All of it in one line."""
        named = [f"{place.operator} ({', '.join(place.layers) or place.tensor.split(';')[0]})" for place in self.places]
        where = f", at {', '.join(named)}" if named else ""
        return f"{self.short()}: {self.happened}{where}; {self.remedy}"


def of(error: Impossible, *, variant: str, failed: Stage, layers: Mapping[str, Sequence[str]]) -> Failure:
    """The record of an error.

    Args:
        error: what was raised.
        variant: its name.
        failed: the stage.
        layers: by the name of an operator's first output tensor.
    """
    places = [Place(operator=operator, tensor=tensor, layers=list(layers.get(tensor, ()))) for operator, tensor in error.places]
    return Failure(variant=variant, failed=failed, happened=error.happened, places=places, remedy=error.remedy)


def read(folder: Path) -> Failure | None:
    """The failure that a folder holds in place of a result; None when it holds the result.

    Raises:
        UserError: when the record cannot be read.
    """
    path = paths.failure(folder)
    return files.read_record(path, Failure) if path.exists() else None


def results(
    path: Callable[[str], Path], variants: Iterable[str], record: type[Record]
) -> tuple[dict[str, Record], dict[str, Failure]]:
    """What a stage wrote into a file of each variant: its record, or the failure in its place.

    Args:
        path: of the file, by the name of the variant.
        variants: their names.
        record: that the stage writes.

    Returns:
        Records and failures by variant.

    Raises:
        UserError: when a file is missing, or neither.
    """
    records, failures = {}, {}
    for name in variants:
        if "failed" in files.read_json(path(name)):
            failures[name] = files.read_record(path(name), Failure)
        else:
            records[name] = files.read_record(path(name), record)
    return records, failures


def write(folder: Path, failure: Failure) -> None:
    """Write a folder that holds nothing but the failure."""
    with files.replacing(folder) as temporary:
        temporary.mkdir(parents=True)
        files.write_json(paths.failure(temporary), msgspec.to_builtins(failure))
