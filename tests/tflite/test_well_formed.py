"""Files with a structure that is whole and numbers that are not: each is refused in one line, and by LiteRT as well."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from pipeline import paths
from pipeline.runtime import trial
from pipeline.tflite import flatbuffer, well_formed
from tests import faults


@pytest.fixture(scope="module")
def int8(finished: Path) -> bytes:
    return (finished / paths.variant_model("int8")).read_bytes()


def kernel(content: Any) -> Any:
    return faults.tensor_of(content, faults.operators(content, "CONV_2D")[0], 1)


def first(content: Any) -> Any:
    return faults.operators(content, "CONV_2D")[0]


def schema_version(content: Any) -> None:
    content.version = 4


def unknown_operator(content: Any) -> None:
    content.operatorCodes[0].builtinCode = 30000


def custom_without_name(content: Any) -> None:
    content.operatorCodes[0].deprecatedBuiltinCode = content.operatorCodes[0].builtinCode = schema.BuiltinOperator.CUSTOM


def operator_type(content: Any) -> None:
    first(content).opcodeIndex = 77


def operator_input(content: Any) -> None:
    first(content).inputs = np.array([0, 999, 2], np.int32)


def operator_output(content: Any) -> None:
    first(content).outputs = np.array([-1], np.int32)


def without_inputs(content: Any) -> None:
    first(content).inputs = np.array([], np.int32)


def without_outputs(content: Any) -> None:
    first(content).outputs = np.array([], np.int32)


def activation(content: Any) -> None:
    first(content).builtinOptions.fusedActivationFunction = 99


def dtype(content: Any) -> None:
    kernel(content).type = 99


def buffer(content: Any) -> None:
    kernel(content).buffer = 999


def fewer_bytes(content: Any) -> None:
    held = content.buffers[kernel(content).buffer]
    held.data = np.array(held.data)[:-1]


def no_bytes(content: Any) -> None:
    content.buffers[kernel(content).buffer].data = np.zeros(0, np.uint8)


def behind_the_end(content: Any) -> None:
    held = content.buffers[kernel(content).buffer]
    held.offset, held.size, held.data = 10**9, len(held.data), None


def shape(content: Any) -> None:
    kernel(content).shape = np.array([-16, 3, 3, 1], np.int32)


def rank(content: Any) -> None:
    kernel(content).shape, kernel(content).quantization = np.array([kernel(content).shape.prod()], np.int32), None


def huge(content: Any) -> None:
    faults.output_of(content, first(content)).shape = np.array([2**31 - 1] * 3, np.int32)


def zero_points(content: Any) -> None:
    kernel(content).quantization.zeroPoint = np.zeros(1, np.int64)


def no_zero_points(content: Any) -> None:
    kernel(content).quantization.zeroPoint = None


def scales(content: Any) -> None:
    quantization = kernel(content).quantization
    quantization.scale, quantization.zeroPoint = np.ones(5, np.float32), np.zeros(5, np.int64)


def axis(content: Any) -> None:
    kernel(content).quantization.quantizedDimension = 7


def blocks_without_table(content: Any) -> None:
    kernel(content).quantization.detailsType = schema.QuantizationDetails.BlockwiseQuantization
    kernel(content).quantization.details = schema.BlockwiseQuantizationT()


def other_file(content: Any) -> None:
    kernel(content).externalBuffer = 3


def signature_subgraph(content: Any) -> None:
    content.signatureDefs[0].subgraphIndex = 5


def signature_tensor(content: Any) -> None:
    content.signatureDefs[0].outputs[0].tensorIndex = 999


def signature_key(content: Any) -> None:
    content.signatureDefs[0].signatureKey = None


def signature_name(content: Any) -> None:
    content.signatureDefs[0].outputs[0].name = None


def output_of_subgraph(content: Any) -> None:
    content.subgraphs[0].outputs = np.array([999], np.int32)


def metadata(content: Any) -> None:
    content.metadata[0].buffer = 999


def not_utf8(content: Any) -> None:
    kernel(content).name = b"conv\xff"


def zero_byte(content: Any) -> None:
    content.signatureDefs[0].outputs[0].name = b"probabilities\0x"


def no_subgraph(content: Any) -> None:
    content.subgraphs = []


def string(content: Any) -> None:
    kernel(content).type = schema.TensorType.STRING


def sparse(content: Any) -> None:
    kernel(content).sparsity = schema.SparsityParametersT()
    kernel(content).sparsity.traversalOrder = np.arange(4, dtype=np.int32)
    kernel(content).sparsity.dimMetadata = [schema.DimensionMetadataT() for _ in range(4)]


BROKEN: dict[faults.Edit, str] = {
    schema_version: "schema version 4; LiteRT reads 3",
    unknown_operator: "operator code 0 is 30000, which the schema does not know",
    custom_without_name: "operator code 0 is a custom operator without a name",
    operator_type: "operator 0 of subgraph 0 is of type 77",
    operator_input: "an input of operator 0 of subgraph 0 is tensor 999",
    operator_output: "an output of operator 0 of subgraph 0 is tensor -1",
    without_inputs: "operator 0 of subgraph 0, CONV_2D, lacks an input",
    without_outputs: "operator 0 of subgraph 0, CONV_2D, has no output",
    activation: "CONV_2D, has activation 99",
    dtype: "has dtype 99, which the schema does not know",
    buffer: "lies in buffer 999",
    fewer_bytes: r"has \d+ bytes; int8 \[\d+, 3, 3, 1\] needs \d+",
    no_bytes: "has 0 bytes; int8",
    behind_the_end: "damaged or cut off: buffer .* ends at byte 1,000,",
    shape: r"has shape \[-16, 3, 3, 1\]",
    rank: r"CONV_2D, has a kernel of shape \[\d+\]",
    huge: "has shape",
    zero_points: r"has \d+ scales and 1 zero points",
    no_zero_points: r"has \d+ scales and 0 zero points",
    scales: "has 5 scales along axis 0 of shape",
    axis: "has scales along axis 7 of 4",
    blocks_without_table: "has no constant of float16 for the scales of its blocks",
    other_file: "lies in another file",
    signature_subgraph: "a signature runs subgraph 5; there are 1",
    signature_tensor: "probabilities of the signature is tensor 999",
    signature_key: "a signature has no key",
    signature_name: "an input or output of the signature has no name",
    output_of_subgraph: "an output of subgraph 0 is tensor 999",
    metadata: "metadata 'min_runtime_version' lies in buffer 999",
    not_utf8: "a tensor's name is no text",
    zero_byte: "a name of the signature holds a zero byte",
    no_subgraph: "it has no subgraph",
    string: "is a constant of dtype string, which is not read",
    sparse: "is stored sparsely, which is not read",
}
# LiteRT skips a name, an activation or metadata that it cannot use, reads any bytes as a name, and knows sparse constants.
_LITERT_RUNS = {activation, signature_name, metadata, not_utf8, zero_byte, sparse}
# Here it crashes, or means the memory of the machine.
_LITERT_ENDS = {huge, blocks_without_table, no_subgraph, signature_subgraph, signature_tensor, string}


@pytest.mark.parametrize("edit", BROKEN, ids=lambda edit: edit.__name__)
def test_what_does_not_fit_together_is_refused_in_one_line(int8: bytes, edit: faults.Edit) -> None:
    model = faults.edited(int8, edit)
    with pytest.raises(ValueError, match=BROKEN[edit]) as caught:
        flatbuffer.read(model)
    assert "\n" not in str(caught.value)
    if edit not in _LITERT_RUNS | _LITERT_ENDS:
        assert trial.refusal(model) is not None


def test_the_sound_file_passes(int8: bytes) -> None:
    assert flatbuffer.read(int8).signature
    assert trial.refusal(int8) is None


def test_a_subgraph_that_runs_itself_is_refused(int8: bytes) -> None:
    def edit(content: Any) -> None:
        operator = first(content)
        content.operatorCodes[operator.opcodeIndex].deprecatedBuiltinCode = schema.BuiltinOperator.WHILE
        content.operatorCodes[operator.opcodeIndex].builtinCode = schema.BuiltinOperator.WHILE
        operator.builtinOptionsType, operator.builtinOptions = schema.BuiltinOptions.WhileOptions, schema.WhileOptionsT()

    with pytest.raises(ValueError, match="subgraph 0 runs itself"):
        flatbuffer.read(faults.edited(int8, edit))


def test_what_an_operator_runs_must_be_there(int8: bytes) -> None:
    def edit(content: Any) -> None:
        operator = first(content)
        operator.builtinOptionsType, operator.builtinOptions = schema.BuiltinOptions.WhileOptions, schema.WhileOptionsT()
        operator.builtinOptions.bodySubgraphIndex = 8

    with pytest.raises(ValueError, match="has bodySubgraphIndex 8; there are 1 subgraphs"):
        flatbuffer.read(faults.edited(int8, edit))


def test_data_comes_before_offset_as_in_litert(int8: bytes) -> None:
    """Both in one buffer: what is read is what LiteRT computes with."""
    sound = flatbuffer.read(int8)

    def edit(content: Any) -> None:
        held = content.buffers[kernel(content).buffer]
        held.data, held.offset, held.size = np.zeros(len(held.data), np.uint8), 8, len(held.data)

    model = faults.edited(int8, edit)
    number = sound.operators[[operator.name for operator in sound.operators].index("CONV_2D")].inputs[1]
    assert not flatbuffer.values(flatbuffer.read(model).tensors[number]).any()
    interpreter = Interpreter(model_content=model, num_threads=1)
    interpreter.allocate_tensors()
    assert not interpreter.get_tensor(number).any()


def test_bytes_that_a_shape_does_not_need_are_left_alone(int8: bytes) -> None:
    def edit(content: Any) -> None:
        held = content.buffers[kernel(content).buffer]
        held.data = np.append(np.array(held.data), np.ones(5, np.uint8))

    one, other = flatbuffer.read(int8), flatbuffer.read(faults.edited(int8, edit))
    for a, b in zip(one.tensors, other.tensors, strict=True):
        np.testing.assert_array_equal(a.data if a.data is not None else [], b.data if b.data is not None else [])


def test_packed_dtypes() -> None:
    tensor = schema.TensorT()
    for name, shape, wanted in (
        ("INT4", [3, 3], 5),
        ("INT2", [3, 3], 3),
        ("FLOAT32", [], 4),
        ("COMPLEX64", [2], 16),
        ("BOOL", [0, 4], 0),
    ):
        tensor.type, tensor.shape = getattr(schema.TensorType, name), np.array(shape, np.int32)
        assert well_formed.needed(tensor) == wanted
