"""Zip archives with damage that an archive by itself does not show: members and their records changed, checksums right again."""

import io
import struct
import zipfile
from collections.abc import Callable

import numpy as np

from tests.mutations.case import Change

_LOCAL, _CENTRAL, _END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
# Offsets of the fields of a record of the central directory, and their bytes (APPNOTE 6.3.10, 4.3.12).
_FIELDS = {"version": (6, 2), "flags": (8, 2), "method": (10, 2), "crc": (16, 4), "packed": (20, 4), "size": (24, 4)}
_FIELDS |= {"name": (28, 2), "extra": (30, 2), "comment": (32, 2), "disk": (34, 2), "offset": (42, 4)}


def members(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {entry.filename: archive.read(entry) for entry in archive.infolist()}


def archived(entries: list[tuple[str, bytes]], *, compressed: bool = False) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED) as archive:
        names: set[str] = set()
        for name, content in entries:
            # zipfile warns of a name that comes twice, but writes it.
            entry = zipfile.ZipInfo(name if name not in names else "\0")
            entry.filename = name
            entry.compress_type = archive.compression
            archive.writestr(entry, content)
            names.add(name)
    return stream.getvalue()


def members_changed(content: bytes, rng: np.random.Generator) -> bytes:
    """A member that is renamed, missing, empty, twice there, in a folder, or another's content."""
    entries = list(members(content).items())
    number = int(rng.integers(len(entries)))
    name, data = entries[number]
    other = entries[int(rng.integers(len(entries)))][1]
    ways: list[list[tuple[str, bytes]]] = [
        [
            (
                ["x", name.upper(), f"../{name}", f"/{name}", f"a/{name}", "", name + "\0", "é", name * 999][int(rng.integers(9))],
                data,
            )
        ],
        [],
        [(name, b"")],
        [(name, data), (name, other)],
        [(name, data), (name, b"")],
        [(name, other)],
        [(f"{name}/", b"")],
        [(name, data[: int(rng.integers(len(data) + 1))])],
    ]
    entries[number : number + 1] = ways[int(rng.integers(len(ways)))]
    return archived(entries, compressed=bool(rng.random() < 0.5))


def record_changed(content: bytes, rng: np.random.Generator) -> bytes:
    """A field of a member's record in the central directory, and mostly the same in the member's own header."""
    places = [at for at in range(len(content) - 46) if content.startswith(_CENTRAL, at)]
    at = places[int(rng.integers(len(places)))]
    name = list(_FIELDS)[int(rng.integers(len(_FIELDS)))]
    start, size = _FIELDS[name]
    values = {"method": (0, 8, 9, 12, 14, 93, 99), "flags": (1, 8, 32, 64, 2048, 65535)}.get(
        name, (0, 1, 20, 255, 65535, 2**31 - 1, 2**32 - 2, 2**32 - 1)
    )
    number = (int(values[int(rng.integers(len(values)))]) % 256**size).to_bytes(size, "little")
    changed = bytearray(content)
    changed[at + start : at + start + size] = number
    (local,) = struct.unpack_from("<I", content, at + _FIELDS["offset"][0])
    # The local header has the same fields two bytes earlier, without those of comment, disk and offset.
    if start < 32 and rng.random() < 0.8 and content[local : local + 4] == _LOCAL:
        changed[local + start - 2 : local + start - 2 + size] = number
    return bytes(changed)


def end_changed(content: bytes, rng: np.random.Generator) -> bytes:
    """The record at the end, which says where the directory is and how many members there are."""
    at = content.rindex(_END) + int(rng.choice((4, 6, 8, 10, 12, 16, 20)))
    changed = bytearray(content)
    changed[at : at + 2] = int(rng.choice((0, 1, 2, 255, 65535))).to_bytes(2, "little")
    return bytes(changed)


def spoilt_stream(content: bytes, rng: np.random.Generator) -> bytes:
    """Compressed as users compress it, then damaged in the middle of what is compressed."""
    packed = bytearray(archived(list(members(content).items()), compressed=True))
    end = packed.index(_CENTRAL)
    for _ in range(int(rng.integers(1, 6))):
        packed[int(rng.integers(30, end))] = int(rng.integers(256))
    return bytes(packed)


ZIP: tuple[Change, ...] = (members_changed, record_changed, record_changed, end_changed, spoilt_stream)


def inside(change: Callable[[bytes, np.random.Generator], bytes], *, suffix: str) -> Change:
    """The change of a member whose name ends so, in an archive that is sound again."""

    def changed(content: bytes, rng: np.random.Generator) -> bytes:
        entries = members(content)
        names = [name for name in entries if name.endswith(suffix)]
        name = names[int(rng.integers(len(names)))]
        entries[name] = change(entries[name], rng)
        return archived(list(entries.items()))

    return changed
