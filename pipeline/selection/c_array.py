"""A file as a C array, the way microcontroller projects link it in."""

import numpy as np

_COLUMNS = 12
# "0x00, " to "0xff, " as characters, uint8 [256, 6]: a large model has millions of bytes, too many to format one by one.
_CELLS = np.frombuffer("".join(f"0x{byte:02x}, " for byte in range(256)).encode(), np.uint8).reshape(256, 6)


def header(*, name: str) -> str:
    """The .h file: declares `NAME` and `NAME_len`.

    Args:
        name: a C identifier.
    """
    guard = f"{name.upper()}_H_"
    return (
        f'#ifndef {guard}\n#define {guard}\n\n#ifdef __cplusplus\nextern "C" {{\n#endif\n\n'
        f"extern const unsigned char {name}[];\nextern const unsigned int {name}_len;\n\n"
        f"#ifdef __cplusplus\n}}\n#endif\n\n#endif  // {guard}\n"
    )


def source(content: bytes, *, name: str, include: str) -> str:
    """The .cc file: the bytes, aligned to 16 as TFLite Micro wants its models.

    Args:
        content: the file.
        name: a C identifier.
        include: name of the header.
    """
    whole = len(content) // _COLUMNS
    lines = np.full((whole, 2 + 6 * _COLUMNS), ord(" "), np.uint8)
    lines[:, 2:] = _CELLS[np.frombuffer(content, np.uint8, whole * _COLUMNS)].reshape(whole, 6 * _COLUMNS)
    lines[:, -1] = ord("\n")
    rest = ", ".join(f"0x{byte:02x}" for byte in content[whole * _COLUMNS :])
    body = (lines.tobytes().decode("ascii") + (f"  {rest}" if rest else "")).removesuffix(",\n")
    declared = f"alignas(16) const unsigned char {name}[] = {{\n{body}\n}};\n"
    return f'#include "{include}"\n\n{declared}const unsigned int {name}_len = {len(content)};\n'
