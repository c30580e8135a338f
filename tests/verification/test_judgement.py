"""The one judgement: what a file holds and what it computes, with the limits of its scheme."""

import random
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pipeline.cli import audit, scheme_detection
from pipeline.errors import UserError
from pipeline.runtime import interpreter
from pipeline.tflite import flatbuffer
from pipeline.verification import judgement, verify_report
from pipeline.verification.decisions import Decision
from tests import faults, mutants
from tests.made import Made, blockwise

SAMPLES = 100


def outputs(made: Made, model: bytes, changed: int = 0) -> judgement.Outputs:
    """Of network and file on 100 samples, with so many decisions of the file changed."""
    samples = {name: np.resize(array, (SAMPLES, *array.shape[1:])) for name, array in made.samples.items()}
    reference, predicted = (interpreter.predict(file, samples, workers=1) for file in (made.float32, model))
    for name, array in reference.items():
        flipped = predicted[name] = np.array(predicted[name])
        for row in range(changed):
            first, second = np.argsort(array[row])[-2:]
            flipped[row, [first, second]] = np.sort(flipped[row, [first, second]])[::-1]
    ids = [str(i) for i in range(SAMPLES)]
    decided = dict.fromkeys(reference, Decision(kind="largest"))
    return judgement.Outputs(samples=samples, ids=ids, reference=reference, predicted=predicted, decisions=decided)


def judge(made: Made, model: bytes, scheme: str | None, given: judgement.Outputs | None) -> dict[str, Any]:
    return judgement.judge(
        made.source,
        made.float32,
        model,
        scheme=scheme,
        io_dtype=None,
        algorithm="min_max",
        measured=None,
        outputs=given,
        limits=audit.limits(),
    )


def failed(report: dict[str, Any]) -> set[str]:
    return {row["name"] for row in report["checks"] if not row["passed"]}


@pytest.mark.parametrize("scheme", faults.FORMATS)
def test_a_sound_file(nets: Callable[[str], Made], files: Callable[[str, str], bytes], scheme: str) -> None:
    model = files("convolutions", scheme)
    report = judge(nets("convolutions"), model, scheme, outputs(nets("convolutions"), model))
    assert report["passed"], failed(report)
    assert report["n"] == SAMPLES
    assert set(report["outputs"]) == {"first", "second"}


def agreements(report: dict[str, Any]) -> list[dict[str, Any]]:
    return [row for row in report["checks"] if row["name"] == "agreement"]


def test_decisions_that_were_not_close_may_not_change(nets: Callable[[str], Made], files: Callable[[str, str], bytes]) -> None:
    """Of 100 decisions five are turned around whose classes lie further apart than what the formats can do."""
    made, model = nets("convolutions"), files("convolutions", "static_wi8_ai8")
    given = outputs(made, model)
    far = np.argsort(-np.ptp(np.sort(given.reference["second"], 1)[:, -2:], 1))[:5]
    swapped = given.predicted["second"]
    for row in far:
        best, least = given.reference["second"][row].argmax(), given.reference["second"][row].argmin()
        swapped[row, [best, least]] = swapped[row, [least, best]]
    rows = {row["output"]: row for row in agreements(judge(made, model, "static_wi8_ai8", given))}
    assert rows["first"]["passed"]
    assert not rows["second"]["passed"]
    assert rows["second"]["value"] == pytest.approx(np.mean(given.reference["second"].argmax(1) == swapped.argmax(1)))
    assert re.fullmatch(
        r"[5-9] of 100 decisions changed, [0-4] of them closer than the noise of its formats", rows["second"]["reason"]
    )


def test_an_output_that_decides_nothing_has_no_agreement(nets: Callable[[str], Made], files: Callable[[str, str], bytes]) -> None:
    made, model = nets("convolutions"), files("convolutions", "static_wi8_ai8")
    report = judge(made, model, "static_wi8_ai8", replace(outputs(made, model, changed=SAMPLES), decisions={}))
    assert agreements(report) == []
    assert all(row["agreement"] is None for row in report["outputs"].values())


def test_without_a_scheme_there_is_no_limit_and_none_is_claimed(
    nets: Callable[[str], Made], files: Callable[[str, str], bytes]
) -> None:
    made, model = nets("convolutions"), files("convolutions", "static_wi8_ai8")
    report = judge(made, model, None, outputs(made, model, changed=SAMPLES))
    names = [row["name"] for row in report["checks"]]
    assert names[-2:] == ["finite", "finite"]
    assert not {"agreement", "sqnr_db", "mean_steps", "max_abs_error"} & set(names)
    (form,) = [row for row in report["checks"] if row["name"] == "format"]
    assert form["reason"] == "not compared: no scheme"


def test_a_file_that_changes_a_decision_is_followed_and_the_float32_file_never(
    nets: Callable[[str], Made], files: Callable[[str, str], bytes]
) -> None:
    made, model = nets("convolutions"), files("convolutions", "static_wi8_ai8")
    sound = judge(made, model, "static_wi8_ai8", outputs(made, model))
    assert sound["divergence"] is None
    changed = judge(made, model, "static_wi8_ai8", outputs(made, model, changed=1))
    assert "agreement" in failed(changed)
    assert changed["divergence"]["n"] > 0
    assert judge(made, made.float32, "float32", outputs(made, made.float32, changed=5))["divergence"] is None
    assert judge(made, made.float32, "float32", None)["n"] == 0


def test_a_fault_is_followed_even_if_the_outputs_are_fine(nets: Callable[[str], Made], files: Callable[[str, str], bytes]) -> None:
    made, model = nets("convolutions"), files("convolutions", "static_wi8_ai8")
    wrong = faults.edited(model, faults.weight("CONV_2D", 1, "int8"))
    report = judge(made, wrong, "static_wi8_ai8", outputs(made, model))
    assert failed(report) == {"parameters", "constants"}
    assert report["divergence"] is not None


def refusal(model: bytes) -> tuple[str, flatbuffer.Graph | None]:
    try:
        return "", flatbuffer.read(model)
    except ValueError as error:
        return str(error), None


@pytest.mark.parametrize("mutate", [mutants.damaged, mutants.altered], ids=lambda mutate: mutate.__name__)
@pytest.mark.parametrize("count", [16, pytest.param(1000, marks=pytest.mark.slow)])
def test_any_file_is_judged_or_refused_in_one_line(
    nets: Callable[[str], Made],
    files: Callable[[str, str], bytes],
    mutate: Callable[[bytes, random.Random], tuple[str, bytes]],
    count: int,
) -> None:
    """A damaged file, and one whose fields were changed: never anything but a verdict, or one line that says why there is none."""
    sound = {scheme: ("wide", files("wide", scheme)) for scheme in faults.FORMATS} | {
        "blocks": ("wide", blockwise(nets("wide"), 4, 32)),
        "loops": ("recurrent", files("recurrent", "dynamic_wi8_afp32")),
        "kernels": ("convolutions", files("convolutions", "static_wi8_ai8")),
    }
    answers: Counter[str] = Counter()
    for name, (network, model) in sound.items():
        draw = random.Random(f"{name} {count}")
        for _ in range(count):
            what, changed = mutate(model, draw)
            reason, found = refusal(changed)
            if found is None:
                answers["unreadable"] += 1
                assert "\n" not in reason, what
                continue
            scheme, _ = scheme_detection.detect(found, judgement.BY_NAME)
            try:
                # Numbers of a damaged file may be too large to compute with.
                with np.errstate(all="ignore"):
                    report = judge(nets(network), changed, scheme, None)
            except UserError:
                answers["unanswered"] += 1
                continue
            verify_report.of("v", {**report, "scheme": scheme or ""})
            answers["passed" if report["passed"] else "refused"] += 1
    assert answers["unreadable"] > count
    assert answers["refused"] > count
