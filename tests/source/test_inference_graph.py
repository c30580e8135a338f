"""The graph that is read, evaluated by hand, gives what the SavedModel gives."""

from pathlib import Path

import numpy as np

from pipeline import files
from pipeline.source import inference_graph, keras3, network
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
