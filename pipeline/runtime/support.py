"""Can LiteRT run a file on this machine, with XNNPACK and with its own kernels alone? And where does it stop when it cannot?

Files with Select TF ops or custom operators need an app that brings the kernels.
"""

import re

from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from pipeline.errors import Impossible
from pipeline.tflite import flatbuffer

# What LiteRT's Python interface raises for a file that it cannot open, allocate or invoke; it has no exception of its own.
REFUSALS = (RuntimeError, ValueError)
_NODE = re.compile(r"Node number (\d+) \((\w+)\) failed to (?:prepare|invoke)")


def require(model: bytes, *, name: str | None = None) -> None:
    """Refuse a file which cannot be run here.

    Args:
        model: .tflite file.
        name: of the file, where the message must say which.

    Raises:
        Impossible: naming the operators, and what is left.
    """
    try:
        for resolver in (OpResolverType.AUTO, OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES):
            Interpreter(model_content=model, experimental_op_resolver_type=resolver).allocate_tensors()
    except REFUSALS as error:
        found = refusal(error, model)
        if name is None:
            raise found from None
        happened = f"{name}: cannot be run here, nor can what needs its results: {found.happened}"
        raise Impossible(happened, found.remedy, found.places) from None


def refusal(error: Exception, model: bytes) -> Impossible:
    """What LiteRT said of a file, and at which operator.

    Args:
        error: one of `REFUSALS`, from an interpreter of the file.
        model: the file.
    """
    remedy = "take the variant out of `quantization`"
    said = str(error).splitlines()
    try:
        graph = flatbuffer.read(model)
    except ValueError:  # damaged: then there are no operators to name
        return Impossible(said[0].rstrip(" ."), remedy)
    foreign = [operator for operator in graph.operators if not hasattr(schema.BuiltinOperator, operator.name)]
    if foreign:
        return Impossible(
            f"no kernel here for {', '.join(sorted({operator.name for operator in foreign}))}",
            "the file itself is complete but not verified: an app that links the kernels can run it; to go on here, replace these "
            "operators in the network",
            tuple((operator.name, graph.tensors[operator.outputs[0]].name) for operator in foreign),
        )
    places: tuple[tuple[str, str], ...] = ()
    if node := _NODE.search(str(error)):
        number, kind = int(node[1]), node[2]
        # Numbers count within a subgraph, and it is not said which; the type tells whether it is the main one.
        if number < len(graph.operators) and graph.operators[number].name == kind:
            places = ((kind, graph.tensors[graph.operators[number].outputs[0]].name),)
            said = [said[0].split("Node number")[0]]
    return Impossible(said[0].rstrip(" ."), remedy, places)
