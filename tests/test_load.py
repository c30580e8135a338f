from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from pipeline import files, paths
from pipeline.tflite import flatbuffer
from tests.helpers import ROOT, call, edited_params


def test_every_variable_is_kept_by_path_bit_for_bit(finished: Path) -> None:
    model = keras.models.load_model(ROOT / "models" / "digits_cnn.keras")
    kept = np.load(finished / paths.SOURCE_WEIGHTS)
    # The state of dropout's random numbers is no weight.
    variables = [variable for variable in model.variables if "seed_generator" not in variable.path]
    assert sorted(kept.files) == sorted(variable.path for variable in variables)
    for variable in variables:
        np.testing.assert_array_equal(kept[variable.path], np.asarray(variable))


def test_the_signature_has_a_fixed_batch_and_the_original_a_free_one(finished: Path) -> None:
    facts = files.read_json(finished / paths.SOURCE_FACTS)
    assert facts["signature"]["inputs"] == [{"name": "image", "shape": [1, 8, 8, 1], "dtype": "float32"}]
    assert facts["signature"]["outputs"] == [{"name": "probabilities", "shape": [1, 10], "dtype": "float32"}]
    assert facts["original_signature"]["inputs"][0]["shape"] == [None, 8, 8, 1]
    assert facts["counts"]["parameters"] == keras.models.load_model(ROOT / "models" / "digits_cnn.keras").count_params()


def test_the_shipped_network_was_trained_on_its_training_split_only_and_is_accurate(finished: Path) -> None:
    data = np.load(ROOT / "data" / "digits.npz")
    held_out = data["split"] == "held_out"
    model = keras.models.load_model(ROOT / "models" / "digits_cnn.keras")
    predicted = model.predict(data["images"][held_out].astype(np.float32) / 16, verbose=0).argmax(1)
    assert (predicted == data["labels"][held_out]).mean() >= 0.98
    assert (ROOT / "models" / "digits_cnn.keras").stat().st_size < 300_000
    assert getattr(model, "optimizer", None) is None


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.keras", None, "error: model.path: no such file: none.keras; set it in conf/model/"),
        ("broken.keras", b"not a zip file", "error: model.path: broken.keras is not readable as a .keras file:"),
    ],
)
def test_a_missing_or_unreadable_model(finished: Path, tmp_path: Path, name: str, content: bytes | None, message: str) -> None:
    edited_params(finished, tmp_path, {"model.path": name})
    if content is not None:
        (tmp_path / name).write_bytes(content)
    done = call("python", "-m", "pipeline.load", cwd=tmp_path, check=False, PYTHONPATH=str(ROOT))
    assert done.returncode == 1
    assert message in done.stdout
    assert "Traceback" not in done.stdout
    assert not (tmp_path / "models").exists()


def _with_dropout(library: Any) -> Any:
    layers = library.layers
    image = library.Input((8, 8, 1), name="image")
    h = layers.BatchNormalization()(layers.Conv2D(4, 3, activation="relu")(image))
    h = layers.LSTM(3)(layers.Reshape((6, 24))(layers.Dropout(0.5)(h)))
    return library.Model(image, {"a": layers.Dense(2)(h), "b": layers.Dense(3, activation="softmax")(h)})


@pytest.mark.filterwarnings("ignore:.*HDF5 file", "ignore:__array__ implementation")
@pytest.mark.parametrize("kind", ["keras", "half precision", "keras2", "saved_model"])
def test_what_is_loaded_twice_is_the_same_bytes(finished: Path, tmp_path: Path, kind: str) -> None:
    """In processes of other hash seeds and thread counts, by other people: no random number, no order of a map."""
    if kind == "keras2":
        import tf_keras

        _with_dropout(tf_keras).save(tmp_path / "network.h5")
    elif kind == "saved_model":
        _with_dropout(keras).export(tmp_path / "network", verbose=False)
    else:
        if kind == "half precision":
            keras.config.set_dtype_policy("mixed_float16")
        try:
            _with_dropout(keras).save(tmp_path / "network.keras")
        finally:
            keras.config.set_dtype_policy("float32")
    (model,) = tmp_path.glob("network*")
    for number in ("1", "2"):
        project = tmp_path / number
        project.mkdir()
        edited_params(finished, project, {"model.path": str(model)})
        environment: dict[str, Any] = {
            "PYTHONPATH": str(ROOT),
            "PYTHONHASHSEED": number,
            "OMP_NUM_THREADS": number,
            "LC_ALL": "C",
            "TZ": f"UTC-{number}",
        }
        call("python", "-m", "pipeline.load", cwd=project, **environment)
    first, second = (
        {
            path.relative_to(tmp_path / number): path.read_bytes()
            for path in (tmp_path / number / "models").rglob("*")
            if path.is_file()
        }
        for number in ("1", "2")
    )
    assert len(first) >= 6
    assert [path for path in first.keys() | second.keys() if first.get(path) != second.get(path)] == []
    if kind == "keras2":  # whose name tells TFLiteConverter that it is one
        call("python", "-m", "pipeline.convert", cwd=tmp_path / "1", PYTHONPATH=str(ROOT))
        operators = flatbuffer.read(files.read_bytes(tmp_path / "1" / paths.FLOAT32)).operators
        assert "UNIDIRECTIONAL_SEQUENCE_LSTM" in [operator.name for operator in operators]
