"""Stage `reference`: the original network's outputs on every evaluation sample. Run once, judged by all."""

from tqdm import tqdm

from pipeline import config
from pipeline.lib import files, inference, paths
from pipeline.lib.errors import run


def main() -> None:
    settings = config.read()
    config.require(settings, ["tensorflow"])
    samples = files.read_samples(paths.EVALUATION)
    batch = files.read_json(paths.SOURCE_FACTS)["signature"]["batch"]
    count = len(next(iter(samples.values())))
    rows = tqdm(inference.run_saved_model(paths.SOURCE, samples, batch=batch), total=count, desc="reference", disable=None)
    with files.replacing(paths.REFERENCE) as folder:
        files.write_rows(folder, rows, count=count)


if __name__ == "__main__":
    run(main)
