import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pipeline import config, files
from pipeline.errors import UserError
from pipeline.mixed_precision import record

IMPROVEMENT: dict[str, Any] = {
    "step": 3,
    "move": "all static_wi8_ai8",
    "cost": 15144,
    "bytes": 15144,
    "finite": True,
    "noise": 0.5,
    "sqnr_db": 3.01,
    "drop": None,
    "drop_high": None,
}
OPERATOR: dict[str, Any] = {"operator": "CONV_2D", "tensor": "a;b", "layers": ["conv", "relu"], "scheme": "static_wi8_ai8"}
RESULT: dict[str, Any] = {
    "search": "mixed",
    "asked": {
        "objective": "bytes",
        "choices": ["static_wi8_ai8", "float32"],
        "costs": {"float32": 1.0, "static_wi8_ai8": 0.3},
        "algorithm": "octav",
        "granularity": "channel",
        "exclude": [],
        "max_drop": None,
        "drop_bound": "simultaneous",
        "comparisons": 4,
        "min_sqnr_db": 30.0,
        "samples": 16,
        "steps": 50,
    },
    "n": 150,
    "metric": "accuracy",
    "met": True,
    "finished": True,
    "steps": 7,
    "sha256": "ab" * 32,
    "figures": IMPROVEMENT,
    "recipe": [{"regex": "a", "operation": "CONV_2D", "op_config": {"weight_tensor_config": {"num_bits": 8}}}],
    "operators": [OPERATOR],
    "sensitivity": [{**OPERATOR, "noise": None, "sqnr_db": None, "saving": 120.5}],
    "path": [{**IMPROVEMENT, "step": 1, "cost": 20000.25}, IMPROVEMENT],
}


def read(content: Any) -> record.Result:
    return msgspec.json.decode(json.dumps(content), type=record.Result, strict=True)


def test_what_is_read_is_what_was_written_whole_and_broken_numbers_included() -> None:
    found = read(RESULT)
    assert json.dumps(msgspec.to_builtins(found), sort_keys=True) == json.dumps(RESULT, sort_keys=True)
    assert found.path[-1] == found.figures
    assert isinstance(found.figures.cost, int)
    assert isinstance(found.path[0].cost, float)


def test_a_record_cannot_be_changed() -> None:
    with pytest.raises(AttributeError, match="immutable"):
        read(RESULT).steps = 3  # type: ignore[misc]


def _without(key: str) -> dict[str, Any]:
    return {name: value for name, value in RESULT.items() if name != key}


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (_without("recipe"), "missing required field `recipe`"),
        ({**RESULT, "extra": 1}, "unknown field `extra`"),
        ({**RESULT, "steps": "7"}, r"Expected `int`, got `str` - at `$.steps`"),
        ({**RESULT, "met": 1}, r"Expected `bool`, got `int` - at `$.met`"),
        ({**RESULT, "sha256": "abc"}, r"at `$.sha256`"),
        ({**RESULT, "operators": [{**OPERATOR, "kernel": "x"}]}, r"unknown field `kernel` - at `$.operators[0]`"),
        ({**RESULT, "asked": {**RESULT["asked"], "objective": "time"}}, r"Invalid enum value 'time' - at `$.asked.objective`"),
        ([], "Expected `object`, got `array`"),
    ],
)
def test_a_file_that_fits_not_exactly_is_refused_with_its_name_and_the_fault(content: Any, fault: str, tmp_path: Path) -> None:
    files.write_json(tmp_path / "mixed.json", content)
    with pytest.raises(UserError) as caught:
        files.read_record(tmp_path / "mixed.json", record.Result)
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / 'mixed.json'}: ")
    assert fault in message
    assert message.endswith("; run `dvc repro` to make it again")


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b'{"n": NaN}'])
def test_what_is_no_json_is_refused_likewise(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "mixed.json").write_bytes(content)
    with pytest.raises(UserError, match=r"mixed\.json: .+; run `dvc repro` to make it again$"):
        files.read_record(tmp_path / "mixed.json", record.Result)


def test_the_level_is_that_of_what_is_held_to_the_budget() -> None:
    asked = msgspec.structs.replace(read(RESULT).asked, max_drop=0.01)
    assert asked.level(0.95) == pytest.approx(1 - 0.05 / 4)
    assert msgspec.structs.replace(asked, drop_bound="upper").level(0.95) == 0.95
    assert msgspec.structs.replace(asked, drop_bound="estimate").level(0.95) is None
    assert msgspec.structs.replace(asked, max_drop=None).level(0.95) is None


def test_the_options_are_those_of_the_configuration() -> None:
    assert record.Options.__struct_fields__ == tuple(config.Search.__struct_fields__)
