"""What a target's own runtime says against a variant."""

from pipeline.micro.simulation_report import Simulation


def faults(simulated: Simulation | None, *, max_arena_bytes: int | None, max_flash_bytes: int | None) -> list[str]:
    """Constraints that a variant breaks on its target, in words.

    Args:
        simulated: reports/simulate/V.json; None without a target, which says nothing.
        max_arena_bytes: of the arena, as TFLM counts it; None does not constrain.
        max_flash_bytes: of the file.
    """
    if simulated is None:
        return []
    found = [] if simulated.reason is None else [simulated.reason]
    if simulated.arena is not None and max_arena_bytes is not None and simulated.arena.bytes > max_arena_bytes:
        found.append(f"an arena of {simulated.arena.bytes:,} bytes is over the ceiling of {max_arena_bytes:,}")
    if max_flash_bytes is not None and simulated.flash_bytes > max_flash_bytes:
        found.append(f"{simulated.flash_bytes:,} bytes of flash are over the ceiling of {max_flash_bytes:,}")
    return found
