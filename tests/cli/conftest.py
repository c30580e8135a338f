from collections.abc import Callable, Iterator
from functools import cache

import pytest

from pipeline.cli import campaign_files, campaign_runs
from pipeline.cli.campaign_files import File


@pytest.fixture(scope="session")
def files() -> Callable[[str], list[File]]:
    """The files of a network of the campaign."""
    return cache(lambda name: campaign_files.made(name)[1])


@pytest.fixture(scope="session")
def runner() -> Iterator[campaign_runs.Runner]:
    with campaign_runs.runner() as found:
        yield found
