import math

from pipeline.mixed_precision import sensitivity
from pipeline.mixed_precision.candidates import Unit

UNITS = [Unit("CONV_2D", "a", ["stem"], 10, ("int4", "float32")), Unit("FULLY_CONNECTED", "b", [], 5, ("int4", "int8", "float32"))]


def test_each_operator_alone() -> None:
    assert sensitivity.alone([unit.choices for unit in UNITS]) == [
        {"int4": ("int4", "float32"), "float32": ("float32", "float32")},
        {"int4": ("float32", "int4"), "int8": ("float32", "int8"), "float32": ("float32", "float32")},
    ]


def test_the_most_sensitive_first_and_broken_ones_before_all() -> None:
    def row(noise: float | None) -> dict[str, object]:
        return {"noise": noise, "sqnr_db": None if not noise else -10 * math.log10(noise), "finite": noise is not None}

    figures = [{"int4": row(0.5), "float32": row(0.0)}, {"int4": row(None), "int8": row(0.7), "float32": row(0.0)}]
    saving = [{"int4": 7.0, "float32": 0.0}, {"int4": 4.0, "int8": 3.0, "float32": 0.0}]
    found = sensitivity.ranked(UNITS, figures, saving)
    assert [(entry.tensor, entry.scheme, entry.saving) for entry in found] == [
        ("b", "int4", 4.0),
        ("b", "int8", 3.0),
        ("a", "int4", 7.0),
    ]
    assert found[2].layers == ("stem",)
    assert sensitivity.noise(row(None)) == math.inf
    assert sensitivity.noise(row(0.7)) == 0.7
