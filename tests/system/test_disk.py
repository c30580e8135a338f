"""A full disk, a read-only one, a limit: each is one line, nothing is half-written, and the same command completes afterwards."""

import errno
import resource
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import yaml

from pipeline import errors, files, paths, stale
from pipeline.cli import deps
from pipeline.errors import UserError
from pipeline.mixed_precision import checkpoint
from pipeline.system import boundary, disk
from tests.helpers import ROOT, call
from tests.inprocess import leftovers
from tests.small_disk import SmallDisk, small_disk

FULL = "No space left on device; make room on that disk, and run the same again"
READ_ONLY = "Read-only file system; work in a copy on a disk that can be written, and run the same again"
TOO_LARGE = "File too large; allow larger files (`ulimit -f`), or use a disk that does, and run the same again"


@contextmanager
def files_of_at_most(bytes: int) -> Iterator[None]:
    """As `ulimit -f` has it: whoever writes more into one file is refused in the middle of it."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


NUMBERS = np.arange(50_000, dtype=np.int64)


def _folder(write: Callable[[Path], None]) -> Callable[[Path], None]:
    def written(path: Path) -> None:
        with files.replacing(path) as temporary:
            write(temporary)

    return written


def _stored(folder: Path) -> None:
    folder.mkdir()
    array = files.stored(folder)("x", NUMBERS.shape, NUMBERS.dtype)
    array[0:10] = NUMBERS[:10]
    array[10 : len(NUMBERS)] = NUMBERS[10:]


WRITERS: dict[str, Callable[[Path], None]] = {
    "bytes": lambda path: files.write_bytes(path, bytes(100_000)),
    "text": lambda path: files.write_text(path, "x" * 100_000),
    "json": lambda path: files.write_json(path, ["x" * 1000] * 100),
    "graph": lambda path: files.write_graph(path, {}, {"x": NUMBERS}),
    "arrays": _folder(lambda folder: files.write_arrays(folder, {"x": NUMBERS})),
    "rows": _folder(lambda folder: files.write_rows(folder, ({"x": NUMBERS} for _ in range(3)), count=3)),
    "samples": _folder(lambda folder: files.write_samples(folder, [{"x": NUMBERS[:1]}], count=1, labels=NUMBERS)),
}


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("before", [True, False])
def test_what_is_written_in_part_is_one_line_and_leaves_what_was_there(kind: str, before: bool, tmp_path: Path) -> None:
    target = tmp_path / "deep" / "out"
    old = target / "old" if kind in ("arrays", "rows", "samples") else target
    if before:
        files.write_text(old, "old")
    with pytest.raises(UserError) as refused, files_of_at_most(20_000):
        WRITERS[kind](target)
    assert str(refused.value) == f"{target}: {TOO_LARGE}"
    assert [path.read_text() for path in target.parent.rglob("*") if path.is_file()] == (["old"] if before else [])
    WRITERS[kind](target)
    assert target.exists()


def test_rows_stored_in_any_order_name_the_folder_that_was_asked_for(tmp_path: Path) -> None:
    """They are written by a process of its own, whose error goes through another one."""
    with pytest.raises(UserError) as refused, files_of_at_most(20_000):
        _folder(_stored)(tmp_path / "out")
    assert str(refused.value) == f"{tmp_path}/out/x.npy: {TOO_LARGE}"
    assert list(tmp_path.iterdir()) == []
    _folder(_stored)(tmp_path / "out")
    np.testing.assert_array_equal(np.load(tmp_path / "out" / "x.npy"), NUMBERS)


def test_a_search_that_cannot_note_what_it_measured_says_so(tmp_path: Path) -> None:
    ask = checkpoint.remembering(tmp_path / "seen.jsonl", lambda question: {"long": "x" * 30_000})
    with pytest.raises(UserError, match=r"seen\.jsonl: File too large"), files_of_at_most(20_000):
        ask(["a"])
    again = checkpoint.remembering(tmp_path / "seen.jsonl", lambda question: {"short": len(question)})
    assert again(["a"]) == {"short": 1}


def _into_a_file() -> None:
    with disk.temporary_file() as stream:
        stream.write(bytes(100_000))


def _into_a_folder() -> None:
    with disk.temporary_folder() as folder:
        (folder / "x").write_bytes(bytes(100_000))


@pytest.mark.parametrize("write", [_into_a_file, _into_a_folder])
def test_temporary_files_name_their_place(write: Callable[[], None]) -> None:
    with pytest.raises(UserError) as refused, files_of_at_most(20_000):
        write()
    assert str(refused.value) == f"TMPDIR ({tempfile.gettempdir()}): {TOO_LARGE}"


def test_a_file_that_is_read_is_no_place_that_cannot_be_written(tmp_path: Path) -> None:
    """A photograph that this user may not read, met while a set is written."""
    with pytest.raises(PermissionError), files.replacing(tmp_path / "data" / "set"):
        raise PermissionError(13, "Permission denied", "photographs/1.jpg")
    with pytest.raises(SystemExit, match=r"^error: photographs/1.jpg: Permission denied; let this user read"):
        errors.run(_unreadable)


def test_a_disk_that_is_full_while_a_file_is_read_is_not_that_files_fault(tmp_path: Path) -> None:
    with pytest.raises(UserError) as refused, boundary.reading(tmp_path / "network.keras", kind="a network"):
        raise OSError(errno.ENOSPC, "No space left on device", "/tmp/unpacked")
    assert str(refused.value) == f"/tmp/unpacked: {FULL}"


def _unreadable() -> None:
    raise PermissionError(13, "Permission denied", "photographs/1.jpg")


def test_no_place_for_temporary_files() -> None:
    done = call(
        "python",
        "-c",
        "import pipeline, tempfile\n"
        "from pipeline import errors\nfrom pipeline.system import disk\n"
        "tempfile._candidate_tempdir_list = lambda: ['/proc/none']\n"
        "def main():\n    with disk.temporary_folder(): pass\n"
        "errors.run(main)",
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 1
    tried = "error: TMPDIR: No usable temporary directory found in ['/proc/none']"
    assert done.stdout == f"{tried}; make room there, or set it to a folder that can be written\n"


def test_standard_output_that_is_full_is_no_success() -> None:
    program = "from pipeline import errors; errors.run(lambda: print('done'))"
    done = call("sh", "-c", f'python -c "{program}" > /dev/full', cwd=ROOT, check=False)
    assert (done.returncode, done.stdout) == (1, f"error: what is written: {FULL}\n")


# Each stage that writes, with the arguments it is tried with and how much of the room it needs it gets.
STAGES: dict[str, tuple[tuple[str, ...], tuple[float, ...]]] = {
    "check": ((), (0,)),
    "load": ((), (0, 0.6)),
    "sample": ((), (0.5,)),
    "match": ((), (0,)),
    "reference": ((), (0.5,)),
    "convert": ((), (0.5,)),
    "calibrate": ((), (0.5,)),
    "search": (("mixed",), (0,)),
    "quantize": (("int8",), (0.5,)),
    "predict": (("int8",), (0, 0.5)),
    "verify": (("int8",), (0.5,)),
    "benchmark": (("int8",), (0,)),
    "simulate": (("int8",), (0,)),
    "evaluate": ((), (0.5,)),
    "select": ((), (0, 0.9)),
    "report": ((), (0, 0.5)),
    "gate": ((), (0,)),
}
CASES = [(name, arguments, share) for name, (arguments, shares) in STAGES.items() for share in shares]
CASES.append(("quantize", ("converter_int8",), 0.5))


def test_every_stage_that_writes_is_tried() -> None:
    assert set(STAGES) == {name for name, stage in deps.stages(ROOT).items() if stage.get("outs")}


@pytest.fixture(scope="module")
def small(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallDisk]:
    """A finished project on a small disk. Each test puts back what it changed."""
    with small_disk(tmp_path_factory.mktemp("small"), size="48m") as made:
        shutil.copytree(finished, made.files / "project", symlinks=True)
        yield made


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a project but what DVC, git and Python keep, and what a search has measured."""
    own = {".dvc", ".git", ".cache", "__pycache__"}
    found = (path for path in folder.rglob("*") if path.is_file() and not own & {*path.relative_to(folder).parts})
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def restore(folder: Path, wanted: dict[str, bytes]) -> None:
    for name in contents(folder).keys() - wanted.keys():
        (folder / name).unlink()
    for name, content in wanted.items():
        files.write_bytes(folder / name, content)


def outs(stage: str, arguments: tuple[str, ...]) -> list[str]:
    """What a stage writes, as dvc.yaml has it."""
    named = yaml.safe_load((ROOT / paths.DVC).read_text(encoding="utf-8"))["stages"][stage]
    entries = [*named.get("do", named).get("outs", []), *named.get("do", named).get("metrics", [])]
    names = [entry if isinstance(entry, str) else next(iter(entry)) for entry in entries]
    return [name.replace("${key}", "".join(arguments)).replace("${item}", "".join(arguments)) for name in names]


def started(small: SmallDisk, stage: str, arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What DVC and the stage remove when it starts is gone."""
    monkeypatch.chdir(small.files / "project")
    stale.remove(stage)
    shutil.rmtree(paths.SEARCHED, ignore_errors=True)
    written = outs(stage, arguments)
    for name in written:
        disk.erase(Path(name))
    return written


# What stages run that the shipped configuration does not have.
MORE = (
    "quantization=[float32,int8,converter_int8]",
    "search=[mixed]",
    "searches.mixed.steps=2",
    "select.target=tflite_micro",
    "select.drop_bound=estimate",
)


@pytest.mark.slow
@pytest.mark.parametrize(("stage", "arguments", "share"), CASES)
def test_a_full_disk_is_one_line_and_the_stage_completes_afterwards(
    stage: str, arguments: tuple[str, ...], share: float, small: SmallDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = small.files / "project"
    before = contents(project)
    command = ("python", "-m", f"pipeline.{stage}", *arguments)
    try:
        if stage in ("search", "simulate") or arguments == ("converter_int8",):
            small.run("python", "-m", "pipeline.cli.compose", *MORE, folder="project")
        whole = {name: content for name, content in contents(project).items() if not name.startswith("reports/benchmark/")}
        written = started(small, stage, arguments, monkeypatch)
        removed = [len(whole[name]) for name in whole.keys() - contents(project).keys() if name.startswith(tuple(written))]
        small.fill(left=int(share * sum(-(-length // 4096) * 4096 for length in removed)))
        refused = small.run(*command, folder="project", check=False)
        assert refused.returncode == 1, refused.stdout
        assert "Traceback" not in refused.stdout
        last = refused.stdout.splitlines()[-1]
        assert last.startswith(tuple(f"error: {name}" for name in (*written, paths.SEARCHED.as_posix()))), last
        assert last.endswith(f": {FULL}"), last
        assert leftovers(project) == []
        # Of what it writes, what is there is whole.
        after = {name: content for name, content in contents(project).items() if not name.startswith("reports/benchmark/")}
        assert after == {name: whole.get(name) for name in after}
        small.make_room()
        small.run(*command, folder="project")
        again = contents(project)
        assert all(any(found.startswith(name) for found in again) for name in written)
        assert [name for name in whole if name.startswith(tuple(written)) and again.get(name) != whole[name]] == []
    finally:
        small.make_room()
        restore(project, before)


@pytest.mark.slow
def test_a_read_only_disk_is_one_line(small: SmallDisk, monkeypatch: pytest.MonkeyPatch) -> None:
    project = small.files / "project"
    before = contents(project)

    def said(*command: str) -> str:
        done = small.run(*command, folder="project", check=False)
        assert done.returncode == 1
        return done.stdout.splitlines()[-1]

    try:
        small.read_only(True)
        assert said("python", "-m", "pipeline.predict", "int8") == f"error: {paths.SELECTED}: {READ_ONLY}"
        assert said("python", "-m", "pipeline.cli.compose", "seed=1") == f"error: .dvc/tmp/make.lock: {READ_ONLY}"
        for stage, first in (("load", "models/source"), ("sample", "data/calibration"), ("convert", "models/float32.tflite")):
            small.read_only(False)
            restore(project, before)
            started(small, stage, (), monkeypatch)
            left = contents(project)
            small.read_only(True)
            assert said("python", "-m", f"pipeline.{stage}") == f"error: {first}: {READ_ONLY}"
            assert contents(project) == left
    finally:
        small.read_only(False)
        restore(project, before)


@pytest.mark.slow
def test_a_verdict_that_cannot_be_written_is_none(finished: Path) -> None:
    """Exit code 1 would say that the file is not the network."""
    program = "python -m pipeline.cli.audit --model models/digits_cnn.keras --tflite models/float32.tflite --json > /dev/full"
    done = call("sh", "-c", program, cwd=finished, check=False)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (2, f"error: what is written: {FULL}")


@pytest.mark.slow
def test_dvc_on_a_full_disk_loses_nothing(small: SmallDisk, monkeypatch: pytest.MonkeyPatch) -> None:
    """DVC says what it could not keep in its cache, and leaves what it was copying there, which `make` removes."""
    project = small.files / "project"
    before = contents(project)
    cache = project / ".dvc" / "cache"
    kept = {path: path.read_bytes() for path in cache.rglob("*") if path.is_file()}
    try:
        for path in kept:
            path.unlink()
        started(small, "sample", (), monkeypatch)
        removed = before.keys() - contents(project).keys()
        room = sum(-(-len(before[name]) // 4096) * 4096 for name in removed if name.startswith("data/"))
        small.fill(left=room + 60_000)
        refused = small.run("dvc", "repro", "--force", "--single-item", "sample", folder="project", check=False)
        assert refused.returncode != 0
        assert "No space left on device" in refused.stdout
        small.make_room()
        small.run("python", "-m", "pipeline.cli.unlock", folder="project")
        assert list(cache.rglob("*.tmp")) == []
        small.run("dvc", "repro", "--force", "--single-item", "sample", folder="project")
        assert {name: content for name, content in contents(project).items() if name.startswith("data/")} == {
            name: content for name, content in before.items() if name.startswith("data/")
        }
    finally:
        small.make_room()
        restore(project, before)
        for path, content in kept.items():
            files.write_bytes(path, content)
