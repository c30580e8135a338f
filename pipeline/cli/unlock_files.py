"""What a `dvc` that was killed left half-written: dvc.lock, which it writes in place, and files under temporary names."""

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

from pipeline import files, paths
from pipeline.system import leftovers

# dvc_objects' `tmp_fname`: a token of 16 bytes in 22 letters.
_TEMPORARY = re.compile(r".*\.[\w-]{22}\.tmp", re.ASCII | re.DOTALL)
_CACHE = Path(".dvc/cache")
_RUNS = _CACHE / "runs"
_MADE = ("data", "models", "reports")
_MERGED = re.compile(r"^(<{7}|>{7}) ", re.MULTILINE)
_HASH = re.compile(r"[0-9a-f]{32}(\.dir)?")


def cure_lock(say: Callable[[str], None]) -> None:
    """Keep the whole stages of a dvc.lock that was cut off, or that git could not merge, which DVC does not read at all.

    Args:
        say: is told in a line what was done.
    """
    if not paths.LOCK.exists():
        return
    text = paths.LOCK.read_text(encoding="utf-8", errors="replace")
    if _whole(text):
        return
    head, *entries = stages_of(text)
    # By name, as both sides of a merge may have a stage as a whole.
    kept = {entry.partition(":")[0]: entry for entry in entries if _whole(head + entry)}
    if kept:
        files.write_text(paths.LOCK, head + "".join(kept.values()))
    else:
        paths.LOCK.unlink()
    why = "holds the marks of a merge" if _MERGED.search(text) else "was cut off, as `kill -9` can leave it"
    say(f"dvc.lock {why}: stages kept: {len(kept)}; others come from DVC's cache or run again")


def stages_of(lock: str) -> list[str]:
    """A text of dvc.lock in pieces: what stands before the stages, and each stage.

    Args:
        lock: as DVC writes it: two spaces, then the name of a stage.
    """
    return re.split(r"^(?=  \S)", lock, flags=re.MULTILINE)


def _whole(text: str) -> bool:
    """Whether a text is a dvc.lock in which no stage lacks an end."""
    try:
        content = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, ValueError):  # ValueError: an impossible date, of what was cut off
        return False
    return (
        text.endswith("\n")
        and isinstance(content, dict)
        and isinstance(content.get("stages"), dict)
        and all(_complete(stage) for stage in content["stages"].values())
    )


def _complete(stage: Any) -> bool:
    if not isinstance(stage, dict) or not isinstance(stage.get("cmd"), str):
        return False
    entries = [entry for kind in ("deps", "outs") for entry in stage.get(kind) or []]
    return all(isinstance(entry, dict) and _HASH.fullmatch(str(entry.get("md5"))) for entry in entries)


def remove_temporary() -> list[Path]:
    """Remove what DVC was writing into its cache, or out of it, and return it. A cache elsewhere is not looked at: others use it.

    No `dvc` may live in this folder.
    """
    return [path for path in (*_temporary(), *_RUNS.glob("*/*")) if _removed(path)]


def _removed(path: Path) -> bool:
    # DVC ends with a traceback where it remembers no run of a stage in a folder that there is.
    return leftovers.removed(path) if not path.is_dir() else not any(path.iterdir()) and leftovers.removed(path)


def _temporary() -> Iterator[Path]:
    for top in (*map(Path, _MADE), _CACHE):
        for folder, _, names in os.walk(top):
            yield from (Path(folder, name) for name in names if name.endswith(".tmp") and _TEMPORARY.fullmatch(name))
