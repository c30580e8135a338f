import inspect
from pathlib import Path
from typing import Any, get_args

import pytest

from pipeline import config
from pipeline.lib import formats, loaders
from pipeline.lib.errors import UserError


def test_every_format_has_a_loader_and_is_allowed() -> None:
    allowed = set(get_args(config.Model.model_fields["format"].annotation))
    assert set(loaders.LOADERS) == set(formats.CONTAINERS) == allowed - {"auto"}


@pytest.mark.parametrize("format", loaders.LOADERS)
def test_each_reads_its_own_options(format: str, tmp_path: Path) -> None:
    """The file is empty: each fails as its library does, and not for an option it does not know."""
    (tmp_path / "empty.keras").touch()
    names = list(inspect.signature(loaders.load).parameters)[1:]
    options: dict[str, Any] = dict.fromkeys(names) | {
        "format": format,
        "custom": {},
        "shapes": {},
        "dtypes": {},
        "trust_code": True,
    }
    with pytest.raises(UserError, match="not readable"):
        loaders.load(tmp_path / "empty.keras", **options)
