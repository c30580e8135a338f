"""What models/ranges.json holds."""

import msgspec


class Ranges(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The range of every tensor of the float32 file on the calibration samples.

    Attributes:
        method: that chose the ranges.
        samples: how many it saw.
        bits: least and greatest value by tensor, under "8" and "16"; those in `infinite` have none.
        stability: how far the ranges of two halves of the samples differ by tensor, 0 to 1.
        least_stable: the five tensors where that is most, the worst first.
        constant: tensors that have one value on all samples, in order.
        dead: those of them whose value is 0.
        infinite: tensors that hold infinity or NaN on some sample, such as the logarithm of 0 that is masked later, in order.
    """

    method: str
    samples: int
    bits: dict[str, dict[str, tuple[float, float]]]
    stability: dict[str, float]
    least_stable: list[str]
    constant: list[str]
    dead: list[str]
    infinite: list[str]
