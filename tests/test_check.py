from pathlib import Path

import pytest
import yaml

from tests.helpers import call, stages_run


def test_passes_when_params_were_composed_from_this_conf(project: Path) -> None:
    assert call("python", "-m", "pipeline.check", cwd=project).stdout == ""


def test_fails_when_conf_was_edited_afterwards(project: Path) -> None:
    path = project / "conf" / "select" / "default.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("0.01", "0.02"), encoding="utf-8")
    done = call("dvc", "repro", cwd=project, check=False)
    assert done.returncode != 0
    assert "error: params.yaml was composed from another conf/; run `make params`" in done.stdout
    call("python", "-m", "pipeline.cli.compose", cwd=project)
    call("dvc", "repro", "check", cwd=project)


def test_an_override_is_no_drift(project: Path) -> None:
    call("python", "-m", "pipeline.cli.compose", "seed=9", cwd=project)
    call("python", "-m", "pipeline.check", cwd=project)


@pytest.mark.parametrize(("group", "path"), [("model", "models/none.h5"), ("data", "data/none")])
def test_a_model_or_data_that_is_not_there_stops_the_run_at_once(project: Path, group: str, path: str) -> None:
    call("python", "-m", "pipeline.cli.compose", f"{group}.path={path}", cwd=project)
    done = call("dvc", "repro", cwd=project, check=False)
    assert done.returncode != 0
    assert f"error: {group}.path: no such file or folder: {path}; put it there, or set the path in conf/{group}/" in done.stdout
    assert "Traceback" not in done.stdout
    assert stages_run(done.stdout) == {"check"}


@pytest.mark.parametrize("stage", ["quantize", "search", "simulate", "folder"])
def test_a_name_in_params_reaches_no_shell_and_no_folder(project: Path, stage: str) -> None:
    """params.yaml of somebody else, in a project where everything else is computed: a pull request is enough."""
    params = yaml.safe_load((project / "params.yaml").read_text(encoding="utf-8"))
    for name in (
        ("../../planted",)
        if stage == "folder"
        else ("a;touch planted;", "$(touch planted)", "`touch planted`", "'|touch planted|'")
    ):
        if stage == "search":
            params["searches"][name] = {"algorithm": "min_max"}
        elif stage == "simulate":
            params["simulation"]["variants"].append(name)
        else:
            params["variants"][name] = params["variants"]["int8"]
            params["variant_names"].append(name)
    (project / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    done = call("dvc", "repro", cwd=project, check=False)
    assert done.returncode != 0
    if stage == "folder":  # DVC looks at folders before anything runs
        assert stages_run(done.stdout) == set()
    else:
        assert stages_run(done.stdout) == {"check"}
        assert "error: params.yaml: " in done.stdout
    assert "Traceback" not in done.stdout
    assert not [path for folder in (project, *project.parents[:3]) for path in folder.glob("planted*")]


def test_every_stage_waits_for_the_check(project: Path) -> None:
    edges = [line.split("->") for line in call("dvc", "dag", "--dot", cwd=project).stdout.splitlines() if "->" in line]
    after: dict[str, set[str]] = {}
    for before, behind in edges:
        after.setdefault(before.strip(' ";'), set()).add(behind.strip(' ";'))
    reached, todo = set[str](), ["check"]
    while todo:
        todo += (new := after.get(todo.pop(), set()) - reached)
        reached |= new
    listed = call("dvc", "stage", "list", "--name-only", cwd=project).stdout.split()
    assert reached == set(listed) - {"check"}


def test_a_python_without_the_packages_says_so(project: Path) -> None:
    """Stages call `python`, whatever comes first on PATH; -S hides the environment's packages."""
    done = call("python", "-S", "-m", "pipeline.check", cwd=project, check=False)
    assert done.returncode == 1
    assert "does not have the pipeline's packages; run `make repro`" in done.stdout
    assert "Traceback" not in done.stdout
