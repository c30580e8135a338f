"""A network for every layer class that Keras exports."""

import tempfile
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from tests.kinds.kind import Kind, around

layers = keras.layers
VECTOR, SEQUENCE, IMAGE, VOLUME = (6,), (8, 6), (8, 8, 4), (4, 4, 4, 3)


def plain(
    name: str, layer: Callable[[], Any], shape: tuple[int, ...], *, dtype: str = "float32", held: int | None = None, **options: Any
) -> Kind:
    """A layer in front of a dense one; `held`: the batch that the network itself has."""
    return Kind(name=name, build=lambda: around(layer(), shape, dtype=dtype, batch=held), **options)


def calling(name: str, call: Callable[[Any], Any], shape: tuple[int, ...] = SEQUENCE) -> Kind:
    """Layers that are called with more than one tensor, or with options."""
    return Kind(name=name, build=lambda: around(call, shape))


def of(name: str, *given: Any, **options: Any) -> Callable[[], Any]:
    """Makes a layer of this class."""
    return lambda: getattr(layers, name)(*given, **options)


def joined(name: str, layer: Callable[[], Any], shape: tuple[int, ...] = VECTOR, count: int = 2, dtype: str = "float32") -> Kind:
    """A layer of several inputs."""

    def build() -> keras.Model:
        inputs = [keras.Input(shape, dtype=dtype, name=f"input_{number}") for number in range(count)]
        return keras.Model(inputs, layers.Dense(4, name="end")(layers.Flatten()(layer()(inputs))))

    return Kind(name=name, build=build)


CONVOLUTIONS = [
    plain("Conv1D", lambda: layers.Conv1D(5, 3), SEQUENCE),
    plain("Conv2D", lambda: layers.Conv2D(5, 3), IMAGE),
    plain("Conv3D", lambda: layers.Conv3D(5, 2), VOLUME),
    plain("Conv1DTranspose", lambda: layers.Conv1DTranspose(5, 3, strides=2), SEQUENCE),
    plain("Conv2DTranspose", lambda: layers.Conv2DTranspose(5, 3, strides=2), IMAGE),
    plain("Conv3DTranspose", lambda: layers.Conv3DTranspose(5, 2, strides=2), VOLUME),
    plain("DepthwiseConv1D", lambda: layers.DepthwiseConv1D(3), SEQUENCE),
    plain("DepthwiseConv2D", lambda: layers.DepthwiseConv2D(3), IMAGE),
    plain("SeparableConv1D", lambda: layers.SeparableConv1D(5, 3), SEQUENCE),
    plain("SeparableConv2D", lambda: layers.SeparableConv2D(5, 3), IMAGE),
    plain("Conv1D same strided", lambda: layers.Conv1D(5, 3, padding="same", strides=2), SEQUENCE),
    plain("Conv1D causal", lambda: layers.Conv1D(5, 3, padding="causal"), SEQUENCE),
    plain("Conv1D causal dilated", lambda: layers.Conv1D(5, 3, padding="causal", dilation_rate=2), SEQUENCE),
    plain("Conv1D dilated", lambda: layers.Conv1D(5, 3, dilation_rate=2), SEQUENCE),
    plain("Conv1D groups", lambda: layers.Conv1D(6, 3, groups=2), SEQUENCE),
    plain("Conv1D channels_first", lambda: layers.Conv1D(5, 3, data_format="channels_first"), SEQUENCE),
    plain("Conv2D same strided", lambda: layers.Conv2D(5, 3, padding="same", strides=2), IMAGE),
    plain("Conv2D dilated", lambda: layers.Conv2D(5, 3, dilation_rate=2), IMAGE),
    plain("Conv2D dilated same", lambda: layers.Conv2D(5, 3, padding="same", dilation_rate=2), IMAGE),
    plain("Conv2D dilated 2x1", lambda: layers.Conv2D(5, 3, padding="same", dilation_rate=(2, 1)), IMAGE),
    plain("Conv2D groups", lambda: layers.Conv2D(6, 3, groups=2), IMAGE),
    plain("Conv2D groups activation", lambda: layers.Conv2D(8, 3, groups=4, activation="relu"), IMAGE),
    plain("Conv2D no bias", lambda: layers.Conv2D(5, 3, use_bias=False), IMAGE),
    plain("Conv2D 1x1", lambda: layers.Conv2D(5, 1), IMAGE),
    plain("Conv2D channels_first", lambda: layers.Conv2D(5, 3, data_format="channels_first"), IMAGE),
    plain("Conv3D same strided dilated", lambda: layers.Conv3D(5, 2, padding="same", strides=2), VOLUME),
    plain("Conv3D dilated", lambda: layers.Conv3D(5, 2, dilation_rate=2), VOLUME),
    plain("Conv1DTranspose same", lambda: layers.Conv1DTranspose(5, 3, padding="same", use_bias=False), SEQUENCE),
    plain("Conv2DTranspose same", lambda: layers.Conv2DTranspose(5, 3, padding="same", strides=2), IMAGE),
    plain("Conv2DTranspose output_padding", lambda: layers.Conv2DTranspose(5, 3, strides=2, output_padding=1), IMAGE),
    plain("Conv2DTranspose dilated", lambda: layers.Conv2DTranspose(5, 3, dilation_rate=2), IMAGE),
    plain("DepthwiseConv2D multiplier", lambda: layers.DepthwiseConv2D(3, depth_multiplier=2, padding="same"), IMAGE),
    plain("DepthwiseConv2D dilated", lambda: layers.DepthwiseConv2D(3, dilation_rate=2), IMAGE),
    plain("DepthwiseConv2D one channel", lambda: layers.DepthwiseConv2D(3, depth_multiplier=3), (8, 8, 1)),
    plain("DepthwiseConv1D multiplier", lambda: layers.DepthwiseConv1D(3, depth_multiplier=2, strides=2), SEQUENCE),
    plain("SeparableConv2D multiplier", lambda: layers.SeparableConv2D(5, 3, depth_multiplier=2, activation="relu"), IMAGE),
    plain("SeparableConv1D same dilated", lambda: layers.SeparableConv1D(5, 3, padding="same", dilation_rate=2), SEQUENCE),
    Kind(name="Conv1D free length", build=lambda: free_length(1)),
    Kind(name="Conv1D free length dilated", build=lambda: free_length(2)),
    Kind(name="Conv1D free length dilated same", build=lambda: free_length(2, "same")),
    Kind(name="Conv1D free length dilated causal", build=lambda: free_length(4, "causal")),
]


def free_length(rate: int, padding: str = "valid") -> keras.Model:
    """Lengths are free in the network, 16 in the file."""
    x = sound = keras.Input((None, 4), name="sound")
    x = layers.Conv1D(6, 3, dilation_rate=rate, padding=padding, activation="relu", name="first")(x)
    x = layers.Conv1D(6, 3, dilation_rate=rate, padding=padding, name="second")(x)
    return keras.Model(sound, layers.Dense(3, name="end")(layers.GlobalAveragePooling1D()(x)))


DENSE = [
    plain("Dense", lambda: layers.Dense(5), VECTOR),
    plain("Dense no bias", lambda: layers.Dense(5, use_bias=False), VECTOR),
    plain("Dense of sequences", lambda: layers.Dense(5, activation="relu"), SEQUENCE),
    plain("Dense of images", lambda: layers.Dense(5), IMAGE),
    plain("EinsumDense", lambda: layers.EinsumDense("abc,cd->abd", output_shape=(8, 5), bias_axes="d"), SEQUENCE),
    plain("EinsumDense heads", lambda: layers.EinsumDense("abc,cde->abde", output_shape=(8, 2, 5), bias_axes="de"), SEQUENCE),
    plain("Embedding", lambda: layers.Embedding(20, 5), (8,), dtype="int32"),
    plain("Embedding mask_zero", lambda: layers.Embedding(20, 5, mask_zero=True), (8,), dtype="int32"),
    plain("Embedding of floats", lambda: layers.Embedding(20, 5), (8,), between=(0, 19)),
    calling("ReversibleEmbedding", lambda x: reversed_embedding(x), (8,)),
    plain("SpectralNormalization", lambda: layers.SpectralNormalization(layers.Conv2D(5, 3)), IMAGE),
    plain("TimeDistributed", lambda: layers.TimeDistributed(layers.Dense(5)), SEQUENCE),
    plain("TimeDistributed convolution", lambda: layers.TimeDistributed(layers.Conv2D(5, 3)), (3, 6, 6, 2)),
    plain("Wrapper", lambda: Wrapped(layers.Dense(5)), VECTOR),
    plain("Layer", lambda: Scale(), VECTOR),
    Kind(name="InputLayer", build=lambda: in_sequence(layers.Dense(5), VECTOR)),
    Kind(name="TFSMLayer", build=lambda: around(saved_model_layer(), VECTOR)),
    plain("Lambda", lambda: layers.Lambda(lambda x: x * 2 + 1), VECTOR),
]


def reversed_embedding(x: Any) -> Any:
    embedding = layers.ReversibleEmbedding(20, 5, name="table")
    return embedding(embedding(keras.ops.cast(keras.ops.abs(x), "int32")), reverse=True)


def in_sequence(layer: Any, shape: tuple[int, ...]) -> keras.Model:
    """A layer that stays in the network although it hands on the very tensor it was given."""
    return keras.Sequential([layers.InputLayer(shape, name="input"), layer, layers.Flatten(), layers.Dense(4, name="end")])


def equalized(x: Any) -> Any:
    return layers.Equalization()(x, training=True)


def saved_model_layer() -> Any:
    """A network in a network, of which Keras knows the graph only."""
    inside = keras.Sequential([keras.Input(VECTOR), layers.Dense(5, activation="relu")])
    with tempfile.TemporaryDirectory() as folder:
        inside.export(folder, verbose=False)
        return layers.TFSMLayer(folder, call_endpoint="serve")


def adapted() -> Any:
    layer = layers.Normalization()
    layer.adapt(np.random.default_rng(4).normal(2.0, 3.0, (50, *IMAGE)).astype(np.float32))
    return layer


class Wrapped(layers.Wrapper):  # type: ignore[misc, name-defined]
    """The smallest layer that wraps another."""

    def call(self, x: Any) -> Any:
        return self.layer(x) * 0.5


class Scale(layers.Layer):  # type: ignore[misc, name-defined]
    """A layer of the user's own."""

    def build(self, shape: Any) -> None:
        self.factor = self.add_weight(shape=(shape[-1],), initializer="ones", name="factor")

    def call(self, x: Any) -> Any:
        return x * self.factor


ACTIVATIONS = [
    plain("Activation", lambda: layers.Activation("tanh"), IMAGE),
    plain("ELU", lambda: layers.ELU(alpha=0.7), IMAGE),
    plain("LeakyReLU", lambda: layers.LeakyReLU(negative_slope=0.2), IMAGE),
    plain("PReLU", lambda: layers.PReLU(), IMAGE),
    plain("PReLU shared", lambda: layers.PReLU(shared_axes=[1, 2]), IMAGE),
    plain("ReLU", lambda: layers.ReLU(), IMAGE),
    plain("ReLU max 6", lambda: layers.ReLU(max_value=6), IMAGE),
    plain("ReLU max 3", lambda: layers.ReLU(max_value=3), IMAGE),
    plain("ReLU slope threshold", lambda: layers.ReLU(max_value=3, negative_slope=0.1, threshold=0.5), IMAGE),
    plain("Softmax", lambda: layers.Softmax(), SEQUENCE),
    plain("Softmax axis 1", lambda: layers.Softmax(axis=1), SEQUENCE),
    plain("Identity", lambda: layers.Identity(), VECTOR),
    plain("Masking", lambda: layers.Masking(0.0), SEQUENCE),
]

NORMALISATIONS = [
    plain("BatchNormalization", lambda: layers.BatchNormalization(), IMAGE),
    plain("BatchNormalization plain", lambda: layers.BatchNormalization(center=False, scale=False), IMAGE),
    plain("BatchNormalization axis 1", lambda: layers.BatchNormalization(axis=1), IMAGE),
    plain("BatchNormalization vector", lambda: layers.BatchNormalization(), VECTOR),
    plain("GroupNormalization", lambda: layers.GroupNormalization(2), IMAGE),
    plain("LayerNormalization", lambda: layers.LayerNormalization(), SEQUENCE),
    plain("LayerNormalization axes", lambda: layers.LayerNormalization(axis=(1, 2), center=False), SEQUENCE),
    plain("LayerNormalization plain", lambda: layers.LayerNormalization(center=False, scale=False), SEQUENCE),
    plain("RMSNormalization", lambda: layers.RMSNormalization(), SEQUENCE),
    plain("UnitNormalization", lambda: layers.UnitNormalization(), SEQUENCE),
    plain("Normalization", lambda: layers.Normalization(mean=[0.1, 0.2, 0.3, 0.4], variance=[1.0, 2.0, 3.0, 4.0]), IMAGE),
    plain("Normalization invert", lambda: layers.Normalization(mean=0.3, variance=2.0, invert=True), VECTOR),
    plain("Normalization adapted", lambda: adapted(), IMAGE, untrained=True),
    plain("Normalization of nothing", lambda: layers.Normalization(mean=0.0, variance=1.0), IMAGE),
]

POOLING = [
    plain(f"{what}Pooling{rank}D", of(f"{what}Pooling{rank}D", 2), shape)
    for what in ("Average", "Max")
    for rank, shape in ((1, SEQUENCE), (2, IMAGE), (3, VOLUME))
]
POOLING += [
    plain(f"Global{what}Pooling{rank}D", of(f"Global{what}Pooling{rank}D"), shape)
    for what in ("Average", "Max")
    for rank, shape in ((1, SEQUENCE), (2, IMAGE), (3, VOLUME))
]
POOLING += [
    plain(f"Adaptive{what}Pooling{rank}D", of(f"Adaptive{what}Pooling{rank}D", 2), shape)
    for what in ("Average", "Max")
    for rank, shape in ((1, SEQUENCE), (2, IMAGE), (3, VOLUME))
]
POOLING += [
    plain("AveragePooling2D same", lambda: layers.AveragePooling2D(3, strides=2, padding="same"), IMAGE),
    plain("MaxPooling2D same", lambda: layers.MaxPooling2D(3, strides=1, padding="same"), IMAGE),
    plain("MaxPooling1D same", lambda: layers.MaxPooling1D(3, strides=2, padding="same"), SEQUENCE),
    plain("GlobalAveragePooling2D keepdims", lambda: layers.GlobalAveragePooling2D(keepdims=True), IMAGE),
    plain("GlobalAveragePooling2D 1x1", lambda: layers.GlobalAveragePooling2D(), (1, 1, 8)),
    plain("GlobalMaxPooling2D 1x1", lambda: layers.GlobalMaxPooling2D(keepdims=True), (1, 1, 8)),
    plain("AveragePooling2D channels_first", lambda: layers.AveragePooling2D(2, data_format="channels_first"), IMAGE),
    plain("AdaptiveAveragePooling2D uneven", lambda: layers.AdaptiveAveragePooling2D((3, 5)), IMAGE),
]

SHAPES = [
    plain("Flatten", lambda: layers.Flatten(), IMAGE),
    plain("Reshape", lambda: layers.Reshape((4, 64)), IMAGE),
    plain("Reshape -1", lambda: layers.Reshape((-1, 2)), IMAGE),
    plain("Permute", lambda: layers.Permute((2, 1, 3)), IMAGE),
    plain("RepeatVector", lambda: layers.RepeatVector(3), VECTOR),
    plain("Cropping1D", lambda: layers.Cropping1D((1, 2)), SEQUENCE),
    plain("Cropping2D", lambda: layers.Cropping2D(((1, 2), (0, 3))), IMAGE),
    plain("Cropping3D", lambda: layers.Cropping3D(1), VOLUME),
    plain("ZeroPadding1D", lambda: layers.ZeroPadding1D((1, 2)), SEQUENCE),
    plain("ZeroPadding2D", lambda: layers.ZeroPadding2D(((1, 2), (0, 3))), IMAGE),
    plain("ZeroPadding3D", lambda: layers.ZeroPadding3D(1), VOLUME),
    plain("UpSampling1D", lambda: layers.UpSampling1D(2), SEQUENCE),
    plain("UpSampling2D", lambda: layers.UpSampling2D(2), IMAGE),
    plain("UpSampling3D", lambda: layers.UpSampling3D(2), VOLUME),
    *(
        plain(f"UpSampling2D {how}", of("UpSampling2D", 2, interpolation=how), IMAGE)
        for how in ("bilinear", "bicubic", "lanczos3", "lanczos5")
    ),
]

MERGING = [
    *(
        joined(name, of(name), count=2 if name == "Subtract" else 3)
        for name in ("Add", "Average", "Concatenate", "Maximum", "Minimum", "Multiply", "Subtract")
    ),
    joined("Concatenate axis 1", lambda: layers.Concatenate(axis=1), SEQUENCE),
    joined("Dot", lambda: layers.Dot(axes=1)),
    joined("Dot normalize", lambda: layers.Dot(axes=(2, 2), normalize=True), SEQUENCE),
]

ATTENTION = [
    calling("Attention", lambda x: layers.Attention(use_scale=True)([x, x])),
    calling("Attention concat", lambda x: layers.Attention(score_mode="concat")([x, x])),
    calling("Attention causal", lambda x: layers.Attention()([x, x], use_causal_mask=True)),
    calling("AdditiveAttention", lambda x: layers.AdditiveAttention()([x, x])),
    calling("MultiHeadAttention", lambda x: layers.MultiHeadAttention(2, 4)(x, x)),
    calling("MultiHeadAttention causal", lambda x: layers.MultiHeadAttention(2, 4)(x, x, use_causal_mask=True)),
    calling(
        "MultiHeadAttention mask",
        lambda x: layers.MultiHeadAttention(2, 4)(x, x, attention_mask=keras.ops.cast(keras.ops.ones((1, 8, 8)), "bool")),
    ),
    calling("MultiHeadAttention key value", lambda x: layers.MultiHeadAttention(2, 4, value_dim=3, output_shape=5)(x, x)),
    calling("GroupQueryAttention", lambda x: layers.GroupQueryAttention(4, 4, 2)(x, x)),
    calling("GroupQueryAttention causal", lambda x: layers.GroupQueryAttention(4, 4, 2)(x, x, use_causal_mask=True)),
]

RECURRENT = [
    plain("LSTM", lambda: layers.LSTM(5), SEQUENCE),
    plain("LSTM sequences", lambda: layers.LSTM(5, return_sequences=True), SEQUENCE),
    plain("LSTM unroll", lambda: layers.LSTM(5, unroll=True), SEQUENCE),
    plain("LSTM backwards", lambda: layers.LSTM(5, go_backwards=True), SEQUENCE),
    plain("LSTM no bias", lambda: layers.LSTM(5, use_bias=False), SEQUENCE),
    plain("LSTM stateful", lambda: layers.LSTM(5, stateful=True), SEQUENCE, held=1),
    plain("GRU", lambda: layers.GRU(5), SEQUENCE),
    plain("GRU reset before", lambda: layers.GRU(5, reset_after=False), SEQUENCE),
    plain("GRU unroll", lambda: layers.GRU(5, unroll=True), SEQUENCE),
    plain("GRU reset before unroll", lambda: layers.GRU(5, reset_after=False, unroll=True), SEQUENCE),
    plain("SimpleRNN", lambda: layers.SimpleRNN(5), SEQUENCE),
    plain("SimpleRNN unroll relu", lambda: layers.SimpleRNN(5, activation="relu", unroll=True), SEQUENCE),
    plain("Bidirectional", lambda: layers.Bidirectional(layers.LSTM(5, return_sequences=True)), SEQUENCE),
    plain("Bidirectional sum", lambda: layers.Bidirectional(layers.GRU(5), merge_mode="sum"), SEQUENCE),
    plain("RNN", lambda: layers.RNN(layers.LSTMCell(5)), SEQUENCE),
    plain("LSTMCell", lambda: layers.RNN(layers.LSTMCell(5), unroll=True), SEQUENCE),
    plain("GRUCell", lambda: layers.RNN(layers.GRUCell(5), unroll=True), SEQUENCE),
    plain("SimpleRNNCell", lambda: layers.RNN(layers.SimpleRNNCell(5)), SEQUENCE),
    plain("StackedRNNCells", lambda: layers.RNN(layers.StackedRNNCells([layers.LSTMCell(5), layers.GRUCell(4)])), SEQUENCE),
    plain("ConvLSTM1D", lambda: layers.ConvLSTM1D(3, 3), (3, 6, 2)),
    plain("ConvLSTM2D", lambda: layers.ConvLSTM2D(3, 3), (3, 6, 6, 2)),
    plain("ConvLSTM2D unrolled sequences", lambda: layers.ConvLSTM2D(3, 3, padding="same", return_sequences=True), (3, 6, 6, 2)),
    plain("ConvLSTM3D", lambda: layers.ConvLSTM3D(2, 2), (3, 4, 4, 4, 2)),
    calling("LSTM stacked", lambda x: layers.LSTM(5)(layers.LSTM(4, return_sequences=True)(x))),
    calling("LSTM return_state", lambda x: layers.Concatenate()(layers.LSTM(5, return_state=True)(x))),
    calling("GRU return_state unroll", lambda x: layers.Concatenate()(layers.GRU(5, return_state=True, unroll=True)(x))),
    calling("LSTM masked", lambda x: layers.LSTM(5)(layers.Masking(0.0)(x))),
    calling("LSTM masked unroll", lambda x: layers.LSTM(5, unroll=True)(layers.Masking(0.0)(x))),
]

REGULARISATION = [
    plain("ActivityRegularization", lambda: layers.ActivityRegularization(0.1), VECTOR),
    plain("AlphaDropout", lambda: layers.AlphaDropout(0.3), VECTOR),
    plain("Dropout", lambda: layers.Dropout(0.3), VECTOR),
    plain("GaussianDropout", lambda: layers.GaussianDropout(0.3), VECTOR),
    plain("GaussianNoise", lambda: layers.GaussianNoise(0.3), VECTOR),
    plain("SpatialDropout1D", lambda: layers.SpatialDropout1D(0.3), SEQUENCE),
    plain("SpatialDropout2D", lambda: layers.SpatialDropout2D(0.3), IMAGE),
    plain("SpatialDropout3D", lambda: layers.SpatialDropout3D(0.3), VOLUME),
]

PICTURE = (8, 8, 3)
# What draws at random does nothing at inference.
RANDOM: dict[str, Callable[[], Any]] = {
    "AugMix": lambda: layers.AugMix(),
    "CutMix": lambda: layers.CutMix(),
    "MixUp": lambda: layers.MixUp(),
    "RandAugment": lambda: layers.RandAugment(),
    "RandomBrightness": lambda: layers.RandomBrightness(0.2),
    "RandomColorDegeneration": lambda: layers.RandomColorDegeneration(0.5),
    "RandomColorJitter": lambda: layers.RandomColorJitter(brightness_factor=0.2),
    "RandomContrast": lambda: layers.RandomContrast(0.2),
    "RandomCrop": lambda: layers.RandomCrop(8, 8),
    "RandomElasticTransform": lambda: layers.RandomElasticTransform(),
    "RandomErasing": lambda: layers.RandomErasing(),
    "RandomFlip": lambda: layers.RandomFlip(),
    "RandomGaussianBlur": lambda: layers.RandomGaussianBlur(),
    "RandomGrayscale": lambda: layers.RandomGrayscale(),
    "RandomHue": lambda: layers.RandomHue(0.2),
    "RandomInvert": lambda: layers.RandomInvert(),
    "RandomPerspective": lambda: layers.RandomPerspective(),
    "RandomPosterization": lambda: layers.RandomPosterization(4),
    "RandomRotation": lambda: layers.RandomRotation(0.2),
    "RandomSaturation": lambda: layers.RandomSaturation(0.2),
    "RandomSharpness": lambda: layers.RandomSharpness(0.2),
    "RandomShear": lambda: layers.RandomShear(0.2),
    "RandomTranslation": lambda: layers.RandomTranslation(0.2, 0.2),
    "RandomZoom": lambda: layers.RandomZoom(0.2),
}
PREPROCESSING = [
    *(plain(name, build, PICTURE, between=(0, 255)) for name, build in RANDOM.items()),
    plain("AutoContrast", lambda: layers.AutoContrast(), PICTURE, between=(0, 255)),
    Kind(name="Equalization", build=lambda: in_sequence(layers.Equalization(), PICTURE), between=(0, 255)),
    Kind(name="a picture equalized at inference", build=lambda: around(equalized, PICTURE), between=(0, 255)),
    plain("Solarization", lambda: layers.Solarization(threshold_factor=0.5), PICTURE, between=(0, 255)),
    plain(
        "ContrastLimitedAdaptiveHistogramEqualization",
        lambda: layers.ContrastLimitedAdaptiveHistogramEqualization(tile_grid_size=(2, 2)),
        PICTURE,
        between=(0, 255),
    ),
    plain("CenterCrop", lambda: layers.CenterCrop(5, 6), IMAGE),
    plain("CenterCrop larger", lambda: layers.CenterCrop(12, 6), IMAGE),
    plain("Rescaling", lambda: layers.Rescaling(1 / 255), PICTURE, between=(0, 255)),
    *(
        plain(f"Resizing {how}", of("Resizing", 5, 12, interpolation=how), IMAGE)
        for how in ("bilinear", "nearest", "bicubic", "area", "lanczos3", "lanczos5")
    ),
    plain("Resizing", lambda: layers.Resizing(16, 16), IMAGE),
    plain("Resizing crop_to_aspect_ratio", lambda: layers.Resizing(5, 12, crop_to_aspect_ratio=True), IMAGE),
    plain("Resizing pad_to_aspect_ratio", lambda: layers.Resizing(5, 12, pad_to_aspect_ratio=True), IMAGE),
    plain("Pipeline", lambda: layers.Pipeline([layers.Rescaling(0.1), layers.CenterCrop(4, 4)]), IMAGE),
    plain("Discretization", lambda: layers.Discretization(bin_boundaries=[-1.0, 0.0, 1.0]), VECTOR),
    plain("Discretization one_hot", lambda: layers.Discretization(bin_boundaries=[-1.0, 0.0, 1.0], output_mode="one_hot"), (1,)),
    *(
        plain(f"CategoryEncoding {how}", of("CategoryEncoding", 20, output_mode=how), (n,), dtype="int32")
        for how, n in (("one_hot", 1), ("multi_hot", 4), ("count", 4))
    ),
    plain("Hashing", lambda: layers.Hashing(7), (3,), dtype="int32"),
    joined("HashedCrossing", lambda: layers.HashedCrossing(7), (1,), dtype="int32"),
    plain("IntegerLookup", lambda: layers.IntegerLookup(vocabulary=[3, 4, 5]), (4,), dtype="int32"),
    plain(
        "MelSpectrogram",
        lambda: layers.MelSpectrogram(fft_length=32, num_mel_bins=8, sampling_rate=1000, sequence_stride=16),
        (64,),
    ),
    plain("STFTSpectrogram", lambda: layers.STFTSpectrogram(frame_length=16, frame_step=8, fft_length=16), (64, 1)),
    plain("STFTSpectrogram real", lambda: layers.STFTSpectrogram("real", frame_length=16, frame_step=8, fft_length=16), (64, 1)),
    plain("StringLookup", lambda: layers.StringLookup(vocabulary=["a", "b"]), (1,), dtype="string"),
    plain(
        "TextVectorization", lambda: layers.TextVectorization(vocabulary=["a", "b"], output_sequence_length=3), (1,), dtype="string"
    ),
    plain("MaxNumBoundingBoxes", lambda: layers.MaxNumBoundingBoxes(4), PICTURE),
]

KINDS = [
    *CONVOLUTIONS,
    *DENSE,
    *ACTIVATIONS,
    *NORMALISATIONS,
    *POOLING,
    *SHAPES,
    *MERGING,
    *ATTENTION,
    *RECURRENT,
    *REGULARISATION,
    *PREPROCESSING,
]
