from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pipeline.tflite.flatbuffer import Graph, Subgraph
from pipeline.verification import end_matching
from tests.graphs import tensor


def file(inputs: dict[str, Any], outputs: dict[str, Any], order: tuple[int, ...] | None = None) -> Graph:
    """A graph of these tensors and no operators; `order`: of the inputs in the subgraph."""
    tensors = [*inputs.values(), *outputs.values()]
    first = {name: number for number, name in enumerate(inputs)}
    last = {name: len(inputs) + number for number, name in enumerate(outputs)}
    listed = order or tuple(first.values())
    main = Subgraph(name="main", inputs=listed, outputs=tuple(last.values()), tensors=tensors, operators=[])
    return Graph(signature="s", inputs=first, outputs=last, tensors=tensors, operators=[], subgraphs=[main])


def facts(inputs: dict[str, Any], outputs: dict[str, Any]) -> dict[str, Any]:
    sides = {"inputs": inputs, "outputs": outputs}
    return {
        side: [{"name": name, "shape": shape, "dtype": dtype} for name, (shape, dtype) in rows.items()]
        for side, rows in sides.items()
    }


ONE = {"y": ([None, 3], "float32")}
FOUND = {"output_0": tensor((1, 3))}


def inputs(graph: Graph, wanted: dict[str, Any], **options: Any) -> list[dict[str, str]]:
    return [dict(way.inputs) for way in end_matching.ways(graph, facts(wanted, ONE), **options)]


def test_equal_names_decide_whatever_the_order() -> None:
    graph = file({"b": tensor((1, 4)), "a": tensor((1, 4))}, FOUND)
    assert inputs(graph, {"a": ([None, 4], "float32"), "b": ([None, 4], "float32")}) == [{"a": "a", "b": "b"}]


@pytest.mark.parametrize("name", ["serving_default_image:0", "image:0", "image_int8"])
def test_what_converters_put_around_a_name(name: str) -> None:
    graph = file({"x": tensor((1, 4)), name: tensor((1, 4))}, FOUND)
    assert inputs(graph, {"image": ([None, 4], "float32"), "x": ([None, 4], "float32")}) == [{"image": name, "x": "x"}]


def test_shape_and_dtype_decide_where_names_do_not() -> None:
    graph = file({"x0": tensor((1, 4)), "x1": tensor((1, 4), "int32"), "x2": tensor((1, 6, 2), "int8", scale=0.1)}, FOUND)
    wanted = {"tokens": ([None, 4], "int32"), "sound": ([None, None, 2], "float32"), "features": ([1, 4], "float32")}
    assert inputs(graph, wanted) == [{"tokens": "x1", "sound": "x2", "features": "x0"}]


def test_every_way_by_the_position_in_the_subgraph_first() -> None:
    graph = file({"p": tensor((1, 4)), "q": tensor((1, 4))}, FOUND, order=(1, 0))
    wanted = {"a": ([None, 4], "float32"), "b": ([None, 4], "float32")}
    assert inputs(graph, wanted) == [{"a": "q", "b": "p"}, {"a": "p", "b": "q"}]
    assert inputs(graph, wanted, inputs={"b": "q"}) == [{"a": "p", "b": "q"}]


def test_what_is_said_wins_over_equal_names() -> None:
    graph = file({"a": tensor((1, 4)), "b": tensor((1, 4))}, FOUND)
    wanted = {"a": ([None, 4], "float32"), "b": ([None, 4], "float32")}
    assert inputs(graph, wanted, inputs={"a": "b"}) == [{"a": "b", "b": "a"}]


def test_free_lengths_of_the_file_fit_any() -> None:
    graph = file({"x": tensor((1, 1, 3)), "z": tensor((1, 5, 3))}, FOUND)
    wanted = {"a": ([None, 7, 3], "float32"), "b": ([None, 5, 3], "float32")}
    shapes: Any = ({"x": [None, None, 3], "z": [None, 5, 3]}, {})
    assert inputs(graph, wanted, shapes=shapes) == [{"a": "x", "b": "z"}]


def test_what_fits_nothing_is_paired_by_position_and_the_rest_left_out() -> None:
    graph = file({"x": tensor((1, 9))}, FOUND)
    assert inputs(graph, {"a": ([None, 4], "float32"), "b": ([None, 4], "float32")}) == [{"a": "x"}]


def test_too_many_ways_and_names_that_are_none() -> None:
    graph = file({f"x{number}": tensor((1, 4)) for number in range(5)}, FOUND)
    wanted = {name: ([None, 4], "float32") for name in "abcde"}
    with pytest.raises(ValueError, match="more than 24 ways to pair the inputs"):
        inputs(graph, wanted)
    assert len(inputs(graph, wanted, inputs={"a": "x3"})) == 24
    with pytest.raises(ValueError, match="the network has no input 'z'; it has a, b, c, d, e"):
        inputs(graph, wanted, inputs={"z": "x0"})
    with pytest.raises(ValueError, match="two inputs of the network are paired with one of the file"):
        inputs(graph, wanted, inputs={"a": "x0", "b": "x0"})


def test_a_renamed_graph_has_the_order_of_the_other() -> None:
    graph = file({"p": tensor((1, 4)), "q": tensor((1, 5)), "r": tensor((1, 6))}, FOUND)
    like = file({"b": tensor((1, 5)), "a": tensor((1, 4))}, {"y": tensor((1, 3))})
    ends = end_matching.Ends(inputs={"a": "p", "b": "q"}, outputs={"y": "output_0"})
    renamed = end_matching.renamed(graph, ends, like=like)
    assert list(renamed.inputs.items()) == [("b", 1), ("a", 0), ("r", 2)]
    assert renamed.outputs == {"y": 3}
    assert replace(renamed, inputs=graph.inputs, outputs=graph.outputs) == graph
    assert np.array_equal(renamed.tensors[0].shape, (1, 4))
