"""Every command that README shows is run, or, for the make targets that CI runs for real, exists."""

import contextlib
import itertools
import pathlib
import re
import shlex
import subprocess
import sys
from pathlib import Path

import keras
import pytest

from pipeline.cli import audit
from pipeline.source.tensorflow_setup import tf
from tests import foreign, helpers
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


@pytest.fixture(scope="module")
def tutorial(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the three lines of README write, and the two files that README spoils."""
    folder = tmp_path_factory.mktemp("tutorial")
    (block,) = (
        block for block in re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL) if "from_keras_model" in block
    )
    names = {"keras": keras, "tf": tf, "pathlib": pathlib}
    with contextlib.chdir(folder), helpers.quiet():
        (folder / "models").symlink_to(ROOT / "models")
        exec(block, names)
    made = (folder / "digits.tflite").read_bytes()
    (folder / "changed.tflite").write_bytes(foreign.broken(made))
    (folder / "cut.tflite").write_bytes(made[:5000])
    return folder


@pytest.mark.parametrize(("file", "code"), [("digits", 0), ("changed", 1), ("cut", 2)])
def test_audit_prints_what_readme_shows(
    tutorial: Path, file: str, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = f"    $ python -m pipeline.cli.audit --model models/digits_cnn.keras --tflite {file}.tflite\n"
    below = README.split(command)[1].splitlines()
    shown = list(itertools.takewhile(lambda line: not line or (line.startswith("    ") and not line.startswith("    $")), below))
    assert any(shown)
    monkeypatch.chdir(tutorial)
    monkeypatch.setattr(sys, "argv", ["audit", *shlex.split(command)[4:]])
    with pytest.raises(SystemExit) as ended:
        audit.main()
    assert ended.value.code == code
    output = capsys.readouterr()
    printed = iter((output.out + output.err).splitlines())
    for line in shown:
        # Lines are left out where README says so, and at the end.
        if line and line != "    ...":
            assert line.removeprefix("    ") in printed, line


PAGES = [ROOT / "README.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_paths_of_the_pages_exist(page: Path, finished: Path) -> None:
    text = page.read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link]
    assert not [link for link in links if not (page.parent / link).exists()]
    named = re.findall(r"`((?:conf|pipeline|models|reports|data|tests|docs)/[\w./]+)`", text)
    assert not [name for name in named if not (finished / name).exists() and not re.search(r"[A-Z]{4}|/V\b", name)]


def test_every_page_is_reached_from_the_readme() -> None:
    assert not [page.name for page in PAGES[2:] if f"docs/{page.name}" not in README]
