import re
from pathlib import Path
from typing import Any

import jinja2
import pytest

from pipeline import files, paths
from pipeline.selection import model_card


def card(finished: Path, **changes: Any) -> str:
    metrics = files.read_json(finished / paths.METRICS)
    accuracy = files.read_json(finished / paths.ACCURACY) | changes.pop("accuracy", {})
    facts = model_card.facts(
        files.read_json(finished / paths.SELECTED / "provenance.json"),
        files.read_json(finished / paths.SELECTED / "decision.json"),
        metrics["variants"][metrics["selected"]],
        accuracy,
        [{"direction": "input", "name": "a|b", "shape": [1], "dtype": "int8", "scale": 0.5, "zero_point": 3}],
        split=files.read_json(finished / paths.SPLIT),
        size=23592,
    )
    return model_card.model_card(facts | changes)


def test_says_what_from_what_how_and_how_sure(finished: Path) -> None:
    text = card(finished)
    assert "23,592 bytes, made from `models/digits_cnn.keras`" in text
    assert "none is among the 997 samples the data declares as training data" in text
    assert "95 % interval -0.85 points to 0.85 points (score interval for paired proportions (Tango 1998))" in text
    assert re.search(r"1\. `rescale` .*scale=0\.0625", text)
    assert "| input | `a\\|b` | [1] | int8 | 0.5 | 3 |" in text


def test_without_labels_it_says_nothing_about_accuracy(finished: Path) -> None:
    text = card(finished, accuracy={"labelled": False})
    assert "The data has no labels, so nothing is known about accuracy." in text
    assert "interval" not in text


def test_an_undefined_figure_is_called_so(finished: Path) -> None:
    accuracy = files.read_json(finished / paths.ACCURACY)
    selected = files.read_json(finished / paths.METRICS)["selected"]
    accuracy["variants"][selected]["metrics"]["macro_f1"] = None
    assert "| macro_f1 | 0.9820 | undefined |" in card(finished, accuracy=accuracy)


def test_a_name_that_the_template_wants_and_nobody_gives_is_an_error() -> None:
    with pytest.raises(jinja2.UndefinedError):
        model_card.model_card({})
