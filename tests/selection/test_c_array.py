import re
import subprocess
from pathlib import Path

import pytest

from pipeline.selection import c_array


def parsed(source: str) -> bytes:
    """The bytes that stand in the source, read with nothing but a pattern."""
    return bytes(int(digits, 16) for digits in re.findall(r"0x([0-9a-f]{2})", source))


@pytest.mark.parametrize("content", [b"\x00", bytes(range(256)), b"TFL3" * 7, b"TFL3" * 6, b"twelve bytes", b"thirteen byte"])
def test_holds_the_same_bytes(content: bytes) -> None:
    source = c_array.source(content, name="g_model", include="model.h")
    assert parsed(source) == content
    assert f"g_model_len = {len(content)};" in source
    body = source.split("{\n")[1].split("\n}")[0]
    rows = [content[start : start + 12] for start in range(0, len(content), 12)]
    assert body == ",\n".join("  " + ", ".join(f"0x{byte:02x}" for byte in row) for row in rows)
    assert "extern const unsigned char g_model[];" in c_array.header(name="g_model")


@pytest.mark.slow
@pytest.mark.parametrize("compiler", ["gcc", "g++"])
def test_compiles_without_a_warning_and_prints_its_bytes(tmp_path: Path, compiler: str) -> None:
    content = bytes(range(256)) * 5 + b"end"
    (tmp_path / "model.h").write_text(c_array.header(name="g_model"))
    (tmp_path / "model.cc").write_text(c_array.source(content, name="g_model", include="model.h"))
    (tmp_path / "main.c").write_text(
        '#include <stdio.h>\n#include "model.h"\n'
        "int main(void) {\n"
        "  if ((unsigned long)g_model % 16) return 1;\n"
        "  return fwrite(g_model, 1, g_model_len, stdout) != g_model_len;\n"
        "}\n"
    )
    command = [
        compiler,
        "-Wall",
        "-Wextra",
        "-Werror",
        "-o",
        str(tmp_path / "out"),
        str(tmp_path / "main.c"),
        str(tmp_path / "model.cc"),
    ]
    subprocess.run(command, check=True)
    assert subprocess.run([str(tmp_path / "out")], check=True, capture_output=True).stdout == content
