import json
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline import files, paths
from pipeline.runtime import latency


def test_figures_are_ordered_and_positive(finished: Path) -> None:
    figures = latency.time_model(files.read_bytes(finished / paths.variant_model("int16x8")), runs=30, warmup=3, threads=1)
    assert 0 < figures["latency_median_ms"] <= figures["latency_p95_ms"]
    assert figures["latency_first_ms"] > figures["latency_median_ms"]  # it also opens the file
    assert figures["peak_memory_kb"] >= 0


@pytest.mark.slow
def test_agrees_with_litert_benchmark_on_a_large_model(tmp_path: Path) -> None:
    """MobileNetV2 with random weights: the medians of the library's own tool, 50 runs each, within a quarter of each other.

    Alternating, so that whatever else the machine does meets both; the closest pair of three counts.
    """
    script = (
        "import sys, keras, tensorflow as tf\n"
        "model = keras.applications.MobileNetV2(weights=None)\n"
        "model.export(sys.argv[1] + '/saved')\n"
        "converter = tf.lite.TFLiteConverter.from_saved_model(sys.argv[1] + '/saved')\n"
        "open(sys.argv[1] + '/model.tflite', 'wb').write(converter.convert())\n"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True, capture_output=True)
    tool = [str(Path(sys.executable).parent / "litert-benchmark"), "--model", str(tmp_path / "model.tflite")]
    ratios = []
    for _ in range(3):
        ours = latency.time_model((tmp_path / "model.tflite").read_bytes(), runs=50, warmup=5, threads=1)["latency_median_ms"]
        subprocess.run([*tool, "--num_threads", "1", "--result_json", str(tmp_path / "out.json")], check=True, capture_output=True)
        theirs = json.loads((tmp_path / "out.json").read_text())["latency"]["median_ms"]
        ratios.append(ours / theirs)
    assert min(abs(ratio - 1) for ratio in ratios) < 0.25, ratios
