from pathlib import Path

from pipeline.cli import bench_certificate
from tests.helpers import ROOT


def test_what_the_certificate_of_the_shipped_example_takes(tmp_path: Path) -> None:
    one = bench_certificate.subject(ROOT / "models" / "digits_cnn.keras", tmp_path / "source")
    assert one.convert() == one.model
    assert bench_certificate.certify(one, one.beside()).startswith("17,802 of 17,802 parameters accounted for")
    assert bench_certificate.seconds(one.convert) > 0
    # Of a file of 73 KB the certificate's own tables are the most.
    assert 0 < bench_certificate.peak(one) < 20
