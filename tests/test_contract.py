"""The rules of the repository's structure, each broken on purpose somewhere below or impossible to break unseen."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
import yaml

from pipeline import config, imports, paths
from pipeline.cli import deps
from pipeline.cli.compose import compose
from tests.helpers import ROOT, call

FLOOR = ("errors", "files", "imports", "options", "paths", "progress", "stale", "system")
STAGES = [path.stem for path in sorted((ROOT / "pipeline").glob("*.py")) if path.stem not in ("__init__", "config", *FLOOR)]


def test_every_stage_is_a_module_a_command_and_a_test() -> None:
    assert sorted(deps.stages(ROOT)) == STAGES
    for name, stage in deps.stages(ROOT).items():
        command = stage["cmd"].split()
        assert command[:3] == ["python", "-m", f"pipeline.{name}"]
        assert command[3:] in ([], ["${key}"], ["${item}"])
        assert (ROOT / "tests" / f"test_{name}.py").exists()


SUBJECTS = sorted(path.name for path in (ROOT / "pipeline").iterdir() if path.is_dir() and any(path.glob("*.py")))

# Which subjects a module of a subject may import from; the ground floor (`FLOOR`) always.
ARROWS: dict[str, set[str]] = {
    "system": set(),
    "cluster": set(),
    "dataset": set(),
    "evaluation": {"failures"},
    "failures": {"quantization", "runtime", "tflite"},
    "tflite": set(),
    "runtime": {"tflite"},
    "quantization": {"tflite"},
    "selection": {"tflite", "dataset", "evaluation", "failures", "verification", "micro"},
    "source": {"tflite", "dataset"},
    "equivalence": {"tflite", "runtime"},
    "micro": {"tflite", "runtime", "equivalence"},
    "verification": {"tflite", "runtime", "quantization", "equivalence"},
    "mixed_precision": {"quantization", "runtime", "tflite", "verification"},
    "comparison": {"selection"},
    "sweeping": {"cluster"},
    "reporting": {"selection", "dataset", "evaluation", "failures", "verification"},
}
# Of these subjects, these modules only.
ONLY: dict[tuple[str, str], str | tuple[str, ...]] = {
    ("source", "dataset"): "pipeline.dataset.batches",
    # The record of a file is the one thing that other subjects may import from those of the stage that writes it.
    ("selection", "dataset"): "pipeline.dataset.split_record",
    ("reporting", "dataset"): "pipeline.dataset.split_record",
    ("failures", "runtime"): "pipeline.runtime.apart",
    ("evaluation", "failures"): "pipeline.failures.failure_record",
    ("selection", "failures"): "pipeline.failures.failure_record",
    ("reporting", "failures"): "pipeline.failures.failure_record",
    ("selection", "evaluation"): ("pipeline.evaluation.accuracy_report", "pipeline.evaluation.statistics"),
    ("reporting", "evaluation"): "pipeline.evaluation.accuracy_report",
    ("selection", "verification"): "pipeline.verification.verify_report",
    ("reporting", "verification"): "pipeline.verification.verify_report",
    ("verification", "equivalence"): "pipeline.equivalence.conversion_record",
    ("verification", "quantization"): "pipeline.quantization.schemes",
    ("micro", "equivalence"): "pipeline.equivalence.local_comparison",
    ("selection", "micro"): "pipeline.micro.simulation_report",
    ("comparison", "selection"): ("pipeline.selection.metrics_report", "pipeline.selection.markdown"),
    ("mixed_precision", "verification"): "pipeline.verification.fidelity",
}


@pytest.mark.parametrize("subject", [subject for subject in SUBJECTS if subject != "custom"])
def test_every_module_has_its_test(subject: str) -> None:
    modules = {path.stem for path in (ROOT / "pipeline" / subject).glob("*.py")}
    tests = {path.stem.removeprefix("test_") for path in (ROOT / "tests" / subject).glob("test_*.py")}
    assert modules == tests


def test_the_subjects_are_those_with_an_arrow() -> None:
    assert set(SUBJECTS) == {*ARROWS, "cli", "custom"}


@pytest.mark.parametrize("subject", ARROWS)
def test_imports_go_one_way(subject: str) -> None:
    for path in (ROOT / "pipeline" / subject).glob("*.py"):
        for name in imports.imported(path):
            package, _, rest = name.partition(".")
            other = rest.split(".")[0]
            if package != "pipeline" or other in ("", subject, *FLOOR):
                continue
            assert other in ARROWS[subject], f"{path.name} imports {name}"
            only = ONLY.get((subject, other), f"pipeline.{other}")
            assert name == f"pipeline.{other}" or name.startswith(only), f"{path.name} imports {name}, not {only}"


@pytest.mark.parametrize("stage", STAGES)
def test_deps_are_the_import_closure(stage: str) -> None:
    code = [dep for dep in deps.stages(ROOT)[stage]["deps"] if dep.startswith("pipeline/")]
    used = imports.closure(ROOT, stage)
    assert all(any(module == dep or module.startswith(f"{dep}/") for dep in code) for module in used)
    assert sorted(code) == deps.shortened(ROOT, stage, used), "run `make deps`"


# Modules whose edit re-runs a stage that does not import them, as a folder stands for its modules. May only get fewer.
NEEDLESS: dict[str, set[str]] = {
    "sample": {"dataset/batches"},
    "quantize": {"quantization/histograms", "quantization/range_estimators"},
}


@pytest.mark.parametrize("stage", STAGES)
def test_needless_runs_are_those_listed(stage: str) -> None:
    found = {module.removeprefix("pipeline/").removesuffix(".py") for module in deps.needless(ROOT, stage)}
    assert found == NEEDLESS.get(stage, set())


@pytest.mark.parametrize("stage", STAGES)
def test_stages_never_import_each_other(stage: str) -> None:
    others = {f"pipeline.{other}" for other in STAGES} - {f"pipeline.{stage}"}
    assert not imports.imported(ROOT / "pipeline" / f"{stage}.py") & others


@pytest.mark.parametrize("stage", STAGES)
def test_only_four_stages_reach_tensorflow(stage: str) -> None:
    reaches = any("tensorflow" in imports.imported(ROOT / path) for path in imports.closure(ROOT, stage))
    # quantize imports it inside the converter engine only, as the next test shows.
    assert reaches == (stage in ("load", "reference", "convert", "quantize"))


@pytest.mark.parametrize("stage", [stage for stage in STAGES if stage not in ("load", "reference", "convert")])
def test_importing_a_stage_does_not_import_tensorflow(stage: str) -> None:
    script = f"import sys, pipeline.{stage}; sys.exit('tensorflow' in sys.modules or 'sklearn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False).returncode == 0


@pytest.fixture(scope="module")
def copied(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy to run stages in, which remove what the last run has chosen and reported."""
    return Path(shutil.copytree(finished, tmp_path_factory.mktemp("stages") / "project", symlinks=True))


@pytest.mark.parametrize("stage", ["calibrate", "quantize", "predict", "verify", "benchmark", "evaluate", "select", "report"])
def test_running_a_stage_does_not_import_tensorflow(stage: str, copied: Path, tmp_path: Path) -> None:
    """With a tensorflow on the path that cannot be imported, the stage still does its work."""
    (tmp_path / "tensorflow.py").write_text("raise SystemExit('tensorflow was imported')")
    arguments = ["int8"] if "${key}" in deps.stages(ROOT)[stage]["cmd"] else []
    call("python", "-m", f"pipeline.{stage}", *arguments, cwd=copied, PYTHONPATH=f"{tmp_path}:{copied}")


def test_a_stage_opens_what_dvc_yaml_names(project: Path) -> None:
    """Every file below the repository that Python opens is a dep, an out, params.yaml, or code."""
    hook = (
        "import sys, os\n"
        "def audit(event, args):\n"
        "    if event == 'open' and isinstance(args[0], (str, bytes, os.PathLike)):\n"
        "        print('OPENED', os.path.abspath(os.fsdecode(args[0])), file=sys.stderr)\n"
        "sys.addaudithook(audit)\n"
        "import runpy\n"
        "sys.argv = sys.argv[1:]\n"
        "runpy.run_module(sys.argv[0], run_name='__main__')\n"
    )
    lock = yaml.safe_load((project / "dvc.lock").read_text(encoding="utf-8"))["stages"]
    for name, stage in lock.items():
        done = call("python", "-c", hook, *stage["cmd"].split()[2:], cwd=project)
        opened = {line.split(" ", 1)[1] for line in done.stdout.splitlines() if line.startswith("OPENED ")}
        inside = {Path(path).relative_to(project).as_posix() for path in opened if path.startswith(f"{project}/")}
        named = [entry["path"] for kind in ("deps", "outs") for entry in stage.get(kind, [])]
        # Code is the closure's business; what is gone again was a temporary name.
        data = {path for path in inside if not path.endswith((".py", ".pyc")) and (project / path).is_file()} - {"params.yaml"}
        strangers = {path for path in data if not any(path == known or path.startswith(f"{known}/") for known in named)}
        assert not strangers, f"{name} opens {strangers}, which dvc.yaml does not name"


def test_params_are_what_the_stage_uses() -> None:
    """`settings.X` in a stage's source stands under its params, and nothing else does."""
    for name, stage in deps.stages(ROOT).items():
        source = (ROOT / "pipeline" / f"{name}.py").read_text(encoding="utf-8")
        declared = {param.split(".")[0] for param in stage["params"]}
        used = {field for field in config.Config.__struct_fields__ if f"settings.{field}" in source}
        used |= {"variants"} if "config.variant(" in source else set()
        used |= {"searches"} if "config.search(" in source else set()
        used |= {"versions"} if "config.require(" in source else set()
        used |= {"model", "data"} if "config.require_files(" in source else set()
        # What the names of other stages are made of, and with them their commands: it judges all of it.
        used |= {"searches", "simulation", "variants"} if name == "check" else set()
        assert declared == used, name


def test_nothing_reaches_a_command_but_the_names_that_check_judges() -> None:
    judged = {"variants", "searches", "simulation.variants"}
    assert judged <= set(deps.stages(ROOT)["check"]["params"])
    for name, entry in yaml.safe_load((ROOT / paths.DVC).read_text(encoding="utf-8"))["stages"].items():
        stage = entry.get("do", entry)
        assert set(re.findall(r"\$\{(.+?)\}", stage["cmd"])) <= {"key", "item"}, name
        if "foreach" in entry:
            assert entry["foreach"][2:-1] in judged, name
            assert stage["cmd"].count("$") == 1


def test_committed_params_are_the_composition() -> None:
    assert paths.PARAMS.name == "params.yaml"
    assert (ROOT / "params.yaml").read_text(encoding="utf-8") == compose(ROOT, [])


def _fields(section: type[config.Section]) -> list[tuple[str, msgspec.structs.FieldInfo]]:
    found: list[tuple[str, msgspec.structs.FieldInfo]] = []
    for field in msgspec.structs.fields(section):
        found.append((field.name, field))
        for inner in _types(field.type):
            if isinstance(inner, type) and issubclass(inner, config.Section):
                found += _fields(inner)
    return found


def _types(annotation: Any) -> list[Any]:
    return [annotation, *(found for inner in get_args(annotation) for found in _types(inner))]


def test_no_parameter_is_named_as_dvc_ignores() -> None:
    """DVC leaves `size` and `nfiles` out of its run-cache key and would return a wrong result (treeverse/dvc#10296)."""
    names = [name for name, _ in _fields(config.Config)]
    assert "primary_metric" in names  # the walk reaches nested sections
    assert not {"size", "nfiles"} & set(names)

    def keys(node: Any) -> set[str]:
        if isinstance(node, dict):
            return set(node).union(*(keys(value) for value in node.values()))
        return set().union(*(keys(value) for value in node)) if isinstance(node, list) else set()

    assert not {"size", "nfiles"} & keys(yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8")))


def test_the_schema_fills_in_no_default() -> None:
    assert [name for name, field in _fields(config.Config) if not field.required] == []


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-extras.lock"])
def test_lock_has_hashes_for_all_platforms_and_no_addresses(name: str) -> None:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    assert not [line for line in lines if "://" in line or line.startswith("-")]
    pins = [line for line in lines if "==" in line and not line.startswith((" ", "#"))]
    assert all(line.endswith("\\") for line in pins), "each pin goes on with its hashes"
    tensorflow = [pin for pin in pins if pin.startswith("tensorflow")]
    assert len(tensorflow) == 2
    assert all("platform_machine" in pin and "sys_platform" in pin for pin in tensorflow)


def test_nothing_generated_or_machine_specific_is_in_git() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.split()
    generated = {out for stage in deps.stages(ROOT).values() for out in stage.get("outs", [])}
    assert not [name for name in tracked if any(name == out or name.startswith(f"{out}/") for out in generated)]
    for name in tracked:
        if name.endswith((".py", ".yaml", ".md", ".toml", ".lock", "Makefile")) and not name.startswith("tests/"):
            text = (ROOT / name).read_text(encoding="utf-8")
            assert str(ROOT) not in text, name
