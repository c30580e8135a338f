"""The quantization schemes: what each engine can make, from what, and which combinations are sound. Data, no computation.

Scheme names are those of ai-edge-quantizer: `static_wi8_ai8` has int8 weights (wi8) and int8 activations (ai8).
"""

from dataclasses import dataclass

from pipeline.lib import paths

# What the engines need to have read of the user's data: nothing, the measured ranges, or the samples themselves.
NONE, RANGES, SAMPLES = "none", "ranges", "samples"


@dataclass(frozen=True, kw_only=True)
class Scheme:
    """One way of storing a network.

    Attributes:
        weights: dtype of the large constants in the file.
        activations: dtype of the tensors between operators.
        boundary: dtypes that inputs and outputs may have; the first is the usual one.
        calibration: NONE, RANGES or SAMPLES.
        algorithms: how scales may be chosen; the first is the usual one.
        integer_only: no float tensor is left when the boundary is an integer too.
    """

    weights: str
    activations: str
    boundary: tuple[str, ...] = ("float32",)
    calibration: str = NONE
    algorithms: tuple[str, ...] = ("min_max",)
    integer_only: bool = False


SCHEMES: dict[str, dict[str, Scheme]] = {
    "litert": {
        "float32": Scheme(weights="float32", activations="float32", algorithms=("none",)),
        "float16": Scheme(weights="float16", activations="float32", algorithms=("none",)),
        "dynamic_wi8_afp32": Scheme(weights="int8", activations="float32", algorithms=("min_max", "mse", "octav")),
        "static_wi8_ai8": Scheme(
            weights="int8",
            activations="int8",
            boundary=("int8", "float32"),
            calibration=RANGES,
            algorithms=("min_max", "mse", "octav"),
            integer_only=True,
        ),
        "static_wi8_ai16": Scheme(
            weights="int8",
            activations="int16",
            boundary=("int16", "float32"),
            calibration=RANGES,
            algorithms=("min_max", "mse", "octav"),
            integer_only=True,
        ),
    },
    "converter": {
        "float16": Scheme(weights="float16", activations="float32", algorithms=("none",)),
        "dynamic_wi8_afp32": Scheme(weights="int8", activations="float32"),
        "static_wi8_ai8_fallback": Scheme(weights="int8", activations="int8", calibration=SAMPLES),
        "static_wi8_ai8": Scheme(weights="int8", activations="int8", boundary=("int8",), calibration=SAMPLES, integer_only=True),
        "static_wi8_ai16": Scheme(weights="int8", activations="int16", boundary=("int16",), calibration=SAMPLES, integer_only=True),
    },
}

_NETWORK = {"litert": paths.FLOAT32, "converter": paths.SOURCE}
_LIBRARY = {"litert": "ai_edge_quantizer", "converter": "tensorflow"}
# A slot with nothing to read names a small neutral file: DVC refuses lists in `deps: ${…}`, and the same path twice.
_CALIBRATION = {NONE: paths.SOURCE_FACTS, RANGES: paths.RANGES, SAMPLES: paths.CALIBRATION}


def reads(engine: str, scheme: str, search: str | None) -> dict[str, str]:
    """What the stage `quantize` reads for a variant, as dvc.yaml needs it.

    Args:
        engine: key of `SCHEMES`.
        scheme: key of `SCHEMES[engine]`.
        search: the search whose recipe the variant builds, if any.

    Returns:
        `network`, `calibration` and `recipe`, three different paths, and `library`, the key in `versions` of what writes
        the bytes.

    Raises:
        KeyError: when the engine has no such scheme.
    """
    return {
        "network": _NETWORK[engine].as_posix(),
        "calibration": _CALIBRATION[SCHEMES[engine][scheme].calibration].as_posix(),
        "recipe": (paths.recipe(search) if search else paths.LAYERS).as_posix(),
        "library": _LIBRARY[engine],
    }
