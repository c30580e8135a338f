from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from msgspec.structs import replace

from pipeline.errors import UserError
from pipeline.quantization import lost_weights, operator_plan, quantizer, recipes, result, schemes
from pipeline.quantization.quantization_report import Operator as Row
from pipeline.quantization.quantization_report import QuantizationReport
from pipeline.tflite import flatbuffer, operators
from pipeline.tflite.flatbuffer import Graph, Operator, Tensor
from tests import certified, examples, made, networks, records
from tests.helpers import ROOT
from tests.networks import Measured

ROW = records.quantized(
    operator="ELU", tensor="net/bend", layers=["bend"], reason="litert-quantizer has no static_wi8_ai8 for ELU: float32"
)
PLAIN = records.quantized(operator="CONV_2D", tensor="net/conv")


def found(**changes: Any) -> QuantizationReport:
    given: dict[str, Any] = {
        "operators": [PLAIN],
        "rewritten": [],
        "constants": {"int8": 3, "int32": 2},
        "io_dtypes": {"x": "int8", "y": "int8"},
        "float_operators": {},
        "integer_only": True,
    }
    return QuantizationReport(variant="v", settings=records.settings(), **{**given, **changes})


@pytest.mark.parametrize(
    ("scheme", "io_dtype", "integer_only", "floats"),
    [
        ("static_wi8_ai8", "int8", True, {}),
        ("static_wi8_ai8", "uint8", True, {}),
        ("static_wi8_ai8", "float32", False, {}),
        (
            "dynamic_wi8_afp32",
            "float32",
            False,
            {"CONV_2D": 2, "DEPTHWISE_CONV_2D": 1, "MAX_POOL_2D": 1, "RESHAPE": 1, "FULLY_CONNECTED": 2, "SOFTMAX": 1},
        ),
    ],
)
def test_reads_the_finished_file(digits: Measured, scheme: str, io_dtype: str, integer_only: bool, floats: dict[str, int]) -> None:
    graph = flatbuffer.read(digits.quantized(scheme, "min_max", "channel", io_dtype))
    settings = records.settings(io_dtype=io_dtype)
    described = result.describe(graph, [PLAIN], variant="v", settings=settings)
    assert described.integer_only is integer_only
    assert described.float_operators == floats
    assert described.io_dtypes == {"image": io_dtype, "probabilities": io_dtype}
    assert described.constants["int8"] == 5
    assert described.operators == [PLAIN]
    assert (described.variant, described.settings) == ("v", settings)


def test_a_boundary_that_could_not_be_had_is_an_error(digits: Measured) -> None:
    graph = flatbuffer.read(digits.model)
    with pytest.raises(
        UserError, match="io_dtype: int8 was asked for, but image is float32, probabilities is float32: its operator was kept"
    ):
        result.describe(graph, [], variant="v", settings=records.settings(io_dtype="int8"))


def test_a_file_that_changed_nothing_is_an_error_with_the_reasons() -> None:
    with pytest.raises(
        UserError,
        match=r"variants\.v: nothing was quantized: the file has no int4 constant, only int32, int8: litert-quantizer has no",
    ):
        result.require_change(found(operators=[ROW]), "int4", where="variants.v")
    with pytest.raises(UserError, match="only float32: the network holds no operator that can be quantized so"):
        result.require_change(found(constants={"float32": 4}), "int8", where="variants.v")
    with pytest.raises(UserError, match="has no int4 or int8 or float16 constant"):
        result.require_change(found(constants={"float32": 4}), "any", where="variants.v")


@pytest.mark.parametrize("weights", ["int8", "any"])
def test_a_file_that_changed_passes(weights: str) -> None:
    result.require_change(found(), weights, where="variants.v")


def test_remarks_say_what_was_kept_and_what_that_means() -> None:
    assert result.remarks(found(), expected=True) == []
    other = replace(ROW, tensor="net/again", layers=[])
    lines = result.remarks(found(operators=[PLAIN, ROW, other], integer_only=False, float_operators={"ELU": 2}), expected=True)
    assert lines == [
        "litert-quantizer has no static_wi8_ai8 for ELU: float32 (2: bend; net/again)",
        "not integer-only, although its inputs and outputs are: float tensors remain at 2 ELU",
    ]


def test_remarks_name_what_was_rewritten() -> None:
    row = records.rewritten(dead=4, steps=1e-20)
    assert result.remarks(found(rewritten=[row]), expected=True) == [lost_weights.line([row])]


def test_float_tensors_without_an_operator_are_shape_arithmetic() -> None:
    (line,) = result.remarks(found(integer_only=False), expected=True)
    assert line.endswith("float tensors remain at shape arithmetic")
    assert result.remarks(found(integer_only=False), expected=False) == []


class Network(NamedTuple):
    model: bytes
    graph: Graph
    ranges: Mapping[str, Mapping[str, tuple[float, float]]]

    def quantized(self, recipe: recipes.Recipe, **how: Any) -> tuple[list[Row], Graph]:
        """The rows of quantization.json, and the file."""
        plan = operator_plan.describe(self.graph, recipe, **how)
        known = quantizer.ranges_as_statistics(operator_plan.ranges(self.graph, plan, self.ranges))
        found = flatbuffer.read(quantizer.quantize(self.model, recipe, known=known))
        rows = [Row(**vars(row), layers=[]) for row in plan]
        return result.describe(found, rows, variant="v", settings=records.settings(io_dtype="float32")).operators, found

    def whole(self, scheme: str, granularity: str, *, exclude: tuple[str, ...] = ()) -> tuple[list[Row], Graph]:
        algorithm = schemes.SCHEMES["litert"][scheme].algorithms[0]
        how: dict[str, Any] = {"scheme": scheme, "algorithm": algorithm, "granularity": granularity, "exclude": exclude}
        return self.quantized(recipes.whole(self.graph, **how, io_dtype="float32"), **how)


def _unsupported(folder: Path) -> Network:
    made_ = networks.unsupported(folder)
    names = {tensor.name for tensor in flatbuffer.activations(flatbuffer.read(made_.model))}
    return Network(made_.model, flatbuffer.read(made_.model), dict.fromkeys(("8", "16"), dict.fromkeys(names, (-4.0, 4.0))))


def _digits() -> Any:
    import keras

    return keras.models.load_model(ROOT / "models" / "digits_cnn.keras", compile=False)


def _example(name: str) -> Any:
    return examples.EXAMPLES[name]()[0]


BUILDERS: dict[str, Callable[[], Any]] = {
    **certified.NETWORKS,
    **{name: partial(_example, name) for name in examples.EXAMPLES},
    "digits": _digits,
}


@pytest.fixture(scope="module", params=[*BUILDERS, "unsupported"])
def network(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Network:
    """Every network of the tests."""
    folder = tmp_path_factory.mktemp("network") / "saved"
    if request.param == "unsupported":
        return _unsupported(folder)
    built = made.make(BUILDERS[request.param](), folder)
    return Network(built.float32, flatbuffer.read(built.float32), made.measured(built))


def untrue(rows: Sequence[Row], expected: Graph, found: Graph) -> list[str]:
    """Rows of quantization.json that do not say what the file holds."""
    own = [operator for operator in found.operators if operator.name not in operators.CONVERSIONS]
    assert [row.operator for row in rows] == [operator.name for operator in own] == [o.name for o in expected.operators]
    faults = []
    for row, operator in zip(rows, own, strict=True):
        output, weights = found.tensors[operator.outputs[0]], _weights(found, operator)
        held: dict[str, Any] = {"activations": output.dtype, "weights": weights.dtype if weights else None}
        if weights and weights.dtype in ("int4", "int8"):
            # A kernel of one channel has one scale, for the channel and for the tensor.
            single = weights.scales is not None and len(weights.scales) == 1 and row.granularity != "channel"
            held["granularity"] = f"block{weights.block}" if weights.block else "tensor" if single else "channel"
        said = {key: getattr(row, key) for key in held}
        faults += [f"{row.operator}: {key} {said[key]}, not {value}" for key, value in held.items() if said[key] != value]
        if row.reason == "excluded":
            reads = {found.tensors[index].dtype for index in (*operator.inputs, *operator.outputs) if index >= 0}
            if "float32" not in reads or reads - {"float32", "int32", "int64", "bool"}:
                faults.append(f"{row.operator}: excluded, not {sorted(reads)}")
    return faults


def _weights(graph: Graph, operator: Operator) -> Tensor | None:
    """The constant that holds them, behind a DEQUANTIZE if need be."""
    row = operators.of(operator.name)
    if row.kernel is None or row.quantizer is None:
        return None
    behind = {other.outputs[0]: other.inputs[0] for other in graph.operators if other.name == "DEQUANTIZE"}
    tensor = graph.tensors[behind.get(operator.inputs[row.kernel], operator.inputs[row.kernel])]
    return tensor if tensor.data is not None else None


def test_what_is_said_of_each_operator_is_what_the_file_holds(network: Network) -> None:
    """Every scheme, and each type of operator excluded in turn."""
    types = sorted({operator.name for operator in network.graph.operators})
    for scheme, facts in schemes.SCHEMES["litert"].items():
        if scheme in ("float32", "mixed") or (facts.activations != "float32" and operators.SUBGRAPHS & set(types)):
            continue  # a loop is refused (control_flow)
        for granularity in facts.granularities:
            if schemes.refusal(scheme, facts.algorithms[0], granularity) is not None:
                continue
            rows, found = network.whole(scheme, granularity)
            assert untrue(rows, network.graph, found) == [], (scheme, granularity)
            assert not [row for row in rows if row.reason == "excluded"]
        for name in types if scheme in ("static_wi8_ai8", "dynamic_wi8_afp32", "weightonly_wi8_afp32") else ():
            tensors = tuple(network.graph.tensors[o.outputs[0]].name for o in network.graph.operators if o.name == name)
            rows, found = network.whole(scheme, facts.granularities[0], exclude=tensors)
            assert untrue(rows, network.graph, found) == [], (scheme, "without", name)


def test_what_is_said_of_a_mixed_file_is_what_it_holds(network: Network) -> None:
    if operators.SUBGRAPHS & {operator.name for operator in network.graph.operators}:
        return
    tensors = [network.graph.tensors[operator.outputs[0]].name for operator in network.graph.operators]
    for turn in range(4):
        names = ("static_wi8_ai8", "dynamic_wi8_afp32", "float32", "static_wi8_ai16")
        chosen = {tensor: names[(number + turn) % 4] for number, tensor in enumerate(tensors)}
        recipe = recipes.each(network.graph, chosen, algorithm="min_max", granularity="channel")
        rows, found = network.quantized(recipe, scheme="mixed", algorithm="recipe", granularity="recipe")
        assert untrue(rows, network.graph, found) == []


@pytest.fixture(scope="module")
def convolutions(tmp_path_factory: pytest.TempPathFactory) -> Network:
    built = made.make(certified.convolutions(), tmp_path_factory.mktemp("convolutions") / "saved")
    return Network(built.float32, flatbuffer.read(built.float32), made.measured(built))


@pytest.mark.parametrize("scheme", ["static_wi8_ai8", "dynamic_wi8_afp32", "weightonly_wi8_afp32", "float16"])
def test_an_excluded_transposed_convolution_is_float(convolutions: Network, scheme: str) -> None:
    """Its weights are those of the float32 file; without the exclusion they are not."""
    (operator,) = [operator for operator in convolutions.graph.operators if operator.name == "TRANSPOSE_CONV"]
    tensor, granularity = convolutions.graph.tensors[operator.outputs[0]].name, schemes.SCHEMES["litert"][scheme].granularities[0]
    dtypes = {}
    for exclude in ((), (tensor,)):
        rows, found = convolutions.whole(scheme, granularity, exclude=exclude)
        (said,) = [row for row in rows if row.operator == "TRANSPOSE_CONV"]
        (held,) = [other for other in found.operators if other.name == "TRANSPOSE_CONV"]
        weights = _weights(found, held)
        assert weights is not None
        assert said.weights == weights.dtype
        assert (said.reason == "excluded") == bool(exclude)
        dtypes[exclude] = weights.dtype
    assert dtypes == {(): schemes.SCHEMES["litert"][scheme].weights, (tensor,): "float32"}


def test_a_search_offers_a_transposed_convolution(convolutions: Network) -> None:
    (operator,) = [operator for operator in convolutions.graph.operators if operator.name == "TRANSPOSE_CONV"]
    for scheme in ("static_wi8_ai8", "dynamic_wi8_afp32"):
        assert recipes.choice(convolutions.graph, operator, scheme=scheme, algorithm="min_max", granularity="channel")
        tensor = convolutions.graph.tensors[operator.outputs[0]].name
        recipe = recipes.each(convolutions.graph, {tensor: scheme}, algorithm="min_max", granularity="channel")
        rows, found = convolutions.quantized(recipe, scheme="mixed", algorithm="recipe", granularity="recipe")
        assert {row.operator for row in rows if row.weights == "int8"} == {"TRANSPOSE_CONV"}
        assert untrue(rows, convolutions.graph, found) == []
