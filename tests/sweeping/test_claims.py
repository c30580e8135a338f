import threading
import time
from collections.abc import Callable

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from pipeline.sweeping import claims
from pipeline.sweeping.claims import Claims, Failed


class _Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_one_runs_and_the_others_wait_until_it_is_done() -> None:
    held = Claims()
    assert held.ask("key", "a") == "yours"
    assert held.ask("key", "b") == "wait"
    assert held.ask("other", "b") == "yours"
    held.done("key", "a", None)
    assert held.ask("key", "b") == "yours"
    assert held.made() == ["key"]


def test_what_failed_is_not_tried_again() -> None:
    held = Claims()
    held.ask("key", "a")
    held.done("key", "a", "no such file")
    with pytest.raises(Failed, match="no such file"):
        held.ask("key", "b")
    assert held.made() == []


def test_what_one_held_that_has_ended_is_free() -> None:
    held = Claims()
    held.ask("key", "a")
    held.leave("a")
    assert held.ask("key", "b") == "yours"


def test_who_is_silent_loses_its_claims_and_cannot_give_them_back() -> None:
    clock = _Clock()
    held = Claims(clock)
    held.ask("key", "a")
    clock.now = claims.SILENT_S
    assert held.ask("key", "b") == "wait"
    held.renew("a")
    clock.now = 2 * claims.SILENT_S
    assert held.ask("key", "b") == "wait"
    clock.now += 0.1
    assert held.ask("key", "b") == "yours"
    held.done("key", "a", "killed")
    assert held.ask("key", "c") == "wait"


def test_who_was_started_again_goes_on() -> None:
    held = Claims()
    held.ask("key", "a")
    assert held.ask("key", "a") == "yours"
    assert held.owners() == {"a"}


class _Workers(RuleBasedStateMachine):
    """Whatever workers do, no piece of work has two of them at once."""

    def __init__(self) -> None:
        super().__init__()
        self.claims, self.running = Claims(_Clock()), dict[str, str]()

    @rule(key=st.sampled_from("xyz"), owner=st.sampled_from("abc"))
    def ask(self, key: str, owner: str) -> None:
        free = self.running.get(key, owner) == owner
        assert (self.claims.ask(key, owner) == "yours") is free
        if free:
            self.running[key] = owner

    @rule(key=st.sampled_from("xyz"), owner=st.sampled_from("abc"))
    def done(self, key: str, owner: str) -> None:
        self.claims.done(key, owner, None)
        if self.running.get(key) == owner:
            del self.running[key]

    @rule(owner=st.sampled_from("abc"))
    def leave(self, owner: str) -> None:
        self.claims.leave(owner)
        self.running = {key: holder for key, holder in self.running.items() if holder != owner}

    @invariant()
    def done_pieces_are_known(self) -> None:
        assert set(self.claims.made()) <= set("xyz")


TestWorkers = _Workers.TestCase
TestWorkers.settings = settings(max_examples=50, stateful_step_count=20, deadline=None)


def test_threads_may_ask_at_once() -> None:
    held, ran = Claims(), list[str]()

    def work(owner: str) -> None:
        for key in map(str, range(50)):
            while held.ask(key, owner) == "wait":
                time.sleep(0.0001)
            if key not in held.made():  # as the run cache says
                ran.append(key)
            held.done(key, owner, None)

    threads: list[threading.Thread] = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    _all(thread.start for thread in threads)
    _all(thread.join for thread in threads)
    assert sorted(ran) == sorted(map(str, range(50)))


def _all(methods: "object") -> None:
    for method in methods:  # type: ignore[attr-defined]
        call: Callable[[], None] = method
        call()
