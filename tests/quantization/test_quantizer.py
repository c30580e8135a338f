from pathlib import Path

import keras
import numpy as np
import pytest

from pipeline.errors import UserError
from pipeline.quantization import quantizer, recipes
from pipeline.runtime import interpreter
from pipeline.tflite import flatbuffer
from pipeline.verification import fidelity
from tests.made import Made, certify, litert, make
from tests.networks import Measured


def gptq(digits: Measured) -> recipes.Recipe:
    return recipes.whole(digits.graph, scheme="dynamic_wi4_afp32", algorithm="gptq", granularity="channel", io_dtype="float32")


def test_observes_the_extremes_of_each_sample(digits: Measured) -> None:
    found = quantizer.observe(digits.model, digits.samples[:7], signature=digits.graph.signature)
    images = np.concatenate([sample["image"] for sample in digits.samples[:7]])
    source = digits.graph.tensors[digits.graph.inputs["image"]].name
    np.testing.assert_allclose(found[source][0], images.min((1, 2, 3)))
    np.testing.assert_allclose(found[source][1], images.max((1, 2, 3)))
    outputs = [interpreter.predict(digits.model, sample, workers=1)["probabilities"].max() for sample in digits.samples[:7]]
    result = digits.graph.tensors[digits.graph.outputs["probabilities"]].name
    np.testing.assert_allclose(found[result][1], outputs, rtol=1e-6)


def test_samples_are_asked_for_one_at_a_time(digits: Measured) -> None:
    """However many there are, none is kept: each is gone before the one after the next is made."""
    import weakref

    alive: list[weakref.ref[np.ndarray]] = []

    def stream() -> object:
        for sample in digits.samples[:5]:
            assert sum(reference() is not None for reference in alive) <= 2
            array = sample["image"].copy()
            alive.append(weakref.ref(array))
            yield {"image": array}
            del array

    quantizer.observe(digits.model, stream(), signature=digits.graph.signature)  # type: ignore[arg-type]


def test_gptq_sees_the_samples(digits: Measured) -> None:
    """Other samples, other weights: and the second moments are those of numpy."""
    recipe = gptq(digits)
    some, others = (
        quantizer.statistics(digits.model, part, recipe=recipe, signature=digits.graph.signature)
        for part in (digits.samples[:40], digits.samples[40:80])
    )
    assert all({"hessian", "num_samples"} == set(known) for known in some.values())
    (dense,) = [operator for operator in digits.graph.operators if operator.name == "FULLY_CONNECTED"][:1]
    name = digits.graph.tensors[dense.inputs[0]].name
    stream = interpreter.activations(digits.model, digits.samples[:40], {name})
    seen = np.concatenate([values[name].reshape(1, -1) for values in stream]).astype(np.float64)
    np.testing.assert_allclose(some[name]["hessian"], 2 / 40 * seen.T @ seen, rtol=1e-4, atol=1e-4)
    made = {quantizer.quantize(digits.model, recipe, known=known) for known in (some, others)}
    assert len(made) == 2


def test_gptq_is_closer_than_min_max_where_it_applies(digits: Measured) -> None:
    plain = recipes.whole(digits.graph, scheme="dynamic_wi4_afp32", algorithm="min_max", granularity="channel", io_dtype="float32")
    known = quantizer.statistics(digits.model, digits.samples, recipe=gptq(digits), signature=digits.graph.signature)
    better = digits.figures(quantizer.quantize(digits.model, gptq(digits), known=known))["sqnr_db"]
    usual = digits.figures(quantizer.quantize(digits.model, plain))["sqnr_db"]
    assert better is not None
    assert usual is not None
    assert better > usual + 1


@pytest.mark.parametrize("scheme", ["static_wi8_ai8", "static_wi4_ai16", "dynamic_wi4_afp32"])
def test_the_same_input_gives_the_same_bytes(digits: Measured, scheme: str) -> None:
    io_dtype = {"static_wi8_ai8": "int8", "static_wi4_ai16": "int16"}.get(scheme, "float32")
    assert digits.quantized(scheme, "octav", "channel", io_dtype) == digits.quantized(scheme, "octav", "channel", io_dtype)


def test_an_empty_recipe_is_the_file_itself(digits: Measured) -> None:
    assert quantizer.quantize(digits.model, []) == digits.model


def test_a_tensor_without_a_range_is_an_error(digits: Measured) -> None:
    recipe = recipes.whole(digits.graph, scheme="static_wi8_ai8", algorithm="min_max", granularity="channel", io_dtype="int8")
    with pytest.raises(UserError, match=r"no measured range .*; no calibration sample reaches it: raise `calibrate.samples`"):
        quantizer.quantize(digits.model, recipe, known=quantizer.ranges_as_statistics({}))
    some = dict(list(digits.ranges["8"].items())[:2])
    with pytest.raises(UserError, match="a tensor has no measured range"):
        quantizer.quantize(digits.model, recipe, known=quantizer.ranges_as_statistics(some))


def test_a_dead_tensor_can_be_quantized(digits: Measured) -> None:
    """A range of no width: its codes all mean 0, and nothing is NaN."""
    dead = {
        name: (0.0, 0.0) if low == 0 and high < 5 and high != 1 else (low, high) for name, (low, high) in digits.ranges["8"].items()
    }
    assert (0.0, 0.0) in dead.values()
    recipe = recipes.whole(digits.graph, scheme="static_wi8_ai8", algorithm="min_max", granularity="channel", io_dtype="int8")
    made = quantizer.quantize(digits.model, recipe, known=quantizer.ranges_as_statistics(dead))
    assert not [
        tensor.name for tensor in flatbuffer.read(made).tensors if tensor.scales is not None and not (tensor.scales > 0).all()
    ]
    assert np.isfinite(interpreter.predict(made, digits.samples[0], workers=1)["probabilities"]).all()


def test_shares_together_are_the_whole(digits: Measured) -> None:
    whole = quantizer.observe(digits.model, digits.samples[:7], signature=digits.graph.signature)
    shared = quantizer.observe(
        digits.model, digits.samples[:3], digits.samples[3:6], digits.samples[6:7], signature=digits.graph.signature
    )
    assert list(shared) == list(whole)
    for name, (lows, highs) in whole.items():
        np.testing.assert_array_equal(shared[name][0], lows)
        np.testing.assert_array_equal(shared[name][1], highs)


def test_what_the_library_refuses_is_told(tmp_path: Path) -> None:
    """One constant on both sides of a concatenation: it scales the scales of the first a second time."""
    x = keras.Input((4, 6), name="x")
    sides = keras.layers.Resizing(3, 12, pad_to_aspect_ratio=True)(keras.layers.Reshape((4, 6, 1))(x))
    made = make(keras.Model(x, keras.layers.Dense(3)(keras.layers.Flatten()(sides))), tmp_path / "source")
    with pytest.raises(UserError, match=r"litert-quantizer refuses this network: .*; take the variant out"):
        litert(made, "static_wi8_ai8")


@pytest.fixture(scope="module")
def heavy(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """More than 256 KiB of constants, and all that is rewritten behind the quantizer: a dead channel, a half that nothing reads,
    and a sum of 16 bits."""
    keras.utils.set_random_seed(7)
    image = keras.Input((24,), name="image")
    h = 0.5 + keras.layers.Dense(600, activation="relu", name="wide")(image)
    h, _ = keras.ops.split(keras.layers.Dense(600, activation="relu", name="dying")(h), 2, axis=-1)
    model = keras.Model(image, keras.layers.Dense(4, name="out")(h))
    kernel, bias = model.get_layer("dying").get_weights()
    kernel[:, 3], bias[3] = 1e-33, 1.5
    model.get_layer("dying").set_weights([kernel, bias])
    return make(model, tmp_path_factory.mktemp("heavy"))


@pytest.mark.parametrize("scheme", ["static_wi8_ai8", "static_wi8_ai16"])
def test_constants_behind_the_flatbuffer_stay_when_the_file_is_rewritten(heavy: Made, scheme: str) -> None:
    made = litert(heavy, scheme)
    expected, found = (interpreter.predict(file, heavy.samples, workers=1)["out"] for file in (heavy.float32, made))
    value = fidelity.measure(expected, found)["sqnr_db"]
    assert value is not None
    assert value > 30
    assert certify(heavy, made, scheme, ranges=True)["passed"]
