"""What quantization made of a network: read from the finished file, with the reasons from the recipe."""

from collections import Counter
from collections.abc import Sequence

from pipeline.errors import Impossible, UserError
from pipeline.quantization import lost_weights, schemes
from pipeline.quantization.quantization_report import Operator, QuantizationReport, Rewritten, Settings
from pipeline.tflite import flatbuffer, operators

_TAKE_OUT = "take the variant out of `quantization`"


def checked(
    model: bytes, rows: Sequence[Operator], *, variant: str, settings: Settings, original: flatbuffer.Graph | None = None
) -> QuantizationReport:
    """The outcome of one variant, when its file is what was asked for.

    Args:
        model: the finished file.
        rows, variant, settings: as in `describe`.
        original: the float32 file, where a recipe was used.

    Raises:
        Impossible: when it is not, and the network is why.
        UserError: when it is not, and what was excluded is why.
    """
    graph, layers = flatbuffer.read(model), {row.tensor: row.layers for row in rows}
    rewritten = [] if original is None else lost_weights.describe(original, graph, layers)
    try:
        found = describe(graph, rows, variant=variant, settings=settings, rewritten=rewritten)
        require_change(found, schemes.SCHEMES[settings.engine][settings.scheme].weights, where=f"variants.{variant}")
    except Impossible as error:
        if settings.exclude:
            raise UserError(str(error)) from None
        raise
    return found


def describe(
    graph: flatbuffer.Graph, rows: Sequence[Operator], *, variant: str, settings: Settings, rewritten: Sequence[Rewritten] = ()
) -> QuantizationReport:
    """The outcome of one variant.

    Args:
        graph: of the finished file.
        rows: of `operator_plan.describe`, with layers; empty when no recipe was used.
        variant: its name.
        settings: what was asked for.
        rewritten: of `lost_weights.describe`.

    Raises:
        Impossible: when an input or output has another dtype than was asked.
    """
    io_dtype = settings.io_dtype
    ends = {name: graph.tensors[index].dtype for name, index in {**graph.inputs, **graph.outputs}.items()}
    wrong = {name: dtype for name, dtype in ends.items() if dtype != io_dtype and "float" in f"{dtype} {io_dtype}"}
    if wrong and io_dtype != "float32":
        given = ", ".join(f"{name} is {dtype}" for name, dtype in wrong.items())
        raise Impossible(
            f"variants.{variant}.io_dtype: {io_dtype} was asked for, but {given}: its operator was kept in float",
            f"use `io_dtype: float32` in conf/quantization/{variant}.yaml",
        )
    writes_float = Counter(
        operator.name
        for operator in graph.operators
        if operator.name not in operators.CONVERSIONS and any(graph.tensors[index].dtype == "float32" for index in operator.outputs)
    )
    return QuantizationReport(
        variant=variant,
        settings=settings,
        operators=list(rows),
        rewritten=list(rewritten),
        constants=dict(Counter(tensor.dtype for tensor in flatbuffer.constants(graph))),
        io_dtypes=ends,
        float_operators=dict(writes_float),
        integer_only=not any(tensor.dtype.startswith("float") for tensor in graph.tensors),
    )


def require_change(found: QuantizationReport, weights: str, *, where: str) -> None:
    """Refuse a file that holds no constant of the dtype that its scheme promises.

    Args:
        found: of `describe`.
        weights: dtype of the scheme; "any" stands for every quantized one.
        where: the variant, for the message.

    Raises:
        Impossible: saying what it holds instead, and why.
    """
    wanted = ("int4", "int8", "float16") if weights == "any" else (weights,)
    if any(dtype in found.constants for dtype in wanted):
        return
    reasons = sorted({row.reason for row in found.operators if row.reason})
    why = "; ".join(reasons) or "the network holds no operator that can be quantized so"
    raise Impossible(
        f"{where}: nothing was quantized: the file has no {' or '.join(wanted)} constant, "
        f"only {', '.join(sorted(found.constants)) or 'none at all'}: {why}",
        _TAKE_OUT,
    )


def remarks(found: QuantizationReport, *, expected: bool) -> list[str]:
    """Lines that a person should read: every operator that is not what was asked for, and what that means for the file.

    Args:
        found: of `describe`.
        expected: whether the scheme promises integers only.
    """
    grouped: dict[str, list[str]] = {}
    for row in found.operators:
        if row.reason:
            grouped.setdefault(row.reason, []).append(", ".join(row.layers) or row.tensor)
    lines = [f"{reason} ({len(places)}: {'; '.join(places)})" for reason, places in grouped.items()]
    if said := lost_weights.line(found.rewritten):
        lines.append(said)
    if expected and "float32" not in found.io_dtypes.values() and not found.integer_only:
        kinds = ", ".join(f"{count} {name}" for name, count in sorted(found.float_operators.items())) or "shape arithmetic"
        lines.append(f"not integer-only, although its inputs and outputs are: float tensors remain at {kinds}")
    return lines
