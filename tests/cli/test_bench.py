import re
from pathlib import Path

import pytest

from pipeline.cli import bench
from pipeline.verification import float32_proof
from tests.helpers import call


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> tuple[float32_proof.Source, bytes]:
    return bench.mobilenetv2(tmp_path_factory.mktemp("mobilenetv2"))


def test_the_median_leaves_out_the_first_call() -> None:
    calls: list[int] = []
    assert bench.seconds(lambda: calls.append(1)) >= 0
    assert len(calls) == bench.ROUNDS + 1


@pytest.mark.slow
def test_prints_a_ratio_for_each_claim(finished: Path) -> None:
    printed = call("python", "-c", "from pipeline.cli import bench; bench.ratios()", cwd=finished).stdout
    assert len(re.findall(r": [\d.]+ s / [\d.]+ s = [\d.]+$", printed, re.MULTILINE)) == 2


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras saving a model
@pytest.mark.slow
def test_the_certificate_of_mobilenetv2(network: tuple[float32_proof.Source, bytes], capsys: pytest.CaptureFixture[str]) -> None:
    bench.certificate_of_mobilenetv2(*network)
    found = re.search(r"([\d.]+) s, peak memory ([\d.]+) times the file; 3,538,984 of 3,538,984 ", capsys.readouterr().out)
    assert found is not None
    assert float(found[2]) < 6


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras saving a model
@pytest.mark.slow
def test_the_search_of_mobilenetv2_finds_a_file_within_its_budget(
    network: tuple[float32_proof.Source, bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    bench.search_of_mobilenetv2(
        *network, 2, "searches.mixed.samples=1", "searches.mixed.steps=3", "searches.mixed.choices=[static_wi8_ai8,float32]"
    )
    printed = capsys.readouterr().out
    assert re.search(r"operators, 2 samples: \d+ s; searches\.mixed: [\d,]+ bytes, [\d.]+ dB after 3 steps, which ran out", printed)
