from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from pipeline import files
from pipeline.micro import simulation
from pipeline.micro.simulation_report import Simulation
from tests.micro.conftest import File


def test_what_is_written_is_read_again_with_the_same_bytes(digits_file: Callable[[str], File], tmp_path: Path) -> None:
    file = digits_file("int16x8")
    report = simulation.simulate("int16x8", file.model, file.samples, file.judged, version="0.dev1", workers=1)
    for name in ("one.json", "two.json"):
        files.write_json(tmp_path / name, msgspec.to_builtins(report))
        report = files.read_record(tmp_path / name, Simulation)
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()
    content = files.read_json(tmp_path / "one.json")
    content["arena"]["byte"] = 3
    with pytest.raises(msgspec.ValidationError, match="unknown field `byte`"):
        msgspec.convert(content, Simulation)
