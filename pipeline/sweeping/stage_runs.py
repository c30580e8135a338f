"""Inside the `dvc` of a worker: before a stage runs or comes from the run cache, its claim; before a benchmark, the machine.

DVC has no place for either, so that two functions are wrapped: `Stage.run`, through which every stage goes that is not up to date,
and `cmd_run`, which starts its command.
tests/test_private_interfaces.py says what is relied on.
"""

import copy
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

import dvc.stage.run
from dvc.exceptions import DvcException
from dvc.stage import Stage
from dvc.stage.cache import _can_hash, _get_stage_hash

from pipeline.sweeping import remote_runs
from pipeline.sweeping.machine import Machine

# Said when a stage is run and does not come from the cache.
RUNS = "Piece of work {key}: {stage}"
_BENCHMARK = "benchmark"


@contextmanager
def coordinated(machine: Machine, asked: TextIO, answered: TextIO, *, remote: bool) -> Iterator[None]:
    """Every stage that DVC runs inside the block is claimed first.

    Args:
        machine: this worker's share of it.
        asked: where a claim goes, a line of JSON: `{"claim": key}`, and later `{"done": key, "failed": reason or null}`.
        answered: where a line comes back for each of the former: `{"failed": reason or null}`, when it is this worker's turn.
        remote: whether results travel by DVC's remote, as the cache is this clone's own: what another has made is fetched before
            a stage, and what a stage made is pushed before its claim is given back.
    """
    run, command = Stage.run, dvc.stage.run.cmd_run

    def claimed(stage: Stage, *arguments: Any, **options: Any) -> None:
        key = _key(stage)
        if key is None:
            run(stage, *arguments, **options)
            return
        with _claim(stage.addressing, key, machine, asked, answered):
            if remote:
                remote_runs.fetch(stage.repo, key)
                options["pull"] = True
            run(stage, *arguments, **options)
            if remote:
                remote_runs.push(stage)

    def told(stage: Stage, *arguments: Any, **options: Any) -> None:
        print(RUNS.format(key=_key(stage) or stage.addressing, stage=stage.addressing), flush=True)
        with _alone(stage, machine):
            command(stage, *arguments, **options)

    Stage.run, dvc.stage.run.cmd_run = claimed, told
    machine.enter(alone=False)
    try:
        yield
    finally:
        Stage.run, dvc.stage.run.cmd_run = run, command


@contextmanager
def _claim(name: str, key: str, machine: Machine, asked: TextIO, answered: TextIO) -> Iterator[None]:
    # Who waits does not work: a benchmark that the other one has before it would wait for this one.
    machine.leave()
    _tell(asked, {"claim": key})
    refused = json.loads(answered.readline() or '{"failed": "the sweep has ended"}')["failed"]
    machine.enter(alone=False)
    if refused is not None:
        raise DvcException(f"it is not tried again: {refused}")
    failed: str | None = None
    try:
        yield
    except Exception as error:
        failed = str(error)
        raise
    finally:
        _tell(asked, {"done": key, "failed": failed})


@contextmanager
def _alone(stage: Stage, machine: Machine) -> Iterator[None]:
    """Nobody else works while a benchmark runs; one that comes from the cache disturbs nobody."""
    if stage.addressing.partition("@")[0] != _BENCHMARK:
        yield
        return
    machine.enter(alone=True)
    try:
        yield
    finally:
        machine.enter(alone=False)


def _key(stage: Stage) -> str | None:
    """The run cache's key of a stage as its dependencies are now; None where it has none, such as without outputs."""
    # A copy: DVC compares the stage with what dvc.lock says of it, and would take outputs of other dependencies for its own.
    twin = copy.copy(stage)
    twin.deps = [copy.copy(dependency) for dependency in stage.deps]
    twin.save_deps()
    return str(_get_stage_hash(twin)) if _can_hash(twin) else None


def _tell(stream: TextIO, message: dict[str, str | None]) -> None:
    stream.write(json.dumps(message) + "\n")
    stream.flush()
