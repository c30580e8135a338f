"""Graphs as the flatbuffer reader gives them, made by hand."""

import numpy as np

from pipeline.tflite.flatbuffer import Graph, Operator, Subgraph, Tensor


def tensor(shape: tuple[int, ...], dtype: str = "float32", *, constant: bool = False, scale: float | None = None) -> Tensor:
    return Tensor(
        name=f"{dtype}{list(shape)}",
        shape=shape,
        dtype=dtype,
        data=np.zeros(1, np.uint8) if constant else None,
        scales=None if scale is None else np.array([scale], np.float32),
        zero_points=None if scale is None else np.array([-128]),
        quantized_dimension=0,
    )


def graph(name: str, inputs: list[Tensor | None], output: Tensor) -> Graph:
    """One operator with these inputs (None: left out)."""
    tensors = [entry for entry in inputs if entry is not None]
    numbers, position = [], 0
    for entry in inputs:
        numbers.append(-1 if entry is None else position)
        position += entry is not None
    operators = [Operator(name=name, inputs=tuple(numbers), outputs=(len(tensors),))]
    everything = [*tensors, output]
    main = Subgraph(name="main", inputs=(0,), outputs=(len(tensors),), tensors=everything, operators=operators)
    return Graph(
        signature="serving_default",
        inputs={"x": 0},
        outputs={"y": len(tensors)},
        tensors=everything,
        operators=operators,
        subgraphs=[main],
    )
