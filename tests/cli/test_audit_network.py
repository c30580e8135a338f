from pathlib import Path

import keras
import pytest

from pipeline.cli import audit_network
from pipeline.errors import UserError
from pipeline.tflite import flatbuffer
from tests import foreign
from tests.helpers import ROOT

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras saving a model


def test_as_the_pipeline_exports_it(tmp_path: Path) -> None:
    source = audit_network.export(ROOT / "models" / "digits_cnn.keras", tmp_path / "saved", batch=3)
    assert source.signature["inputs"] == [{"name": "image", "shape": [3, 8, 8, 1], "dtype": "float32"}]
    assert source.numbered


def test_with_the_lengths_of_a_file_where_the_network_leaves_them_free(tmp_path: Path) -> None:
    free, fixed = keras.Input((None, None, 3), name="image"), keras.Input((5, 7, 3), name="image")
    mean = keras.layers.GlobalAveragePooling2D(name="mean")
    keras.Model(free, mean(free)).save(tmp_path / "free.keras")
    content = foreign.unsigned(foreign.from_keras(keras.Model(fixed, mean(fixed)), "float32"))
    exported = audit_network.export_like(
        tmp_path / "free.keras",
        tmp_path / "saved",
        flatbuffer.read(content),
        format="auto",
        shapes=flatbuffer.end_shapes(flatbuffer.opened(content)),
        inputs={},
        outputs={},
    )
    assert exported.source.signature["inputs"][0]["shape"] == [None, 5, 7, 3]
    assert [dict(way.inputs) for way in exported.ways] == [{"image": "x_0"}]


def test_lengths_that_depend_on_which_input_is_which(tmp_path: Path) -> None:
    left, right = keras.Input((None, 3), name="left"), keras.Input((None, 3), name="right")
    mean = keras.layers.GlobalAveragePooling1D(name="mean")
    keras.Model([left, right], keras.layers.Subtract(name="out")([mean(left), mean(right)])).save(tmp_path / "free.keras")
    short, long = keras.Input((4, 3), name="left"), keras.Input((6, 3), name="right")
    model = keras.Model([short, long], keras.layers.Subtract(name="out")([mean(short), mean(long)]))
    content = foreign.unsigned(foreign.from_keras(model, "float32"))
    with pytest.raises(UserError, match=r"say it: --inputs left=NAME_IN_FILE right=NAME_IN_FILE \(the file has x_0, x_1\)"):
        audit_network.export_like(
            tmp_path / "free.keras",
            tmp_path / "saved",
            flatbuffer.read(content),
            format="auto",
            shapes=flatbuffer.end_shapes(flatbuffer.opened(content)),
            inputs={},
            outputs={},
        )


def test_keras_3_may_read_what_keras_2_wrote() -> None:
    assert audit_network.others(ROOT / "tests" / "data" / "converters" / "conv.h5") == ("keras3_h5",)
    assert audit_network.others(ROOT / "models" / "digits_cnn.keras") == ()
