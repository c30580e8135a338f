"""Are the model and the data there? Asked before `dvc repro`, as DVC starts no stage whose dependencies are missing.

python -m pipeline.cli.preflight
"""

from pipeline import config, stale
from pipeline.errors import UserError, run


def main() -> None:
    try:
        config.require_files(config.read())
    except UserError:
        stale.remove("check")  # no stage runs that would see to it
        raise


if __name__ == "__main__":
    run(main)
