"""Marks, as the process that watches sees them. What comes of them is in tests/system/test_watch.py."""

from collections.abc import Iterator

import pytest

from pipeline.system import marks


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Iterator[marks.Page]:
    shared = marks.page()
    monkeypatch.setattr(marks, "_page", None)
    marks.show_on(shared)
    yield shared
    shared.close()


def test_nothing_stands_before_and_after(page: marks.Page) -> None:
    assert not marks.shown(page).stands
    with marks.mark("x", 1):
        assert marks.shown(page).stands
    assert not marks.shown(page).stands


def test_the_innermost_shows_and_the_outer_one_again_when_it_has_gone(page: marks.Page) -> None:
    with marks.mark("outer", 60):
        began = marks.shown(page).since
        with marks.mark("inner é", 5):
            shown = marks.shown(page)
            assert (shown.text, shown.seconds) == ("inner é", 5)
            assert shown.since >= began
        shown = marks.shown(page)
        assert (shown.text, shown.seconds, shown.since) == ("outer", 60, began)


def test_a_text_that_is_too_long_is_cut_and_one_that_was_said_is_no_mark(page: marks.Page) -> None:
    with marks.mark("a" * 100_000, 1):
        assert marks.shown(page).text.strip("a") == ""
        assert 60_000 < len(marks.shown(page).text) < 1 << 16
    marks.say(page, "done")
    assert marks.shown(page) == marks.Mark(False, 0.0, 0.0, "done")


def test_without_a_page_a_mark_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(marks, "_page", None)
    assert not marks.watched()
    with marks.mark("x", 1):
        pass
