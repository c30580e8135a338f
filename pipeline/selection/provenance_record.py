"""What models/selected/provenance.json holds."""

from typing import Any

import msgspec


class Model(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The trained network: its name, path, and the SHA-256 of its file or folder."""

    name: str
    path: str
    sha256: str


class Step(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A preprocessing step."""

    name: str
    options: dict[str, Any]


class Set(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A set of `n` samples, and the SHA-256 over the content hashes of its samples in order."""

    n: int
    sha256: str


class Data(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the samples are, and how they became the network's input."""

    name: str
    preprocess: list[Step]
    sets: dict[str, Set]


class Convert(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """conf/convert."""

    batch: int | None
    select_tf_ops: bool
    custom_ops: bool


class Calibrate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """conf/calibrate."""

    samples: int
    method: str
    bins: int
    percentile: float


class Variant(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A variant's name and configuration, without what is derived from it."""

    name: str
    engine: str
    scheme: str
    algorithm: str
    granularity: str
    io_dtype: str
    exclude: list[str]
    samples: int | None
    search: str | None


class Provenance(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the shipped file was made from and with."""

    file_sha256: str
    model: Model
    data: Data
    convert: Convert
    calibrate: Calibrate
    variant: Variant
    versions: dict[str, str]
    seed: int
