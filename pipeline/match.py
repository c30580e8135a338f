"""Stage `match`: do task, labels and outputs fit each other, and are there as many samples as are asked for?

`evaluate` and `calibrate` would say the same, after minutes: the long stages wait for this one, whose output never changes.
"""

from pipeline import config, files, paths
from pipeline.dataset.split_record import Split
from pipeline.errors import run
from pipeline.evaluation import tasks
from pipeline.source.source_record import Source


def main() -> None:
    settings = config.read()
    config.require_samples(settings.calibrate, files.read_record(paths.SPLIT, Split).sets.calibration.n)
    if labels := files.read_targets(paths.EVALUATION):
        outputs = {entry.name: entry.shape for entry in files.read_record(paths.SOURCE_FACTS, Source).signature.outputs}
        for head in settings.task.heads.values():
            tasks.fit(
                head.task_type.name,
                labels,
                outputs,
                files.read_samples(paths.EVALUATION),
                options=head.task_type.options,
                output=head.output,
                target=head.labels,
            )
    files.write_json(paths.MATCHED, {"fits": True})


if __name__ == "__main__":
    run(main)
