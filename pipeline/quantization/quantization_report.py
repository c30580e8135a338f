"""What models/variants/V/quantization.json holds."""

import msgspec


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was asked for: the section `variants.V` of params.yaml, without what is derived from it."""

    engine: str
    scheme: str
    algorithm: str
    granularity: str
    io_dtype: str
    exclude: list[str]
    samples: int | None
    search: str | None


class Operator(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What became of an operator of the float32 file (`operator_plan.Treatment`), and its Keras layers."""

    operator: str
    tensor: str
    layers: list[str]
    weights: str | None
    activations: str
    granularity: str | None
    algorithm: str | None
    reason: str


class Rewritten(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Channels of an operator of the file whose weights gave way to their constant (`dead_channels`).

    Attributes:
        operator: its type; `tensor`: the name of its first output; `layers`: its Keras layers.
        channels: how many it has, 1 where they share a scale.
        dead: how many of them have a kernel of zeros.
        coarser: how many others have a coarser scale than their weights ask for.
        lost: the most that the output of a dead one changes for an input of 1: the largest sum of its weights' magnitudes.
        steps: the same for the largest input that the file can hold, in steps of the operator's output; None: the output is float.
        coarser_steps: as `steps`, of the others.
    """

    operator: str
    tensor: str
    layers: list[str]
    channels: int
    dead: int
    coarser: int
    lost: float
    steps: float | None
    coarser_steps: float | None


class QuantizationReport(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was asked for, and what the finished file holds.

    Attributes:
        variant: its name.
        settings: of the variant.
        operators: all of the float32 file in its order; empty when no recipe was used.
        rewritten: operators with channels whose weights gave way to their constant; empty when no recipe was used.
        constants: how many of each dtype.
        io_dtypes: dtype of each input and output by name.
        float_operators: how many of each type write float32, without conversions of dtype and lookups of shapes.
        integer_only: no tensor is float, not even an input or output.
    """

    variant: str
    settings: Settings
    operators: list[Operator]
    rewritten: list[Rewritten]
    constants: dict[str, int]
    io_dtypes: dict[str, str]
    float_operators: dict[str, int]
    integer_only: bool
