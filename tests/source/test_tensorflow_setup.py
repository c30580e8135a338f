import os
import subprocess
import sys

import pytest

from pipeline.source.tensorflow_setup import OPTIONAL, SIGNATURE, absent, tf
from tests.helpers import ROOT


def test_computes_reproducibly_and_quietly() -> None:
    assert os.environ["TF_ENABLE_ONEDNN_OPTS"] == "0"
    assert os.environ["TF_NUM_INTRAOP_THREADS"] == "1"
    assert os.environ["TF_CPP_MIN_LOG_LEVEL"] == "3"
    assert SIGNATURE == tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY


@pytest.mark.parametrize(
    ("module", "without"),
    [
        ("tensorflow_setup", ("keras", "tf_keras", *OPTIONAL)),
        ("converter", ("keras", "tf_keras", *OPTIONAL)),
        ("reference_run", ("keras", "tf_keras", *OPTIONAL)),
        ("keras3", ("tf_keras", "matplotlib", "pandas", "sklearn")),
        ("keras2", ("keras", "matplotlib", "pandas", "sklearn")),
    ],
)
def test_imports_only_what_is_used(module: str, without: tuple[str, ...]) -> None:
    script = f"import sys, pipeline.source.{module}; print([name for name in {without!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_keras_is_there_when_it_is_asked_for() -> None:
    """As users' own layers may do it."""
    script = (
        "from pipeline.source.tensorflow_setup import tf\n"
        "from tensorflow.keras import layers\n"
        "assert tf.keras.layers.Dense is layers.Dense\n"
        "import keras, pandas, sklearn\n"
        "assert keras.layers.Dense is layers.Dense\n"
    )
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True, capture_output=True)


def test_absent_hides_what_is_not_imported_yet_and_only_meanwhile() -> None:
    sys.modules.pop("colorsys", None)
    with absent("colorsys", "os"):
        with pytest.raises(ImportError):
            __import__("colorsys")
        assert __import__("os") is os
    assert __import__("colorsys").rgb_to_hsv(0, 0, 0) == (0.0, 0.0, 0)
