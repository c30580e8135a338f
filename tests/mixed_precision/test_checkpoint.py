from pathlib import Path

from pipeline.mixed_precision import checkpoint


def test_what_is_known_is_not_measured_again(tmp_path: Path) -> None:
    asked: list[list[str]] = []

    def measure(question: list[str]) -> checkpoint.Measured:
        asked.append(question)
        return {"value": len(question) / 3}

    path = tmp_path / "a" / "b.jsonl"
    first = checkpoint.remembering(path, measure)
    assert first(["x", "y"]) == first(["x", "y"]) == {"value": 2 / 3}
    again = checkpoint.remembering(path, measure)
    assert again(["x", "y"]) == {"value": 2 / 3}
    assert again(["xy"]) == {"value": 1 / 3}
    assert asked == [["x", "y"], ["xy"]]


def test_a_line_that_was_cut_off_is_measured_again(tmp_path: Path) -> None:
    path = tmp_path / "b.jsonl"
    measure = lambda question: {"value": question[0]}  # noqa: E731
    for name in "ab":
        checkpoint.remembering(path, measure)([name])
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        for name in "ab":
            assert checkpoint.remembering(path, measure)([name]) == {"value": name}
        assert path.read_bytes() == whole


def test_the_digest_tells_parts_apart() -> None:
    assert checkpoint.digest([b"ab", b"c"]) != checkpoint.digest([b"a", b"bc"])
    assert checkpoint.digest([b"ab"]) == checkpoint.digest(iter([b"ab"]))
