"""Damage that knows nothing of a format: what disks, networks and editors do to bytes, and the numbers that break readers."""

import struct

import numpy as np

from tests.mutations.case import Change

# Lengths, counts and offsets are most often wrong at the ends of their types.
EXTREMES = (0, 1, 2, 7, 127, 128, 255, 256, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**63 - 1, 2**63, 2**64 - 1)
_FLOATS = (float("nan"), float("inf"), -float("inf"), 1e38, 5e-324)


def place(content: bytes, rng: np.random.Generator, *, aligned: int = 1) -> int:
    """Anywhere, half of the time within the first 512 bytes or the last, where formats keep what they say of themselves."""
    length = max(len(content), 1)
    drawn = int(rng.integers(length))
    if rng.random() < 0.5:
        near = int(rng.integers(min(512, length)))
        drawn = near if rng.random() < 0.5 else length - 1 - near
    return drawn // aligned * aligned


def flipped(content: bytes, rng: np.random.Generator) -> bytes:
    changed = bytearray(content)
    for _ in range(int(rng.integers(1, 9))):
        changed[place(content, rng)] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def overwritten(content: bytes, rng: np.random.Generator) -> bytes:
    at, length = place(content, rng), int(rng.integers(1, 65))
    return (content[:at] + rng.bytes(length) + content[at + length :])[: len(content)]


def truncated(content: bytes, rng: np.random.Generator) -> bytes:
    return content[: place(content, rng)]


def inserted(content: bytes, rng: np.random.Generator) -> bytes:
    at = place(content, rng)
    return content[:at] + rng.bytes(int(rng.integers(1, 65))) + content[at:]


def removed(content: bytes, rng: np.random.Generator) -> bytes:
    at = place(content, rng)
    return content[:at] + content[at + int(rng.integers(1, 257)) :]


def duplicated(content: bytes, rng: np.random.Generator) -> bytes:
    at, length = place(content, rng), int(rng.integers(1, 4097))
    return content[: at + length] + content[at : at + length] + content[at + length :]


def swapped(content: bytes, rng: np.random.Generator) -> bytes:
    first, second = sorted((place(content, rng), place(content, rng)))
    length = min(int(rng.integers(1, 513)), second - first)
    one, two = content[first : first + length], content[second : second + length]
    return content[:first] + two + content[first + length : second] + one + content[second + length :]


def zeroed(content: bytes, rng: np.random.Generator) -> bytes:
    at, length = place(content, rng), int(2 ** rng.integers(1, 13))
    return (content[:at] + bytes(length) + content[at + length :])[: len(content)]


def extreme(content: bytes, rng: np.random.Generator) -> bytes:
    """An integer of 1 to 8 bytes, or a float, at a place of its own size, in either order of bytes."""
    size = int(rng.choice((1, 2, 4, 8)))
    at = place(content, rng, aligned=size)
    if size >= 4 and rng.random() < 0.2:
        number = struct.pack("<f" if size == 4 else "<d", _FLOATS[int(rng.integers(len(_FLOATS)))])
    else:
        value = EXTREMES[int(rng.integers(len(EXTREMES)))] % 256**size
        number = value.to_bytes(size, "little" if rng.random() < 0.7 else "big")
    return (content[:at] + number + content[at + size :])[: max(len(content), 1)]


def nothing(content: bytes, rng: np.random.Generator) -> bytes:
    """Empty, zeros of the same length, or another file altogether."""
    return (b"", bytes(len(content)), rng.bytes(len(content)), b"<!DOCTYPE html>\n<title>404</title>\n")[int(rng.integers(4))]


BYTES: tuple[Change, ...] = (
    flipped, flipped, overwritten, overwritten, truncated, inserted, removed, duplicated, swapped, zeroed, extreme, extreme,
    nothing,
)  # fmt: skip
