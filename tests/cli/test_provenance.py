import hashlib
import json
import platform
import re
from pathlib import Path

from pipeline import files, paths
from pipeline.cli import provenance
from tests.helpers import call


def test_puts_commit_code_configuration_and_machine_beside_what_ships(project: Path) -> None:
    found = json.loads(call("python", "-m", "pipeline.cli.provenance", cwd=project).stdout)
    assert files.read_json(project / paths.SELECTED / "provenance.json").items() <= found.items()
    assert found["git"] == {
        "commit": call("git", "rev-parse", "HEAD", cwd=project).stdout.strip(),
        "experiment": None,
        "changed": [],
    }
    assert found["params_sha256"] == hashlib.sha256((project / "params.yaml").read_bytes()).hexdigest()
    assert found["lock_sha256"] == hashlib.sha256((project / "dvc.lock").read_bytes()).hexdigest()
    assert found["machine"]["python"] == platform.python_version()
    assert len(found["code_sha256"]) == 64
    # A tracked file that no stage reads: the result is the same, the commit does not hold it.
    (project / "README.md").write_text("edited")
    assert json.loads(call("python", "-m", "pipeline.cli.provenance", cwd=project).stdout)["git"]["changed"] == ["README.md"]


def test_what_was_edited_since_is_refused(project: Path) -> None:
    with (project / "pipeline/gate.py").open("a") as stream:
        stream.write("# edited\n")
    done = call("python", "-m", "pipeline.cli.provenance", cwd=project, check=False)
    assert done.returncode == 1
    assert done.stdout == "error: what lies here is not the result of what lies here: gate; run `dvc repro`\n"


def test_nothing_to_speak_of(tmp_path: Path) -> None:
    done = call(
        "python", "-m", "pipeline.cli.provenance", cwd=tmp_path, check=False, PYTHONPATH=str(Path(provenance.__file__).parents[2])
    )
    assert done.returncode == 1
    assert re.match(r"error: models/selected/provenance\.json: ", done.stdout)


def test_the_code_is_one_hash_that_any_module_changes() -> None:
    def stages(**md5: str) -> dict[str, dict[str, list[dict[str, str]]]]:
        return {name: {"deps": [{"path": f"pipeline/{name}.py", "md5": value}]} for name, value in md5.items()}

    one = provenance.code(stages(a="1", b="2"))
    assert one == provenance.code(stages(b="2", a="1"))
    assert one != provenance.code(stages(a="1", b="3"))
    assert one == provenance.code(stages(a="1", b="2") | {"data": {"deps": [{"path": "data/x", "md5": "4"}]}, "none": {}})
