import re
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli import changes
from tests.helpers import call


def diff(old: dict[str, Any], new: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """As DVC tells it: everything by dotted name, None where one side lacks it."""
    return {name: {"old": old.get(name), "new": new.get(name)} for name in (*old, *(name for name in new if name not in old))}


def result(selected: str | None, **variants: dict[str, Any]) -> dict[str, Any]:
    """The names and values of a metrics.json."""
    flat = variants.get(selected or "", {})
    nested = {f"variants.{name}.{key}": value for name, row in variants.items() for key, value in row.items()}
    return {**flat, "selected": selected, "conversion_verified": True, **nested}


SMALL: dict[str, Any] = {"bytes": 23592, "f1": 0.98222, "drop": 0.0, "sqnr_db": 44.27, "verified": True}
LARGE: dict[str, Any] = {"bytes": 74748, "f1": 0.98, "drop": 0.00222, "sqnr_db": 130.8, "verified": True}
LOST: dict[str, Any] = {"bytes": None, "f1": None, "drop": None, "sqnr_db": None, "verified": False}


def told(before: dict[str, Any], after: dict[str, Any], *, latency: Any = None, params: Any = None) -> list[str]:
    text = changes.story("main", metrics=diff(before, after), latency=latency or {}, params=params or {}, primary="f1")
    return text.splitlines()


def test_another_file_ships_and_its_figures_are_compared() -> None:
    latency = diff({"latency_median_ms": 0.5, "latency_p95_ms": 1.0}, {"latency_median_ms": 0.25, "latency_p95_ms": 1.0})
    lines = told(result("small", small=SMALL, old=SMALL), result("large", small=LOST, large=LARGE), latency=latency)
    assert lines == [
        "**large** ships, **small** in main.",
        "",
        "| figure | main | here | difference |",
        "|---|---:|---:|---:|",
        "| f1 | 0.9822 | 0.98 | −0.00222 |",
        "| bytes | 23,592 | 74,748 | +51,156 |",
        "| drop | 0 | 0.00222 | +0.00222 |",
        "| sqnr_db | 44.27 | 130.8 | +86.5 |",
        "| latency_median_ms | 0.5 | 0.25 | −0.25 |",
        "",
        "| variant | bytes | f1 | verified |",
        "|---|---:|---:|---|",
        "| large (new) | 74,748 | 0.98 | yes |",
        "| old (gone) | 23,592 | 0.9822 | yes |",
        "| small | 23,592 → – | 0.9822 → – | yes → no |",
        "",
        "No parameter changes.",
    ]


def test_nothing_changes_and_nothing_ships() -> None:
    same = result("small", small=SMALL)
    assert told(same, same) == ["**small** ships, as in main.", "", "No figure of it changes.", "", "No parameter changes."]
    assert told(same, result(None, small=SMALL))[0] == "nothing ships, **small** in main."


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ({}, result("small", small=SMALL), "There is no reports/metrics.json in main: it was not run there."),
        (result("small", small=SMALL), {}, "There is no reports/metrics.json here: run `dvc repro`."),
        ({}, {}, "There is no reports/metrics.json here: run `dvc repro`."),
    ],
)
def test_a_side_without_a_result(before: dict[str, Any], after: dict[str, Any], message: str) -> None:
    assert told(before, after) == [message]


def test_parameters_that_a_person_sets() -> None:
    engine = {"engine": "litert", "scheme": "float16", "reads.network": "models/float32.tflite", "samples": None}
    gone = {f"variants.float16.{name}": value for name, value in engine.items()}
    params = diff(
        {"conf_digest": "a", "variant_names": "['float16']", "select.max_drop": 0.01, **gone, "model.signature": None},
        {"conf_digest": "b", "variant_names": "[]", "select.max_drop": 0.02, "model.signature": "serve`d|"},
    )
    same = result("small", small=SMALL)
    assert told(same, same, params=params)[4:] == [
        "- `model.signature`: none → `` serve`d\\| ``",
        "- `select.max_drop`: `0.01` → `0.02`",
        "- `variants.float16`: gone",
    ]


def test_it_fits_a_screen_whatever_changes() -> None:
    many = {f"v{number:02d}": SMALL for number in range(40)}
    params = diff({}, {f"a{number}": number for number in range(40)})
    lines = told(result("v01", **many), result("large", large=LARGE), params=params)
    assert len(lines) < 50
    assert "| … | 30 more | | |" in lines
    assert lines[-1] == "- … and 29 more: `dvc params diff main`"


def test_figures_are_those_of_dvc(project: Path) -> None:
    path = project / "params.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("max_drop: 0.01", "max_drop: 0.015", 1), encoding="utf-8")
    path = project / "reports/metrics.json"
    path.write_text(re.sub(r'"bytes": 23592', '"bytes": 20000', path.read_text(encoding="utf-8")), encoding="utf-8")
    lines = call("python", "-m", "pipeline.cli.changes", cwd=project).stdout.splitlines()
    assert lines[0] == "**dynamic_int8** ships, as in HEAD."
    assert "| bytes | 23,592 | 20,000 | −3,592 |" in lines
    assert "| dynamic_int8 | 23,592 → 20,000 | 0.9822 | yes |" in lines
    assert lines[-1] == "- `select.max_drop`: `0.01` → `0.015`"
    done = call("python", "-m", "pipeline.cli.changes", "nonsense", cwd=project, check=False)
    assert done.returncode == 1
    assert "error: `dvc metrics diff nonsense` failed: ERROR: unknown Git revision 'nonsense'" in done.stdout
