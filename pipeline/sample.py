"""Stage `sample`: from the user's data to the calibration pool, the tuning and the evaluation set. Real samples only."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from tqdm import tqdm

from pipeline import config
from pipeline.custom.readers import READERS, STEPS
from pipeline.lib import checks, files, paths, preprocess, readers, splits
from pipeline.lib.errors import UserError, one_of, run


def main() -> None:
    settings = config.read()
    config.require(settings, ["numpy"])
    data = settings.data
    inputs = files.read_json(paths.SOURCE_FACTS)["signature"]["inputs"]
    dataset = _read(data)
    classes = readers.classes(dataset)
    if classes is not None and data.classes is not None:
        checks.labels_in_range(classes, data.classes, dataset.ids)
    hashes = [splits.content_hash(dataset.read(i)) for i in tqdm(range(len(dataset.ids)), desc="hash", disable=None)]

    training = [i for i in range(len(hashes)) if dataset.split is not None and dataset.split[i] in data.splits.training]
    repeated = splits.duplicates(hashes, [*training, *sorted(set(range(len(hashes))) - set(training))])
    if repeated and data.duplicates == "error":
        kept, again = repeated[0]
        raise UserError(
            f"{data.path}: {dataset.ids[again]} has the same content as {dataset.ids[kept]} ({len(repeated)} such); "
            "remove one, or set data.duplicates to drop"
        )
    out = set(training) | {again for _, again in repeated}
    wanted = {name: getattr(data.splits, name) for name in ("calibration", "tuning", "evaluation")}
    sets = splits.draw(
        [i for i in range(len(hashes)) if i not in out],
        dataset.split,
        classes,
        {name: (take.source, take.take) for name, take in wanted.items()},
        seed=settings.seed,
    )
    chosen = {**sets, "training": training}
    splits.check_disjoint({name: [hashes[i] for i in members] for name, members in chosen.items()})

    steps = [(step.name, step.options) for step in data.preprocess]

    def prepared(members: list[int], name: str) -> Iterator[dict[str, np.ndarray]]:
        for i in tqdm(members, desc=name, disable=None):
            sample = preprocess.apply(dataset.read(i), steps)
            checks.fits_signature(sample, inputs, name=dataset.ids[i])
            yield sample

    folders = {"calibration": paths.CALIBRATION, "tuning": paths.TUNING, "evaluation": paths.EVALUATION}
    with ExitStack() as all_or_nothing:
        for name, members in sets.items():
            folder = all_or_nothing.enter_context(files.replacing(folders[name]))
            files.write_samples(folder, prepared(members, name), count=len(members), labels=readers.take(dataset, members))
    files.write_json(paths.SPLIT, _listing(data, dataset, hashes, sets, len(training), [again for _, again in repeated]))


def _read(data: config.Data) -> readers.Dataset:
    if not Path(data.path).exists():
        raise UserError(f"data.path: no such file or folder: {data.path}; set it in conf/data/")
    reader = READERS[one_of(data.reader.name, READERS, where="data.reader.name")]
    for number, step in enumerate(data.preprocess):
        one_of(step.name, STEPS, where=f"data.preprocess.{number}.name")
    dataset = reader(Path(data.path), **data.reader.options)
    if unknown := sorted(set(data.splits.training) - set([] if dataset.split is None else dataset.split.tolist())):
        raise UserError(f"data.splits.training: the data declares no split {unknown[0]!r}")
    return dataset


def _listing(
    data: config.Data, dataset: readers.Dataset, hashes: list[str], sets: dict[str, list[int]], training: int, dropped: list[int]
) -> dict[str, object]:
    """What data/split.json says: who is where, by id and content."""
    labels = readers.classes(dataset)

    def entry(i: int) -> dict[str, object]:
        return {"id": dataset.ids[i], "sha256": hashes[i], "label": None if labels is None else int(labels[i])}

    def histogram(members: list[int]) -> dict[str, int] | None:
        if labels is None:
            return None
        names = data.classes or [str(label) for label in range(int(labels.max()) + 1)]
        return {name: int((labels[members] == index).sum()) for index, name in enumerate(names)}

    return {
        "data": data.name,
        "classes": data.classes,
        "training_samples": training,
        "dropped_duplicates": [dataset.ids[i] for i in dropped],
        "sets": {
            name: {"n": len(members), "by_class": histogram(members), "samples": [entry(i) for i in members]}
            for name, members in sets.items()
        },
    }


if __name__ == "__main__":
    run(main)
