from pathlib import Path

import msgspec
import pytest

from pipeline import files
from pipeline.equivalence.conversion_record import SAME, Conversion, Part
from pipeline.errors import UserError


def test_is_read_as_it_was_written(tmp_path: Path) -> None:
    wanted = Conversion(samples=2, generated=False, parts=[Part(operators=[0], verdict=SAME, excess=0.25)], kernels={"out": None})
    files.write_json(tmp_path / "conversion.json", msgspec.to_builtins(wanted))
    assert files.read_record(tmp_path / "conversion.json", Conversion) == wanted


@pytest.mark.parametrize("text", ["{}", '{"samples": 1, "generated": false, "parts": [], "kernels": {}, "more": 1}'])
def test_another_form_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "conversion.json").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=r"conversion\.json"):
        files.read_record(tmp_path / "conversion.json", Conversion)
