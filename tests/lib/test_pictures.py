import xml.etree.ElementTree as ET

from pipeline.lib import pictures

ROWS = {
    "float32": {"bytes": 4000, "accuracy": 0.98, "drop": 0.0, "drop_low": -0.01, "drop_high": 0.01, "verified": True},
    "int8": {"bytes": 1000, "accuracy": 0.97, "drop": 0.01, "drop_low": 0.0, "drop_high": 0.02, "verified": False},
}


def test_the_same_figures_give_the_same_bytes() -> None:
    one, two = (pictures.bytes_against_accuracy(ROWS, metric="accuracy", baseline=0.98, selected="float32") for _ in range(2))
    assert one == two
    text = "".join(ET.fromstring(one).itertext())
    assert "float32" in text
    assert "int8" in text
    assert "original 0.9800" in text
