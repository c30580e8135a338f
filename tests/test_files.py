import hashlib
import json
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import files
from pipeline.errors import UserError


def test_replacing_a_file_leaves_the_old_one_when_the_work_fails(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(UnicodeEncodeError), files.replacing(target) as temporary:
        temporary.write_text("new \ud800", encoding="utf-8")
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
    assert target.read_text() == "old"


def test_replacing_a_folder_replaces_all_of_it(tmp_path: Path) -> None:
    target = tmp_path / "folder"
    target.mkdir()
    (target / "stale").touch()
    with files.replacing(target) as temporary:
        temporary.mkdir()
        (temporary / "fresh").touch()
    assert [path.name for path in target.iterdir()] == ["fresh"]


def test_json_has_the_same_bytes_whatever_the_order_of_keys(tmp_path: Path) -> None:
    one, two = tmp_path / "1", tmp_path / "2"
    files.write_json(one, {"b": 1, "a": [1.5, None]})
    files.write_json(two, {"a": [1.5, None], "b": 1})
    assert one.read_bytes() == two.read_bytes()
    assert json.loads(one.read_text()) == {"a": [1.5, None], "b": 1}


def test_json_refuses_nan(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        files.write_json(tmp_path / "x.json", {"a": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_missing_and_broken_files_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file; run `dvc repro`"):
        files.read_bytes(tmp_path / "none")
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(UserError, match=r"not readable as JSON .*; run `dvc repro`"):
        files.read_json(tmp_path / "broken.json")
    with pytest.raises(UserError, match="holds no arrays; run `dvc repro`"):
        files.read_arrays(tmp_path)


@given(name=st.text(st.characters(codec="utf-8"), min_size=1, max_size=30))
def test_any_tensor_name_becomes_one_file_and_comes_back(name: str) -> None:
    path = files.array_path(Path("folder"), name)
    assert path.parent == Path("folder")
    assert files.array_name(path) == name


def test_rows_are_written_as_they_come_and_read_memory_mapped(tmp_path: Path) -> None:
    rows = [{"x:0": np.full((2, 3), i, np.float32), "a/b": np.array(i, np.int32)} for i in range(4)]
    files.write_rows(tmp_path / "out", iter(rows), count=4)
    back = files.read_arrays(tmp_path / "out")
    assert list(back) == ["a/b", "x:0"] or list(back) == ["x:0", "a/b"]
    assert all(isinstance(array, np.memmap) for array in back.values())
    np.testing.assert_array_equal(back["x:0"], np.stack([row["x:0"] for row in rows]))
    np.testing.assert_array_equal(back["a/b"], [0, 1, 2, 3])


def test_rows_of_another_shape_are_refused_even_where_numpy_would_broadcast(tmp_path: Path) -> None:
    rows = [{"x": np.zeros((2, 3))}, {"x": np.zeros((1, 3))}]
    with pytest.raises(UserError, match=r"x: sample 1 has shape \[1, 3\], the first has \[2, 3\]; bring them to one shape"):
        files.write_rows(tmp_path / "out", rows, count=2)


def test_samples_keep_an_input_called_labels_apart_from_the_labels(tmp_path: Path) -> None:
    samples = [{"labels": np.array([i], np.float32)} for i in range(3)]
    files.write_samples(tmp_path / "set", samples, count=3, labels=np.array([7, 8, 9]))
    np.testing.assert_array_equal(files.read_samples(tmp_path / "set")["labels"], [[0], [1], [2]])
    np.testing.assert_array_equal(files.read_targets(tmp_path / "set")["labels"], [7, 8, 9])


def test_no_labels(tmp_path: Path) -> None:
    files.write_samples(tmp_path / "set", [{"x": np.zeros(1)}], count=1, labels=None)
    assert files.read_targets(tmp_path / "set") == {}


def test_a_folder_s_digest_sees_names_and_contents_but_not_line_ends(tmp_path: Path) -> None:
    def digest(**contents: bytes) -> str:
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        (folder / "sub").mkdir(parents=True)
        for name, content in contents.items():
            (folder / "sub" / f"{name}.yaml").write_bytes(content)
        return files.folder_digest(folder)

    assert digest(a=b"1\n", b=b"2\n") == digest(b=b"2\r\n", a=b"1\n")
    different = {digest(a=b"1\n", b=b"2\n"), digest(a=b"1\n2\n"), digest(a=b"2\n", b=b"1\n"), digest(ab=b"1\n2\n")}
    assert len(different) == 4


def test_the_digest_of_a_file_is_that_of_its_content(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc" * 100_000)
    assert files.content_sha256(tmp_path / "a") == hashlib.sha256(b"abc" * 100_000).hexdigest()


class Line(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    n: int


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    line = Line(name="a", n=3)
    files.write_json(tmp_path / "line.json", msgspec.to_builtins(line))
    assert files.read_record(tmp_path / "line.json", Line) == line


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ('{"name": "a", "n": "3"}', "Expected `int`, got `str` - at `$.n`"),
        ('{"name": "a", "n": 3, "m": 4}', "Object contains unknown field `m`"),
        ('{"name": "a"}', "Object missing required field `n`"),
        ('{"name": "a", "n": 3', "Input data was truncated"),
    ],
)
def test_a_record_of_another_shape_is_refused_with_its_place(tmp_path: Path, content: str, what: str) -> None:
    path = tmp_path / "line.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(UserError) as refused:
        files.read_record(path, Line)
    assert str(refused.value) == f"{path}: {what}; run `dvc repro` to make it again"
    with pytest.raises(UserError, match="no such file; run `dvc repro`"):
        files.read_record(tmp_path / "none.json", Line)
