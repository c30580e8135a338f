"""Change one thing in files of all kinds, and see whether the judgement notices whatever changes what the file computes.

python -m pipeline.cli.campaign [--count N] [--seed S] [--only ATTACK] [--list]

Every field of the schema is drawn (`campaign_mutations`). A mutant is answered when the judgement refuses it or cannot read it,
when its outputs are those of the file as it was, or when the field is one that is not compared there and the certificate says so.
It is wrong when it passes and computes something else or cannot be run, or when the judgement fails otherwise. Outputs are those
of LiteRT on samples, with XNNPACK and with built-in kernels alone, by the signature's names and by places.

Exit code 0 when nothing is wrong, else 1.
"""

import argparse
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

from pipeline import progress
from pipeline.cli import audit, campaign_files, campaign_mutations, campaign_runs, scheme_detection
from pipeline.cli.campaign_files import File
from pipeline.cli.campaign_mutations import Mutant
from pipeline.errors import UserError, one_of
from pipeline.tflite import flatbuffer
from pipeline.verification import judgement

COUNT = 2000
# Smaller changes of an output, relative to its peak, are float32 rounding: eight units in the last place.
NOISE = 1e-6
_SECONDS = 10

REFUSED, UNREADABLE, UNCHANGED, NOT_COMPARED = "refused", "unreadable", "unchanged outputs", "not compared"
PASSED, RAISED, ACCUSED = "passed", "raised", "accused"


@dataclass(frozen=True, kw_only=True)
class Wrong:
    """A wrong answer: `kind` PASSED, RAISED or ACCUSED, of which file and field, what was done, and what came of it."""

    kind: str
    file: str
    field: str
    role: str
    path: str
    what: str
    effect: str


@dataclass(kw_only=True)
class Result:
    """What became of the mutants of an attack: numbers of them by answer, also for each field, and those that are wrong."""

    attack: str
    tried: int = 0
    answered: Counter[str] = field(default_factory=Counter)
    fields: dict[str, Counter[str]] = field(default_factory=dict)
    wrong: list[Wrong] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Attack:
    """A way of judging a file.

    Attributes:
        title: in words.
        takes: whether a file is one for it.
        judge: the report on the bytes given as a file, and what the file computes (None: not yet run).
        not_compared: what cannot be compared in a file that is judged so: (field, beginning of the role), and the reason.
        loads: whether LiteRT has loaded the file before, so that one it refuses is answered.
        data: whether outputs are judged, too.
    """

    title: str
    takes: Callable[[File], bool]
    judge: Callable[[File, bytes, judgement.Outputs | None], Mapping[str, Any]]
    not_compared: Callable[[File], Mapping[tuple[str, str], str]] = lambda file: {}
    loads: bool = False
    data: bool = False


_limits = cache(audit.limits)


def as_float32(file: File, content: bytes, outputs: judgement.Outputs | None) -> dict[str, Any]:
    """The first link: the float32 file itself, as the converter made it."""
    return judgement.judge(
        file.network.source,
        content,
        content,
        scheme="float32",
        io_dtype="float32",
        algorithm="none",
        measured=None,
        outputs=outputs,
        limits=_limits(),
    )


def as_variant(file: File, content: bytes, outputs: judgement.Outputs | None) -> dict[str, Any]:
    """The second link, as the stage `verify` has it: beside a float32 file that is right."""
    return judgement.judge(
        file.network.source,
        file.network.float32,
        content,
        scheme=file.scheme,
        io_dtype=file.io_dtype,
        algorithm=file.algorithm,
        measured=file.network.measured if file.engine == "litert" else None,
        outputs=outputs,
        limits=_limits(),
        proof=file.network.proof,
    )


def as_lone(file: File, content: bytes, outputs: judgement.Outputs | None) -> dict[str, Any]:
    """A file of which nothing is said, as the command `audit` has it."""
    scheme, _ = scheme_detection.detect(flatbuffer.read(content), judgement.BY_NAME)
    ends = () if scheme is None else judgement.BY_NAME[scheme].io_dtype
    return judgement.judge(
        file.network.source,
        file.network.float32,
        content,
        scheme=scheme,
        io_dtype=ends[0] if len(ends) == 1 else None,
        algorithm=None,
        measured=None,
        outputs=outputs,
        limits=_limits(),
        proof=file.network.proof,
    )


# What the judgement cannot compare where nobody knows the ranges of the activations: the converter calibrates by itself, and
# nothing is said of a lone file. Fields, by the beginning of the role, and faults; each with its reason.
_ANY_RANGE = "ranges are measured on data, and it is not known on which: any scale may be right"
_SHIFT = "follows from the range, as the scale does"
UNKNOWN_RANGES = {
    ("QuantizationParameters.scale", "activation"): _ANY_RANGE,
    ("QuantizationParameters.scale", "end"): _ANY_RANGE,
    ("QuantizationParameters.zeroPoint", "activation"): _SHIFT,
    ("QuantizationParameters.zeroPoint", "end"): _SHIFT,
    ("an activation rescaled with the biases", ""): _ANY_RANGE,
}
ATTACKS = {
    "float32": Attack(title="network → float32", takes=lambda file: file.scheme == "float32", judge=as_float32),
    "variant": Attack(
        title="float32 → variant",
        takes=lambda file: file.scheme != "float32",
        judge=as_variant,
        not_compared=lambda file: {} if file.engine == "litert" else UNKNOWN_RANGES,
    ),
    "lone": Attack(title="lone file", takes=lambda file: True, judge=as_lone, not_compared=lambda file: UNKNOWN_RANGES, loads=True),
    "lone-data": Attack(
        title="lone file, with data",
        takes=lambda file: True,
        judge=as_lone,
        not_compared=lambda file: UNKNOWN_RANGES,
        loads=True,
        data=True,
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=COUNT, help=f"mutants of each attack (default {COUNT})")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", help="one attack; --list tells which there are")
    parser.add_argument("--list", action="store_true", help="print the attacks and stop")
    given = parser.parse_args()
    if given.list:
        print("\n".join(ATTACKS))
        return
    try:
        chosen = list(ATTACKS) if given.only is None else [one_of(given.only, ATTACKS, where="--only")]
    except UserError as error:
        sys.exit(f"error: {error}")
    made = [campaign_files.made(name) for name in progress.over(campaign_files.NAMES, doing="files")]
    files = [file for _, found in made for file in found]
    results = []
    for name in chosen:
        results.append(run(ATTACKS[name], files, count=given.count, seed=given.seed))
    print(table(results))
    sys.exit(1 if any(result.wrong for result in results) else 0)


def run(attack: Attack, files: Sequence[File], *, count: int, seed: int) -> Result:
    """Judge mutants of the files that the attack takes.

    Args:
        attack: how they are judged.
        files: to be changed; each must pass as it is.
        count: of mutants, in all.
        seed: of what is drawn.
    """
    result = Result(attack=attack.title)
    rng = np.random.default_rng(seed)
    with campaign_runs.runner() as runner:
        targets = [_Target(file, runner) for file in files if attack.takes(file)]
        sound = []
        for target in targets:
            accusation = _accusation(attack, target, runner)
            sound += [] if accusation else [target]
            result.wrong += [accusation] if accusation else []
        for _ in progress.over(range(count if sound else 0), doing=attack.title):
            target = sound[int(rng.integers(len(sound)))]
            mutant = campaign_mutations.draw(target.written, target.content, target.sites, rng)
            answer = _answer(attack, target, mutant, runner)
            result.tried += 1
            result.fields.setdefault(mutant.field, Counter())[answer.kind if isinstance(answer, Wrong) else answer] += 1
            if isinstance(answer, Wrong):
                result.wrong.append(answer)
            else:
                result.answered[answer] += 1
    return result


class _Target:
    """A file ready to be changed: written once by the writer that writes the mutants, and run."""

    def __init__(self, file: File, runner: campaign_runs.Runner) -> None:
        self.file = file
        self.content = campaign_mutations.parse(file.content)
        self.written = campaign_mutations.written(self.content)
        self.sites = campaign_mutations.sites(self.content)
        graph = flatbuffer.read(self.written)
        names = {number: name for name, number in graph.inputs.items()}
        self.order = [names[number] for number in graph.subgraphs[graph.main].inputs]
        outputs = campaign_runs.outputs(runner, self.written, file.network.samples, self.order)
        if isinstance(outputs, str):
            raise UserError(f"{file.name}: LiteRT {outputs}")
        self.outputs = outputs


def _accusation(attack: Attack, target: _Target, runner: campaign_runs.Runner) -> Wrong | None:
    """What is wrong with the answer on a file that nobody has changed."""
    same = Mutant(content=target.written, field="none", role="", path="", what="the file as it was made")
    answer = _answer(attack, target, same, runner)
    if isinstance(answer, Wrong) or answer == UNCHANGED:
        return answer if isinstance(answer, Wrong) else None
    said = answer
    if answer == REFUSED:
        rows = attack.judge(target.file, target.written, None)["checks"]
        said = "; ".join(f"{row['name']}: {row['reason']}" for row in rows if not row["passed"])
    return _wrong(ACCUSED, target.file, same, said)


def _answer(attack: Attack, target: _Target, mutant: Mutant, runner: campaign_runs.Runner) -> str | Wrong:
    """What became of a mutant, and whether that is right."""
    try:
        with _time_limit():
            report = attack.judge(target.file, mutant.content, None)
    except (ValueError, UserError):
        return UNREADABLE
    # Whatever else it raises is what is looked for.
    except Exception as error:
        return _wrong(RAISED, target.file, mutant, f"{type(error).__name__}: {error} ({_line(error)})")
    if not report["passed"]:
        return REFUSED
    found = campaign_runs.outputs(runner, mutant.content, target.file.network.samples, target.order)
    if isinstance(found, str):
        # `audit` asks LiteRT for the batch; with data, it runs the file.
        if attack.loads and found.startswith(("loading", "running") if attack.data else campaign_runs.LOADING):
            return UNREADABLE
        effect = found
    else:
        change, where = campaign_runs.difference(target.outputs, found)
        if change <= NOISE:
            return UNCHANGED
        effect = f"{change:.3g} of the peak ({where})"
        if attack.data:
            try:
                report = attack.judge(target.file, mutant.content, _judged_outputs(target.file, found))
            except (ValueError, UserError):
                return UNREADABLE
            except Exception as error:
                return _wrong(RAISED, target.file, mutant, f"{type(error).__name__}: {error} ({_line(error)})")
            if not report["passed"]:
                return REFUSED
    if any(mutant.field == name and mutant.role.startswith(role) for name, role in attack.not_compared(target.file)) and said(
        report
    ):
        return NOT_COMPARED
    return _wrong(PASSED, target.file, mutant, effect)


def _judged_outputs(file: File, found: campaign_runs.Outputs) -> judgement.Outputs | None:
    """What `audit --data` judges; None where it says that names differ."""
    # As `interpreter.predict` has them, without the samples' own batch.
    predicted = {name: array[:, 0] for name, array in found.get((True, True), {}).items()}
    reference = file.network.reference
    if set(predicted) != set(reference):
        return None
    ids = [str(number) for number in range(len(next(iter(reference.values()))))]
    return judgement.Outputs(samples=file.network.samples, ids=ids, reference=reference, predicted=predicted)


def said(report: Mapping[str, Any]) -> bool:
    """Whether the certificate says that something was not compared."""
    return any("not compared" in row["reason"] for row in report["checks"])


def _wrong(kind: str, file: File, mutant: Mutant, effect: str) -> Wrong:
    return Wrong(kind=kind, file=file.name, field=mutant.field, role=mutant.role, path=mutant.path, what=mutant.what, effect=effect)


def _line(error: BaseException) -> str:
    """Where an exception is from."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "" if trace is None else f"{trace.tb_frame.f_code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno}"


@contextmanager
def _time_limit() -> Iterator[None]:
    """TimeoutError after ten seconds: a judgement takes a tenth of one."""

    def late(number: int, frame: object) -> None:
        raise TimeoutError(f"no judgement after {_SECONDS} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(_SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def table(results: Sequence[Result]) -> str:
    """The counts as a Markdown table, how they were answered, and a line for each wrong answer."""
    lines = ["| attack | tried | answered | wrong |", "|---|---:|---:|---:|"]
    lines += [f"| {r.attack} | {r.tried:,} | {r.answered.total():,} | {len(r.wrong):,} |" for r in results]
    lines += [""]
    for result in results:
        how = ", ".join(f"{count:,} {name}" for name, count in result.answered.most_common())
        lines.append(f"{result.attack}: {how}")
        lines += [
            f"- {row.kind}: {row.field} ({row.role}) at {row.path}: {row.what}; {row.effect}; {row.file}"
            for row in sorted(result.wrong, key=lambda row: (row.kind, row.field, row.role))
        ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
