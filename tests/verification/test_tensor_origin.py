from dataclasses import replace

import numpy as np

from pipeline.verification import tensor_origin
from tests.graphs import chain

QUANTIZED = tensor_origin.side(chain("QUANTIZE", "ADD", "QUANTIZE", "DEQUANTIZE"))


def test_formats_are_looked_through() -> None:
    assert tensor_origin.through(QUANTIZED, (0, 4)) == (0, 2)
    assert tensor_origin.through(QUANTIZED, (0, 1)) == (0, 0)
    assert tensor_origin.maker(QUANTIZED, (0, 2)) == (1, 0)
    assert tensor_origin.maker_name(QUANTIZED, (0, 4)) == "ADD"
    assert tensor_origin.maker_name(QUANTIZED, (0, 1)) is None


def test_the_data_of_an_operator_is_its_first_input_that_is_no_constant() -> None:
    graph = chain("ADD")
    operator = replace(graph.operators[0], inputs=(-1, 1, 0))
    assert tensor_origin.data(tensor_origin.side(graph), (0, 0), operator) == 1


def test_what_no_operator_makes_in_words() -> None:
    graph = chain("ADD")
    side = tensor_origin.side(graph)
    assert tensor_origin.words(side, (0, 0)) == "input x"
    nested = replace(side, inputs={})
    assert tensor_origin.words(nested, (0, 0)) == "argument 0 of a nested graph"
    assert tensor_origin.words(nested, (0, 1)) == "nothing"
    graph.subgraphs[0].tensors[1] = replace(graph.subgraphs[0].tensors[1], data=np.zeros(4, np.uint8))
    assert tensor_origin.words(nested, (0, 1)) == "a constant"


def test_conversions_in_a_circle_have_an_end() -> None:
    graph = chain("QUANTIZE", "DEQUANTIZE")
    graph.operators[0] = replace(graph.operators[0], inputs=(2,))
    side = tensor_origin.side(graph)
    assert tensor_origin.through(side, (0, 2)) == (0, 2)
