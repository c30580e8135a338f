"""Workers on this machine, each with a clone of its own, that take one point after the other."""

import queue
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.sweeping import clone, point_process, workspace
from pipeline.sweeping.claims import Claims
from pipeline.sweeping.grid import Point
from pipeline.sweeping.machine import Machine
from pipeline.sweeping.point_process import Asking, Outcome
from pipeline.sweeping.workspace import Base
from pipeline.system import leftovers

# Tells of a point: its name, and what came of it; None when it begins.
Tell = Callable[[str, Outcome | None], None]


def run(root: Path, base: Base, points: Mapping[str, Point], *, workers: int, folder: Path, logs: Path, tell: Tell) -> None:
    """Run points as experiments of a repository; returns when all have ended.

    Args:
        points: by the names of their experiments.
        workers: how many at once.
        folder: for the clones, which are gone afterwards.
        logs: a file each.
        tell: called by one thread at a time.

    Raises:
        KeyboardInterrupt: all workers have ended then; points that were finished stay.
    """
    claims, telling, stop = Claims(), threading.Lock(), threading.Event()
    todo: queue.SimpleQueue[tuple[str, Point]] = queue.SimpleQueue()
    for item in points.items():
        todo.put(item)
    cache = workspace.cache(root)
    local = workspace.private_config(root)
    errors: list[BaseException] = []

    def work(number: int) -> None:
        try:
            place = folder / str(number)
            with working():
                clone.make(root, place, base, cache=cache, local=local)
            while not stop.is_set():
                try:
                    name, point = todo.get_nowait()
                except queue.Empty:
                    return
                with telling:
                    tell(name, None)
                with working():
                    clone.reset(place, base)
                log = logs / f"{name}.log"
                outcome = point_process.run(place, name, point, log=log, asking=asking(claims, name), remote=False, stop=stop)
                if stop.is_set():
                    return
                with telling:
                    if outcome.failed is None:
                        with working():
                            workspace.collect(root, base, name, source=place)
                    tell(name, outcome)
        except BaseException as error:
            errors.append(error)
            stop.set()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(min(workers, len(points)))]
    folder.mkdir(parents=True)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive():
                thread.join(0.2)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        clone.remove(folder)
    if errors:
        raise errors[0]


@contextmanager
def working() -> Iterator[None]:
    """What a benchmark of another worker would notice: it waits for one, and one waits for it."""
    with Machine(leftovers.SHARED) as machine:
        machine.enter(alone=False)
        yield


def asking(claims: Any, name: str) -> Asking:
    """The methods of `Claims`, or of what stands for them elsewhere, for the owner `name`."""

    def done(key: str, failed: str | None) -> None:
        claims.done(key, name, failed and f"point {name} failed at it")

    return Asking(
        ask=lambda key: claims.ask(key, name), done=done, renew=lambda: claims.renew(name), leave=lambda: claims.leave(name)
    )
