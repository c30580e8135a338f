from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from pipeline.tflite import flatbuffer
from pipeline.verification import also_in_file
from tests import faults
from tests.made import Made, certify

Nets = Callable[[str], Made]


def lines(made: Made, edit: faults.Edit) -> list[str]:
    """What is said of the changed file, and of the float32 file not."""
    model = faults.edited(made.float32, edit)
    sound = all_lines(made.float32, made)
    return [line for line in all_lines(model, made) if line not in sound]


def all_lines(model: bytes, made: Made) -> list[str]:
    file = flatbuffer.opened(model)
    return also_in_file.lines(file.content, file.graph, made.proof.graph)


def second_signature(content: Any) -> None:
    content.subgraphs.append(content.subgraphs[0])
    other = schema.SignatureDefT()
    other.signatureKey, other.subgraphIndex = b"train", 1
    other.inputs, other.outputs = content.signatureDefs[0].inputs, content.signatureDefs[0].outputs
    content.signatureDefs.append(other)


def unused_buffer(content: Any) -> None:
    for length in (1000, 24):
        content.buffers.append(schema.BufferT())
        content.buffers[-1].data = np.ones(length, np.uint8)


def unused_tensor(content: Any) -> None:
    content.subgraphs[0].tensors += [schema.TensorT(), schema.TensorT()]


def metadata(content: Any) -> None:
    entry = schema.MetadataT()
    entry.name, entry.buffer = b"labels", len(content.buffers)
    content.metadata.append(entry)
    content.buffers.append(schema.BufferT())
    content.buffers[-1].data = np.ones(77, np.uint8)


def description(content: Any) -> None:
    content.description = b"by hand"


def versions(content: Any) -> None:
    content.operatorCodes[0].version = 9


def unused_code(content: Any) -> None:
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.TANH
    content.operatorCodes.append(code)


def custom(content: Any) -> None:
    code = content.operatorCodes[0]
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
    code.customCode = b"Sorcery"


def sparse_activation(content: Any) -> None:
    tensor = content.subgraphs[0].tensors[content.subgraphs[0].operators[0].outputs[0]]
    tensor.sparsity = schema.SparsityParametersT()


ALSO: dict[faults.Edit, list[str]] = {
    second_signature: ["signature train, which runs subgraph 1: not compared", "subgraph 1 main of 4 operators: not compared"],
    unused_buffer: ["2 buffers that nothing uses: 1,024 bytes"],
    unused_tensor: ["2 tensors that no operator uses"],
    metadata: ["metadata labels, 77 bytes"],
    description: ["description: by hand"],
    versions: ["operator versions: FULLY_CONNECTED 9"],
    unused_code: ["operator types that are not used: TANH"],
    custom: ["custom operator Sorcery, 4 of them: what it computes is not compared"],
    sparse_activation: ["1 tensors without a constant that are said to be sparse, which LiteRT does not read"],
}


@pytest.mark.parametrize("edit", ALSO, ids=lambda edit: edit.__name__)
def test_what_no_check_speaks_of_is_listed(nets: Nets, edit: faults.Edit) -> None:
    assert lines(nets("wide"), edit) == ALSO[edit]


def test_the_certificate_lists_it_and_passes_what_runs_the_same(nets: Nets) -> None:
    made = nets("wide")
    report = certify(made, faults.edited(made.float32, unused_buffer), "float32")
    assert report["passed"]
    assert "2 buffers that nothing uses: 1,024 bytes" in report["also"]


def test_a_custom_operator_is_refused(nets: Nets) -> None:
    made = nets("wide")
    report = certify(made, faults.edited(made.float32, custom), "float32")
    assert not report["passed"]
    assert any("Sorcery stands in place of FULLY_CONNECTED" in fault["reason"] for fault in report["faults"])


def test_where_names_differ_the_order_of_the_plain_interface_is_not_compared(nets: Nets) -> None:
    def edit(content: Any) -> None:
        for number, entry in enumerate(content.signatureDefs[0].outputs):
            entry.name = f"output_{number}".encode()

    found = lines(nets("convolutions"), edit)
    assert found == ["without the signature, outputs come in the order output_1, output_0: not compared"]


def test_the_bodies_of_loops_are_reached(nets: Nets) -> None:
    made = nets("recurrent")
    content = flatbuffer.parse(made.float32)
    assert also_in_file.reached(content, 0) == set(range(len(content.subgraphs))) != {0}
    assert not [line for line in all_lines(made.float32, made) if "not compared" in line]
