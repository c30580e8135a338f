"""Files made as users make them, outside the pipeline, and networks for them."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from pipeline.source.tensorflow_setup import tf
from tests import certified, faults, helpers

layers = keras.layers
Samples = Callable[[], Iterator[dict[str, np.ndarray]]]
KINDS = ("float32", "dynamic", "float16", "int8", "int8_io")


def representative(model: keras.Model) -> Samples:
    """Eight samples by the names of the signature. Whole numbers lie within every table of the network."""
    rows = min((layer.input_dim for layer in model._flatten_layers() if isinstance(layer, layers.Embedding)), default=50)

    def samples() -> Iterator[dict[str, np.ndarray]]:
        drawn = certified.samples(model, 8)
        for i in range(8):
            yield {tensor.name: _as(drawn[tensor.name][i : i + 1], str(tensor.dtype), rows) for tensor in model.inputs}

    return samples


def _as(values: np.ndarray, dtype: str, rows: int) -> np.ndarray:
    return values.astype(dtype) if values.dtype.kind == "f" else (values % rows).astype(dtype)


def converted(converter: Any, kind: str, samples: Samples | None = None) -> bytes:
    """The lines that every tutorial shows."""
    if kind != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if kind == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if kind.startswith("int8"):
        converter.representative_dataset = samples
    if kind == "int8_io":
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
    with helpers.quiet():
        return bytes(converter.convert())


def from_keras(model: keras.Model, kind: str) -> bytes:
    return converted(tf.lite.TFLiteConverter.from_keras_model(model), kind, representative(model))


def one_at_a_time(model: keras.Model, kind: str) -> bytes:
    """With a batch of one, as recurrent networks are converted: called on inputs of their own."""
    given = {
        tensor.name: keras.Input(batch_shape=(1, *tensor.shape[1:]), dtype=tensor.dtype, name=tensor.name)
        for tensor in model.inputs
    }
    fixed = keras.Model(given, model(given if len(given) > 1 else next(iter(given.values()))))
    return converted(tf.lite.TFLiteConverter.from_keras_model(fixed), kind, representative(model))


def exported(model: keras.Model, folder: Path, kind: str) -> bytes:
    """`model.export()` and `from_saved_model`."""
    with helpers.quiet():
        model.export(folder, verbose=False)
    return converted(tf.lite.TFLiteConverter.from_saved_model(str(folder)), kind, representative(model))


def signed(model: keras.Model, folder: Path, *, key: str, batch: int | None, tracked: bool = True) -> bytes:
    """A SavedModel with names of one's own.

    `tracked`: it holds the variables. A tf.Module does not find those of a Keras model: then the file has none of the weights.
    """
    (tensor,) = model.inputs

    def serve(pixels: Any) -> dict[str, Any]:
        return {"y": model(pixels, training=False)}

    spec = tf.TensorSpec([batch, *tensor.shape[1:]], tf.float32, name="pixels")
    module = tf.Module()
    if tracked:
        module.weights = [variable.value for variable in model.variables]
    module.model = model
    with helpers.quiet():
        tf.saved_model.save(module, str(folder), signatures={key: tf.function(serve, input_signature=[spec])})
    return converted(tf.lite.TFLiteConverter.from_saved_model(str(folder), signature_keys=[key]), "float32")


def unsigned(model: bytes) -> bytes:
    """Without signature and with the tensor names of a converter of 2020."""

    def edit(content: Any) -> None:
        graph = content.subgraphs[0]
        content.signatureDefs = []
        for place, number in enumerate(graph.inputs):
            graph.tensors[number].name = f"x_{place}"
        for place, number in enumerate(graph.outputs):
            graph.tensors[number].name = f"Identity_{place}" if place else "Identity"

    return faults.edited(model, edit)


def broken(model: bytes) -> bytes:
    """The largest constant holds one other number: its first kernel value doubled, or its code moved by half of the range."""

    def edit(content: Any) -> None:
        graph = content.subgraphs[0]
        stored = {tensor.name: content.buffers[tensor.buffer].data for tensor in graph.tensors}
        tensor = max(graph.tensors, key=lambda tensor: 0 if stored[tensor.name] is None else len(stored[tensor.name]))
        dtype = {schema.TensorType.FLOAT32: "float32", schema.TensorType.FLOAT16: "float16"}.get(tensor.type, "int8")
        values = faults.array(content, tensor, dtype)
        values[7] = values[7] * 2 + 1 if dtype != "int8" else values[7] - 100 if values[7] > 0 else values[7] + 100

    return faults.edited(model, edit)


def two_inputs() -> keras.Model:
    """Two inputs of one shape and two outputs of one shape: only what is computed tells which is which."""
    left, right = keras.Input((6,), name="left"), keras.Input((6,), name="right")
    x = layers.Dense(5, activation="relu", name="one")(left)
    y = layers.Dense(5, activation="tanh", name="two")(right)
    difference = layers.Dense(3, name="difference")(layers.Subtract(name="subtract")([x, y]))
    return certified.randomised(keras.Model([left, right], [difference, layers.Dense(3, name="alone")(x)], name="pair"))


def sliced() -> keras.Model:
    """A slice between a convolution and a dense layer."""
    image = keras.Input((8, 8, 3), name="image")
    x = layers.Flatten(name="flat")(layers.Conv2D(4, 3, name="conv")(image)[:, 1:])
    return certified.randomised(keras.Model(image, layers.Dense(5, name="out")(x)))


def the_slice(content: Any, rank: int) -> Any:
    """The STRIDED_SLICE of data of so many dimensions; others slice shapes."""
    (found,) = [
        each for each in faults.operators(content, "STRIDED_SLICE") if len(faults.tensor_of(content, each, 0).shape) == rank
    ]
    return found


def turned_around(content: Any) -> None:
    """The samples of `sliced` change their places, which one by itself cannot tell."""
    operator = the_slice(content, 4)
    operator.builtinOptions.beginMask |= 1
    faults.array(content, faults.constant(content, operator, 3), "int32")[0] = -1


@keras.saving.register_keras_serializable("foreign")
class FakeQuantized(keras.Layer):  # type: ignore[misc]
    """Rounds to 8 bits of a range, as training with fake quantization does."""

    def __init__(self, low: float, high: float, **options: Any) -> None:
        super().__init__(**options)
        self.ends = low, high

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "low": self.ends[0], "high": self.ends[1]}

    def build(self, shape: Any) -> None:
        constant = keras.initializers.Constant
        self.low = self.add_weight(shape=(), name="min", trainable=False, initializer=constant(self.ends[0]))
        self.high = self.add_weight(shape=(), name="max", trainable=False, initializer=constant(self.ends[1]))

    def call(self, x: Any) -> Any:
        return tf.quantization.fake_quant_with_min_max_vars(x, self.low, self.high)


@keras.saving.register_keras_serializable("foreign")
class FakeQuantizedKernel(keras.Layer):  # type: ignore[misc]
    """A convolution or a dense layer whose kernel is rounded to 8 bits of a range of its own, by channel or as a whole."""

    def __init__(self, channels: int, size: int | None, by_channel: bool, **options: Any) -> None:
        super().__init__(**options)
        self.channels, self.size, self.by_channel = channels, size, by_channel

    def get_config(self) -> dict[str, Any]:
        own = {"channels": self.channels, "size": self.size, "by_channel": self.by_channel}
        return {**super().get_config(), **own}

    def build(self, shape: Any) -> None:
        window = () if self.size is None else (self.size, self.size)
        self.kernel = self.add_weight(shape=(*window, shape[-1], self.channels), name="kernel")
        self.bias = self.add_weight(shape=(self.channels,), name="bias")
        largest = (self.channels,) if self.by_channel else ()
        self.largest = self.add_weight(shape=largest, name="largest", trainable=False, initializer="ones")

    def call(self, x: Any) -> Any:
        name = "fake_quant_with_min_max_vars" + ("_per_channel" if self.by_channel else "")
        rounding = getattr(tf.quantization, name)
        kernel = rounding(tf.convert_to_tensor(self.kernel), -self.largest, self.largest, narrow_range=True)
        y = tf.matmul(x, kernel) if self.size is None else tf.nn.conv2d(x, kernel, 1, "SAME")
        return tf.nn.bias_add(y, self.bias) if self.size is None else tf.nn.relu(tf.nn.bias_add(y, self.bias))


def quantization_aware() -> keras.Model:
    """What is left after training with fake quantization: ranges of activations and of kernels, the latter clip a tenth."""
    x = image = keras.Input((8, 8, 3), name="image")
    x = FakeQuantized(-3.2, 3.2, name="round_image")(x)
    x = FakeQuantizedKernel(6, 3, True, name="conv")(x)
    x = FakeQuantized(0.0, 5.0, name="round_conv")(x)
    x = layers.MaxPooling2D(name="pool")(x)
    x = FakeQuantizedKernel(6, 3, False, name="second")(x)
    x = FakeQuantized(0.0, 6.0, name="round_second")(x)
    x = layers.Flatten(name="flatten")(x)
    x = FakeQuantizedKernel(4, None, False, name="dense")(x)
    x = FakeQuantized(-7.0, 8.0, name="round_dense")(x)
    model = keras.Model(image, x, name="trained")
    rng = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, FakeQuantizedKernel):
            kernel = (rng.normal(size=layer.kernel.shape) / np.sqrt(np.prod(layer.kernel.shape[:-1]))).astype(np.float32)
            layer.kernel.assign(kernel)
            layer.bias.assign(0.3 * rng.normal(size=layer.channels))
            axes = tuple(range(kernel.ndim - 1)) if layer.by_channel else None
            layer.largest.assign(0.9 * np.abs(kernel).max(axis=axes))
    return model


def folded_by_hand(model: keras.Model, kernels: Mapping[str, str], *, biases: bool) -> keras.Model:
    """A network of dense layers with batch normalisation folded into them, with the dense layers' own biases or without.

    Args:
        model: of dense layers, each but the last followed by batch normalisation and ReLU.
        kernels: names of batch normalisation by dense layer.
        biases: whether the dense biases are kept.
    """
    x = inputs = keras.Input(model.input_shape[1:], name=model.inputs[0].name)
    for layer in model.layers:
        if not isinstance(layer, layers.Dense):
            continue
        kernel, bias = layer.get_weights()
        if layer.name in kernels:
            norm = model.get_layer(kernels[layer.name])
            gamma, beta, mean, variance = norm.get_weights()
            scale = gamma / np.sqrt(variance + np.float32(norm.epsilon))
            kernel, bias = kernel * scale, beta + ((bias if biases else 0) - mean) * scale
        activation = "relu" if layer.name in kernels else None
        own = layers.Dense(layer.units, activation=activation, name=f"{layer.name}_folded")
        x = own(x)
        own.set_weights([kernel, bias])
    return keras.Model(inputs, x)
