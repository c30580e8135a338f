import os

from pipeline.source.tensorflow_setup import SIGNATURE, tf


def test_computes_reproducibly_and_quietly() -> None:
    assert os.environ["TF_ENABLE_ONEDNN_OPTS"] == "0"
    assert os.environ["TF_CPP_MIN_LOG_LEVEL"] == "3"
    assert SIGNATURE == tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY
