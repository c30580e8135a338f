"""Bring an experiment back: `dvc exp apply`, without what other variants have left in folders that stages read as a whole.

    python -m pipeline.cli.apply NAME

Afterwards `dvc repro` runs nothing but what a point of a sweep has left out.
"""

import argparse
import subprocess
import sys

from pipeline import config
from pipeline.cli import compose
from pipeline.cli.unlock import alone
from pipeline.errors import UserError, run
from pipeline.sweeping import workspace


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", help="of the experiment: `make compare` and `dvc exp list` name them")
    name = parser.parse_args().name
    with alone("apply"):
        done = subprocess.run([sys.executable, "-m", "dvc", "exp", "apply", name], check=False, capture_output=True, text=True)
        if done.returncode != 0:
            raise UserError(f"{name}: {workspace.complaint(done.stderr)}; `dvc exp list` names the experiments of this commit")
        compose.remove_gone(config.read().variants)
    print(f"{name} is in the workspace; `dvc repro` completes it, `dvc exp branch {name} BRANCH` keeps it for a release")


if __name__ == "__main__":
    run(main)
