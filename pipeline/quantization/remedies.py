"""What to configure instead, in the words of conf/."""

from collections.abc import Mapping, Sequence

from pipeline.errors import Impossible
from pipeline.quantization.quantization_report import Settings
from pipeline.tflite import operators
from pipeline.tflite.flatbuffer import Graph, Operator


def exclude(names: Sequence[str], *, variant: str, settings: Settings, io_dtype: str) -> str:
    """How a variant of the engine `litert` is configured that leaves some operators in float32.

    Args:
        names: of types of operators, or of layers.
        variant: its name.
        settings: as they are configured.
        io_dtype: dtype that inputs and outputs need then.
    """
    listed = ", ".join(dict.fromkeys([*settings.exclude, *names]))
    more = "" if io_dtype == settings.io_dtype else f" and `io_dtype: {io_dtype}`"
    return f"set `exclude: [{listed}]`{more} in conf/quantization/{variant}.yaml to leave {' and '.join(names)} in float32"


def at_run_time(
    refused: Impossible, graph: Graph, *, variant: str, settings: Settings, layers: Mapping[str, Sequence[str]]
) -> Impossible:
    """What LiteRT refuses, with the configuration that makes a file without the kernels that it stops at.

    Args:
        refused: of `runtime.support`.
        graph: of the file.
        variant: its name.
        settings: as they are configured.
        layers: of each operator, by the name of its first output tensor.

    Returns:
        The same, where it is not known at which operators, where they need kernels of an app, or where none can be left out.
    """
    kinds = list(dict.fromkeys(operator for operator, _ in refused.places))
    stopped = [operator for operator in graph.operators if operator.name in kinds]
    if settings.engine != "litert" or settings.scheme in ("float32", "mixed") or not stopped:
        return refused
    if not set(kinds) <= operators.QUANTIZABLE:
        return refused
    left = [*stopped, *_divisors(refused, graph)]
    ends = {*graph.inputs.values(), *graph.outputs.values()}
    at_end = any(ends & {*operator.inputs, *operator.outputs} for operator in left)
    io_dtype = "float32" if at_end else settings.io_dtype
    # A layer's own name where it has one: others of its type may stay as they are.
    more = [next(iter(layers.get(graph.tensors[operator.outputs[0]].name, ())), operator.name) for operator in left[len(stopped) :]]
    names = [*kinds, *more]
    return Impossible(refused.happened, exclude(names, variant=variant, settings=settings, io_dtype=io_dtype), refused.places)


def _divisors(refused: Impossible, graph: Graph) -> list[Operator]:
    """The operators that write the divisors of refused divisions: one that rounds to 0 as an integer is 0 for a float DIV, too."""
    places = {tensor for kind, tensor in refused.places if kind == "DIV"}
    divisions = [operator for operator in graph.operators if graph.tensors[operator.outputs[0]].name in places]
    divisors = {operator.inputs[1] for operator in divisions}
    return [operator for operator in graph.operators if divisors & {*operator.outputs} and operator.name in operators.QUANTIZABLE]
