from collections.abc import Callable

import numpy as np
import pytest

from pipeline.cli import campaign_runs
from pipeline.cli.campaign_files import File


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
