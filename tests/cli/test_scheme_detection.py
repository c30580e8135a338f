"""A file says by its dtypes of which scheme it is, or that it is of none."""

import numpy as np
import pytest

from pipeline.cli import scheme_detection
from pipeline.quantization.schemes import SCHEMES
from pipeline.tflite import flatbuffer
from pipeline.tflite.flatbuffer import Graph, Operator, Subgraph, Tensor
from pipeline.verification import judgement
from tests import certified
from tests.made import Made, blockwise, converted, litert, make


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make(certified.randomised(certified.wide()), tmp_path_factory.mktemp("wide") / "source")


def detect(model: bytes | Graph) -> tuple[str | None, str]:
    graph = flatbuffer.read(model) if isinstance(model, bytes) else model
    return scheme_detection.detect(graph, judgement.BY_NAME)


@pytest.mark.parametrize("scheme", [name for name in SCHEMES["litert"] if name != "mixed"])
def test_a_file_of_each_scheme(wide: Made, scheme: str) -> None:
    model = wide.float32 if scheme == "float32" else litert(wide, scheme)
    assert detect(model)[0] == scheme


@pytest.mark.parametrize("scheme", SCHEMES["converter"])
def test_a_file_of_each_scheme_of_the_converter(wide: Made, scheme: str) -> None:
    found, how = detect(converted(wide, scheme))
    if scheme.endswith("_fallback"):
        # Where everything could be quantized nothing tells them apart.
        assert found == scheme.removesuffix("_fallback")
        assert f"the same as those of {scheme}" in how
    else:
        assert found == scheme


def test_engines_mean_the_same_by_a_scheme() -> None:
    for engine, name in ((engine, name) for engine, table in SCHEMES.items() for name in table):
        ours, judged = SCHEMES[engine][name], judgement.BY_NAME[name]
        for field in ("weights", "activations", "computes", "io_dtype", "integer_only"):
            assert getattr(ours, field) == getattr(judged, field)


def dense(*formats: tuple[str, str]) -> Graph:
    """One FULLY_CONNECTED after the other with constant weights, of these dtypes of weights and of what it reads."""
    tensors: list[Tensor] = []
    operators = []
    for weights, activations in formats:
        tensors += [of("x", activations, None), of("w", weights, np.zeros(4, np.uint8)), of("y", activations, None)]
        at = len(tensors) - 3
        operators.append(Operator(name="FULLY_CONNECTED", inputs=(at, at + 1), outputs=(at + 2,), options={}))
    inner = Subgraph(name="main", inputs=(), outputs=(), tensors=tensors, operators=operators)
    return Graph(signature="s", inputs={}, outputs={}, tensors=tensors, operators=operators, subgraphs=[inner])


def of(name: str, dtype: str, data: np.ndarray | None) -> Tensor:
    scales = np.ones(1, np.float32) if dtype.startswith("int") else None
    zeros = None if scales is None else np.zeros(1, np.int64)
    return Tensor(name=name, shape=(1, 4), dtype=dtype, data=data, scales=scales, zero_points=zeros, quantized_dimension=0)


@pytest.mark.parametrize(
    ("formats", "scheme", "how"),
    [
        ([("int8", "int8"), ("float32", "float32")], "static_wi8_ai8_fallback", "static_wi8_ai8)"),
        ([("int4", "float32"), ("int8", "float32")], "dynamic_wi4_afp32", "found from its dtypes"),
        ([("int8", "float32"), ("float32", "float32")], "dynamic_wi8_afp32", "found from its dtypes"),
        ([("int8", "int8"), ("int8", "float32")], "mixed", "its operators are of dynamic_wi8_afp32, static_wi8_ai8"),
        ([("int8", "int8"), ("int8", "int16")], "mixed", "its operators are of static_wi8_ai16, static_wi8_ai8"),
        ([("int2", "float32")], None, "no scheme has int2 weights with float32 activations"),
        ([("int2", "float32"), ("int8", "float32")], None, "no scheme has int2 weights"),
        ([("int8", "float16")], None, "no scheme has int8 weights with float16 activations"),
        ([], "float32", "found from its dtypes"),
    ],
)
def test_operators_of_several_formats(formats: list[tuple[str, str]], scheme: str | None, how: str) -> None:
    found, said = detect(dense(*formats))
    assert found == scheme
    assert how in said


def test_int2_is_no_scheme(wide: Made) -> None:
    assert detect(blockwise(wide, 2, 0))[0] is None


@pytest.mark.parametrize(
    ("dtypes", "scheme"),
    [(("int8", "int8"), "static_wi8_ai8"), (("int16", "int16"), "static_wi8_ai16"), (("int8", "float32"), None)],
)
def test_without_a_kernel_only_a_file_of_one_kind_says_what_it_is(dtypes: tuple[str, str], scheme: str | None) -> None:
    tensors = [of("x", dtypes[0], None), of("y", dtypes[0], None), of("z", dtypes[1], None)]
    operators = [Operator(name="TANH", inputs=(at,), outputs=(at + 1,), options={}) for at in range(2)]
    inner = Subgraph(name="main", inputs=(0,), outputs=(2,), tensors=tensors, operators=operators)
    graph = Graph(signature="s", inputs={}, outputs={}, tensors=tensors, operators=operators, subgraphs=[inner])
    assert detect(graph)[0] == scheme
