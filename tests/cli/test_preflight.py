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


def test_a_remote_on_s3_without_its_library_is_a_note(project: Path, tmp_path: Path) -> None:
    call("dvc", "remote", "add", "--default", "kept", "s3://bucket/project", cwd=project)
    assert call("python", "-m", "pipeline.cli.preflight", cwd=project).stdout == ""
    (tmp_path / "sitecustomize.py").write_text("import sys\n\nsys.modules['dvc_s3'] = None\n")
    done = call("python", "-m", "pipeline.cli.preflight", cwd=project, PYTHONPATH=f"{tmp_path}:{project}")
    expected = "note: remote kept: s3://bucket/project needs dvc-s3, which is not installed: `make extras` installs it\n"
    assert done.stdout == expected
    # What DVC says itself names the package.
    pushed = call("dvc", "push", cwd=project, check=False, PYTHONPATH=f"{tmp_path}:{project}")
    assert "s3 is supported, but requires 'dvc-s3' to be installed" in pushed.stdout
