"""Which machine this is, for figures that are its own."""

import os
import platform
import re
from pathlib import Path


def describe() -> dict[str, str | int]:
    """The machine that measures.

    Returns:
        `processor`: its model, or the architecture where the system tells no more; `cores` that this process may use;
        `architecture`; `system` with its release; `python`: version.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return {
        "processor": _processor(Path("/proc/cpuinfo")) or platform.processor() or platform.machine(),
        "cores": cores,
        "architecture": platform.machine(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def _processor(listed: Path) -> str | None:
    """As Linux lists it; none on most ARM systems."""
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", listed.read_text(encoding="utf-8", errors="replace"), re.MULTILINE)
    except OSError:
        return None
    return found[1].strip() if found else None
