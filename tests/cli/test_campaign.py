"""The campaign itself: what it draws, how it runs files, how it counts; and a seeded short run of it."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from pipeline.cli import campaign, campaign_mutations, campaign_networks
from pipeline.cli.campaign_attacks import ATTACKS, Attack, NotCompared
from pipeline.cli.campaign_files import File
from pipeline.verification import judgement
from tests.helpers import ROOT, call

SEED = 0
# Answered whatever the judge says.
_NOT_JUDGED = {campaign.UNCHANGED, campaign.UNREADABLE, campaign.NO_RUN}
ROW = {"name": "constants", "reason": "no kernel", "passed": False}


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
    result = campaign.run(ATTACKS[attack], found, count=300, seed=SEED + 1)
    assert result.wrong == [], campaign.table([result])


def judging(judge: Callable[[File, bytes, judgement.Outputs | None], Mapping[str, Any]]) -> Attack:
    return Attack(title="a broken judge", takes=lambda file: file.scheme == "static_wi8_ai8", judge=judge)


def test_a_judge_that_passes_everything_is_seen(files: Callable[[str], list[File]]) -> None:
    result = campaign.run(judging(lambda *given: {"passed": True, "checks": []}), files("dense"), count=30, seed=SEED)
    assert {row.kind for row in result.wrong} == {campaign.PASSED}
    assert set(result.answered) <= _NOT_JUDGED
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
    assert {row.kind for row in result.wrong} == {campaign.RAISED}
    assert set(result.answered) <= _NOT_JUDGED
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
    assert found - _NOT_JUDGED == {expected} - _NOT_JUDGED
    assert campaign.UNCHANGED in found
