"""What is shipped: the model's bytes and what lies beside them, as names and contents."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from pipeline.dataset.split_record import Split
from pipeline.selection import c_array
from pipeline.selection.provenance_record import Provenance, Set
from pipeline.tflite.flatbuffer import Graph

C_NAME = "g_model"
_PREDICT = Path(__file__).parent / "templates" / "predict.py.txt"


def sample_sets(split: Split) -> dict[str, Set]:
    """Each set of data/split.json with the SHA-256 over the content hashes of its samples in order."""
    return {
        name: Set(n=entry.n, sha256=hashlib.sha256("\n".join(sample.sha256 for sample in entry.samples).encode()).hexdigest())
        for name, entry in msgspec.structs.asdict(split.sets).items()
    }


def io_tensors(graph: Graph) -> list[dict[str, Any]]:
    """A row for each input and output of the file: direction, name, shape, dtype, scale and zero point (None for float)."""
    rows = []
    for direction, tensors in (("input", graph.inputs), ("output", graph.outputs)):
        for name, number in tensors.items():
            tensor = graph.tensors[number]
            whole = tensor.scales is not None and len(tensor.scales) > 0 and not tensor.dtype.startswith("float")
            rows.append(
                {
                    "direction": direction,
                    "name": name,
                    "shape": list(tensor.shape),
                    "dtype": tensor.dtype,
                    "scale": float(tensor.scales[0]) if whole and tensor.scales is not None else None,
                    "zero_point": int(tensor.zero_points[0]) if whole and tensor.zero_points is not None else None,
                }
            )
    return rows


def contents(model: bytes, *, classes: Sequence[str] | None, origin: Provenance, card: str, main: str | None) -> dict[str, bytes]:
    """Everything that is shipped but the decision: content by file name.

    Args:
        model: the .tflite file, shipped byte for byte.
        classes: names in the order of the scores, or None.
        origin: what it was made from and with.
        card: the model card.
        main: of `firmware.source`, or None.
    """
    texts = {
        "model.h": c_array.header(name=C_NAME),
        "model.cc": c_array.source(model, name=C_NAME, include="model.h"),
        "provenance.json": json.dumps(msgspec.to_builtins(origin), indent=2, sort_keys=True) + "\n",
        "MODEL_CARD.md": card,
        "predict.py": _PREDICT.read_text(encoding="utf-8"),
    }
    if main is not None:
        texts["main.cc"] = main
    if classes is not None:
        texts["labels.txt"] = "".join(f"{name}\n" for name in classes)
    return {"model.tflite": model, **{name: text.encode() for name, text in texts.items()}}
