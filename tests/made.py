"""A network with everything the certificate needs of it, made once, and files made from it."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any

import keras
import numpy as np

from pipeline.cli import audit
from pipeline.equivalence import conversion_proof, cut_points
from pipeline.equivalence.conversion_record import Conversion
from pipeline.quantization import operator_plan, quantizer, recipes, schemes
from pipeline.source import converter, inference_graph, keras3, network, network_run
from pipeline.tflite import flatbuffer
from pipeline.verification import constant_folding, constant_origin, float32_proof, judgement, linear_operations, operands
from tests import certified

# As many as the stage `reference` takes.
_COMPARED = 2


@dataclass(frozen=True)
class Made:
    """`folder`: the exported SavedModel; `float32`: converted from it; `samples`: [8, ...] by input.

    `run`: opens the network in parts, once; `compared`: conversions that were computed, by file.
    """

    folder: Path
    source: float32_proof.Source
    float32: bytes
    proof: float32_proof.Proof
    samples: Mapping[str, np.ndarray]
    run: Callable[[], network_run.NetworkRun]
    compared: dict[bytes, Conversion] = field(default_factory=dict)


def make(model: keras.Model, folder: Path) -> Made:
    loaded = keras3.network_of(model, path=folder)
    inputs = network.fixed(loaded.inputs, shapes={}, batch=1)
    outputs, _ = network.export(loaded, folder, inputs=inputs)
    graph, constants = inference_graph.read(folder, loaded.weights)
    source = float32_proof.Source(
        graph=graph,
        constants=constants,
        weights=loaded.weights,
        layers=loaded.layers,
        signature={
            "key": "serving_default",
            "inputs": network.signature(network.in_float32(inputs)),
            "outputs": network.signature(outputs),
        },
        numbered=True,
    )
    return beside_samples(folder, source, certified.samples(model, 8))


def beside_samples(folder: Path, source: float32_proof.Source, samples: Mapping[str, np.ndarray]) -> Made:
    """The network that was exported to `folder`, converted and compared."""
    float32 = converter.convert_saved_model(folder)
    run, compared = cache(partial(network_run.open_saved_model, folder, cut_points.positions)), dict[bytes, Conversion]()
    conversion = compared[float32] = _compare(run(), float32, samples)
    return Made(folder, source, float32, float32_proof.prove(source, float32, conversion), samples, run, compared)


def beside(made: Made, model: bytes) -> Conversion:
    """A float file beside the network, part by part, as the stage `reference` compares it."""
    if model not in made.compared:
        made.compared[model] = _compare(made.run(), model, made.samples)
    return made.compared[model]


def _compare(opened: network_run.NetworkRun, model: bytes, samples: Mapping[str, np.ndarray]) -> Conversion:
    graph = flatbuffer.read(model)
    rows = [{name: array[i : i + 1] for name, array in samples.items()} for i in range(_COMPARED)]
    return conversion_proof.compare(opened, model, rows, generated=False, inputs=graph.inputs, outputs=graph.outputs)


def measured(made: Made) -> dict[str, dict[str, tuple[float, float]]]:
    """`bits` of models/ranges.json: least and greatest values on the samples."""
    rows = [{name: array[i : i + 1] for name, array in made.samples.items()} for i in range(8)]
    seen = quantizer.observe(made.float32, rows, signature="serving_default")
    ranges = {name: (float(low.min()), float(high.max())) for name, (low, high) in seen.items()}
    return {"8": ranges, "16": ranges}


def litert(made: Made, scheme: str, algorithm: str = "min_max", io_dtype: str | None = None, granularity: str = "channel") -> bytes:
    """A file of the engine `litert`."""
    graph = flatbuffer.read(made.float32)
    how: dict[str, Any] = {
        "scheme": scheme,
        "algorithm": "none" if scheme == "float16" else algorithm,
        "granularity": "none" if scheme == "float16" else granularity,
        "exclude": (),
    }
    recipe = recipes.whole(graph, **how, io_dtype=io_dtype or schemes.SCHEMES["litert"][scheme].io_dtype[0])
    known = None
    if scheme.startswith("static"):
        rows = operator_plan.describe(graph, recipe, **how)
        known = quantizer.ranges_as_statistics(operator_plan.ranges(graph, rows, measured(made)))
    return quantizer.quantize(made.float32, recipe, known=known)


def converted(made: Made, scheme: str) -> bytes:
    """A file of the engine `converter`."""
    rows = [{name: array[i : i + 1] for name, array in made.samples.items()} for i in range(8)]
    with warnings.catch_warnings():
        # TFLiteConverter calibrates with TensorFlow's own interpreter, which is deprecated.
        warnings.filterwarnings("ignore", message=r"(?s).*tf\.lite\.Interpreter is deprecated", category=UserWarning)
        return converter.convert_saved_model(
            made.folder,
            scheme=scheme,
            io_dtype=schemes.SCHEMES["converter"][scheme].io_dtype[0],
            samples=rows if scheme.startswith("static") else None,
        )


def blockwise(made: Made, bits: int, block: int) -> bytes:
    """Weights of this many bits, with one scale for each channel (`block` 0) or each block of so many entries."""
    from litert_quantizer import qtyping
    from litert_quantizer import quantizer as library

    work = library.Quantizer(bytearray(made.float32))
    granularity = {0: qtyping.QuantGranularity.CHANNELWISE, 32: qtyping.QuantGranularity.BLOCKWISE_32}[block]
    work.add_dynamic_config(".*", qtyping.TFLOperationName.FULLY_CONNECTED, num_bits=bits, granularity=granularity)
    result = work.quantize(None, enable_progress_bar=False, enable_progress_report=False).quantized_model
    if result is None:
        raise ValueError("litert-quantizer made no model")
    return bytes(result)


def certify(
    made: Made, model: bytes, scheme: str | None, algorithm: str | None = "min_max", *, ranges: bool = False
) -> dict[str, Any]:
    """The certificate of a file, as the judgement has it."""
    io_dtype = None if scheme is None else judgement.BY_NAME[scheme].io_dtype[0]
    known = measured(made) if ranges else None
    report = judgement.judge(
        made.source,
        made.float32,
        model,
        scheme=scheme,
        io_dtype=io_dtype,
        algorithm=algorithm,
        measured=known,
        outputs=None,
        limits=audit.limits(),
        conversion=beside(made, made.float32),
    )
    found: dict[str, Any] = report["certificate"]
    assert found["passed"] == report["passed"]
    return found


def named(report: dict[str, Any]) -> set[str]:
    """Layers and tensors that the faults of a certificate name."""
    found = {layer for fault in report["faults"] for layer in fault["layers"]}
    return found | {fault["tensor"] for fault in report["faults"] if fault["tensor"]}


def constants_of(made: Made, model: bytes) -> list[constant_origin.Row]:
    """Where the constants of a float32 file come from."""
    known = constant_folding.evaluate(made.source.graph["nodes"], made.source.constants, made.source.weights)
    linears = linear_operations.linears(made.source.graph["nodes"], known)
    return constant_origin.account(flatbuffer.read(model), linears, operands.operands(made.source.graph["nodes"], known))
