"""`compare` as it is called, on experiments made in a moment; those that DVC made itself are in tests/test_experiments.py."""

import contextlib
import csv
import io
import json
import re
import shlex
import sys
from pathlib import Path

import pytest

from pipeline.cli.compare import main
from pipeline.errors import run
from tests.comparison.conftest import bare
from tests.helpers import ROOT, call
from tests.made_experiments import METRICS, Made, add, figures

__all__ = ["bare"]


def compare(project: Path, *arguments: str, check: bool = True) -> str:
    """What the command prints, in this process."""
    output, ended = io.StringIO(), None
    with contextlib.chdir(project), contextlib.redirect_stdout(output), pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["compare", *arguments])
        try:
            run(main)
        except SystemExit as error:
            ended = error.code
    assert (ended is None) == check, (output.getvalue(), ended)
    return output.getvalue() + (f"{ended}\n" if ended is not None else "")


def sweep(name: str = "grid") -> list[Made]:
    """Six points of two variants, no two rows with the same figures; int8 is what each ships."""
    made = []
    for place, (samples, algorithm) in enumerate((s, a) for s in (50, 200) for a in ("min_max", "mse", "octav")):
        rows = {
            variant: figures(
                bytes=size + place, accuracy=0.98 - place / 1000, drop=place / 1000 - 0.002, sqnr_db=size / 1000 + place
            )
            for variant, size in (("float32", 70000), ("int8", 20000))
        }
        params = {"calibrate.samples": samples, "variants.int8.algorithm": algorithm}
        latency = {"float32": 0.01 + place / 1000, "int8": 0.02 + place / 1000}
        made.append(Made(name=f"{name}-{place:08x}", params=params, variants=rows, latency=latency, selected="int8"))
    return made


def test_every_row_has_the_figures_of_its_own_point_and_variant(bare: Path) -> None:
    """The oracle is git: what it shows of each experiment's own files."""
    commits = add(bare, sweep())
    text = compare(bare, "--csv", "all.csv").splitlines()
    with (bare / "all.csv").open(encoding="utf-8") as stream:
        read = list(csv.DictReader(stream))
    assert len(read) == 12
    lines = {tuple(line.lstrip("+ ").split()[:2]): line for line in text if re.match(r"[+ ] {2}?[0-9a-f]{8} ", line)}
    assert len(lines) == 12
    for name, commit in commits.items():
        own = json.loads(call("git", "show", f"{commit}:{METRICS}", cwd=bare).stdout)
        params = call("git", "show", f"{commit}:params.yaml", cwd=bare).stdout
        for variant, figure in own["variants"].items():
            (row,) = (row for row in read if (row["experiment"], row["variant"]) == (name, variant))
            assert {key: float(row[key]) for key in ("bytes", "accuracy", "drop", "drop_low", "drop_high", "sqnr_db")} == {
                key: figure[key] for key in ("bytes", "accuracy", "drop", "drop_low", "drop_high", "sqnr_db")
            }
            assert row["commit"] == commit
            assert re.search(rf"^  samples: {row['calibrate.samples']}$", params, re.MULTILINE)
            assert f"algorithm: {row['variants.int8.algorithm']}\n" in params
            line = lines[name.removeprefix("grid-"), variant]
            assert f" {figure['bytes']:,} " in line
            assert f" {figure['accuracy']:.4f} " in line
            assert f" {figure['sqnr_db']:.1f} " in line
            assert line.startswith("+") == (variant == "int8")
    # Sorted, and the latency of each from its own file.
    assert [int(row["bytes"]) for row in read] == sorted(int(row["bytes"]) for row in read)
    assert [float(row["latency_median_ms"]) for row in read if row["variant"] == "int8"] == [0.02 + n / 1000 for n in range(6)]
    assert max(map(len, text)) <= 100


def test_which_experiments(bare: Path) -> None:
    add(bare, [*sweep("old")])
    call("git", "commit", "-qm", "next", "--allow-empty", cwd=bare)
    add(bare, [*sweep("grid"), *sweep("grid-wide"), Made(name="lucky-boar", variants={"int8": figures()})])

    def names(*arguments: str) -> set[str]:
        compare(bare, "--csv", "all.csv", *arguments)
        with (bare / "all.csv").open(encoding="utf-8") as stream:
            return {row["experiment"] for row in csv.DictReader(stream)}

    grid = {f"grid-{place:08x}" for place in range(6)}
    assert names() == {*grid, *(name.replace("grid", "grid-wide") for name in grid), "lucky-boar"}
    assert names("--sweep", "grid") == grid
    assert names("--names", "lucky-boar", "grid-00000000") == {"lucky-boar", "grid-00000000"}
    assert names("--sweep", "grid", "--where", "calibrate.samples=50", "variants.int8.algorithm=mse") == {"grid-00000001"}
    assert len(names("--all-commits")) == 19
    assert names("--sweep", "old", "--all-commits") == {name.replace("grid", "old") for name in grid}
    assert "All rows are of the variant int8." in compare(bare, "--sweep", "grid", "--variants", "int8")
    assert " 2 commits," in compare(bare, "--all-commits")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            [],
            "error: no experiments based on the commit checked out; make some with `make sweep SWEEP=algorithms`, or one with `dvc",
        ),
        (["--sweep", "x"], "error: no experiments of the sweep 'x' based on the commit checked out; make some with `make sweep"),
    ],
)
def test_no_experiments_is_one_line(bare: Path, arguments: list[str], message: str) -> None:
    told = compare(bare, *arguments, check=False)
    assert told.startswith(message)
    assert told.count("\n") == 1


def test_nothing_that_fits_is_one_line(bare: Path) -> None:
    add(bare, sweep())
    for arguments, message in {
        ("--where", "calibrate.samples=51"): "error: none of these experiments has those values; without --where all are shown\n",
        (
            "--where",
            "samples=50",
        ): "error: --where: none of these experiments has a parameter 'samples'; did you mean calibrate.samples",
        ("--names", "grid-0000000"): "error: --names: no experiment 'grid-0000000' here (did you mean 'grid-0000000",
        ("--variants", "int4"): "error: --variants: unknown 'int4'; allowed: float32, int8 in these experiments\n",
        ("--sort", "size"): "error: --sort: unknown 'size'; allowed: arena, bytes, drop, latency, sqnr\n",
        ("--sweep", "gird"): "6 others here are shown without --sweep or with --all-commits\n",
    }.items():
        told = compare(bare, *arguments, check=False)
        assert message in told
        assert told.count("\n") == 1


def test_what_failed_is_a_line_beside_the_rest(bare: Path) -> None:
    add(bare, [*sweep(), Made(name="grid-0000000a", variants={"int8": figures()}, without=[METRICS])])
    told = compare(bare)
    assert "12 rows." in told
    assert f"grid-0000000a: no {METRICS} in its commit\n" in told
    alone = compare(bare, "--names", "grid-0000000a", check=False)
    assert alone.splitlines() == [
        f"grid-0000000a: no {METRICS} in its commit",
        "error: none of 1 experiments has figures; run them with `dvc exp run`, or see the lines above",
    ]


def test_latency_that_is_elsewhere_is_a_dash_and_a_note_until_it_is_fetched(bare: Path, tmp_path: Path) -> None:
    add(bare, sweep())
    remote = (bare / ".dvc" / "cache").rename(tmp_path / "remote")
    told = compare(bare)
    assert "Latency of 6 of 6 experiments is not in DVC's cache here; `--fetch` gets it from the remote." in told
    assert "µs" not in told
    refused = compare(bare, "--fetch", check=False)
    assert refused.startswith("error: --fetch: config file error: no remote specified in ")
    assert refused.endswith("without it, latencies that are not here are shown as –\n")
    call("dvc", "remote", "add", "-q", "-d", "there", str(remote), cwd=bare)
    told = compare(bare, "--fetch")
    assert "µs: median latency." in told
    assert "Latency of" not in told


def test_markdown_and_a_page(bare: Path) -> None:
    add(bare, sweep())
    told = compare(bare, "--markdown", "--page", "compare.html")
    assert "|point   |variant|sampl" in told
    assert told.endswith("The page: compare.html\n")
    assert (bare / "compare.html").stat().st_size > 4_000_000
    assert max(map(len, told.splitlines())) <= 100


PAGE = (ROOT / "docs" / "sweeps.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_what_docs_sweeps_shows(bare: Path) -> None:
    """The commands that the page has with their output run, and print its headings; what DVC prints fits 100 columns."""
    add(bare, sweep("algorithms"))
    for block in re.findall(r"^```\n\$ (.*?)^```", PAGE, re.MULTILINE | re.DOTALL):
        command, *shown = block.splitlines()
        assert max(map(len, shown)) <= 100
        program, *arguments = shlex.split(command)
        if program == "python":
            told = compare(bare, *arguments[2:]).splitlines()
            assert told[2:7] == shown[2:7]
            (heading,) = (line for line in shown if "interval  " in line)
            assert [line.split() for line in told if line.split() == heading.split()]
        else:
            told = call(program, *arguments, cwd=bare, COLUMNS="100").stdout.splitlines()
            assert max(map(len, told)) <= 100
            assert "…" not in "".join(told)
            assert [line.split() for line in told if line.lstrip().startswith("Experiment")] == [shown[1].split()]


def test_every_option_of_the_page_is_one(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    named = set(re.findall(r"^\| `(--[a-z-]+)", PAGE, re.MULTILINE))
    monkeypatch.setattr(sys, "argv", ["compare", "--help"])
    with pytest.raises(SystemExit):
        main()
    assert named == set(re.findall(r"--[a-z-]+", capsys.readouterr().out.split("options:")[-1])) - {"--help"}
