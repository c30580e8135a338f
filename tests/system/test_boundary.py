"""The one boundary around readers of foreign formats: what they raise, and what their files say of their size."""

from pathlib import Path
from tokenize import TokenError

import pytest

from pipeline.errors import UserError
from pipeline.system import boundary

FILE = Path("some/file.h5")


def raising(error: BaseException) -> None:
    """A reader of a library that raises: the frames inside it are this file's, so it is called through one of the library."""
    with boundary.reading(FILE, kind="HDF5", key="model.path"):
        raise error


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (KeyError("x"), "KeyError: 'x'"),
        (RuntimeError("Unable to get group info (wrong fractal heap header)\nmore"), r"Unable to get group info \(wrong fractal"),
        (AssertionError("Tried to export a function"), "AssertionError: Tried to export"),
        (TokenError("EOF in multi-line statement", (2, 0)), "EOF in multi-line"),
        (RecursionError(), "RecursionError"),
        (NotImplementedError("That compression method is not supported"), "That compression method"),
        (MemoryError(), "it needs more memory than there is"),
        (
            ValueError("\x1b[1mException encountered when calling Dense.call().\n\n\x1b[0mNegative size"),
            r"Exception .*\(\)\. Negative size",
        ),
    ],
)
def test_whatever_a_library_raises_names_the_file(error: Exception, said: str) -> None:
    expected = rf"^model\.path: some/file\.h5 is not readable as HDF5: {said}.*; it may be damaged or truncated, copy it again$"
    with pytest.raises(UserError, match=expected):
        raising(error)


def test_a_message_for_the_user_passes_as_it_is() -> None:
    with pytest.raises(UserError, match=r"^as it is$"):
        raising(UserError("as it is"))


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3)])
def test_what_ends_a_process_passes(error: BaseException) -> None:
    with pytest.raises(type(error)):
        raising(error)


def test_a_fault_inside_the_users_own_code_keeps_its_traceback() -> None:
    def theirs() -> None:  # of no library and not of the pipeline
        raise ZeroDivisionError("my own")

    with pytest.raises(ZeroDivisionError, match="my own"), boundary.reading(FILE, kind="HDF5"):
        theirs()


def test_a_file_that_says_it_is_too_large_is_refused_before() -> None:
    with boundary.limits(seconds=1, gigabytes=2):
        boundary.within(FILE, 2e9, what="array x takes")
        expected = (
            r"^data\.path: some/file\.h5: array x takes 300 GB, the limit is 2 GB; .*set limits\.gigabytes: 300 in conf/config"
        )
        with pytest.raises(UserError, match=expected):
            boundary.within(FILE, 300e9, what="array x takes", key="data.path")
    boundary.within(FILE, 300e9, what="no limits")
