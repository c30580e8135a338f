import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from pipeline.micro import child
from tests.helpers import ROOT
from tests.micro.conftest import File


def _call(folder: Path, file: File, **job: object) -> subprocess.CompletedProcess[str]:
    (folder / "model.tflite").write_bytes(file.model)
    np.save(folder / "input-0.npy", file.inputs(2)[0])
    content = {"arena": 1 << 20, "start": 0, "stop": 2, "inputs": 1, "outputs": 1, "tensors": [], **job}
    (folder / "job.json").write_text(json.dumps(content), encoding="utf-8")
    command = [sys.executable, "-m", "pipeline.micro.child", str(folder), "job"]
    return subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT)


def test_writes_outputs_and_prints_what_the_arena_holds(digits_file: Callable[[str], File], tmp_path: Path) -> None:
    done = _call(tmp_path, digits_file("int8"))
    assert done.returncode == 0
    assert "Arena allocation total 6384 bytes" in done.stderr
    assert np.load(tmp_path / "job" / "output-0.npy").shape == (2, 1, 10)


def test_a_refusal_has_a_code_of_its_own_and_leaves_nothing(digits_file: Callable[[str], File], tmp_path: Path) -> None:
    done = _call(tmp_path, digits_file("int8"), arena=4096)
    assert done.returncode == child.REFUSED
    assert "TFLM failed to allocate tensors" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "job").exists()
