"""The quantization schemes: what each engine can make, from what, and which combinations are sound. Data, no computation.

Scheme names are those of litert-quantizer: `static_wi8_ai8` has int8 weights (wi8) and int8 activations (ai8); `dynamic`
schemes compute in integers and quantize activations as they come, `weightonly` schemes compute in float.
"""

from dataclasses import dataclass

# What the engines need to have read of the user's data: nothing, the measured ranges, or the samples themselves.
NONE, RANGES, SAMPLES = "none", "ranges", "samples"

# For how many weights one scale is shared. The field's other names: per axis, per layer, subchannel or group.
CHANNEL, TENSOR = "channel", "tensor"
BLOCKS = ("block32", "block64", "block128", "block256")

# How scales are chosen from values: the least and greatest value; the least squared error, searched (mse) or iterated after
# Sakr et al. 2022 (octav); column by column, passing each error on (gptq: Frantar et al. 2022); balanced between weights and
# activations (oscar); after a rotation that spreads outliers, as one custom operator or as a matrix product (hadamard).
_SIMPLE = ("min_max", "mse", "octav")
# These look at activations and so read samples; litert-quantizer has them for FULLY_CONNECTED alone. Other operators get min_max.
_FROM_SAMPLES = ("gptq", "oscar")
_ROTATED = ("hadamard", "hadamard_decomposed")
ALGORITHMS = (*_SIMPLE, *_FROM_SAMPLES, *_ROTATED)


@dataclass(frozen=True, kw_only=True)
class Scheme:
    """One way of storing a network.

    Attributes:
        weights: dtype of the large constants in the file.
        activations: dtype of the tensors between operators.
        computes: in "float" or in "integer".
        io_dtype: dtypes that inputs and outputs may have; the first is the usual one.
        calibration: NONE, RANGES or SAMPLES; an algorithm may ask for more, see `calibration`.
        granularities: how many weights may share a scale; the first is the usual one. ("none",): not quantized to integers.
        algorithms: how scales may be chosen; the first is the usual one. ("none",): nothing to choose.
        integer_only: no float tensor is left when inputs and outputs are integers too.
    """

    weights: str
    activations: str = "float32"
    computes: str = "float"
    io_dtype: tuple[str, ...] = ("float32",)
    calibration: str = NONE
    granularities: tuple[str, ...] = ("none",)
    algorithms: tuple[str, ...] = ("none",)
    integer_only: bool = False


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """Combinations of the litert engine that are not sound, and why. An empty tuple stands for all."""

    reason: str
    schemes: tuple[str, ...] = ()
    algorithms: tuple[str, ...] = ()
    granularities: tuple[str, ...] = ()


def _weights_only(weights: str) -> Scheme:
    return Scheme(weights=weights, granularities=(CHANNEL, TENSOR, *BLOCKS), algorithms=ALGORITHMS)


def _dynamic(weights: str) -> Scheme:
    return Scheme(weights=weights, computes="integer", granularities=(CHANNEL, TENSOR, *BLOCKS), algorithms=ALGORITHMS)


def _static(weights: str, activations: str, *io_dtype: str) -> Scheme:
    return Scheme(
        weights=weights,
        activations=activations,
        computes="integer",
        io_dtype=io_dtype,
        calibration=RANGES,
        granularities=(CHANNEL, TENSOR, *BLOCKS),
        algorithms=ALGORITHMS,
        integer_only=True,
    )


def _converted(weights: str, activations: str, *io_dtype: str, integer_only: bool) -> Scheme:
    return Scheme(
        weights=weights,
        activations=activations,
        computes="integer",
        io_dtype=io_dtype,
        calibration=SAMPLES,
        granularities=(CHANNEL,),
        algorithms=("min_max",),
        integer_only=integer_only,
    )


SCHEMES: dict[str, dict[str, Scheme]] = {
    "litert": {
        "float32": Scheme(weights="float32"),
        "float16": Scheme(weights="float16"),
        "weightonly_wi8_afp32": _weights_only("int8"),
        "weightonly_wi4_afp32": _weights_only("int4"),
        "dynamic_wi8_afp32": _dynamic("int8"),
        "dynamic_wi4_afp32": _dynamic("int4"),
        "static_wi8_ai8": _static("int8", "int8", "int8", "uint8", "float32"),
        "static_wi8_ai16": _static("int8", "int16", "int16", "float32"),
        "static_wi4_ai8": _static("int4", "int8", "int8", "uint8", "float32"),
        "static_wi4_ai16": _static("int4", "int16", "int16", "float32"),
        # Each operator as the recipe of a search says.
        "mixed": Scheme(
            weights="any",
            activations="any",
            computes="integer",
            calibration=RANGES,
            granularities=("recipe",),
            algorithms=("recipe",),
        ),
    },
    "converter": {
        "float16": Scheme(weights="float16"),
        "dynamic_wi8_afp32": Scheme(weights="int8", computes="integer", granularities=(CHANNEL,), algorithms=("min_max",)),
        "static_wi8_ai8_fallback": _converted("int8", "int8", "float32", "int8", "uint8", integer_only=False),
        "static_wi8_ai8": _converted("int8", "int8", "int8", "uint8", "float32", integer_only=True),
        "static_wi8_ai16_fallback": _converted("int8", "int16", "float32", "int16", integer_only=False),
        "static_wi8_ai16": _converted("int8", "int16", "int16", "float32", integer_only=True),
    },
}

_INT8 = ("weightonly_wi8_afp32", "dynamic_wi8_afp32", "static_wi8_ai8", "static_wi8_ai16")
_WEIGHTS_ONLY = ("weightonly_wi8_afp32", "weightonly_wi4_afp32")
_STATIC = ("static_wi8_ai8", "static_wi8_ai16", "static_wi4_ai8", "static_wi4_ai16")

# What the tables below say was measured with these; tests/quantization/test_schemes.py builds every pair of them.
MEASURED_WITH = {"litert-quantizer": "0.11.0", "ai-edge-litert": "2.3.0"}
REFUSALS = (
    Refusal(
        schemes=_INT8,
        granularities=BLOCKS,
        reason="LiteRT has blockwise kernels for int4 weights only; int8 needs no blocks: use channel",
    ),
    Refusal(
        schemes=(*_WEIGHTS_ONLY, *_STATIC),
        granularities=BLOCKS,
        reason="LiteRT's blockwise kernels quantize activations as they come: use dynamic_wi4_afp32",
    ),
    Refusal(algorithms=("mse",), granularities=BLOCKS, reason="litert-quantizer's MSE has no blockwise form: use min_max or octav"),
    Refusal(
        algorithms=_ROTATED,
        granularities=(TENSOR,),
        reason="the rotation spreads outliers within a channel, and one scale for all channels loses what that gains (int4 on the "
        "digits: 8 dB, without rotation 18 dB): use channel",
    ),
    Refusal(
        schemes=_STATIC,
        algorithms=("gptq",),
        reason="with static activations litert-quantizer's GPTQ writes weights of another network (0 dB on the digits): "
        "use a dynamic or weightonly scheme, or octav",
    ),
    Refusal(
        schemes=_STATIC,
        algorithms=("oscar",),
        reason="OSCAR scales activations by a float MUL, so operators would stay in float: use a dynamic scheme",
    ),
    Refusal(
        schemes=_STATIC,
        algorithms=_ROTATED,
        reason="the rotation is computed in float, so operators would stay in float, and it gains nothing (int8 on the digits: "
        "39 dB, without rotation 41 dB; int4 15 dB, without 17 dB): use a dynamic scheme",
    ),
    Refusal(
        schemes=_WEIGHTS_ONLY,
        algorithms=("oscar", *_ROTATED),
        reason="litert-quantizer leaves the weights without a DEQUANTIZE, which is the dynamic scheme under another name: "
        "use the dynamic scheme",
    ),
)

# Schemes and algorithms that people ask for and that no table offers, and why.
NOT_OFFERED = {
    "dynamic_wi2_afp32": "int2 weights have the levels -1, 0 and 1: without training for it the digits fall to 0.10 accuracy, with "
    "octav in dense layers alone to 0.92, and LiteRT cannot run the blockwise form; use dynamic_wi4_afp32",
    "weightonly_wi2_afp32": "neither litert-quantizer nor LiteRT has it; use weightonly_wi4_afp32",
    "static_wi2_ai8": "neither litert-quantizer nor LiteRT has it; use static_wi4_ai8",
    "dequantized_weight_recovery": "it recovers the integers of weights that were quantized before, in training; use min_max",
}

# Operators of which a granularity's kernel is not sound, although the quantizer would write them. They get channel.
# LiteRT's hybrid DEPTHWISE_CONV_2D reads a scale for each channel, also behind the end of an array of one (-2.6 dB on the digits).
PER_CHANNEL_ONLY = {("dynamic_wi8_afp32", TENSOR): ("DEPTHWISE_CONV_2D",)}


def refusal(scheme: str, algorithm: str, granularity: str) -> str | None:
    """Why a combination of the litert engine is not sound; None when it is."""
    for row in REFUSALS:
        if (
            (not row.schemes or scheme in row.schemes)
            and (not row.algorithms or algorithm in row.algorithms)
            and (not row.granularities or granularity in row.granularities)
        ):
            return row.reason
    return None


def calibration(engine: str, scheme: str, algorithm: str) -> str:
    """What a variant needs to have read of the user's data: NONE, RANGES or SAMPLES."""
    return SAMPLES if algorithm in _FROM_SAMPLES else SCHEMES[engine][scheme].calibration
