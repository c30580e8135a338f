"""Numbers in words: as many digits as it takes to tell two apart."""

# A float64 never needs more digits.
_LEAST, _MOST = 6, 17


def found_expected(found: float, expected: float) -> str:
    """ "found X, expected Y", with at least six digits and as many more as the difference needs.

    Args:
        found, expected: any numbers; NaN and infinity are written as they are.
    """
    first, second = distinct(found, expected)
    return f"found {first}, expected {second}"


def distinct(one: float, other: float) -> tuple[str, str]:
    """Two numbers, written so that they differ unless they are the same.

    Args:
        one, other: any numbers; single precision is widened first, so that what is written is what is stored.
    """
    one, other = float(one), float(other)
    for digits in range(_LEAST, _MOST + 1):
        words = f"{one:.{digits}g}", f"{other:.{digits}g}"
        if words[0] != words[1]:
            return words
    return f"{one:.{_LEAST}g}", f"{other:.{_LEAST}g}"
