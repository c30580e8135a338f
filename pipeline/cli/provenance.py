"""What the result in this folder was made from: commit, code, configuration, model, data, libraries and machine, as JSON.

    python -m pipeline.cli.provenance

models/selected/provenance.json is the same for the same inputs, whoever makes it, so it knows neither commit nor machine. An
experiment is a commit, and dvc.lock has the hash of all that each stage read; this puts the two beside it.
"""

import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import yaml

from pipeline import files, paths
from pipeline.errors import UserError, run
from pipeline.selection.benchmark_report import Benchmark
from pipeline.selection.provenance_record import Provenance

_RESULT = (paths.LOCK, paths.PARAMS)
_SHOWN = 5  # names in a message


def main() -> None:
    root = Path.cwd()
    origin = files.read_record(paths.SELECTED / "provenance.json", Provenance)
    _require_result()
    stages = yaml.safe_load(files.read_bytes(paths.LOCK))["stages"]
    benchmark = files.read_record(paths.benchmark(origin.variant.name), Benchmark)
    record = {
        **msgspec.to_builtins(origin),
        "git": commit(root),
        "params_sha256": files.content_sha256(paths.PARAMS),
        "lock_sha256": files.content_sha256(paths.LOCK),
        "code_sha256": code(stages),
        "machine": msgspec.to_builtins(benchmark.machine),
    }
    print(json.dumps(record, indent=2, sort_keys=True))


def _require_result() -> None:
    """Stop where what lies here is not what dvc.lock describes."""
    done = subprocess.run(["dvc", "status", "--json"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise UserError(f"`dvc status` failed: {done.stderr.strip()}")
    if changed := list(json.loads(done.stdout)):
        more = f" and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else ""
        raise UserError(f"what lies here is not the result of what lies here: {', '.join(changed[:_SHOWN])}{more}; run `dvc repro`")


def code(stages: dict[str, Any]) -> str:
    """SHA-256 over the path and DVC's hash of every file and folder of pipeline/ that a stage read, in order.

    Args:
        stages: of dvc.lock.
    """
    deps = {dep["path"]: dep["md5"] for stage in stages.values() for dep in stage.get("deps", ())}
    lines = [f"{path} {md5}\n" for path, md5 in sorted(deps.items()) if path.startswith("pipeline/")]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def commit(root: Path) -> dict[str, Any]:
    """The commit that holds what lies here: that of HEAD, or the newest experiment with this dvc.lock and these parameters.

    Returns:
        `commit`: that of HEAD where none holds it; `experiment`: its name, None for HEAD; `changed`: tracked files that differ
        from the commit.

    Raises:
        UserError: outside of git.
    """
    here = [_git(root, "hash-object", path.as_posix()) for path in _RESULT]
    found = next((ref for ref in ("HEAD", *_experiments(root)) if [_blob(root, ref, path) for path in _RESULT] == here), "HEAD")
    return {
        "commit": _git(root, "rev-parse", found),
        "experiment": None if found == "HEAD" else found.rpartition("/")[2],
        "changed": _git(root, "diff", "--name-only", found, "--").splitlines(),
    }


def _blob(root: Path, ref: str, path: Path) -> str | None:
    """Git's hash of a file in a commit; None where there is none."""
    return _git(root, "ls-tree", "--format=%(objectname)", ref, path.as_posix()) or None


def _experiments(root: Path) -> list[str]:
    """References of DVC's experiments, refs/exps/AB/CDEF…/NAME, the newest first; its own marks lie in other folders."""
    listed = _git(root, "for-each-ref", "--sort=-committerdate", "--format=%(refname)", "refs/exps").splitlines()
    return [ref for ref in listed if len(ref.split("/")) == 5 and len(ref.split("/")[2]) == 2]


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise UserError(f"`git {' '.join(arguments)}` failed: {done.stderr.strip()}")
    return done.stdout.strip()


if __name__ == "__main__":
    run(main)
