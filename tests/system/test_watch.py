"""Readers that crash, never answer or are interrupted, in real processes."""

import ctypes
import faulthandler
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import UserError
from pipeline.system import boundary, watch
from tests.helpers import ROOT

FILE = Path("some/file.h5")


# What native code does with a file: ends the process in four ways, or never comes back; where the reader stands matters.
def crash() -> None:
    faulthandler.disable()  # pytest's prints a page
    ctypes.string_at(0)


def read_by(reader: Callable[[], object], seconds: float = 60) -> Callable[[], None]:
    def main() -> None:
        with boundary.limits(seconds=seconds, gigabytes=1), boundary.reading(FILE, kind="HDF5", key="model.path"):
            reader()

    return main


def test_a_crash_at_a_mark_is_an_answer() -> None:
    ended = watch.supervise(read_by(crash))
    assert (ended.how, ended.code) == ("crashed", 1)
    said = "model.path: some/file.h5 is not readable as HDF5: reading it ends the process (SIGSEGV); it may be damaged or truncated"
    assert ended.text.startswith(said)


def test_a_crash_elsewhere_is_no_file_s_fault() -> None:
    def main() -> None:
        read_by(lambda: None)()
        crash()

    ended = watch.supervise(main)
    assert ended == ("ended", 128 + signal.SIGSEGV, "the process was ended by SIGSEGV")


def test_the_innermost_mark_speaks_and_the_outer_one_again_after_it() -> None:
    def main() -> None:
        with boundary.reading(Path("outer"), kind="A"):
            with boundary.reading(Path("inner"), kind="B"):
                pass
            crash()

    assert watch.supervise(main).text.startswith("outer: not readable as A: reading it ends the process")


def test_no_answer_within_the_limit_is_an_answer() -> None:
    # Native code that never comes back and lets no signal handler of Python run.
    ended = watch.supervise(read_by(lambda: ctypes.CDLL(None).usleep(60_000_000), seconds=0.5))
    assert (ended.how, ended.code) == ("silent", 1)
    assert "some/file.h5 is not readable as HDF5: no end after 0.5 s; " in ended.text
    assert "limits.seconds" in ended.text


def test_a_limit_is_for_each_file_alone() -> None:
    def main() -> None:
        for _ in range(8):
            read_by(lambda: time.sleep(0.1), seconds=0.5)()

    assert watch.supervise(main).how == "returned"


def test_what_was_killed_from_outside_is_told_apart() -> None:
    ended = watch.supervise(read_by(lambda: os.kill(os.getpid(), signal.SIGKILL)))
    assert (ended.how, ended.code) == ("crashed", 1)
    assert "ended from outside (SIGKILL); by nobody? then memory was short" in ended.text


def test_what_takes_more_than_it_says_gets_no_more_than_the_limit() -> None:
    ended = watch.supervise(read_by(lambda: np.ones(2**31, np.uint8)))
    assert ended.how == "refused"
    assert "it needs more memory than there is, or than limits.gigabytes in conf/config.yaml allows (1)" in ended.text
    assert watch.supervise(read_by(lambda: np.ones(2**29, np.uint8))).how == "returned"


@pytest.mark.parametrize(("given", "code"), [(None, 0), (0, 0), (2, 2), ("said", 1)])
def test_exit_codes_are_those_of_the_stage(given: int | str | None, code: int) -> None:
    assert watch.supervise(lambda: sys.exit(given)) == ("returned", code, "")


def test_a_refusal_crosses_the_processes_whole() -> None:
    def main() -> None:
        raise UserError("é" * 500 + "\n  second line")

    assert watch.supervise(main) == ("refused", 1, "é" * 500 + "\n  second line")


def start(tmp_path: Path, body: str, *, grace: float = 5) -> subprocess.Popen[str]:
    """A stage of its own: `body` is what it does, in a project folder."""
    script = f"""
import os, sys, time, tempfile, ctypes
from pathlib import Path
from pipeline import files, paths
from pipeline.system import boundary, leftovers, watch
def main():
{textwrap.indent(textwrap.dedent(body), "    ")}
watch._GRACE = {grace}
leftovers.own_folder()
watch.run(main, refused=7)
"""
    (tmp_path / "stage.py").write_text(script)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path / "tmp")}
    (tmp_path / "tmp").mkdir()
    return subprocess.Popen(
        [sys.executable, "stage.py"], cwd=tmp_path, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


# Half of an output, a folder of temporary files and a helper, then it says that it is there.
WRITES = """
with files.replacing(paths.SPLIT) as temporary, tempfile.TemporaryDirectory() as folder:
    temporary.write_text("half")
    (Path(folder) / "more").write_text("x")
    with boundary.limits(seconds=1, gigabytes=1), boundary.reading(Path("a.h5"), kind="HDF5"):
        print("ready", os.getpid(), flush=True)
        {then}
"""


def left(tmp_path: Path) -> list[str]:
    return sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file() and path.name != "stage.py")


@pytest.mark.parametrize(
    ("then", "code", "said"),
    [
        ("ctypes.string_at(0)", 7, "error: a.h5: not readable as HDF5: reading it ends the process (SIGSEGV); it may be"),
        ("ctypes.CDLL(None).usleep(60_000_000)", 7, "error: a.h5: not readable as HDF5: no end after 1 s; it may be"),
        ("raise KeyError('x')", 7, "error: a.h5: not readable as HDF5: KeyError: 'x'; it may be"),
    ],
)
def test_nothing_is_left_half_written(then: str, code: int, said: str, tmp_path: Path) -> None:
    done = start(tmp_path, WRITES.format(then=then))
    _, stderr = done.communicate(timeout=60)
    assert done.returncode == code
    assert stderr.startswith(said)
    assert stderr.count("\n") == 1
    assert left(tmp_path) == []
    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("then", ["time.sleep(60)", "[time.sleep(0) for _ in iter(int, 1)]"])
def test_an_interruption_leaves_nothing_and_no_traceback(number: signal.Signals, then: str, tmp_path: Path) -> None:
    done = start(tmp_path, WRITES.replace("seconds=1", "seconds=60").format(then=then))
    assert done.stdout is not None
    child = int(done.stdout.readline().split()[1])
    done.send_signal(number)
    _, stderr = done.communicate(timeout=60)
    assert (done.returncode, stderr) == (128 + number, f"error: interrupted ({number.name})\n")
    assert not running(child)
    assert left(tmp_path) == []
    assert list((tmp_path / "tmp").iterdir()) == []


def test_native_code_that_hears_nothing_is_ended_all_the_same(tmp_path: Path) -> None:
    deaf = "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM]); time.sleep(60)"
    done = start(tmp_path, WRITES.replace("seconds=1", "seconds=60").format(then=deaf), grace=0.5)
    assert done.stdout is not None
    done.stdout.readline()
    done.terminate()
    done.communicate(timeout=30)
    assert done.returncode == 128 + signal.SIGTERM
    assert left(tmp_path) == []
    assert list((tmp_path / "tmp").iterdir()) == []


def test_the_copy_ends_with_the_process_that_watches(tmp_path: Path) -> None:
    done = start(tmp_path, WRITES.replace("seconds=1", "seconds=60").format(then="time.sleep(60)"))
    assert done.stdout is not None
    child = int(done.stdout.readline().split()[1])
    assert running(child)
    done.kill()
    done.communicate()
    assert ends(child)


def running(process: int) -> bool:
    """Whether there is such a process, and it is no zombie."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def ends(process: int) -> bool:
    deadline = time.monotonic() + 10
    while running(process) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not running(process)


def test_processes_that_a_stage_started_end_with_it(tmp_path: Path) -> None:
    then = "import subprocess; print(subprocess.Popen(['sleep', '60']).pid, flush=True); ctypes.CDLL(None).usleep(60_000_000)"
    done = start(tmp_path, WRITES.format(then=then))
    assert done.stdout is not None
    done.stdout.readline()
    helper = int(done.stdout.readline())
    done.communicate(timeout=60)
    assert done.returncode == 7
    assert ends(helper)


def test_where_nothing_can_be_watched_a_stage_runs_as_ever(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(watch, "_can_watch", lambda: False)
    watch.run(lambda: print("here", os.getpid()))
    assert capsys.readouterr().out == f"here {os.getpid()}\n"
    with pytest.raises(SystemExit, match=r"error: some/file\.h5"):
        watch.run(spoilt_file)


def spoilt_file() -> None:
    with boundary.reading(FILE, kind="HDF5"):
        raise KeyError("x")
