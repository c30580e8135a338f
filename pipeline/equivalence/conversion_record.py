"""What models/conversion.json holds: each operator of the float32 file beside the network."""

import msgspec

# What was found of a part: it makes what the network makes; something else; it could not be cut out of the network.
SAME, DIFFERS, UNKNOWN = "same", "differs", "not compared"


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Some operators of the file beside the part of the network between the same cuts.

    Attributes:
        operators: their numbers in the main subgraph, in the order of execution; none where an input or an output is meant.
        verdict: SAME, DIFFERS or UNKNOWN.
        reads: tensors of the network ("node:output") that they read; `makes`: that they make.
        visible: every constant it reads moved what was compared: no activation or other operator stands behind it.
        excess: the largest difference in units of what rounding allows; None when nothing was compared, or it is not finite.
        reason: in words; empty when it is the same.
    """

    operators: list[int]
    verdict: str
    reads: list[str] = []
    makes: list[str] = []
    visible: bool = False
    excess: float | None = None
    reason: str = ""


class Conversion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The comparison of a float file with the network.

    Attributes:
        samples: how many samples told where the graphs can be cut.
        generated: these samples were drawn, as there were no real ones.
        parts: cover every operator; empty when nothing could be compared.
        kernels: by output, the largest difference between LiteRT's default kernels and its plain ones, as a share of what rounding
            allows a network of this depth.
        together: by output, the same between file and network for several samples at once; empty unless the batch is free.
        lengths: by output, the same for other lengths than those of the samples; empty unless lengths are free.
        alone: why LiteRT does not run several samples at once; empty otherwise.
        not_compared: why nothing could be compared; empty otherwise.
    """

    samples: int
    generated: bool
    parts: list[Part]
    kernels: dict[str, float | None]
    together: dict[str, float | None] = {}
    lengths: dict[str, float | None] = {}
    alone: str = ""
    not_compared: str = ""
