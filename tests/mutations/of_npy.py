"""Headers of .npy files that say something else of the same bytes: they are a Python literal in the text of the file."""

import struct

import numpy as np

from tests.mutations.case import Change

_SHAPES = (
    "()", "(0,)", "(0, 0)", "(1,)", "(-1,)", "(2, 2)", "(1000000000000,)", "(9223372036854775807,)", "(4294967296, 4294967296)",
    "(3.5,)", "('a',)", "None", "[12, 4]", "12", "(True,)", "(12, 4, 1)", "(12,)", "(4, 12)", "(6, 8)", "(12, 4, 0)", "(1,)*9",
    "(12, 4, )", "(" + "1, " * 70 + ")", "(300000000, 4)",
)  # fmt: skip
_TYPES = (
    "'|O'", "'O'", "'<f4'", "'>f4'", "'<f8'", "'<f2'", "'|b1'", "'|u1'", "'<i8'", "'<U3'", "'|S2'", "'<M8[ns]'", "'|V8'",
    "'<c8'", "'<f16'", "'<f3'", "''", "None", "4", "'<U99999999999'", "[('a', '<f4')]", "[('a', '<f4', (9999999,))]",
    "[('a', '|O')]", "[]", "'float32, int8'", "('<f4', (2,))",
)  # fmt: skip
_TEXTS = (
    "", "{", "}", "{'descr': '<f4'", "'''", '"""', "(" * 300, "[" * 9000,
    "{'descr': '<f4', 'fortran_order': False, 'shape': (12, 4), }\n\\", "\0" * 20, "lambda: 0", "__import__('os').getcwd()",
    "9" * 5000, "{**1}", "1 if 1 else 2", "é", "{'descr': '<f4'}", "[1, 2]", "\t\n 1", "-" * 3000 + "1",
    "{'descr': '<f4', 'fortran_order': 'x', 'shape': (12, 4)}",
)  # fmt: skip


def _parts(content: bytes) -> tuple[str, bytes]:
    (length,) = struct.unpack_from("<H", content, 8)
    return content[10 : 10 + length].decode("latin1"), content[10 + length :]


def _with(header: str, data: bytes, *, version: int = 1) -> bytes:
    text = header.encode("utf-8" if version == 3 else "latin1", "replace")
    size = struct.pack("<H", len(text) % 65536) if version == 1 else struct.pack("<I", len(text))
    return b"\x93NUMPY" + bytes((version, 0)) + size + text + data


def _value(header: str, key: str) -> tuple[int, int]:
    """Where the value of a key of a header of NumPy's own begins and ends."""
    start = header.index(f"'{key}': ") + len(key) + 4
    ends = [header.find(mark, start) for mark in (", 'fortran_order'", ", 'shape'", ", }")]
    return start, min(end for end in ends if end >= 0)


def field_changed(content: bytes, rng: np.random.Generator) -> bytes:
    header, data = _parts(content)
    key = ("shape", "descr", "fortran_order")[int(rng.choice((0, 0, 0, 1, 1, 1, 2)))]
    table = {"shape": _SHAPES, "descr": _TYPES, "fortran_order": ("True", "1", "None", "'x'")}[key]
    start, end = _value(header, key)
    return _with(header[:start] + table[int(rng.integers(len(table)))] + header[end:], data)


def text_changed(content: bytes, rng: np.random.Generator) -> bytes:
    header, data = _parts(content)
    at = int(rng.integers(len(header)))
    how = int(rng.integers(4))
    if how == 0:
        header = _TEXTS[int(rng.integers(len(_TEXTS)))]
    elif how == 1:
        header = header[:at]
    elif how == 2:
        header = header[:at] + chr(int(rng.integers(256))) + header[at + 1 :]
    else:
        header = header[:at] + header[at + int(rng.integers(1, 9)) :]
    return _with(header, data, version=int(rng.choice((1, 1, 1, 2, 3, 4, 255))))


NPY: tuple[Change, ...] = (field_changed, field_changed, text_changed)
