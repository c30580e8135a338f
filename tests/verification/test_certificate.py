"""The certificate holds for every clean file, and every fault that exists in a file's own format is seen and named."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.quantization.schemes import SCHEMES, Scheme
from pipeline.verification import certificate
from tests import certified, faults
from tests.made import Made, blockwise, converted, litert, make, measured

FORMATS = {
    "float32": "float32",
    "float16": "float16",
    "dynamic_wi8_afp32": "int8",
    "static_wi8_ai8": "int8",
    "static_wi8_ai16": "int8",
}
# What the engines refuse: an embedding's tokens have no range for the converter's 16 bits, and neither quantizes the WHILE of
# these recurrent networks.
REFUSED = {
    ("attention", "converter", "static_wi8_ai16"),
    *(("recurrent", engine, scheme) for engine in SCHEMES for scheme in ("static_wi8_ai8", "static_wi8_ai16")),
    ("recurrent", "converter", "static_wi8_ai8_fallback"),
}
# The converter stores the bias of a layer used twice once, with the scale of one of its two inputs: a fault of the file.
FAULTY = {("shared", "converter", "static_wi8_ai16")}
FILES = [
    (name, engine, scheme)
    for engine, table in SCHEMES.items()
    for scheme in (*FORMATS, "static_wi8_ai8_fallback")
    for name in certified.NETWORKS
    if scheme in table and (name, engine, scheme) not in REFUSED
]


@pytest.fixture(scope="module")
def nets(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Made]:
    @cache
    def build(name: str) -> Made:
        return make(certified.randomised(certified.NETWORKS[name]()), tmp_path_factory.mktemp(name) / "source")

    return build


@pytest.fixture(scope="module")
def files(nets: Callable[[str], Made]) -> Callable[[str, str], bytes]:
    """The file of a network in a scheme of the engine litert."""

    @cache
    def build(name: str, scheme: str) -> bytes:
        return nets(name).float32 if scheme == "float32" else litert(nets(name), scheme)

    return build


def certify(
    made: Made, model: bytes, scheme: Scheme | None, algorithm: str | None = "min_max", *, ranges: bool = False
) -> dict[str, Any]:
    io_dtype, known = None if scheme is None else scheme.io_dtype[0], measured(made) if ranges else None
    return certificate.certify(
        made.source, made.proof, model, scheme=scheme, io_dtype=io_dtype, algorithm=algorithm, measured=known
    )


def named(report: dict[str, Any]) -> set[str]:
    """Layers and tensors that the faults name."""
    found = {layer for fault in report["faults"] for layer in fault["layers"]}
    return found | {fault["tensor"] for fault in report["faults"] if fault["tensor"]}


@pytest.mark.parametrize(("name", "engine", "scheme"), FILES)
def test_a_clean_file_holds_every_parameter(
    nets: Callable[[str], Made], files: Callable[[str, str], bytes], name: str, engine: str, scheme: str
) -> None:
    made = nets(name)
    model = files(name, scheme) if engine == "litert" else converted(made, scheme)
    # TFLiteConverter calibrates on a graph of its own.
    report = certify(made, model, SCHEMES[engine][scheme], ranges=engine == "litert" and scheme.startswith("static"))
    parameters = report["parameters"]
    assert parameters["share"] == 1
    assert parameters["accounted"] == parameters["total"] == sum(array.size for array in made.source.weights.values())
    if (name, engine, scheme) in FAULTY:
        assert {fault["check"] for fault in report["faults"]} == {"scales"}
        assert "twice" in named(report)
    else:
        assert report["faults"] == []
        assert report["passed"]
    if parameters["worst_step"] is not None:
        assert parameters["worst_step"] <= 0.5 + 1e-4


@pytest.mark.parametrize(("bits", "block"), [(8, 0), (4, 0), (2, 0), (4, 32), (2, 32)])
def test_int4_and_blocks_of_32(nets: Callable[[str], Made], bits: int, block: int) -> None:
    made = nets("wide")
    report = certify(made, blockwise(made, bits, block), None)
    assert report["parameters"]["share"] == 1
    assert report["parameters"]["quantized"] == 64 * 64 * 3 + 640
    assert report["faults"] == []


@pytest.mark.parametrize("scheme", ["mse", "octav"])
def test_other_algorithms_choose_other_scales_and_their_codes_still_follow(nets: Callable[[str], Made], scheme: str) -> None:
    made = nets("wide")
    model = litert(made, "dynamic_wi8_afp32", algorithm=scheme)
    assert certify(made, model, SCHEMES["litert"]["dynamic_wi8_afp32"], algorithm=scheme)["passed"]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64", "mixed_float16"])
def test_a_network_that_was_rewritten_to_float32(dtype: str, tmp_path: Path) -> None:
    """Its weights are constants of the exported graph; batch normalisation is followed all the same."""
    layers = keras.layers
    image = keras.Input((8, 8, 3), name="image", dtype="float32" if dtype.startswith("mixed") else dtype)
    x = layers.Conv2D(8, 3, name="conv", dtype=dtype)(image)
    x = layers.ReLU(name="relu", dtype=dtype)(layers.BatchNormalization(name="bn", dtype=dtype)(x))
    out = layers.Dense(4, name="out", dtype=dtype)(layers.Flatten(name="flat", dtype=dtype)(x))
    made = make(certified.randomised(keras.Model(image, out)), tmp_path / "source")
    report = certify(made, made.float32, SCHEMES["litert"]["float32"])
    assert report["passed"]
    kernel = 3 * 3 * 3 * 8
    assert report["parameters"]["folded"] == kernel + 8 + 4 * 8  # kernel, bias, and the four of batch normalisation
    assert report["parameters"]["exact"] == 6 * 6 * 8 * 4 + 4
    assert report["parameters"]["absent"] == 0


def test_a_savedmodel_without_keras(tmp_path: Path) -> None:
    from pipeline.source import converter, inference_graph, network, saved_model
    from pipeline.source.tensorflow_setup import tf

    rng = np.random.default_rng(0)

    class Plain(tf.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.kernel = tf.Variable(rng.normal(size=(3, 3, 2, 4)).astype(np.float32), name="kernel")
            self.scale = tf.Variable(rng.random(4).astype(np.float32) + 0.5, name="scale")
            self.offset = tf.Variable(rng.normal(size=4).astype(np.float32), name="offset")
            self.dense = tf.Variable(rng.normal(size=(144, 3)).astype(np.float32), name="dense")

        @tf.function(input_signature=[tf.TensorSpec([1, 6, 6, 2], tf.float32, name="x")])  # type: ignore[untyped-decorator]
        def serve(self, x: Any) -> Any:
            y = tf.nn.conv2d(x, self.kernel, 1, "SAME")
            zeros = tf.zeros(4)
            y = tf.nn.batch_normalization(y, zeros, tf.ones(4), self.offset, self.scale, 1e-3)
            return {"y": tf.matmul(tf.reshape(tf.nn.relu(y), [1, 144]), self.dense)}

    module = Plain()
    tf.saved_model.save(module, str(tmp_path / "plain"), signatures={"serving_default": module.serve})
    loaded = saved_model.load(tmp_path / "plain", signature=None)
    inputs = network.fixed(loaded.inputs, shapes={}, batch=1)
    outputs, _ = network.export(loaded, tmp_path / "source", inputs=inputs)
    graph, constants = inference_graph.read(tmp_path / "source", loaded.weights)
    source = certificate.Source(
        graph=graph,
        constants=constants,
        weights=loaded.weights,
        layers=[],
        signature={"key": "serving_default", "inputs": network.signature(inputs), "outputs": network.signature(outputs)},
        numbered=False,
    )
    float32 = converter.convert_saved_model(tmp_path / "source")
    proof = certificate.prove(source, float32)
    report = certificate.certify(source, proof, float32, scheme=None, io_dtype=None, algorithm=None)
    assert report["faults"] == []
    assert report["parameters"]["accounted"] == 72 + 4 + 4 + 432
    assert report["parameters"]["folded"] == 72 + 8
    wrong = faults.edited(float32, weight("FULLY_CONNECTED", 0, "float32"))
    report = certificate.certify(source, proof, wrong, scheme=None, io_dtype=None, algorithm=None)
    assert [row["path"] for row in report["variables"] if not row["passed"]] == ["dense"]


def constant(content: Any, operator: Any, place: int) -> Any:
    """The constant an operator reads, also through the DEQUANTIZE of a float16 file."""
    tensor = faults.tensor_of(content, operator, place)
    for other in faults.operators(content, "DEQUANTIZE"):
        if other.outputs[0] == operator.inputs[place]:
            return content.subgraphs[0].tensors[other.inputs[0]]
    return tensor


def weight(operator: str, number: int, dtype: str, entry: int | None = None) -> faults.Edit:
    """One weight changed by 1 %, or by one code or unit in the last place where that is more; the largest unless said."""

    def edit(content: Any) -> None:
        values = faults.array(content, constant(content, faults.operators(content, operator)[number], 1), dtype)
        at = int(np.argmax(np.abs(values.astype(np.float64)))) if entry is None else entry % values.size
        if dtype == "int8":
            step = max(1, round(abs(int(values[at])) * 0.01))
            values[at] = values[at] - step if values[at] > 0 else values[at] + step
        else:
            changed = values[at] * np.asarray(1.01, dtype)
            values[at] = changed if changed != values[at] else np.nextafter(values[at], np.asarray(np.inf, dtype))

    return edit


def channels_swapped(operator: str, number: int, dtype: str) -> faults.Edit:
    def edit(content: Any) -> None:
        tensor = constant(content, faults.operators(content, operator)[number], 1)
        kernel = faults.array(content, tensor, dtype).reshape(tensor.shape)
        kernel[[0, 1]] = kernel[[1, 0]]

    return edit


def transposed(content: Any, dtype: str) -> None:
    tensor = constant(content, faults.operators(content, "CONV_2D")[1], 1)
    kernel = faults.array(content, tensor, dtype).reshape(tensor.shape)
    kernel[:] = kernel.transpose(0, 2, 1, 3).copy()


def relu_for_relu6(content: Any) -> None:
    faults.operators(content, "CONV_2D")[0].builtinOptions.fusedActivationFunction = 1


def outputs_swapped(content: Any) -> None:
    first, second = content.signatureDefs[0].outputs
    first.tensorIndex, second.tensorIndex = second.tensorIndex, first.tensorIndex


def layer_removed(content: Any) -> None:
    faults.removed(content, faults.operators(content, "TANH")[0])


def inputs_swapped(content: Any) -> None:
    operator = faults.operators(content, "FULLY_CONNECTED")
    operator[1].inputs, operator[2].inputs = operator[2].inputs, operator[1].inputs


FAULTS: dict[str, tuple[Callable[[str], faults.Edit], set[str]]] = {
    "one weight of a convolution by 1 %": (lambda dtype: weight("CONV_2D", 1, dtype), {"strided"}),
    "one weight of a depthwise convolution by 1 %": (lambda dtype: weight("DEPTHWISE_CONV_2D", 0, dtype), {"depthwise"}),
    "one weight of a transposed convolution by 1 %": (lambda dtype: weight("TRANSPOSE_CONV", 0, dtype), {"transposed"}),
    "one weight of a dense layer by 1 %": (lambda dtype: weight("FULLY_CONNECTED", 0, dtype), {"dense"}),
    "two channels swapped": (lambda dtype: channels_swapped("CONV_2D", 1, dtype), {"strided"}),
    "a kernel transposed wrongly": (lambda dtype: lambda content: transposed(content, dtype), {"strided"}),
    "ReLU for ReLU6": (lambda dtype: relu_for_relu6, {"relu6"}),
    "two outputs swapped": (lambda dtype: outputs_swapped, {"first", "second"}),
    "a layer removed": (lambda dtype: layer_removed, {"tanh"}),
    "two layers' weights swapped": (lambda dtype: inputs_swapped, {"first", "second"}),
}


@pytest.mark.parametrize("scheme", FORMATS)
@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_seen_and_named(
    nets: Callable[[str], Made], files: Callable[[str, str], bytes], scheme: str, fault: str
) -> None:
    edit, layers = FAULTS[fault]
    wrong = faults.edited(files("convolutions", scheme), edit(FORMATS[scheme]))
    report = certify(nets("convolutions"), wrong, SCHEMES["litert"][scheme])
    assert not report["passed"]
    assert layers <= named(report)


@pytest.mark.parametrize("fault", [name for name in FAULTS if name != "two layers' weights swapped"])
def test_each_fault_is_seen_without_a_sound_file_beside_it(nets: Callable[[str], Made], fault: str) -> None:
    """The float32 file itself is wrong: only the network's own graph can tell."""
    made = nets("convolutions")
    edit, layers = FAULTS[fault]
    wrong = faults.edited(made.float32, edit("float32"))
    proof = certificate.prove(made.source, wrong)
    report = certificate.certify(made.source, proof, wrong, scheme=None, io_dtype=None, algorithm=None)
    assert not report["passed"]
    assert layers <= named(report)


def test_a_file_written_again_is_not_accused(nets: Callable[[str], Made], files: Callable[[str, str], bytes]) -> None:
    for scheme in FORMATS:
        assert certify(nets("convolutions"), faults.edited(files("convolutions", scheme), lambda content: None), None)["passed"]


def test_a_bias_dropped_in_folding(nets: Callable[[str], Made]) -> None:
    made = nets("convolutions")

    def edit(content: Any) -> None:
        values = faults.array(content, faults.tensor_of(content, faults.operators(content, "CONV_2D")[0], 2), "float32")
        w = made.source.weights
        scale = w["bn_full/gamma"] / np.sqrt(w["bn_full/moving_variance"] + 1e-3)
        values -= w["conv/bias"] * scale

    wrong = faults.edited(made.float32, edit)
    report = certify(made, wrong, None)
    assert "conv/bias" in {row["path"] for row in report["variables"] if not row["passed"]}
    assert "conv" in named(report)
    proof = certificate.prove(made.source, wrong)
    again = certificate.certify(made.source, proof, wrong, scheme=None, io_dtype=None, algorithm=None)
    assert "conv/bias" in {row["path"] for row in again["variables"] if not row["passed"]}


def test_a_wrong_epsilon(nets: Callable[[str], Made], tmp_path: Path) -> None:
    """The same weights folded with another epsilon, as a converter would that takes Keras' default for granted."""
    made = nets("convolutions")
    model = certified.convolutions()
    config = model.get_config()
    layer = next(entry for entry in config["layers"] if entry["config"]["name"] == "bn_no_scale")
    assert layer["config"]["epsilon"] == 0.02
    layer["config"]["epsilon"] = 1e-3
    other = make(certified.randomised(keras.Model.from_config(config)), tmp_path / "other")
    report = certify(made, other.float32, SCHEMES["litert"]["float32"])
    assert {"bn_no_scale", "strided"} <= named(report)
    wrong = {row["path"] for row in report["variables"] if not row["passed"]}
    assert {"strided/kernel", "bn_no_scale/moving_variance"} <= wrong
    assert not any(path.startswith(("conv/", "dense", "first", "second")) for path in wrong)


def test_weights_of_another_checkpoint(nets: Callable[[str], Made], tmp_path: Path) -> None:
    made = nets("shared")
    other = make(certified.randomised(certified.shared(), seed=1), tmp_path / "other")
    report = certify(made, other.float32, SCHEMES["litert"]["float32"])
    assert report["parameters"]["accounted"] == 0
    assert {"twice", "tower/fc", "out"} <= named(report)


@pytest.mark.parametrize("scheme", ["dynamic_wi8_afp32", "static_wi8_ai8", "static_wi8_ai16"])
@pytest.mark.parametrize("number", [0, 1])
def test_a_kernel_s_scale_off_by_one_percent(
    nets: Callable[[str], Made], files: Callable[[str, str], bytes], scheme: str, number: int
) -> None:
    def edit(content: Any) -> None:
        faults.rescaled(faults.tensor_of(content, faults.operators(content, "CONV_2D")[number], 1), 2, 1.01)

    wrong = faults.edited(files("convolutions", scheme), edit)
    for algorithm in ("min_max", None):
        report = certify(nets("convolutions"), wrong, SCHEMES["litert"][scheme], algorithm)
        assert ("conv", "strided")[number] in named(report)


@pytest.mark.parametrize("scheme", ["static_wi8_ai8", "static_wi8_ai16"])
def test_an_activation_s_scale_off_by_one_percent(
    nets: Callable[[str], Made], files: Callable[[str, str], bytes], scheme: str
) -> None:
    def edit(content: Any) -> None:
        faults.rescaled(faults.output_of(content, faults.operators(content, "CONV_2D")[0]), 0, 1.01)

    report = certify(nets("convolutions"), faults.edited(files("convolutions", scheme), edit), SCHEMES["litert"][scheme])
    # Every bias carries the product of its kernel's and its input's scale.
    assert "strided" in named(report)
    assert {fault["check"] for fault in report["faults"]} == {"scales"}


@pytest.mark.parametrize(
    ("operator", "place", "layer"),
    [("CONV_2D", 1, "strided"), ("CONV_2D", 2, "strided"), ("SOFTMAX", -1, "second"), ("CONV_2D", -1, "relu")],
)
def test_a_zero_point_off_by_one(
    nets: Callable[[str], Made], files: Callable[[str, str], bytes], operator: str, place: int, layer: str
) -> None:
    def edit(content: Any) -> None:
        found = faults.operators(content, operator)[1]
        tensor = faults.output_of(content, found) if place < 0 else faults.tensor_of(content, found, place)
        tensor.quantization.zeroPoint = np.array(tensor.quantization.zeroPoint) + 1

    report = certify(
        nets("convolutions"), faults.edited(files("convolutions", "static_wi8_ai8"), edit), SCHEMES["litert"]["static_wi8_ai8"]
    )
    assert not report["passed"]
    assert layer in named(report) or "first" in named(report)


def test_a_float32_file_with_int8_weights(nets: Callable[[str], Made], files: Callable[[str, str], bytes]) -> None:
    report = certify(nets("convolutions"), files("convolutions", "dynamic_wi8_afp32"), SCHEMES["litert"]["float32"])
    reasons = [fault["reason"] for fault in report["faults"] if fault["check"] == "format"]
    assert any("weights are int8; the variant says float32" in reason for reason in reasons)


def test_a_float_boundary_where_integers_were_promised(nets: Callable[[str], Made]) -> None:
    model = litert(nets("convolutions"), "static_wi8_ai8", io_dtype="float32")
    report = certify(nets("convolutions"), model, SCHEMES["litert"]["static_wi8_ai8"])
    assert "image is float32; the variant says int8" in [fault["reason"] for fault in report["faults"]]


KERNELS = [
    ("CONV_2D", 0),
    ("CONV_2D", 1),
    ("CONV_2D", 2),
    ("DEPTHWISE_CONV_2D", 0),
    ("DEPTHWISE_CONV_2D", 1),
    ("TRANSPOSE_CONV", 0),
]
KERNELS += [("FULLY_CONNECTED", number) for number in range(3)]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(scheme=st.sampled_from(list(FORMATS)), kernel=st.sampled_from(KERNELS), entry=st.integers(0, 10**6))
def test_no_changed_weight_passes_unnoticed(
    nets: Callable[[str], Made], files: Callable[[str, str], bytes], scheme: str, kernel: tuple[str, int], entry: int
) -> None:
    wrong = faults.edited(files("convolutions", scheme), weight(*kernel, FORMATS[scheme], entry))
    report = certify(nets("convolutions"), wrong, SCHEMES["litert"][scheme])
    assert report["parameters"]["accounted"] < report["parameters"]["total"]
    assert not report["passed"]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    scheme=st.sampled_from(["dynamic_wi8_afp32", "static_wi8_ai8", "static_wi8_ai16"]),
    kernel=st.sampled_from(KERNELS),
    channel=st.integers(0, 100),
    factor=st.sampled_from([0.99, 1.01, 0.5, 2.0]),
)
def test_no_changed_scale_of_a_kernel_passes_unnoticed(
    nets: Callable[[str], Made],
    files: Callable[[str, str], bytes],
    scheme: str,
    kernel: tuple[str, int],
    channel: int,
    factor: float,
) -> None:
    def edit(content: Any) -> None:
        faults.rescaled(faults.tensor_of(content, faults.operators(content, kernel[0])[kernel[1]], 1), channel, factor)

    assert not certify(nets("convolutions"), faults.edited(files("convolutions", scheme), edit), SCHEMES["litert"][scheme])[
        "passed"
    ]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(scheme=st.sampled_from(list(FORMATS)), number=st.integers(0, 100))
def test_no_removed_operator_passes_unnoticed(
    nets: Callable[[str], Made], files: Callable[[str, str], bytes], scheme: str, number: int
) -> None:
    def edit(content: Any) -> None:
        present = [o for o in content.subgraphs[0].operators if faults.kind(content, o) not in ("QUANTIZE", "DEQUANTIZE")]
        faults.removed(content, present[number % len(present)])

    assert not certify(nets("convolutions"), faults.edited(files("convolutions", scheme), edit), SCHEMES["litert"][scheme])[
        "passed"
    ]


def test_the_sentence(nets: Callable[[str], Made], files: Callable[[str, str], bytes]) -> None:
    report = certify(nets("wide"), files("wide", "dynamic_wi8_afp32"), None)
    assert report["summary"].startswith("13,130 of 13,130 parameters accounted for: ")
    assert "quantized (worst 0.50 step)" in report["summary"]


APPLICATIONS = {
    "MobileNetV2": lambda: keras.applications.MobileNetV2(weights=None, input_shape=(32, 32, 3), alpha=0.35, classes=10),
    "MobileNetV3Small": lambda: keras.applications.MobileNetV3Small(weights=None, input_shape=(64, 64, 3), classes=10),
    "EfficientNetB0": lambda: keras.applications.EfficientNetB0(weights=None, input_shape=(64, 64, 3)),
    "ResNet50": lambda: keras.applications.ResNet50(weights=None, input_shape=(64, 64, 3)),
}


@pytest.mark.parametrize("name", ["MobileNetV2", *(pytest.param(name, marks=pytest.mark.slow) for name in list(APPLICATIONS)[1:])])
def test_keras_applications(tmp_path: Path, name: str) -> None:
    made = make(certified.randomised(APPLICATIONS[name]()), tmp_path / "source")
    for scheme in FORMATS:
        model = made.float32 if scheme == "float32" else litert(made, scheme)
        report = certify(made, model, SCHEMES["litert"][scheme])
        assert report["parameters"]["share"] == 1
        assert report["faults"] == []
    assert all(row["passed"] for row in report["layers"])
    wrong = faults.edited(made.float32, weight("CONV_2D", 3, "float32"))
    assert not certify(made, wrong, None)["passed"]
