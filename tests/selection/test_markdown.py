"""Read back by a Markdown parser of others (markdown-it-py): whatever users name shows itself and is nothing else."""

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from pipeline.selection import markdown

TABLE = "| a | b | c |\n|---|---|---|\n| {{ x }} | {{ x | code }} | {{ x }}{{ x }} |\n"


class Cells(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)
        if tag == "td":
            self.texts.append("")

    def handle_data(self, data: str) -> None:
        if self.tags and "td" in self.tags:
            self.texts[-1] += data


def read(content: str) -> Cells:
    cells = Cells()
    cells.feed(MarkdownIt("commonmark").enable("table").enable("strikethrough").render(content))
    return cells


def shown(text: str) -> str:
    """As a browser shows it: white space in a row is one space, and the parser puts U+FFFD for what is no character."""
    return re.sub(r"\s+", "", text)


PLAIN = ["table", "thead", "tr", "th", "th", "th", "tbody", "tr", "td", "td", "code", "td"]


@pytest.mark.parametrize(
    "name",
    [
        "<script>alert(1)</script>",
        "a|b",
        "`touch planted`",
        "``",
        "[x](javascript:alert(1))",
        "![x](http://a/b.png)",
        "<http://a.b>",
        "**bold** _em_ __x__ ~~no~~ *a*",
        "a\n\n# heading\n| x | y |",
        "\\",
        "\\|",
        "&lt;b&gt;",
        "dynamic_int8 and _x",
        "\x1b[31mred",
        "[a]: http://b",
        "a\u2028b",
    ],
)
def test_what_it_is_named_is_what_it_shows(name: str) -> None:
    cells = read(markdown.environment().from_string(TABLE).render(x=name))
    assert cells.tags == PLAIN
    wanted = shown(re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+", " ", name))
    assert [shown(text) for text in cells.texts] == [wanted, wanted, wanted * 2]


@given(st.text(st.sampled_from("ab_*`|\\<>&[]()!~#:\n\"' -=+{}"), max_size=12).filter(str.strip))
def test_any_text_is_text(name: str) -> None:
    cells = read(markdown.environment().from_string(TABLE).render(x=name))
    assert cells.tags == PLAIN
    wanted = shown(name)
    assert [shown(text) for text in cells.texts] == [wanted, wanted, wanted * 2]


def test_the_parser_would_see_what_is_not_escaped() -> None:
    assert read(TABLE.replace("{{ x }}", "<b>`|").replace("{{ x | code }}", "x")).tags != PLAIN


def test_a_name_without_underscores_at_its_ends_is_readable_in_a_terminal() -> None:
    assert markdown.text("dynamic_int8, 32 % of the float32 file [1, 8]") == "dynamic_int8, 32 % of the float32 file [1, 8]"
