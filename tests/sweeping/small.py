"""A small DVC project, for what is relied on of DVC: a stage `double` of a number, and `benchmark@a` that reads its output."""

from pathlib import Path

from dvc.repo import Repo

from tests.helpers import call

DVC_YAML = """stages:
  double:
    cmd: python double.py
    deps: [number]
    outs: [doubled]
  benchmark:
    foreach: [a]
    do:
      cmd: cp doubled ${item}
      deps: [doubled]
      outs: ["${item}"]
"""
# Each run leaves a trace, beside the project.
_DOUBLE = """from pathlib import Path
number = int(Path("number").read_text())
with open("../runs", "a") as runs:
    runs.write(f"{number}\\n")
Path("doubled").write_text(str(2 * number))
"""


def make(root: Path, store: str = "    url = ../../store\n") -> Path:
    """The project, in a repository of its own, with a remote `store`; by default a folder beside it."""
    root.mkdir()
    call("git", "init", "-q", cwd=root)
    with Repo.init(str(root)):
        pass
    (root / "dvc.yaml").write_text(DVC_YAML)
    (root / "double.py").write_text(_DOUBLE)
    (root / "number").write_text("4")
    (root / ".dvc/config").write_text(f"[core]\n    remote = store\n['remote \"store\"']\n{store}")
    (root.parent / "store").mkdir(exist_ok=True)
    return root


def runs(root: Path) -> list[str]:
    """The numbers that were doubled, in the order in which they were."""
    path = root.parent / "runs"
    return path.read_text().split() if path.exists() else []
