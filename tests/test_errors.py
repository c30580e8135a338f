import pytest

from pipeline.errors import UserError, one_of, run


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
