import json
import subprocess
from pathlib import Path

import pytest

from pipeline.comparison import experiments
from pipeline.errors import UserError
from tests.helpers import call
from tests.made_experiments import METRICS, Made, add, figures


def two(**changed: float) -> dict[str, dict]:
    return {"float32": figures(bytes=74748), "int8": figures(**changed)}


def read(project: Path) -> tuple[list[experiments.Experiment], dict[str, str]]:
    _, found, _ = experiments.references(project)
    return experiments.read(project, found)


def test_figures_are_those_in_the_experiments_own_commit(bare: Path) -> None:
    made = [
        Made(
            name=f"p-{n}", params={"calibrate.samples": n, "variants.int8.algorithm": "mse"}, variants=two(bytes=n), selected="int8"
        )
        for n in (1, 22, 333)
    ]
    commits = add(bare, made)
    found, unread = read(bare)
    assert unread == {}
    assert {one.reference.name: one.reference.commit for one in found} == commits
    for one in found:
        own = json.loads(call("git", "show", f"{one.reference.commit}:{METRICS}", cwd=bare).stdout)
        assert one.metrics.variants == own["variants"]
        assert one.params["calibrate.samples"] == one.metrics.variants["int8"]["bytes"]
        assert one.params["variants.int8.algorithm"] == "mse"
        assert (one.metrics.selected, one.primary_metric, one.confidence) == ("int8", "accuracy", 0.95)


def test_what_cannot_be_read_is_a_sentence_and_the_rest_is_read(bare: Path) -> None:
    changed = {"calibrate.samples": 7, "variants.int8.algorithm": "mse"}
    add(
        bare,
        [
            Made(name="good", variants=two()),
            Made(name="saved", params=changed, variants=two(), stale=True),
            Made(name="no-figures", variants=two(), without=[METRICS]),
            Made(name="no-params", variants=two(), without=["params.yaml"]),
            Made(name="no-lock", variants=two(), without=["dvc.lock"]),
            Made(name="broken", variants=two(), instead={"params.yaml": "a: ["}),
            Made(name="cut", variants=two(), instead={METRICS: '{"selected": nul'}),
            Made(name="early", variants=two(), instead={"dvc.lock": "schema: '2.0'\nstages:\n  check:\n    cmd: c\n"}),
            Made(
                name="other",
                variants=two(),
                instead={METRICS: json.dumps({"selected": None, "conversion_verified": None, "variants": two(bytes=5)})},
            ),
            Made(
                name="fewer",
                variants=two(),
                instead={METRICS: json.dumps({"selected": None, "conversion_verified": None, "variants": {}})},
            ),
            Made(name="bytes", variants=two(), instead={METRICS: "[]"}),
        ],
    )
    found, unread = read(bare)
    assert [one.reference.name for one in found] == ["good"]
    assert unread == {
        "saved": "its figures are those of other parameters (calibrate, variants.int8); `dvc repro` was not run",
        "no-figures": f"no {METRICS} in its commit",
        "no-params": "no params.yaml in its commit",
        "no-lock": "no dvc.lock in its commit",
        "broken": unread["broken"],
        "cut": f"{METRICS}: Input data was truncated",
        "early": "it did not get as far as `select`, which gathers the figures",
        "other": f"{METRICS} is not the one that dvc.lock names",
        "fewer": "its figures are those of other parameters (other variants); `dvc repro` was not run",
        "bytes": f"{METRICS}: Expected `object`, got `array`",
    }
    assert unread["broken"].startswith("params.yaml: no YAML (while parsing")


def test_references_are_experiments_and_nothing_else_that_dvc_keeps_there(bare: Path) -> None:
    add(bare, [Made(name="mine", variants=two())])
    head = call("git", "rev-parse", "HEAD", cwd=bare).stdout.strip()
    for name in ("exec/EXEC_HEAD", "stash", "celery/stash", "celery/failed", "apply/ORIG_HEAD", "temp/x"):
        call("git", "update-ref", f"refs/exps/{name}", head, cwd=bare)
    told, found, failed = experiments.references(bare)
    assert told == head
    assert [(one.name, one.baseline) for one in found] == [("mine", head)]
    assert failed == []


def test_what_the_queue_says_failed(bare: Path) -> None:
    add(bare, [Made(name="tried-again", variants=two())])
    head = call("git", "rev-parse", "HEAD", cwd=bare).stdout.strip()
    for name in ("dull-idea", "tried-again", "dull-idea"):
        tree = call("git", "rev-parse", "HEAD^{tree}", cwd=bare).stdout.strip()
        commit = call("git", "commit-tree", tree, "-m", f"{name}", cwd=bare).stdout.strip()
        message = f"commit: dvc-exp:{head}:{head}:{name}"
        call("git", "update-ref", "--create-reflog", "-m", message, "refs/exps/celery/failed", commit, cwd=bare)
    _, _, failed = experiments.references(bare)
    assert [one.name for one in failed] == ["dull-idea"]


def test_a_project_below_the_repositorys_root(bare: Path) -> None:
    add(bare, [Made(name="deep", variants=two(), instead={"sub/params.yaml": "a: ["}, without=["params.yaml"])])
    (bare / "sub").mkdir()
    _, unread = read(bare / "sub")
    assert unread["deep"].startswith("params.yaml: no YAML")


def test_no_repository(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"git rev-parse: .*not a git repository.*; run it in a clone of this repository"):
        experiments.references(tmp_path)


def test_latency_comes_from_the_cache_by_its_hash(bare: Path) -> None:
    add(
        bare,
        [
            Made(name="here", variants=two(), latency={"int8": 0.25}),
            Made(name="gone", variants=two(), latency={"int8": 3}, cached=False),
        ],
    )
    found, _ = read(bare)
    cache = Path(call("dvc", "cache", "dir", cwd=bare).stdout.strip())
    told = {one.reference.name: experiments.latency(cache, one.latency_md5) for one in found}
    assert told == {"here": {"int8": 0.25}, "gone": None}
    assert experiments.latency(cache, None) is None


def test_as_many_processes_for_many_experiments_as_for_one(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[list[str]] = []
    real = subprocess.run

    def counted(command: list[str], **options: object) -> object:
        ran.append(command)
        return real(command, **options)  # type: ignore[call-overload]

    add(bare, [Made(name="p-0", variants=two())])
    monkeypatch.setattr(subprocess, "run", counted)
    read(bare)
    first, ran[:] = len(ran), []
    monkeypatch.undo()
    add(bare, [Made(name=f"p-{n}", params={"calibrate.samples": n}, variants=two()) for n in range(1, 201)])
    monkeypatch.setattr(subprocess, "run", counted)
    found, _ = read(bare)
    assert len(found) == 201
    assert len(ran) == first == 4


def test_parameters_of_a_commit(bare: Path) -> None:
    head, _, _ = experiments.references(bare)
    found = experiments.committed(bare, head)
    assert found["calibrate.samples"] == 100
    assert "conf_digest" not in found
    assert experiments.committed(bare, "0" * 40) == {}
