from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from pipeline import files, paths


@pytest.mark.parametrize("variant", ["float32", "int8", "int16x8"])
def test_outputs_are_the_interpreter_s_in_real_units(finished: Path, variant: str) -> None:
    """Quantizing the input and dequantizing the output by hand, one sample at a time."""
    model = Interpreter(model_path=str(finished / paths.variant_model(variant)), num_threads=1)
    model.allocate_tensors()
    (source,), (target,) = model.get_input_details(), model.get_output_details()
    samples = files.read_samples(finished / paths.EVALUATION)["image"]
    predicted = files.read_arrays(finished / paths.OUTPUTS / variant)["probabilities"]
    assert predicted.shape == (450, 10)
    assert predicted.dtype == np.float32
    for number in range(0, 450, 45):
        value = samples[number][np.newaxis]
        if variant != "float32":
            scale, zero_point = source["quantization"]
            value = np.rint(value / np.float64(scale) + zero_point).astype(source["dtype"])
        model.set_tensor(source["index"], value)
        model.invoke()
        result = model.get_tensor(target["index"])[0].astype(np.float64)
        if variant != "float32":
            scale, zero_point = target["quantization"]
            result = (result - zero_point) * scale
        np.testing.assert_allclose(predicted[number], result, rtol=1e-6, atol=1e-9)
