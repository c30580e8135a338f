from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.comparison import text_table
from pipeline.comparison.text_table import Column, cut, sentences, table, wide

TEXTS = st.text("ab漢é_. |", max_size=60)


@st.composite
def columns(draw: st.DrawFn) -> list[Column]:
    rows = draw(st.integers(1, 4))
    made = [Column(heading="name", cells=["n" * 12] * rows)]
    for _ in range(draw(st.integers(0, 12))):
        cells = draw(st.lists(TEXTS, min_size=rows, max_size=rows))
        made.append(
            Column(
                heading=draw(TEXTS), cells=cells, right=draw(st.booleans()), least=draw(st.sampled_from([6, 8, None])), given_up=5
            )
        )
    return made


@settings(max_examples=100, deadline=None)
@given(columns(), st.booleans())
def test_no_line_is_wider_than_asked_for(made: list[Column], markdown: bool) -> None:
    lines, left = table(made, width=60, markdown=markdown)
    assert max(map(wide, lines)) <= 60
    assert len(lines) == len(made[0].cells) + 1 + markdown
    assert len(left) < len(made)


def test_room_is_made_by_gaps_then_headings_then_values_then_columns() -> None:
    def made() -> list[Column]:
        return [
            Column(heading="name", cells=["lucky-boar"]),
            Column(heading="calibration_samples", cells=["50"], right=True, least=6, given_up=9),
            Column(heading="method", cells=["moving_average"], least=6, given_up=9),
            Column(heading="bytes", cells=["23,592"], right=True),
        ]

    def line(width: int) -> list[str]:
        return table(made(), width=width, markdown=False)[0]

    assert line(60) == [
        "name        calibration_samples  method           bytes",
        "lucky-boar                   50  moving_average  23,592",
    ]
    assert line(54) == [
        "name       calibration_samples method          bytes",
        "lucky-boar                  50 moving_average 23,592",
    ]
    assert line(38) == ["name       cali… method          bytes", "lucky-boar    50 moving_average 23,592"]
    assert line(32) == ["name       cali… method    bytes", "lucky-boar    50 movin…ge 23,592"]
    lines, left = table(made(), width=26, markdown=False)
    assert lines == ["name       calibra…  bytes", "lucky-boar       50 23,592"]
    assert left == ["method"]


def test_markdown_is_a_table_of_github() -> None:
    made = [Column(heading="a", cells=["x", "yy"]), Column(heading="n", cells=["1", "22"], right=True)]
    assert table(made, width=40, markdown=True)[0] == ["| a  |  n |", "| -- | -: |", "| x  |  1 |", "| yy | 22 |"]
    assert table(made, width=7, markdown=True)[0] == ["|a | n|", "|--|-:|", "|x | 1|", "|yy|22|"]


def test_values_that_differ_look_different_when_they_are_cut() -> None:
    made = Column(
        heading="p", cells=["the_same_beginning_1_and_end", "the_same_beginning_2_and_end", "the_same_beginning_1_and_end"], least=6
    )
    (_, *cells), _ = table([made], width=12, markdown=False)
    assert cells[0] == cells[2] != cells[1]
    assert max(map(wide, cells)) <= 12


def test_cut_keeps_both_ends_or_the_beginning() -> None:
    assert cut("moving_average", 8) == "movin…ge"
    assert cut("moving_average", 8, end=True) == "moving_…"
    assert cut("short", 8) == "short"
    assert wide(cut("漢字漢字漢字", 7)) <= 7


def test_sentences_are_wrapped() -> None:
    lines = sentences(["one two three", "x" * 30, ""], width=9)
    assert lines[:2] == ["one two", "three"]
    assert max(map(wide, lines)) <= 9


def test_padding_counts_columns_of_the_terminal() -> None:
    assert text_table.padding("漢", 4, right=True) == "  漢"
    assert wide("e\u0301") == 1
