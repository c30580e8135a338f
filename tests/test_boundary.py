"""The one boundary around readers of foreign formats: what they raise, how they crash, and that they never answer."""

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
from tokenize import TokenError

import numpy as np
import pytest

from pipeline import boundary
from pipeline.errors import UserError
from tests.helpers import ROOT

FILE = Path("some/file.h5")


def raising(error: BaseException) -> None:
    """A reader of a library that raises: the frames inside it are this file's, so it is called through one of the library."""
    with boundary.reading(FILE, kind="HDF5", key="model.path"):
        raise error


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (KeyError("x"), "KeyError: 'x'"),
        (RuntimeError("Unable to get group info (wrong fractal heap header)\nmore"), r"Unable to get group info \(wrong fractal"),
        (AssertionError("Tried to export a function"), "AssertionError: Tried to export"),
        (TokenError("EOF in multi-line statement", (2, 0)), "EOF in multi-line"),
        (RecursionError(), "RecursionError"),
        (NotImplementedError("That compression method is not supported"), "That compression method"),
        (MemoryError(), "it needs more memory than there is"),
        (
            ValueError("\x1b[1mException encountered when calling Dense.call().\n\n\x1b[0mNegative size"),
            r"Exception .*\(\)\. Negative size",
        ),
    ],
)
def test_whatever_a_library_raises_names_the_file(error: Exception, said: str) -> None:
    expected = rf"^model\.path: some/file\.h5 is not readable as HDF5: {said}.*; it may be damaged or truncated, copy it again$"
    with pytest.raises(UserError, match=expected):
        raising(error)


def test_a_message_for_the_user_passes_as_it_is() -> None:
    with pytest.raises(UserError, match=r"^as it is$"):
        raising(UserError("as it is"))


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3)])
def test_what_ends_a_process_passes(error: BaseException) -> None:
    with pytest.raises(type(error)):
        raising(error)


def test_a_fault_inside_the_users_own_code_keeps_its_traceback() -> None:
    def theirs() -> None:  # of no library and not of the pipeline
        raise ZeroDivisionError("my own")

    with pytest.raises(ZeroDivisionError, match="my own"), boundary.reading(FILE, kind="HDF5"):
        theirs()


def test_a_file_that_says_it_is_too_large_is_refused_before() -> None:
    with boundary.limits(seconds=1, gigabytes=2):
        boundary.within(FILE, 2e9, what="array x takes")
        expected = (
            r"^data\.path: some/file\.h5: array x takes 300 GB, the limit is 2 GB; .*set limits\.gigabytes: 300 in conf/config"
        )
        with pytest.raises(UserError, match=expected):
            boundary.within(FILE, 300e9, what="array x takes", key="data.path")
    boundary.within(FILE, 300e9, what="no limits")


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
    ended = boundary.supervise(read_by(crash))
    assert (ended.how, ended.code) == ("crashed", 1)
    said = "model.path: some/file.h5 is not readable as HDF5: reading it ends the process (SIGSEGV); it may be damaged or truncated"
    assert ended.text.startswith(said)


def test_a_crash_elsewhere_is_no_file_s_fault() -> None:
    def main() -> None:
        read_by(lambda: None)()
        crash()

    ended = boundary.supervise(main)
    assert ended == ("ended", 128 + signal.SIGSEGV, "the process was ended by SIGSEGV")


def test_the_innermost_mark_speaks_and_the_outer_one_again_after_it() -> None:
    def main() -> None:
        with boundary.reading(Path("outer"), kind="A"):
            with boundary.reading(Path("inner"), kind="B"):
                pass
            crash()

    assert boundary.supervise(main).text.startswith("outer: not readable as A: reading it ends the process")


def test_no_answer_within_the_limit_is_an_answer() -> None:
    started = time.monotonic()
    # Native code that never comes back and lets no signal handler of Python run.
    ended = boundary.supervise(read_by(lambda: ctypes.CDLL(None).usleep(60_000_000), seconds=0.5))
    assert time.monotonic() - started < 10
    assert (ended.how, ended.code) == ("silent", 1)
    assert "some/file.h5 is not readable as HDF5: no end after 0.5 s; " in ended.text
    assert "limits.seconds" in ended.text


def test_a_limit_is_for_each_file_alone() -> None:
    def main() -> None:
        for _ in range(8):
            read_by(lambda: time.sleep(0.1), seconds=0.5)()

    assert boundary.supervise(main).how == "returned"


def test_what_was_killed_from_outside_is_told_apart() -> None:
    ended = boundary.supervise(read_by(lambda: os.kill(os.getpid(), signal.SIGKILL)))
    assert (ended.how, ended.code) == ("crashed", 1)
    assert "ended from outside (SIGKILL); by nobody? then memory was short" in ended.text


def test_what_takes_more_than_it_says_gets_no_more_than_the_limit() -> None:
    ended = boundary.supervise(read_by(lambda: np.ones(2**31, np.uint8)))
    assert ended.how == "refused"
    assert "it needs more memory than there is, or than limits.gigabytes in conf/config.yaml allows (1)" in ended.text
    assert boundary.supervise(read_by(lambda: np.ones(2**29, np.uint8))).how == "returned"


@pytest.mark.parametrize(("given", "code"), [(None, 0), (0, 0), (2, 2), ("said", 1)])
def test_exit_codes_are_those_of_the_stage(given: int | str | None, code: int) -> None:
    assert boundary.supervise(lambda: sys.exit(given)) == ("returned", code, "")


def test_a_refusal_crosses_the_processes_whole() -> None:
    def main() -> None:
        raise UserError("é" * 500 + "\n  second line")

    assert boundary.supervise(main) == ("refused", 1, "é" * 500 + "\n  second line")


def test_marks_cost_microseconds() -> None:
    def main() -> None:
        with boundary.limits(seconds=60, gigabytes=1):
            started = time.process_time()
            for _ in range(10_000):
                read_file()
        sys.exit(int((time.process_time() - started) / 10_000 * 1e6))

    assert boundary.supervise(main).code < 50


def start(tmp_path: Path, body: str, *, grace: float = 5) -> subprocess.Popen[str]:
    """A stage of its own: `body` is what it does, in a project folder."""
    script = f"""
import os, sys, time, tempfile, ctypes
from pathlib import Path
from pipeline import boundary, files, leftovers, paths
def main():
{textwrap.indent(textwrap.dedent(body), "    ")}
boundary._GRACE = {grace}
leftovers.own_folder()
boundary.run(main, refused=7)
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
    monkeypatch.setattr(boundary, "_can_watch", lambda: False)
    boundary.run(lambda: print("here", os.getpid()))
    assert capsys.readouterr().out == f"here {os.getpid()}\n"
    with pytest.raises(SystemExit, match=r"error: some/file\.h5"):
        boundary.run(spoilt_file)


def spoilt_file() -> None:
    with boundary.reading(FILE, kind="HDF5"):
        raise KeyError("x")


def read_file() -> None:
    with boundary.reading(FILE, kind="HDF5"):
        pass
