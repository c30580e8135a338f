"""Writing where a disk may be full or read-only, or a place another user's: what the system refuses is said in words.

Imported before anything else, so from the standard library only.
"""

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.errors import WRITING, refused
from pipeline.system import leftovers

# A name under which `files.replacing` writes first, and within it the one that it gets.
_TEMPORARY = re.compile(r"^\.(.+)\.\d+\.tmp$")


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """A block that writes `path`, or beside it under a temporary name.

    Raises:
        UserError: when the system does not let it: the disk is full or read-only, or the place is not this user's.
    """
    with _below(path.parent, Path(*(_TEMPORARY.sub(r"\1", part) for part in path.parts))):
        yield


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder (where `TMPDIR` says) that is gone after the block.

    Raises:
        UserError: when it cannot be written there.
    """
    with writing_temporaries(), tempfile.TemporaryDirectory() as name:
        yield Path(name)


@contextmanager
def temporary_file() -> Iterator[Any]:
    """A binary stream of a file without a name (where `TMPDIR` says); the system frees it when nothing uses it any more.

    Raises:
        UserError: when it cannot be written there.
    """
    with writing_temporaries(), tempfile.TemporaryFile() as stream:
        yield stream


@contextmanager
def writing_temporaries() -> Iterator[None]:
    """A block that writes into a folder for temporary files.

    Raises:
        UserError: when the system does not let it.
    """
    place = Path(tempfile.gettempdir())
    shared = leftovers.SHARED if place.is_relative_to(leftovers.SHARED) else place
    with _below(place, f"TMPDIR ({shared})"):
        yield


@contextmanager
def _below(folder: Path, where: object) -> Iterator[None]:
    """A block that writes below a folder; the error that says it cannot be done names `where`."""
    try:
        yield
    except OSError as error:
        # Permissions may also be those of a file that the block reads.
        own = isinstance(error.filename, str) and Path(error.filename).is_relative_to(folder)
        said = refused(error, where) if error.errno in WRITING or own else None
        if said is None:
            raise
        raise said from None


def erase(path: Path) -> None:
    """Remove a file or a folder, if there is one.

    Raises:
        UserError: when the system does not let it be removed.
    """
    try:
        leftovers.discard(path)
    except OSError as error:  # of a folder it names a file without its folder
        raise refused(error, path) or error from None
