"""Kill runs of a finished project, at random moments of every stage, complete each with one run, and compare with what was.

    python -m tests.kills [--count N] [--seed S] [--stages NAME ...] [--kinds KIND ...] [--keep FOLDER]

Prints a row for each stage and for each way of killing: tried; answered, when the completing run ended well; wrong, when anything
deterministic is not as before, or anything is left over in the project, DVC's cache, /tmp or among the processes. Exit code 1
when anything is wrong.
"""

import argparse
import contextlib
import itertools
import random
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml

from pipeline import paths
from pipeline.errors import run
from tests.kills import finished
from tests.kills.attacks import KINDS, Attack, Durations, TooLateError
from tests.kills.table import Row, printed

# Runs that end before their kill are no kills, and tried again, so often.
LATE = 5
# Of the variants' stages one each.
VARIANT = "int8"


def stages(project: finished.Project) -> list[str]:
    """The stages to kill, in the order of the pipeline."""
    names = yaml.safe_load((project.root / paths.LOCK).read_text(encoding="utf-8"))["stages"]
    return [name for name in names if "@" not in name or name.split("@")[1] in (VARIANT, "mixed")[: 1 + name.startswith("search@")]]


def killed(pristine: finished.Project, project: finished.Project, expected: finished.State, attack: Attack, row: Row) -> None:
    """Kill once, complete, compare. A project that is not as it was is made anew from `pristine`."""
    kind = KINDS[row.kind]
    finished.forget(project, row.stage)
    try:
        kind(attack)
    except TooLateError:
        row.late += 1
    else:
        row.tried += 1
    if not finished.all_gone(project, within_s=10):
        row.wrong.append("a process goes on")
        for process in finished.living(project):
            process.kill()
    done = project.complete(compose=row.kind == "all of `dvc exp run`")
    row.answered += done.returncode == 0 and row.tried > 0
    if found := finished.differences(project, expected) if done.returncode == 0 else [done.stdout[-1500:]]:
        row.wrong.append("; ".join(found[:8]))
        for path in project.folder.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        for name in ("project", "tmp", "site"):
            shutil.copytree(pristine.folder / name, project.folder / name, symlinks=True)


def campaign(folder: Path, *, count: int, seed: int, only: Sequence[str] = (), kinds: Sequence[str] = ()) -> Iterator[Row]:
    """Kill `count` times, going round the stages and the ways; a run that ended before its kill is not counted.

    Args:
        folder: for the projects; a finished one in it, from an earlier call, is taken as it is.
        count, seed: how often, and of the moments.
        only, kinds: these stages and ways; all, when empty.
    """
    pristine = finished.Project(folder / "pristine")
    if not pristine.root.exists():
        finished.make(pristine.folder)
    expected = finished.state(pristine)
    project = finished.Project(folder / "killed")
    shutil.rmtree(project.folder, ignore_errors=True)
    shutil.copytree(pristine.folder, project.folder, symlinks=True)
    moment, durations = random.Random(seed), Durations()
    rounds = [(stage, kind) for kind in kinds or KINDS for stage in stages(pristine) if not only or stage in only]
    for stage, kind in itertools.islice(itertools.cycle(rounds), count):
        row = Row(stage, kind)
        while not row.tried and row.late < LATE:
            killed(pristine, project, expected, Attack(project, stage, durations, moment), row)
        yield row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=250)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--stages", nargs="*", default=[])
    parser.add_argument("--kinds", nargs="*", default=[], choices=KINDS)
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kills-") as temporary:
        folder = Path(temporary) if options.keep is None else options.keep.resolve()
        rows: list[Row] = []
        with contextlib.suppress(KeyboardInterrupt):  # what was found so far is said
            for row in campaign(folder, count=options.count, seed=options.seed, only=options.stages, kinds=options.kinds):
                rows.append(row)
                print(f"{len(rows)} of {options.count}: {row.stage}, {row.kind}{row.said()}", file=sys.stderr, flush=True)
    print(printed(rows), end="")
    for row in rows:
        for what in row.wrong:
            print(f"wrong: {row.stage}, {row.kind}: {what}")
    sys.exit(any(row.wrong for row in rows))


if __name__ == "__main__":
    run(main)
