"""Training with fake quantization, in the files that the pipeline itself makes: what the network rounds, and what it does not."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from pipeline.cli import scheme_detection
from pipeline.errors import UserError
from pipeline.runtime import interpreter
from pipeline.tflite import flatbuffer
from pipeline.verification import judgement
from tests import certified, faults, foreign, made
from tests.made import Made, certify

SCHEMES = ("float32", "float16", "weightonly_wi8_afp32", "dynamic_wi8_afp32")


@pytest.fixture(scope="module")
def aware(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A convolution with a trained range, between values with trained ranges; and a dense layer without."""
    x = image = keras.Input((8, 8, 3), name="image")
    x = foreign.FakeQuantized(-3.2, 3.2, name="round_image")(x)
    x = foreign.FakeQuantizedKernel(6, 3, False, name="conv")(x)
    x = foreign.FakeQuantized(0.0, 1.5, name="round_conv")(x)
    model = keras.Model(image, layers.Dense(4, name="end")(layers.Flatten(name="flatten")(x)), name="aware")
    kept = [variable for layer in model.layers if isinstance(layer, foreign.FakeQuantized) for variable in layer.variables]
    ends = [variable.numpy() for variable in kept]
    certified.randomised(model)
    for variable, end in zip([*kept, model.get_layer("conv").largest], [*ends, np.float32(0.5)], strict=True):
        variable.assign(end)
    return made.make(model, tmp_path_factory.mktemp("aware"))


def stored(aware: Made, scheme: str) -> bytes:
    return aware.float32 if scheme == "float32" else made.litert(aware, scheme)


def reasons(aware: Made, model: bytes, scheme: str | None) -> list[str]:
    return [fault["reason"] for fault in certify(aware, model, scheme, None)["faults"]]


@pytest.mark.parametrize("said", [True, False])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_what_the_network_rounds_itself_is_not_accused(aware: Made, scheme: str, said: bool) -> None:
    model = stored(aware, scheme)
    assert [operator.name for operator in flatbuffer.read(model).operators].count("QUANTIZE") == 3
    assert not reasons(aware, model, scheme if said else None)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_its_scheme_is_found_all_the_same(aware: Made, scheme: str) -> None:
    assert scheme_detection.detect(flatbuffer.read(stored(aware, scheme)), judgement.BY_NAME)[0] == scheme


@pytest.mark.parametrize("place", range(3))
@pytest.mark.parametrize("scheme", SCHEMES)
def test_another_scale_than_the_trained_one(aware: Made, scheme: str, place: int) -> None:
    def edit(content: Any) -> None:
        output = faults.operators(content, "QUANTIZE")[place].outputs[0]
        faults.rescaled(content.subgraphs[0].tensors[output], 0, 1.01)

    found = reasons(aware, faults.edited(stored(aware, scheme), edit), scheme)
    assert any("the network's fake quantization asks for scale" in reason for reason in found), found


@pytest.mark.parametrize("where", ["dense", "pool"])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_pair_that_was_not_trained(aware: Made, scheme: str, where: str) -> None:
    """Before the dense layer nothing is rounded; behind the convolution it is, but not so."""

    def edit(content: Any) -> None:
        if where == "dense":
            at = int(faults.operators(content, "FULLY_CONNECTED")[0].inputs[0])
        else:
            at = int(faults.operators(content, "RESHAPE")[0].inputs[0])
        faults.converted(content, at, [("QUANTIZE", "int8", 0.02, 0), ("DEQUANTIZE", "float32", 0.0, 0)])

    sound = stored(aware, scheme)
    wrong = faults.edited(sound, edit)
    assert any("and back with nothing between" in reason for reason in reasons(aware, wrong, scheme))
    one, other = (next(iter(interpreter.predict(model, aware.samples, workers=1).values())) for model in (sound, wrong))
    assert np.abs(one - other).max() > 1e-4


def test_a_rounding_that_is_gone(aware: Made) -> None:
    def edit(content: Any) -> None:
        operators = content.subgraphs[0].operators
        reader = faults.operators(content, "RESHAPE")[0]
        back = next(one for one in operators if one.outputs[0] == reader.inputs[0])
        there = next(one for one in operators if one.outputs[0] == back.inputs[0])
        reader.inputs = [there.inputs[0], *reader.inputs[1:]]
        operators.remove(back)
        operators.remove(there)

    found = reasons(aware, faults.edited(aware.float32, edit), "float32")
    assert any("the network rounds these values (fake quantization), and the file does not" in reason for reason in found), found


@pytest.mark.parametrize("scheme", ["static_wi8_ai8", "static_wi8_ai16"])
def test_the_quantizer_has_no_static_scheme_for_it(aware: Made, scheme: str) -> None:
    """LiteRT does not prepare its int8 convolution, and its int16 one answers with 1 dB."""
    with pytest.raises(
        UserError, match=r"itself \(fake quantization\), beside CONV_2D: .* use float16 or dynamic_int8, or converter_int8"
    ):
        made.litert(aware, scheme)


def test_the_converter_has(tmp_path: Path) -> None:
    """Where the whole network was trained so, its integers are those of the network's own rounding."""
    whole = made.make(foreign.quantization_aware(), tmp_path)
    model = made.converted(whole, "static_wi8_ai8")
    assert not reasons(whole, model, "static_wi8_ai8")
    with pytest.raises(
        UserError, match=r"the converter has no static_wi8_ai16 for the network: .*not yet supported for op: 'DEQUANTIZE'"
    ):
        made.converted(whole, "static_wi8_ai16")


def test_a_kernel_that_is_stored_rounded_need_not_be_rounded_again(aware: Made) -> None:
    """The converter leaves its QUANTIZE and DEQUANTIZE out when it optimizes."""
    model = made.converted(aware, "float16")
    assert [operator.name for operator in flatbuffer.read(model).operators].count("QUANTIZE") < 3
    found = [reason for reason in reasons(aware, model, None) if "fake quantization" in reason]
    assert not found
