"""What DVC would say in its own words, or not at all, asked before `dvc repro`.

Are the model and the data there? DVC starts no stage whose dependencies are missing. Does git work here? DVC stops at the first
stage where it does not.

python -m pipeline.cli.preflight
"""

import os
import shlex
import subprocess
from pathlib import Path

from pipeline import config, stale
from pipeline.errors import UserError, run


def main() -> None:
    _require_git()
    try:
        config.require_files(config.read())
    except UserError:
        stale.remove("check")  # no stage runs that would see to it
        raise


def _require_git() -> None:
    here, environment = Path.cwd(), {**os.environ, "LC_ALL": "C"}
    asked = subprocess.run(["git", "rev-parse"], check=False, capture_output=True, text=True, env=environment)
    if "dubious ownership" in asked.stderr:
        trust = f"git config --global --add safe.directory {shlex.quote(str(here))}"
        raise UserError(
            f"{here}: git, and so DVC, does not work in a repository of another user; trust it with `{trust}`, "
            "or work in a clone of your own"
        )


if __name__ == "__main__":
    run(main)
