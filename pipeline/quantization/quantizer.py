"""litert-quantizer: observing a float32 .tflite file on samples, and quantizing it by a recipe."""

import contextlib
import io
import warnings
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from litert_quantizer import calibrator, quantizer, recipe_manager

from pipeline.errors import Impossible
from pipeline.quantization import dead_channels, sums_of_16_bits
from pipeline.tflite import unread_outputs

Recipe = list[dict[str, Any]]
Statistics = dict[str, dict[str, Any]]

# By these words in its messages the library says that a tensor has no range; it has no exception for that.
NO_RANGE = ("QSVs) are required", "not found in tensor_name_to_qsv")

# What the library raises where a network is none that it can quantize: ValueError for the most part, NotImplementedError (a
# RuntimeError), TypeError in OSCAR, and AssertionError in what rewrites the graph.
REFUSALS = (ValueError, RuntimeError, TypeError, AssertionError)
OTHERWISE = "take the variant out of `quantization`; float16 changes weights alone"


def observe(model: bytes, *shares: Iterable[Mapping[str, np.ndarray]], signature: str) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Least and greatest value of every float tensor in every sample.

    Args:
        model: float32 .tflite file.
        shares: of the samples, in order: inputs by name, with a batch dimension. Each share has a thread of its own.
        signature: key of the signature to run.

    Returns:
        For each tensor's name two float64 [n].
    """

    def append(known: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
        return {key: np.concatenate([known[key], new[key]]) for key in ("min", "max")}

    def measure(samples: Iterable[Mapping[str, np.ndarray]]) -> dict[str, Any]:
        measured = calibrator.Calibrator(
            model, num_threads=1, mode=calibrator.CalibrationMode.CALIBRATION_PROFILER_BASED, qsv_update_func=append
        )
        for sample in samples:  # one at a time: it would hold a whole list of them in memory
            measured.calibrate({signature: [dict(sample)]}, None)  # this mode does not use the recipe
        found: dict[str, Any] = measured.get_model_qsvs()
        return found

    with contextlib.redirect_stderr(io.StringIO()), ThreadPoolExecutor(len(shares)) as pool:  # its progress bar
        found = list(pool.map(measure, shares))

    def ends(name: str, end: str) -> np.ndarray:
        # A tensor behind a branch has no value in some samples, and so may be missing in a share.
        return np.concatenate([np.asarray(part[name][end], np.float64) for part in found if name in part])

    return {name: (ends(name, "min"), ends(name, "max")) for name in sorted(set().union(*found))}


def ranges_as_statistics(ranges: Mapping[str, tuple[float, float]]) -> Statistics:
    """Measured ranges (low, high) by tensor as litert-quantizer's statistics.

    A dead tensor, 0 on every sample, gets the range 0 to 1: any range holds a zero exactly, and LiteRT refuses to run a file
    with the scale that a range of no width would give.
    """
    return {
        name: {"min": np.array([low]), "max": np.array([high if (low, high) != (0, 0) else 1.0])}
        for name, (low, high) in ranges.items()
    }


def rules(recipe: Recipe) -> recipe_manager.RecipeManager:
    """A recipe as the library's own collection of rules."""
    found = recipe_manager.RecipeManager()
    found.load_quantization_recipe(recipe)
    return found


def statistics(model: bytes, samples: Iterable[Mapping[str, np.ndarray]], *, recipe: Recipe, signature: str) -> Statistics:
    """What the recipe's own algorithms want to know of activations: GPTQ their second moments, OSCAR those of each channel.

    Args:
        model: float32 .tflite file.
        samples: inputs by name, with a batch dimension.
        recipe: of `recipes`.
        signature: key of the signature to run.
    """
    loaded = rules(recipe)
    with _quiet():
        measured = calibrator.Calibrator(model, num_threads=1)
        for sample in samples:
            measured.calibrate({signature: [dict(sample)]}, loaded)
    found = measured.get_model_qsvs()
    # Its least and greatest values are a moving average that the order of samples changes; weights alone are quantized here.
    kept = {name: {key: value for key, value in qsv.items() if key not in ("min", "max")} for name, qsv in sorted(found.items())}
    return {name: qsv for name, qsv in kept.items() if qsv}


def quantize(model: bytes, recipe: Recipe, *, known: Statistics | None = None) -> bytes:
    """Quantize a float32 .tflite file.

    Args:
        model: the file.
        recipe: of `recipes`; an empty one returns the file as it is.
        known: of `ranges_as_statistics` for static rules, of `statistics` for algorithms that read samples.

    Returns:
        The bytes of the quantized file.

    Raises:
        Impossible: when a tensor the recipe needs has no range, or the library refuses the network.
    """
    if not recipe:
        return model
    try:
        with _quiet():
            result = quantizer.Quantizer(bytearray(model), recipe).quantize(
                known, enable_progress_bar=False, enable_progress_report=False
            )
    except REFUSALS as error:
        if any(words in str(error) for words in NO_RANGE):
            raise Impossible(
                f"a tensor has no measured range ({error})",
                "no calibration sample reaches it: raise `calibrate.samples`, or take the variant out of `quantization`",
            ) from None
        said = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        raise Impossible(f"litert-quantizer refuses this network: {said}", OTHERWISE) from error
    if result.quantized_model is None:
        raise Impossible("litert-quantizer made no model", OTHERWISE)
    runnable = sums_of_16_bits.general(unread_outputs.complete(bytes(result.quantized_model)))
    return dead_channels.rewritten(model, runnable)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The library opens an interpreter with options meant for debugging, which warns, and draws progress bars unasked.

    It also warns of a network that was trained with fake quantization: that it leaves that rounding alone is what is wanted.
    """
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
        warnings.filterwarnings("ignore", message=".*experimental_preserve_all_tensors.*")
        warnings.filterwarnings("ignore", message="Input model is already partially quantized")
        yield
