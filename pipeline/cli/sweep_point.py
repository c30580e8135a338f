"""One point of a sweep as a DVC experiment, in the clone of a worker. `pipeline.cli.sweep` starts it.

    python -m pipeline.cli.sweep_point ASKED ANSWERED [--remote] NAME OVERRIDE ...

ASKED and ANSWERED are open files, by number, through which it asks for pieces of work (pipeline/sweeping/stage_runs.py).
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

import yaml

from pipeline import files, paths
from pipeline.cli.unlock_files import stages_of
from pipeline.errors import UserError, run
from pipeline.sweeping import lock, workspace
from pipeline.sweeping.machine import Machine
from pipeline.system import leftovers, processes

_EMPTY = "schema: '2.0'\nstages:\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("asked", type=int)
    parser.add_argument("answered", type=int)
    parser.add_argument("--remote", action="store_true", help="results travel by DVC's remote")
    parser.add_argument("name")
    parser.add_argument("overrides", nargs="*")
    options = parser.parse_args()
    processes.end_with_parent()
    # Held to the end of this process: a benchmark of another worker would notice that DVC is imported, and that the process ends.
    machine = Machine(leftovers.SHARED)
    machine.enter(alone=False)
    sys.exit(_run(options, machine))


def _run(options: argparse.Namespace, machine: Machine) -> int:
    from dvc.cli import main as dvc

    from pipeline.sweeping.stage_runs import coordinated

    prepare(options.overrides, remote=options.remote)
    settings = [part for override in options.overrides for part in ("-S", override)]
    with (
        os.fdopen(options.asked, "w") as asked,
        os.fdopen(options.answered) as answered,
        coordinated(machine, asked, answered, remote=options.remote),
    ):
        return int(dvc(["exp", "run", "--name", options.name, *settings, lock.TARGET]))


def prepare(overrides: list[str], *, remote: bool) -> None:
    """params.yaml, and a dvc.lock that speaks of this point's stages alone; the model and the data are there.

    Raises:
        UserError: when they are not, or the overrides are no configuration.
    """
    from dvc.cli import main as dvc

    from pipeline.cli import compose

    text = compose.compose(Path.cwd(), overrides)
    composed = yaml.safe_load(text)
    files.write_text(paths.PARAMS, text)
    compose.remove_gone(composed["variants"])  # of the point before
    before = paths.LOCK.read_text(encoding="utf-8") if paths.LOCK.exists() else _EMPTY
    _write_lock(compose.without_gone(before, {*composed["variants"], *composed["searches"]}))
    for path in workspace.ignored(Path.cwd(), [composed["model"]["path"], composed["data"]["path"]]):
        raise UserError(
            f"{path}: neither git nor DVC knows this file, so that no point has it; run `dvc add {path}`, then `git add {path}.dvc`"
        )
    kept = subprocess.run(["git", "ls-files", "*.dvc"], check=True, capture_output=True, text=True).stdout.splitlines()
    if kept and dvc(["pull" if remote else "checkout", *kept]) != 0:
        raise UserError(f"{kept[0]}: DVC has not got these data; run `dvc pull` before the sweep")


def _write_lock(text: str) -> None:
    cache = workspace.cache(Path.cwd())
    head, *entries = stages_of(text)
    kept = [entry for entry in entries if entry.split(":")[0].strip() not in lock.LEFT_OUT and lock.cached(entry, cache)]
    files.write_text(paths.LOCK, head + "".join(kept + lock.notes(cache)))


if __name__ == "__main__":
    run(main)
