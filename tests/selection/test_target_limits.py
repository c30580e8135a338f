import pytest

from pipeline.micro.simulation_report import Arena, Simulation
from pipeline.selection import target_limits
from tests.records import simulation


def _faults(simulated: Simulation | None, arena: int | None = None, flash: int | None = None) -> list[str]:
    return target_limits.faults(simulated, max_arena_bytes=arena, max_flash_bytes=flash)


def test_without_a_target_there_is_nothing_to_say() -> None:
    assert _faults(None) == []


@pytest.mark.parametrize(
    ("arena", "flash", "faults"),
    [
        (None, None, []),
        (6384, 25248, []),
        (6383, None, ["an arena of 6,384 bytes is over the ceiling of 6,383"]),
        (None, 25247, ["25,248 bytes of flash are over the ceiling of 25,247"]),
        (1, 1, ["an arena of 6,384 bytes is over the ceiling of 1", "25,248 bytes of flash are over the ceiling of 1"]),
    ],
)
def test_limits(arena: int | None, flash: int | None, faults: list[str]) -> None:
    held = Arena(bytes=6384, persistent_bytes=3312, reused_bytes=3072)
    assert _faults(simulation(arena=held, flash_bytes=25248), arena, flash) == faults


def test_a_refusal_is_a_fault_in_the_runtimes_own_words() -> None:
    refused = simulation(passed=False, reason="TFLite Micro refuses it: Hybrid models", arena=None)
    assert _faults(refused, 1) == ["TFLite Micro refuses it: Hybrid models"]
