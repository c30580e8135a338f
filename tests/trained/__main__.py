"""Judge trained networks as an expert would: train each, run it as a user does, plant faults, and print what ships and why.

python -m tests.trained [--only NAME ...] [--keep FOLDER] [--without-faults] [--here]

Three Markdown tables: the networks, the faults, and how often each kind of fault is seen. Trained networks and what DVC has
computed of them stay in .cache/judge, so that a second run takes only what the code in between has changed. Exit code 1 when a
network ends without a report or otherwise than the table expects, or a fault that does harm is not seen.
"""

import argparse
import contextlib
import io
import sys
import tempfile
from pathlib import Path

from pipeline.cli import bench_projects
from pipeline.errors import UserError, one_of, run
from tests.trained import markdown, outcome, planted, projects
from tests.trained.table import NETWORKS


def judged(name: str, folder: Path, *, here: bool) -> tuple[outcome.Outcome | None, str]:
    """The outcome of a network in a project of its own; None and the last thing that was said when there is no report."""
    project = projects.make(NETWORKS[name], folder / name)
    try:
        if here:
            projects.reproduce_here(project)
        else:
            bench_projects.run("dvc", "repro", cwd=project)
    except (UserError, RuntimeError, ValueError) as error:  # LiteRT raises the second, bugs the third: by DVC all end a run
        lines = str(error).splitlines()
        return None, next((line for line in lines if line.startswith("error: ")), lines[-1])
    return outcome.read(project), ""


def faulty(name: str, sound: outcome.Outcome, folder: Path) -> list[markdown.Planted]:
    """What becomes of each fault in the int8 variant of a finished project; none where there is no int8."""
    rows = []
    for number, fault in enumerate(planted.possible(NETWORKS[name], sound)):
        print(f"{name}: {fault}", file=sys.stderr)
        with tempfile.TemporaryDirectory() as temporary, contextlib.redirect_stdout(io.StringIO()):
            found = planted.judged(folder / name, fault, Path(temporary) / str(number))
        rows.append(markdown.Planted(network=name, fault=fault, found=found, harmful=planted.harmful(found, sound)))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=list(NETWORKS), metavar="NAME", help="these networks")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="leave the projects there")
    parser.add_argument("--without-faults", action="store_true", help="only the table of networks")
    parser.add_argument("--here", action="store_true", help="run the stages in this process instead of by DVC: five times as fast")
    options = parser.parse_args()
    names = [one_of(name, NETWORKS, where="--only") for name in options.only]
    outcomes: dict[str, tuple[outcome.Outcome | None, str]] = {}
    faults: list[markdown.Planted] = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) if options.keep is None else options.keep.resolve()
        for name in names:
            print(f"{name}: {NETWORKS[name].what}", file=sys.stderr)
            outcomes[name] = found, _ = judged(name, folder, here=options.here)
            if found is not None and not options.without_faults:
                faults += faulty(name, found, folder)
    print(markdown.shipped({name: (NETWORKS[name], *outcomes[name]) for name in names}))
    if faults:
        print(markdown.planted(faults, variant=planted.VARIANT))
        print(markdown.seen(faults, variant=planted.VARIANT))
    wrong = [
        f"{name}: {said}"
        for name, (found, failure) in outcomes.items()
        for said in ([f"no report: {failure}"] if found is None else outcome.unexpected(NETWORKS[name], found))
    ]
    wrong += [
        f"{row.network}: {row.fault}: passed"
        for row in faults
        if row.missed(planted.VARIANT) and row.fault not in NETWORKS[row.network].unseen
    ]
    print("".join(f"unexpected: {line}\n" for line in wrong), end="")
    reported = sum(found is not None for found, _ in outcomes.values())
    integer = sum(found is not None and found.selected in outcome.INTEGER for found, _ in outcomes.values())
    harmful = [row for row in faults if row.harmful]
    missed = sum(row.missed(planted.VARIANT) for row in harmful)
    print(f"{reported} of {len(names)} networks end in a report, {integer} ship integers; ", end="")
    print(f"of {len(faults)} faults {len(harmful)} do harm, {missed} of them passed; {len(wrong)} unexpected")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    run(main)
