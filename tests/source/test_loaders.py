from typing import get_args, get_type_hints

import pytest

from pipeline import config
from pipeline.errors import UserError
from pipeline.source import detect, loaders
from tests.helpers import ROOT


def test_every_format_has_a_loader_and_is_allowed() -> None:
    allowed = set(get_args(get_type_hints(config.Model)["format"]))
    assert set(loaders.LOADERS) == set(detect.CONTAINERS) == allowed - {"auto"}


def test_the_format_is_found_from_the_file() -> None:
    format, loaded = loaders.load(ROOT / "models" / "digits_cnn.keras", custom={})
    assert format == "keras"
    assert list(loaded.inputs) == ["image"]


def test_a_format_that_the_file_is_not() -> None:
    with pytest.raises(UserError, match=r"model\.format: saved_model is not what .* holds: that is keras; set it to auto"):
        loaders.load(ROOT / "models" / "digits_cnn.keras", format="saved_model", custom={})
