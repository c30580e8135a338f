"""Running a .tflite file tensor by tensor with the built-in kernels alone: no delegate reorders or rewrites an operator."""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from pipeline.runtime import runners

Read = TypeVar("Read")


class Refused(RuntimeError):
    """LiteRT cannot run a file, or not with these values."""


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except (ValueError, RuntimeError) as error:
        raise Refused(str(error)) from None


def _open(model: bytes, *, keep: bool = False) -> Any:
    with warnings.catch_warnings():
        # Keeping all tensors is for debugging, which is what this is.
        warnings.filterwarnings("ignore", message=".*experimental_preserve_all_tensors.*")
        return Interpreter(
            model_content=model,
            num_threads=1,
            experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
            experimental_preserve_all_tensors=keep,
        )


def tensors(model: bytes, inputs: Mapping[int, np.ndarray], read: Callable[[int, np.ndarray], Read]) -> dict[int, Read]:
    """What `read` makes of every tensor of subgraph 0 after one inference.

    Args:
        model: .tflite file.
        inputs: values by tensor number, in the tensors' own dtypes; a free length takes theirs.
        read: (tensor number, values) to what is kept; the values are valid during the call only.

    Raises:
        Refused: when LiteRT cannot run it.
    """
    with _refusals():
        interpreter = _open(model, keep=True)
        runners.allocate(interpreter, {number: array.shape for number, array in inputs.items()})
        for number, array in inputs.items():
            interpreter.set_tensor(number, array)
        interpreter.invoke()
    found = {}
    for detail in interpreter.get_tensor_details():
        try:
            values = interpreter.get_tensor(detail["index"])
        except ValueError:  # a tensor no operator of this run has filled
            continue
        found[detail["index"]] = read(detail["index"], values)
    return found


def opened(model: bytes) -> Callable[[Sequence[np.ndarray]], list[np.ndarray]]:
    """A function from the inputs of subgraph 0 to its outputs, both in their order; state is cleared before each call.

    Raises:
        Refused: when LiteRT cannot run it.
    """
    with _refusals():
        interpreter = _open(model)
        interpreter.allocate_tensors()
    ins = [detail["index"] for detail in interpreter.get_input_details()]
    outs = [detail["index"] for detail in interpreter.get_output_details()]

    def run(arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        with _refusals():
            interpreter.reset_all_variables()
            for number, array in zip(ins, arrays, strict=True):
                interpreter.set_tensor(number, array)
            interpreter.invoke()
        return [interpreter.get_tensor(number) for number in outs]

    return run
