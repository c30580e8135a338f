"""What each attack gives to the judge."""

from collections.abc import Callable

import pytest

from pipeline.cli.campaign_attacks import ATTACKS
from pipeline.cli.campaign_files import File
from tests.helpers import ROOT


@pytest.mark.parametrize("name", ["float32", "variant", "lone"])
def test_a_file_as_it_was_made_passes(files: Callable[[str], list[File]], name: str) -> None:
    attack = ATTACKS[name]
    taken = [file for file in files("dense") if attack.takes(file)]
    assert taken
    for file in taken:
        report = attack.judge(file, file.content, None)
        assert report["passed"], report["checks"]


def test_what_is_not_compared_has_a_reason_each(files: Callable[[str], list[File]]) -> None:
    for attack in ATTACKS.values():
        for file in files("dense"):
            for entry in attack.not_compared(file).values():
                assert entry.words
                assert entry.reason


def test_the_attacks_are_those_of_readme() -> None:
    assert f"{2000:,} times for each attack" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert next(iter(ATTACKS)) == "float32"
