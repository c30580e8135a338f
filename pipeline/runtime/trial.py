"""Does LiteRT run a .tflite file at all? Tried in a process of its own, which a damaged file may end.

LiteRT checks less than it relies on: a SPLIT into another number of parts than it has outputs writes beyond its memory. A file of
unknown origin is therefore run here first. The child is this file as a script, which imports nothing of the pipeline.
"""

import os
import signal
import subprocess
import sys
import warnings
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

# Given to what is free.
_LENGTH = 32


def refusal(model: bytes, *, seconds: float = 600) -> str | None:
    """Why LiteRT does not run a file with inputs of zeros; None when it does, with XNNPACK and with its own kernels alone.

    A file with free lengths beside the batch may refuse those it is tried with: which ones it takes is not known here.

    Args:
        model: .tflite file, `flatbuffer.read` already.
        seconds: after which an inference without an end is given up.
    """
    try:
        done = subprocess.run([sys.executable, __file__], input=model, capture_output=True, check=False, timeout=seconds)
    except subprocess.TimeoutExpired:
        return f"LiteRT cannot run the file: one inference has no end after {seconds:g} seconds"
    if done.returncode < 0:
        return f"LiteRT cannot run the file: it ends the process ({signal.Signals(-done.returncode).name})"
    if done.returncode:
        raise RuntimeError(f"the trial of the file failed: {done.stderr.decode(errors='replace')}")
    return done.stdout.decode() or None


def _try(model: bytes) -> str | None:
    resolvers = {"": OpResolverType.AUTO, " without XNNPACK": OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES}
    reasons = ((how, _reason(model, resolver)) for how, resolver in resolvers.items())
    return next((f"LiteRT cannot run the file{how}: {reason}" for how, reason in reasons if reason is not None), None)


def _reason(model: bytes, resolver: OpResolverType) -> str | None:
    """Why one inference fails; None when it does not."""
    free = False
    try:
        interpreter = Interpreter(model_content=model, num_threads=1, experimental_op_resolver_type=resolver)
        details = interpreter.get_input_details()
        for detail in details:
            behind = [place for place, length in enumerate(detail["shape_signature"]) if place and length < 0]
            if behind:
                free = True
                lengths = [_LENGTH if place in behind else int(length) for place, length in enumerate(detail["shape"])]
                interpreter.resize_tensor_input(detail["index"], lengths)
        interpreter.allocate_tensors()
        for detail in interpreter.get_input_details():
            if detail["dtype"] not in (bytes, np.bytes_, np.object_):
                interpreter.set_tensor(detail["index"], np.zeros(detail["shape"], detail["dtype"]))
        interpreter.invoke()
    except (ValueError, RuntimeError) as error:
        return None if free else str(error).splitlines()[0]
    reasons = (_nothing(interpreter, detail) for detail in interpreter.get_output_details())
    return next((reason for reason in reasons if reason is not None), None)


def _nothing(interpreter: Interpreter, detail: dict[str, Any]) -> str | None:
    """What is wrong with an output that no operator has written."""
    try:
        interpreter.get_tensor(detail["index"])
    except ValueError as error:
        return f"its output {detail['name']} is computed by nothing ({str(error).splitlines()[0]})"
    return None


if __name__ == "__main__":
    # What LiteRT prints must not mix with the answer.
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    warnings.simplefilter("ignore")
    answer.write(_try(sys.stdin.buffer.read()) or "")
    answer.close()
