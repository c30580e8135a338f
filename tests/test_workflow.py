"""The workflow for GitHub, without GitHub: its commands run in a clone, with what they write read."""

import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.helpers import ROOT, call

WORKFLOW: dict[Any, Any] = yaml.safe_load((ROOT / ".github/workflows/pipeline.yml").read_text(encoding="utf-8"))
STEPS: list[dict[str, Any]] = WORKFLOW["jobs"]["pipeline"]["steps"]


def test_it_runs_for_pull_requests_and_may_do_no_more_than_comment() -> None:
    assert set(WORKFLOW[True]) == {"push", "pull_request"}  # YAML takes `on` for a truth
    assert WORKFLOW["permissions"] == {"contents": "read", "pull-requests": "write"}


def test_every_step_is_an_action_of_github_or_a_command_without_expressions() -> None:
    """What somebody else writes (a branch's name) reaches a shell as a variable only."""
    for step in STEPS:
        assert ("uses" in step) != ("run" in step)
        assert re.fullmatch(r"actions/[a-z-]+@v\d+", step.get("uses", "actions/x@v1"))
        assert "${{" not in step.get("run", "")
    assert STEPS[0]["with"]["fetch-depth"] == 0


@pytest.mark.slow
def test_its_commands_tell_what_a_change_does(project: Path, tmp_path: Path) -> None:
    base = call("git", "rev-parse", "HEAD", cwd=project).stdout.strip()
    conf = project / "conf/select/default.yaml"
    conf.write_text(conf.read_text(encoding="utf-8").replace("max_drop: 0.01", "max_drop: 0.02"), encoding="utf-8")
    call("git", "commit", "-qam", "looser", cwd=project)
    # An environment that is there already, and a `gh` that notes what it is asked.
    here, there = project / ".venv", Path(sys.prefix)
    here.mkdir()
    for name in ("bin", "lib"):
        (here / name).symlink_to(there / name)
    written = (there / "pyvenv.cfg").read_text(encoding="utf-8").splitlines(keepends=True)
    (here / "pyvenv.cfg").write_text("".join(line for line in written if not line.startswith("command")), encoding="utf-8")
    (here / "installed").touch()
    (tmp_path / "gh").write_text('#!/bin/sh\nprintf "%s\\n" "$@" > asked\n')
    (tmp_path / "gh").chmod(0o755)
    environment: dict[str, Any] = {
        "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}",
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
        "BASE": base,
        "NUMBER": "7",
    }
    for step in STEPS:
        if "run" in step:
            assert set(step.get("env", {})) <= {*environment, "GH_TOKEN"}
            call("bash", "-e", "-o", "pipefail", "-c", step["run"], cwd=project, **environment)
    told = (tmp_path / "summary.md").read_text(encoding="utf-8")
    assert told.startswith(f"**dynamic_int8** ships, as in {base}.\n")
    assert "- `select.max_drop`: `0.01` → `0.02`\n" in told
    assert (project / "reports/summary.md").read_text(encoding="utf-8") in told
    asked = (project / "asked").read_text(encoding="utf-8").split()
    assert asked[:3] == ["pr", "comment", "7"]
    assert (project / asked[asked.index("--body-file") + 1]).read_text(encoding="utf-8") == told
    assert call("git", "status", "--porcelain", "--", "story.md", cwd=project).stdout == ""
