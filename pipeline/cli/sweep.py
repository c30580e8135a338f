"""Queue every combination of a grid as a DVC experiment, run them, and show them side by side.

    python -m pipeline.cli.sweep GRID

GRID names a file of conf/sweep/: a list of values for each override.
"""

import argparse
import re
import subprocess
from typing import Any

import yaml

from pipeline import config, paths
from pipeline.errors import UserError, one_of, run

GRIDS = paths.CONF / "sweep"
# Of the many columns of `dvc exp show`, those that one looks at besides the swept options and the primary metric.
FIGURES = ("selected", "bytes", "drop", "sqnr_db", "latency_median_ms")


def overrides(grid: Any, *, source: str) -> list[str]:
    """A grid as Hydra's choice sweeps: `calibrate.samples=50,200`.

    Args:
        grid: values by override, each a list that is not empty.
        source: where it comes from, for the message.

    Raises:
        UserError: when it is no such mapping.
    """
    if not isinstance(grid, dict) or not all(isinstance(values, list) and values for values in grid.values()):
        raise UserError(f"{source}: expected lists of values by override, such as `calibrate.samples: [50, 200]`")
    return [f"{key}={','.join(map(str, values))}" for key, values in grid.items()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("grid")
    name = one_of(parser.parse_args().grid, [path.stem for path in GRIDS.glob("*.yaml")], where="sweep", hint=f" (in {GRIDS})")
    path = GRIDS / f"{name}.yaml"
    grid = yaml.safe_load(path.read_text(encoding="utf-8"))
    settings = [part for override in overrides(grid, source=str(path)) for part in ("-S", override)]
    columns = "|".join(map(re.escape, (*grid, config.read().task.primary_metric, *FIGURES)))
    # Queued experiments that need the same stage would each run it: run the shared ones once before.
    _dvc("repro")
    _dvc("exp", "run", "--queue", *settings, "-S", "gate.enabled=false")
    _dvc("exp", "run", "--run-all")
    _dvc("exp", "show", "--md", "--hide-workspace", "--drop", ".*", "--keep", f"^(Experiment|{columns})$")


def _dvc(*arguments: str) -> None:
    if subprocess.run(["dvc", *arguments], check=False).returncode != 0:
        raise UserError(f"`dvc {' '.join(arguments)}` failed; see its message above")


if __name__ == "__main__":
    run(main)
