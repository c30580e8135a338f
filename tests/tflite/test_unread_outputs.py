import keras
import pytest
from ai_edge_litert.interpreter import Interpreter

from pipeline.tflite import flatbuffer, unread_outputs
from tests.made import Made, certify, litert, make

layers = keras.layers


@pytest.fixture(scope="module")
def half(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Of a tensor cut into two, one half is read."""
    given = keras.Input((4, 6), name="x")
    cut = keras.ops.split(layers.Dense(6, name="first")(given), 2, axis=2)[1]
    return make(keras.Model(given, layers.Dense(3, name="last")(cut)), tmp_path_factory.mktemp("half") / "source")


@pytest.mark.parametrize(("scheme", "dtype"), [("static_wi8_ai8", "int8"), ("static_wi8_ai16", "int16")])
def test_both_halves_are_integers_and_the_file_runs(half: Made, scheme: str, dtype: str) -> None:
    made = litert(half, scheme)
    found = flatbuffer.read(made)
    split = next(operator for operator in found.operators if operator.name == "SPLIT")
    assert [found.tensors[number].dtype for number in split.outputs] == [dtype, dtype]
    Interpreter(model_content=made).allocate_tensors()
    assert certify(half, made, scheme, ranges=True)["passed"]


def test_without_it_the_file_does_not_run(half: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """When this fails, litert-quantizer or LiteRT has learned it, and the module can go."""
    monkeypatch.setattr(unread_outputs, "complete", lambda model: model)
    with pytest.raises(RuntimeError, match="SPLIT"):
        Interpreter(model_content=litert(half, "static_wi8_ai8")).allocate_tensors()


def test_other_files_keep_their_bytes(half: Made) -> None:
    made = litert(half, "static_wi8_ai8")
    assert unread_outputs.complete(made) == made
    assert unread_outputs.complete(half.float32) == half.float32
