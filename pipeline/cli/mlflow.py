"""Parameters and figures of this commit, or of DVC's experiments by name, as runs in MLflow.

    python -m pipeline.cli.mlflow [NAME ...] [--experiment tflite-pipeline]

MLFLOW_TRACKING_URI says where, as for MLflow itself. A commit is one run: what is there already is left alone.
"""

import argparse
import importlib.util
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline import paths
from pipeline.comparison import experiments
from pipeline.comparison.experiments import Experiment, Reference
from pipeline.errors import UserError, run

_TAG = "git_commit"
_AT_ONCE = 100  # parameters, that MLflow takes
_LONGEST = 6000  # characters of one


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--experiment", default="tflite-pipeline", help="MLflow's name for all of them")
    asked = parser.parse_args()
    if importlib.util.find_spec("mlflow") is None:
        raise UserError("MLflow: the library `mlflow-skinny` is not installed; run `make extras`")
    root = Path.cwd()
    found, unread = experiments.read(root, _wanted(root, asked.names))
    if unread:
        raise UserError("\n  ".join(f"{name}: {reason}" for name, reason in unread.items()))
    added, there = log(found, [_latency(entry) for entry in found], experiment=asked.experiment)
    print(f"MLflow, {asked.experiment}: {added} added, {there} there already")


def _wanted(root: Path, names: Sequence[str]) -> list[Reference]:
    head, listed, _ = experiments.references(root)
    if names:
        for name in {*names} - {reference.name for reference in listed}:
            known = "`dvc exp list` names those of this commit, `dvc exp pull` gets others"
            raise UserError(f"{name}: no such experiment here; {known}")
        return [reference for reference in listed if reference.name in names]
    kept = [path.as_posix() for path in (paths.LOCK, paths.PARAMS, paths.METRICS)]
    if subprocess.run(["git", "diff", "--quiet", "HEAD", "--", *kept], cwd=root, check=False).returncode != 0:
        raise UserError("no commit holds what lies here; `dvc exp save --name NAME` makes it an experiment, then give its NAME")
    return [Reference(name=head[:7], commit=head, baseline=head)]


def _latency(experiment: Experiment) -> dict[str, float]:
    """Medians by variant; none where DVC's cache lacks the file."""
    told = subprocess.run(["dvc", "cache", "dir"], capture_output=True, text=True, check=True).stdout.strip()
    return experiments.latency(Path(told), experiment.latency_md5) or {}


def figures(experiment: Experiment, latency: Mapping[str, float]) -> dict[str, float]:
    """Figures by the names of reports/metrics.json, those of variants behind `variants.NAME.`; none for what is undefined.

    Args:
        experiment: the figures of its selected variant stand under their own names, too.
        latency: medians in milliseconds by variant.
    """
    rows = {
        name: {**row, **({"latency_median_ms": latency[name]} if name in latency else {})}
        for name, row in experiment.metrics.variants.items()
    }
    flat = {**rows.get(experiment.metrics.selected or "", {})}
    flat |= {f"variants.{name}.{key}": value for name, row in rows.items() for key, value in row.items()}
    return {name: float(value) for name, value in flat.items() if value is not None}


def log(found: Sequence[Experiment], latencies: Sequence[Mapping[str, float]], *, experiment: str) -> tuple[int, int]:
    """Make a run of each that has none yet; one that was begun and not finished is made anew.

    Args:
        found: what to log.
        latencies: of each, see `figures`.
        experiment: MLflow's name for all of them; it is made where there is none.

    Returns:
        How many were added, and how many were there.

    Raises:
        UserError: what MLflow says where it cannot be reached.
    """
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Param
    from mlflow.exceptions import MlflowException

    try:
        client = MlflowClient()
        known = client.get_experiment_by_name(experiment)
        number = client.create_experiment(experiment) if known is None else known.experiment_id
        added = 0
        for entry, latency in zip(found, latencies, strict=True):
            commit = entry.reference.commit
            runs = client.search_runs([number], f"tags.{_TAG} = '{commit}'")
            if any(made.info.status == "FINISHED" for made in runs):
                continue
            for half in runs:
                client.delete_run(half.info.run_id)
            tags = {_TAG: commit, "selected": str(entry.metrics.selected)}
            made = client.create_run(number, run_name=entry.reference.name, tags=tags).info.run_id
            now = int(time.time() * 1000)
            client.log_batch(made, metrics=[Metric(name, value, now, 0) for name, value in figures(entry, latency).items()])
            for part in _parts({name: str(value)[:_LONGEST] for name, value in entry.params.items()}):
                client.log_batch(made, params=[Param(name, value) for name, value in part])
            client.set_terminated(made)
            added += 1
    except MlflowException as error:
        raise UserError(f"MLflow: {str(error).splitlines()[0]}") from None
    return added, len(found) - added


def _parts(params: Mapping[str, str]) -> Iterator[Sequence[tuple[str, str]]]:
    listed: list[Any] = list(params.items())
    return (listed[start : start + _AT_ONCE] for start in range(0, len(listed), _AT_ONCE))


if __name__ == "__main__":
    run(main)
