"""What models/layers.json holds."""

import msgspec


class OperatorLayers(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An operator: its type, the name of its first output, and the paths of the layers it carries, in the order of the network
    (empty when no name tells)."""

    operator: str
    tensor: str
    layers: list[str]


class Layers(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All operators of the float32 file in order."""

    operators: list[OperatorLayers]
