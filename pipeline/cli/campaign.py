"""Change one thing in files of all kinds, and see whether the judgement notices whatever changes what the file computes.

python -m pipeline.cli.campaign [--count N] [--seed S] [--only ATTACK] [--list]

Every field of the schema is drawn (`campaign_mutations`). A mutant is answered when the judgement refuses it or cannot read it,
when LiteRT does not run it, which stage `predict` and `audit` say before, when its outputs are those of the file as it was, or when
the field is one that is not compared there and the certificate says so.

It is wrong when it passes and computes something else or cannot be run, or when the judgement fails otherwise. Outputs are those
of LiteRT on samples, with XNNPACK and with built-in kernels alone, by the signature's names and by places.

Exit code 0 when nothing is wrong, else 1.
"""

import argparse
import signal
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pipeline import progress
from pipeline.cli import campaign_files, campaign_mutations, campaign_networks, campaign_runs
from pipeline.cli.campaign_attacks import ATTACKS, Attack
from pipeline.cli.campaign_files import File
from pipeline.cli.campaign_mutations import Mutant
from pipeline.errors import UserError, one_of
from pipeline.tflite import flatbuffer
from pipeline.verification import judgement

COUNT = 2000
# Smaller changes of an output, relative to its peak, are float32 rounding: eight units in the last place.
NOISE = 1e-6
_SECONDS = 10

REFUSED, UNREADABLE, NO_RUN = "refused", "unreadable", "not run by LiteRT"
UNCHANGED, NOT_COMPARED = "unchanged outputs", "not compared"
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
    made = [campaign_files.made(name) for name in progress.over(campaign_networks.NAMES, doing="files")]
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
        # The order of inputs is the same in all files of a network; not all have names for them.
        graph = flatbuffer.read(file.network.float32)
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
    if isinstance(answer, Wrong):
        return answer
    said, outputs = answer, _judged_outputs(target.file, target.outputs) if attack.data and answer == UNCHANGED else None
    if answer == REFUSED or outputs is not None:
        report = attack.judge(target.file, target.written, outputs)
        if report["passed"]:
            return None
        rows = report["checks"]
        said = "; ".join(f"{row['name']}: {row['reason']}" for row in rows if not row["passed"])
    elif answer == UNCHANGED:
        return None
    return _wrong(ACCUSED, target.file, same, said)


def _answer(attack: Attack, target: _Target, mutant: Mutant, runner: campaign_runs.Runner) -> str | Wrong:
    """What became of a mutant, and whether that is right."""
    try:
        flatbuffer.read(mutant.content)
    except ValueError:
        return UNREADABLE
    try:
        with _time_limit():
            report = attack.judge(target.file, mutant.content, None)
    except UserError:
        return UNREADABLE
    # Whatever else it raises is what is looked for.
    except Exception as error:
        return _wrong(RAISED, target.file, mutant, f"{type(error).__name__}: {error} ({_line(error)})")
    if not report["passed"]:
        return REFUSED
    found = campaign_runs.outputs(runner, mutant.content, target.file.network.samples, target.order)
    if isinstance(found, str):
        if attack.tried or found.startswith(campaign_runs.KERNELS[True]) or campaign_runs.OPENING in found:
            return NO_RUN
        effect = found
    else:
        change, where = campaign_runs.difference(target.outputs, found)
        if change <= NOISE:
            return UNCHANGED
        effect = f"{change:.3g} of the peak ({where})"
        if attack.data:
            try:
                report = attack.judge(target.file, mutant.content, _judged_outputs(target.file, found))
            except UserError:
                return UNREADABLE
            except Exception as error:
                return _wrong(RAISED, target.file, mutant, f"{type(error).__name__}: {error} ({_line(error)})")
            if not report["passed"]:
                return REFUSED
    named = not isinstance(found, str) and campaign_runs.difference(target.outputs, _by_name(found))[0] > NOISE
    words = [
        row.words
        for (name, role), row in attack.not_compared(target.file).items()
        if mutant.field == name and mutant.role.startswith(role) and row.what in mutant.what and not (row.places and named)
    ]
    if any(said(report, word) for word in words):
        return NOT_COMPARED
    return _wrong(PASSED, target.file, mutant, effect)


def _by_name(found: campaign_runs.Outputs) -> campaign_runs.Outputs:
    return {way: outputs for way, outputs in found.items() if way[1]}


def _judged_outputs(file: File, found: campaign_runs.Outputs) -> judgement.Outputs | None:
    """What `audit --data` judges; None where it says that names differ."""
    # As `interpreter.predict` has them, without the samples' own batch.
    reference = file.network.reference
    predicted = {name: array[:, 0] for name, array in found.get((True, True), {}).items()}
    if set(predicted) != set(reference):
        return None
    ids = [str(number) for number in range(len(next(iter(reference.values()))))]
    return judgement.Outputs(samples=file.network.samples, ids=ids, reference=reference, predicted=predicted)


def said(report: Mapping[str, Any], words: str) -> bool:
    """Whether the report says so."""
    lines = [*(row["reason"] for row in report["checks"]), *report.get("notes", ()), *report.get("certificate", {}).get("also", ())]
    return any(words in line for line in lines)


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
