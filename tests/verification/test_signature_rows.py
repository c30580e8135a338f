from collections.abc import Callable

from pipeline.verification import signature_rows
from tests.made import Made


def test_signature(nets: Callable[[str], Made]) -> None:
    made = nets("convolutions")
    assert all(row["passed"] for row in signature_rows.rows(made.proof.graph, made.source.signature))
    other = {**made.source.signature, "key": "predict", "inputs": [{"name": "image", "shape": [1, 9, 9, 3]}]}
    wrong = [row["what"] for row in signature_rows.rows(made.proof.graph, other) if not row["passed"]]
    assert wrong == ["signature key", "shape of input image"]
