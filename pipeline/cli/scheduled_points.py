"""How long a sweep of many points takes on many workers: an event loop with the sweep's own rules and no clock.

A worker takes the next point and does its pieces of work in order. A piece that another worker is doing is waited for, one that was
done comes from the cache. A benchmark is alone on its machine, and who wants to begin after it asked waits behind it. What a worker
that dies was doing is done again: its point is the next one, from its first piece.
"""

import heapq
from collections import defaultdict, deque
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple


class Piece(NamedTuple):
    """A piece of work: what tells it from others (None: each point does it for itself), seconds, and whether it is a benchmark."""

    key: Hashable
    seconds: float
    alone: bool = False


class Span(NamedTuple):
    """What a worker did from one time to another: `key` of the piece, `restored` from the cache, `killed` in the middle."""

    worker: int
    machine: int
    point: int
    key: Hashable
    begin: float
    end: float
    alone: bool
    restored: bool
    killed: bool


@dataclass
class _Worker:
    machine: int
    point: int | None = None
    place: int = 0
    # Counts what it has begun: the end of what it was killed at means nothing.
    number: int = 0
    running: tuple[float, Piece, bool] | None = None
    holds: Hashable = None
    waits: Hashable = None
    dead: bool = False


@dataclass
class _Machine:
    busy: set[int] = field(default_factory=set)
    alone: bool = False
    asking: deque[tuple[int, bool]] = field(default_factory=deque)


def simulate(
    points: Sequence[Sequence[Piece]],
    workers: Sequence[int],
    *,
    restore_s: float = 0.0,
    deaths: Iterable[tuple[float, int]] = (),
    back_s: float = 1.0,
) -> list[Span]:
    """What happens until all points are done.

    Args:
        points: the pieces of each, in order.
        workers: the machine of each worker.
        restore_s: to take a piece from the cache.
        deaths: when which worker dies; one that has no point lives on.
        back_s: until another worker is in its place.

    Returns:
        What was done, in the order in which it ended. The last end is the makespan.
    """
    return _Sweep(points, workers, restore_s, back_s).run(deaths)


class _Sweep:
    def __init__(self, points: Sequence[Sequence[Piece]], workers: Sequence[int], restore_s: float, back_s: float) -> None:
        self._points, self._restore_s, self._back_s = points, restore_s, back_s
        self._todo = deque(range(len(points)))
        self._workers = [_Worker(machine) for machine in workers]
        self._machines: defaultdict[int, _Machine] = defaultdict(_Machine)
        self._made: set[Hashable] = set()
        self._held: dict[Hashable, deque[int]] = {}
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0
        self._now = 0.0
        self._spans: list[Span] = []

    def run(self, deaths: Iterable[tuple[float, int]]) -> list[Span]:
        for when, worker in deaths:
            self._at(when, lambda worker=worker: self._dies(worker))  # type: ignore[misc]
        for number in range(len(self._workers)):
            self._take(number)
        while self._events:
            self._now, _, happen = heapq.heappop(self._events)
            happen()
        return self._spans

    def _at(self, when: float, happen: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._events, (when, self._count, happen))

    def _take(self, number: int) -> None:
        worker = self._workers[number]
        if worker.point is None and not worker.dead and self._todo:
            worker.point, worker.place = self._todo.popleft(), 0
            self._go_on(number)

    def _go_on(self, number: int) -> None:
        """The worker's next piece: claimed, waited for, or taken from the cache."""
        worker = self._workers[number]
        assert worker.point is not None
        pieces = self._points[worker.point]
        if worker.place == len(pieces):
            worker.point = None
            self._take(number)
            return
        piece = pieces[worker.place]
        if piece.key is not None and piece.key not in self._made:
            if piece.key in self._held:
                worker.waits = piece.key
                self._held[piece.key].append(number)
                return
            self._held[piece.key] = deque()
            worker.holds = piece.key
        self._ask(number, piece.alone and piece.key not in self._made)

    def _ask(self, number: int, alone: bool) -> None:
        machine = self._machines[self._workers[number].machine]
        machine.asking.append((number, alone))
        self._let_in(machine)

    def _let_in(self, machine: _Machine) -> None:
        while machine.asking and not machine.alone and not (machine.asking[0][1] and machine.busy):
            number, machine.alone = machine.asking.popleft()
            machine.busy.add(number)
            self._begin(number)

    def _begin(self, number: int) -> None:
        worker = self._workers[number]
        assert worker.point is not None
        piece = self._points[worker.point][worker.place]
        restored = piece.key in self._made
        worker.number += 1
        worker.running = self._now, piece, restored
        begun = worker.number
        self._at(self._now + (self._restore_s if restored else piece.seconds), lambda: self._ends(number, begun))

    def _ends(self, number: int, begun: int) -> None:
        worker = self._workers[number]
        if worker.number != begun or worker.running is None:
            return
        piece = self._leave(number, killed=False)
        if piece.key is not None:
            self._made.add(piece.key)
        self._give_back(number)
        worker.place += 1
        self._go_on(number)

    def _leave(self, number: int, *, killed: bool) -> Piece:
        worker = self._workers[number]
        assert worker.running is not None
        assert worker.point is not None
        begin, piece, restored = worker.running
        alone = piece.alone and not restored
        span = Span(number, worker.machine, worker.point, piece.key, begin, self._now, alone, restored, killed)
        self._spans.append(span)
        worker.running = None
        machine = self._machines[worker.machine]
        machine.busy.discard(number)
        machine.alone = False
        self._let_in(machine)
        return piece

    def _give_back(self, number: int) -> None:
        """The worker's claim; whoever waits for it looks again."""
        worker = self._workers[number]
        waiting = self._held.pop(worker.holds, deque()) if worker.holds is not None else deque()
        worker.holds = None
        for other in waiting:
            self._workers[other].waits = None
            self._go_on(other)

    def _dies(self, number: int) -> None:
        worker = self._workers[number]
        if worker.point is None or worker.dead:
            return
        worker.dead = True
        worker.number += 1
        if worker.waits is not None:
            self._held[worker.waits].remove(number)
            worker.waits = None
        machine = self._machines[worker.machine]
        machine.asking = deque(entry for entry in machine.asking if entry[0] != number)
        self._todo.appendleft(worker.point)
        if worker.running is not None:
            self._leave(number, killed=True)
        worker.point = None
        self._let_in(machine)
        self._give_back(number)
        for other in range(len(self._workers)):
            self._take(other)  # where one was idle already
        self._at(self._now + self._back_s, lambda: self._comes_back(number))

    def _comes_back(self, number: int) -> None:
        self._workers[number].dead = False
        self._take(number)
