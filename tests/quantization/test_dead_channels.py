from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from pipeline.cli import audit
from pipeline.custom import layers as custom
from pipeline.quantization import dead_channels
from pipeline.runtime import interpreter
from pipeline.source import inference_graph, loaders, network
from pipeline.tflite import flatbuffer, operators
from pipeline.tflite.flatbuffer import Graph, Operator, Tensor
from pipeline.verification import fidelity, float32_proof, judgement
from tests import certified, faults
from tests.helpers import published
from tests.made import Made, beside, beside_samples, litert, make, measured

# Of `certified.dying`: each has the dead channels, the first convolution and the last dense layer have none.
PLANTED = 5


@pytest.fixture
def raw(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A file as the library writes it."""

    def build(made: Made, scheme: str, algorithm: str = "min_max") -> bytes:
        with monkeypatch.context() as patch, np.errstate(all="ignore"):
            patch.setattr(dead_channels, "rewritten", lambda float32, quantized: quantized)
            return litert(made, scheme, algorithm)

    return build


def sqnr(made: Made, model: bytes) -> float:
    expected, found = (interpreter.predict(file, made.samples, workers=1)["out"] for file in (made.float32, model))
    value = fidelity.measure(expected, found)["sqnr_db"]
    assert value is not None
    return value


def linear(graph: Graph) -> list[tuple[Operator, Tensor, Tensor, int]]:
    """Operators with kernel, bias and the axis of the channels."""
    rows = [(operator, operators.of(operator.name)) for operator in graph.operators if operator.name in operators.LINEAR]
    return [
        (operator, graph.tensors[operator.inputs[row.kernel]], graph.tensors[operator.inputs[row.bias]], row.axis)
        for operator, row in rows
        if row.kernel is not None and row.bias is not None and row.axis is not None
    ]


@pytest.mark.parametrize("scheme", ["static_wi8_ai8", "static_wi8_ai16", "static_wi4_ai8"])
def test_a_dead_channel_is_zeros_and_its_constant_and_no_other_channel_changes(dying: Made, raw: Any, scheme: str) -> None:
    before, after = linear(flatbuffer.read(raw(dying, scheme))), linear(flatbuffer.read(litert(dying, scheme)))
    original = linear(flatbuffer.read(dying.float32))
    planted = 0
    for (_, kernel, bias, axis), (_, old, was, _), (_, _, constant, _) in zip(after, before, original, strict=True):
        codes, earlier = (np.moveaxis(flatbuffer.values(tensor), axis, 0) for tensor in (kernel, old))
        assert kernel.scales is not None
        assert old.scales is not None
        dead = ~codes.reshape(len(codes), -1).any(axis=1)
        assert np.flatnonzero(dead).tolist() in ([], sorted(certified.DEAD))
        planted += bool(dead.any())
        assert flatbuffer.real(bias)[dead] == pytest.approx(flatbuffer.values(constant)[dead], rel=2.0**-28)
        # Half of 32 bits.
        assert (np.abs(flatbuffer.values(bias)[dead]) < 2**30 * (1 + 1e-6)).all()
        np.testing.assert_array_equal(codes[~dead], earlier[~dead])
        np.testing.assert_array_equal(kernel.scales[~dead], old.scales[~dead])
        np.testing.assert_array_equal(flatbuffer.values(bias)[~dead], flatbuffer.values(was)[~dead])
    assert planted == PLANTED


@pytest.mark.parametrize(("scheme", "least"), [("static_wi8_ai8", 40), ("static_wi8_ai16", 40), ("dynamic_wi8_afp32", 40)])
def test_the_file_computes_what_the_network_does(dying: Made, raw: Any, scheme: str, least: float) -> None:
    assert sqnr(dying, litert(dying, scheme)) > least
    if scheme.startswith("static"):
        assert sqnr(dying, raw(dying, scheme)) < 10
    else:
        # Nothing was wrong with it.
        assert raw(dying, scheme) == litert(dying, scheme)


@pytest.mark.parametrize("algorithm", ["mse", "octav"])
@pytest.mark.parametrize("kernel", [0.0, 1e-42])
def test_without_a_least_scale_litert_would_not_run_the_file(tmp_path: Path, raw: Any, algorithm: str, kernel: float) -> None:
    made = make(certified.dying(kernel), tmp_path / "source")
    with pytest.raises(Exception, match="unsupported scale value"):
        sqnr(made, raw(made, "dynamic_wi8_afp32", algorithm))
    with np.errstate(all="ignore"):
        assert sqnr(made, litert(made, "dynamic_wi8_afp32", algorithm)) > 30


def test_a_file_without_dead_channels_keeps_its_bytes(nets: Any, raw: Any) -> None:
    for scheme in ("static_wi8_ai8", "static_wi8_ai16", "dynamic_wi8_afp32", "weightonly_wi8_afp32"):
        assert litert(nets("convolutions"), scheme) == raw(nets("convolutions"), scheme)


def test_small_weights_beside_a_large_constant_are_kept_as_well_as_they_can(tmp_path: Path, raw: Any) -> None:
    """Not dead: of 16 bits they are seen."""
    x = features = keras.Input((16,), name="features")
    x = keras.layers.Dense(8, activation="relu", name="dense")(x)
    model = certified.randomised(keras.Model(features, keras.layers.Dense(4, name="out")(x), name="small"))
    weights, bias = model.get_layer("dense").get_weights()
    weights[:, 3] *= 1e-4
    bias[3] = 2.0
    model.get_layer("dense").set_weights([weights, bias])
    made = make(model, tmp_path / "source")
    (_, kernel, stored, _), _ = linear(flatbuffer.read(litert(made, "static_wi8_ai16")))
    (_, old, cut, _), _ = linear(flatbuffer.read(raw(made, "static_wi8_ai16")))
    assert kernel.scales is not None
    assert old.scales is not None
    assert kernel.scales[3] > 1.5 * old.scales[3]
    assert flatbuffer.real(cut)[3] < 1.5
    assert flatbuffer.real(stored)[3] == pytest.approx(2.0, rel=1e-6)
    expected = np.rint(weights[:, 3].astype(np.float64) / kernel.scales[3])
    assert flatbuffer.values(kernel)[3].tolist() == expected.tolist()
    assert 0 < np.abs(expected).max() < 127


def test_a_kernel_that_several_operators_read_holds_the_constants_of_all(tmp_path: Path) -> None:
    model = certified.randomised(certified.shared())
    weights, bias = model.get_layer("twice").get_weights()
    weights[:, 1], bias[1] = 1e-33, 0.7
    model.get_layer("twice").set_weights([weights, bias])
    made = make(model, tmp_path / "source")
    for scheme in ("static_wi8_ai8", "static_wi8_ai16"):
        rows = linear(flatbuffer.read(litert(made, scheme)))
        biases = [flatbuffer.real(stored)[1] for _, kernel, stored, _ in rows if not flatbuffer.values(kernel)[1].any()]
        assert biases == pytest.approx([0.7, 0.7], rel=1e-6)


def test_constants_that_share_their_bytes_are_parted(dying: Made, raw: Any) -> None:
    def shared(content: Any) -> None:
        convolutions = faults.operators(content, "CONV_2D")
        first, other = (faults.tensor_of(content, operator, 2) for operator in convolutions[:2])
        first.buffer = other.buffer

    file = faults.edited(raw(dying, "static_wi8_ai8"), shared)
    before, after = (linear(flatbuffer.read(model)) for model in (file, dead_channels.rewritten(dying.float32, file)))
    np.testing.assert_array_equal(flatbuffer.values(after[0][2]), flatbuffer.values(before[0][2]))
    channels = sorted(certified.DEAD)
    constants = flatbuffer.real(next(bias for operator, _, bias, _ in after[1:] if operator.name == "CONV_2D"))[channels]
    assert constants == pytest.approx(list(certified.DEAD.values()), rel=1e-6)


def test_what_something_else_reads_is_left_alone(dying: Made, raw: Any) -> None:
    def borrowed(content: Any) -> None:
        first, other = faults.operators(content, "CONV_2D")[:2]
        first.inputs = [*first.inputs[:2], other.inputs[2]]

    file = faults.edited(raw(dying, "static_wi8_ai8"), borrowed)
    before, after = (linear(flatbuffer.read(model)) for model in (file, dead_channels.rewritten(dying.float32, file)))
    assert before[2][0].name == "CONV_2D"
    for place, same in ((2, True), (4, False)):
        assert np.array_equal(flatbuffer.values(before[place][2]), flatbuffer.values(after[place][2])) == same


@pytest.mark.slow
def test_the_published_network_with_dead_channels_passes(tmp_path: Path) -> None:
    """MLPerf Tiny's MobileNet: 971 channels of 9 convolutions with kernels of 1e-30."""
    _, loaded = loaders.load(published() / "vww_96.h5", format="auto", custom=custom.LAYERS)
    inputs = network.fixed(loaded.inputs, shapes={}, batch=1)
    outputs, _ = network.export(loaded, tmp_path / "source", inputs=inputs)
    graph, constants = inference_graph.read(tmp_path / "source", loaded.weights)
    ends = {"inputs": network.signature(network.in_float32(inputs)), "outputs": network.signature(outputs)}
    source = float32_proof.Source(
        graph=graph,
        constants=constants,
        weights=loaded.weights,
        layers=loaded.layers,
        signature={"key": "serving_default", **ends},
        numbered=False,
    )
    coarse = np.random.default_rng(0).random((8, 6, 6, 3)).astype(np.float32)
    (name,) = (row["name"] for row in ends["inputs"])
    made = beside_samples(tmp_path / "source", source, {name: coarse.repeat(16, axis=1).repeat(16, axis=2)})
    reference = interpreter.predict(made.float32, made.samples, workers=1)
    for scheme, io_dtype in (("static_wi8_ai8", "int8"), ("static_wi8_ai16", "int16"), ("dynamic_wi8_afp32", "float32")):
        model = litert(made, scheme)
        report = judgement.judge(
            source,
            made.float32,
            model,
            scheme=scheme,
            io_dtype=io_dtype,
            algorithm="min_max",
            engine="litert",
            measured=measured(made) if scheme.startswith("static") else None,
            outputs=judgement.Outputs(
                samples=made.samples,
                ids=[str(number) for number in range(8)],
                reference=reference,
                predicted=interpreter.predict(model, made.samples, workers=1),
            ),
            limits=audit.limits(),
            conversion=beside(made, made.float32),
            proof=made.proof,
        )
        assert report["passed"], [row["reason"] for row in report["checks"] if not row["passed"]]
        assert any(line.startswith("971 dead channels") for line in report["certificate"]["also"])
