"""What a search leaves in models/recipes/S.json, as a type: written by the stage `search`, read by `quantize`.

It imports nothing of the search, so that an edit of the search does not re-run the stages that read the file.
"""

from typing import Annotated, Any, Literal

import msgspec

Count = Annotated[int, msgspec.Meta(ge=1)]


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a search was asked for: the section `searches.S` of params.yaml.

    Attributes:
        objective: what is minimized: bytes of the file, or multiply-accumulates weighted by `costs`.
        choices: schemes that an operator may get, in the order of preference.
        costs: of a multiply-accumulate by scheme.
        algorithm, granularity: of weights.
        exclude: layers or operator types that stay float32.
        max_drop: budget on the primary metric, in its own units; None: none.
        drop_bound: what is held to it: an upper end of the drop's interval, or the drop itself.
        comparisons: how many variants the interval is to hold for at once, when it is "simultaneous".
        min_sqnr_db: budget on the fidelity in decibels; None: none.
        samples: how many tuning samples sensitivity is measured on.
        steps: candidates to try at most.
    """

    objective: Literal["bytes", "macs"]
    choices: tuple[str, ...]
    costs: dict[str, float]
    algorithm: str
    granularity: str
    exclude: tuple[str, ...]
    max_drop: float | None
    drop_bound: Literal["simultaneous", "upper", "estimate"]
    comparisons: Count
    min_sqnr_db: float | None
    samples: Count
    steps: Count

    def level(self, confidence: float) -> float | None:
        """Of the interval whose upper end is held to `max_drop`; None where the drop itself is, or nothing."""
        if self.max_drop is None or self.drop_bound == "estimate":
            return None
        return 1 - (1 - confidence) / (self.comparisons if self.drop_bound == "simultaneous" else 1)


class Improvement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A candidate that was better than all before it.

    Attributes:
        step: its number among the candidates tried, from 1.
        move: how the search came to it.
        cost: bytes (whole) or weighted multiply-accumulates, by the objective.
        bytes: of the file.
        finite: whether all its outputs are; without it the next three are None.
        noise: noise power as a share of the signal power, of the output where it is largest.
        sqnr_db: the same in decibels, None without noise.
        drop: of the primary metric against the float32 file, positive: worse; None without labels or where it is undefined.
        drop_high: the upper end of its interval; None also where the drop itself is held to the budget.
    """

    step: Count
    move: str
    cost: int | float
    bytes: Count
    finite: bool
    noise: float | None
    sqnr_db: float | None
    drop: float | None
    drop_high: float | None


class Operator(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An operator of the float32 file, its first output tensor, its Keras layers, and the scheme it got."""

    operator: str
    tensor: str
    layers: tuple[str, ...]
    scheme: str


class Sensitivity(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one operator alone in one scheme does to the network.

    Attributes:
        operator, tensor, layers: as of `Operator`.
        scheme: the one it alone has; all others are float32.
        noise, sqnr_db: as of `Improvement`.
        saving: what it takes off the cost.
    """

    operator: str
    tensor: str
    layers: tuple[str, ...]
    scheme: str
    noise: float | None
    sqnr_db: float | None
    saving: int | float


class Result(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """models/recipes/S.json.

    Attributes:
        search: its name.
        asked: its options.
        n: tuning samples that the budget is held against.
        metric: the primary metric, by the name it is reported under.
        met: whether the budget is kept.
        finished: nothing more to try; False when the steps ran out.
        steps: candidates tried.
        sha256: of the .tflite file that `recipe` gives.
        figures: of the result, the last of `path`.
        recipe: in the quantizer's own format, which the quantizer checks.
        operators: all operators of the float32 file, in its order.
        sensitivity: the most sensitive first.
        path: every improvement, in order.
    """

    search: str
    asked: Options
    n: Count
    metric: str
    met: bool
    finished: bool
    steps: Count
    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    figures: Improvement
    recipe: list[dict[str, Any]]
    operators: tuple[Operator, ...]
    sensitivity: tuple[Sensitivity, ...]
    path: tuple[Improvement, ...]
