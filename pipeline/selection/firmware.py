"""A main.cc for TensorFlow Lite Micro: the resolver, the arena and the quantization that one file needs."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import numpy as np

from pipeline.micro.simulation_report import Simulation
from pipeline.tflite.flatbuffer import Graph, Subgraph, Tensor

TEMPLATE = Path(__file__).parent / "templates" / "main.cc.j2"
# C type, and the field of TfLiteTensor.data (tensorflow/lite/c/common.h, TfLitePtrUnion), by dtype.
_TYPES = {
    "int8": ("int8_t", "int8"),
    "uint8": ("uint8_t", "uint8"),
    "int16": ("int16_t", "i16"),
    "int32": ("int32_t", "i32"),
    "int64": ("int64_t", "i64"),
    "float32": ("float", "f"),
    "bool": ("bool", "b"),
}


def source(graph: Graph, simulated: Simulation | None, *, network: str, array: str) -> str | None:
    """The text of main.cc; None where the target did not run the file.

    Args:
        graph: of the file.
        simulated: reports/simulate/V.json; None without a target.
        network: its name.
        array: name of the C array that holds the file.
    """
    if simulated is None or simulated.arena is None:
        return None
    main = graph.subgraphs[0]
    inputs, outputs = _ends("input", graph.inputs, main, main.inputs), _ends("output", graph.outputs, main, main.outputs)
    parameters = [f"const {end['value']}* {end['parameter']}" for end in inputs]
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        variant=simulated.variant,
        network=_line(network),
        version=simulated.version,
        samples=simulated.samples,
        flash=simulated.flash_bytes,
        # TFLM aligns to 16 bytes.
        arena=-(-simulated.arena.bytes // 16) * 16,
        persistent=simulated.arena.persistent_bytes,
        reused=simulated.arena.reused_bytes,
        resolver=simulated.resolver,
        variables=_variables(graph),
        array=array,
        inputs=inputs,
        outputs=outputs,
        quantized=any(end["scale"] for end in inputs),
        parameters=", ".join(parameters + [f"{end['value']}* {end['parameter']}" for end in outputs]),
    )


def _ends(kind: str, named: Mapping[str, int], main: Subgraph, order: Sequence[int]) -> list[dict[str, Any]]:
    """What the template says of inputs or outputs, in the order in which TFLM numbers them."""
    names = {number: name for name, number in named.items()}
    rows: list[dict[str, Any]] = []
    for place, number in enumerate(order):
        name = names.get(number, main.tensors[number].name)
        word = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_")
        if not word or any(row["word"] == word for row in rows):
            word = f"{word}{place}"
        rows.append(_end(kind, place, name, word, main.tensors[number]))
    return rows


def _end(kind: str, place: int, name: str, word: str, tensor: Tensor) -> dict[str, Any]:
    kept, member = _TYPES[tensor.dtype]
    scaled = tensor.scales is not None and tensor.zero_points is not None and not tensor.dtype.startswith("float")
    row = {
        "kind": kind,
        "place": place,
        "name": _line(name),
        "word": word,
        "dtype": tensor.dtype,
        "shape": list(tensor.shape),
        "count": int(np.prod(tensor.shape, dtype=np.int64)),
        "type": kept,
        "member": member,
        "value": "float" if scaled else kept,
        "parameter": f"{kind}_{word}",
        "codes": f"{kind}_codes{place}",
        "constant": f"k{kind.capitalize()}{place}",
        "scale": "",
    }
    if scaled:
        limits = np.iinfo(tensor.dtype)
        row["scale"] = _float(float(tensor.scales[0]))  # type: ignore[index]
        zero = row["zero_point"] = int(tensor.zero_points[0])  # type: ignore[index]
        row["code"] = f"(code {'+' if zero < 0 else '-'} {abs(zero)})" if zero else "code"
        row["least"], row["greatest"] = _float(limits.min), _float(limits.max)
    return row


def _float(value: float) -> str:
    """A float of C, exact to float32."""
    text = f"{value:.9g}"
    return f"{text}f" if {".", "e"} & set(text) else f"{text}.0f"


def _line(text: str) -> str:
    """What may stand in a comment of one line."""
    return re.sub(r"[^\x20-\x7e]|\\", "?", text)


def _variables(graph: Graph) -> int:
    """How many resource variables the file holds; TFLM is told before."""
    handles = (operator for subgraph in graph.subgraphs for operator in subgraph.operators if operator.name == "VAR_HANDLE")
    return len({operator.options.get("sharedName") for operator in handles})
