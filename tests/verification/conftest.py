from collections.abc import Callable
from functools import cache

import pytest

from tests.made import Made, litert


@pytest.fixture(scope="session")
def files(nets: Callable[[str], Made]) -> Callable[[str, str], bytes]:
    """The file of a network in a scheme of the engine litert."""

    @cache
    def build(name: str, scheme: str) -> bytes:
        return nets(name).float32 if scheme == "float32" else litert(nets(name), scheme)

    return build
