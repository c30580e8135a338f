from typing import Any

from pipeline import paths
from pipeline.cli import deps
from tests.helpers import ROOT


def test_every_path_stands_in_dvc_yaml() -> None:
    """Paths are written once in Python; dvc.yaml names the same files."""
    named = {
        entry if isinstance(entry, str) else next(iter(entry)) for stage in deps.stages(ROOT).values() for entry in _files(stage)
    }
    constants = {
        value.as_posix()
        for name, value in vars(paths).items()
        if name.isupper() and name not in ("PARAMS", "DVC", "LOCK", "RECIPES", "SEARCHED")
    }
    unknown = {path for path in constants if not any(entry == path or entry.startswith(f"{path}/") for entry in named)}
    assert not unknown - {paths.RANGES.as_posix()}
    assert paths.variant_model("${key}").parent.as_posix() in named
    assert paths.recipe("${key}").as_posix() in named


def _files(stage: dict[str, Any]) -> list[Any]:
    return [*stage.get("deps", []), *stage.get("outs", []), *stage.get("metrics", [])]
