"""The network that a file is said to be, exported as that file looks: with its batch, and its lengths where they are free."""

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np

from pipeline.cli import probes
from pipeline.custom import layers as custom
from pipeline.equivalence import conversion_proof, conversion_record, cut_points, whole_comparison
from pipeline.errors import UserError
from pipeline.runtime import plain
from pipeline.source import detect, inference_graph, loaders, network, network_run
from pipeline.source.tensorflow_setup import SIGNATURE, tf
from pipeline.tflite import flatbuffer, layer_names
from pipeline.tflite.flatbuffer import Graph
from pipeline.verification import end_matching, float32_proof

Shapes = Mapping[str, Sequence[int | None]]
# Tried where the network leaves one free, until both can be run: a single step hides what an operator does along it, and networks
# that halve images need multiples.
_LENGTHS = (32, 64, 96, 1)
# So many times as long is the input that the whole file is run on then: what reads only the first steps shows.
_LONGER = 3


class Exported(NamedTuple):
    """What the judgement needs of the network, and the ways to pair the file's inputs and outputs with its own."""

    source: float32_proof.Source
    ways: list[end_matching.Ends]


def export_like(
    model: Path,
    folder: Path,
    found: Graph,
    *,
    format: str,
    shapes: tuple[Shapes, Shapes],
    inputs: Mapping[str, str],
    outputs: Mapping[str, str],
    trust_code: bool = False,
) -> Exported:
    """Export the network to `folder` with the shapes of a file.

    Args:
        model: the trained network.
        folder: does not exist yet.
        found: the file.
        format: of the network, "auto" or one of `others`.
        shapes: of its inputs and outputs by name, None where free (`flatbuffer.end_shapes`).
        inputs, outputs: names of the file by those of the network, as far as they are known.
        trust_code: run Python bytecode that the network's file holds.

    Raises:
        UserError: when the network cannot be read, or its inputs and outputs can be paired with the file's in too many ways.
    """
    format, loaded = loaders.load(model, format=format, custom=custom.LAYERS, trust_code=trust_code)
    facts = {"inputs": network.signature(loaded.inputs), "outputs": network.signature(loaded.outputs)}
    try:
        ways = end_matching.ways(found, facts, inputs=inputs, outputs=outputs, shapes=shapes)
    except ValueError as error:
        ours = {side: ", ".join(entry["name"] for entry in facts[side]) for side in facts}
        raise UserError(
            f"{error}; say which is which: --inputs NETWORK=FILE ... --outputs NETWORK=FILE ... with {ours['inputs']} and "
            f"{ours['outputs']} of the network, {', '.join(found.inputs)} and {', '.join(found.outputs)} of the file"
        ) from None
    likes = [{name: _like(spec, shapes[0].get(way.inputs.get(name, ""))) for name, spec in loaded.inputs.items()} for way in ways]
    if any(like != likes[0] for like in likes):
        raise UserError(
            "the lengths that the network leaves free depend on which input is which; say it: --inputs "
            + " ".join(f"{name}=NAME_IN_FILE" for name in loaded.inputs)
            + f" (the file has {', '.join(found.inputs)})"
        )
    with loaders.handling(model):
        return Exported(_export(format, loaded, folder, likes[0]), ways)


def others(model: Path) -> Sequence[str]:
    """Formats other than the first that may be tried: Keras 3 reads many files of Keras 2, and builds other operators of them."""
    return {"keras2_h5": ("keras3_h5",), "keras2": ("keras",)}.get(detect.detect(model), ())


def export(model: Path, folder: Path, *, batch: int | None) -> float32_proof.Source:
    """Export the network to `folder` with a batch, as the pipeline does it."""
    format, loaded = loaders.load(model, custom=custom.LAYERS)
    return _export(format, loaded, folder, network.fixed(loaded.inputs, shapes={}, batch=batch))


def conversion(
    folder: Path, source: float32_proof.Source, model: bytes, ends: end_matching.Ends | None = None
) -> conversion_record.Conversion:
    """A float file beside the network that was exported to `folder`, part by part.

    Args:
        folder, source: of the network.
        model: the file.
        ends: what its inputs and outputs are called, if not as in the network.
    """
    graph = flatbuffer.read(model)
    graph = graph if ends is None else end_matching.renamed(graph, ends)
    bound = probes.bound(source.graph, source.constants, source.weights)
    inputs = source.signature["inputs"]
    opened = network_run.open_saved_model(folder, cut_points.positions)
    lengths = _LENGTHS if any(None in entry["shape"][1:] for entry in inputs) else (1,)
    # Floats may be positions, too; integers are drawn as such anyway.
    choices = (False, True) if any(np.dtype(entry["dtype"]).kind == "f" for entry in inputs) else (False,)
    for positions, length in itertools.product(choices, lengths):
        samples = probes.draw(inputs, bound=bound, length=length, positions=positions)
        try:
            found = conversion_proof.compare(opened, model, samples, generated=True, inputs=graph.inputs, outputs=graph.outputs)
        except RuntimeError as error:  # TensorFlow does not take it
            reason = f"TensorFlow cannot run the network: {error}"
            found = conversion_record.Conversion(samples=0, generated=True, parts=[], kernels={}, not_compared=reason)
            continue
        if not found.not_compared:
            longer = probes.draw(inputs, bound=bound, length=_LONGER * length, positions=positions)[:1]
            more = _lengths(opened, model, longer, graph) if len(lengths) > 1 else {}
            return msgspec.structs.replace(found, lengths=more)
    return found


def _lengths(
    opened: network_run.NetworkRun, model: bytes, samples: Sequence[Mapping[str, np.ndarray]], graph: Graph
) -> dict[str, float | None]:
    """The whole file on other lengths than those it was cut at; empty where either does not take them."""
    try:
        return whole_comparison.compare(opened, model, samples, inputs=graph.inputs, outputs=graph.outputs)
    except plain.Refused:
        return {}


def _like(spec: Any, lengths: Sequence[int | None] | None) -> Any:
    """A tf.TensorSpec with the lengths of the file where the network leaves them free, if ranks agree."""
    if lengths is None or (spec.shape.rank is not None and spec.shape.rank != len(lengths)):
        return spec
    own = [None] * len(lengths) if spec.shape.rank is None else list(spec.shape)
    return tf.TensorSpec([b if a is None else a for a, b in zip(own, lengths, strict=True)], spec.dtype, name=spec.name)


def _export(format: str, loaded: network.Network, folder: Path, inputs: Mapping[str, Any]) -> float32_proof.Source:
    named = {name: tf.TensorSpec(spec.shape, spec.dtype, name=name) for name, spec in inputs.items()}
    results, _ = network.export(loaded, folder, inputs=named)
    graph, constants = inference_graph.read(folder, loaded.weights)
    return float32_proof.Source(
        graph=graph,
        constants=constants,
        weights=loaded.weights,
        layers=loaded.layers,
        signature={
            "key": SIGNATURE,
            "inputs": network.signature(network.in_float32(named)),
            "outputs": network.signature(results),
        },
        numbered=format in layer_names.NUMBERED,
    )
