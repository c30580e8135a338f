"""Records as the stages write them, of the fields a test cares about; the others are empty."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.dataset.split_record import Sample, Set, Sets, Split
from pipeline.evaluation.accuracy_report import Accuracy, Comparison, Measured, Variant
from pipeline.failures.failure_record import Failure
from pipeline.micro.simulation_report import Arena, Simulation
from pipeline.quantization.quantization_report import Operator, QuantizationReport, Rewritten, Settings
from pipeline.quantization.ranges_record import Ranges
from pipeline.selection.benchmark_report import Benchmark, Machine, ReferenceKernels
from pipeline.selection.decision_record import Constraints, Decision
from pipeline.source.source_record import Counts, ExportedSignature, Signature, Source, Tensor
from pipeline.verification.verify_report import (
    Certificate,
    Check,
    Divergence,
    DivergingOperator,
    Figures,
    Format,
    Macs,
    Operators,
    Parameters,
    VerifyReport,
)


def comparison(**fields: Any) -> Comparison:
    return Comparison(**{**dict.fromkeys(Comparison.__struct_fields__), **fields})


def variant(metrics: Mapping[str, float | None], **fields: Any) -> Variant:
    return Variant(**{**dict.fromkeys(Comparison.__struct_fields__), "metrics": dict(metrics), "undefined": {}, **fields})


def accuracy(original: Mapping[str, float | None] | None, variants: Mapping[str, Variant] | None = None, **fields: Any) -> Accuracy:
    """Of the metrics of the original network, the first of which decides; without labels when there are none."""
    common: dict[str, Any] = {"task": "t", "n": 99, "confidence": 0.95, "correction": "none", "labelled": original is not None}
    if original is None:
        return Accuracy(**{**common, "primary_metric": "accuracy", **fields})
    labelled = {
        "primary_metric": next(iter(original)),
        "original": Measured(metrics=dict(original), undefined={}),
        "variants": dict(variants or {}),
        "points": True,
        "comparisons": 2,
        "higher_is_better": True,
    }
    return Accuracy(**{**common, **labelled, **fields})


def constraints(**fields: Any) -> Constraints:
    free: dict[str, Any] = {"max_bytes": None, "max_latency_ms": None, "integer_only": False, "target": None}
    free |= {"max_arena_bytes": None, "max_flash_bytes": None}
    return Constraints(**{"max_drop": 0.01, "drop_bound": "upper", **free, **fields})


def decision(selected: str | None, **fields: Any) -> Decision:
    given: dict[str, Any] = {"objective": "bytes", "max_drop": 0.01, "reasons": {}, "verdicts": {}, "sentence": ""}
    return Decision(**{"selected": selected, "constraints": constraints(), **given, **fields})


def failure(**fields: Any) -> Failure:
    """Of a variant that could not be built."""
    told: dict[str, Any] = {"variant": "v", "failed": "quantize", "happened": "it was refused", "places": [], "remedy": "do this"}
    return Failure(**{**told, **fields})


def simulation(**fields: Any) -> Simulation:
    """A variant that TFLM runs to the same results."""
    common: dict[str, Any] = {
        "variant": "int8",
        "version": "0.dev1",
        "passed": True,
        "reason": None,
        "samples": 450,
        "flash_bytes": 25248,
        "arena": Arena(bytes=6384, persistent_bytes=3312, reused_bytes=3072),
        "resolver": ["resolver.AddConv2D();", "resolver.AddSoftmax();"],
        "outputs": {},
        "compared": 0,
        "worst": [],
        "operators": [],
        "not_compared": [],
    }
    return Simulation(**{**common, **fields})


def benchmark(**fields: Any) -> Benchmark:
    counts = dict.fromkeys(("compressed_bytes", "runs", "macs", "latency_first_ms", "latency_median_ms", "latency_p95_ms"), 1)
    kernels = ReferenceKernels(operators={}, reason=None)
    rest: dict[str, Any] = {
        "threads": 1,
        "macs_by_operator": {},
        "operators": {},
        "reference_kernels": kernels,
        "peak_memory_kb": 1.0,
        "machine": Machine(processor="p", cores=2, architecture="a", system="s 1", python="3"),
    }
    return Benchmark(**{"variant": "int8", "bytes": 1, **counts, **rest, **fields})


def settings(**fields: Any) -> Settings:
    plain: dict[str, Any] = {"engine": "litert", "algorithm": "min_max", "granularity": "channel", "exclude": []}
    return Settings(**{**plain, "scheme": "static_wi8_ai8", "io_dtype": "int8", "samples": None, "search": None, **fields})


def rewritten(**fields: Any) -> Rewritten:
    given: dict[str, Any] = {
        "operator": "CONV_2D",
        "tensor": "net/conv",
        "layers": ["conv"],
        "channels": 8,
        "dead": 2,
        "coarser": 0,
    }
    return Rewritten(**{**given, "lost": 1e-30, "steps": None, "coarser_steps": None, **fields})


def quantized(**fields: Any) -> Operator:
    """What became of an operator: int8, as asked."""
    done = {"weights": "int8", "activations": "int8", "granularity": "channel", "algorithm": "min_max", "reason": ""}
    return Operator(**{"operator": "CONV_2D", "tensor": "t", "layers": [], **done, **fields})


def outcome(**fields: Any) -> QuantizationReport:
    """What became of a network: nothing is said of its operators."""
    lists: dict[str, Any] = {"operators": [], "rewritten": []}
    nothing: dict[str, Any] = lists | {"constants": {}, "io_dtypes": {}, "float_operators": {}, "integer_only": False}
    return QuantizationReport(**{"variant": "v", "settings": settings(), **nothing, **fields})


_NO_PARAMETERS: dict[str, Any] = {**dict.fromkeys(Parameters.__struct_fields__, 0), "worst_step": None, "scales": None}
_EMPTY = Certificate(
    summary="",
    passed=True,
    faults=(),
    parameters=Parameters(**_NO_PARAMETERS),
    variables=(),
    tensors=(),
    layers=(),
    signature=(),
    operators=Operators(float32={}, file={}),
    macs=Macs(float32=0, file=0),
    format=Format(constants={}, activations={}, io_dtypes={}),
    also=(),
    not_compared=(),
    float_operators=(),
)


def verified(**fields: Any) -> VerifyReport:
    """A report that found nothing."""
    given: dict[str, Any] = {"scheme": "int8", "n": 99, "passed": True, "checks": (), "outputs": {}, "divergence": None}
    return VerifyReport(**{"variant": "v", "certificate": _EMPTY, **given, **fields})


def check(name: str, *, passed: bool = True, reason: str = "") -> Check:
    return Check(name=name, output="", value=None, limit=0.0, bound="at least", passed=passed, reason=reason)


def figures(**fields: Any) -> Figures:
    return Figures(**{**dict.fromkeys(Figures.__struct_fields__), "n": 99, "finite": 1.0, "worst": (), **fields})


def diverging(operator: str, **fields: Any) -> DivergingOperator:
    nothing = dict.fromkeys(("sqnr_db", "expected_db", "weight_db", "activation_db"))
    return DivergingOperator(**{"operator": operator, "layers": (), "tensor": "t", "noise": 0.0, **nothing, **fields})


def divergence(*operators: DivergingOperator) -> Divergence:
    return Divergence(n=8, operators=operators, first=None, exclude_first=())


def split(**sets: Sequence[str]) -> Split:
    """Of ids by set, which are the content hashes too."""
    listed = {name: [Sample(id=id, sha256=id, label=None) for id in sets.get(name, ())] for name in Sets.__struct_fields__}
    made = Sets(**{name: Set(n=len(samples), by_class=None, samples=samples) for name, samples in listed.items()})
    return Split(data="d", classes=None, labelled=False, training_samples=0, dropped_duplicates=[], sets=made)


def ranges(bits: dict[str, dict[str, tuple[float, float]]]) -> Ranges:
    return Ranges(method="min_max", samples=9, bits=bits, stability={}, least_stable=[], constant=[], dead=[], infinite=[])


def source(inputs: list[Tensor]) -> Source:
    """A network with these inputs."""
    return Source(
        name="m",
        format="keras",
        signature=ExportedSignature(key="serving_default", batch=1, inputs=inputs, outputs=[]),
        original_signature=Signature(inputs=inputs, outputs=[]),
        rewritten_to_float32=[],
        layers=[],
        counts=Counts(parameters=0, variables=0),
    )
