"""Preprocessing steps: one function and one row in `STEPS` each. The very same list serves calibration, tuning and evaluation.

A step takes one input of one sample, without a batch dimension, and keyword options, and returns the array that replaces it. An
option that does not fit the sample is a ValueError, which `apply` turns into a message that names the step.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, Literal

import numpy as np
from msgspec import Meta

from pipeline.dataset import resizing, spectrograms
from pipeline.errors import UserError

Length = Annotated[int, Meta(ge=1)]
Dtype = Literal["float32", "int8", "uint8", "int16", "int32", "int64", "bool"]


def rescale(sample: np.ndarray, *, scale: float, offset: float = 0.0) -> np.ndarray:
    """`sample * scale + offset` as float32, computed in float64. Any shape and numeric dtype."""
    return (sample.astype(np.float64) * scale + offset).astype(np.float32)


def normalize(sample: np.ndarray, *, mean: float | list[float], std: float | list[float]) -> np.ndarray:
    """`(sample - mean) / std` as float32; lists have one entry for each channel, which is the last dimension."""
    for name, values in (("mean", mean), ("std", std)):
        if isinstance(values, list) and (sample.ndim == 0 or sample.shape[-1] != len(values)):
            raise ValueError(f"{name} has {len(values)} entries, the sample is {list(sample.shape)}")
    return ((sample.astype(np.float64) - np.asarray(mean)) / np.asarray(std)).astype(np.float32)


def keras_applications(sample: np.ndarray, *, mode: Literal["tf", "torch", "caffe"]) -> np.ndarray:
    """What `keras.applications.NAME.preprocess_input` does to an RGB image [height, width, 3] in 0..255, as float32.

    "tf": to -1..1 (MobileNet, Inception, Xception, ResNetV2, NASNet). "torch": to 0..1, then the mean and standard deviation
    of ImageNet (DenseNet). "caffe": to BGR, less the mean of ImageNet (VGG, ResNet). EfficientNet and MobileNetV3 take
    0..255 as it is.
    """
    if sample.ndim != 3 or sample.shape[2] != 3:
        raise ValueError(f"wants an RGB image [height, width, 3], the sample is {list(sample.shape)}")
    pixels = sample.astype(np.float64)
    if mode == "tf":
        return (pixels / 127.5 - 1).astype(np.float32)
    if mode == "torch":
        return ((pixels / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]).astype(np.float32)
    return (pixels[:, :, ::-1] - [103.939, 116.779, 123.68]).astype(np.float32)


def resize(
    sample: np.ndarray,
    *,
    height: Length,
    width: Length,
    method: resizing.Method = "bilinear",
    fit: Literal["stretch", "crop", "pad"] = "stretch",
    antialias: bool = True,
) -> np.ndarray:
    """An image [h, w, c] as [height, width, c] of the same dtype.

    Args:
        sample: uint8 or float.
        height: wanted.
        width: wanted.
        method: of interpolation.
        fit: "stretch" changes the proportions; "crop" keeps them and cuts the middle out; "pad" keeps them and puts zeros around.
        antialias: true as Pillow does; false as `tf.image.resize` and Keras' image_dataset_from_directory do (bilinear, nearest).
    """
    _is_image(sample)
    if not antialias and method not in ("bilinear", "nearest"):
        raise ValueError(f"antialias: false is for bilinear and nearest, method is {method}")
    if not (sample.dtype == np.uint8 or np.issubdtype(sample.dtype, np.floating)):
        raise ValueError(f"takes uint8 or float images, the sample is {sample.dtype}")
    if fit == "stretch":
        return resizing.resize(sample, height=height, width=width, method=method, antialias=antialias)
    inner = resizing.covering((sample.shape[0], sample.shape[1]), (height, width), inside=fit == "pad")
    scaled = resizing.resize(sample, height=inner[0], width=inner[1], method=method, antialias=antialias)
    if fit == "crop":
        return resizing.center_crop(scaled, height=height, width=width)
    top, left = (height - inner[0]) // 2, (width - inner[1]) // 2
    return np.pad(scaled, ((top, height - inner[0] - top), (left, width - inner[1] - left), (0, 0)))


def center_crop(sample: np.ndarray, *, height: Length, width: Length) -> np.ndarray:
    """The middle of an image [h, w, c] as [height, width, c]."""
    _is_image(sample)
    if sample.shape[0] < height or sample.shape[1] < width:
        raise ValueError(f"the image is {sample.shape[0]}x{sample.shape[1]}, smaller than {height}x{width}")
    return resizing.center_crop(sample, height=height, width=width)


def cast(sample: np.ndarray, *, dtype: Dtype) -> np.ndarray:
    """The same values in another dtype. Any shape; to an integer only whole numbers in its range (else use `quantize`)."""
    if dtype not in ("float32", "bool") and not np.issubdtype(sample.dtype, np.bool_):
        limits = np.iinfo(dtype)
        if (
            not np.isfinite(sample).all()
            or (sample != np.round(sample)).any()
            or sample.min() < limits.min
            or sample.max() > limits.max
        ):
            raise ValueError(f"values are not whole numbers in {limits.min}..{limits.max}; use quantize to round and clip")
    return sample.astype(dtype)


def quantize(
    sample: np.ndarray, *, scale: Annotated[float, Meta(gt=0)], zero_point: int = 0, dtype: Literal["int8", "uint8", "int16"]
) -> np.ndarray:
    """round(sample / scale) + zero_point, clipped to the dtype: for networks whose input is an integer with a scale."""
    limits = np.iinfo(dtype)
    return np.clip(np.round(sample.astype(np.float64) / scale) + zero_point, limits.min, limits.max).astype(dtype)


def add_axis(sample: np.ndarray, *, axis: int) -> np.ndarray:
    """A dimension of length 1 at `axis`; -1 puts it last."""
    return np.expand_dims(sample, axis)


def move_axis(sample: np.ndarray, *, source: int, destination: int) -> np.ndarray:
    """A dimension to another place, as [height, width, channels] to [channels, height, width] with 2 and 0."""
    return np.ascontiguousarray(np.moveaxis(sample, source, destination))


def reshape(sample: np.ndarray, *, shape: list[Length]) -> np.ndarray:
    """The same values in another shape."""
    return sample.reshape(shape)


def fit_length(sample: np.ndarray, *, length: Length, align: Literal["start", "center"] = "start") -> np.ndarray:
    """The first dimension cut or followed by zeros to `length`; "center" cuts and pads at both ends."""
    spare = length - len(sample)
    before = spare // 2 if align == "center" else 0
    if spare < 0:
        return sample[-before : -before + length] if align == "center" else sample[:length]
    return np.pad(sample, [(before, spare - before), *[(0, 0)] * (sample.ndim - 1)])


def spectrogram(
    sample: np.ndarray,
    *,
    frame_length: Length,
    frame_step: Length,
    fft_length: Length,
    window: str = "hann",
    power: float = 1.0,
    center: bool = False,
) -> np.ndarray:
    """A sound [samples] as magnitudes (or powers) float32 [frames, fft_length // 2 + 1]; see `audio.spectrogram`."""
    _is_sound(sample)
    return spectrograms.spectrogram(
        sample, frame_length=frame_length, frame_step=frame_step, fft_length=fft_length, window=window, power=power, center=center
    ).astype(np.float32)


def log_mel(
    sample: np.ndarray,
    *,
    rate: Length,
    frame_length: Length,
    frame_step: Length,
    fft_length: Length,
    bands: Length,
    low_hz: float,
    high_hz: float,
    window: str = "hann",
    power: float = 1.0,
    center: bool = False,
    mel_scale: spectrograms.MelScale = "htk",
    triangles_in: Literal["mel", "hertz"] = "mel",
    normalize: bool = False,
    unit: Literal["ln", "log10", "db"] = "ln",
    offset: float = 1e-6,
    floor: float = 0.0,
) -> np.ndarray:
    """A sound [samples] as the logarithm of its mel bands, float32 [frames, bands]; see `audio`.

    The defaults are those of `tf.signal` with log(mel + 1e-6). librosa's: power 2, center true, mel_scale slaney, triangles_in
    hertz, normalize true, unit db, offset 0, floor 1e-10.
    """
    _is_sound(sample)
    if not 0 <= low_hz < high_hz <= rate / 2:
        raise ValueError(f"low_hz {low_hz} and high_hz {high_hz} must lie in 0..{rate / 2}, half the rate")
    if offset <= 0 and floor <= 0:
        raise ValueError("offset or floor must be above 0: the logarithm of silence is infinite")
    bins = spectrograms.spectrogram(
        sample, frame_length=frame_length, frame_step=frame_step, fft_length=fft_length, window=window, power=power, center=center
    )
    weights = spectrograms.mel_weights(
        bins=bins.shape[1],
        bands=bands,
        rate=rate,
        low_hz=low_hz,
        high_hz=high_hz,
        scale=mel_scale,
        normalize=normalize,
        triangles_in=triangles_in,
    )
    return spectrograms.logarithm(bins @ weights, unit=unit, offset=offset, floor=floor).astype(np.float32)


def mfcc(sample: np.ndarray, *, coefficients: Length, convention: Literal["tf_signal", "orthonormal"] = "tf_signal") -> np.ndarray:
    """Cepstral coefficients float32 [frames, coefficients] of what `log_mel` made, [frames, bands]; see `audio.cepstrum`."""
    if sample.ndim != 2 or coefficients > sample.shape[1]:
        raise ValueError(
            f"wants [frames, bands] with at least {coefficients} bands, the sample is {list(sample.shape)}; it goes after log_mel"
        )
    return spectrograms.cepstrum(sample.astype(np.float64), coefficients=coefficients, convention=convention).astype(np.float32)


STEPS: dict[str, Callable[..., np.ndarray]] = {
    "rescale": rescale,
    "normalize": normalize,
    "keras_applications": keras_applications,
    "resize": resize,
    "center_crop": center_crop,
    "cast": cast,
    "quantize": quantize,
    "add_axis": add_axis,
    "move_axis": move_axis,
    "reshape": reshape,
    "fit_length": fit_length,
    "spectrogram": spectrogram,
    "log_mel": log_mel,
    "mfcc": mfcc,
}


def apply(sample: Mapping[str, np.ndarray], steps: Iterable[tuple[str, Mapping[str, Any]]], *, name: str) -> dict[str, np.ndarray]:
    """Apply a list of (name, options) to a sample, in order.

    Args:
        sample: arrays by input name.
        steps: names of `STEPS` with their options. The option `inputs`, a list of names, says which inputs a step is for; all
            without it.
        name: of the sample, for the message.

    Raises:
        UserError: when a step names an input that is not there, or does not fit what it is given.
    """
    result = dict(sample)
    for number, (step, options) in enumerate(steps):
        given = {key: value for key, value in options.items() if key != "inputs"}
        for key in options.get("inputs", list(result)):
            if key not in result:
                raise UserError(f"data.preprocess.{number}.options.inputs: no input {key!r}; the reader gives {', '.join(result)}")
            try:
                result[key] = STEPS[step](result[key], **given)
            except ValueError as error:
                raise UserError(f"{name}: data.preprocess.{number} ({step}) on input {key}: {error}") from None
    return result


def _is_image(sample: np.ndarray) -> None:
    if sample.ndim != 3:
        raise ValueError(f"wants an image [height, width, channels], the sample is {list(sample.shape)}; see add_axis")


def _is_sound(sample: np.ndarray) -> None:
    if sample.ndim != 1:
        raise ValueError(f"wants a sound [samples], the sample is {list(sample.shape)}")
