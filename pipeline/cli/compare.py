"""Compare DVC experiments: a row for each variant of each, with what differs between them and the figures that matter.

    python -m pipeline.cli.compare [--sweep NAME | --names NAME ...] [--where PARAMETER=VALUE ...] [--variants VARIANT ...]

Without options: every experiment of the commit that is checked out. Figures are each experiment's own, from git and DVC's cache.
"""

import argparse
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from pipeline import files
from pipeline.comparison import csv_table, experiments, filters, page, summary
from pipeline.comparison import rows as comparison
from pipeline.comparison.experiments import Experiment, Reference
from pipeline.comparison.rows import Kind
from pipeline.custom.metrics import METRICS
from pipeline.errors import UserError, run

_MAKE_SOME = "make some with `make sweep SWEEP=algorithms`, or one with `dvc exp run -S calibrate.samples=50`"


def main() -> None:
    asked = _arguments()
    root = Path()
    head, found, failed = experiments.references(root)
    wanted = _wanted(found, head, asked)
    read, unread = experiments.read(root, wanted)
    unread |= {
        reference.name: f"it failed; `dvc queue logs {shlex.quote(reference.name)}` says why"
        for reference in _named(failed, head, asked)
        if not asked.names or reference.name in asked.names
    }
    matching = filters.where(read, filters.conditions(asked.where or [])) if read else []
    latency, missing = _latency(matching, fetch=asked.fetch)
    shown = comparison.ordered(comparison.rows(matching, latency, _kind, variants=asked.variants or ()), asked.sort)
    if not shown:
        for line in summary.problems(unread):
            print(line)
        raise UserError(_nothing(asked, read=len(read), wanted=len(wanted), everywhere=len(found)))
    kind, sweep = _kind(matching[0]), filters.sweep_of({row.experiment for row in shown})
    lacking = (
        f"Latency of {missing:,} of {len(matching):,} experiments is not in DVC's cache here; `--fetch` gets it from the remote."
    )
    text = summary.lines(shown, kind, unread, notes=[lacking] if missing else [], sweep=sweep, markdown=asked.markdown)
    if asked.csv:
        files.write_text(asked.csv, csv_table.text(shown))
        text.append(f"CSV: {asked.csv}")
    if asked.page:
        # 4.8 MB of script, only where a page is asked for.
        from plotly.offline import get_plotlyjs

        said, usual = summary.constants(shown, kind, sweep=sweep), experiments.committed(root, shown[0].baseline)
        files.write_text(asked.page, page.html(shown, kind, said, unread, usual=usual, plotly=get_plotlyjs()))
        text.append(f"The page: {asked.page}")
    try:
        print("\n".join(text), flush=True)
    except BrokenPipeError:  # `| head` has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="compare", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sweep", metavar="NAME", help="experiments of one sweep: their names begin with NAME-")
    parser.add_argument("--names", nargs="+", metavar="NAME", help="these experiments")
    parser.add_argument("--where", nargs="+", metavar="PARAMETER=VALUE", help="any parameter, such as calibrate.samples=50")
    parser.add_argument("--variants", nargs="+", metavar="VARIANT", help="rows of these variants only")
    parser.add_argument("--all-commits", action="store_true", help="experiments of every commit, not only of the one checked out")
    parser.add_argument("--sort", default="bytes", metavar="FIGURE", help=f"{', '.join(comparison.ORDERS)} (default: bytes)")
    parser.add_argument("--fetch", action="store_true", help="get latencies that are not in the cache from the DVC remote first")
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write full names and full precision, too")
    parser.add_argument("--page", type=Path, metavar="FILE", help="write a page with charts, which opens offline")
    return parser.parse_args()


def _wanted(found: Sequence[Reference], head: str, asked: argparse.Namespace) -> list[Reference]:
    mine = _named(found, head, asked)
    return filters.named(mine, asked.names) if asked.names else mine


def _named(found: Sequence[Reference], head: str, asked: argparse.Namespace) -> list[Reference]:
    mine = [reference for reference in found if asked.all_commits or reference.baseline == head]
    return filters.of_sweep(mine, asked.sweep) if asked.sweep else mine


def _nothing(asked: argparse.Namespace, *, read: int, wanted: int, everywhere: int) -> str:
    """Why there is nothing to show, and what to do."""
    if read:
        return "none of these experiments has those values; without --where all are shown"
    if wanted:
        return f"none of {wanted:,} experiments has figures; run them with `dvc exp run`, or see the lines above"
    of = f" of the sweep {asked.sweep!r}" if asked.sweep else ""
    others = f"; {everywhere:,} others here are shown without --sweep or with --all-commits" if everywhere else ""
    return f"no experiments{of} based on the commit checked out; {_MAKE_SOME}{others}"


def _kind(experiment: Experiment) -> Kind:
    """What the table of metrics says of the primary one; one that is no longer there has no unit."""
    metric = METRICS.get(experiment.primary_metric.rpartition(".")[2])
    return Kind(True, False, False) if metric is None else Kind(metric.higher_is_better, metric.points, metric.correct is not None)


def _latency(found: Sequence[Experiment], *, fetch: bool) -> tuple[dict[str, dict[str, float]], int]:
    """Medians by variant, by commit, of the experiments whose file is in the cache, and how many have it elsewhere."""
    recorded = {experiment.reference.commit: experiment.latency_md5 for experiment in found if experiment.latency_md5 is not None}
    if not recorded:
        return {}, 0
    cache = _cache()
    there = {commit: experiments.latency(cache, md5) for commit, md5 in recorded.items()}
    lacking = {commit: recorded[commit] for commit, known in there.items() if known is None}
    if lacking and fetch:
        _fetch(sorted({*lacking.values()}))
        there |= {commit: experiments.latency(cache, md5) for commit, md5 in lacking.items()}
    known = {commit: row for commit, row in there.items() if row is not None}
    return known, len(there) - len(known)


def _cache() -> Path:
    """What `dvc cache dir` says, which takes a second to start."""
    from dvc.config import Config

    config = Config.from_cwd()
    return Path(config["cache"].get("dir") or Path(config.dvc_dir, "cache"))


def _fetch(hashes: Sequence[str]) -> None:
    """Files by their hash from the DVC remote into the cache: `dvc fetch` knows no experiments, and reads a whole commit for each.

    Raises:
        UserError: when there is no remote, or what DVC says of it.
    """
    from dvc.exceptions import DvcException
    from dvc.repo import Repo
    from dvc_data.hashfile.hash_info import HashInfo

    try:
        with Repo() as repo:
            repo.cloud.pull([HashInfo("md5", md5) for md5 in hashes])
    except DvcException as error:
        raise UserError(
            f"--fetch: {' '.join(str(error).split())}; without it, latencies that are not here are shown as –"
        ) from None


if __name__ == "__main__":
    run(main)
