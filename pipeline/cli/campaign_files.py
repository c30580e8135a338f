"""What the mutation campaign changes: small networks of all kinds, and the files that both engines make of them.

The shipped network comes with its real data; the others have variables and samples drawn at random, so that no value equals another
by chance.
"""

import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pipeline.cli import audit
from pipeline.errors import UserError
from pipeline.quantization import operator_plan, quantizer, recipes, schemes
from pipeline.tflite import control_flow, flatbuffer
from pipeline.verification import float32_proof

_ROOT = Path(__file__).parents[2]
_SAMPLES = 8


@dataclass(frozen=True, kw_only=True)
class Network:
    """A network: its float32 file with the proof of it, samples [8, ...] by input, its outputs [8, ...] for them, and `bits` of
    models/ranges.json on them."""

    name: str
    source: float32_proof.Source
    float32: bytes
    proof: float32_proof.Proof
    samples: Mapping[str, np.ndarray]
    reference: Mapping[str, np.ndarray]
    measured: Mapping[str, Mapping[str, tuple[float, float]]]


@dataclass(frozen=True, kw_only=True)
class File:
    """A file of a network, and what is said of it: as the configuration of a variant has it."""

    network: Network
    engine: str
    scheme: str
    algorithm: str
    io_dtype: str
    granularity: str
    content: bytes

    @property
    def name(self) -> str:
        said = f"{self.network.name} {self.engine} {self.scheme}"
        return f"{said} {self.algorithm} {self.granularity} {self.io_dtype}".replace(" none", "")


class Variant(NamedTuple):
    """A row of a variant's configuration."""

    engine: str
    scheme: str
    algorithm: str = "min_max"
    granularity: str = "channel"
    io_dtype: str | None = None


VARIANTS = (
    Variant("litert", "float32", "none", "none"),
    Variant("litert", "float16", "none", "none"),
    Variant("litert", "dynamic_wi8_afp32"),
    Variant("litert", "dynamic_wi4_afp32", "min_max", "block32"),
    Variant("litert", "weightonly_wi8_afp32", "octav"),
    Variant("litert", "static_wi8_ai8"),
    Variant("litert", "static_wi8_ai8", "mse", "tensor", "float32"),
    Variant("litert", "static_wi4_ai8"),
    Variant("litert", "static_wi8_ai16"),
    Variant("converter", "float16", "none", "none"),
    Variant("converter", "dynamic_wi8_afp32"),
    Variant("converter", "static_wi8_ai8"),
    Variant("converter", "static_wi8_ai8_fallback", io_dtype="float32"),
    Variant("converter", "static_wi8_ai16"),
)


def digits() -> tuple[Any, dict[str, np.ndarray]]:
    """The shipped network, with images of it."""
    import keras

    images = np.load(_ROOT / "data" / "digits.npz")["images"]
    model = keras.saving.load_model(_ROOT / "models" / "digits_cnn.keras", compile=False)
    shape = model.inputs[0].shape[1:]
    return model, {model.inputs[0].name: (images[:_SAMPLES].reshape(-1, *shape) / 16).astype(np.float32)}


def _layers() -> tuple[Any, Any]:
    import keras

    return keras, keras.layers


def convolutions() -> Any:
    """Depthwise, dilated and transposed convolutions, batch normalisation before and behind the activation, two outputs."""
    keras, layers = _layers()
    x = image = keras.Input((8, 8, 3), name="image")
    x = layers.BatchNormalization(name="bn_fused")(layers.Conv2D(6, 3, padding="same", use_bias=False, name="conv")(x))
    x = layers.ReLU(max_value=6, name="relu6")(x)
    x = layers.DepthwiseConv2D(3, strides=2, padding="same", depth_multiplier=2, activation="relu", name="depthwise")(x)
    x = layers.BatchNormalization(name="bn_behind")(x)
    y = layers.Conv2D(6, 3, dilation_rate=2, padding="same", name="dilated")(x)
    z = layers.Conv2DTranspose(5, 3, strides=2, padding="same", activation="relu", name="transposed")(y)
    first = layers.Conv2D(4, (1, 3), activation="sigmoid", name="wide")(z)
    second = layers.Dense(5, activation="softmax", name="classes")(layers.GlobalAveragePooling2D(name="pool")(y))
    return keras.Model(image, [first, second], name="convolutions")


def dense() -> Any:
    """Dense layers wide enough for blocks of 32 weights, batch normalisation, a residual, activations of many kinds."""
    keras, layers = _layers()
    x = features = keras.Input((32,), name="features")
    x = layers.Activation("gelu", name="gelu")(layers.Dense(32, name="one")(x))
    x = layers.BatchNormalization(name="bn")(layers.Dense(64, use_bias=False, name="two")(x))
    x = layers.Activation("hard_swish", name="hard_swish")(x)
    x = layers.LeakyReLU(negative_slope=0.2, name="leaky")(layers.Dense(32, name="three")(x))
    x = layers.Add(name="add")([x, layers.Dense(32, activation="tanh", use_bias=False, name="side")(features)])
    return keras.Model(features, layers.Dense(10, activation="softmax", name="out")(x), name="dense")


def recurrent() -> Any:
    """LSTM, GRU and a loop in both directions."""
    keras, layers = _layers()
    x = sequence = keras.Input((4, 3), name="sequence")
    x = layers.GRU(4, return_sequences=True, name="gru")(layers.LSTM(5, return_sequences=True, name="lstm")(x))
    x = layers.Bidirectional(layers.LSTM(3), name="both_ways")(x)
    return keras.Model(sequence, layers.Dense(2, name="out")(x), name="recurrent")


def attention() -> Any:
    """Tokens, embedding, attention, layer normalisation."""
    keras, layers = _layers()
    tokens = keras.Input((6,), dtype="int32", name="tokens")
    x = layers.Embedding(50, 8, name="embedding")(tokens)
    x = layers.Add(name="add")([x, layers.MultiHeadAttention(2, 4, name="heads")(x, x)])
    x = layers.Dense(8, activation="gelu", name="wide")(layers.LayerNormalization(name="norm")(x))
    return keras.Model(tokens, layers.Dense(3, name="out")(layers.GlobalMaxPooling1D(name="most")(x)), name="attention")


def shapes() -> Any:
    """Two inputs and two outputs; resizing, padding, cropping, strides, permutation, pooling, concatenation, arithmetic."""
    keras, layers = _layers()
    left, right = keras.Input((6, 6, 2), name="left"), keras.Input((3, 3, 2), name="right")
    x = layers.Concatenate(name="joined")([left, layers.UpSampling2D(2, interpolation="bilinear", name="bilinear")(right)])
    x = layers.ZeroPadding2D(((1, 2), (0, 1)), name="padded")(x)
    x = layers.Conv2D(4, 3, activation="relu", name="conv")(x)
    x = layers.Cropping2D(((1, 0), (1, 0)), name="cropped")(x)[:, ::2, 1::2, :]
    x = layers.UpSampling2D(2, interpolation="nearest", name="nearest")(x)
    y = layers.MaxPooling2D(2, name="most")(layers.Permute((2, 1, 3), name="turned")(x))
    z = layers.AveragePooling2D(3, strides=1, padding="same", name="mean")(x)
    y = layers.Dense(3, name="first")(layers.Flatten(name="flat")(layers.Rescaling(0.5, offset=-1.0, name="rescaled")(y)))
    z = layers.Maximum(name="maximum")([z, layers.PReLU(shared_axes=[1, 2], name="prelu")(z - 0.25)])
    return keras.Model([left, right], [y, layers.Multiply(name="second")([z, x])], name="shapes")


NETWORKS: dict[str, Callable[[], Any]] = {
    "convolutions": convolutions,
    "dense": dense,
    "recurrent": recurrent,
    "attention": attention,
    "shapes": shapes,
}
NAMES = ("digits", *NETWORKS)


def made(name: str) -> tuple[Network, list[File]]:
    """A network of `NAMES` and its files: of all variants that the engines do not refuse for it."""
    import keras

    from pipeline.source import converter

    # Keras numbers the names of operations through a process.
    keras.backend.clear_session()
    rng = np.random.default_rng(0)
    model, samples = digits() if name == "digits" else _drawn(NETWORKS[name](), rng)
    with tempfile.TemporaryDirectory() as temporary, warnings.catch_warnings():
        # NumPy 2 and Keras saving a model; TFLiteConverter calibrating with TensorFlow's own interpreter.
        warnings.filterwarnings("ignore", message="__array__ implementation")
        warnings.filterwarnings("ignore", message=r"(?s).*tf\.lite\.Interpreter is deprecated", category=UserWarning)
        model.save(Path(temporary) / "network.keras")
        folder = Path(temporary) / "source"
        source = audit.source(Path(temporary) / "network.keras", folder, batch=1)
        float32 = converter.convert_saved_model(folder)
        rows = [{key: array[i : i + 1] for key, array in samples.items()} for i in range(_SAMPLES)]
        network = Network(
            name=name,
            source=source,
            float32=float32,
            proof=float32_proof.prove(source, float32),
            samples=samples,
            reference=_reference(folder, samples),
            measured=_measured(float32, rows),
        )
        return network, list(_variants(network, folder, rows))


def _drawn(model: Any, rng: np.random.Generator) -> tuple[Any, dict[str, np.ndarray]]:
    """Variables and samples anew: kernels of unit gain, variances and gammas in 0.5 to 1.5."""
    for variable in model.variables:
        if "float" in variable.dtype:
            shape, name = tuple(variable.shape), variable.path.rsplit("/", 1)[-1]
            values = 0.3 * rng.normal(size=shape) if len(shape) < 2 else rng.normal(size=shape) / np.sqrt(np.prod(shape[:-1]))
            variable.assign((0.5 + rng.random(shape) if "variance" in name or name == "gamma" else values).astype(np.float32))
    return model, {
        tensor.name: rng.integers(0, 50, (_SAMPLES, *tensor.shape[1:])).astype(np.int32)
        if "int" in str(tensor.dtype)
        else rng.normal(size=(_SAMPLES, *tensor.shape[1:])).astype(np.float32)
        for tensor in model.inputs
    }


def _reference(folder: Path, samples: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    from pipeline.source import reference_run

    rows = list(reference_run.run_saved_model(folder, samples, batch=1))
    return {name: np.stack([row[name] for row in rows]) for name in rows[0]}


def _measured(float32: bytes, rows: Sequence[Mapping[str, np.ndarray]]) -> dict[str, dict[str, tuple[float, float]]]:
    seen = quantizer.observe(float32, rows, signature=flatbuffer.read(float32).signature)
    ranges = {name: (float(low.min()), float(high.max())) for name, (low, high) in seen.items()}
    return {"8": ranges, "16": ranges}


def _variants(network: Network, folder: Path, rows: Sequence[Mapping[str, np.ndarray]]) -> Iterator[File]:
    from pipeline.source import converter

    for variant in VARIANTS:
        io_dtype = variant.io_dtype or schemes.SCHEMES[variant.engine][variant.scheme].io_dtype[0]
        try:
            if variant.scheme == "float32":
                content = network.float32
            elif variant.engine == "litert":
                content = _litert(network, variant, io_dtype)
            else:
                static = variant.scheme.startswith("static")
                content = converter.convert_saved_model(
                    folder, scheme=variant.scheme, io_dtype=io_dtype, samples=rows if static else None
                )
        # What an engine refuses for this network is no file to change.
        except (UserError, RuntimeError):
            continue
        yield File(network=network, **{**variant._asdict(), "io_dtype": io_dtype}, content=content)


def _litert(network: Network, variant: Variant, io_dtype: str) -> bytes:
    graph = flatbuffer.read(network.float32)
    how: dict[str, Any] = {
        "scheme": variant.scheme,
        "algorithm": variant.algorithm,
        "granularity": variant.granularity,
        "exclude": (),
    }
    recipe = recipes.whole(graph, **how, io_dtype=io_dtype)
    known = None
    if variant.scheme.startswith("static"):
        control_flow.refuse(graph, scheme=variant.scheme)
        rows = operator_plan.describe(graph, recipe, **how)
        known = quantizer.ranges_as_statistics(operator_plan.ranges(graph, rows, network.measured))
    return quantizer.quantize(network.float32, recipe, known=known)
