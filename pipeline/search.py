"""Stage `search@S`: a scheme for each operator, so that the file is the cheapest within the search's own budget."""

import argparse
import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from pipeline import config, files, imports, paths, progress
from pipeline.custom.metrics import METRICS
from pipeline.errors import UserError, one_of, run
from pipeline.evaluation import paired_comparison, statistics
from pipeline.evaluation.metric_type import Metric
from pipeline.mixed_precision import candidates, checkpoint, network_search, phrases, record
from pipeline.quantization import exclusions, operator_plan
from pipeline.quantization.ranges_record import Ranges
from pipeline.runtime import interpreter
from pipeline.tflite import flatbuffer
from pipeline.tflite.layers_record import Layers

# A measurement depends on them: they are checked, and key the checkpoint.
LIBRARIES = ("ai_edge_litert", "litert_quantizer", "numpy", "scikit_learn", "scipy")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("search")
    name = parser.parse_args().search
    settings, where = config.read(), f"searches.{name}"
    asked = msgspec.convert(msgspec.to_builtins(config.search(settings, name)), record.Options)
    config.require(settings, LIBRARIES)
    model, rows = files.read_bytes(paths.FLOAT32), files.read_record(paths.LAYERS, Layers).operators
    ranges = files.read_record(paths.RANGES, Ranges)
    samples, targets = files.read_samples(paths.TUNING), files.read_targets(paths.TUNING)
    if asked.max_drop is not None and not targets:
        raise UserError(f"{where}.max_drop: {paths.TUNING} has no labels; set it to null and give min_sqnr_db instead")
    workers, n = os.cpu_count() or 1, len(next(iter(samples.values())))
    _require_enough(settings.task, asked, n=n, search=name)
    graph, reference = flatbuffer.read(model), interpreter.predict(model, samples, workers=workers)
    how: dict[str, Any] = {"algorithm": asked.algorithm, "granularity": asked.granularity}
    kept = exclusions.tensors(rows, asked.exclude, where=f"{where}.exclude")
    # What holds infinity has no range: its operators are no choice.
    kept += [graph.tensors[graph.operators[at].outputs[0]].name for at in operator_plan.touching(graph, ranges.infinite)]
    units = candidates.units(graph, rows, asked.choices, **how, exclude=kept)
    if not units:
        raise UserError(f"{where}.choices: none of {', '.join(asked.choices)} fits any operator of the network")
    build = network_search.builder(model, graph, units, ranges.bits, **how)
    drop = _drop(settings.task, asked, targets, samples) if targets else None
    measure = network_search.measurer(build, samples, reference, drop=drop, workers=workers)
    key = checkpoint.digest(inputs(settings, asked, [unit.tensor for unit in units], root=Path(__file__).parents[1]))
    remembered = checkpoint.remembering(paths.checkpoint(name, key), measure)
    with progress.counting(network_search.questions(units, asked), doing=f"search {name}") as done:
        outcome = network_search.run(graph, units, asked, build=build, measure=remembered, n=n, progress=done)
    result = network_search.result(outcome, units, rows, search=name, options=asked, metric=settings.task.primary_metric, n=n)
    files.write_json(paths.recipe(name) if result.met else paths.best_so_far(name), msgspec.to_builtins(result))
    if not result.met:
        raise UserError(phrases.missed(result, kept_in=str(paths.best_so_far(name))))
    print(phrases.met(result))


def inputs(settings: config.Config, asked: record.Options, tensors: list[str], *, root: Path) -> list[bytes]:
    """Everything that a measurement depends on; the budget and the limit of steps are not among it.

    Args:
        settings, asked: the whole configuration, and the search's options.
        tensors: of the operators to choose for.
        root: of the repository, whose code measures.
    """
    code = [root / module for module in sorted(imports.closure(root, "search"))]
    words = [files.content_sha256(path) for path in (paths.FLOAT32, paths.RANGES, paths.TUNING, *code)]
    words += [str(settings.versions[library]) for library in LIBRARIES]
    words += [msgspec.json.encode(settings.task).decode(), str(asked.level(settings.task.confidence))]
    words += [asked.algorithm, asked.granularity, *tensors]
    return [word.encode() for word in words]


def _require_enough(task: config.Task, asked: record.Options, *, n: int, search: str) -> None:
    level = asked.level(task.confidence)
    if asked.max_drop is None or level is None or _primary(task)[2].correct is None:
        return
    needed = statistics.fewest(asked.max_drop, level=level)
    if needed is None or n < needed:
        raise UserError(phrases.too_few(asked, search=search, n=n, needed=needed))


def _primary(task: config.Task) -> tuple[config.Head, str, Metric]:
    """The head and the metric that decide, and what it is called there."""
    name, called = config.reported(task)[task.primary_metric]
    return task.heads[name], called, METRICS[one_of(called, METRICS, where="task.primary_metric")]


def _drop(
    task: config.Task, asked: record.Options, targets: Mapping[str, np.ndarray], samples: Mapping[str, np.ndarray]
) -> candidates.Drop:
    head, called, metric = _primary(task)
    given: dict[str, Any] = {"task_type": head.task_type.name, "options": head.task_type.options}
    given |= {"metric": metric, "metric_options": head.metrics[called], "output": head.output, "target": head.labels}
    given |= {"level": asked.level(task.confidence), "resamples": task.resamples}
    return partial(paired_comparison.of_candidate, labels=targets, inputs=samples, **given)


if __name__ == "__main__":
    run(main)
