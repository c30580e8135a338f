from pathlib import Path

import pytest

from tests.helpers import call, edited_params


def test_says_nothing_where_all_is_there(finished: Path) -> None:
    done = call("python", "-m", "pipeline.cli.preflight", cwd=finished)
    assert done.stdout == ""
    assert (finished / "reports/index.html").exists()


@pytest.mark.parametrize(("group", "path"), [("model", "models/none.h5"), ("data", "data/none")])
def test_names_what_is_missing_and_leaves_no_report(project: Path, group: str, path: str) -> None:
    edited_params(project, project, {f"{group}.path": path})
    done = call("python", "-m", "pipeline.cli.preflight", cwd=project, check=False)
    assert done.returncode == 1
    expected = f"error: {group}.path: no such file or folder: {path}; put it there, or set the path in conf/{group}/\n"
    assert done.stdout == expected
    assert not (project / "reports/index.html").exists()
