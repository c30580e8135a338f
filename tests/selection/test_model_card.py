import re
from pathlib import Path

import jinja2
import pytest

from pipeline import files, paths
from pipeline.dataset.split_record import Split
from pipeline.evaluation.accuracy_report import Accuracy
from pipeline.selection import model_card
from pipeline.selection.decision_record import Decision
from pipeline.selection.metrics_report import Metrics
from pipeline.selection.provenance_record import Provenance
from tests import records


def card(finished: Path, *, accuracy: Accuracy | None = None) -> str:
    decided = files.read_record(finished / paths.SELECTED / "decision.json", Decision)
    facts = model_card.facts(
        files.read_record(finished / paths.SELECTED / "provenance.json", Provenance),
        decided,
        files.read_record(finished / paths.METRICS, Metrics).variants[str(decided.selected)],
        accuracy or files.read_record(finished / paths.ACCURACY, Accuracy),
        [{"direction": "input", "name": "a|b", "shape": [1], "dtype": "int8", "scale": 0.5, "zero_point": 3}],
        split=files.read_record(finished / paths.SPLIT, Split),
        size=23592,
    )
    return model_card.model_card(facts)


def test_says_what_from_what_how_and_how_sure(finished: Path) -> None:
    text = card(finished)
    assert "23,592 bytes, made from `models/digits_cnn.keras`" in text
    assert "none is among the 997 samples the data declares as training data" in text
    assert "95 % interval −0.85 points to 0.85 points (score interval and test for paired proportions (Tango 1998))" in text
    assert re.search(r"1\. `rescale` .*scale=0\.0625", text)
    assert "| input | `a\\|b` | [1] | int8 | 0.5 | 3 |" in text


def test_without_labels_it_says_nothing_about_accuracy(finished: Path) -> None:
    text = card(finished, accuracy=records.accuracy(None))
    assert "The data has no labels, so nothing is known about accuracy." in text
    assert "interval" not in text


def test_an_undefined_figure_is_called_so(finished: Path) -> None:
    accuracy = files.read_record(finished / paths.ACCURACY, Accuracy)
    selected = str(files.read_record(finished / paths.METRICS, Metrics).selected)
    accuracy.variants[selected].metrics["macro_f1"] = None
    assert "| macro_f1 | 0.9820 | undefined |" in card(finished, accuracy=accuracy)


def test_a_name_that_the_template_wants_and_nobody_gives_is_an_error() -> None:
    with pytest.raises(jinja2.UndefinedError):
        model_card.model_card({})
