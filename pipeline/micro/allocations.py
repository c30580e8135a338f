"""What TensorFlow Lite Micro prints of its arena, as figures."""

import re

from pipeline.micro.simulation_report import Arena

# `RecordingMicroAllocator::PrintAllocations`: "[RecordingMicroAllocator] Arena allocation total 6384 bytes", and head and tail.
_LINE = re.compile(r"^\[RecordingMicroAllocator\] Arena allocation (total|head|tail) (\d+) bytes$", re.MULTILINE)


def read(printed: str) -> Arena:
    """The arena that TFLM used.

    Args:
        printed: what `print_allocations` writes to stderr, other lines around it.

    Raises:
        ValueError: when a figure is missing, or they do not add up.
    """
    found = {name: int(count) for name, count in _LINE.findall(printed)}
    if set(found) != {"total", "head", "tail"} or found["total"] != found["head"] + found["tail"]:
        raise ValueError(f"TFLite Micro did not say what its arena holds; it printed {printed!r}")
    return Arena(bytes=found["total"], persistent_bytes=found["tail"], reused_bytes=found["head"])
