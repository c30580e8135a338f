"""Can LiteRT run a file on this machine, with XNNPACK and with its own kernels alone?

Files with Select TF ops or custom operators need an app that brings the kernels.
"""

from ai_edge_litert.interpreter import Interpreter, OpResolverType

from pipeline.errors import Impossible
from pipeline.runtime import runners


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
    except runners.REFUSALS as error:
        found = runners.refusal(error, model)
        if name is None:
            raise found from None
        happened = f"{name}: cannot be run here, nor can what needs its results: {found.happened}"
        raise Impossible(happened, found.remedy, found.places) from None
