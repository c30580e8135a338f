"""Kinds of network times formats: each passes, or is refused before with a reason. None is accused."""

import importlib.util
from concurrent.futures import Future

import keras
import pytest

from tests.kinds import expected, kind, layers, table
from tests.kinds.kind import ACCUSED, FORMATS, PASSED, REFUSED

# Flatten says that it hands no mask on.
pytestmark = pytest.mark.filterwarnings("ignore:.*does not support masking:UserWarning")

CLASSES = {
    name: found for name, found in vars(keras.layers).items() if isinstance(found, type) and issubclass(found, keras.layers.Layer)
}
CELLS = [
    pytest.param(name, format, id=f"{name}-{format}", marks=[] if name in table.QUICK else [pytest.mark.slow])
    for name in table.KINDS
    for format in FORMATS
]


@pytest.fixture(scope="session")
def outcomes(request: pytest.FixtureRequest) -> dict[str, Future[dict[str, str]]]:
    """Of the kinds that this session asks for."""
    asked = [item for item in request.session.items if isinstance(item, pytest.Function) and item.originalname == "test_kind"]
    return table.compute(list(dict.fromkeys(str(item.callspec.params["name"]) for item in asked)))


@pytest.mark.parametrize(("name", "format"), CELLS)
def test_kind(name: str, format: str, outcomes: dict[str, Future[dict[str, str]]]) -> None:
    found = outcomes[name].result()[format]
    faulty = expected.FAULTY.get(name, {}).get(format)
    if faulty is not None:
        assert found.startswith(ACCUSED)
        assert faulty in found
        return
    words = expected.NETWORKS.get(name) or expected.FORMATS.get(name, {}).get(format)
    if words is None:
        assert found == PASSED
    else:
        assert found.startswith(REFUSED)
        assert words in found


def test_every_layer_class_has_a_row() -> None:
    rows = {row.name.split()[0] for row in layers.KINDS} | set(expected.OF_OTHER_LIBRARIES)
    named = {found for name, found in CLASSES.items() if name in rows}
    missing = sorted(name for name, found in CLASSES.items() if found not in named)
    assert not missing, f"new in Keras: {', '.join(missing)}; add a row to tests/kinds/layers.py, or say there why none is possible"


@pytest.mark.parametrize("name", [row.name for row in layers.KINDS if row.name.split()[0] in CLASSES])
def test_a_row_holds_what_its_name_says(name: str) -> None:
    assert CLASSES[name.split()[0]].__name__ in kind.classes(table.KINDS[name].build())


@pytest.mark.parametrize(("name", "library"), expected.OF_OTHER_LIBRARIES.items())
def test_layers_of_other_libraries_cannot_be_made_here(name: str, library: str) -> None:
    assert name in CLASSES
    assert importlib.util.find_spec(library) is None, f"{library} is installed: give {name} a row in tests/kinds/layers.py"


def test_expectations_are_of_kinds_that_there_are() -> None:
    listed = {*expected.NETWORKS, *expected.FORMATS, *expected.FAULTY}
    assert listed <= set(table.KINDS)
