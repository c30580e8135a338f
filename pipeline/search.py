"""Stage `search@S`: a scheme for each operator, so that the file is the cheapest within the search's own budget."""

import argparse
import hashlib
import os
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from pipeline import config, files, paths
from pipeline.custom.metrics import METRICS
from pipeline.errors import UserError, one_of, run
from pipeline.evaluation import tasks
from pipeline.mixed_precision import assignment_search, candidates, checkpoint, cost_model, sensitivity
from pipeline.quantization import exclusions
from pipeline.runtime import interpreter
from pipeline.tflite import flatbuffer

# The modules whose code decides what is measured; an edit of one makes the checkpoint another.
_MEASURING = (
    "candidates",
    "fidelity",
    "kernels",
    "litert",
    "metrics",
    "quantizer",
    "recipes",
    "schemes",
    "tasks",
    "treatments",
    "work",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("search")
    name = parser.parse_args().search
    settings = config.read()
    asked = config.search(settings, name)
    config.require(settings, ["ai_edge_litert", "litert_quantizer", "numpy", "scikit_learn"])
    model, rows = files.read_bytes(paths.FLOAT32), files.read_json(paths.LAYERS)["operators"]
    measured = files.read_json(paths.RANGES)["bits"]
    samples, targets = files.read_samples(paths.TUNING), files.read_targets(paths.TUNING)
    if asked.max_drop is not None and not targets:
        raise UserError(f"searches.{name}.max_drop: {paths.TUNING} has no labels; set it to null and give min_sqnr_db instead")
    workers = os.cpu_count() or 1
    graph, reference = flatbuffer.read(model), interpreter.predict(model, samples, workers=workers)
    how: dict[str, Any] = {"algorithm": asked.algorithm, "granularity": asked.granularity}
    kept = exclusions.tensors(rows, asked.exclude, where=f"searches.{name}.exclude")
    units = candidates.units(graph, rows, asked.choices, **how, exclude=kept)
    if not units:
        raise UserError(f"searches.{name}.choices: none of {', '.join(asked.choices)} fits any operator of the network")

    def chosen(assignment: Sequence[str]) -> dict[str, str]:
        return {unit.tensor: scheme for unit, scheme in zip(units, assignment, strict=True)}

    @lru_cache(maxsize=1)  # what a candidate costs and how good it is are asked one after the other
    def build(assignment: assignment_search.Assignment) -> tuple[list[dict[str, Any]], bytes]:
        return candidates.build(model, graph, chosen(assignment), measured, **how)

    known_bytes: dict[assignment_search.Assignment, int] = {}

    @cache
    def cost(assignment: assignment_search.Assignment) -> float:
        if asked.objective == "bytes":
            return known_bytes.get(assignment) or len(build(assignment)[1])
        return cost_model.weighted_macs(graph, build(assignment)[1], chosen(assignment), asked.costs)

    def measure(question: list[str]) -> dict[str, Any]:
        count, *assignment = question
        some = {key: array[: int(count)] for key, array in samples.items()}
        wanted = {key: array[: int(count)] for key, array in reference.items()}
        truth = {key: array[: int(count)] for key, array in targets.items()}
        value = partial(_primary_metric, settings.task, truth, some) if truth else None
        return candidates.judge(build(tuple(assignment))[1], some, wanted, value=value, workers=workers)

    n = len(next(iter(samples.values())))
    key = checkpoint.digest(_inputs(model, settings, asked, [unit.tensor for unit in units]))
    few, nothing = str(min(asked.samples, n)), (assignment_search.FLOAT,) * len(units)
    alone = sensitivity.alone([unit.choices for unit in units])
    remembering = checkpoint.remembering(paths.checkpoint(name, key), measure)
    bar = tqdm(total=sum(map(len, alone)) + asked.steps, desc=f"search {name}", disable=None)

    def ask(question: list[str]) -> dict[str, Any]:
        bar.update()
        return remembering(question)

    figures = [{scheme: ask([few, *assignment]) for scheme, assignment in row.items()} for row in alone]
    for assignments, row in zip(alone, figures, strict=True):
        known_bytes.update({assignment: row[scheme]["bytes"] for scheme, assignment in assignments.items()})
    saving = [{scheme: cost(nothing) - cost(assignment) for scheme, assignment in row.items()} for row in alone]
    found = assignment_search.find(
        [unit.choices for unit in units],
        noise=[{scheme: sensitivity.noise(row) for scheme, row in unit.items()} for unit in figures],
        saving=saving,
        cost=cost,
        measure=lambda assignment: ask([str(n), *assignment]),
        violation=lambda row: candidates.violation(row, max_drop=asked.max_drop, min_sqnr_db=asked.min_sqnr_db),
        steps=asked.steps,
    )
    bar.close()
    recipe, made = build(found.assignment)
    result = {
        "search": name,
        "asked": asked.model_dump(),
        "n": n,
        "metric": settings.task.primary_metric,
        "met": found.met,
        "finished": found.finished,
        "steps": found.steps,
        "sha256": hashlib.sha256(made).hexdigest(),
        "figures": found.path[-1],
        "recipe": recipe,
        "operators": [{**row, "scheme": chosen(found.assignment).get(row["tensor"], assignment_search.FLOAT)} for row in rows],
        "sensitivity": sensitivity.ranked(units, figures, saving),
        "path": found.path,
    }
    if not found.met:
        files.write_json(paths.best_so_far(name), result)
        raise UserError(
            f"searches.{name}: nothing tried in {found.steps} steps keeps the budget ({_budget(asked)}); the best so far has "
            f"{_figures(found.path[-1])} and is kept in {paths.best_so_far(name)}; relax the budget, "
            f"{'raise steps' if not found.finished else 'or add float32 or static_wi8_ai16 to choices'}"
        )
    files.write_json(paths.recipe(name), result)
    print(f"searches.{name}: {_figures(found.path[-1])} after {found.steps} steps{'' if found.finished else ', which ran out'}")


def _primary_metric(
    task: config.Task, targets: dict[str, np.ndarray], samples: dict[str, np.ndarray], outputs: Mapping[str, np.ndarray]
) -> float | None:
    """The primary metric of some outputs, more being better; None where it is undefined."""
    head, called = config.reported(task)[task.primary_metric]
    asked, metric = task.heads[head], METRICS[one_of(called, METRICS, where="task.primary_metric")]
    evidence = tasks.evidence(
        asked.task_type.name, targets, outputs, samples, options=asked.task_type.options, output=asked.output, target=asked.labels
    )
    figure = tasks.measure({called: (metric, asked.metrics[called])}, evidence)["metrics"][called]
    return figure if figure is None or metric.higher_is_better else -figure


def _inputs(model: bytes, settings: config.Config, asked: config.Search, tensors: list[str]) -> list[bytes]:
    """Everything that a measurement depends on; the budget and the limit of steps are not among it."""
    code = [Path(__file__).parent / "lib" / f"{name}.py" for name in _MEASURING]
    code.append(Path(__file__).parent / "custom" / "metrics.py")
    data = [files.array_path(paths.TUNING / "inputs", name) for name in sorted(files.read_samples(paths.TUNING))]
    data += sorted(paths.TUNING.glob("labels.npy")) + sorted((paths.TUNING / "labels").glob("*.npy"))
    words = [asked.algorithm, asked.granularity, settings.task.model_dump_json(), *tensors]
    words += [settings.versions[library] for library in ("ai_edge_litert", "litert_quantizer", "numpy")]
    return [
        model,
        *(files.content_sha256(path).encode() for path in (paths.RANGES, *data, *code)),
        *(word.encode() for word in words),
    ]


def _budget(asked: config.Search) -> str:
    parts = [] if asked.max_drop is None else [f"drop at most {asked.max_drop:g}"]
    return " and ".join([*parts, *([] if asked.min_sqnr_db is None else [f"at least {asked.min_sqnr_db:g} dB"])])


def _figures(row: dict[str, Any]) -> str:
    drop = "" if row["drop"] is None else f", drop {row['drop']:.4f}"
    return f"{row['bytes']:,} bytes{drop}, {'no noise' if row['sqnr_db'] is None else format(row['sqnr_db'], '.1f') + ' dB'}"


if __name__ == "__main__":
    run(main)
