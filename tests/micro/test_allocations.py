import pytest

from pipeline.micro import allocations
from pipeline.micro.simulation_report import Arena

PRINTED = """INFO: something else
[RecordingMicroAllocator] Arena allocation total 6384 bytes
[RecordingMicroAllocator] Arena allocation head 3072 bytes
[RecordingMicroAllocator] Arena allocation tail 3312 bytes
[RecordingMicroAllocator] 'TfLiteEvalTensor data' used 480 bytes with alignment overhead (requested 480 bytes for 20 allocations)
"""


def test_reads_what_tflm_prints() -> None:
    assert allocations.read(PRINTED) == Arena(bytes=6384, persistent_bytes=3312, reused_bytes=3072)


@pytest.mark.parametrize("broken", ["", PRINTED.replace("head", "tail"), PRINTED.replace("6384", "6385")])
def test_a_figure_that_is_missing_or_does_not_add_up_is_no_figure(broken: str) -> None:
    with pytest.raises(ValueError, match="did not say what its arena holds"):
        allocations.read(broken)
