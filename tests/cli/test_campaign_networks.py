"""The networks of the campaign."""

import numpy as np
import pytest

from pipeline.cli import campaign_networks


@pytest.mark.parametrize("name", campaign_networks.NAMES)
def test_a_network_has_samples_of_its_inputs(name: str) -> None:
    model, samples = campaign_networks.network(name)
    assert {tensor.name for tensor in model.inputs} == set(samples)
    assert {len(array) for array in samples.values()} == {campaign_networks.SAMPLES}
    for tensor in model.inputs:
        assert tuple(tensor.shape[1:]) == samples[tensor.name].shape[1:]
        assert np.isfinite(samples[tensor.name]).all()


def test_all_kinds_of_layers_are_there() -> None:
    assert set(campaign_networks.NAMES) == {"digits", "convolutions", "dense", "recurrent", "attention", "shapes"}
