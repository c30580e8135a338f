"""The operators that a firmware has to make known to TensorFlow Lite Micro, as lines of C++."""

from collections.abc import Iterable

# Methods of tensorflow/lite/micro/micro_mutable_op_resolver.h are named by the operators' words, each with a capital letter. These
# are not: the words are written together, or kept in capitals.
_OTHERWISE = {
    "BATCH_MATMUL": "BatchMatMul",
    "CUMSUM": "CumSum",
    "PADV2": "PadV2",
    "TFLite_Detection_PostProcess": "DetectionPostprocess",
    "UNIDIRECTIONAL_SEQUENCE_LSTM": "UnidirectionalSequenceLSTM",
}


def method(operator: str) -> str:
    """The name of the method that adds a builtin operator, such as AddConv2D for CONV_2D."""
    return "Add" + _OTHERWISE.get(operator, "".join(_word(word) for word in operator.split("_")))


def lines(operators: Iterable[str]) -> list[str]:
    """A line for each type of operator, in alphabetical order.

    Args:
        operators: names by the schema, of all subgraphs.
    """
    return [f"resolver.{method(name)}();" for name in sorted(set(operators))]


def _word(word: str) -> str:
    # 2D stays as it is: CONV_2D is Conv2D.
    return word if word[0].isdigit() else word.capitalize()
