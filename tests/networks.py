"""Networks that the tests make: small, seeded, with properties that are known beforehand."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pipeline import files, paths
from pipeline.cli import audit
from pipeline.quantization import operator_plan, quantizer, range_estimators, recipes, schemes
from pipeline.runtime import interpreter
from pipeline.tflite import flatbuffer
from pipeline.tflite.layers_record import OperatorLayers
from pipeline.verification import expected_noise, fidelity, judgement
from pipeline.verification.decisions import Decision
from tests.helpers import ROOT


class Made(NamedTuple):
    """A network: its SavedModel, its float32 file, and `operators` of models/layers.json."""

    saved: Path
    model: bytes
    rows: list[OperatorLayers]


class Measured(NamedTuple):
    """A network with calibration samples, their ranges under "8" and "16", evaluation samples, labels and the float outputs."""

    saved: Path
    model: bytes
    rows: list[OperatorLayers]
    graph: flatbuffer.Graph
    samples: list[dict[str, np.ndarray]]
    ranges: dict[str, dict[str, tuple[float, float]]]
    evaluation: dict[str, np.ndarray]
    labels: np.ndarray
    reference: np.ndarray

    def quantized(self, scheme: str, algorithm: str, granularity: str, io_dtype: str, exclude: tuple[str, ...] = ()) -> bytes:
        """A variant, as the stage `quantize` makes it."""
        asked = {"scheme": scheme, "algorithm": algorithm, "granularity": granularity, "exclude": exclude}
        recipe = recipes.whole(self.graph, **asked, io_dtype=io_dtype)  # type: ignore[arg-type]
        rows = operator_plan.describe(self.graph, recipe, **asked)  # type: ignore[arg-type]
        known, needs = None, schemes.calibration("litert", scheme, algorithm)
        if needs == schemes.RANGES:
            known = quantizer.ranges_as_statistics(operator_plan.ranges(self.graph, rows, self.ranges))
        elif needs == schemes.SAMPLES:
            known = quantizer.statistics(self.model, self.samples, recipe=recipe, signature=self.graph.signature)
        return quantizer.quantize(self.model, recipe, known=known)

    def failures(self, model: bytes, scheme: str) -> list[str]:
        """Why verification of the outputs would refuse a file, with the limits of conf/verify/; empty when it would not."""
        outputs = judgement.Outputs(
            samples=self.evaluation,
            ids=[str(i) for i in range(len(self.reference))],
            reference={"probabilities": self.reference},
            predicted=interpreter.predict(model, self.evaluation, workers=1),
            decisions={"probabilities": Decision(kind="largest")},
        )
        found, limits = flatbuffer.read(model), audit.limits()
        noise: expected_noise.Simulation | str = "the file itself"
        if model != self.model:
            at = expected_noise.numbers(self.graph, len(outputs.ids))
            noise = expected_noise.simulate(
                self.model, self.graph, found, self.evaluation, outputs.reference, at, batch=1, own_weights=True
            )
        _, rows = judgement.compare(outputs, float32=self.graph, found=found, scheme=scheme, limits=limits, noise=noise)
        return [row["reason"] for row in rows if not row["passed"]]

    def figures(self, model: bytes) -> dict[str, float | None]:
        """Fidelity to the float file on the evaluation samples, and `accuracy` and `drop`."""
        found = interpreter.predict(model, self.evaluation, workers=1)["probabilities"]
        accuracy = float((found.argmax(1) == self.labels).mean())
        drop = float((self.reference.argmax(1) == self.labels).mean()) - accuracy
        return {**fidelity.measure(self.reference, found), "accuracy": accuracy, "drop": drop}


def measured(network: Made, finished: Path) -> Measured:
    """Calibrate a network that takes the digits, on the pipeline's own calibration samples."""
    pool, evaluation = files.read_samples(finished / paths.CALIBRATION), files.read_samples(finished / paths.EVALUATION)
    samples = [{name: np.asarray(array[i : i + 1]) for name, array in pool.items()} for i in range(100)]
    graph, labels = flatbuffer.read(network.model), files.read_targets(finished / paths.EVALUATION)["labels"]
    extremes = quantizer.observe(network.model, samples, signature=graph.signature)
    found = {
        str(bits): range_estimators.estimate(extremes, None, method="min_max", bits=bits, percentile=100.0)
        for bits in range_estimators.BITS
    }
    assert labels is not None
    reference = interpreter.predict(network.model, evaluation, workers=1)["probabilities"]
    return Measured(*network, graph, samples, found, evaluation, labels, reference)


def made(keras_model: Any, folder: Path) -> Made:
    """A Keras model converted as the pipeline does it, with a batch of 1."""
    from pipeline.source import converter, keras3, network
    from pipeline.tflite import layer_names

    loaded = keras3.network_of(keras_model, path=folder)
    network.export(loaded, folder, inputs=network.fixed(loaded.inputs, shapes={}, batch=1))
    model = converter.convert_saved_model(folder)
    names = [str(row["path"]) for row in loaded.layers]
    return Made(folder, model, layer_names.operators_by_layer(flatbuffer.read(model), names, numbered=True))


def badly_scaled(folder: Path, *, spread: float) -> Made:
    """The shipped digits network, the same function, with channels whose weights differ by `spread`**2 within a tensor.

    ReLU passes positive factors through. So the channels before the depthwise convolution are made smaller by a, those behind
    it larger by a, and its weights larger by a^2, with a from 1 to `spread`; the next convolution takes it back.
    """
    from pipeline.source.tensorflow_setup import tf

    model = tf.keras.models.load_model(ROOT / "models" / "digits_cnn.keras", compile=False)
    channels = model.get_layer("depthwise").get_weights()[0].shape[2]
    factor = np.random.default_rng(0).permutation(np.geomspace(1, spread, channels)).astype(np.float32)
    gamma, beta, *rest = model.get_layer("conv_bn").get_weights()
    model.get_layer("conv_bn").set_weights([gamma / factor, beta / factor, *rest])
    (kernel,) = model.get_layer("depthwise").get_weights()
    model.get_layer("depthwise").set_weights([kernel * factor[None, None, :, None]])
    gamma, beta, *rest = model.get_layer("depthwise_bn").get_weights()
    model.get_layer("depthwise_bn").set_weights([gamma * factor, beta * factor, *rest])
    (kernel,) = model.get_layer("pointwise").get_weights()
    model.get_layer("pointwise").set_weights([kernel / factor[None, None, :, None]])
    return made(model, folder)


def unsupported(folder: Path) -> Made:
    """Two dense layers with an ELU between them, for which LiteRT has no integer kernel."""
    from pipeline.source.tensorflow_setup import tf

    tf.keras.utils.set_random_seed(0)
    image = tf.keras.Input((4,), name="x")
    hidden = tf.keras.layers.ELU(name="bend")(tf.keras.layers.Dense(8, name="first")(image))
    return made(tf.keras.Model(image, tf.keras.layers.Dense(3, name="second")(hidden), name="net"), folder)
