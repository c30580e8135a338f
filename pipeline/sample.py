"""Stage `sample`: from the user's data to the calibration pool, the tuning and the evaluation set. Real samples only."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import msgspec
import numpy as np

from pipeline import config, files, options, paths, progress
from pipeline.custom.readers import READERS, STEPS
from pipeline.dataset import preprocess, split_manifest, splits, validation
from pipeline.dataset.samples import Dataset
from pipeline.dataset.split_record import Split
from pipeline.errors import UserError, one_of
from pipeline.source.source_record import Source
from pipeline.system import boundary, watch

FOLDERS = {"calibration": paths.CALIBRATION, "tuning": paths.TUNING, "evaluation": paths.EVALUATION}
# Those that decode, resize, resample or transform: their versions change bytes.
LIBRARIES = ("numpy", "pillow", "pandas", "pyarrow", "soundfile", "soxr", "scipy")


def main() -> None:
    settings = config.read()
    config.require(settings, LIBRARIES)
    with boundary.limits(seconds=settings.limits.seconds, gigabytes=settings.limits.gigabytes):
        _sample(settings.data, seed=settings.seed)


def _sample(data: config.Data, *, seed: int) -> None:
    inputs = msgspec.to_builtins(files.read_record(paths.SOURCE_FACTS, Source).signature.inputs)
    dataset = _read(data)
    labels, classes = dataset.labels, data.classes
    by_class = validation.classes_of(labels)
    if by_class is not None:
        labels, classes = by_class, classes = validation.class_indices(
            by_class, own=dataset.classes, wanted=classes, ids=dataset.ids
        )
    steps = [(step.name, step.options) for step in data.preprocess]

    def read(i: int) -> dict[str, np.ndarray]:
        with boundary.reading(Path(data.path), kind=f"data ({dataset.ids[i]})", key="data.path"):
            return dataset.read(i)

    def prepared(i: int) -> dict[str, np.ndarray]:
        name = f"{data.path}: {dataset.ids[i]}"
        sample = preprocess.apply(read(i), steps, name=name)
        validation.fits_signature(sample, inputs, name=name)
        return sample

    prepared(0)  # what does not fit is said before everything is read
    numbers: Sequence[int] = range(len(dataset.ids))
    if data.limit is not None:
        numbers = sorted(splits.stratified_order(numbers, by_class, seed=seed)[: data.limit])
    hashes = {i: splits.content_hash(read(i)) for i in progress.over(numbers, doing="hash")}
    training = [i for i in numbers if dataset.split is not None and dataset.split[i] in data.splits.training]
    repeated = splits.duplicates(hashes, [*training, *sorted(set(numbers) - set(training))])
    if repeated and data.duplicates == "error":
        kept, again = repeated[0]
        raise UserError(
            f"{data.path}: {dataset.ids[again]} has the same content as {dataset.ids[kept]} ({len(repeated)} such); "
            "remove one, or set data.duplicates to drop"
        )
    out = set(training) | {again for _, again in repeated}
    available = [i for i in numbers if i not in out]
    if by_class is not None:
        splits.check_classes(available, by_class, classes, dataset.ids)
    wanted = {name: (getattr(data.splits, name).source, getattr(data.splits, name).take) for name in FOLDERS}
    sets = splits.draw(available, dataset.split, by_class, wanted, seed=seed)
    splits.check_disjoint({name: [hashes[i] for i in members] for name, members in {**sets, "training": training}.items()})
    split = Split(
        data=data.name,
        classes=classes,
        labelled=labels is not None,
        training_samples=len(training),
        dropped_duplicates=[str(dataset.ids[again]) for _, again in repeated],
        sets=split_manifest.listing(sets, ids=dataset.ids, hashes=hashes, labels=labels, classes=classes),
    )
    with ExitStack() as all_or_nothing:
        for name, members in sets.items():
            folder = all_or_nothing.enter_context(files.replacing(FOLDERS[name]))
            rows = (prepared(i) for i in progress.over(members, doing=name))
            files.write_samples(folder, rows, count=len(members), labels=splits.of(labels, members))
        files.write_json(paths.SPLIT, msgspec.to_builtins(split))


def _read(data: config.Data) -> Dataset:
    if not Path(data.path).exists():
        raise UserError(f"data.path: no such file or folder: {data.path}; set it in conf/data/")
    for number, step in enumerate(data.preprocess):
        function = STEPS[one_of(step.name, STEPS, where=f"data.preprocess.{number}.name")]
        options.check_step(function, step.options, name=step.name, where=f"data.preprocess.{number}.options")
    reader = READERS[one_of(data.reader.name, READERS, where="data.reader.name")]
    options.check(reader, data.reader.options, name=data.reader.name, where="data.reader.options")
    with boundary.reading(Path(data.path), kind=f"data (reader {data.reader.name})", key="data.path"):
        dataset = reader(Path(data.path), **data.reader.options)
    if unknown := sorted(set(data.splits.training) - set([] if dataset.split is None else dataset.split.tolist())):
        raise UserError(f"data.splits.training: the data declares no split {unknown[0]!r}")
    return dataset


if __name__ == "__main__":
    watch.run(main)
