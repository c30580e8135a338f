"""A dvc.lock cut off anywhere becomes one that DVC reads, without a stage that is not as it was."""

import random
from itertools import pairwise
from pathlib import Path

import pytest
from dvc.schema import COMPILED_LOCKFILE_SCHEMA
from dvc.utils.serialize import YAMLFileCorruptedError, load_yaml

from pipeline import paths
from pipeline.cli import unlock_files
from tests.helpers import ROOT

WHOLE = (ROOT / paths.LOCK).read_text(encoding="utf-8")
STAGES = load_yaml(str(ROOT / paths.LOCK))["stages"]


def cured(text: str, folder: Path) -> tuple[dict, list[str]]:
    """The stages that are left, and what was said."""
    lock = folder / paths.LOCK
    said: list[str] = []
    lock.write_text(text, encoding="utf-8")
    unlock_files.cure_lock(said.append)
    return (load_yaml(str(lock))["stages"] if lock.exists() else {}), said


def test_a_whole_one_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert cured(WHOLE, tmp_path) == (STAGES, [])
    assert (tmp_path / paths.LOCK).read_text(encoding="utf-8") == WHOLE
    (tmp_path / paths.LOCK).unlink()
    unlock_files.cure_lock(print)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("end", [0, 1, 14, 20, *random.Random(5).sample(range(30, len(WHOLE) - 1), 12)])
def test_one_that_was_cut_off_anywhere(end: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found, said = cured(WHOLE[:end], tmp_path)
    if found:
        COMPILED_LOCKFILE_SCHEMA(load_yaml(str(tmp_path / paths.LOCK)))
    names = list(STAGES)
    # To their end are those behind which another one begins; the last may be there up to the end of a line.
    whole = [name for name, after in pairwise(names) if f"\n  {after}:" in WHOLE[:end]]
    assert [*found][: len(whole)] == whole
    assert len(found) <= len(whole) + 1
    assert {name: found[name] for name in whole} == {name: STAGES[name] for name in whole}
    assert said == [] or said[0].startswith("dvc.lock was cut off, as `kill -9` can leave it")
    if not WHOLE[:end].endswith("\n"):
        assert said


def test_dvc_refuses_such_a_file(tmp_path: Path) -> None:
    """What it is for."""
    (tmp_path / paths.LOCK).write_text(WHOLE[: WHOLE.index("hash: md5") + 3], encoding="utf-8")
    with pytest.raises(YAMLFileCorruptedError):
        load_yaml(str(tmp_path / paths.LOCK))


def test_only_names_of_dvc_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    name, cache = ".pTMq1kq0Fv0Y8mJ7-Kc_Ug.tmp", Path(".dvc/cache/files/md5/00")
    left = [Path("models", name), cache / f"x{name}"]
    kept = [Path("models/notes.tmp"), Path("data/.short.tmp"), cache / "abc", Path("x", name)]
    for path in (*left, *kept):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert sorted(unlock_files.remove_temporary()) == sorted(left)
    assert all(path.exists() for path in kept)
    assert not any(path.exists() for path in left)


def test_they_are_the_names_of_the_installed_dvc() -> None:
    from dvc_objects.fs.utils import tmp_fname

    for _ in range(100):
        assert unlock_files._TEMPORARY.fullmatch(tmp_fname())
        assert unlock_files._TEMPORARY.fullmatch(tmp_fname("name"))
