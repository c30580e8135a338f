"""Can LiteRT run a file on this machine? Files with Select TF ops or custom operators need an app that brings the kernels."""

from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from pipeline.errors import UserError
from pipeline.tflite import flatbuffer

# What cannot be done when a stage cannot run the file.
SKIPPED = {
    "calibrate": "static variants, predict, verify, benchmark, evaluate, select, report, gate",
    "predict": "verify of this variant, evaluate, select, report, gate",
    "benchmark": "select, report, gate",
}


def require(model: bytes, *, name: str, stage: str) -> None:
    """Stop a stage that would have to run a file which cannot be run here.

    Args:
        model: .tflite file.
        name: of the file, for the message.
        stage: that is about to run it, a key of `SKIPPED`.

    Raises:
        UserError: naming the operators, the stages that are skipped, and what is left.
    """
    try:
        Interpreter(model_content=model).allocate_tensors()
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
        raise UserError(
            f"{name}: {stage} cannot run it: {reason}. Skipped, as it comes after: {SKIPPED[stage]}. {remedy}"
        ) from None
