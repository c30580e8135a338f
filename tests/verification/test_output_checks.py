import numpy as np

from pipeline.tflite.flatbuffer import Graph, Tensor
from pipeline.verification import output_checks


def graph() -> Graph:
    tensor = Tensor(name="y", shape=(1, 3), dtype="float32", data=None, scales=None, zero_points=None, quantized_dimension=0)
    return Graph(signature="s", inputs={}, outputs={"y": 0}, tensors=[tensor], operators=[])


def judge(predicted: np.ndarray, formats: tuple[str, str]) -> tuple[dict, list[dict]]:
    options = {"rounding": 16.0, "margin_db": 12.0, "agreement": 0.9, "worst": 2}
    reference = {"y": np.eye(3, dtype=np.float32)}
    return output_checks.judge(
        reference,
        {"y": predicted},
        float32=graph(),
        found=graph(),
        formats=formats,
        ids=["a", "b", "c"],
        **options,  # type: ignore[arg-type]
    )


def test_the_worst_samples_go_by_their_ids() -> None:
    predicted = np.eye(3, dtype=np.float32)
    predicted[2, 0], predicted[1, 1] = 0.25, 0.5
    figures, _ = judge(predicted, ("int8", "int8"))
    assert figures["y"]["worst"] == [{"id": "b", "index": 1, "max_error": 0.5}, {"id": "c", "index": 2, "max_error": 0.25}]
    assert figures["y"]["n"] == 3


def test_a_quantized_file_s_error_is_too_much_for_a_float32_one() -> None:
    predicted = np.eye(3, dtype=np.float32) + np.float32(1e-3)
    _, checks = judge(predicted, ("int8", "int8"))
    assert all(row["passed"] for row in checks)
    _, checks = judge(predicted, ("float32", "float32"))
    assert {row["name"] for row in checks if not row["passed"]} == {"max_abs_error"}


def test_a_sample_that_is_not_finite_is_listed_first() -> None:
    predicted = np.eye(3, dtype=np.float32)
    predicted[1, 2] = np.nan
    figures, checks = judge(predicted, ("int8", "int8"))
    assert figures["y"]["worst"][0] == {"id": "b", "index": 1, "max_error": None}
    assert not any(row["passed"] for row in checks)
