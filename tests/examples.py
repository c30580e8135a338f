"""Small networks and data of every kind of task, and every stage run on them. Weights are set, not trained: seeded and quick.

python tests/examples.py FOLDER     builds one folder for each example, TensorFlow imported once for all
"""

import os
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import yaml

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
N = 400
VARIANTS = ("float32", "int8")
Example = tuple[Any, dict[str, np.ndarray], dict[str, Any]]


def regression() -> Example:
    """A sine of two inputs by 24 random features and least squares."""
    import keras

    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (N, 2)).astype(np.float32)
    y = np.sin(2 * x[:, 0]) + x[:, 1] + rng.normal(scale=0.05, size=N)
    kernel, bias = rng.normal(size=(2, 24)), rng.normal(size=24)
    features = np.hstack([np.maximum(x @ kernel + bias, 0), np.ones((N, 1))])
    solved = np.linalg.lstsq(features.T @ features + 0.1 * np.eye(25), features.T @ y, rcond=None)[0]
    inputs = keras.Input((2,), name="x")
    hidden = keras.layers.Dense(24, activation="relu", name="hidden")(inputs)
    model = keras.Model(inputs, keras.layers.Dense(1, name="y")(hidden), name="regression")
    model.set_weights([kernel, bias, solved[:24, None], solved[24:]])
    return model, {"x": x, "y": y}, {"select.max_drop": 0.1}


def segmentation() -> Example:
    """Bright squares on a dark ground: a blur, and a threshold on it."""
    import keras

    rng = np.random.default_rng(1)
    masks = np.zeros((N, 12, 12), np.int64)
    for mask in masks:
        top, left = rng.integers(0, 7, 2)
        mask[top : top + 5, left : left + 5] = 1
    x = (0.7 * masks + rng.uniform(0, 0.3, masks.shape)).astype(np.float32)[..., None]
    inputs = keras.Input((12, 12, 1), name="x")
    blurred = keras.layers.Conv2D(2, 3, padding="same", activation="relu", name="blur")(inputs)
    model = keras.Model(inputs, keras.layers.Conv2D(2, 1, activation="softmax", name="classes")(blurred), name="segmentation")
    kernel = (
        np.full((3, 3, 1, 2), 0.05)
        + 0.5 * (np.indices((3, 3)).sum(0) == 2)[:, :, None, None] * (np.indices((3, 3))[0] == 1)[:, :, None, None]
    )
    model.set_weights([kernel, np.array([0.0, 0.1]), np.array([[-6.0, 6.0], [-2.0, 2.0]])[None, None], np.array([4.2, -4.2])])
    return model, {"x": x, "y": masks}, {"select.max_drop": 0.05}


def anomaly() -> Example:
    """What lies in a plane is normal; a linear autoencoder projects onto it."""
    import keras

    rng = np.random.default_rng(2)
    basis = np.linalg.qr(rng.normal(size=(10, 3)))[0]
    y = (np.arange(N) % 5 == 0).astype(np.int64)
    x = rng.normal(size=(N, 3)) @ basis.T + rng.normal(scale=0.02 + 0.1 * y[:, None], size=(N, 10))
    inputs = keras.Input((10,), name="x")
    code = keras.layers.Dense(3, name="code")(inputs)
    model = keras.Model(inputs, keras.layers.Dense(10, name="again")(code), name="anomaly")
    model.set_weights([basis, np.zeros(3), basis.T, np.zeros(10)])
    return model, {"x": x.astype(np.float32), "y": y}, {"select.max_drop": 0.15}


def two_outputs() -> Example:
    """A class and a value of the same points."""
    import keras

    rng = np.random.default_rng(3)
    x = rng.uniform(-1, 1, (N, 4)).astype(np.float32)
    kernel, bias = rng.normal(size=(4, 16)), rng.normal(size=16)
    hidden = np.maximum(x @ kernel + bias, 0)
    toward, along = rng.normal(size=(16, 3)), rng.normal(size=(16, 1)) / 4
    kind = (hidden @ toward + rng.normal(scale=0.3, size=(N, 3))).argmax(1)
    value = (hidden @ along)[:, 0] + rng.normal(scale=0.1, size=N)
    inputs = keras.Input((4,), name="x")
    shared = keras.layers.Dense(16, activation="relu", name="shared")(inputs)
    outputs = {
        "kind": keras.layers.Dense(3, activation="softmax", name="kind")(shared),
        "value": keras.layers.Dense(1, name="value")(shared),
    }
    model = keras.Model(inputs, outputs, name="two_outputs")
    for name, weights in {"shared": [kernel, bias], "kind": [toward, np.zeros(3)], "value": [along, np.zeros(1)]}.items():
        model.get_layer(name).set_weights(weights)
    heads = {
        "kind": {
            "output": "kind",
            "labels": "kind",
            "task_type": {"name": "classification", "options": {"logits": False}},
            "metrics": {"accuracy": {}},
        },
        "value": {
            "output": "value",
            "labels": "value",
            "task_type": {"name": "regression", "options": {}},
            "metrics": {"rmse": {}, "r2": {}},
        },
    }
    task = {"name": "two_outputs", "heads": heads, "primary_metric": "kind.accuracy", "confidence": 0.95, "resamples": 500}
    return model, {"x": x, "kind": kind, "value": value}, {"task": task, "select.max_drop": 0.05}


EXAMPLES: dict[str, Callable[[], Example]] = {
    "regression": regression,
    "segmentation": segmentation,
    "anomaly": anomaly,
    "two_outputs": two_outputs,
}


def write(folder: Path, name: str) -> None:
    """The files a user brings: model, data, configuration."""
    model, arrays, changes = EXAMPLES[name]()
    (folder / "models").mkdir(parents=True)
    (folder / "data").mkdir()
    model.save(folder / "models" / "net.keras")
    np.savez(folder / "data" / "data.npz", allow_pickle=False, **arrays)
    content = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    targets = [key for key in arrays if key != "x"]
    options = {"inputs": {"x": "x"}, "labels": targets[0] if len(targets) == 1 else {key: key for key in targets}}
    take = {"calibration": 60, "tuning": 40, "evaluation": "rest"}
    content["model"] |= {"name": name, "path": "models/net.keras"}
    content["data"] |= {
        "name": name,
        "path": "data/data.npz",
        "reader": {"name": "npz", "options": options},
        "preprocess": [],
        "classes": None,
        "splits": {"training": []} | {key: {"source": None, "take": value} for key, value in take.items()},
    }
    content["calibrate"]["samples"] = 60
    content["variants"] = {key: content["variants"][key] for key in VARIANTS}
    content["variant_names"] = list(VARIANTS)
    own = ROOT / "conf" / "task" / f"{name}.yaml"
    content["task"] = changes.pop("task", None) or yaml.safe_load(own.read_text(encoding="utf-8"))
    for key, value in changes.items():
        section, field = key.split(".")
        content[section][field] = value
    (folder / "params.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    (folder / "dvc.yaml").write_bytes((ROOT / "dvc.yaml").read_bytes())


def main(target: Path) -> None:
    from tests.inprocess import one_process

    each = [(stage, name) for name in VARIANTS for stage in ("quantize", "predict", "verify", "benchmark")]
    stages = [(stage,) for stage in ("load", "sample", "convert", "reference", "calibrate")]
    for name in EXAMPLES:
        write(target / name, name)
        os.chdir(target / name)
        for stage, *arguments in (*stages, *each, ("evaluate",), ("select",), ("report",), ("gate",)):
            sys.argv = [stage, *arguments]
            with one_process():
                runpy.run_module(f"pipeline.{stage}", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
