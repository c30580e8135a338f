"""What data/split.json holds."""

import msgspec


class Sample(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A sample: its name in the data, the SHA-256 of its content as it is read, and its label when that is one number."""

    id: str
    sha256: str
    label: bool | int | float | None


class Set(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A set of `n` samples in order, and how many there are of each class (None without classes)."""

    n: int
    by_class: dict[str, int] | None
    samples: list[Sample]


class Sets(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The sets that are drawn; no sample is in two of them."""

    calibration: Set
    evaluation: Set
    tuning: Set


class Split(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which sample is in which set.

    Attributes:
        data: the name of the data.
        classes: that labels stand for, in order; None when nobody names them.
        labelled: whether the data has labels.
        training_samples: how many samples the data declares as training data; they are in no set.
        dropped_duplicates: ids of samples whose content another one has.
        sets: by name.
    """

    data: str
    classes: list[str] | None
    labelled: bool
    training_samples: int
    dropped_duplicates: list[str]
    sets: Sets
