"""What the certificate costs beside the conversion it is about, on networks of the size that people ship."""

import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline import files
from pipeline.cli import bench_projects as projects
from pipeline.equivalence.conversion_record import Conversion
from pipeline.tflite import flatbuffer
from pipeline.verification import certificate, float32_proof


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A network with its float32 file.

    Attributes:
        source, model: the network and the file.
        convert: the conversion; `beside`: the file run beside the network, which is done once for all variants.
    """

    source: float32_proof.Source
    model: bytes
    convert: Callable[[], bytes]
    beside: Callable[[], Conversion]


def subject(network: Path, folder: Path) -> Subject:
    """A network exported to `folder`."""
    from pipeline.cli import audit_network
    from pipeline.source import converter

    source = audit_network.export(network, folder, batch=1)
    model = converter.convert_saved_model(folder)
    return Subject(
        source=source,
        model=model,
        convert=lambda: converter.convert_saved_model(folder),
        beside=lambda: audit_network.conversion(folder, source, model),
    )


def efficientnetb0() -> Path:
    """EfficientNetB0 with random weights, saved once for the installed versions."""
    folder = projects.mobilenetv2().with_name(projects.mobilenetv2().name.replace("mobilenetv2", "efficientnetb0"))
    if not folder.exists():
        import keras

        keras.utils.set_random_seed(0)
        with files.replacing(folder) as temporary:
            temporary.mkdir()
            keras.applications.EfficientNetB0(weights=None).save(temporary / "network.keras")
    return folder


NETWORKS: dict[str, Callable[[], Path]] = {"MobileNetV2": projects.mobilenetv2, "EfficientNetB0": efficientnetb0}


def seconds(work: Callable[[], object]) -> float:
    """Of one run."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def certify(one: Subject, conversion: Conversion | None = None) -> str:
    """The summary of the float32 file's own certificate."""
    proof = float32_proof.prove(one.source, one.model, conversion)
    report = certificate.certify(one.source, proof, flatbuffer.opened(one.model), scheme=None, io_dtype=None, algorithm=None)
    return str(report["summary"])


def peak(one: Subject) -> float:
    """Memory in MB that the certificate takes at the most."""
    tracemalloc.start()
    certify(one)
    found = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return found / 2**20


def subjects() -> Iterator[tuple[str, Subject]]:
    """Every network by name, each exported while it is at hand."""
    for name, network in NETWORKS.items():
        with tempfile.TemporaryDirectory() as temporary:
            yield name, subject(network() / "network.keras", Path(temporary) / "source")
