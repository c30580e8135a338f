"""Recipes of ai-edge-quantizer: lists of rules, the last that matches an operator winning, and what they make of each operator."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from ai_edge_quantizer import algorithm_manager, qtyping, recipe_manager
from ai_edge_quantizer.algorithm_manager import AlgorithmName

from pipeline.lib import schemes
from pipeline.lib.flatbuffer import Graph, Operator

Recipe = list[dict[str, Any]]

_NAMES = qtyping.TFLOperationName
_KNOWN = {name.value for name in _NAMES}
# Operators that hold weights; all others only pass activations on.
WEIGHTED = tuple(
    name.value
    for name in (
        _NAMES.FULLY_CONNECTED,
        _NAMES.CONV_2D,
        _NAMES.DEPTHWISE_CONV_2D,
        _NAMES.CONV_2D_TRANSPOSE,
        _NAMES.BATCH_MATMUL,
        _NAMES.EMBEDDING_LOOKUP,
    )
)
_ALGORITHMS = {
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
_CALLED = {granularity.value: name for name, granularity in _GRANULARITIES.items() if name != "none"}


@dataclass(frozen=True, kw_only=True)
class Treatment:
    """What a recipe makes of one operator.

    Attributes:
        operator: its type. tensor: the name of its first output.
        weights: dtype of its weights in the file, or None when it holds none that a recipe could change.
        activations: dtype of its output; "float32" also where it is quantized on the fly.
        granularity, algorithm: of its weights, None where there are none or they stay float32.
        reason: why this is not what was asked for; empty when it is.
    """

    operator: str
    tensor: str
    weights: str | None
    activations: str
    granularity: str | None
    algorithm: str | None
    reason: str


def whole(graph: Graph, *, scheme: str, algorithm: str, granularity: str, boundary: str, exclude: Collection[str] = ()) -> Recipe:
    """The recipe that gives every operator the scheme, or the nearest that ai-edge-quantizer and LiteRT have for it.

    An operator without the algorithm gets min_max; without the granularity a scale for each channel; without the width
    int8; without any of them it stays float32. `treatments` tells which.

    Args:
        graph: of the float32 file.
        scheme: key of `schemes.SCHEMES["litert"]`, quantizing.
        algorithm: one of the scheme's.
        granularity: one of the scheme's.
        boundary: dtype of inputs and outputs under a static scheme.
        exclude: tensor names: operators whose first output it is stay float32.
    """
    rules: Recipe = []
    if schemes.SCHEMES["litert"][scheme].activations != "float32":
        # Operators without weights, which only the rule for all reaches.
        rules.append(_rule(".*", "*", "min_max", _config(scheme, bits=8, granularity="channel")))
    for name in WEIGHTED:
        if chosen := _nearest(name, scheme=scheme, algorithm=algorithm, granularity=granularity):
            rules.append(_rule(".*", name, *chosen))
    for operator in graph.operators:
        if granularity in schemes.BLOCKS and operator.name in WEIGHTED and not _divides(graph, operator, granularity):
            chosen = _nearest(operator.name, scheme=scheme, algorithm=algorithm, granularity="channel")
            if chosen:
                rules.append(_rule(_scope(graph, operator), operator.name, *chosen))
    rules += [
        _rule(_scope(graph, operator), operator.name, None, None)
        for operator in graph.operators
        if operator.name in _KNOWN and _output(graph, operator) in exclude
    ]
    return [*rules, *_ends(scheme, boundary)]


def each(graph: Graph, choices: Mapping[str, str], *, algorithm: str, granularity: str) -> Recipe:
    """The recipe that gives each operator a scheme of its own; the boundary stays float32.

    Args:
        graph: of the float32 file.
        choices: scheme by the name of the operator's first output. An operator that is not named stays float32.
        algorithm, granularity: of weights, wherever the operator has them.
    """
    rules: Recipe = []
    for operator in graph.operators:
        scheme = choices.get(_output(graph, operator), "float32")
        if scheme != "float32" and (found := choice(graph, operator, scheme=scheme, algorithm=algorithm, granularity=granularity)):
            rules.append(_rule(_scope(graph, operator), operator.name, *found))
    return rules


def choice(
    graph: Graph, operator: Operator, *, scheme: str, algorithm: str, granularity: str
) -> tuple[str, qtyping.OpQuantizationConfig] | None:
    """Algorithm and configuration that make exactly this scheme of an operator, with the nearest algorithm and granularity.

    None when it has no kernel of the scheme's own widths, or nothing to quantize.
    """
    if operator.name not in _KNOWN or (operator.name not in WEIGHTED and not _static(scheme)):
        return None
    if granularity in schemes.BLOCKS and not _divides(graph, operator, granularity):
        granularity = "channel"
    return _nearest(operator.name, scheme=scheme, algorithm=algorithm, granularity=granularity, narrower=False)


def treatments(
    graph: Graph, recipe: Recipe, *, scheme: str, algorithm: str, granularity: str, exclude: Collection[str] = ()
) -> list[Treatment]:
    """What a recipe makes of each operator of the main subgraph, in order; arguments as those of `whole`."""
    manager = recipe_manager.RecipeManager()
    manager.load_quantization_recipe(recipe)
    asked = schemes.SCHEMES["litert"][scheme]
    rows = []
    for operator in graph.operators:
        name, output = operator.name, _output(graph, operator)
        key, config = AlgorithmName.NO_QUANTIZE, None
        if name in _KNOWN:
            key, config = manager.get_quantization_configs(_NAMES(name), ";".join(_outputs(graph, operator)) + ";")
        quantized, holds = key != AlgorithmName.NO_QUANTIZE, _holds_weights(graph, operator)
        weights = _dtype(config.weight_tensor_config) if quantized and holds else "float32" if holds else None
        activations = _dtype(config.activation_tensor_config) if quantized and config.activation_tensor_config else "float32"
        shared = _CALLED[str(_plain(config.weight_tensor_config.granularity))] if weights in ("int4", "int8") else None
        used = next(called for called, value in _ALGORITHMS.items() if value == key) if shared else None
        reasons = []
        if output in exclude:
            reasons.append("excluded")
        elif not quantized and (holds or (_static(scheme) and _is_float(graph, operator))):
            reasons.append(
                f"ai-edge-quantizer has no {scheme} for {name}: float32" if scheme != "mixed" else "chosen by the search"
            )
        elif shared and scheme != "mixed":
            if weights != asked.weights:
                reasons.append(f"no {asked.weights} kernel for {name}: {weights} per {shared}")
            elif shared != granularity:
                reasons.append(f"no sound {granularity} kernel for {name}, or a width that it does not divide: per {shared}")
            if used != algorithm:
                reasons.append(f"no {algorithm} for {name}: {used}")
        rows.append(
            Treatment(
                operator=name,
                tensor=output,
                weights=weights,
                activations=activations,
                granularity=shared,
                algorithm=used,
                reason="; ".join(reasons),
            )
        )
    return rows


def ranges(
    graph: Graph, rows: Collection[Treatment], measured: Mapping[str, Mapping[str, tuple[float, float]]]
) -> dict[str, tuple[float, float]]:
    """The range of each tensor for the width that it gets.

    Where the operator that writes a tensor and the one that reads it have different widths, the writer decides.

    Args:
        graph: of the float32 file.
        rows: of `treatments`.
        measured: ranges by tensor, under "8" and "16" (bits).
    """
    found: dict[str, str] = {}
    for operator, row in zip(graph.operators, rows, strict=True):
        if row.activations in ("int8", "int16"):
            width = row.activations.removeprefix("int")
            for index in operator.inputs:
                if index >= 0:
                    found.setdefault(graph.tensors[index].name, width)
            for index in operator.outputs:
                found[graph.tensors[index].name] = width
    return {name: measured[found.get(name, "8")][name] for name in measured["8"]}


def _nearest(
    name: str, *, scheme: str, algorithm: str, granularity: str, narrower: bool = True
) -> tuple[str, qtyping.OpQuantizationConfig] | None:
    """The first that ai-edge-quantizer has for an operator type: as asked, with min_max, per channel, as int8; None: none of them."""
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
    for key, width, shared in chain:
        config = _config(scheme, bits=width, granularity=shared)
        if _supported(name, key, config):
            return key, config
    return None


def _supported(name: str, algorithm: str, config: qtyping.OpQuantizationConfig) -> bool:
    key, operation = _ALGORITHMS[algorithm], _NAMES(name)
    if not algorithm_manager.is_op_registered(key, operation):
        return False
    try:
        algorithm_manager.check_op_quantization_config(key, operation, config)
    except ValueError:
        return False
    return True


def _config(scheme: str, *, bits: int, granularity: str) -> qtyping.OpQuantizationConfig:
    row = schemes.SCHEMES["litert"][scheme]
    static = row.activations != "float32"
    kind = qtyping.TensorDataType.FLOAT if row.weights == "float16" else qtyping.TensorDataType.INT
    return qtyping.OpQuantizationConfig(
        # LiteRT's int16 kernels want symmetric activations; int8 ones take a zero point, which uses all codes.
        activation_tensor_config=_activation(row.activations) if static else None,
        weight_tensor_config=qtyping.TensorQuantizationConfig(
            num_bits=bits, symmetric=True, granularity=_GRANULARITIES[granularity], dtype=kind
        ),
        compute_precision=qtyping.ComputePrecision.INTEGER if row.computes == "integer" else qtyping.ComputePrecision.FLOAT,
        explicit_dequantize=row.computes == "float",
    )


def _activation(dtype: str) -> qtyping.TensorQuantizationConfig:
    kind = qtyping.TensorDataType.UINT if dtype.startswith("u") else qtyping.TensorDataType.INT
    return qtyping.TensorQuantizationConfig(num_bits=_bits(dtype), symmetric=dtype == "int16", dtype=kind)


def _ends(scheme: str, boundary: str) -> Recipe:
    """The rules for inputs and outputs, where they are not what the static scheme makes of them itself."""
    activations = schemes.SCHEMES["litert"][scheme].activations
    if boundary == activations or activations == "float32":
        return []
    if boundary == "float32":
        return [_rule(".*", end, None, None) for end in ("INPUT", "OUTPUT")]
    config = qtyping.OpQuantizationConfig(
        activation_tensor_config=_activation(boundary),
        weight_tensor_config=qtyping.TensorQuantizationConfig(
            num_bits=8, symmetric=True, granularity=qtyping.QuantGranularity.CHANNELWISE
        ),
        compute_precision=qtyping.ComputePrecision.INTEGER,
        explicit_dequantize=False,
    )
    return [_rule(".*", end, "min_max", config) for end in ("INPUT", "OUTPUT")]


def _rule(regex: str, operation: str, algorithm: str | None, config: qtyping.OpQuantizationConfig | None) -> dict[str, Any]:
    return {
        "regex": regex,
        "operation": operation,
        "algorithm_key": str((_ALGORITHMS[algorithm] if algorithm else AlgorithmName.NO_QUANTIZE).value),
        "op_config": _plain((config or qtyping.OpQuantizationConfig()).to_dict()),
    }


def _plain(value: Any) -> Any:
    """Enumerations as their values, so that JSON can hold them."""
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    return getattr(value, "value", value)


def _divides(graph: Graph, operator: Operator, block: str) -> bool:
    """Whether the block divides the last dimension of the operator's constant: weights [out, in]."""
    constants = [graph.tensors[index] for index in operator.inputs if index >= 0 and graph.tensors[index].data is not None]
    widths = [tensor.shape[-1] for tensor in constants if len(tensor.shape) == 2]
    return bool(widths) and all(width % int(block.removeprefix("block")) == 0 for width in widths)


def _holds_weights(graph: Graph, operator: Operator) -> bool:
    """Whether an operator of a type with weights has them as a constant; a matrix product of two activations has none."""
    constants = [graph.tensors[index] for index in operator.inputs if index >= 0 and graph.tensors[index].data is not None]
    return operator.name in WEIGHTED and any(tensor.dtype == "float32" and len(tensor.shape) > 1 for tensor in constants)


def _is_float(graph: Graph, operator: Operator) -> bool:
    return any(graph.tensors[index].dtype == "float32" for index in operator.outputs)


def _scope(graph: Graph, operator: Operator) -> str:
    """A pattern that matches this operator alone: ai-edge-quantizer joins the names of the outputs by semicolons, one at the end."""
    return f"^{re.escape(';'.join(_outputs(graph, operator)))};$"


def _outputs(graph: Graph, operator: Operator) -> list[str]:
    return [graph.tensors[index].name for index in operator.outputs]


def _output(graph: Graph, operator: Operator) -> str:
    return graph.tensors[operator.outputs[0]].name


def _static(scheme: str) -> bool:
    return schemes.SCHEMES["litert"][scheme].activations != "float32"


def _bits(dtype: str) -> int:
    return int(dtype.lstrip("abcdefghijklmnopqrstuvwxyz"))


def _dtype(config: qtyping.TensorQuantizationConfig) -> str:
    return f"{'float' if config.dtype == qtyping.TensorDataType.FLOAT else 'int'}{config.num_bits}"
