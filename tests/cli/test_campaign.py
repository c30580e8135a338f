"""The campaign itself: what it draws, how it runs files, how it counts; and a seeded short run of it."""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

import numpy as np
import pytest

from pipeline.cli import campaign, campaign_faults, campaign_files, campaign_mutations, campaign_networks, campaign_runs
from pipeline.cli.campaign_attacks import ATTACKS, Attack, NotCompared
from pipeline.cli.campaign_files import File
from pipeline.verification import judgement
from tests.helpers import ROOT, call

SEED = 0
ROW = {"name": "constants", "reason": "no kernel", "passed": False}


@pytest.fixture(scope="module")
def files() -> Callable[[str], list[File]]:
    return cache(lambda name: campaign_files.made(name)[1])


@pytest.fixture(scope="module")
def runner() -> Iterator[campaign_runs.Runner]:
    with campaign_runs.runner() as found:
        yield found


def of(files: list[File], engine: str, scheme: str) -> File:
    return next(file for file in files if (file.engine, file.scheme) == (engine, scheme))


def test_the_attacks_are_listed() -> None:
    done = call("python", "-m", "pipeline.cli.campaign", "--list", cwd=ROOT)
    assert done.stdout.split() == list(ATTACKS)


def test_an_unknown_attack_is_refused() -> None:
    done = call("python", "-m", "pipeline.cli.campaign", "--only", "fleot32", cwd=ROOT, check=False)
    assert done.returncode == 1
    assert "--only: unknown 'fleot32'; allowed: float32, lone" in done.stdout


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_mutant_passes_that_computes_something_else(files: Callable[[str], list[File]], attack: str) -> None:
    found = [file for name in ("dense", "shapes") for file in files(name)]
    result = campaign.run(ATTACKS[attack], found, count=100, seed=SEED)
    assert result.tried == 100
    assert result.wrong == [], campaign.table([result])


@pytest.mark.slow
@pytest.mark.parametrize("attack", ATTACKS)
def test_no_mutant_of_any_network_passes_that_computes_something_else(files: Callable[[str], list[File]], attack: str) -> None:
    found = [file for name in campaign_networks.NAMES for file in files(name)]
    result = campaign.run(ATTACKS[attack], found, count=1500, seed=SEED + 1)
    assert result.wrong == [], campaign.table([result])


def judging(judge: Callable[[File, bytes, judgement.Outputs | None], Mapping[str, Any]]) -> Attack:
    return Attack(title="a broken judge", takes=lambda file: file.scheme == "static_wi8_ai8", judge=judge)


def test_a_judge_that_passes_everything_is_seen(files: Callable[[str], list[File]]) -> None:
    result = campaign.run(judging(lambda *given: {"passed": True, "checks": []}), files("dense"), count=30, seed=SEED)
    assert {row.kind for row in result.wrong} == {campaign.PASSED}
    assert set(result.answered) == {campaign.UNCHANGED}
    assert result.tried == 30 == result.answered.total() + len(result.wrong)
    assert len(result.wrong) > 10


def test_a_judge_that_refuses_everything_is_seen(files: Callable[[str], list[File]]) -> None:
    result = campaign.run(judging(lambda *given: {"passed": False, "checks": [ROW]}), files("dense"), count=5, seed=SEED)
    assert {(row.kind, row.effect) for row in result.wrong} == {(campaign.ACCUSED, "constants: no kernel")}
    assert result.tried == 0


def test_a_judge_that_fails_is_seen(files: Callable[[str], list[File]]) -> None:
    first = campaign_mutations.written(campaign_mutations.parse(of(files("dense"), "litert", "static_wi8_ai8").content))

    def judge(file: File, content: bytes, outputs: judgement.Outputs | None) -> Mapping[str, Any]:
        if content != first:
            raise KeyError("scale")
        return {"passed": True, "checks": []}

    attack = Attack(title="", takes=lambda file: file is of(files("dense"), "litert", "static_wi8_ai8"), judge=judge)
    result = campaign.run(attack, files("dense"), count=3, seed=SEED)
    assert [row.kind for row in result.wrong] == [campaign.RAISED] * 3
    assert "KeyError: 'scale' (test_campaign.py:" in result.wrong[0].effect


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("not compared: ranges of activations, which nobody told", campaign.NOT_COMPARED),
        ("not compared: no scheme", campaign.PASSED),
        ("scales follow from the ranges", campaign.PASSED),
    ],
)
def test_what_is_not_compared_must_be_said(files: Callable[[str], list[File]], said: str, expected: str) -> None:
    everything = {(name, ""): NotCompared("not compared: ranges", "") for name in campaign_mutations.schema_fields()}
    attack = Attack(
        title="",
        takes=lambda file: file.scheme == "static_wi8_ai16",
        judge=lambda *given: {"passed": True, "checks": [{"reason": said}]},
        not_compared=lambda file: everything,
    )
    result = campaign.run(attack, files("dense"), count=30, seed=SEED)
    found = {*result.answered, *(row.kind for row in result.wrong if (row.field, "") in everything)}
    assert found == {expected, campaign.UNCHANGED}


@pytest.mark.parametrize("name", ["dense", "shapes"])
def test_a_mutant_is_another_file_and_the_file_stays_as_it_was(files: Callable[[str], list[File]], name: str) -> None:
    model = files(name)[0].content
    content = campaign_mutations.parse(model)
    written = campaign_mutations.written(content)
    sites, rng = campaign_mutations.sites(content), np.random.default_rng(SEED)
    drawn = [campaign_mutations.draw(written, content, sites, rng) for _ in range(400)]
    assert all(mutant.content != written for mutant in drawn)
    assert campaign_mutations.written(content) == written
    # Rare fields as often as weights: nearly all fields of the file are among so few.
    assert len({mutant.field for mutant in drawn} & set(sites)) > 0.85 * len(sites)


def test_the_same_seed_draws_the_same(files: Callable[[str], list[File]]) -> None:
    content = campaign_mutations.parse(files("shapes")[0].content)
    written, sites = campaign_mutations.written(content), campaign_mutations.sites(content)
    first, second = (np.random.default_rng(SEED) for _ in range(2))
    for _ in range(50):
        assert campaign_mutations.draw(written, content, sites, first) == campaign_mutations.draw(written, content, sites, second)


@pytest.mark.parametrize("name", campaign_faults.FAULTS)
def test_each_fault_of_several_fields_finds_a_place(
    files: Callable[[str], list[File]], runner: campaign_runs.Runner, name: str
) -> None:
    """And is no nonsense: LiteRT runs some of the files, and they compute something else."""
    rng, changes = np.random.default_rng(SEED), []
    for file in (*files("dense"), *files("shapes")) * 3:
        content = campaign_mutations.parse(file.content)
        order = list(file.network.proof.graph.inputs)
        before = campaign_runs.outputs(runner, campaign_mutations.written(content), file.network.samples, order)
        if campaign_faults.FAULTS[name](content, rng) is None:
            continue
        after = campaign_runs.outputs(runner, campaign_mutations.written(content), file.network.samples, order)
        if not isinstance(after, str) and not isinstance(before, str):
            changes.append(campaign_runs.difference(before, after)[0])
    assert max(changes) > 1e-3


def test_what_ends_the_process_is_told_and_the_next_file_runs(
    files: Callable[[str], list[File]], runner: campaign_runs.Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = files("dense")[0]
    runner.process.kill()
    assert campaign_runs.outputs(runner, file.content, file.network.samples, ["features"]) == "starting: ends the process with -9"
    found = campaign_runs.outputs(runner, file.content, file.network.samples, ["features"])
    assert not isinstance(found, str)
    assert set(found) == set(campaign_runs.WAYS)
    monkeypatch.setattr(campaign_runs, "_SECONDS", 0.0)
    late = campaign_runs.outputs(runner, file.content, file.network.samples, ["features"])
    assert late == "starting: no answer after 0 s"
    refused = campaign_runs.outputs(runner, b"no file", file.network.samples, ["features"])
    assert isinstance(refused, str)


def test_outputs_are_those_of_the_network(files: Callable[[str], list[File]], runner: campaign_runs.Runner) -> None:
    for name, order in (("dense", ["features"]), ("shapes", ["left", "right"])):
        file = files(name)[0]
        found = campaign_runs.outputs(runner, file.content, file.network.samples, order)
        assert not isinstance(found, str)
        for kernels in (True, False):
            for output, expected in file.network.reference.items():
                np.testing.assert_allclose(found[kernels, True][output][:, 0], expected, rtol=1e-4, atol=1e-5)
            assert found[kernels, False].keys() == {str(place) for place in range(len(file.network.reference))}


def test_changes_of_outputs() -> None:
    one = {way: {"y": np.array([1.0, -2.0], np.float32)} for way in campaign_runs.WAYS}
    assert campaign_runs.difference(one, one) == (0.0, "")
    for values, expected in (([1.0, -1.5], 0.25), ([1.0, np.nan], np.inf), ([1.0], np.inf)):
        other = {**one, (False, True): {"y": np.array(values, np.float32)}}
        assert campaign_runs.difference(one, other) == (expected, "built-in kernels, by name: y")
    renamed = {way: {"z": values["y"]} for way, values in one.items()}
    assert campaign_runs.difference(one, renamed) == (0.0, "")
    # A file without a signature has no outputs by name.
    assert campaign_runs.difference(one, {way: one[way] for way in campaign_runs.WAYS if not way[1]}) == (0.0, "")
    assert campaign_runs.difference(one, {way: {**one[way], "z": one[way]["y"]} for way in one})[0] == np.inf
