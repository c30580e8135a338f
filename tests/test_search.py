from pathlib import Path

from tests.helpers import call


def test_refuses_to_run_until_it_is_built(project: Path) -> None:
    call("python", "-m", "pipeline.cli.compose", "search=[mixed]", cwd=project)
    done = call("dvc", "repro", "search@mixed", cwd=project, check=False)
    assert done.returncode != 0
    assert "error: searches.mixed: mixed-precision search is not built yet; remove it from `search`" in done.stdout
