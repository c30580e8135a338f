"""Every command that README shows is run, or, for the make targets that CI runs for real, exists."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.helpers import ROOT, call

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```sh\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
COMMANDS = [line.split("  #")[0].strip() for block in BLOCKS for line in block.splitlines()]
TARGETS = sorted(set(re.findall(r"`?make ([a-z-]+)", README)))


def test_there_are_commands() -> None:
    assert "dvc repro" in COMMANDS
    assert {"repro", "test", "test-all", "lint", "params", "sweep", "bench", "lock"} <= set(TARGETS)


@pytest.mark.parametrize("target", TARGETS)
def test_a_make_target_exists(target: str) -> None:
    done = subprocess.run(["make", "-n", "-B", target], cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_repro_ends_as_readme_says(project: Path) -> None:
    """Everything is there already, as in a second run; the environment is this one."""
    done = call("make", "--no-print-directory", "repro", "--old-file", ".venv/installed", cwd=project)
    assert "\n".join(["```", *done.stdout.splitlines()[-2:], "```"]) in README


@pytest.mark.slow
def test_the_commands_work_in_their_order(project: Path) -> None:
    for command in COMMANDS:
        if command.startswith(("dvc ", "python ")):
            call(*shlex.split(command), cwd=project)


def test_files_that_readme_names_exist(finished: Path) -> None:
    named = re.findall(r"`((?:conf|pipeline|models|reports|data|tests)/[\w./]+)`", README)
    assert len(named) > 10
    assert not [name for name in named if not (finished / name).exists() and not re.search("[A-Z]{4}", name)]
