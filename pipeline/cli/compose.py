"""Compose conf/ into params.yaml, as `dvc exp run` does, and clear away what variants that are gone have left behind.

python -m pipeline.cli.compose [OVERRIDE ...]
"""

import sys
from collections.abc import Collection
from pathlib import Path

import yaml
from dvc.utils.hydra import compose_and_dump

from pipeline import files, paths
from pipeline.cli import composition_errors
from pipeline.cli.unlock import alone
from pipeline.cli.unlock_files import stages_of
from pipeline.errors import UserError, run
from pipeline.system import disk

# Folders with one entry for each variant. What a removed variant leaves would enter the hash of the stages that read them.
_BY_VARIANT = (paths.VARIANTS, paths.OUTPUTS, paths.VERIFY_REPORTS, paths.BENCHMARK_REPORTS, paths.SIMULATE_REPORTS)


def compose(root: Path, overrides: list[str]) -> str:
    """The text of params.yaml.

    Raises:
        UserError: when conf/ or an override is not valid.
    """
    with disk.temporary_folder() as folder:
        target = folder / "params.yaml"
        try:
            compose_and_dump(target, str(root / paths.CONF), None, "config", str(root), overrides)
        except composition_errors.RAISED as error:
            raise UserError(composition_errors.words(error, root / paths.CONF)) from None
        return target.read_text(encoding="utf-8")


def main() -> None:
    # Nobody else's run may find another params.yaml in the middle.
    with alone("compose"):
        _write()


def _write() -> None:
    text = compose(Path.cwd(), sys.argv[1:])
    if not paths.PARAMS.exists() or paths.PARAMS.read_text(encoding="utf-8") != text:
        files.write_text(paths.PARAMS, text)
    composed = yaml.safe_load(text)
    remove_gone(composed["variants"])
    if paths.LOCK.exists():
        before = paths.LOCK.read_text(encoding="utf-8")
        if (after := without_gone(before, {*composed["variants"], *composed["searches"]})) != before:
            files.write_text(paths.LOCK, after)


def remove_gone(variants: Collection[str]) -> None:
    """Remove what variants that are gone have left in folders with one entry for each variant.

    Args:
        variants: those that there are.
    """
    for folder in _BY_VARIANT:
        for entry in folder.glob("*"):
            if entry.name.removesuffix(".json") not in variants:
                disk.erase(entry)


def without_gone(lock: str, names: Collection[str]) -> str:
    """The text of dvc.lock without the stages of variants and searches that are gone, which DVC keeps and reads for every stage.

    What they made stays in DVC's run cache, so that a variant that comes back is not computed again.

    Args:
        lock: as DVC writes it: two spaces, then the name of a stage.
        names: of the variants and searches that there are.
    """
    head, *entries = stages_of(lock)
    kept = [entry for entry in entries if "@" not in (stage := entry.split(":")[0]) or stage.split("@")[1] in names]
    return head + "".join(kept)


if __name__ == "__main__":
    run(main)
