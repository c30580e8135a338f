"""Which kernels there are: what litert-quantizer and LiteRT can make of an operator type, as configurations of the former.

This module and `quantizer` are all that know the library. Of it only `Quantizer` is exported by name; what else they use of it is
listed, and fails first on an upgrade, in tests/test_private_interfaces.py.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

from litert_quantizer import algorithm_manager, qtyping
from litert_quantizer.algorithm_manager import AlgorithmName

from pipeline.quantization import quantizer, schemes
from pipeline.tflite import operators

Config: TypeAlias = qtyping.OpQuantizationConfig

_WILDCARDS = ("*", "INPUT", "OUTPUT")
ALGORITHMS = {
    "none": AlgorithmName.FLOAT_CASTING,
    "min_max": AlgorithmName.MIN_MAX_UNIFORM_QUANT,
    "mse": AlgorithmName.MSE,
    "octav": AlgorithmName.OCTAV,
    "gptq": AlgorithmName.GPTQ,
    "oscar": AlgorithmName.OSCAR,
    "hadamard": AlgorithmName.HADAMARD_ROTATION,
    "hadamard_decomposed": AlgorithmName.DECOMPOSED_HADAMARD_ROTATION,
}
_GRANULARITIES = {
    "none": qtyping.QuantGranularity.TENSORWISE,
    "channel": qtyping.QuantGranularity.CHANNELWISE,
    "tensor": qtyping.QuantGranularity.TENSORWISE,
    **{block: qtyping.QuantGranularity(f"BLOCKWISE_{block.removeprefix('block')}") for block in schemes.BLOCKS},
}
GRANULARITY_OF = {granularity.value: name for name, granularity in _GRANULARITIES.items() if name != "none"}


def nearest(name: str, *, scheme: str, algorithm: str, granularity: str, narrower: bool = True) -> tuple[str, Config] | None:
    """The first algorithm and configuration that there are for an operator type: as asked, with min_max, per channel, as int8.

    Args:
        name: of the operator type, which has a name of the quantizer's (`operators`).
        scheme: a quantizing one of the litert engine.
        algorithm: one of `ALGORITHMS`.
        granularity: one of the scheme's.
        narrower: whether int8 may stand in for narrower weights.

    Returns:
        None when there is none of them: the operator stays float32.
    """
    bits = _bits(schemes.SCHEMES["litert"][scheme].weights)
    if name in schemes.PER_CHANNEL_ONLY.get((scheme, granularity), ()):
        granularity = "channel"
    chain = [
        (algorithm, bits, granularity),
        ("min_max", bits, granularity),
        (algorithm, bits, "channel"),
        ("min_max", bits, "channel"),
    ]
    if bits < 8 and narrower:
        chain += [(algorithm, 8, "channel"), ("min_max", 8, "channel")]
    for chosen, width, shared in chain:
        asked = config(scheme, bits=width, granularity=shared)
        if _supported(name, chosen, asked):
            return chosen, asked
    return None


def config(scheme: str, *, bits: int, granularity: str) -> Config:
    """The configuration of a scheme, with weights of another width if need be."""
    row = schemes.SCHEMES["litert"][scheme]
    static = row.activations != "float32"
    kind = qtyping.TensorDataType.FLOAT if row.weights == "float16" else qtyping.TensorDataType.INT
    return Config(
        # LiteRT's int16 kernels want symmetric activations; int8 ones take a zero point, which uses all codes.
        activation_tensor_config=_activation(row.activations) if static else None,
        weight_tensor_config=qtyping.TensorQuantizationConfig(
            num_bits=bits, symmetric=True, granularity=_GRANULARITIES[granularity], dtype=kind
        ),
        compute_precision=qtyping.ComputePrecision.INTEGER if row.computes == "integer" else qtyping.ComputePrecision.FLOAT,
        explicit_dequantize=row.computes == "float",
    )


def io_config(dtype: str) -> Config:
    """The configuration of an input or output with an integer dtype."""
    return Config(
        activation_tensor_config=_activation(dtype),
        weight_tensor_config=qtyping.TensorQuantizationConfig(
            num_bits=8, symmetric=True, granularity=qtyping.QuantGranularity.CHANNELWISE
        ),
        compute_precision=qtyping.ComputePrecision.INTEGER,
        explicit_dequantize=False,
    )


def dtype_of(tensor: qtyping.TensorQuantizationConfig) -> str:
    """The dtype that a tensor's configuration stores it in."""
    return f"{'float' if tensor.dtype == qtyping.TensorDataType.FLOAT else 'int'}{tensor.num_bits}"


def key(algorithm: str | None) -> str:
    """The name that litert-quantizer has for an algorithm; None: leave the operator alone."""
    return str((ALGORITHMS[algorithm] if algorithm else AlgorithmName.NO_QUANTIZE).value)


def operation_of(name: str) -> qtyping.TFLOperationName:
    """The quantizer's own name of an operator type that TFLite calls `name`; "*" (all of them), "INPUT" and "OUTPUT" are rules too.

    Raises:
        ValueError: when it has none.
    """
    called = name if name in _WILDCARDS else operators.of(name).quantizer
    if called is None:
        raise ValueError(f"the quantizer does not know {name}")
    return qtyping.TFLOperationName(called)


def chosen_by(recipe: list[dict[str, Any]]) -> Callable[[str, str], tuple[str, Config] | None]:
    """What a recipe makes of an operator.

    Returns:
        A function of the operator's type and its scope (`recipes.scope`) to the algorithm, one of `ALGORITHMS`, and the
        configuration; None when it stays in float.
    """
    manager = quantizer.rules(recipe)
    names = {called: name for name, called in ALGORITHMS.items()}

    def chosen(name: str, scope: str) -> tuple[str, Config] | None:
        if name not in operators.QUANTIZABLE:
            return None
        called, asked = manager.get_quantization_configs(operation_of(name), scope)
        return None if called == AlgorithmName.NO_QUANTIZE else (names[called], asked)

    return chosen


def is_static(scheme: str) -> bool:
    """Whether a scheme of the litert engine stores activations as integers, between ranges measured before."""
    return schemes.SCHEMES["litert"][scheme].activations != "float32"


def plain(value: Any) -> Any:
    """Enumerations as their values, so that JSON can hold them."""
    if isinstance(value, dict):
        return {name: plain(entry) for name, entry in value.items()}
    return getattr(value, "value", value)


def _supported(name: str, algorithm: str, asked: Config) -> bool:
    called, operation = ALGORITHMS[algorithm], operation_of(name)
    if not algorithm_manager.is_op_registered(called, operation):
        return False
    try:
        algorithm_manager.check_op_quantization_config(called, operation, asked)
    except ValueError:
        return False
    return True


def _activation(dtype: str) -> qtyping.TensorQuantizationConfig:
    kind = qtyping.TensorDataType.UINT if dtype.startswith("u") else qtyping.TensorDataType.INT
    return qtyping.TensorQuantizationConfig(num_bits=_bits(dtype), symmetric=dtype == "int16", dtype=kind)


def _bits(dtype: str) -> int:
    return int(dtype.lstrip("abcdefghijklmnopqrstuvwxyz"))
