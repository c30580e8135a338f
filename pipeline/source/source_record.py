"""What models/source.json holds."""

import msgspec


class Tensor(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An input or output: its shape with the batch first, None where a dimension is free; None when the rank is unknown."""

    name: str
    shape: list[int | None] | None
    dtype: str


class Signature(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Inputs and outputs in order."""

    inputs: list[Tensor]
    outputs: list[Tensor]


class ExportedSignature(Signature, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The signature of the exported SavedModel: its key, and its batch (None: free)."""

    key: str
    batch: int | None


class Layer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A layer: its path, class and number of parameters."""

    path: str
    class_: str = msgspec.field(name="class")
    parameters: int


class Counts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many numbers were trained or measured, in how many variables."""

    parameters: int
    variables: int


class Source(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The trained network, as it was read and as it was exported.

    Attributes:
        name: of the model.
        format: that it was read as.
        signature: of the exported network.
        original_signature: of the network as it was saved.
        rewritten_to_float32: the precisions that it was rewritten from.
        layers: in order; empty when the file does not tell.
        counts: of its parameters and variables.
    """

    name: str
    format: str
    signature: ExportedSignature
    original_signature: Signature
    rewritten_to_float32: list[str]
    layers: list[Layer]
    counts: Counts
