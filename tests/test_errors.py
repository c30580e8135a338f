import pytest

from pipeline.errors import UserError, one_of, run, shown


def test_a_user_error_ends_with_its_message_and_no_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    def main() -> None:
        raise UserError("conf: do this")

    with pytest.raises(SystemExit, match=r"^error: conf: do this$") as ended:
        run(main)
    assert ended.value.code not in (0, None)


def test_a_bug_keeps_its_traceback() -> None:
    with pytest.raises(ZeroDivisionError):
        run(lambda: print(1 / 0))


def test_one_of_lists_what_is_allowed() -> None:
    assert one_of("a", {"a": 1, "b": 2}, where="x") == "a"
    with pytest.raises(UserError, match=r"^x: unknown 'c'; allowed: a, b \(see y\)$"):
        one_of("c", {"b": 2, "a": 1}, where="x", hint=" (see y)")


@pytest.mark.parametrize("end", ["a\x1b[2J", "a\nerror: all is well", "a\u2028b", "a\x00", "a\ud800"])
def test_a_name_out_of_a_file_is_shown_as_letters(end: str) -> None:
    """A terminal obeys some, a line end makes a message of its own, and some cannot be printed."""
    text = shown(UserError(f"x.npz: has {end}; choose\n  y: another"))
    assert text == f"x.npz: has {end.encode('unicode_escape').decode()}; choose\n  y: another"


def test_what_is_long_is_shown_by_its_beginning_and_its_end() -> None:
    text = shown(UserError(f"data.csv: row 3 is '{'a' * 100_000}', no number; fix the table"))
    assert len(text) < 1000
    assert text.startswith("data.csv: row 3 is 'aaa")
    assert text.endswith("aaa', no number; fix the table")
