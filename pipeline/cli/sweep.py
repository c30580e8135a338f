"""Run every combination of a grid as a DVC experiment, and show them side by side.

    python -m pipeline.cli.sweep [GRID] [-S OPTION=VALUE,VALUE ...] [--jobs N]

GRID names a file of conf/sweep/: a list of values for each override. -S adds to it, or is the grid, in `dvc exp run`'s own words.
The same command again runs what is missing: points that failed, were killed, or are new.
"""

import argparse
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import yaml

from pipeline import paths, progress
from pipeline.cli import compose
from pipeline.cli.unlock import alone
from pipeline.errors import UserError, one_of, run
from pipeline.sweeping import clone, grid, ray_workers, workers, workspace
from pipeline.sweeping.point_process import Outcome

GRIDS = paths.CONF / "sweep"
# Without a grid of conf/sweep/.
_UNNAMED = "sweep"
_WORK = Path(".dvc/tmp/sweep")
_LOGS = _WORK / "logs"
_PAGE = "reports/compare.html"


def main() -> None:
    options = arguments(sys.argv[1:])
    if options.jobs < 1:
        raise UserError(f"--jobs: got {options.jobs}, expected 1 or more")
    try:
        with alone("sweep"):
            _sweep(options)
    except subprocess.CalledProcessError as error:
        said = (error.stderr or "").strip().splitlines() or [f"exit code {error.returncode}"]
        raise UserError(f"`{shlex.join(error.cmd)}` failed: {said[-1]}") from None


def _sweep(options: argparse.Namespace) -> None:
    root, named = Path.cwd(), {}
    base = workspace.base(root)
    for point in points(options.grid, options.set_param):
        named[base.name(options.grid or _UNNAMED, point)] = point
    there = workspace.experiments(root, base)
    todo = {name: point for name, point in named.items() if name not in there}
    where = f"on Ray ({options.ray})" if options.ray else f"{min(options.jobs, len(todo))} at once"
    print(f"{len(named)} points, {len(named) - len(todo)} of them there already; {where}")
    for point in grid.covering(todo.values()):
        compose.compose(root, list(point))
    failed = _run(root, base, todo, jobs=options.jobs, ray=options.ray) if todo else {}
    if made := [name for name in named if name in there or (name in todo and name not in failed)]:
        # It reads git alone, and says what it cannot read.
        subprocess.run([sys.executable, "-m", "pipeline.cli.compare", "--page", _PAGE, "--names", *made], check=False)
    for name, reason in failed.items():
        print(f"{name} failed: {' '.join(todo[name])}\n  {reason}\n  {_LOGS / name}.log")
    if failed:
        raise UserError(f"{len(failed)} of {len(named)} points failed, see above; the same command runs them again, and no others")


def arguments(given: list[str]) -> argparse.Namespace:
    """What the command is given: `grid`, `set_param`, `jobs` and `ray`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("grid", nargs="?")
    parser.add_argument("-S", "--set-param", action="append", default=[], metavar="OPTION=VALUE,VALUE")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="points at once (one for each core)")
    parser.add_argument("--ray", default=None, metavar="ADDRESS", help="on a Ray cluster: its HOST:PORT, or auto (docs/cluster.md)")
    return parser.parse_args(given)


def points(name: str | None, settings: list[str]) -> list[grid.Point]:
    """The points of a grid of conf/sweep/, or None, with more overrides.

    Raises:
        UserError: when there is no such grid, or one of them is none.
    """
    sweeps, source = list(settings), "-S"
    if name is not None:
        one_of(name, [path.stem for path in GRIDS.glob("*.yaml")], where="sweep", hint=f" (in {GRIDS})")
        source = str(GRIDS / f"{name}.yaml")
        try:
            written = yaml.safe_load(Path(source).read_text(encoding="utf-8"))
        except yaml.YAMLError as error:
            raise UserError(f"{source}: no YAML: {' '.join(str(error).split())}") from None
        sweeps = grid.overrides(written, source=source) + sweeps
    if not sweeps:
        raise UserError("sweep: no grid; name a file of conf/sweep/ (`make sweep SWEEP=algorithms`), or give -S OPTION=VALUE,VALUE")
    return grid.points(sweeps, source=source)


def _run(root: Path, base: workspace.Base, todo: Mapping[str, grid.Point], *, jobs: int, ray: str | None) -> dict[str, str]:
    """Run points; returned are those that failed, and why."""
    clones, logs = root / _WORK / "clones", root / _LOGS
    clone.remove(clones)
    logs.mkdir(parents=True, exist_ok=True)
    failed: dict[str, str] = {}
    ran: list[str] = []
    with progress.points(len(todo)) as bar:

        def tell(name: str, outcome: Outcome | None) -> None:
            if outcome is not None:
                ran.extend(key for key, _ in outcome.ran)
                if outcome.failed is not None:
                    failed[name] = outcome.failed
            bar(name, None if outcome is None else outcome.failed is None)

        try:
            if ray:
                ray_workers.run(root, base, todo, address=ray, logs=logs, tell=tell)
            else:
                workers.run(root, base, todo, workers=jobs, folder=clones, logs=logs, tell=tell)
        except KeyboardInterrupt:
            print("interrupted; finished points stay, and the same command goes on", file=sys.stderr)
            raise
    counted = f"{len(ran)} stages ran, {len(set(ran))} distinct pieces of work"
    print(f"{len(todo) - len(failed)} points done, {len(failed)} failed; {counted}")
    return failed


if __name__ == "__main__":
    run(main)
