"""A float32 file beside the network, operator by operator: faults of the converter are seen, and what is sound is not accused."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from typing import Any

import keras
import pytest
from ai_edge_litert import schema_py_generated as schema

from pipeline.equivalence import conversion_record
from pipeline.verification import float32_proof
from tests import certified, conversion_faults, conversions, faults
from tests.made import Made, beside, certify, make

Build = Callable[[str], Made]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Build:
    @cache
    def build(name: str) -> Made:
        return make(certified.randomised(conversions.NETWORKS[name]()), tmp_path_factory.mktemp(name) / "source")

    return build


@pytest.mark.parametrize("name", conversions.NETWORKS)
def test_every_operator_of_a_sound_file_makes_what_the_network_makes(built: Build, name: str) -> None:
    made = built(name)
    conversion = beside(made, made.float32)
    count = len(made.proof.graph.subgraphs[0].operators)
    assert {part.verdict for part in conversion.parts} == {conversion_record.SAME}
    assert {index for part in conversion.parts for index in part.operators} == set(range(count))
    assert all(part.excess is not None and part.excess <= 1 for part in conversion.parts if part.operators)
    report = certify(made, made.float32, "float32")
    assert (report["passed"], report["not_compared"]) == (True, [])


@pytest.mark.parametrize(("name", "fault"), conversion_faults.FAULTS)
def test_a_fault_of_the_converter_is_seen_and_named(built: Build, name: str, fault: str) -> None:
    """The file is wrong itself, and there is no sound one beside it."""
    made = built(name)
    edit, words = conversion_faults.FAULTS[name, fault]
    wrong = faults.edited(made.float32, edit)
    report = certify(replace(made, float32=wrong), wrong, None, None)
    assert not report["passed"]
    first = report["faults"][0]
    said = " ".join((*first["layers"], first["reason"]))
    assert any(word in said for word in words.split("|")), said


@pytest.mark.parametrize(("name", "fault"), sorted(conversion_faults.UNREAD))
def test_reading_alone_passed_these(built: Build, name: str, fault: str) -> None:
    """As the certificate was before anything was run: what the test above sees, running sees."""
    made = built(name)
    wrong = faults.edited(made.float32, conversion_faults.FAULTS[name, fault][0])
    proof = float32_proof.prove(made.source, wrong)
    assert not [row for row in proof.rows if not row.passed]
    assert not [row for row in proof.layers if not row["passed"]]
    assert proof.faults == []
    assert proof.not_compared == ["nothing was run beside the network"]


@pytest.fixture(scope="module")
def silent(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Residual branches that add nothing, whatever their data, as with gammas that start at zero and were not trained."""
    image = x = keras.Input((8, 8, 3), name="image")
    x = keras.layers.Conv2D(4, 3, padding="same", activation="relu", name="conv")(x)
    for number in range(2):
        branch = keras.layers.Conv2D(4, 3, padding="same", name=f"branch_{number}")(x)
        branch = keras.layers.BatchNormalization(name=f"norm_{number}")(branch)
        x = keras.layers.Add(name=f"add_{number}")([x, branch])
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    model = certified.randomised(keras.Model(image, keras.layers.Dense(3, name="out")(x), name="silent"))
    for number in range(2):
        gamma, beta, mean, variance = model.get_layer(f"norm_{number}").get_weights()
        model.get_layer(f"norm_{number}").set_weights([0 * gamma, 0 * beta, mean, variance])
        kernel, bias = model.get_layer(f"branch_{number}").get_weights()
        model.get_layer(f"branch_{number}").set_weights([kernel, 0 * bias])
    return make(model, tmp_path_factory.mktemp("silent") / "source")


def test_a_branch_that_adds_nothing_is_not_accused(silent: Made) -> None:
    conversion = beside(silent, silent.float32)
    assert {part.verdict for part in conversion.parts} == {conversion_record.SAME}
    assert certify(silent, silent.float32, "float32")["passed"]


def test_behind_such_a_branch_faults_are_seen(silent: Made) -> None:
    """Not that zeros are subtracted instead: that is the same for all data."""

    def doubles(content: Any, place: int) -> None:
        add = faults.operators(content, "ADD")[place]
        add.inputs = [add.inputs[0], add.inputs[0]]

    def clips(content: Any, place: int) -> None:
        faults.operators(content, "ADD")[place].builtinOptions.fusedActivationFunction = schema.ActivationFunctionType.RELU6

    for place in range(2):
        for edit in (doubles, clips):
            wrong = faults.edited(silent.float32, partial(edit, place=place))
            assert not certify(replace(silent, float32=wrong), wrong, None, None)["passed"], (place, edit.__name__)
