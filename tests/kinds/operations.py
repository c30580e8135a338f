"""A network for every activation function of Keras, and for families of `keras.ops`."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from tests.kinds.kind import Kind

ops, layers = keras.ops, keras.layers


def function(
    name: str,
    call: Callable[[Any], Any],
    shape: tuple[int, ...] = (8, 6),
    *,
    dtype: str = "float32",
    between: tuple[float, float] | None = None,
) -> Kind:
    """A function between two dense layers; of the input itself, where that is integers or has to lie in a range."""

    def build() -> keras.Model:
        x = start = keras.Input(shape, dtype=dtype, name="input")
        if dtype == "float32" and between is None:
            x = layers.Dense(shape[-1], name="start")(x)
        return keras.Model(start, layers.Dense(4, name="end")(layers.Flatten()(ops.cast(call(x), "float32"))))

    return Kind(name=name, build=build, between=between)


class Calling(layers.Layer):  # type: ignore[misc, name-defined]
    """A function that takes tensors only, and not what stands for them while a network is put together."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        super().__init__()
        self.function = function

    def call(self, x: Any) -> Any:
        return self.function(x)

    def compute_output_shape(self, shape: Any) -> Any:
        return shape


def of(name: str) -> Callable[[Any], Any]:
    """An activation by its name."""
    return lambda x: layers.Activation(name)(x)


def along(name: str) -> Callable[[Any], Any]:
    """A function along axis 1."""
    return lambda x: getattr(ops, name)(x, axis=1)


def padded(mode: str) -> Callable[[Any], Any]:
    return lambda x: ops.pad(x, ((0, 0), (1, 2), (0, 1)), mode=mode)


ACTIVATIONS = [
    function(f"activation {name}", of(name))
    for name in dir(keras.activations)
    if not name.startswith("_") and name not in ("deserialize", "get", "serialize", "glu", "hard_swish", "swish", "threshold")
] + [
    function("activation glu", keras.activations.glu),
    function("activation threshold", lambda x: keras.activations.threshold(x, 0.2, -1.0)),
    function("activation gelu approximate", lambda x: keras.activations.gelu(x, approximate=True)),
    function("activation leaky_relu slope", lambda x: keras.activations.leaky_relu(x, negative_slope=0.3)),
    function("activation elu alpha", lambda x: keras.activations.elu(x, alpha=0.4)),
]

# Functions by name: of any number, of a number above 1, of a number between -1 and 1, of two numbers, along an axis.
ANY = (
    "abs arcsinh arctan cbrt ceil cos exp exp2 expm1 floor negative round sign sin sinc sinh square "
    "trunc erf erfc isfinite nan_to_num signbit i0 cosh logical_not isnan"
)
POSITIVE = "log log10 log1p log2 reciprocal rsqrt sqrt arccosh angle"
SMALL = "arccos arcsin arctanh erfinv tan"
OF_TWO = (
    "add subtract multiply maximum minimum equal greater_equal less arctan2 logaddexp floor_divide mod hypot divide_no_nan cdist"
)
ALONG = "sum mean max min prod std var logsumexp argmax argmin any all count_nonzero norm median ptp average nanmean nansum"
ELEMENTWISE = [
    *(function(f"ops {name}", getattr(ops, name)) for name in ANY.split()),
    *(function(f"ops {name}", getattr(ops, name), between=(1.1, 4.0)) for name in POSITIVE.split()),
    *(function(f"ops {name}", getattr(ops, name), between=(-0.9, 0.9)) for name in SMALL.split()),
    function("ops heaviside", lambda x: ops.heaviside(x, np.float32(0.5))),
    function("ops clip", lambda x: ops.clip(x, -0.4, 0.7)),
    function("ops power 3", lambda x: ops.power(x, 3.0)),
    function("ops power half", lambda x: ops.power(x, 0.5), between=(0.1, 2)),
    function("ops power of a constant", lambda x: ops.power(2.0, x)),
]


def two(name: str, call: Callable[[Any, Any], Any], **options: Any) -> Kind:
    def build() -> keras.Model:
        start = keras.Input((8, 6), name="input")
        a, b = layers.Dense(6, name="left")(start), layers.Dense(6, name="right")(start)
        return keras.Model(start, layers.Dense(4, name="end")(layers.Flatten()(ops.cast(call(a, b), "float32"))))

    return Kind(name=name, build=build, **options)


BINARY = [
    *(two(f"ops {name}", getattr(ops, name)) for name in OF_TWO.split()),
    two("ops divide", lambda a, b: a / (ops.abs(b) + 1)),
    two("ops power", lambda a, b: ops.power(ops.abs(a) + 0.5, b)),
    two("ops squared difference", lambda a, b: ops.square(a - b)),
    two("ops where", lambda a, b: ops.where(a > 0, b, 0.3)),
    two("ops where of both", lambda a, b: ops.where(a > b, a, b)),
    two("ops select", lambda a, b: ops.select([a > 0.5, b > 0], [a, b], 0.1)),
    two("ops logical", lambda a, b: ops.logical_or(ops.logical_and(a > 0, b > 0), ops.logical_not(a > -1))),
    two("ops matmul", lambda a, b: ops.matmul(a, ops.transpose(b, (0, 2, 1)))),
    two("ops einsum", lambda a, b: ops.einsum("bij,bkj->bik", a, b)),
    two("ops einsum of one row", lambda a, b: ops.einsum("bij,bij->bi", a, b)),
    two("ops outer", lambda a, b: a[:, :, :, None] * b[:, :, None, :]),
    two("ops concatenate", lambda a, b: ops.concatenate([a, b], axis=1)),
    two("ops stack", lambda a, b: ops.stack([a, b], axis=2)),
    two("ops dot_product_attention", lambda a, b: ops.dot_product_attention(a[:, :, None], b[:, :, None], b[:, :, None])),
    two("ops slice_update", lambda a, b: ops.slice_update(a, (0, 2, 1), b[:, 2:4, 1:3])),
    two("ops cross", lambda a, b: ops.cross(a[..., :3], b[..., :3])),
    two("ops take_along_axis", lambda a, b: ops.take_along_axis(a, ops.argsort(b, axis=-1), axis=-1)),
]

REDUCTIONS = [
    *(function(f"ops {name}", along(name)) for name in ALONG.split()),
    function("ops mean keepdims", lambda x: ops.mean(x, axis=(1, 2), keepdims=True)),
    function("ops sum of all axes", lambda x: ops.sum(x, axis=(1, 2))[:, None]),
    function("ops sum of negative axis", lambda x: ops.sum(x, axis=-1)),
    function("ops cumsum", lambda x: ops.cumsum(x, axis=1)),
    function("ops cumprod", lambda x: ops.cumprod(x, axis=1)),
    function("ops moments", lambda x: ops.stack(ops.moments(x, axes=[1]), axis=1)),
    function("ops quantile", lambda x: ops.quantile(x, 0.3, axis=1)),
    function("ops normalize", lambda x: ops.normalize(x, axis=-1)),
]

SORTING = [
    function("ops sort", lambda x: ops.sort(x, axis=-1)),
    function("ops argsort", lambda x: ops.argsort(x, axis=-1)),
    function("ops top_k", lambda x: ops.top_k(x, 3)[0]),
    function("ops top_k indices", lambda x: ops.top_k(x, 3)[1]),
    function("ops in_top_k", lambda x: ops.in_top_k(ops.zeros((1,), "int32"), x[:, 0], 2)[:, None]),
    function(
        "ops searchsorted",
        lambda x: ops.reshape(ops.searchsorted(ops.convert_to_tensor([-1.0, 0.0, 1.0]), ops.reshape(x, (48,))), (1, 48)),
    ),
    function("ops digitize", lambda x: ops.digitize(x, np.array([-0.5, 0.5]))),
]

INDEXING = [
    function("ops slice", lambda x: ops.slice(x, (0, 2, 1), (1, 3, 2))),
    function("slice", lambda x: x[:, 2:5, 1:3]),
    function("slice strided", lambda x: x[:, ::2, 1::2]),
    function("slice reversed", lambda x: x[:, ::-1]),
    function("slice new axis", lambda x: x[:, None, 2]),
    function("slice ellipsis", lambda x: x[..., -1]),
    function("ops take", lambda x: ops.take(x, np.array([3, 1, 1]), axis=1)),
    function("ops take of the last axis", lambda x: ops.take(x, np.array([0, 5]), axis=-1)),
    function("ops flip", lambda x: ops.flip(x, axis=1)),
    function("ops roll", lambda x: ops.roll(x, 3, axis=1)),
    function("ops split", lambda x: ops.split(x, 2, axis=2)[1]),
    function("ops split both", lambda x: ops.multiply(*ops.split(x, 2, axis=2))),
    function("ops unstack", lambda x: ops.unstack(x, axis=1)[2]),
    function("ops diagonal", lambda x: ops.diagonal(x[:, :6], axis1=1, axis2=2)),
    function("ops triu", lambda x: ops.triu(x, k=1)),
    function("ops tril", lambda x: ops.tril(x)),
    function("ops diff", lambda x: ops.diff(x, axis=1)),
    function("ops one_hot", lambda x: ops.one_hot(x, 20), (6,), dtype="int32"),
    function("ops multi_hot", lambda x: ops.multi_hot(x, 20), (6,), dtype="int32"),
    function("ops scatter", lambda x: x + ops.scatter(np.array([[1], [3]]), np.ones((2,), "float32"), (6,))),
    function(
        "ops segment_sum",
        lambda x: ops.reshape(ops.segment_sum(ops.reshape(x, (8, 6)), np.array([0, 0, 1, 1, 2, 2, 3, 3]), 4), (1, 24)),
    ),
]

SHAPES = [
    function("ops transpose", lambda x: ops.transpose(x, (0, 2, 1))),
    function("ops swapaxes", lambda x: ops.swapaxes(x, 1, 2)),
    function("ops moveaxis", lambda x: ops.moveaxis(x, 1, 2)),
    function("ops reshape", lambda x: ops.reshape(x, (-1, 16, 3))),
    function("ops expand_dims squeeze", lambda x: ops.squeeze(ops.tanh(ops.expand_dims(x, 1)), 1)),
    function("ops tile", lambda x: ops.tile(x, (1, 2, 1))),
    function("ops repeat", lambda x: ops.repeat(x, 2, axis=1)),
    function("ops broadcast_to", lambda x: ops.broadcast_to(x[:, :, :1], (1, 8, 5)) + 1),
    *(function(f"ops pad {mode}", padded(mode)) for mode in ("constant", "reflect", "symmetric")),
    function("ops pad value", lambda x: ops.pad(x, ((0, 0), (1, 2), (0, 1)), mode="constant", constant_values=0.7)),
    function("ops depth_to_space", lambda x: ops.depth_to_space(x, 2), (4, 4, 8)),
    function("ops space_to_depth", lambda x: ops.space_to_depth(x, 2), (4, 4, 2)),
    function("ops rot90", lambda x: ops.rot90(x, axes=(1, 2))),
    function("ops meshgrid", lambda x: x + ops.meshgrid(np.arange(6.0, dtype="float32"), np.arange(8.0, dtype="float32"))[0]),
    function("ops extract_sequences", lambda x: ops.extract_sequences(x[..., 0], 4, 2)),
    function("ops unfold", lambda x: ops.unfold(ops.transpose(x, (0, 3, 1, 2)), 2), (4, 4, 2)),
    function("ops cast", lambda x: ops.cast(ops.cast(x * 10, "int32"), "float32") * 0.1),
    function("ops shape", lambda x: x * ops.cast(ops.shape(x)[1], "float32")),
]

ALGEBRA = [
    function("ops rfft", lambda x: ops.rfft(x)[0], (32,)),
    function("ops fft", lambda x: ops.fft((x, ops.zeros_like(x)))[1], (32,)),
    function("ops stft", lambda x: ops.stft(x, 8, 4, 8)[0], (32,)),
    function("ops irfft", lambda x: ops.irfft(ops.rfft(x)), (32,)),
    function("ops tensordot", lambda x: ops.tensordot(x, np.arange(12, dtype="float32").reshape(6, 2) / 7, axes=1)),
    function("ops einsum constant", lambda x: ops.einsum("bij,jk->bik", x, np.arange(12, dtype="float32").reshape(6, 2) / 7)),
    function("ops matmul constant left", lambda x: ops.matmul(np.arange(16, dtype="float32").reshape(2, 8) / 7, x)),
    function("ops kron", lambda x: x * np.kron(np.ones((2, 2)), np.arange(12).reshape(4, 3)).astype("float32")),
    function("ops inv", lambda x: ops.inv(x + 5 * np.eye(4, dtype="float32")), (4, 4)),
    function(
        "ops cholesky", lambda x: ops.cholesky(ops.matmul(x, ops.transpose(x, (0, 2, 1))) + np.eye(4, dtype="float32")), (4, 4)
    ),
    function("ops det", lambda x: ops.det(x)[:, None], (4, 4)),
    function("ops solve", lambda x: ops.solve(x + 5 * np.eye(4, dtype="float32"), x), (4, 4)),
    function("ops qr", lambda x: ops.qr(x)[1], (4, 4)),
    function("ops svd", lambda x: ops.svd(x)[1], (4, 4)),
    function("ops bincount", lambda x: ops.reshape(ops.bincount(x, minlength=20), (1, 20)), (6,), dtype="int32"),
    function("ops bitwise_and", lambda x: ops.bitwise_and(x, np.int32(5)), (6,), dtype="int32"),
    function("ops bitwise_xor", lambda x: ops.bitwise_xor(x, np.int32(5)), (6,), dtype="int32"),
    function("ops right_shift", lambda x: ops.right_shift(x, np.int32(1)), (6,), dtype="int32"),
    function("ops integer arithmetic", lambda x: (x * 3 + 2) // 4 - x % 3, (6,), dtype="int32"),
    function(
        "ops while_loop",
        lambda x: Calling(lambda y: ops.while_loop(lambda i, z: i < 3, lambda i, z: (i + 1, z * 0.5 + 1), (0, y))[1])(x),
    ),
    function("ops fori_loop", lambda x: ops.fori_loop(0, 3, lambda i, y: y * 0.5 + 1, x)),
    function(
        "ops scan", lambda x: ops.swapaxes(ops.scan(lambda c, y: (c + y, c * y), ops.zeros((1, 6)), ops.swapaxes(x, 0, 1))[1], 0, 1)
    ),
    function("ops cond", lambda x: Calling(lambda y: ops.cond(ops.sum(y) > 0, lambda: y * 2, lambda: y - 1))(x)),
    function("ops map", lambda x: ops.map(lambda y: y * 2, x)),
    function("ops vectorized_map", lambda x: ops.vectorized_map(lambda y: y * 2, x)),
    function("ops image.resize", lambda x: ops.image.resize(x, (5, 12), antialias=True), (8, 8, 2)),
    function("ops image.rgb_to_grayscale", lambda x: ops.image.rgb_to_grayscale(x), (8, 8, 3)),
    function("ops image.rgb_to_hsv", lambda x: ops.image.rgb_to_hsv(x), (8, 8, 3), between=(0, 1)),
    function("ops image.extract_patches", lambda x: ops.image.extract_patches(x, 4), (8, 8, 3)),
    function(
        "ops image.affine_transform",
        lambda x: ops.image.affine_transform(x, np.array([1, 0.1, 0.3, 0, 1, 0.2, 0, 0], "float32")),
        (8, 8, 3),
    ),
    function("ops image.gaussian_blur", lambda x: ops.image.gaussian_blur(x), (8, 8, 3)),
]

KINDS = [*ACTIVATIONS, *ELEMENTWISE, *BINARY, *REDUCTIONS, *SORTING, *INDEXING, *SHAPES, *ALGEBRA]
