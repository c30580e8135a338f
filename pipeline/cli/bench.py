"""Measure what the pipeline claims to be fast at: each goal a ratio of two things run in turn on this machine, as a Markdown table.

python -m pipeline.cli.bench [--rounds N] [--only NAME] [--search] [--folder FOLDER] [--list]

Everything is measured in clones of the working tree; the rivals are the scripts in benchmarks/, or DVC with a graph of empty
stages. Figures are medians of the rounds, the least and the greatest in brackets. Exit code 0 whether goals are met or missed.
"""

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from benchmarks import invoke_loop
from pipeline import files, paths
from pipeline.cli import bench_certificate, bench_table
from pipeline.cli import bench_projects as projects
from pipeline.cli.bench_projects import ROOT
from pipeline.cli.bench_table import GOALS, Case
from pipeline.cli.compose import compose
from pipeline.errors import one_of, run
from pipeline.mixed_precision.record import Result
from pipeline.quantization import quantizer, range_estimators
from pipeline.quantization.ranges_record import Ranges
from pipeline.runtime import interpreter
from pipeline.tflite import flatbuffer, layer_names
from pipeline.tflite.layers_record import Layers
from pipeline.verification import float32_proof

# Overrides with which each project is composed.
_PROJECTS: dict[str, tuple[str, ...]] = {
    "digits": (),
    "mobilenetv2": (*projects.MOBILENETV2, "quantization=[float32,float16,dynamic_int8,int8]"),
}
# What the script is given for the same work.
_SCRIPT = ROOT / "benchmarks" / "tutorial_script.py"
_SCRIPTS: dict[str, tuple[str, ...]] = {
    "digits": ("--model", "models/digits_cnn.keras", "--data", "data/digits.npz", "--scale", "0.0625", "--evaluation", "450"),
    "mobilenetv2": (
        *("--model", "models/mobilenetv2.keras", "--data", "data/mobilenetv2.npz"),
        *("--scale", str(projects.SCALE), f"--offset={projects.OFFSET}", "--evaluation", str(projects.SETS["evaluation"])),
    ),
}
_LOOP = ROOT / "benchmarks" / "invoke_loop.py"
_MEMORY_STAGES = ("sample", "calibrate", "predict", "verify", "evaluate")


@dataclass(frozen=True)
class Setting:
    """Where the clones are made, and how often each thing is measured."""

    folder: Path
    rounds: int


def alternate(here: Callable[[], float], other: Callable[[], float], *, rounds: int, warm: bool = True, label: str = "") -> Case:
    """Two measurements in turn: here, other, here, other, and so on.

    Args:
        here, other: do the work and return the figure.
        rounds: of both.
        warm: begin with one of each that is not counted, for what is quick and meets a cold cache.
        label: of the case.
    """
    found: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds + warm):
        figures = here(), other()
        if number >= warm:
            for kept, figure in zip(found, figures, strict=True):
                kept.append(figure)
    return Case(*found, label)


def start(setting: Setting, name: str) -> Path:
    """A composed clone in which nothing has run: no cache of DVC's, no outputs, no dvc.lock. Not to be changed."""
    folder = setting.folder / f"{name}-start"
    if not folder.exists():
        projects.clone(folder)
        if name == "mobilenetv2":
            projects.add_mobilenetv2(folder)
        projects.run("python", "-m", "pipeline.cli.compose", *_PROJECTS[name], cwd=folder)
    return folder


def finished(setting: Setting, name: str) -> Path:
    """A project after `dvc repro`."""
    project = setting.folder / name
    if not (project / paths.PAGE).exists():
        projects.synchronize(start(setting, name), project)
        projects.run("dvc", "repro", cwd=project)
    return project


def empty(setting: Setting) -> Path:
    """DVC's graph of the digits with empty stages, run once."""
    target = setting.folder / "digits-graph"
    return target if target.exists() else projects.empty_graph(finished(setting, "digits"), target)


def script(setting: Setting, name: str, *modes: str) -> float:
    """Seconds of the user's script for a project, in a new process."""
    out = ("--out", str(setting.folder / f"{name}-script"))
    return projects.seconds("python", str(_SCRIPT), *_SCRIPTS[name], "--modes", *modes, *out, cwd=start(setting, name))


def from_nothing(setting: Setting, name: str, *modes: str) -> list[Case]:
    """`dvc repro` in a composed clone with nothing in it, against the script that has no files of an earlier run."""

    def here() -> float:
        projects.synchronize(start(setting, name), setting.folder / name)
        return projects.seconds("dvc", "repro", cwd=setting.folder / name)

    def other() -> float:
        shutil.rmtree(setting.folder / f"{name}-script", ignore_errors=True)
        return script(setting, name, *modes)

    return [alternate(here, other, rounds=setting.rounds, warm=False)]


def one_more_variant(setting: Setting) -> list[Case]:
    """Compose with int8_tensor added and `dvc repro`, in a finished project that is put back, DVC's cache included, each round.

    The script finds the exported network and the original's outputs of an earlier run, and converts, predicts, compares and scores
    the one mode.
    """
    project, before = finished(setting, "mobilenetv2"), setting.folder / "mobilenetv2-finished"
    if not before.exists():
        shutil.copytree(project, before, symlinks=True)
    if not (setting.folder / "mobilenetv2-script" / "original.npy").exists():
        script(setting, "mobilenetv2", "float32")
    more = (*projects.MOBILENETV2, "quantization=[float32,float16,dynamic_int8,int8,int8_tensor]")
    ran: set[str] = set()

    def here() -> float:
        projects.synchronize(before, project)
        begun = time.perf_counter()
        projects.run("python", "-m", "pipeline.cli.compose", *more, cwd=project)
        said = projects.run("dvc", "repro", cwd=project)
        taken = time.perf_counter() - begun
        ran.clear()
        ran.update(projects.stages_run(said))
        return taken

    case = alternate(here, lambda: script(setting, "mobilenetv2", "int8"), rounds=setting.rounds, warm=False)
    projects.synchronize(before, project)
    fault = "" if "quantize@int8_tensor" in ran else "the variant was not built"
    return [Case(case.here, case.other, f"{len(ran)} stages ran", fault)]


def limit_changed(setting: Setting) -> list[Case]:
    """`dvc repro` after an edit of `select.max_drop` in params.yaml, another value each time, so that nothing is restored.

    As a person edits it, by hand: the stages find a file that was not composed.
    """
    project, graph = finished(setting, "digits"), empty(setting)
    ran: set[str] = set()
    steps = iter(range(1, 1000))

    def here() -> float:
        text = (project / paths.PARAMS).read_text(encoding="utf-8")
        value = f"{0.01 + time.time() % 1e-3 + 0.001 * next(steps):.7f}"
        edited, count = re.subn(r"(?m)^(select:\n(?:  .*\n)*?  max_drop:) .*$", rf"\g<1> {value}", text)
        assert count == 1, "params.yaml has no select.max_drop"
        files.write_text(project / paths.PARAMS, edited)
        begun = time.perf_counter()
        said = projects.run("dvc", "repro", cwd=project)
        taken = time.perf_counter() - begun
        ran.update(projects.stages_run(said))
        return taken

    case = alternate(here, lambda: projects.seconds("dvc", "repro", cwd=graph), rounds=setting.rounds)
    others = ran - {"select", "report", "gate"}
    fault = "select did not run" if "select" not in ran else f"{', '.join(sorted(others))} ran, too" if others else ""
    return [Case(case.here, case.other, f"ran: {', '.join(sorted(ran))}", fault)]


def nothing_changed(setting: Setting) -> list[Case]:
    """`dvc repro` twice."""
    project, graph = finished(setting, "digits"), empty(setting)
    projects.run("dvc", "repro", cwd=project)  # what an earlier row has changed
    return [
        alternate(
            lambda: projects.seconds("dvc", "repro", cwd=project),
            lambda: projects.seconds("dvc", "repro", cwd=graph),
            rounds=setting.rounds,
        )
    ]


def cost_of_a_stage(setting: Setting) -> list[Case]:
    """DVC's own time for a stage: all stages forced less nothing changed, by the number of stages.

    In both graphs a command is one `cp` that puts the outputs back, so that what DVC does for a stage is left: deps, params and
    outputs of the real one are hashed, stored and written to dvc.lock.
    """
    real = setting.folder / "digits-restoring"
    if not real.exists():
        shutil.copytree(finished(setting, "digits"), real, symlinks=True)
        projects.restoring_graph(real)
        projects.run("dvc", "repro", cwd=real)

    def each(project: Path) -> float:
        idle = projects.seconds("dvc", "repro", cwd=project)
        return 1e3 * (projects.seconds("dvc", "repro", "--force", cwd=project) - idle) / len(projects.lock(project))

    return [alternate(lambda: each(real), lambda: each(empty(setting)), rounds=setting.rounds)]


def first_line_of_work(setting: Setting) -> list[Case]:
    """A new Python that imports what a stage imports and reads params.yaml, in a finished project."""
    project = finished(setting, "digits")

    def milliseconds(code: str) -> float:
        return 1e3 * projects.seconds("python", "-c", code, cwd=project)

    return [
        alternate(
            lambda stage=stage: milliseconds(f"import pipeline.{stage}; from pipeline import config; config.read()"),  # type: ignore[misc]
            lambda: milliseconds("import numpy"),
            rounds=setting.rounds,
            label=stage,
        )
        for stage in ("gate", "predict", "verify")
    ]


def predict_rate(setting: Setting) -> list[Case]:
    """What the stage `predict` does, outputs in memory-mapped files included, against the bare loop of one thread times the cores.

    int16x8 is that of the digits, with 0.1 ms a sample: on MobileNetV2 its reference kernels take minutes.
    """
    workers = os.cpu_count() or 1
    schemes = [("mobilenetv2", name) for name in ("float32", "float16", "dynamic_int8", "int8")] + [("digits", "int16x8")]
    cases = []
    for network, variant in schemes:
        project = finished(setting, network)
        model = files.read_bytes(project / paths.variant_model(variant))
        samples = files.read_samples(project / paths.EVALUATION)
        (inputs,) = samples.values()

        def here(model: bytes = model, samples: dict[str, np.ndarray] = samples, count: int = len(inputs)) -> float:
            with tempfile.TemporaryDirectory() as folder:
                begun = time.perf_counter()
                interpreter.predict(model, samples, workers=workers, store=files.stored(Path(folder)))
                return count / (time.perf_counter() - begun)

        def other(model: bytes = model, inputs: np.ndarray = inputs) -> float:
            return workers * len(inputs) / invoke_loop.seconds(model, inputs)

        cases.append(alternate(here, other, rounds=setting.rounds, label=f"{variant} of {network}"))
    return cases


def calibrate_one_pass(setting: Setting) -> list[Case]:
    """The stage `calibrate` as a process, imports included, against a process that runs the same samples once, on MobileNetV2."""
    project = finished(setting, "mobilenetv2")
    (samples,) = (project / paths.CALIBRATION / "inputs").glob("*.npy")
    loop = ("python", str(_LOOP), str(paths.FLOAT32), str(samples), str(projects.SETS["calibration"]))
    return [
        alternate(
            lambda: projects.seconds("python", "-m", "pipeline.calibrate", cwd=project),
            lambda: projects.seconds(*loop, cwd=project),
            rounds=setting.rounds,
        )
    ]


def memory(setting: Setting) -> list[Case]:
    """Peak resident memory of a stage's process with 1,000 calibration and 2,000 evaluation samples, against a tenth of both.

    154 MB of samples at the most. Pages of mapped files count, though the system takes them back when it needs them.
    """
    few, many = (_memory_project(setting, times) for times in (1, 10))
    return [_memory_of(stage, few, many, rounds=setting.rounds) for stage in _MEMORY_STAGES]


def _memory_of(stage: str, few: Path, many: Path, *, rounds: int) -> Case:
    arguments = ("int8",) if stage in ("predict", "verify") else ()
    anonymous: dict[Path, list[float]] = {few: [], many: []}

    def megabytes(project: Path) -> float:
        peak = projects.peak_megabytes("python", "-m", f"pipeline.{stage}", *arguments, cwd=project)
        anonymous[project].append(peak["anonymous"])
        return peak["resident"]

    case = alternate(lambda: megabytes(many), lambda: megabytes(few), rounds=rounds, warm=False)
    here, other = (statistics.median(anonymous[project]) for project in (many, few))
    note = f"without pages of mapped files {here:.1f} MB / {other:.1f} MB, ratio {here / other:.2f}"
    return Case(case.here, case.other, stage, note=note)


def _memory_project(setting: Setting, times: int) -> Path:
    """A small network on images of 80 by 80, with what the stages in question read."""
    project = setting.folder / f"memory-{times}"
    if project.exists():
        return project
    import keras

    sets = {"calibration": 100 * times, "tuning": 10, "evaluation": 200 * times}
    count = sum(sets.values())
    with files.replacing(project) as temporary:
        projects.clone(temporary)
        projects.write_conf(temporary, name="memory", sets=sets)
        keras.utils.set_random_seed(0)
        layers = [keras.layers.Conv2D(8, 3, 2, activation="relu"), keras.layers.GlobalAveragePooling2D()]
        network = keras.Sequential([keras.Input((80, 80, 3), name="image"), *layers, keras.layers.Dense(10, "softmax")])
        network.save(temporary / "models" / "memory.keras")
        # Of few, enlarged: so many smooth ones would take longer to make than all that is measured.
        images = np.random.default_rng(0).integers(0, 256, (count, 10, 10, 3), np.uint8).repeat(8, 1).repeat(8, 2)
        np.savez(temporary / "data" / "memory.npz", images=images, labels=np.arange(count) % 10)
        asked = ("model=memory", "data=memory", "quantization=[float32,int8]", f"calibrate.samples={sets['calibration']}")
        projects.run("python", "-m", "pipeline.cli.compose", *asked, cwd=temporary)
        each = [f"{stage} {variant}" for variant in ("float32", "int8") for stage in ("quantize", "predict")]
        for command in ("load", "sample", "reference", "convert", "calibrate", *each):
            projects.run("python", "-m", *f"pipeline.{command}".split(), cwd=temporary)
    return project


def certificate(setting: Setting) -> list[Case]:
    """Reading the file beside its conversion in the same process."""
    return _beside_conversion(setting, bench_certificate.certify)


def beside(setting: Setting) -> list[Case]:
    """Running the file part by part beside its conversion in the same process."""
    return _beside_conversion(setting, lambda one: one.beside())


def _beside_conversion(setting: Setting, work: Callable[[bench_certificate.Subject], object]) -> list[Case]:
    def case(name: str, one: bench_certificate.Subject) -> Case:
        taken = bench_certificate.seconds
        return alternate(lambda: taken(lambda: work(one)), lambda: taken(one.convert), rounds=setting.rounds, label=name)

    return [case(name, one) for name, one in bench_certificate.subjects()]


def certificate_memory(setting: Setting) -> list[Case]:
    """What Python and NumPy allocate at the most, which is the same each time."""
    return [Case([bench_certificate.peak(one)], [len(one.model) / 2**20], name) for name, one in bench_certificate.subjects()]


# How each goal of `bench_table.GOALS` is measured.
MEASUREMENTS: dict[str, Callable[[Setting], list[Case]]] = {
    "mobilenetv2": lambda setting: from_nothing(setting, "mobilenetv2", "float32", "float16", "dynamic", "int8"),
    "one_more": one_more_variant,
    "digits": lambda setting: from_nothing(setting, "digits", "float32", "float16", "dynamic", "int8", "int16x8"),
    "limit": limit_changed,
    "nothing": nothing_changed,
    "stage": cost_of_a_stage,
    "start": first_line_of_work,
    "predict": predict_rate,
    "calibrate": calibrate_one_pass,
    "memory": memory,
    "certificate": certificate,
    "beside": beside,
    "certificate_memory": certificate_memory,
}


def search_of_mobilenetv2(source: float32_proof.Source, model: bytes, samples: int = 200, *overrides: str) -> str:
    """The stage `search@mixed` on MobileNetV2: figures of what it found and its time, without those of the stages before it.

    Args:
        source, model: of `mobilenetv2`.
        samples: of the tuning set.
        overrides: of the search's configuration, as Hydra takes them.
    """
    images = np.random.default_rng(1).normal(size=(samples, 8, 8, 3)).astype(np.float32).repeat(28, 1).repeat(28, 2)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        graph = flatbuffer.read(model)
        (name,) = graph.inputs
        few = ({name: image[None]} for image in images[:50])
        extremes = quantizer.observe(model, few, signature=graph.signature)
        bits = {
            str(bits): range_estimators.estimate(extremes, None, method="min_max", bits=bits, percentile=100)
            for bits in range_estimators.BITS
        }
        files.write_bytes(folder / paths.FLOAT32, model)
        rows = layer_names.operators_by_layer(graph, [layer["path"] for layer in source.layers], numbered=source.numbered)
        files.write_json(folder / paths.LAYERS, msgspec.to_builtins(Layers(operators=rows)))
        ranges = Ranges(method="min_max", samples=50, bits=bits, stability={}, least_stable=[], constant=[], dead=[], infinite=[])
        files.write_json(folder / paths.RANGES, msgspec.to_builtins(ranges))
        (folder / paths.TUNING).parent.mkdir()
        files.write_samples(folder / paths.TUNING, ({name: image} for image in images), count=samples, labels=None)
        asked = ["search=[mixed]", "quantization=[mixed]", "searches.mixed.max_drop=null", "searches.mixed.min_sqnr_db=20"]
        (folder / paths.PARAMS).write_text(compose(ROOT, [*asked, *overrides]), encoding="utf-8")
        begun = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "pipeline.search", "mixed"],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        taken = time.perf_counter() - begun
        operators = len(files.read_record(folder / paths.recipe("mixed"), Result).operators)
    return f"search of MobileNetV2, {operators} operators, {samples} samples: {taken:.0f} s; {done.stdout.strip()}"


def mobilenetv2() -> tuple[float32_proof.Source, bytes]:
    """MobileNetV2 of `bench_projects` as the certificate takes it, and its float32 file."""
    from pipeline.cli import audit_network
    from pipeline.source import converter

    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "source"
        source = audit_network.export(projects.mobilenetv2() / "network.keras", folder, batch=1)
        return source, converter.convert_saved_model(folder)


def measure(setting: Setting, names: Sequence[str]) -> None:
    """Print the table, a row as soon as it is measured, and after it the cases behind those rows that show the worst of several."""
    measured = []
    print(bench_table.HEAD)
    for goal in GOALS:
        if goal.name in names:
            begun = time.perf_counter()
            measured.append((goal, MEASUREMENTS[goal.name](setting)))
            print(bench_table.row(*measured[-1]), flush=True)
            print(f"bench: {goal.name} took {time.perf_counter() - begun:.0f} s", file=sys.stderr)
    for line in ("", *bench_table.details(measured)):
        print(line)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="how often each thing is measured")
    parser.add_argument("--only", metavar="NAME", help="measure this one; --list names them")
    parser.add_argument("--list", action="store_true", help="name what can be measured")
    parser.add_argument("--search", action="store_true", help="also the search on MobileNetV2, which takes minutes")
    parser.add_argument(
        "--folder", type=Path, help="where clones are made and found again, for work on the bench itself: remove it after an edit"
    )
    given = parser.parse_args()
    names = [*(goal.name for goal in GOALS), "search"]
    if given.list:
        print("\n".join(names))
        return
    wanted = (
        [one_of(given.only, names, where="--only")] if given.only else [name for name in names if name != "search" or given.search]
    )
    with tempfile.TemporaryDirectory(prefix="bench-") as temporary:
        folder = (given.folder or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        measure(Setting(folder, given.rounds), wanted)
    if "search" in wanted:
        print(search_of_mobilenetv2(*mobilenetv2()), flush=True)


if __name__ == "__main__":
    run(main)
