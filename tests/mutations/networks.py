"""Sound cases of trained networks and of .tflite files: of a few KB each, saved as users save them."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tests.helpers import quiet
from tests.inprocess import configure
from tests.mutations.case import Case

_DATA = {"path": "none", "reader": {"name": "npz", "options": {"inputs": {"x": "x"}}}}
NAMED = ("model.path", "model.inputs", "model.batch", "model.signature", "model.format")


def dense(library: Any) -> Any:
    library.utils.set_random_seed(1)
    x = library.Input((4,), name="x")
    return library.Model(x, library.layers.Dense(2, name="y")(x), name="dense")


def pictures(library: Any) -> Any:
    """Convolution, batch normalisation, a branch and a network in the network."""
    library.utils.set_random_seed(2)
    layers = library.layers
    inner = library.Sequential(
        [layers.Input((4, 4, 2)), layers.Conv2D(2, 3, padding="same", activation="relu", name="c")], name="inner"
    )
    x = library.Input((4, 4, 2), name="x")
    y = layers.BatchNormalization(name="norm")(inner(x))
    y = layers.Flatten(name="flat")(layers.Add(name="add")([x, y]))
    return library.Model(x, layers.Dense(3, activation="softmax", name="y")(y), name="pictures")


def sequences(library: Any) -> Any:
    """Whole numbers, looked up, through a recurrent layer."""
    library.utils.set_random_seed(3)
    layers = library.layers
    x = library.Input((3,), dtype="int32", name="x")
    y = layers.GRU(2, name="gru")(layers.Embedding(5, 2, name="rows")(x))
    return library.Model(x, layers.Dense(1, name="y")(y), name="sequences")


def looked_up(library: Any) -> Any:
    """Numbers that are classes: a table besides the weights."""
    layers = library.layers
    x = library.Input((2,), dtype="int64", name="x")
    y = layers.IntegerLookup(vocabulary=[3, 5, 7], output_mode="multi_hot", name="look")(x)
    return library.Model(x, layers.Dense(2, name="y")(y), name="looked_up")


NETWORKS: tuple[Callable[[Any], Any], ...] = (dense, pictures, sequences, looked_up)


def _cases(
    folder: Path, save: Callable[[Any, Path], None], library: Any, *, name: str, format: str = "auto", of: int = 4
) -> list[Case]:
    found = []
    for network in NETWORKS[:of]:
        project = folder / network.__name__
        configure(project, model={"path": name, "format": format}, data=_DATA, variants=["float32"])
        with quiet():
            save(network(library), project / name)
        files = [project / name] if (project / name).is_file() else sorted((project / name).rglob("*"))
        targets = tuple(str(file.relative_to(project)) for file in files if file.is_file() and file.name != "fingerprint.pb")
        found.append(Case(project=project, targets=targets, command="load", named=(*NAMED, name)))
    return found


def keras(folder: Path) -> list[Case]:
    import keras as library

    return _cases(folder, lambda model, path: model.save(path), library, name="network.keras")


def keras3_h5(folder: Path) -> list[Case]:
    import keras as library

    return _cases(folder, lambda model, path: model.save(path), library, name="network.h5")


def keras2(folder: Path) -> list[Case]:
    import tf_keras

    return _cases(folder, lambda model, path: model.save(path), tf_keras, name="network.keras")


def keras2_h5(folder: Path) -> list[Case]:
    import tf_keras

    return _cases(folder, lambda model, path: model.save(path), tf_keras, name="network.h5", of=3)


def saved_model(folder: Path) -> list[Case]:
    import keras as library

    return _cases(folder, lambda model, path: model.export(path, verbose=False), library, name="network", of=3)


def keras2_saved_model(folder: Path) -> list[Case]:
    import tf_keras

    return _cases(
        folder, lambda model, path: model.save(path, save_format="tf"), tf_keras, name="network", format="keras2_saved_model", of=3
    )


def tflite(folder: Path) -> list[Case]:
    """Files of the converter, in floats and whole numbers, beside the network that they are said to be."""
    return [
        _audited(folder / f"{network.__name__}_{kind}", network, kind)
        for network in (dense, pictures)
        for kind in ("float32", "int8")
    ]


def audited_data(folder: Path) -> list[Case]:
    """Samples for `audit --data`."""
    found = []
    for network, shape in ((dense, (4,)), (pictures, (4, 4, 2))):
        case = _audited(folder / network.__name__, network, "float32")
        np.savez(case.project / "data.npz", allow_pickle=False, x=np.random.default_rng(1).random((3, *shape), np.float32))
        found.append(Case(project=case.project, targets=("data.npz",), command="audit --data", named=("--data", "data.npz")))
    return found


def _audited(project: Path, network: Callable[[Any], Any], kind: str) -> Case:
    import keras as library

    from tests import foreign

    project.mkdir(parents=True)
    model = network(library)
    with quiet():
        model.save(project / "model.keras")
        content = foreign.exported(model, project / "exported", kind)
    shutil.rmtree(project / "exported")
    (project / "file.tflite").write_bytes(content)
    return Case(project=project, targets=("file.tflite",), command="audit", named=("--tflite", "file.tflite"))
