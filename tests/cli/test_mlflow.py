from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline import files, paths
from pipeline.cli import mlflow
from pipeline.comparison.experiments import Experiment, Reference
from pipeline.errors import UserError
from pipeline.selection.metrics_report import Metrics
from tests.helpers import call

ROWS: dict[str, Any] = {"a": {"f1": 0.5, "verified": True, "drop": None}, "b": {"f1": 0.25, "verified": False, "drop": 0.5}}
MADE = Experiment(
    reference=Reference(name="point", commit="1" * 40, baseline="2" * 40),
    params={"seed": 3, "long": "x" * 9000, **{f"p{number}": number for number in range(250)}},
    primary_metric="f1",
    confidence=0.95,
    metrics=Metrics(selected="a", conversion_verified=True, variants=ROWS),
    latency_md5=None,
)


def test_figures_are_those_of_the_variants_and_of_the_selected_one() -> None:
    both = {
        "variants.a.f1": 0.5,
        "variants.a.verified": 1.0,
        "variants.b.f1": 0.25,
        "variants.b.verified": 0.0,
        "variants.b.drop": 0.5,
    }
    assert mlflow.figures(MADE, {}) == {"f1": 0.5, "verified": 1.0, **both}
    assert mlflow.figures(MADE, {"a": 2.0}).items() >= {"latency_median_ms": 2.0, "variants.a.latency_median_ms": 2.0}.items()
    nothing = replace(MADE, metrics=Metrics(selected=None, conversion_verified=True, variants=ROWS))
    assert mlflow.figures(nothing, {}) == both


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """MLflow's own client of a store in files."""
    client = pytest.importorskip("mlflow").MlflowClient
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "runs").as_uri())
    return client()


def runs(store: Any, experiment: str) -> list[Any]:
    return list(store.search_runs([store.get_experiment_by_name(experiment).experiment_id]))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of MLflow about its store in files
def test_a_commit_is_one_run(store: Any) -> None:
    assert mlflow.log([MADE], [{"a": 2.0}], experiment="e") == (1, 0)
    other = replace(MADE, reference=replace(MADE.reference, commit="3" * 40))
    assert mlflow.log([MADE, other], [{}, {}], experiment="e") == (1, 1)
    first = next(made for made in runs(store, "e") if made.data.tags["git_commit"] == "1" * 40)
    assert first.info.run_name == "point"
    assert first.data.metrics == mlflow.figures(MADE, {"a": 2.0})
    assert first.data.params == {name: str(value)[:6000] for name, value in MADE.params.items()}
    # Killed in the middle of it.
    store.create_run(first.info.experiment_id, tags={"git_commit": "4" * 40})
    third = replace(MADE, reference=replace(MADE.reference, commit="4" * 40))
    assert mlflow.log([third], [{}], experiment="e") == (1, 0)
    assert {made.info.status for made in runs(store, "e")} == {"FINISHED"}
    assert len(runs(store, "e")) == 3


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_the_commit_checked_out_and_an_experiment_by_its_name(store: Any, project: Path) -> None:
    command = ("python", "-m", "pipeline.cli.mlflow")
    assert call(*command, cwd=project).stdout.splitlines()[-1] == "MLflow, tflite-pipeline: 1 added, 0 there already"
    assert call(*command, cwd=project).stdout.splitlines()[-1] == "MLflow, tflite-pipeline: 0 added, 1 there already"
    (made,) = runs(store, "tflite-pipeline")
    metrics, latency = files.read_json(project / paths.METRICS), files.read_json(project / paths.LATENCY)
    assert made.data.metrics["accuracy"] == metrics["accuracy"]
    assert made.data.metrics["variants.int8.bytes"] == metrics["variants"]["int8"]["bytes"]
    assert made.data.metrics["latency_median_ms"] == latency["latency_median_ms"]
    assert made.data.params["select.max_drop"] == "0.01"
    assert made.data.tags["selected"] == "dynamic_int8"
    params = project / "params.yaml"
    params.write_text(params.read_text(encoding="utf-8").replace("max_drop: 0.01", "max_drop: 0.02"), encoding="utf-8")
    done = call(*command, cwd=project, check=False)
    assert done.stdout.startswith("error: no commit holds what lies here; `dvc exp save --name NAME`")
    call("dvc", "repro", cwd=project)
    call("dvc", "exp", "save", "--name", "looser", cwd=project)
    assert call(*command, "looser", cwd=project).stdout.splitlines()[-1] == "MLflow, tflite-pipeline: 1 added, 0 there already"
    assert {made.info.run_name for made in runs(store, "tflite-pipeline")} >= {"looser"}
    done = call(*command, "none", cwd=project, check=False)
    assert done.returncode == 1
    assert done.stdout == (
        "error: none: no such experiment here; `dvc exp list` names those of this commit, `dvc exp pull` gets others\n"
    )


def test_without_mlflow_it_says_how_to_get_it(finished: Path, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys\n\nsys.modules['mlflow'] = None\n")
    done = call("python", "-m", "pipeline.cli.mlflow", cwd=finished, check=False, PYTHONPATH=f"{tmp_path}:{finished}")
    assert done.returncode == 1
    assert done.stdout == "error: MLflow: the library `mlflow-skinny` is not installed; run `make extras`\n"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_what_mlflow_says_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("mlflow")
    monkeypatch.delenv("MLFLOW_ALLOW_FILE_STORE", raising=False)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "runs").as_uri())
    with pytest.raises(UserError, match=r"^MLflow: The filesystem tracking backend .* is in maintenance mode"):
        mlflow.log([MADE], [{}], experiment="e")
