import platform
from pathlib import Path

import pytest

from pipeline.runtime import host


def test_names_this_machine() -> None:
    found = host.describe()
    assert found["python"] == platform.python_version()
    assert found["architecture"] == platform.machine()
    assert str(found["system"]).startswith(f"{platform.system()} ")
    assert found["processor"]
    assert int(found["cores"]) >= 1


@pytest.mark.parametrize(
    ("listed", "expected"),
    [("processor\t: 0\nmodel name\t: A CPU @ 2 GHz\nprocessor\t: 1\n", "A CPU @ 2 GHz"), ("BogoMIPS : 5\n", None), (None, None)],
)
def test_the_processor_is_what_linux_lists(tmp_path: Path, listed: str | None, expected: str | None) -> None:
    if listed is not None:
        (tmp_path / "cpuinfo").write_text(listed)
    assert host._processor(tmp_path / "cpuinfo") == expected
