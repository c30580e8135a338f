"""Graphs made by hand: as the flatbuffer reader gives them, and nodes of a network as `inference_graph` gives them."""

from typing import Any

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


def chain(*names: str, activation: str = "NONE", output: str = "y") -> Graph:
    """x -> the operators, one after the other -> the output."""
    tensors = [tensor((1,)) for _ in range(len(names) + 1)]
    operators = [
        Operator(name=name, inputs=(i,), outputs=(i + 1,), options={"fusedActivationFunction": activation} if name == "ADD" else {})
        for i, name in enumerate(names)
    ]
    inner = Subgraph(name="main", inputs=(0,), outputs=(len(names),), tensors=tensors, operators=operators)
    ends = {"x": 0}, {output: len(names)}
    return Graph(signature="s", inputs=ends[0], outputs=ends[1], tensors=tensors, operators=operators, subgraphs=[inner])


def node(name: str, op: str, *inputs: str, **attributes: object) -> dict[str, Any]:
    return {"name": name, "op": op, "inputs": [f"{entry}:0" for entry in inputs], "attributes": attributes}


def variable(name: str) -> dict[str, Any]:
    return {**node(name, "Variable"), "path": name}


def normalised(*, bias: bool) -> list[dict[str, Any]]:
    """x * kernel (+ bias), batch normalisation as Keras 3 writes it."""
    names = ("kernel", "gamma", "beta", "mean", "variance", "bias")
    linear = "biased" if bias else "linear"
    return [
        node("x", "Placeholder"),
        *map(variable, names),
        node("epsilon", "Const"),
        node("linear", "MatMul", "x", "kernel"),
        *([node("biased", "BiasAdd", "linear", "bias")] if bias else []),
        node("shifted", "AddV2", "variance", "epsilon"),
        node("root", "Rsqrt", "shifted"),
        node("scale", "Mul", "root", "gamma"),
        node("scaled", "Mul", linear, "scale"),
        node("carried", "Mul", "mean", "scale"),
        node("offset", "Sub", "beta", "carried"),
        node("y", "AddV2", "scaled", "offset"),
    ]


def stored(values: np.ndarray, scales: np.ndarray | None = None, zero: int = 0, name: str = "w") -> Tensor:
    """A constant tensor with these values."""
    return Tensor(
        name=name,
        shape=values.shape,
        dtype=values.dtype.name,
        data=values.view(np.uint8).ravel(),
        scales=scales,
        zero_points=None if scales is None else np.full(scales.shape, zero, np.int64),
        quantized_dimension=0,
    )
