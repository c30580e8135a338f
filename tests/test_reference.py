from pathlib import Path

import keras
import numpy as np

from pipeline import files, paths
from tests.helpers import ROOT


def test_holds_what_keras_itself_predicts(finished: Path) -> None:
    samples = files.read_samples(finished / paths.EVALUATION)["image"]
    expected = keras.models.load_model(ROOT / "models" / "digits_cnn.keras").predict(np.asarray(samples), verbose=0)
    reference = files.read_arrays(finished / paths.REFERENCE)
    assert list(reference) == ["probabilities"]
    # Keras runs batches of 32, the stage one sample at a time: the order of summation may differ, no more.
    np.testing.assert_allclose(reference["probabilities"], expected, atol=2e-6)
