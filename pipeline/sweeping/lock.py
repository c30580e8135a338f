"""dvc.lock as a point starts from it: what the cache really has, and a note where a stage is left out.

DVC takes a stage that has not changed since the commit for done, and where the cache lacks its outputs it runs it again
without a look into its run cache: what another point has made of the same stage would count for nothing.
"""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from pipeline import files, paths

# The last stage that decides something, and those after it, which show what was decided and run when someone asks for the point.
TARGET, LEFT_OUT = "select", ("report", "gate")
_NOTE = "This point of a sweep has no report yet: `dvc repro` makes it."
_BY_SUFFIX = {".html": f"<!DOCTYPE html><title>No report yet</title><p>{_NOTE}</p>\n", ".json": "{}\n"}


def cached(entry: str, cache: Path) -> bool:
    """Whether all outputs of a stage are in DVC's cache.

    Args:
        entry: of one stage, out of dvc.lock.
        cache: DVC's folder of it.
    """
    ((_, stage),) = yaml.load(entry, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)).items()
    return all(_object(cache, out["md5"]).exists() for out in stage.get("outs", ()))


def notes(cache: Path) -> list[str]:
    """The entries of all stages that a point leaves out; what they name is written into the cache."""
    stages = yaml.safe_load(paths.DVC.read_text(encoding="utf-8"))["stages"]
    return [left_out(name, stages[name], cache) for name in LEFT_OUT if name in stages]


def left_out(name: str, stage: Mapping[str, Any], cache: Path) -> str:
    """The entry of a stage that does not run, whose outputs say so; it counts as changed, so that `dvc repro` runs it.

    Without an entry `dvc exp apply` would end with an error, and with the commit's it would bring back what speaks of another run.

    Args:
        name: of the stage.
        stage: as dvc.yaml has it.
        cache: DVC's folder of it, into which the outputs are written.
    """
    outs = []
    for path in _paths(stage):
        content, kind = ("[]", ".dir") if not Path(path).suffix else (_BY_SUFFIX.get(Path(path).suffix, f"{_NOTE}\n"), "")
        # MD5 is DVC's name of a content.
        md5 = hashlib.md5(content.encode(), usedforsecurity=False).hexdigest() + kind
        target = _object(cache, md5)
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            files.write_text(target, content)
            target.chmod(0o444)  # as DVC has it
        # An empty folder has no content.
        outs.append({"path": path, "hash": "md5", "md5": md5, **({"size": 0, "nfiles": 0} if kind else {"size": len(content)})})
    text = yaml.safe_dump({name: {"cmd": stage["cmd"], **({"outs": outs} if outs else {})}}, sort_keys=False)
    return "".join(f"  {line}\n" for line in text.splitlines())


def _paths(stage: Mapping[str, Any]) -> Iterable[str]:
    """Of its outputs, which are either a path or a path with options."""
    outs = [out for kind in ("outs", "metrics", "plots") for out in stage.get(kind, ())]
    return [out if isinstance(out, str) else next(iter(out)) for out in outs]


def _object(cache: Path, md5: str) -> Path:
    return cache / "files/md5" / md5[:2] / md5[2:]
