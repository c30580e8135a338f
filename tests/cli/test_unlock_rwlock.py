"""DVC's locks of files, spoilt as a kill spoils them. DVC itself is the judge of what is right."""

import fcntl
import json
import os
from pathlib import Path

import pytest

from pipeline.cli import unlock
from pipeline.system import processes
from tests.cli.locked import fails, unlocked, write_of
from tests.helpers import call


@pytest.mark.parametrize("content", ["", '{"read": {}, "wri', "[]", '{"write": {"b": {"cmd": "dvc"}}}', '{"write": {"b": 7}}'])
def test_a_lock_of_files_that_was_cut_off(content: str, small: Path) -> None:
    (small / processes.RWLOCK).write_text(content)
    fails(small)
    said = unlocked(small).stdout
    assert said == ".dvc/tmp/rwlock was empty or cut off, as `kill -9` can leave it: removed, DVC makes it anew\n"
    call("dvc", "repro", "--force", cwd=small)
    assert unlocked(small).stdout == ""


def test_what_dvc_says_of_an_empty_lock_is_what_the_report_to_its_tracker_says(small: Path) -> None:
    (small / processes.RWLOCK).write_text("")
    said = fails(small)
    assert "Unable to read RWLock-file '.dvc/tmp/rwlock'. JSON structure is corrupted" in said
    assert "remove" not in said  # nothing says why, or what to do


def test_a_lock_that_is_being_written_is_left(small: Path) -> None:
    """DVC empties the file before it writes it, with its guard held: what is empty now may be whole in a moment."""
    (small / processes.RWLOCK).write_text("")
    with (small / ".dvc/tmp/rwlock.lock").open("a+") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        assert unlocked(small).stdout == ""
    assert (small / processes.RWLOCK).read_text() == ""


def test_locks_of_processes_that_are_gone_are_released(gone: int, small: Path) -> None:
    (small / processes.RWLOCK).write_text(json.dumps(write_of(gone)))
    assert unlocked(small).stdout == f".dvc/tmp/rwlock named what is gone: process {gone} (dvc repro); released\n"
    assert "had been killed" not in call("dvc", "repro", "--force", cwd=small).stdout


def test_a_lock_whose_number_another_process_has_got_is_released(small: Path) -> None:
    """As in a container, where numbers are small: DVC says that it is busy, for ever."""
    lock = small / processes.RWLOCK
    lock.write_text(json.dumps(write_of(os.getpid())))
    os.utime(lock, (1.0, 1.0))
    assert "is busy, it is being blocked by" in fails(small)
    assert "named what is gone" in unlocked(small).stdout
    call("dvc", "repro", "--force", cwd=small)


def test_on_a_network_disk_the_numbers_of_others_are_left(gone: int, small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import psutil

    class Part:
        mountpoint, fstype = str(small.parent), "nfs4"

    monkeypatch.setattr(psutil, "disk_partitions", lambda **_: [Part])
    (small / processes.RWLOCK).write_text(json.dumps(write_of(gone)))
    with unlock.alone("test"):
        pass
    assert json.loads((small / processes.RWLOCK).read_text()) == write_of(gone)
