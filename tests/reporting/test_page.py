import jinja2
import pytest

from pipeline.reporting import page


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (None, 4, "–"),
        (0.123456, 4, "0.1235"),
        (23592, 0, "23,592"),
        (0.0, 4, "0.0000"),
        (1.5e-7, 4, "1.5e-07"),
        (0.00005, 4, "0.0001"),
    ],
)
def test_a_figure_and_one_that_does_not_exist(value: float | None, digits: int, text: str) -> None:
    assert page.number(value, digits) == text


def test_a_drop_has_its_sign_and_unit() -> None:
    assert page.difference(0.0123, True) == "1.2"
    assert page.difference(-0.0123, True) == "−1.2"
    assert page.difference(0.0123, False) == "0.012"
    assert page.difference(None, True) == "–"


def test_anything_in_a_cell() -> None:
    assert [page.cell(value) for value in (None, True, 0.123456789, 7, "x", ["a", 2.0])] == [
        "–",
        "yes",
        "0.123457",
        "7",
        "x",
        "a, 2",
    ]


def test_a_name_that_a_template_wants_and_nobody_gives_is_an_error() -> None:
    for render in (page.html, page.markdown):
        with pytest.raises(jinja2.UndefinedError):
            render({})
