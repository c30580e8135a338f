"""The command that writes which code each stage depends on."""

from pathlib import Path

import pytest

from pipeline.cli import deps
from tests.helpers import ROOT

GRAPH = """\
stages:
  bake:  # a stage of one run
    cmd: python -m pipeline.bake
    deps:
      - pipeline/gone.py
      - data/flour
    outs:
      - data/bread
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A stage that uses two of three modules of one folder, one of three of another, and one inside a function."""
    modules = {
        "__init__": "",
        "config": "",
        "errors": "",
        "files": "",
        "bake": "from pipeline import config, errors, files\n"
        "from pipeline.dough import knead\nfrom pipeline.oven.heat import warm\n",
        "dough/knead": "def work():\n    from pipeline.dough import rest\n",
        "dough/rest": "import json\n",
        "dough/roll": "",
        "oven/heat": "",
        "oven/cool": "",
        "oven/clean": "",
    }
    for name, text in modules.items():
        path = tmp_path / "pipeline" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "dvc.yaml").write_text(GRAPH)
    return tmp_path


def test_a_folder_stands_for_its_modules_where_most_are_used(repository: Path) -> None:
    written = deps.written(repository)
    assert written == GRAPH.replace(
        "      - pipeline/gone.py\n",
        "      - pipeline/bake.py\n      - pipeline/dough\n      - pipeline/files.py\n      - pipeline/oven/heat.py\n",
    )
    assert deps.needless(repository, "bake") == {"pipeline/dough/roll.py"}


def test_dvc_yaml_is_what_the_command_writes() -> None:
    assert deps.written(ROOT) == (ROOT / "dvc.yaml").read_text(encoding="utf-8")
