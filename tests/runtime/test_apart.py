import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pipeline.errors import Impossible, UserError
from pipeline.runtime import apart
from tests.helpers import ROOT
from tests.system.test_processes import ended as gone
from tests.system.test_processes import within

_run = apart.run  # other tests replace it


def call(function: Callable[..., Any], *arguments: Any) -> Any:
    return _run(function, *arguments, library="LiteRT", remedy="do this")


def doubled(array: np.ndarray) -> np.ndarray:
    return 2 * array


def ended(number: int) -> None:
    os.kill(os.getpid(), number)
    time.sleep(60)


def impossible() -> None:
    raise Impossible("it was refused", "do that", (("DIV", "t"),))


def wrong() -> None:
    raise UserError("data.path: no such file")


def bug() -> None:
    raise ZeroDivisionError("a bug")


def test_a_result_comes_back_however_large() -> None:
    assert np.array_equal(call(doubled, np.arange(3_000_000)), 2 * np.arange(3_000_000))


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT, signal.SIGFPE])
def test_a_crash_is_an_answer(number: signal.Signals) -> None:
    with pytest.raises(Impossible, match=rf"^LiteRT ends the process \({number.name}\); do this$"):
        call(ended, number)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_what_was_ended_from_outside_says_nothing_of_the_network(number: signal.Signals) -> None:
    with pytest.raises(UserError, match=rf"^ended was ended from outside \({number.name}\)") as refused:
        call(ended, number)
    assert not isinstance(refused.value, Impossible)


def test_errors_for_a_person_come_back_as_they_are() -> None:
    with pytest.raises(Impossible, match=r"^it was refused; do that$") as refused:
        call(impossible)
    assert (refused.value.happened, refused.value.remedy, refused.value.places) == ("it was refused", "do that", (("DIV", "t"),))
    with pytest.raises(UserError, match=r"^data\.path: no such file$"):
        call(wrong)


def test_a_bug_keeps_its_traceback(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RuntimeError, match="bug failed; its traceback stands above"):
        call(bug)
    assert "ZeroDivisionError: a bug" in capfd.readouterr().err


def test_a_killed_stage_leaves_no_process() -> None:
    """The child would otherwise go on, in native code perhaps for ever."""
    script = """
import os, time
from pipeline.runtime import apart

def endless():
    print(os.getpid(), flush=True)
    time.sleep(60)

apart.run(endless, library="LiteRT", remedy="do this")
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, cwd=ROOT) as stage:
        assert stage.stdout is not None
        child = int(stage.stdout.readline())
        assert not gone(child)
        stage.kill()
    assert within(10, lambda: gone(child))
