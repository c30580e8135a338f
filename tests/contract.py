"""What the repository says of itself, read for the contract tests: import closures and dvc.yaml."""

import ast
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
# The one module that stages import and do not depend on: it only validates.
SCHEMA = ROOT / "pipeline" / "config.py"


def stages() -> dict[str, dict[str, Any]]:
    """Each stage of dvc.yaml, the body of a foreach instead of the foreach itself."""
    content = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    return {name: stage.get("do", stage) for name, stage in content.items()}


def closure(stage: str) -> set[str]:
    """The modules inside pipeline/ that a stage imports, directly or not, itself included."""
    return {path.relative_to(ROOT).as_posix() for path in _walk(ROOT / "pipeline" / f"{stage}.py")} | {"pipeline/__init__.py"}


def imported(path: Path) -> set[str]:
    """The names of all modules that one file imports, also inside functions."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def _walk(start: Path) -> set[Path]:
    todo, seen = [start], set()
    while todo:
        path = todo.pop()
        if path in seen or path == SCHEMA:
            continue
        seen.add(path)
        modules = (ROOT.joinpath(*name.split(".")).with_suffix(".py") for name in imported(path) if name.startswith("pipeline."))
        todo += [module for module in modules if module.exists()]
    return seen
