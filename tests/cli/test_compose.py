from pathlib import Path

import yaml

from pipeline.cli.compose import compose, without_gone
from tests.helpers import ROOT, call


def test_composes_what_dvc_would(project: Path) -> None:
    """`dvc exp run` rewrites params.yaml by itself; both must write the same bytes."""
    call("dvc", "exp", "run", "-S", "gate.enabled=false", cwd=project)
    assert (project / "params.yaml").read_text(encoding="utf-8") == compose(ROOT, ["gate.enabled=false"])


def test_an_experiment_file_overrides_under_one_name() -> None:
    assert list(yaml.safe_load(compose(ROOT, ["experiment=microcontroller"]))["variants"]) == ["float32", "int8", "int16x8"]


def test_every_variant_of_conf_composes() -> None:
    names = sorted(path.stem for path in (ROOT / "conf" / "quantization").glob("[!_]*.yaml"))
    usable = [name for name in names if name != "mixed"]
    assert list(yaml.safe_load(compose(ROOT, [f"quantization=[{','.join(usable)}]"]))["variants"]) == usable


def test_a_search_becomes_a_stage(project: Path) -> None:
    call("python", "-m", "pipeline.cli.compose", "search=[mixed]", cwd=project)
    assert "search@mixed" in call("dvc", "stage", "list", "--name-only", cwd=project).stdout


def test_keeps_the_file_when_nothing_changed(project: Path) -> None:
    before = (project / "params.yaml").stat().st_mtime_ns
    call("python", "-m", "pipeline.cli.compose", cwd=project)
    assert (project / "params.yaml").stat().st_mtime_ns == before


def test_a_bad_override_keeps_the_old_file(project: Path) -> None:
    before = (project / "params.yaml").read_bytes()
    done = call("python", "-m", "pipeline.cli.compose", "+seeed=1", cwd=project, check=False)
    assert done.returncode == 1
    assert "error: conf: seeed: unknown key (did you mean 'seed'?)" in done.stdout
    assert "Traceback" not in done.stdout
    assert (project / "params.yaml").read_bytes() == before


def test_clears_away_what_a_removed_variant_left(project: Path) -> None:
    call("python", "-m", "pipeline.cli.compose", "quantization=[float32,int8]", cwd=project)
    for folder in ("models/variants", "data/outputs"):
        assert sorted(path.name for path in (project / folder).iterdir()) == ["float32", "int8"]
    for folder in ("reports/verify", "reports/benchmark"):
        assert sorted(path.name for path in (project / folder).iterdir()) == ["float32.json", "int8.json"]
    locked = yaml.safe_load((project / "dvc.lock").read_text(encoding="utf-8"))["stages"]
    assert {name.split("@")[1] for name in locked if "@" in name} == {"float32", "int8"}
    assert {"load", "evaluate", "gate"} <= set(locked)


def test_the_lock_of_the_default_run_holds_the_graph_and_nothing_else() -> None:
    locked = yaml.safe_load((ROOT / "dvc.lock").read_text(encoding="utf-8"))["stages"]
    variants = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))["variants"]
    assert {name.split("@")[1] for name in locked if "@" in name} == set(variants)


def test_the_lock_keeps_its_text_apart_from_what_is_gone() -> None:
    kept = "schema: '2.0'\nstages:\n  load:\n    cmd: a\n  predict@int8:\n    cmd: b\n"
    gone = "  predict@old:\n    cmd: c\n    outs:\n    - path: data/outputs/old\n"
    assert without_gone(kept + gone + "  gate:\n    cmd: d\n", {"int8"}) == kept + "  gate:\n    cmd: d\n"
