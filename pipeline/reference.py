"""Stage `reference`: the original network's outputs on every evaluation sample. Run once, judged by all."""

import os

from pipeline import config, files, paths, progress
from pipeline.errors import run
from pipeline.source import reference_run
from pipeline.source.source_record import Source


def main() -> None:
    settings = config.read()
    config.require(settings, ["tensorflow"])
    samples = files.read_samples(paths.EVALUATION)
    batch = files.read_record(paths.SOURCE_FACTS, Source).signature.batch
    count = len(next(iter(samples.values())))
    outputs = reference_run.run_saved_model(paths.SOURCE, samples, batch=batch, workers=os.cpu_count() or 1)
    rows = progress.over(outputs, doing="reference", total=count)
    with files.replacing(paths.REFERENCE) as folder:
        files.write_rows(folder, rows, count=count)


if __name__ == "__main__":
    run(main)
