"""What 1,000 points of a sweep and 10 million samples take, what breaks first, and how 10,000 points are scheduled.

    python -m pipeline.cli.scale [--project FOLDER] [--parts FILE]

Prints Markdown: parts measured on this machine with the shipped network, what follows from them by arithmetic, and a simulation.
"""

import argparse
import itertools
import tempfile
from collections.abc import Sequence
from pathlib import Path
from random import Random

from pipeline import files
from pipeline.cli import bench_projects as projects
from pipeline.cli.scale_parts import OF_VARIANTS, POINT_STAGES, VARIANT, Parts, measure
from pipeline.cli.scheduled_points import Piece, Span, simulate
from pipeline.errors import run

POINTS, SAMPLES, SIMULATED = 1_000, 10_000_000, 10_000
# As the project is shipped.
VARIANTS, RESAMPLES = 5, 2000
# Other computers to compare with: so many cores, two of each machine.
CORES = (2, 8, 32, 128, 512)
_A_MACHINE = 2
# How often a worker dies in the simulation, and how long until another one is there.
_LIVES_S, _BACK_S = 10 * 3600.0, 60.0
# The swept grid: so many calibrations, each used by many quantizations. All that follows is a point's own.
_CALIBRATIONS = 25
_DAY_S, _SHARD_BYTES = 86400.0, 1 << 24


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--project", type=Path, help="a finished copy of this project, instead of a new one; it is changed")
    parser.add_argument("--parts", type=Path, help="what an earlier call has measured; written where there is no such file")
    options = parser.parse_args()
    if options.parts and options.parts.exists():
        kept = Parts(**files.read_json(options.parts))
        # JSON has keys in the order of letters.
        parts = kept._replace(stages={stage: kept.stages[stage] for stage in POINT_STAGES})
    else:
        parts = _measured(options.project)
        if options.parts:
            files.write_json(options.parts, parts._asdict())
    print(page(parts))


def page(parts: Parts) -> str:
    """All tables, with their titles."""
    tables = {
        "Measured parts": of_parts(parts),
        f"{POINTS:,} points": of_points(parts),
        f"{SAMPLES:,} samples": of_samples(parts),
        "What breaks first": of_limits(parts),
        f"{SIMULATED:,} points, simulated": of_schedules(parts, SIMULATED, CORES),
    }
    return "\n\n".join(f"### {title}\n\n{content}" for title, content in tables.items())


def _measured(given: Path | None) -> Parts:
    with tempfile.TemporaryDirectory(prefix="scale-") as name:
        folder = Path(name)
        project = given.resolve() if given else folder / "project"
        if not given:
            projects.clone(project)
            projects.run("python", "-m", "pipeline.cli.compose", cwd=project)
            projects.run("dvc", "repro", cwd=project)
            projects.commit(project)
        (folder / "work").mkdir()
        return measure(project, folder / "work")


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Markdown: all columns but the first are numbers."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def of_parts(parts: Parts) -> str:
    """What was measured."""
    rows = [[f"stage `{name}`, without DVC", f"{seconds:.2f} s"] for name, seconds in parts.stages.items()]
    rows += [["DVC's own cost of a stage", f"{parts.dvc_stage:.2f} s"]]
    rows += [[f"a point from start to end (`dvc exp run --temp`, {VARIANTS} variants)", f"{parts.point:.1f} s"]]
    rows += [["what it adds to the cache", _bytes(parts.point_bytes)]]
    rows += [["`dvc exp push`, `dvc exp pull` of it, a folder as remote", f"{parts.push:.1f} s, {parts.pull:.1f} s"]]
    rows += [[f"{name}: samples a second, {parts.cores} cores", f"{rate:,.0f}"] for name, rate in parts.samples.items()]
    rows += [["a sample: inputs; outputs of a network", f"{_bytes(parts.input_bytes)}; {_bytes(parts.output_bytes)}"]]
    rows += [["a sample in memory of `evaluate`, each network", _bytes(parts.evidence_bytes)]]
    by = f"{_micro(parts.compare)}; {_micro(parts.resample * RESAMPLES)}"
    rows += [[f"`evaluate` a sample and variant: by decisions; by bootstrap ({RESAMPLES:,} resamples)", by]]
    machine = f"{parts.cores} cores, {_bytes(parts.memory)}, {_bytes(parts.disk)} free"
    return table(["part", "measured"], [*rows, ["this machine", machine]])


def of_points(parts: Parts) -> str:
    """Time by cores, if all were busy, and what else the points take."""
    rows = [[f"{cores} cores", _time(POINTS * parts.point / cores)] for cores in CORES]
    rows += [["of it DVC's own", f"{100 * min(1.0, _dvc(parts) / parts.point):.0f} %"]]
    rows += [["cache", _bytes(POINTS * parts.point_bytes)]]
    rows += [["pushing one after the other; pulling", f"{_time(POINTS * parts.push)}; {_time(POINTS * parts.pull)}"]]
    return table([f"{POINTS:,} points", "takes"], rows)


def _dvc(parts: Parts) -> float:
    return parts.dvc_stage * sum(VARIANTS if stage in OF_VARIANTS else 1 for stage in parts.stages)


def of_samples(parts: Parts) -> str:
    """Time by cores of what is cut into shards, and what is not."""
    slower = min(parts.samples[name] for name in ("float32", VARIANT))
    shared = {"`reference`": parts.samples["original"], "`predict`, a variant": slower}
    alone = {"decisions": parts.compare, "bootstrap": parts.resample * RESAMPLES}
    head = [f"{SAMPLES:,} samples", *(f"{cores} cores" for cores in CORES)]
    rows = [[name, *(_time(SAMPLES / rate * parts.cores / cores) for cores in CORES)] for name, rate in shared.items()]
    for how, seconds in alone.items():
        rows += [[f"`evaluate`, a variant by {how}: one core", *[_time(SAMPLES * seconds)] * len(CORES)]]
    memory, disk = _bytes(SAMPLES * _evidence(parts)), _bytes(SAMPLES * _stored(parts))
    rows += [["memory of `evaluate`, at the least", *[memory] * len(CORES)], ["disk: inputs and outputs", *[disk] * len(CORES)]]
    sent = SAMPLES * (parts.input_bytes + parts.output_bytes)
    rows += [["sent for one variant (shards)", *[f"{_bytes(sent)} ({max(1, sent / _SHARD_BYTES):,.0f})"] * len(CORES)]]
    return table(head, rows)


def _evidence(parts: Parts) -> float:
    return parts.evidence_bytes * (VARIANTS + 1)


def _stored(parts: Parts) -> float:
    return parts.input_bytes + parts.output_bytes * (VARIANTS + 1)


def limits(parts: Parts) -> list[tuple[str, float, str]]:
    """What ends or takes a day on this machine, and at how many points or samples: points first, then by number."""
    points = [
        ("disk: what points add to the cache", parts.disk / parts.point_bytes),
        (f"a day of {parts.cores} cores", _DAY_S * parts.cores / parts.point),
        ("a day of pushing from one place", _DAY_S / parts.push),
    ]
    samples = [
        ("disk: inputs and outputs", parts.disk / _stored(parts)),
        (f"memory of `evaluate`: scores of {VARIANTS + 1} networks", parts.memory / _evidence(parts)),
        (f"a day of `reference` on {parts.cores} cores", _DAY_S * parts.samples["original"]),
        (f"a day of `evaluate`, {VARIANTS} variants by bootstrap", _DAY_S / (parts.resample * RESAMPLES * VARIANTS)),
        (f"a day of `evaluate`, {VARIANTS} variants by decisions", _DAY_S / (parts.compare * VARIANTS)),
    ]
    ordered = (sorted(found, key=lambda row: row[1]) for found in (points, samples))
    return [(what, count, unit) for unit, found in zip(("points", "samples"), ordered, strict=True) for what, count in found]


def of_limits(parts: Parts) -> str:
    """`limits` as a table."""
    return table(["on this machine", "reached at"], [[what, f"{_round(count)} {unit}"] for what, count, unit in limits(parts)])


def swept(parts: Parts, count: int) -> list[list[Piece]]:
    """The pieces of a sweep's points: calibrations that many share, and what each does for itself."""
    own = max(0.0, parts.point - sum(parts.stages.values()))
    return [
        [
            Piece(None, own),
            Piece(("calibrate", number % _CALIBRATIONS), parts.stages["calibrate"]),
            *(
                Piece((stage, number), seconds, alone=stage == "benchmark")
                for stage, seconds in parts.stages.items()
                if stage != "calibrate"
            ),
        ]
        for number in range(count)
    ]


def deaths(workers: int, until: float, *, seed: int = 0) -> list[tuple[float, int]]:
    """When workers die: each after a time of its own, at random with the mean `_LIVES_S`, time and again."""
    random = Random(seed)
    found = []
    for worker in range(workers):
        when = random.expovariate(1 / _LIVES_S)
        while when < until:
            found.append((when, worker))
            when += random.expovariate(1 / _LIVES_S)
    return found


def of_schedules(parts: Parts, count: int, cores: Sequence[int]) -> str:
    """Simulated sweeps of so many points: how long by workers, against the least that it can be and Graham's bound."""
    head = [
        "workers",
        "machines",
        "takes",
        "at least",
        "at most without benchmarks",
        "busy",
        "died",
        "lost by it",
        "pieces done twice",
    ]
    points, rows = swept(parts, count), []
    for number in cores:
        workers = [worker // _A_MACHINE for worker in range(number)]
        died = deaths(number, 2 * count * parts.point / number)
        spans = simulate(points, workers, restore_s=parts.dvc_stage, deaths=died, back_s=_BACK_S)
        end = max(span.end for span in spans)
        work, longest, again = _work(spans), parts.point, sum(span.end - span.begin for span in spans if span.killed)
        times = [end, least(spans, workers, longest), work / number + (1 - 1 / number) * longest]
        done = [span.key for span in spans if span.key is not None and not span.restored and not span.killed]
        rows.append(
            [
                f"{number}",
                f"{len(set(workers))}",
                *(_time(time) for time in times),
                f"{100 * work / number / end:.1f} %",
                f"{sum(span.killed for span in spans)}",
                _time(again),
                f"{len(done) - len(set(done))}",
            ]
        )
    return table(head, rows)


def _work(spans: Sequence[Span]) -> float:
    return sum(span.end - span.begin for span in spans)


def least(spans: Sequence[Span], workers: Sequence[int], longest: float) -> float:
    """A time that no schedule of the same work is below: a machine does nothing else during a benchmark.

    Args:
        spans: what was done.
        workers: the machine of each.
        longest: seconds of one point.
    """
    machines = len(set(workers))
    alone = sum(span.end - span.begin for span in spans if span.alone)
    return max(longest, (_work(spans) - alone) / len(workers) + alone / machines)


def _bytes(count: float) -> str:
    names = itertools.chain(("B", "kB", "MB", "GB", "TB"), itertools.repeat("PB"))
    for name in names:
        if count < 1000 or name == "PB":
            return f"{count:.3g} {name}"
        count /= 1000
    raise AssertionError


def _time(seconds: float) -> str:
    for size, name in ((_DAY_S, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {name}"
    return f"{seconds:.1f} s"


def _micro(seconds: float) -> str:
    return f"{float(f'{seconds * 1e6:.3g}'):,g} µs"


def _round(count: float) -> str:
    for size, name in ((1e9, "billion"), (1e6, "million")):
        if count >= size:
            return f"{count / size:.3g} {name}"
    return f"{float(f'{count:.3g}'):,.0f}"


if __name__ == "__main__":
    run(main)
