"""Stage `gate`: fails the run, with the reasons, when the conversion was not verified or nothing may be shipped.

Strict, it also fails it when a variant could not be built or run. What it writes when it lets a run pass is there for DVC, which
runs a stage without outputs anew in every clone and after every `dvc exp apply`; a run that it fails leaves none, and fails again.
"""

from pipeline import config, files, paths
from pipeline.errors import UserError, run
from pipeline.selection.decision_record import Decision
from pipeline.selection.metrics_report import Metrics


def main() -> None:
    settings = config.read()
    metrics = files.read_record(paths.METRICS, Metrics)
    decision = files.read_record(paths.SELECTED / "decision.json", Decision)
    faults = []
    if metrics.conversion_verified is False:
        faults.append("the float32 conversion differs from the original network")
    if metrics.selected is None:
        faults.append("no variant may be shipped")
    if settings.gate.strict:
        faults += [f"{name} {failure.sentence()}" for name, failure in decision.failures.items()]
    if metrics.conversion_verified is None:
        print("gate: no float32 variant is configured, so the conversion itself was not verified")
    if faults:
        for name, reason in decision.reasons.items():
            print(f"gate: {name}: {reason}")
        if settings.gate.enabled:
            raise UserError(f"gate: {'; '.join(faults)}; see reports/summary.md (gate.enabled=false lets a sweep go on)")
        print(f"gate: off; {'; '.join(faults)}")
    else:
        print(f"gate: {decision.sentence}")
    files.write_json(paths.GATE, {"selected": metrics.selected, "faults": faults})


if __name__ == "__main__":
    run(main)
