"""The graph that is read, evaluated by hand, gives what the SavedModel gives."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from pipeline import files
from pipeline.errors import UserError
from pipeline.source import inference_graph, keras3, network
from pipeline.source.tensorflow_setup import tf
from pipeline.verification import constant_folding
from tests import certified


def exported(name: str, folder: Path) -> tuple[dict, dict, dict]:
    model = certified.randomised(certified.NETWORKS[name]())
    loaded = keras3.network_of(model, path=folder)
    network.export(loaded, folder, inputs=network.fixed(loaded.inputs, shapes={}, batch=1))
    graph, constants = inference_graph.read(folder, loaded.weights)
    return graph, constants, loaded.weights


def test_every_variable_of_the_inference_graph_and_no_dead_code(tmp_path: Path) -> None:
    graph, _, weights = exported("recurrent", tmp_path / "source")
    read = {node["path"] for node in graph["nodes"] if node["op"] == "Variable"}
    assert read == {path for path in weights if "seed_generator" not in path}
    # Keras traces the cells once outside their loops; that result is never used.
    outside = [node for node in graph["nodes"] if node["op"] == "MatMul" and "/while/" not in node["name"]]
    assert [node["name"] for node in outside] == ["recurrent_1/out_1/MatMul"]


def test_nodes_stand_behind_what_they_read(tmp_path: Path) -> None:
    graph, constants, _ = exported("attention", tmp_path / "source")
    seen: set[str] = set()
    for node in graph["nodes"]:
        assert {reference.split(":")[0] for reference in node["inputs"]} <= seen
        seen.add(node["name"])
    assert {reference.split(":")[0] for reference in graph["outputs"].values()} <= seen
    assert set(constants) == {node["name"] for node in graph["nodes"] if node["op"] == "Const"}


def test_it_survives_being_written(tmp_path: Path) -> None:
    graph, constants, _ = exported("shared", tmp_path / "source")
    files.write_graph(tmp_path / "graph.npz", graph, constants)
    first = (tmp_path / "graph.npz").read_bytes()
    again, values = files.read_graph(tmp_path / "graph.npz")
    assert again == graph
    assert all(np.array_equal(values[name], value) for name, value in constants.items())
    files.write_graph(tmp_path / "graph.npz", again, values)
    assert (tmp_path / "graph.npz").read_bytes() == first


def test_epsilon_is_the_network_s_own(tmp_path: Path) -> None:
    graph, constants, weights = exported("convolutions", tmp_path / "source")
    known = constant_folding.evaluate(graph["nodes"], constants, weights)
    found = known["convolutions_1/bn_no_scale_1/batchnorm/Rsqrt:0"].value
    np.testing.assert_allclose(found, 1 / np.sqrt(weights["bn_no_scale/moving_variance"] + 0.02), rtol=1e-6)


@pytest.mark.parametrize("name", ["recurrent", "attention", "convolutions", "shared"])
def test_the_traced_function_and_the_saved_one_are_the_same_graph(name: str, tmp_path: Path) -> None:
    """But for the names of the nodes of its variables and constants, which a SavedModel does not keep."""
    loaded = keras3.network_of(certified.randomised(certified.NETWORKS[name]()), path=tmp_path)
    traced = network.trace(loaded, inputs=network.fixed(loaded.inputs, shapes={}, batch=1))
    network.save(traced, tmp_path / "source")

    def plain(graph: dict, constants: dict) -> tuple[list, dict]:
        known = {node["name"]: node.get("path", node["name"]) for node in graph["nodes"]}
        known |= {key: f"{value.dtype} {value.shape} {value.tobytes().hex()}" for key, value in constants.items()}

        def renamed(reference: str) -> str:
            node, _, output = reference.partition(":")
            return f"{known[node]}:{output}"

        nodes = [
            {**node, "name": known[node["name"]], "inputs": [renamed(reference) for reference in node["inputs"]]}
            for node in graph["nodes"]
        ]
        return sorted(nodes, key=lambda node: node["name"]), {key: renamed(value) for key, value in graph["outputs"].items()}

    one = inference_graph.of_function(traced.function, traced.variables, loaded.weights)
    assert plain(*one) == plain(*inference_graph.read(tmp_path / "source", loaded.weights))


def test_random_numbers_at_inference_are_refused(tmp_path: Path) -> None:
    class Noise(keras.layers.Layer):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.seed = keras.random.SeedGenerator(1)

        def call(self, x: Any) -> Any:
            return x + keras.random.normal((1, 3), seed=self.seed)

    given = keras.Input((3,), name="x")
    loaded = keras3.network_of(keras.Model(given, Noise()(given)), path=tmp_path)
    traced = network.trace(loaded, inputs=network.fixed(loaded.inputs, shapes={}, batch=1))
    with pytest.raises(
        UserError, match=r"model\.path: the network draws random numbers at inference \(from the state that .* reads\)"
    ):
        inference_graph.of_function(traced.function, traced.variables, loaded.weights)


def test_both_branches_of_a_condition_are_part_of_the_graph(tmp_path: Path) -> None:
    class Chosen(keras.layers.Layer):  # type: ignore[misc]
        def call(self, x: Any) -> Any:
            return tf.cond(tf.reduce_sum(x) > 0, lambda: tf.tanh(x), lambda: tf.nn.relu(x) - 1)

    given = keras.Input((3,), name="x")
    loaded = keras3.network_of(keras.Model(given, Chosen()(given)), path=tmp_path)
    traced = network.trace(loaded, inputs=network.fixed(loaded.inputs, shapes={}, batch=1))
    graph, _ = inference_graph.of_function(traced.function, traced.variables, loaded.weights)
    assert {"Tanh", "Relu", "Sub"} <= {node["op"] for node in graph["nodes"]}
