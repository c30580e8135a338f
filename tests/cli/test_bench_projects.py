import shutil
from pathlib import Path

import numpy as np
import pytest

from pipeline import paths
from pipeline.cli import bench_projects as projects
from pipeline.errors import UserError
from tests.helpers import call


def test_a_clone_has_nothing_in_it_that_a_run_has_made(tmp_path: Path) -> None:
    target = projects.clone(tmp_path / "clone")
    assert (target / paths.DVC).exists()
    assert not (target / projects.LOCK).exists()
    assert not (target / paths.METRICS).exists()
    assert call("git", "status", "--porcelain", cwd=target).stdout == ""


def test_synchronizing_touches_only_what_differs(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    for name in ("same", "changed", "folder/new"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text("source")
    projects.synchronize(source, target)
    (target / "changed").write_text("other")
    (target / "folder/new").unlink()
    for name in ("more/deep/file", "__pycache__/compiled.pyc"):
        (target / name).parent.mkdir(parents=True)
        (target / name).write_text("stray")
    number = (target / "same").stat().st_ino
    projects.synchronize(source, target)
    found = {path.relative_to(target).as_posix(): path.read_text() for path in target.rglob("*") if path.is_file()}
    assert found == dict.fromkeys(("same", "changed", "folder/new"), "source") | {"__pycache__/compiled.pyc": "stray"}
    assert not (target / "more").exists()
    assert (target / "same").stat().st_ino == number
    assert (target / "changed").stat().st_mtime_ns == (source / "changed").stat().st_mtime_ns


def test_a_command_that_fails_says_what_it_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"python -c .* ended with 1 in .*\n.*no such thing"):
        projects.run("python", "-c", "import sys; sys.exit('no such thing')", cwd=tmp_path)


def test_the_stages_that_ran_are_told_from_those_skipped_or_restored() -> None:
    lines = ("Stage 'load' is cached - skipping run", "Running stage 'gate':", "> python", "Running stage 'verify@int8':")
    said = "\n".join([*lines, "'select' didn't change"])
    assert projects.stages_run(said) == {"gate", "verify@int8"}


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc (Linux)")
def test_the_peak_of_memory_is_that_of_the_command(tmp_path: Path) -> None:
    held = "import time; held = bytearray(b'x') * 300_000_000; time.sleep(0.1)"
    with_it, without = (
        projects.peak_megabytes("python", "-c", code, cwd=tmp_path) for code in (held, "import time; time.sleep(0.1)")
    )
    for kind in ("resident", "anonymous"):
        assert 290 < with_it[kind] - without[kind] < 320
    assert without["resident"] < 60  # not what this process holds
    with pytest.raises(UserError, match="ended with 3"):
        projects.peak_megabytes("python", "-c", "raise SystemExit(3)", cwd=tmp_path)


def edges(project: Path) -> set[str]:
    return {line.strip() for line in call("dvc", "dag", "--dot", cwd=project).stdout.splitlines() if "->" in line}


def test_the_empty_graph_has_the_same_stages_and_edges_and_nothing_to_do(finished: Path, tmp_path: Path) -> None:
    target = projects.empty_graph(finished, tmp_path / "graph")
    listed = [call("dvc", "stage", "list", "--name-only", cwd=project).stdout.split() for project in (finished, target)]
    assert listed[0] == listed[1]
    assert len(edges(target)) > len(listed[0])
    assert edges(finished) == edges(target)
    kept = [path for path in (target / ".cache").rglob("*") if path.is_file()]
    assert max(path.stat().st_size for path in kept) < 100
    for stage in projects.lock(target).values():
        assert "params" not in stage
        assert not [dep for dep in stage["deps"] if dep["path"].startswith(("pipeline", "conf"))]
    assert projects.stages_run(projects.run("dvc", "repro", cwd=target)) == set()
    assert projects.stages_run(projects.run("dvc", "repro", "--force", cwd=target)) == set(listed[0])


@pytest.mark.slow
def test_the_restoring_graph_ends_with_the_same_outputs(project: Path, finished: Path) -> None:
    projects.restoring_graph(project)
    before = projects.lock(finished)
    said = projects.run("dvc", "repro", "--force", cwd=project)
    after = projects.lock(project)
    assert projects.stages_run(said) == set(before) == set(after)
    for name, stage in after.items():
        assert stage["cmd"].startswith("cp ")
        assert {key: value for key, value in stage.items() if key != "cmd"} == {
            key: value for key, value in before[name].items() if key != "cmd"
        }


def test_the_images_are_smooth_seeded_and_not_alike() -> None:
    images = projects.smooth_images(3, side=32, seed=1)
    assert images.shape == (3, 32, 32, 3)
    assert images.dtype == np.uint8
    assert np.abs(np.diff(images.astype(int), axis=1)).max() <= np.ceil(255 * 3 / 31)
    assert (images == projects.smooth_images(3, side=32, seed=1)).all()
    assert (images[0] != images[1]).mean() > 0.9


def test_what_is_written_for_a_network_is_composed(tmp_path: Path) -> None:
    shutil.copytree(projects.ROOT / "conf", tmp_path / "conf")
    shutil.copytree(projects.ROOT / "hydra_plugins", tmp_path / "hydra_plugins")
    for name in ("pipeline", ".dvc/config", "dvc.yaml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).symlink_to(projects.ROOT / name)
    projects.write_conf(tmp_path, name="mobilenetv2", sets=projects.SETS)
    call("python", "-m", "pipeline.cli.compose", *projects.MOBILENETV2, cwd=tmp_path)
    assert "path: data/mobilenetv2.npz" in (tmp_path / paths.PARAMS).read_text(encoding="utf-8")
