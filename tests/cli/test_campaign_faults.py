from collections.abc import Callable

import numpy as np
import pytest

from pipeline.cli import campaign_faults, campaign_mutations, campaign_runs
from pipeline.cli.campaign_files import File

SEED = 0


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
