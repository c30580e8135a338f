"""Stage `calibrate`: the range of every tensor on real samples, measured once for all static variants."""

from pipeline import config
from pipeline.lib import files, flatbuffer, paths, quantizer, ranges, runnable
from pipeline.lib.batches import batches
from pipeline.lib.errors import UserError, run


def main() -> None:
    settings = config.read()
    config.require(settings, ["ai_edge_litert", "ai_edge_quantizer"])
    model = files.read_bytes(paths.FLOAT32)
    runnable.require(model, name=str(paths.FLOAT32), stage="calibrate")
    pool = files.read_samples(paths.CALIBRATION)
    held = len(next(iter(pool.values())))
    count, method = settings.calibrate.samples, settings.calibrate.method
    if count > held:
        raise UserError(
            f"calibrate.samples: asks for {count}, the pool holds {held}; raise data.splits.calibration.take or ask for fewer"
        )
    samples = (inputs for _, inputs in batches(pool, batch=settings.convert.batch, count=count))
    extremes = quantizer.observe(model, samples, signature=flatbuffer.read(model).signature)
    measured = ranges.estimate(extremes, method=method)
    stability = ranges.stability(extremes, method=method)
    files.write_json(
        paths.RANGES,
        {
            "method": method,
            "samples": count,
            "bits": {"8": measured, "16": measured},
            "stability": stability,
            "least_stable": sorted(stability, key=lambda name: (-stability[name], name))[:5],
            "constant": sorted(name for name, (low, high) in measured.items() if low == high),
        },
    )


if __name__ == "__main__":
    run(main)
