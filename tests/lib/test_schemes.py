import pytest

from pipeline.lib import schemes

PAIRS = [(engine, scheme) for engine, table in schemes.SCHEMES.items() for scheme in table]


@pytest.mark.parametrize(("engine", "scheme"), PAIRS)
@pytest.mark.parametrize("search", [None, "mixed"])
def test_the_slots_name_three_different_paths(engine: str, scheme: str, search: str | None) -> None:
    """DVC refuses the same dependency twice."""
    slots = schemes.reads(engine, scheme, search)
    assert len({slots["network"], slots["calibration"], slots["recipe"]}) == 3


def test_a_scheme_reads_what_it_needs_and_no_more() -> None:
    assert schemes.reads("litert", "static_wi8_ai8", None)["calibration"] == "models/ranges.json"
    assert schemes.reads("converter", "static_wi8_ai8", None)["calibration"] == "data/calibration"
    assert schemes.reads("litert", "float16", None)["calibration"] == "models/source.json"
    assert schemes.reads("litert", "float16", "mixed")["recipe"] == "models/recipes/mixed.json"
