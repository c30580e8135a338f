"""How a run is killed: SIGKILL for one process or for all of them, at a moment of one stage."""

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable

import psutil

from tests.kills.finished import OVERRIDES, Project

REPRO = ("dvc", "repro")
EXPERIMENT = ("dvc", "exp", "run", *(part for override in OVERRIDES for part in ("-S", override)))
_LOOK_EVERY_S = 0.01
_COMMIT_S = 1.0


class TooLateError(Exception):
    """It ended before the kill."""


class Durations:
    """How long runs took that were not killed, by what was run, in seconds: moments are drawn within them.

    The machine may be slower next time, so that what was seen last counts.
    """

    def __init__(self) -> None:
        self._known: dict[str, float] = {}

    def of(self, what: str, *, otherwise: float) -> float:
        return self._known.get(what, otherwise)

    def seen(self, what: str, seconds: float) -> None:
        self._known[what] = seconds


class Attack:
    """One run of a project whose stage is stale, to be killed."""

    def __init__(self, project: Project, stage: str, durations: Durations, moment: random.Random) -> None:
        self._project, self._stage, self._durations, self._moment = project, stage, durations, moment

    def stage(self) -> None:
        """The process of the stage, at a moment of it. DVC goes on, and ends."""
        run, process = self._at_stage(REPRO)
        process.kill()
        run.wait(timeout=300)

    def dvc(self) -> None:
        """DVC alone, at a moment of the stage, which lives on."""
        run, _ = self._at_stage(REPRO)
        run.kill()
        run.wait(timeout=300)

    def group(self) -> None:
        """All processes, at a moment of the whole run."""
        self._whole(REPRO)

    def commit(self) -> None:
        """All processes, in the second after the stage has ended: DVC hashes, copies into its cache, and writes dvc.lock."""
        run = self._project.start(*REPRO, log="killed.log")
        process = self._process(run)
        while process.is_running() and process.status() != psutil.STATUS_ZOMBIE and run.poll() is None:
            time.sleep(_LOOK_EVERY_S)
        time.sleep(self._moment.uniform(0.0, _COMMIT_S))
        _kill_group(run)

    def experiment(self) -> None:
        """All processes of `dvc exp run`, at a moment of the whole run."""
        self._whole(EXPERIMENT)

    def _at_stage(self, command: tuple[str, ...]) -> tuple[subprocess.Popen[bytes], psutil.Process]:
        run = self._project.start(*command, log="killed.log")
        process, began = self._process(run), time.monotonic()
        end = began + self._moment.uniform(0.0, self._durations.of(self._stage, otherwise=1.0))
        while time.monotonic() < end:
            if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
                self._durations.seen(self._stage, time.monotonic() - began)
                run.wait(timeout=300)
                raise TooLateError
            time.sleep(_LOOK_EVERY_S)
        return run, process

    def _whole(self, command: tuple[str, ...]) -> None:
        what = f"{command[1]} {self._stage}"
        began = time.monotonic()
        run = self._project.start(*command, log="killed.log")
        try:
            run.wait(timeout=self._moment.uniform(0.2, self._durations.of(what, otherwise=5.0)))
        except subprocess.TimeoutExpired:
            _kill_group(run)
            return
        self._durations.seen(what, time.monotonic() - began)
        raise TooLateError

    def _process(self, run: subprocess.Popen[bytes]) -> psutil.Process:
        """The process of the stage, as soon as DVC has started it."""
        module = f"pipeline.{self._stage.partition('@')[0]}"
        dvc = psutil.Process(run.pid)
        while run.poll() is None:
            for child in dvc.children(recursive=True):
                try:
                    if module in child.cmdline():
                        return child
                except psutil.NoSuchProcess:
                    continue
            time.sleep(_LOOK_EVERY_S)
        raise TooLateError


def _kill_group(run: subprocess.Popen[bytes]) -> None:
    late = run.poll() is not None
    if not late:
        os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    if late:
        raise TooLateError


KINDS: dict[str, Callable[[Attack], None]] = {
    "the stage": Attack.stage,
    "dvc alone": Attack.dvc,
    "all, any time": Attack.group,
    "all, while DVC commits": Attack.commit,
    "all of `dvc exp run`": Attack.experiment,
}
