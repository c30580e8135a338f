"""What a stage imports, directly or not."""

from pathlib import Path

import pytest

from pipeline import imports

MODULES = {
    "__init__": "",
    "config": "from pipeline import letters\n",
    "letters": "",
    "errors": "",
    "files": "",
    "bake": (
        "import json\nimport pipeline.oven.heat as oven\n"
        "from pipeline import config, errors, files\nfrom pipeline.dough.knead import FLOUR\n"
    ),
    "dough/knead": "FLOUR = 1\n\n\ndef work():\n    from pipeline.dough import rest\n",
    "dough/rest": "from pipeline import bake\n",
    "dough/roll": "",
    "oven/heat": "",
}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    for name, text in MODULES.items():
        path = tmp_path / "pipeline" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path


def test_closure_follows_imports_inside_functions_and_leaves_out_what_only_refuses(repository: Path) -> None:
    assert imports.closure(repository, "bake") == {
        "pipeline/bake.py",
        "pipeline/files.py",
        "pipeline/dough/knead.py",
        "pipeline/dough/rest.py",
        "pipeline/oven/heat.py",
    }


def test_all_forms_of_an_import_are_seen(repository: Path) -> None:
    found = imports.imported(repository / "pipeline/bake.py")
    assert {"json", "pipeline.config", "pipeline.errors", "pipeline.dough.knead", "pipeline.oven.heat"} <= found
