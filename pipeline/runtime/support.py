"""Can LiteRT run a file on this machine, with XNNPACK and with its own kernels alone?

Files with Select TF ops or custom operators need an app that brings the kernels.
"""

from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from pipeline.errors import UserError
from pipeline.tflite import flatbuffer


def require(model: bytes, *, name: str) -> None:
    """Refuse a file which cannot be run here.

    Args:
        model: .tflite file.
        name: of the file, for the message.

    Raises:
        UserError: naming the operators, and what is left.
    """
    try:
        for resolver in (OpResolverType.AUTO, OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES):
            Interpreter(model_content=model, experimental_op_resolver_type=resolver).allocate_tensors()
    except (RuntimeError, ValueError) as error:
        foreign = sorted(
            {entry.name for entry in flatbuffer.read(model).operators if not hasattr(schema.BuiltinOperator, entry.name)}
        )
        reason = f"no kernel here for {', '.join(foreign)}" if foreign else str(error).splitlines()[0].rstrip(".")
        remedy = (
            "The file itself is complete but not verified: an app that links the kernels can run it; to go on here, replace these "
            "operators in the network"
            if foreign
            else "Take the variant out of `quantization`"
        )
        raise UserError(f"{name}: cannot be run here, nor can what needs its results: {reason}. {remedy}") from None
