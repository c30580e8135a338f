from pathlib import Path

import keras

from pipeline import files, paths
from pipeline.tflite import flatbuffer
from tests.helpers import ROOT


def test_the_file_has_the_network_s_names_and_only_floats(finished: Path) -> None:
    graph = flatbuffer.read(files.read_bytes(finished / paths.FLOAT32))
    assert graph.signature == "serving_default"
    assert list(graph.inputs) == ["image"]
    assert list(graph.outputs) == ["probabilities"]
    assert {tensor.dtype for tensor in flatbuffer.activations(graph)} == {"float32"}


def test_every_layer_that_computes_is_carried_by_an_operator(finished: Path) -> None:
    rows = files.read_json(finished / paths.LAYERS)["operators"]
    named = {layer for row in rows for layer in row["layers"]}
    model = keras.models.load_model(ROOT / "models" / "digits_cnn.keras")
    gone = {layer.name for layer in model.layers} - named
    # The input is no operation, and dropout does nothing when inferring. The softmax carries the network's output name.
    assert gone <= {"image", "dropout"}
    assert [row["operator"] for row in rows if "depthwise" in row["layers"]] == ["DEPTHWISE_CONV_2D"]
