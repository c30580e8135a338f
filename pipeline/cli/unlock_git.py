"""What a killed `dvc exp run` leaves in git: no branch checked out, a lock of the index, changes kept aside."""

import subprocess
from collections.abc import Callable
from pathlib import Path

from pipeline.errors import UserError

_EXECUTING = "refs/exps/exec/"
# DVC keeps it for an experiment's time, in the index, too.
_ARGUMENTS = Path(".dvc/tmp/repro.dat")


def cure(say: Callable[[str], None], *, since: float | None) -> None:
    """Put it right; no branch moves, and files change only where changes that DVC took away come back.

    Args:
        say: is told in a line what was done.
        since: when the killed experiment began to use git, in seconds since 1970; None when none was killed at that.

    Raises:
        UserError: when there is no git.
    """
    folder = _git("rev-parse", "--absolute-git-dir")
    if folder is None:
        return
    index = Path(folder) / "index.lock"
    if index.exists() and not _at_work():
        index.unlink()
        say(f"{index} was left by a process that is gone: removed")
    executing = (_git("for-each-ref", "--format=%(refname)", _EXECUTING) or "").split()
    if since is None and not executing:
        return
    for ref in executing:
        _git("update-ref", "-d", ref)
    if _ARGUMENTS.exists():
        _git("rm", "--cached", "--quiet", "--ignore-unmatch", str(_ARGUMENTS))
        _ARGUMENTS.unlink()
    if _git("symbolic-ref", "--quiet", "HEAD") is None:
        _attach(say)
    if since is not None and int(_git("log", "-1", "--format=%ct", "refs/stash") or "0") >= int(since):
        _bring_back(say)


def _attach(say: Callable[[str], None]) -> None:
    """Check out the branch again that was, which is where HEAD is: DVC does not move it."""
    last = _git("log", "-g", "-1", "--grep-reflog=^checkout: moving from ", "--format=%gs", "HEAD") or ""
    branch = last.removeprefix("checkout: moving from ").split(" to ")[0]
    there = (_git("for-each-ref", "--points-at=HEAD", "--format=%(refname:short)", "refs/heads") or "").splitlines()
    if branch in there:
        _git("symbolic-ref", "-m", f"checkout: moving from HEAD to {branch}", "HEAD", f"refs/heads/{branch}")
        say(f"a killed `dvc exp run` left no branch checked out: back on {branch}, no file was changed")
    else:
        say("a killed `dvc exp run` left no branch checked out; `git switch BRANCH` does so")


def _bring_back(say: Callable[[str], None]) -> None:
    """What was changed and not committed, which DVC puts into git's stash for a moment."""
    aside = "a killed `dvc exp run` had put your uncommitted changes aside"
    names = (_git("diff", "--name-only", "-z", "HEAD", "refs/stash") or "").strip("\0").split("\0")
    if _git("diff", "--quiet", "refs/stash", "--", *names) is not None:
        _git("stash", "drop", "--quiet")  # they are back already
    elif _git("status", "--porcelain", "--untracked-files=no") == "" and _git("stash", "pop", "--quiet", "--index") is not None:
        say(f"{aside}: they are back")
    else:
        say(f"{aside}: `git diff stash@{{0}}` compares, `git stash pop` brings them back")


def _at_work() -> bool:
    """Whether a git may be at work here."""
    import psutil

    here = Path.cwd()
    for process in psutil.process_iter(["name"]):
        if (process.info["name"] or "").startswith("git"):
            try:
                folder = Path(process.cwd())
            except psutil.Error:
                return True  # nobody knows
            if folder.is_relative_to(here) or here.is_relative_to(folder):
                return True
    return False


def _git(*arguments: str) -> str | None:
    """What git prints; None when it fails."""
    try:
        done = subprocess.run(["git", *arguments], check=False, capture_output=True, text=True, errors="replace")
    except FileNotFoundError:
        raise UserError("git is not installed, or not on PATH; install it") from None
    return done.stdout.strip() if done.returncode == 0 else None
