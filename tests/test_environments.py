"""Another machine, another user, another folder: the installation, and runs where little is as usual."""

import base64
import hashlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline import files, paths
from tests.helpers import ROOT, call

COMMANDS = ("alpha", "beta")


def wheel(folder: Path, name: str) -> str:
    """A package with one command, whose installation takes long enough to be killed; its line in requirements.lock."""
    about = f"{name}-1.0.dist-info"
    contents = {f"{name}/__init__.py": f"def main():\n    print('{name} works')\n"}
    contents |= {f"{name}/m{i}.py": "\n".join(f"def f{j}(x):\n    return x + {j}" for j in range(60)) for i in range(60)}
    contents[f"{about}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
    contents[f"{about}/WHEEL"] = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    contents[f"{about}/entry_points.txt"] = f"[console_scripts]\n{name}={name}:main\n"
    rows = []
    for path, text in contents.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        rows.append(f"{path},sha256={digest},{len(text)}\n")
    contents[f"{about}/RECORD"] = "".join(rows) + f"{about}/RECORD,,\n"
    file = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as archive:
        for path, text in contents.items():
            archive.writestr(path, text)
    return f"{name}==1.0 --hash=sha256:{files.content_sha256(file)}\n"


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """A folder with the Makefile and small requirements, which are here already."""
    folder = tmp_path / "it's é"
    (folder / "wheels").mkdir(parents=True)
    shutil.copy(ROOT / "Makefile", folder)
    (folder / "requirements.lock").write_text("".join(wheel(folder / "wheels", name) for name in COMMANDS))
    return folder


def base_python() -> str:
    """The Python that the environment of these tests was made with."""
    return str(Path(sys.base_prefix) / "bin" / "python3")


def setup(folder: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    own = {key: value for key, value in os.environ.items() if key not in ("VIRTUAL_ENV", "PYTHONPATH", "PYTHON")}
    own |= {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "wheels", "PIP_DISABLE_PIP_VERSION_CHECK": "1", **environment}
    command = ["make", "--no-print-directory", "setup", *arguments]
    return subprocess.Popen(
        command, cwd=folder, env=own, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
    )


def said(started: subprocess.Popen[str], code: int = 0) -> str:
    output, _ = started.communicate(timeout=300)
    assert started.returncode == code, output
    return output


def work(folder: Path) -> list[str]:
    return [subprocess.run([folder / ".venv/bin" / name], check=True, capture_output=True, text=True).stdout for name in COMMANDS]


@pytest.mark.slow
def test_an_installation_that_was_killed_is_begun_anew_and_one_that_was_moved_too(empty: Path) -> None:
    python = f"PYTHON={base_python()}"
    killed, until = setup(empty, python), time.monotonic() + 200
    # Between these two, pip takes the package for installed, and its command is not there yet.
    while not any(empty.glob(".venv/lib/*/site-packages/alpha-1.0.dist-info/METADATA")):
        assert killed.poll() is None, said(killed)
        assert time.monotonic() < until
        time.sleep(0.0005)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate()
    assert not (empty / ".venv/installed").exists()
    said(setup(empty, python))
    assert work(empty) == ["alpha works\n", "beta works\n"]
    assert "pip install" not in said(setup(empty, python))

    moved = empty.rename(empty.with_name("moved"))
    assert f".venv/ is made anew: it was made in {empty}/.venv\n" in said(setup(moved, python))
    assert work(moved) == ["alpha works\n", "beta works\n"]
    assert "made anew" not in said(setup(moved, python))

    # A link from elsewhere is no move.
    (moved.parent / "tree").mkdir()
    shutil.copy(moved / "Makefile", moved.parent / "tree")
    (moved.parent / "tree/requirements.lock").write_text("")
    os.utime(moved.parent / "tree/requirements.lock", (0, 0))
    (moved.parent / "tree/.venv").symlink_to(moved / ".venv")
    assert "made anew" not in said(setup(moved.parent / "tree", python))

    for link in (moved / ".venv/bin").glob("python*"):
        link.unlink()
        link.symlink_to("/usr/bin/no-such-python")
    assert ".venv/ is made anew: the Python that it was made with is gone'" in said(setup(moved, "-n", python))


def test_no_python_is_one_line(empty: Path) -> None:
    assert said(setup(empty, "PYTHON=no-such-python"), 2).splitlines()[0] == (
        "error: no-such-python: no such command; Python 3.11 to 3.13 is needed, name one: make PYTHON=python3.12"
    )
    assert not (empty / ".venv").exists()


@pytest.mark.parametrize("version", [(3, 10, 2), (3, 14, 0), (2, 7, 18)])
def test_the_wrong_python_is_one_line(version: tuple[int, int, int], empty: Path) -> None:
    other = empty / "other-python"
    program = f"import sys; sys.version_info = {version}; exec(sys.argv[2])"
    other.write_text(f'#!/bin/sh\nexec {shlex.quote(base_python())} -c "{program}" "$@"\n')
    other.chmod(0o755)
    first = said(setup(empty, "PYTHON=./other-python"), 2).splitlines()[0]
    assert first.startswith("error: Python 3.11 to 3.13 is needed, ")
    assert first.endswith(f" is {version[0]}.{version[1]}; name another with: make PYTHON=python3.12")
    assert not (empty / ".venv").exists()


# Drops what root may do with files of others; who is not root may not do so anyway.
AS_ANOTHER = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search,-fowner,-chown")


@pytest.fixture(scope="module")
def workspace(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One copy for all: each test puts back what it changed."""
    return Path(shutil.copytree(finished, tmp_path_factory.mktemp("environments") / "project", symlinks=True))


@pytest.fixture
def of_another(workspace: Path) -> "Callable[[int], None]":
    """Gives the project to another user, with these permissions for all others on its folders and files."""
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("only root can give files to another user")

    def give(permissions: int) -> None:
        for path in (workspace, *workspace.rglob("*")):
            if not path.is_symlink():
                os.chown(path, 65534, 65534)
                path.chmod((path.stat().st_mode & ~0o007) | (permissions if path.is_dir() else permissions & 0o006))

    return give


def test_the_project_of_another_user(workspace: Path, of_another: Callable[[int], None]) -> None:
    refused = "Permission denied; let this user read and write there, or work in a clone of your own, and run the same again"
    try:
        of_another(0o005)
        for command, place in (
            (("pipeline.cli.compose",), ".dvc/tmp/make.lock"),
            (("pipeline.predict", "int8"), paths.SELECTED),
        ):
            done = call(*AS_ANOTHER, "python", "-m", *command, cwd=workspace, check=False)
            assert (done.returncode, done.stdout) == (1, f"error: {place}: {refused}\n")
        of_another(0o007)
        done = call(*AS_ANOTHER, "python", "-m", "pipeline.cli.preflight", cwd=workspace, check=False)
        assert (done.returncode, done.stdout) == (
            1,
            f"error: {workspace}: git, and so DVC, does not work in a repository of another user; trust it with "
            f"`git config --global --add safe.directory {workspace}`, or work in a clone of your own\n",
        )
    finally:
        for path in (workspace, *workspace.rglob("*")):
            os.chown(path, 0, 0, follow_symlinks=False)


def test_a_benchmark_where_another_user_has_run_one(workspace: Path, tmp_path: Path) -> None:
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("only root can give files to another user")
    lock = tmp_path / "tflite-pipeline-benchmark.lock"
    lock.touch(mode=0o600)
    os.chown(lock, 65534, 65534)
    call(*AS_ANOTHER, "python", "-m", "pipeline.benchmark", "int8", cwd=workspace, TMPDIR=str(tmp_path))
    assert (tmp_path / "tflite-pipeline-benchmark.0.lock").exists()


def marked(path: Path) -> None:
    """As git leaves what it could not merge: two lines for one, between marks."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    middle = len(lines) // 2
    lines[middle] = f"<<<<<<< HEAD\n{lines[middle]}=======\n{lines[middle]}>>>>>>> other\n"
    path.write_text("".join(lines), encoding="utf-8")


@pytest.mark.slow
def test_files_that_git_could_not_merge(workspace: Path) -> None:
    before = {path: (workspace / path).read_bytes() for path in (paths.LOCK, paths.PARAMS)}
    try:
        for path in before:
            marked(workspace / path)
        done = call("python", "-m", "pipeline.evaluate", cwd=workspace, check=False)
        assert done.returncode == 1
        assert done.stdout.startswith("error: params.yaml: not readable as YAML: ")
        assert done.stdout.endswith("run `make params` to compose it again\n")
        assert "Traceback" not in done.stdout
        done = call("make", "--no-print-directory", "--old-file", ".venv/installed", "params", cwd=workspace)
        assert done.stdout.startswith("dvc.lock holds the marks of a merge: stages kept: ")
        assert (workspace / paths.PARAMS).read_bytes() == before[paths.PARAMS]
        call("dvc", "repro", cwd=workspace)
        assert call("dvc", "status", cwd=workspace).stdout == "Data and pipelines are up to date.\n"
    finally:
        for path, content in before.items():
            (workspace / path).write_bytes(content)


@pytest.mark.slow
def test_odd_names_no_home_and_another_locale_change_nothing(workspace: Path, tmp_path: Path) -> None:
    """From nothing, each stage, and the same bytes as anywhere else."""
    odd = Path(shutil.copytree(workspace, tmp_path / '-it\'s é 🦊 "here"', symlinks=True))
    shutil.rmtree(odd / ".dvc/cache")
    (odd / "models/digits_cnn.keras").rename(odd / "models/-my net's é.keras")
    (odd / "data/digits.npz").rename(odd / 'data/zi ff"ern é.npz')
    overrides = ('model.path="models/-my net\'s é.keras"', "data.path='data/zi ff\"ern é.npz'")
    call("python", "-m", "pipeline.cli.compose", *overrides, "quantization=[float32,int8]", cwd=odd)
    temporary = tmp_path / "tem porär"
    temporary.mkdir()
    environment: dict[str, Any] = {"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "TZ": "Asia/Kolkata", "PYTHONHASHSEED": "7"}
    environment |= {"HOME": "/proc/none", "TMPDIR": str(temporary)}
    call("sh", "-c", "umask 077; exec dvc repro --force", cwd=odd, **environment)
    made = (paths.SOURCE, paths.FLOAT32, paths.CALIBRATION, paths.REFERENCE, paths.OUTPUTS / "int8", paths.variant_model("int8"))
    for path in made:
        assert files.content_sha256(odd / path) == files.content_sha256(workspace / path), path
    assert [path for path in temporary.iterdir() if path.name != "tflite-pipeline-benchmark.lock"] == []
