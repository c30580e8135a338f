"""Queued experiments that were killed: for DVC they run for ever, and `dvc exp run --run-all` follows them without an end."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from pipeline import files
from pipeline.system import leftovers, processes

_EXPERIMENTS = Path(".dvc/tmp/exps")


def cure(say: Callable[[str], None]) -> None:
    """Have DVC count them as failed, and remove the folders they ran in. DVC's own lock must be free.

    Args:
        say: is told in a line what was done.
    """
    for path in sorted(_EXPERIMENTS.glob("run/*/*.json")):
        try:
            process = json.loads(path.read_bytes())
            started = json.loads(path.with_suffix(".run").read_bytes())
            if process["returncode"] is not None or processes.lives(int(process["pid"]), since=path.stat().st_mtime):
                continue
            name, folder = str(started["name"]), Path(started["root_dir"])
        except (OSError, ValueError, KeyError, TypeError):
            continue  # written this moment, or not whole: DVC does not count it as running
        # As DVC notes it of a process that is gone. Else it sends a signal to its number: a zombie takes that without an error, and
        # then the experiment goes on "running", or another process has that number by now.
        files.write_bytes(path, json.dumps(process | {"returncode": -1}).encode())
        command = [sys.executable, "-m", "dvc", "queue", "kill", "--force", path.stem]
        if subprocess.run(command, check=False, capture_output=True).returncode == 0:
            if folder.is_relative_to(_EXPERIMENTS.absolute()) and folder != _EXPERIMENTS.absolute():
                leftovers.removed(folder)
            say(f"queued experiment {name} was killed: it counts as failed now; `dvc queue remove {name}` forgets it")
