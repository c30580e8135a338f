"""Write into dvc.yaml which code each stage depends on: what it imports inside pipeline/, directly or not.

python -m pipeline.cli.deps

Few entries are not only readable: DVC reads and writes all of dvc.lock for every stage. So a folder stands for its modules where
a stage uses most of them, and the edits that then re-run a stage for nothing are counted by `needless`.
"""

import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from ruamel.yaml import YAML

from pipeline import paths
from pipeline.errors import run
from pipeline.imports import closure

# A folder stands for its modules when a stage imports more than this share of them; all of them where what the stage writes is
# not deterministic: a needless run would change a report (benchmark), or all that is made of the SavedModel (load); and where a run
# takes as long as plain loops over all samples do (simulate), or most of a folder is none of its business (match, of metrics).
_MOST, _TIGHT = 0.65, frozenset(("benchmark", "load", "match", "simulate"))


def shortened(root: Path, stage: str, modules: Iterable[str]) -> list[str]:
    """Modules as deps: a folder in place of its modules where the stage uses most of them.

    The user's own modules in pipeline/custom/ and those that lie in pipeline/ itself are always named one by one.
    """
    by_folder: dict[str, list[str]] = {}
    for module in modules:
        by_folder.setdefault(module.rpartition("/")[0], []).append(module)
    found: list[str] = []
    for folder, used in by_folder.items():
        there = len(_modules(root, folder))
        enough = len(used) == there if stage in _TIGHT else len(used) > _MOST * there
        found += [folder] if enough and folder not in ("pipeline", "pipeline/custom") else used
    return sorted(found)


def needless(root: Path, stage: str) -> set[str]:
    """The modules whose edit re-runs a stage that does not import them."""
    used = closure(root, stage)
    folders = [dep for dep in shortened(root, stage, used) if not dep.endswith(".py")]
    return {module for folder in folders for module in _modules(root, folder)} - used


def stages(root: Path) -> dict[str, dict[str, Any]]:
    """Each stage of dvc.yaml, the body of a foreach instead of the foreach itself."""
    content = yaml.safe_load((root / paths.DVC).read_text(encoding="utf-8"))["stages"]
    return {name: stage.get("do", stage) for name, stage in content.items()}


def written(root: Path) -> str:
    """The text of dvc.yaml with the deps that the imports ask for; everything else stays as it is."""
    layout = YAML()
    layout.indent(mapping=2, sequence=4, offset=2)
    layout.width = 132
    content = layout.load((root / paths.DVC).read_text(encoding="utf-8"))
    for name, stage in content["stages"].items():
        body = stage.get("do", stage)
        code = shortened(root, name, closure(root, name))
        old = [dep for dep in body["deps"] if dep.startswith("pipeline/")]
        if sorted(old) != code:
            data = [dep for dep in body["deps"] if dep not in old]
            body["deps"][:] = [*code, *data]
    return _text(layout, content)


def _text(layout: YAML, content: Mapping[str, Any]) -> str:
    stream = io.StringIO()
    layout.dump(content, stream)
    return stream.getvalue()


def _modules(root: Path, folder: str) -> list[str]:
    return [path.relative_to(root).as_posix() for path in sorted((root / folder).rglob("*.py"))]


def main() -> None:
    (Path.cwd() / paths.DVC).write_text(written(Path.cwd()), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    run(main)
