"""Measurements that outlive the process: a file of JSON lines, one written as soon as it is known."""

import hashlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from pipeline.system import disk

Measured = dict[str, Any]


def digest(parts: Iterable[bytes]) -> str:
    """SHA-256 over parts in order, 16 hexadecimal digits: what a checkpoint is keyed by."""
    found = hashlib.sha256()
    for part in parts:
        found.update(len(part).to_bytes(8, "big") + part)
    return found.hexdigest()[:16]


def remembering(path: Path, measure: Callable[[list[str]], Measured]) -> Callable[[list[str]], Measured]:
    """`measure` that looks into the file first and adds to it what it had to measure.

    Stopping the process at any moment loses at most the measurement under way: a last line that was cut off is not read.

    Args:
        path: of the file; made when missing.
        measure: from a list of texts, the question, to plain values that JSON can hold.

    Raises:
        UserError: when the file cannot be written, here and by what is returned.
    """
    known: dict[str, Measured] = {}
    with disk.writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    whole = 0
    if path.exists():
        for line in path.read_bytes().splitlines(keepends=True):
            if not line.endswith(b"\n"):
                break
            entry = json.loads(line)
            known[json.dumps(entry["asked"])] = entry["found"]
            whole += len(line)
        with disk.writing(path), path.open("r+b") as file:
            file.truncate(whole)

    def ask(question: list[str]) -> Measured:
        key = json.dumps(question)
        if key not in known:
            # Through JSON, so that a remembered figure and a fresh one are the same.
            known[key] = json.loads(json.dumps(measure(question)))
            with disk.writing(path), path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"asked": question, "found": known[key]}) + "\n")
        return known[key]

    return ask
