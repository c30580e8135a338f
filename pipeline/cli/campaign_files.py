"""What the mutation campaign changes: the files that both engines make of its networks, and what is known of them."""

import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pipeline.cli import campaign_mutations, campaign_networks
from pipeline.equivalence import cut_points
from pipeline.errors import UserError
from pipeline.quantization import operator_plan, quantizer, recipes, schemes
from pipeline.tflite import control_flow, flatbuffer
from pipeline.verification import float32_proof


@dataclass(frozen=True, kw_only=True)
class Network:
    """A network: opened for `conversion_proof`, its float32 file with the proof of it, samples [8, ...] by input, its outputs
    [8, ...] for them, and `bits` of models/ranges.json on them.
    """

    name: str
    opened: Any
    source: float32_proof.Source
    float32: bytes
    proof: float32_proof.Proof
    samples: Mapping[str, np.ndarray]
    reference: Mapping[str, np.ndarray]
    measured: Mapping[str, Mapping[str, tuple[float, float]]]


@dataclass(frozen=True, kw_only=True)
class File:
    """A file of a network, and what is said of it: as the configuration of a variant has it."""

    network: Network
    engine: str
    scheme: str
    algorithm: str
    io_dtype: str
    granularity: str
    content: bytes

    @property
    def name(self) -> str:
        said = f"{self.network.name} {self.engine} {self.scheme}"
        return f"{said} {self.algorithm} {self.granularity} {self.io_dtype}".replace(" none", "")


class Variant(NamedTuple):
    """A row of a variant's configuration."""

    engine: str
    scheme: str
    algorithm: str = "min_max"
    granularity: str = "channel"
    io_dtype: str | None = None


ENGINES = {"litert": "litert", "converter": "converter", "foreign": "litert"}
VARIANTS = (
    Variant("litert", "float32", "none", "none"),
    Variant("litert", "float16", "none", "none"),
    Variant("litert", "dynamic_wi8_afp32"),
    Variant("litert", "dynamic_wi4_afp32", "min_max", "block32"),
    Variant("litert", "weightonly_wi8_afp32", "octav"),
    Variant("litert", "static_wi8_ai8"),
    Variant("litert", "static_wi8_ai8", "mse", "tensor", "float32"),
    Variant("litert", "static_wi4_ai8"),
    Variant("litert", "static_wi8_ai16"),
    Variant("converter", "float16", "none", "none"),
    Variant("converter", "dynamic_wi8_afp32"),
    Variant("converter", "static_wi8_ai8"),
    Variant("converter", "static_wi8_ai8_fallback", io_dtype="float32"),
    Variant("converter", "static_wi8_ai16"),
    # Files that this pipeline did not make: with other names, and without a signature.
    Variant("foreign", "float32", "none", "none"),
    Variant("foreign", "static_wi8_ai8"),
)


def made(name: str) -> tuple[Network, list[File]]:
    """A network of `campaign_networks.NAMES` and its files: of all variants that the engines do not refuse for it."""
    import keras

    from pipeline.cli import audit_network
    from pipeline.source import converter, network_run

    # Keras numbers the names of operations through a process.
    keras.backend.clear_session()
    model, samples = campaign_networks.network(name)
    with tempfile.TemporaryDirectory() as temporary, warnings.catch_warnings():
        # NumPy 2 and Keras saving a model; TFLiteConverter calibrating with TensorFlow's own interpreter.
        warnings.filterwarnings("ignore", message="__array__ implementation")
        warnings.filterwarnings("ignore", message=r"(?s).*tf\.lite\.Interpreter is deprecated", category=UserWarning)
        model.save(Path(temporary) / "network.keras")
        folder = Path(temporary) / "source"
        source = audit_network.export(Path(temporary) / "network.keras", folder, batch=1)
        float32 = converter.convert_saved_model(folder)
        rows = [{key: array[i : i + 1] for key, array in samples.items()} for i in range(campaign_networks.SAMPLES)]
        network = Network(
            name=name,
            opened=network_run.open_saved_model(folder, cut_points.positions),
            source=source,
            float32=float32,
            proof=float32_proof.prove(source, float32),
            samples=samples,
            reference=_reference(folder, samples),
            measured=_measured(float32, rows),
        )
        return network, list(_variants(network, folder, rows))


def _reference(folder: Path, samples: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    from pipeline.source import reference_run

    rows = list(reference_run.run_saved_model(folder, samples, batch=1))
    return {name: np.stack([row[name] for row in rows]) for name in rows[0]}


def _measured(float32: bytes, rows: Sequence[Mapping[str, np.ndarray]]) -> dict[str, dict[str, tuple[float, float]]]:
    seen = quantizer.observe(float32, rows, signature=flatbuffer.read(float32).signature)
    ranges = {name: (float(low.min()), float(high.max())) for name, (low, high) in seen.items()}
    return {"8": ranges, "16": ranges}


def _variants(network: Network, folder: Path, rows: Sequence[Mapping[str, np.ndarray]]) -> Iterator[File]:
    from pipeline.source import converter

    for variant in VARIANTS:
        io_dtype = variant.io_dtype or schemes.SCHEMES[ENGINES[variant.engine]][variant.scheme].io_dtype[0]
        try:
            if variant.engine == "foreign":
                float32 = variant.scheme == "float32"
                content = renamed(network.float32) if float32 else unsigned(_litert(network, variant, io_dtype))
            elif variant.scheme == "float32":
                content = network.float32
            elif variant.engine == "litert":
                content = _litert(network, variant, io_dtype)
            else:
                static = variant.scheme.startswith("static")
                content = converter.convert_saved_model(
                    folder, scheme=variant.scheme, io_dtype=io_dtype, samples=rows if static else None
                )
        # What an engine refuses for this network is no file to change.
        except (UserError, RuntimeError):
            continue
        yield File(network=network, **{**variant._asdict(), "io_dtype": io_dtype}, content=content)


def _litert(network: Network, variant: Variant, io_dtype: str) -> bytes:
    graph = flatbuffer.read(network.float32)
    how: dict[str, Any] = {
        "scheme": variant.scheme,
        "algorithm": variant.algorithm,
        "granularity": variant.granularity,
        "exclude": (),
    }
    recipe = recipes.whole(graph, **how, io_dtype=io_dtype)
    known = None
    if variant.scheme.startswith("static"):
        control_flow.refuse(graph, scheme=variant.scheme)
        rows = operator_plan.describe(graph, recipe, **how)
        known = quantizer.ranges_as_statistics(operator_plan.ranges(graph, rows, network.measured))
    return quantizer.quantize(network.float32, recipe, known=known)


def renamed(model: bytes) -> bytes:
    """A file with the names that `model.export()` gives."""
    content = campaign_mutations.parse(model)
    for entry in content.signatureDefs:
        for number, end in enumerate(entry.outputs):
            end.name = f"output_{number}".encode()
    return campaign_mutations.written(content)


def unsigned(model: bytes) -> bytes:
    """A file without a signature, as converters of before 2.5 wrote it."""
    content = campaign_mutations.parse(model)
    content.signatureDefs = None
    return campaign_mutations.written(content)
