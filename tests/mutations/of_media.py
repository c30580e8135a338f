"""Pictures, sounds and Parquet tables whose parts are sound by themselves and do not fit: sizes, kinds, counts, checksums right."""

import io
import struct
import zlib
from typing import Any

import numpy as np

from tests.mutations.case import Change

_SIZES = (0, 1, 2, 9, 255, 65535, 40_000, 200_000, 2**31 - 1, 2**31, 2**32 - 1)


def _size(rng: np.random.Generator) -> int:
    return _SIZES[int(rng.integers(len(_SIZES)))]


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_changed(content: bytes, rng: np.random.Generator) -> bytes:
    chunks, at = [], 8
    while at < len(content):
        (length,) = struct.unpack_from(">I", content, at)
        chunks.append((content[at + 4 : at + 8], content[at + 8 : at + 8 + length]))
        at += 12 + length
    how, number = int(rng.integers(7)), int(rng.integers(len(chunks)))
    kind, data = chunks[number]
    if how < 2:  # width, height, depth, colour and so on
        head = bytearray(chunks[0][1])
        place = int(rng.integers(7))
        if place < 2:
            head[4 * place : 4 * place + 4] = struct.pack(">I", _size(rng))
        else:
            head[6 + place] = int(rng.choice((0, 1, 2, 3, 4, 6, 7, 16, 255)))
        chunks[0] = (chunks[0][0], bytes(head))
    elif how == 2:
        del chunks[number]
    elif how == 3:
        chunks.insert(number, (kind, data))
    elif how == 4:
        chunks[number] = (rng.choice([b"IDAT", b"zTXt", b"iCCP", b"eXIf", b"tRNS", b"PLTE", b"acTL", b"XXXX"]).item(), data)
    elif how == 5:
        packed = zlib.compress(bytes(int(rng.choice((0, 10, 50_000_000)))))
        chunks.insert(1, (b"iCCP", b"x\0\0" + packed) if rng.random() < 0.5 else (b"zTXt", b"x\0\0" + packed))
    else:
        chunks[number] = (kind, data[: int(rng.integers(len(data) + 1))])
    return content[:8] + b"".join(_chunk(*entry) for entry in chunks)


def jpeg_changed(content: bytes, rng: np.random.Generator) -> bytes:
    """A segment of a JPEG: its length, its kind, or its first numbers, which are sizes and counts of channels and tables."""
    places, at = [], 2
    while at + 4 < len(content) and content[at] == 0xFF and content[at + 1] != 0xDA:
        places.append(at)
        at += 2 + int.from_bytes(content[at + 2 : at + 4], "big")
    at = places[int(rng.integers(len(places)))]
    changed = bytearray(content)
    how = int(rng.integers(4))
    if how == 0:
        changed[at + 2 : at + 4] = (_size(rng) % 65536).to_bytes(2, "big")
    elif how == 1:
        changed[at + 1] = int(rng.choice((0xC0, 0xC2, 0xC4, 0xC9, 0xD8, 0xD9, 0xDA, 0xDB, 0xDD, 0xE1, 0xEE, 0xFE)))
    elif how == 2:
        changed[at + 4 + int(rng.integers(16))] = int(rng.choice((0, 1, 2, 3, 4, 8, 17, 128, 255)))
    else:
        start = next((place for place in places if content[place + 1] in (0xC0, 0xC2)), at)
        where = start + int(rng.choice((5, 7)))
        changed[where : where + 2] = (_size(rng) % 65536).to_bytes(2, "big")
    return bytes(changed)


def head_changed(content: bytes, rng: np.random.Generator) -> bytes:
    """One to three of the little-endian numbers at the head of a BMP, a RIFF (WAV, WebP) or a FLAC."""
    changed = bytearray(content)
    for _ in range(int(rng.integers(1, 4))):
        size = int(rng.choice((2, 4)))
        at = int(rng.integers(0, min(64, len(content)) // 2)) * 2
        changed[at : at + size] = (_size(rng) % 256**size).to_bytes(size, "little")
    return bytes(changed)


def parquet_changed(content: bytes, rng: np.random.Generator) -> bytes:
    """The same columns with one of another type or name, missing, twice there, or in other pages."""
    import pyarrow
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(io.BytesIO(content), use_threads=False)
    at = int(rng.integers(table.num_columns))
    name, count = table.column_names[at], table.num_rows
    columns: tuple[Any, ...] = (
        pyarrow.nulls(count),
        pyarrow.array([[1.0, 2.0]] * count),
        pyarrow.array([{"a": 1}] * count),
        pyarrow.array([b"\xff"] * count),
        pyarrow.array([True, False] * (count // 2)),
        pyarrow.array(["x"] * count).dictionary_encode(),
        pyarrow.array([0] * count, pyarrow.timestamp("ns")),
        pyarrow.array([2**63 - 1] * count),
        pyarrow.array([float("nan")] * count),
        pyarrow.array([None, 1.0] * (count // 2)),
        pyarrow.array([1] * count, pyarrow.decimal128(38, 10)),
        pyarrow.array([0] * count, pyarrow.duration("s")),
        pyarrow.array(["1e999"] * count),
        pyarrow.array([2**40] * count, pyarrow.date64()),
    )
    how = int(rng.integers(6))
    if how < 3:
        table = table.set_column(at, name, columns[int(rng.integers(len(columns)))])
    elif how == 3:
        table = table.remove_column(at) if rng.random() < 0.5 else table.append_column(name, table.column(at))
    elif how == 4:
        table = table.rename_columns([f"{entry}é" if number == at else entry for number, entry in enumerate(table.column_names)])
    else:
        table = table.slice(0, int(rng.choice((0, 1, 2))))
    stream = io.BytesIO()
    pyarrow.parquet.write_table(table, stream, compression=("none", "snappy", "zstd", "gzip")[int(rng.integers(4))])
    return stream.getvalue()


PNG: tuple[Change, ...] = (png_changed,)
JPEG: tuple[Change, ...] = (jpeg_changed,)
HEAD: tuple[Change, ...] = (head_changed,)
PARQUET: tuple[Change, ...] = (parquet_changed,)
