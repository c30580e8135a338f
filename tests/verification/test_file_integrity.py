"""Files that LiteRT runs, and that are wrong by themselves: each is broken from a sound one, and the certificate says how."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from pipeline.tflite import flatbuffer
from pipeline.verification import file_integrity
from tests import faults
from tests.made import Made, certify

Nets = Callable[[str], Made]
Files = Callable[[str, str], bytes]


def main(content: Any) -> Any:
    return content.subgraphs[0]


def dense(content: Any, number: int = 0) -> Any:
    return faults.operators(content, "FULLY_CONNECTED")[number]


def kernel(content: Any) -> Any:
    return faults.tensor_of(content, dense(content), 1)


def late_writer(content: Any) -> None:
    """The first two layers in the other order, so that the second reads what is not there yet."""
    operators = main(content).operators
    one, two = (operators.index(dense(content, number)) for number in (0, 1))
    operators[one], operators[two] = operators[two], operators[one]


def unwritten(content: Any) -> None:
    main(content).operators.remove(dense(content))


def written_twice(content: Any) -> None:
    dense(content, 2).outputs = dense(content, 1).outputs


def writes_a_constant(content: Any) -> None:
    dense(content).outputs = np.array(dense(content, 1).inputs[1:2])


def writes_an_input(content: Any) -> None:
    dense(content, 1).outputs = np.array(main(content).inputs)


def data_and_offset(content: Any) -> None:
    held = content.buffers[kernel(content).buffer]
    held.offset, held.size = 16, len(held.data)


def buffer_zero(content: Any) -> None:
    tensor = kernel(content)
    content.buffers[0].data, tensor.buffer = np.array(content.buffers[tensor.buffer].data), 0


def trailing_bytes(content: Any) -> None:
    held = content.buffers[kernel(content).buffer]
    held.data = np.append(np.array(held.data), np.zeros(3, np.uint8))


def variable(content: Any) -> None:
    faults.output_of(content, dense(content)).isVariable = True


def variable_constant(content: Any) -> None:
    kernel(content).isVariable = True


def free_lengths(content: Any) -> None:
    faults.output_of(content, dense(content)).shapeSignature = np.array([1, 3], np.int32)


def rank_of_free_lengths(content: Any) -> None:
    faults.output_of(content, dense(content)).shapeSignature = np.array([-1, 64, 1], np.int32)


def scale_of_a_float(content: Any) -> None:
    quantization = schema.QuantizationParametersT()
    quantization.scale, quantization.zeroPoint = np.array([0.5], np.float32), np.zeros(1, np.int64)
    kernel(content).quantization = quantization


def other_options(content: Any) -> None:
    dense(content).builtinOptionsType, dense(content).builtinOptions = schema.BuiltinOptions.AddOptions, schema.AddOptionsT()


def custom_options(content: Any) -> None:
    dense(content).customOptions = np.ones(4, np.uint8)


def plain_output(content: Any) -> None:
    main(content).outputs = np.array(dense(content, 1).outputs)


def plain_output_missing(content: Any) -> None:
    main(content).outputs = np.array([], np.int32)


def plain_output_twice(content: Any) -> None:
    main(content).outputs = np.repeat(main(content).outputs, 2)


def signature_output(content: Any) -> None:
    tensor = schema.TensorT()
    tensor.name, tensor.shape = b"nowhere", np.array([1, 10], np.int32)
    main(content).tensors.append(tensor)
    content.signatureDefs[0].outputs[0].tensorIndex = len(main(content).tensors) - 1


def two_outputs_of_one_name(content: Any) -> None:
    entry = schema.TensorMapT()
    entry.name, entry.tensorIndex = content.signatureDefs[0].outputs[0].name, dense(content, 1).outputs[0]
    content.signatureDefs[0].outputs.append(entry)


def two_inputs_of_one_name(content: Any) -> None:
    entry = schema.TensorMapT()
    entry.name, entry.tensorIndex = content.signatureDefs[0].inputs[0].name, dense(content, 1).outputs[0]
    content.signatureDefs[0].inputs.append(entry)


def two_signatures_of_one_key(content: Any) -> None:
    content.signatureDefs.append(content.signatureDefs[0])


# (reason, does LiteRT run it)
BROKEN: dict[faults.Edit, tuple[str, bool]] = {
    late_writer: ("FULLY_CONNECTED reads it before FULLY_CONNECTED has written it", True),
    unwritten: ("FULLY_CONNECTED reads it, and no operator writes it", False),
    written_twice: ("FULLY_CONNECTED writes it, and so does FULLY_CONNECTED", False),
    writes_a_constant: ("FULLY_CONNECTED writes it, and it is a constant", False),
    writes_an_input: ("FULLY_CONNECTED writes it, and it is an input", False),
    data_and_offset: ("16,384 bytes inside and 16,384 behind the file's tables: which counts is not said", True),
    buffer_zero: ("LiteRT takes it as empty, and so what is stored there is lost", False),
    trailing_bytes: ("has 16,387 bytes where its shape [64, 64] needs 16,384", True),
    variable: ("is marked as a variable, which keeps its values from call to call", True),
    variable_constant: ("is marked as a variable, which keeps its values from call to call", False),
    free_lengths: ("has shape [1, 64], and [1, 3] where its free lengths are said", True),
    rank_of_free_lengths: ("has shape [1, 64], and [-1, 64, 1] where its free lengths are said", True),
    scale_of_a_float: ("is no integer, but has a scale", True),
    other_options: ("FULLY_CONNECTED has AddOptions, the options of another operator", True),
    custom_options: ("FULLY_CONNECTED has custom options, which only a custom operator reads", True),
    plain_output: ("outputs without the signature are", True),
    plain_output_missing: ("outputs without the signature are", True),
    plain_output_twice: ("outputs without the signature are", True),
    signature_output: ("is output out of the signature, and no operator writes it", True),
    two_outputs_of_one_name: ("the signature has 2 outputs with the name out", True),
    two_inputs_of_one_name: ("the signature has 2 inputs with the name features", True),
    two_signatures_of_one_key: ("2 signatures have the key serving_default", True),
}


def runs(model: bytes) -> bool:
    try:
        interpreter = Interpreter(model_content=model, num_threads=1)
        interpreter.allocate_tensors()
        interpreter.invoke()
    except (ValueError, RuntimeError):
        return False
    return True


@pytest.mark.parametrize("edit", BROKEN, ids=lambda edit: edit.__name__)
def test_a_file_that_is_wrong_by_itself_is_refused(nets: Nets, edit: faults.Edit) -> None:
    made = nets("wide")
    model = faults.edited(made.float32, edit)
    reason, litert_runs_it = BROKEN[edit]
    report = certify(made, model, "float32")
    assert not report["passed"]
    # Alone or with its consequences, but first.
    assert report["faults"][0]["check"] == "file"
    assert reason in report["faults"][0]["reason"]
    assert runs(model) == litert_runs_it


@pytest.mark.parametrize(
    ("network", "scheme"),
    [
        ("wide", "float32"),
        ("wide", "static_wi8_ai8"),
        ("convolutions", "static_wi8_ai16"),
        ("recurrent", "float16"),
        ("shared", "dynamic_wi8_afp32"),
        ("attention", "static_wi8_ai8"),
    ],
)
def test_a_sound_file_passes(nets: Nets, files: Files, network: str, scheme: str) -> None:
    report = certify(nets(network), files(network, scheme), scheme)
    assert report["passed"], report["faults"]


def test_the_order_of_operators_changes_what_comes_out(nets: Nets) -> None:
    """What the guard is for: LiteRT's kernels run in the order of the list."""
    made = nets("wide")
    sample = {name: array[:1] for name, array in made.samples.items()}
    outputs = []
    for model in (made.float32, faults.edited(made.float32, late_writer)):
        # XNNPACK sorts the operators.
        plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        interpreter = Interpreter(model_content=model, num_threads=1, experimental_op_resolver_type=plain)
        outputs.append(interpreter.get_signature_runner()(**sample)["out"])
    assert not np.allclose(*outputs)


def test_the_order_is_judged_in_every_subgraph(nets: Nets) -> None:
    made = nets("recurrent")

    def edit(content: Any) -> None:
        body = next(graph for graph in content.subgraphs[1:] if len(graph.operators) > 8)
        body.operators = body.operators[::-1]

    report = certify(made, faults.edited(made.float32, edit), "float32")
    assert not report["passed"]
    assert "has written it" in report["faults"][0]["reason"]


def swapped(side: str) -> faults.Edit:
    def edit(content: Any) -> None:
        setattr(main(content), side, np.array(getattr(main(content), side))[::-1].copy())

    return edit


@pytest.mark.parametrize(("network", "side"), [("convolutions", "outputs"), ("shared", "inputs")])
def test_the_plain_interface_keeps_the_order(nets: Nets, files: Files, network: str, side: str) -> None:
    made = nets(network)
    for scheme in ("float32", "static_wi8_ai8"):
        model = faults.edited(files(network, scheme), swapped(side))
        report = certify(made, model, scheme)
        assert not report["passed"]
        (fault,) = report["faults"]
        assert fault["reason"].startswith(f"{side} without the signature come in the order")


def test_a_state_belongs_to_an_operator_that_has_one() -> None:
    """A fused LSTM keeps its state in variables; without the flag nothing fills them."""
    content = schema.ModelT.InitFromObj(schema.Model.GetRootAs(stateful(), 0))
    assert main(content).tensors[1].isVariable
    sound = flatbuffer.read(stateful())
    assert not file_integrity.faults(flatbuffer.parse(stateful()), sound, sound)

    def edit(content: Any) -> None:
        main(content).tensors[1].isVariable = False

    model = faults.edited(stateful(), edit)
    reasons = file_integrity.faults(flatbuffer.parse(model), flatbuffer.read(model), sound)
    assert ("state", "UNIDIRECTIONAL_SEQUENCE_LSTM reads it, and no operator writes it") in reasons


def stateful() -> bytes:
    """An operator with a state, as far as the order of execution is concerned."""
    import flatbuffers

    content, graph, code, operator = schema.ModelT(), schema.SubGraphT(), schema.OperatorCodeT(), schema.OperatorT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.UNIDIRECTIONAL_SEQUENCE_LSTM
    graph.tensors = [schema.TensorT() for _ in range(3)]
    for tensor, name in zip(graph.tensors, (b"x", b"state", b"y"), strict=True):
        tensor.name, tensor.shape = name, np.array([1, 4], np.int32)
    graph.tensors[1].isVariable = True
    operator.inputs, operator.outputs = np.array([0, 1], np.int32), np.array([2], np.int32)
    graph.inputs, graph.outputs, graph.operators = np.array([0], np.int32), np.array([2], np.int32), [operator]
    content.version, content.operatorCodes, content.subgraphs, content.buffers = 3, [code], [graph], [schema.BufferT()]
    builder = flatbuffers.Builder(1024)
    builder.Finish(content.Pack(builder), b"TFL3")
    return bytes(builder.Output())


@pytest.mark.parametrize("scale", [np.nan, np.inf, -1.0])
def test_a_scale_is_a_number_that_is_not_negative(nets: Nets, files: Files, scale: float) -> None:
    made = nets("wide")

    def edit(content: Any) -> None:
        faults.rescaled(faults.output_of(content, dense(content)), 0, scale)

    report = certify(made, faults.edited(files("wide", "static_wi8_ai8"), edit), "static_wi8_ai8")
    assert report["faults"][0]["check"] == "file"
    assert report["faults"][0]["reason"].startswith("has the scale ")


def test_a_signature_may_not_leave_subgraph_0_to_others(nets: Nets) -> None:
    made = nets("wide")

    def edit(content: Any) -> None:
        content.subgraphs.append(main(content))
        content.signatureDefs[0].subgraphIndex = 1

    model = faults.edited(made.float32, edit)
    found = flatbuffer.read(model)
    reasons = [reason for _, reason in file_integrity.faults(flatbuffer.parse(model), found, made.proof.graph)]
    assert reasons == ["the signature runs subgraph 1, and LiteRT without the signature subgraph 0"]
