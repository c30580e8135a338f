import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from pipeline.micro import child, tflm
from pipeline.runtime import plain
from tests.faults import edited
from tests.micro.conftest import File

# Runs a file once in an arena of so many bytes, with a zero for each input.
_IN_ARENA = """
import sys
import numpy as np
from tflite_micro import runtime
opened = runtime.Interpreter.from_file(sys.argv[1], arena_size=int(sys.argv[2]))
detail = opened.get_input_details(0)
opened.set_input(np.zeros(detail["shape"], detail["dtype"]), 0)
opened.invoke()
"""


def _runs_in(path: Path, count: int) -> bool:
    command = [sys.executable, "-c", _IN_ARENA, str(path), str(count)]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


@pytest.mark.parametrize(("variant", "count"), [("int8", 6384), ("int16x8", 11536)])
def test_the_arena_is_the_smallest_that_tflm_runs_in(
    digits_file: Callable[[str], File], tmp_path: Path, variant: str, count: int
) -> None:
    file = digits_file(variant)
    arena = tflm.run(file.model, file.inputs(1), workers=1).arena
    assert arena.bytes == arena.persistent_bytes + arena.reused_bytes == count
    (tmp_path / "model.tflite").write_bytes(file.model)
    assert _runs_in(tmp_path / "model.tflite", count)
    assert not _runs_in(tmp_path / "model.tflite", count - 16)


def test_outputs_are_those_of_litert_kernels_and_do_not_depend_on_the_processes(digits_file: Callable[[str], File]) -> None:
    file = digits_file("int8")
    inputs = file.inputs()
    one, two = (tflm.run(file.model, inputs, workers=workers) for workers in (1, 2))
    run = plain.opened(file.model)
    expected = np.concatenate([run([inputs[0][number : number + 1]])[0] for number in range(len(inputs[0]))])
    np.testing.assert_array_equal(one.outputs[0], expected)
    np.testing.assert_array_equal(two.outputs[0], expected)
    assert one.arena == two.arena


def test_tensors_between_operators_are_kept(digits_file: Callable[[str], File]) -> None:
    file = digits_file("int8")
    number = 8  # of the first convolution's output, by the file's own list
    found = tflm.tensors(file.model, file.inputs(3), [number])[number]
    expected: dict[int, np.ndarray] = plain.tensors(file.model, {0: file.inputs(1)[0]}, lambda _, values: values.copy())
    assert found.shape == (3, *expected[number].shape)
    np.testing.assert_array_equal(found[0], expected[number])


def test_a_refusal_is_in_tflms_own_words(digits_file: Callable[[str], File]) -> None:
    hybrid = digits_file("dynamic_int8")
    with pytest.raises(tflm.Refused, match=r"^Hybrid models are not supported on TFLite Micro; Node CONV_2D \(number 0\) failed"):
        tflm.run(hybrid.model, hybrid.inputs(1), workers=1)
    file = digits_file("int8")

    def unknown(content: Any) -> None:
        for code in content.operatorCodes:
            if code.builtinCode == schema.BuiltinOperator.MAX_POOL_2D:
                code.builtinCode, code.deprecatedBuiltinCode = schema.BuiltinOperator.RFFT2D, 127

    with pytest.raises(tflm.Refused, match=r"^Didn't find op for builtin opcode 'RFFT2D'; "):
        tflm.run(edited(file.model, unknown), file.inputs(1), workers=1)
    with pytest.raises(tflm.Refused, match="Dimension mismatch"):
        tflm.run(file.model, [file.inputs(1)[0][:, :4]], workers=1)


def test_a_runtime_that_aborts_is_a_refusal_with_its_last_words(
    digits_file: Callable[[str], File], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "__name__", "tests.micro.dying")
    file = digits_file("int8")
    with pytest.raises(tflm.Refused, match=r"^it ended with SIGABRT; the arena is broken$"):
        tflm.run(file.model, file.inputs(1), workers=1)
