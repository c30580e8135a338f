"""A project for each network: a clone of the working tree with the files and the configuration that a user would add."""

import contextlib
import hashlib
import io
import shlex
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from pipeline import files, paths
from pipeline.cli import bench_projects
from tests.helpers import ROOT
from tests.inprocess import stage
from tests.trained.network import Network

CACHE = ROOT / ".cache" / "judge"
# Array of the set that each sample goes into, of networks for which that matters.
SPLIT = "split"


def trained(network: Network) -> Path:
    """The folder of a trained network and its `data.npz`, made once for its code and the installed versions."""
    versions = yaml.safe_load((ROOT / paths.PARAMS).read_text(encoding="utf-8"))["versions"]
    code = [ROOT / Path(*name.split(".")).with_suffix(".py") for name in sorted({_module(network), "tests.trained.digits"})]
    key = hashlib.sha256("|".join([*(file.read_text(encoding="utf-8") for file in code), str(versions)]).encode()).hexdigest()
    folder = CACHE / "trained" / f"{network.name}-{key[:12]}"
    if not folder.exists():
        # Before keras, for it sets how TensorFlow computes.
        from pipeline.source import tensorflow_setup  # noqa: F401

        with files.replacing(folder) as temporary:
            temporary.mkdir(parents=True)
            np.savez(temporary / "data.npz", allow_pickle=False, **network.train(temporary / network.file))
    return folder


def _module(network: Network) -> str:
    function = network.train.func if isinstance(network.train, partial) else network.train
    return function.__module__


def make(network: Network, target: Path) -> Path:
    """A clone with the network, its data and their configuration, composed; what other projects have computed is shared."""
    bench_projects.clone(target)
    files.write_text(target / ".dvc" / "config.local", f"[cache]\n    dir = {CACHE / 'dvc'}\n")
    add(network, target)
    bench_projects.run("python", "-m", "pipeline.cli.compose", *overrides(network), cwd=target)
    return target


def add(network: Network, project: Path) -> None:
    """The files that a user would add to a project: network, data, and a file for each in conf/."""
    made = trained(network)
    model, data = Path("models") / f"{network.name}{Path(network.file).suffix}", Path("data") / f"{network.name}.npz"
    if (made / network.file).is_dir():
        shutil.copytree(made / network.file, project / model)
    else:
        shutil.copy2(made / network.file, project / model)
    shutil.copy2(made / "data.npz", project / data)
    labels = (
        None
        if network.labels is None
        else network.labels
        if isinstance(network.labels, str)
        else {key: key for key in network.labels}
    )
    parts = list(np.load(made / "data.npz"))
    sets: dict[str, Any] = {part: {"take": take} for part, take in zip(("calibration", "tuning"), network.sets, strict=True)}
    reader = {"inputs": {key: key for key in network.inputs}, "labels": labels}
    if SPLIT in parts:  # the network says which sample is in which set
        reader["split"] = SPLIT
        sets = {part: {"source": [part], "take": "rest"} for part in ("calibration", "tuning", "evaluation")}
    conf: dict[str, dict[str, Any]] = {
        "model": {"path": model.as_posix()},
        "data": {
            "path": data.as_posix(),
            "reader": {"name": "npz", "options": reader},
            "preprocess": [dict(step) for step in network.preprocess],
            "splits": sets,
        },
    }
    for group, content in conf.items():
        written = {"defaults": ["_base"], "name": network.name, **content}
        files.write_text(project / paths.CONF / group / f"{network.name}.yaml", yaml.safe_dump(written, sort_keys=False))
    if not isinstance(network.task, str):
        content = {**network.task, "name": network.name}
        files.write_text(project / paths.CONF / "task" / f"{network.name}.yaml", yaml.safe_dump(content, sort_keys=False))


def overrides(network: Network) -> list[str]:
    """With which the project is composed. A variant that may not ship does not end the run: what is asked is which do."""
    task = network.task if isinstance(network.task, str) else network.name
    return [f"model={network.name}", f"data={network.name}", f"task={task}", "gate.enabled=false", *network.options]


def reproduce_here(project: Path) -> None:
    """What `dvc repro` does in a project that nothing was computed in, in this process: TensorFlow is imported once for all.

    Raises:
        UserError: when a stage fails.
    """
    import networkx
    from dvc.repo import Repo

    with Repo(project) as repository:
        commands = [shlex.split(found.cmd) for found in networkx.dfs_postorder_nodes(repository.index.graph)]
    for python, option, module, *arguments in commands:
        assert (python, option) == ("python", "-m")
        with contextlib.redirect_stdout(io.StringIO()):
            stage(project, module.removeprefix("pipeline."), *arguments)
