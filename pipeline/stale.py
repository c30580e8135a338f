"""What a run has chosen and reported is gone from the moment when another one starts, so that it never stands for it.

A stage before `select` removes it when it starts, not when it fails: a process that is killed does nothing any more. Where nothing
changed for the last stages, DVC brings their outputs back from its cache, without running them.
"""

from collections.abc import Sequence
from pathlib import Path

from pipeline import paths
from pipeline.system.disk import erase

_CHOSEN = (paths.SELECTED, paths.METRICS, paths.LATENCY)
_REPORTED = (paths.PAGE, paths.SUMMARY, paths.PICTURES, paths.PLOTS)
_PASSED = (paths.GATE,)
# What each of the last stages leaves alone: what stages before it made, and DVC may have brought back a moment ago.
_KEEPS: dict[str, tuple[Path, ...]] = {"select": (), "report": _CHOSEN, "gate": (*_CHOSEN, *_REPORTED)}


def stage_of(command: Sequence[str]) -> str | None:
    """The stage that a command line starts, as dvc.yaml has it: `python -m pipeline.STAGE ...`; None when it starts none."""
    module = command[command.index("-m") + 1 :][:1] if "-m" in command else []
    package, _, name = "".join(module).rpartition(".")
    return name if package == "pipeline" else None


def remove(stage: str) -> None:
    """Remove what is older than a stage that starts.

    Args:
        stage: its name; any that is none of the last ones comes before them.

    Raises:
        UserError: when the system does not let it be removed.
    """
    for path in (*_CHOSEN, *_REPORTED, *_PASSED):
        if path in _KEEPS.get(stage, ()):
            continue
        erase(path)
