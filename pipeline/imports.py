"""Which modules of pipeline/ a stage imports, directly or not: what re-runs it, and what keys a search's checkpoint."""

import ast
from pathlib import Path

# Imported by nearly every stage, and no dependency of any, as they decide nothing of what is written: `config` validates
# params.yaml, `__init__` says when the wrong Python was started, `errors` ends a stage with a message, `paths` names the files
# that dvc.yaml names too, `progress` draws bars, `stale` removes what is made again, `system` is how a stage gets on with the
# machine (other processes, the disk, files that end it) and `cluster` with others, which compute the same. As deps of every stage
# they took a sixth of dvc.lock, which DVC reads and writes as a whole for each stage.
_EXEMPT = frozenset(f"pipeline/{name}.py" for name in ("__init__", "config", "errors", "paths", "progress", "stale"))


def exempt(module: str) -> bool:
    """Whether a module, as "pipeline/paths.py", is a dependency of no stage."""
    return module in _EXEMPT or module.startswith(("pipeline/system/", "pipeline/cluster/"))


def closure(root: Path, stage: str) -> set[str]:
    """The modules inside pipeline/ that a stage imports, directly or not, itself included, without those that are `exempt`.

    Args:
        root: of the repository.
        stage: name of a module of pipeline/.

    Returns:
        Paths relative to `root`, with forward slashes.
    """
    todo, seen = [f"pipeline/{stage}.py"], set[str]()
    while todo:
        path = todo.pop()
        if path not in seen and not exempt(path):
            seen.add(path)
            names = (name.replace(".", "/") + ".py" for name in imported(root / path) if name.startswith("pipeline."))
            todo += [name for name in names if (root / name).is_file()]
    return seen


def imported(path: Path) -> set[str]:
    """The names of all modules that one file imports, also inside functions."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names
