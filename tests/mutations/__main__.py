"""Damage files of every format that the pipeline reads, and see whether each ends in an answer.

python -m tests.mutations [--count N] [--seed S] [--only FORMAT ...] [--number N] [--attacks] [--workers N] [--list]

Each mutation is one file of a sound project, made by the library that users make it with, changed: bits, bytes, blocks, lengths, or
what only the format knows (members, headers, keys, attributes, fields, cells, tags). The command that reads it is run on a copy of
the project, as a user runs it: load, sample, audit or compose.

refused: an error of one or two lines that names the file or the setting, nothing left behind. accepted: the command ended well, and
what it wrote fits together and holds finite numbers (another weight, pixel or cell is nobody's to see). Anything else is wrong: a
traceback, a process that ends by a signal, no answer in time, more than 2 GB of memory, files left behind, a message without the
name, nonsense written.

Exit code 0 when all were tried and nothing is wrong, else 1. When it is interrupted, the table is of what was tried until then.
"""

import argparse
import importlib
import itertools
import multiprocessing
import os
import signal
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline import progress
from pipeline.errors import UserError, one_of
from tests.mutations import case, server, table
from tests.mutations.attempt import WRONG, lower_limits
from tests.mutations.case import Case
from tests.mutations.formats import FORMATS
from tests.mutations.server import Outcome

COUNT = 10_000
# Mutations of one process: few enough that what libraries keep of one does not pile up.
_BATCH = 40
_SECONDS = 60.0
_LIGHT = (
    *("pandas", "pyarrow.parquet", "soundfile", "soxr", "PIL.Image", "dvc.utils.hydra", "ruamel.yaml"),
    *("pipeline.sample", "pipeline.cli.compose"),
)
_HEAVY = (
    *("pipeline.load", "pipeline.cli.audit", "pipeline.cli.audit_network"),
    *(f"pipeline.source.{name}" for name in ("converter", "keras2", "keras3", "loaders", "reference_run", "saved_model")),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=COUNT, help=f"mutations, in all (default {COUNT})")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="+", default=list(FORMATS), metavar="FORMAT", help="these; --list tells which there are")
    parser.add_argument("--number", type=int, help="this one mutation of the format")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes at once (default: one for each core)")
    parser.add_argument("--seconds", type=float, default=_SECONDS, help=f"without an answer, then it hangs (default {_SECONDS:g})")
    parser.add_argument("--keep", type=Path, help="folder for the files that are wrong")
    parser.add_argument("--attacks", action="store_true", help="a row for each kind of damage to each format")
    parser.add_argument("--list", action="store_true", help="print the formats and stop")
    given = parser.parse_args()
    if given.list:
        print("\n".join(FORMATS))
        return
    try:
        names = [one_of(name, FORMATS, where="--only") for name in given.only]
    except UserError as error:
        sys.exit(f"error: {error}")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what was found is printed, and nothing left behind
    began = time.monotonic()
    keep = (given.keep or Path(tempfile.mkdtemp(prefix="mutated-"))).resolve()
    keep.mkdir(parents=True, exist_ok=True)
    numbers = {name: [given.number] for name in names} if given.number is not None else counted(names, given.count)
    found = run(numbers, seed=given.seed, keep=keep, workers=given.workers, seconds=given.seconds)
    print(table.markdown(found, {name: FORMATS[name].title for name in names}, by_attack=given.attacks))
    minutes = (time.monotonic() - began) / 60
    print(f"\n{len(found):,} mutations, seed {given.seed}, {minutes:.1f} minutes with {given.workers} processes.")
    print(table.natively(found))
    wrong = table.wrong(found, seed=given.seed)
    print("".join(f"\n{line}" for line in wrong))
    if not wrong and given.keep is None:
        keep.rmdir()
    sys.exit(1 if wrong or len(found) < sum(map(len, numbers.values())) else 0)


def counted(names: Sequence[str], count: int) -> dict[str, list[int]]:
    """The numbers of the mutations of each format: `count` in all, by the formats' shares, at least one each."""
    shares = sum(FORMATS[name].share for name in names)
    ends = [round(count * end / shares) for end in itertools.accumulate(FORMATS[name].share for name in names)]
    starts = [0, *ends[:-1]]
    return {name: list(range(max(end - start, 1))) for name, start, end in zip(names, starts, ends, strict=True)}


def run(numbers: dict[str, list[int]], *, seed: int, keep: Path, workers: int, seconds: float) -> list[Outcome]:
    """Try mutations by format and number; those that are wrong leave their files in `keep`.

    Raises:
        RuntimeError: when a sound case is not accepted, or the suite itself fails.
    """
    with server.own_folder() as temporary:
        cases = made(list(numbers), temporary)

        def draw(format: str, number: int) -> case.Mutation:
            return case.draw(cases[format], FORMATS[format].attacks, seed=(seed, zlib.crc32(format.encode()), number))

        def outcomes() -> Iterator[Outcome]:
            # A process without TensorFlow forks in a fraction of the time: those go first that do not need it.
            for modules, commands in ((_LIGHT, {"sample", "compose"}), (_HEAVY, {"load", "audit", "audit --data"})):
                chosen = {format: own for format, own in numbers.items() if cases[format][0].command in commands}
                batches = [(format, own[at : at + _BATCH]) for format, own in chosen.items() for at in range(0, len(own), _BATCH)]
                imported(modules if batches else ())
                yield from server.outcomes(batches, draw, keep=keep, workers=workers, seconds=seconds, prepare=lower_limits)

        total = sum(len(own) for own in numbers.values())
        found = []
        try:
            for outcome in progress.over(outcomes(), doing="mutations", total=total):
                found.append(outcome)
                if outcome.answer.kind in WRONG:
                    print(*table.wrong([outcome], seed=seed), file=sys.stderr)
        except KeyboardInterrupt:
            print(f"interrupted after {len(found):,} of {total:,}", file=sys.stderr)
        return sorted(found, key=lambda each: (each.format, each.number))


def made(names: Sequence[str], folder: Path) -> dict[str, list[Case]]:
    """Sound cases of these formats, made in a process of its own: this one must not have used TensorFlow when it forks."""
    with multiprocessing.get_context("fork").Pool(1) as pool:
        return pool.apply(_made, (list(names), folder))


def _made(names: Sequence[str], folder: Path) -> dict[str, list[Case]]:
    return {name: FORMATS[name].make(folder / name) for name in names}


def imported(modules: Sequence[str]) -> None:
    """What commands import, so that forks need not."""
    for name in modules:
        importlib.import_module(name)
    if "PIL.Image" in modules:
        importlib.import_module("PIL.Image").init()


if __name__ == "__main__":
    main()
