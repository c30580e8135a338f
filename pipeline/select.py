"""Stage `select`: the variant to ship, why, and why not each other one."""

import hashlib
from typing import Any

from pipeline import config
from pipeline.lib import choice, files, paths
from pipeline.lib.errors import run

COSTS = ("latency_median_ms", "latency_p95_ms", "peak_memory_kb", "threads")


def main() -> None:
    settings = config.read()
    accuracy = files.read_json(paths.ACCURACY)
    benchmarks = {name: files.read_json(paths.BENCHMARK_REPORTS / f"{name}.json") for name in settings.variants}
    rows = {
        name: _row(accuracy, files.read_json(paths.VERIFY_REPORTS / f"{name}.json"), benchmarks[name]) for name in settings.variants
    }
    candidates = {
        name: choice.Candidate(
            verified=row["verified"], drop=row["drop"], bytes=row["bytes"], latency_ms=benchmarks[name]["latency_median_ms"]
        )
        for name, row in rows.items()
    }
    options = settings.select
    best, reasons = choice.choose(candidates, objective=options.objective, max_drop=options.max_drop)
    decision: dict[str, Any] = {"selected": best, "objective": options.objective, "max_drop": options.max_drop, "reasons": reasons}
    with files.replacing(paths.SELECTED) as folder:
        folder.mkdir()
        if best is not None:
            model = files.read_bytes(paths.variant_model(best))
            (folder / "model.tflite").write_bytes(model)
            decision["sha256"] = hashlib.sha256(model).hexdigest()
        files.write_json(folder / "decision.json", decision)
    conversion = [row["verified"] for name, row in rows.items() if settings.variants[name].scheme == "float32"]
    files.write_json(
        paths.METRICS,
        {
            "selected": best,
            "conversion_verified": all(conversion) if conversion else None,
            **(rows[best] if best is not None else {}),
            "variants": rows,
        },
    )
    costs = {name: {key: benchmark[key] for key in COSTS} for name, benchmark in benchmarks.items()}
    files.write_json(paths.LATENCY, {**(costs[best] if best is not None else {}), "variants": costs})


def _row(accuracy: dict[str, Any], verified: dict[str, Any], benchmark: dict[str, Any]) -> dict[str, Any]:
    """The figures of one variant: fidelity is that of its worst output."""
    figures = list(verified["outputs"].values())

    def worst(name: str, pick: Any) -> float | None:
        known = [figure[name] for figure in figures if figure[name] is not None]
        return pick(known) if known else None

    row = {
        "verified": verified["passed"],
        "bytes": benchmark["bytes"],
        "n": accuracy["n"],
        "sqnr_db": worst("sqnr_db", min),
        "max_abs_error": worst("max_abs_error", max),
        "agreement": worst("agreement", min),
        "drop": None,
    }
    if accuracy["labelled"]:
        deciding, measured = accuracy["deciding"], accuracy["variants"][verified["variant"]]
        row |= {
            **measured["metrics"],
            "baseline": accuracy["original"][deciding],
            "drop": measured["drop"],
            "drop_low": measured["interval"][0],
            "drop_high": measured["interval"][1],
            "p_value": measured["p_value"],
        }
    return row


if __name__ == "__main__":
    run(main)
