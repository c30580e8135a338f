"""What reports/accuracy.json holds."""

import msgspec

from pipeline.failures.failure_record import Failure


class Measured(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every metric under the name it is reported under, None where it is undefined, and why."""

    metrics: dict[str, float | None]
    undefined: dict[str, str]


class Comparison(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The primary metric of one variant against that of the original network; what does not exist is None, and `reason` says why.

    `drop` is positive when the variant is worse, `interval` its confidence interval and `simultaneous` the one at which those of
    all variants hold together. `lost` and `won` are samples that only the original, or only the variant, decides rightly;
    `p_value` is the test of no drop, `p_holm` the same after Holm; a drop below `detectable` could not have been called real.
    All are by one `method`: `p_value` is below 1 - confidence exactly where `interval` leaves out 0.
    """

    drop: float | None
    interval: tuple[float, float] | None
    simultaneous: tuple[float, float] | None
    method: str | None
    lost: int | None
    won: int | None
    p_value: float | None
    p_holm: float | None
    detectable: float | None
    reason: str | None


class Variant(Comparison, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A variant's comparison, and every metric as in `Measured`."""

    metrics: dict[str, float | None]
    undefined: dict[str, str]


class Flip(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A sample of the evaluation set, by number, that a variant decides differently: its label and both decisions."""

    sample: int
    label: int
    before: int
    after: int


class Details(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Figures beyond one number, as far as the task type has them; a file leaves out what is None.

    A confusion matrix [c][c] (rows: labels), figures by name for each class (None where undefined) or for each value of a
    regression, and the samples that changed their decision.
    """

    confusion: list[list[int]] | None = None
    per_class: dict[str, list[int | float | None]] | None = None
    per_value: dict[str, list[float]] | None = None
    flips: list[Flip] | None = None


class Head(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One head: its task type, the number of samples, and the details of the original network and of each variant."""

    task_type: str
    n: int
    original: Details
    variants: dict[str, Details]


class Whole(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every metric on all `n` labelled samples: those of the evaluation set, `calibration` of the pool that ranges are measured on,
    and `tuning` that searches are held to. For comparison with published figures; nothing is chosen by them."""

    n: int
    calibration: int
    tuning: int
    original: Measured
    variants: dict[str, Measured]


class Accuracy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The task's metrics of `n` samples. Without labels the fields from `original` on are empty, and not in the file.

    `failures` are of variants that could not be built or run, which stand in no other field; not in the file when there are none.

    `points`: the primary metric is a share of 1, and its differences are spoken of in percentage points. `comparisons`: how many
    different ones the variants are, that `correction` is for. `whole`: figures of all labelled samples, where they were asked for.
    """

    task: str
    primary_metric: str
    n: int
    labelled: bool
    confidence: float
    correction: str
    failures: dict[str, Failure] = {}
    original: Measured | None = None
    variants: dict[str, Variant] = {}
    heads: dict[str, Head] = {}
    points: bool | None = None
    comparisons: int | None = None
    whole: Whole | None = None
    higher_is_better: bool | None = None

    def baseline(self) -> float | None:
        """The primary metric of the original network; None without labels or where it is undefined."""
        return None if self.original is None else self.original.metrics[self.primary_metric]

    def level(self, name: str) -> float:
        """Confidence of a variant's `simultaneous` interval: that of `interval` alone where the variant is no comparison."""
        variant, several = self.variants[name], max(1, self.comparisons or 0)
        return self.confidence if variant.simultaneous == variant.interval else 1 - (1 - self.confidence) / several
