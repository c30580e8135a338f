from collections.abc import Callable

import numpy as np
import pytest

from pipeline.cli import campaign_mutations
from pipeline.cli.campaign_files import File

SEED = 0


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
