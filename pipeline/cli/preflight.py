"""What DVC would say in its own words, or not at all, asked before `dvc repro`.

Are the model and the data there? DVC starts no stage whose dependencies are missing. Does git work here? DVC stops at the first
stage where it does not. Is there what a remote on S3 needs? `dvc push` stops without it, and does not know of `make extras`.

python -m pipeline.cli.preflight
"""

import importlib.util
import os
import shlex
import subprocess
import sys
from pathlib import Path

from pipeline import config, stale
from pipeline.errors import UserError, run


def main() -> None:
    _require_git()
    _note_of_s3()
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


def _note_of_s3() -> None:
    """No error: `dvc repro` needs no remote."""
    if importlib.util.find_spec("dvc_s3") is not None:
        return
    from dvc.config import Config  # takes longer than everything else here

    for name, remote in Config.from_cwd(validate=False).get("remote", {}).items():
        if (url := str(remote.get("url", ""))).startswith("s3://"):
            print(f"note: remote {name}: {url} needs dvc-s3, which is not installed: `make extras` installs it", file=sys.stderr)


if __name__ == "__main__":
    run(main)
