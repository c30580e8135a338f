"""A file as a C array, the way microcontroller projects link it in."""

_COLUMNS = 12


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
    rows = (content[start : start + _COLUMNS] for start in range(0, len(content), _COLUMNS))
    body = ",\n".join("  " + ", ".join(f"0x{byte:02x}" for byte in row) for row in rows)
    declared = f"alignas(16) const unsigned char {name}[] = {{\n{body}\n}};\n"
    return f'#include "{include}"\n\n{declared}const unsigned int {name}_len = {len(content)};\n'
