"""What `dvc exp run` leaves in git when it is killed: played by hand here, killed in earnest in tests/test_kills.py."""

import os
import subprocess
import time
from pathlib import Path

import pytest

from pipeline.cli import unlock_git
from tests.helpers import call


def git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], check=True, capture_output=True, text=True).stdout.strip()


def cured(since: float | None = None) -> list[str]:
    said: list[str] = []
    unlock_git.cure(said.append, since=since)
    return said


BACK = "a killed `dvc exp run` left no branch checked out: back on main, no file was changed"


def test_where_no_experiment_was_killed_nothing_changes(small: Path) -> None:
    git("checkout", "-q", "--detach")  # somebody's own choice
    Path("a").write_text("mine")
    assert cured() == []
    assert git("rev-parse", "--abbrev-ref", "HEAD") == "HEAD"
    assert git("status", "--short") == "M a"


def test_the_branch_is_checked_out_again_and_no_file_changes(small: Path) -> None:
    git("branch", "another")
    Path("a").write_text("of the experiment")
    git("checkout", "-q", "--detach")
    for name in ("EXEC_HEAD", "EXEC_BASELINE"):
        git("update-ref", f"refs/exps/exec/{name}", "HEAD")
    assert cured() == [BACK]
    assert git("rev-parse", "--abbrev-ref", "HEAD") == "main"
    assert git("status", "--short") == "M a"
    assert Path("a").read_text() == "of the experiment"
    assert git("for-each-ref", "refs/exps") == ""
    assert cured() == []


def test_where_the_branch_is_not_known_it_says_so(small: Path) -> None:
    git("checkout", "-q", "--detach")
    git("branch", "-m", "main", "other")
    git("update-ref", "refs/exps/exec/EXEC_HEAD", "HEAD")
    assert cured() == ["a killed `dvc exp run` left no branch checked out; `git switch BRANCH` does so"]
    assert git("rev-parse", "--abbrev-ref", "HEAD") == "HEAD"


def test_what_dvc_keeps_for_the_time_of_an_experiment_leaves_the_index(small: Path) -> None:
    kept = Path(".dvc/tmp/repro.dat")
    kept.write_bytes(b"arguments")
    git("add", "-f", str(kept))
    assert cured(time.time()) == []
    assert git("status", "--short") == ""
    assert not kept.exists()


def test_changes_that_were_put_aside_come_back(small: Path) -> None:
    Path("a").write_text("mine")
    since = time.time()
    git("stash", "push", "-q")
    assert cured(since) == ["a killed `dvc exp run` had put your uncommitted changes aside: they are back"]
    assert Path("a").read_text() == "mine"
    assert git("stash", "list") == ""


def test_changes_that_are_back_already_are_not_kept_twice(small: Path) -> None:
    Path("a").write_text("mine")
    since = time.time()
    git("stash", "push", "-q")
    git("stash", "apply", "-q")
    Path("dvc.yaml").write_text(Path("dvc.yaml").read_text() + "# of the experiment\n")
    assert cured(since) == []
    assert Path("a").read_text() == "mine"
    assert git("stash", "list") == ""


def test_changes_do_not_overwrite_others(small: Path) -> None:
    Path("a").write_text("mine")
    since = time.time()
    git("stash", "push", "-q")
    Path("a").write_text("later")
    assert cured(since) == [
        "a killed `dvc exp run` had put your uncommitted changes aside: "
        "`git diff stash@{0}` compares, `git stash pop` brings them back"
    ]
    assert Path("a").read_text() == "later"
    assert "stash@{0}" in git("stash", "list")


def test_what_the_user_stashed_before_stays_there(small: Path) -> None:
    Path("a").write_text("mine")
    git("stash", "push", "-q")
    assert cured(time.time() + 10) == []
    assert "stash@{0}" in git("stash", "list")


def test_a_lock_of_the_index_without_a_git_is_removed(small: Path) -> None:
    lock = Path(".git/index.lock")
    lock.touch()
    assert "index.lock" in call("git", "add", "a", cwd=small, check=False).stdout
    assert cured() == [f"{lock.resolve()} was left by a process that is gone: removed"]
    call("git", "add", "a", cwd=small)


def test_while_a_git_lives_here_it_is_left(small: Path) -> None:
    lock = Path(".git/index.lock")
    lock.touch()
    # A process of that name, as `git commit` is while its editor is open.
    with subprocess.Popen(["git", "cat-file", "--batch"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as git_at_work:
        assert cured() == []
        git_at_work.communicate(b"")
    assert lock.exists()


def test_without_a_repository_there_is_nothing_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", os.fspath(tmp_path.parent))
    assert cured(time.time()) == []
