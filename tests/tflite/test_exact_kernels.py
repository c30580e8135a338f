from pathlib import Path

import numpy as np

from pipeline import files, paths
from pipeline.runtime import plain
from pipeline.tflite import exact_kernels, extraction, flatbuffer


def test_an_operator_in_floats_makes_what_the_codes_mean(finished: Path) -> None:
    """A convolution by hand: 3 x 3 on the digits' image, in float64."""
    model = files.read_bytes(finished / paths.variant_model("int8"))
    graph, content = flatbuffer.read(model), flatbuffer.editable(model)
    operator = graph.operators[0]
    image, result = operator.inputs[0], operator.outputs[0]
    part = extraction.extract(content, places=[0], inputs=[image], outputs=[result], shapes={image: (1, 8, 8, 1)})
    codes = np.random.default_rng(0).integers(-128, 128, (1, 8, 8, 1)).astype(np.int8)
    values = exact_kernels.real(codes, flatbuffer.read(part), flatbuffer.read(part).subgraphs[0].inputs[0])
    found = plain.opened(exact_kernels.in_floats(part))([values])[0]
    kernel, bias = (flatbuffer.real(graph.tensors[number]) for number in operator.inputs[1:3])
    padded = np.pad(values.astype(np.float64)[0, :, :, 0], 1)
    expected = np.array(
        [[(kernel[:, :, :, 0] * padded[i : i + 3, j : j + 3]).sum((1, 2)) + bias for j in range(8)] for i in range(8)]
    )
    assert operator.options["fusedActivationFunction"] == "RELU"
    np.testing.assert_allclose(found[0], np.maximum(expected, 0), rtol=1e-5, atol=1e-6)
    assert found.dtype == np.float32
