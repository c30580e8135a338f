"""The limits of one output: from simulated noise where there is some, from formats otherwise; and what is not judged by them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.tflite.flatbuffer import Graph
from pipeline.verification import fidelity, tolerances
from pipeline.verification.expected_noise import Simulation

# A decision is simulated, and the network moved, for at most so many samples.
_FOLLOWED = 512
# Moving by half of what the file is off is as much: the file's kernels add in one other order, not in all of them.
_AS_MUCH = 0.5
# Of the samples, this share has less noise than what is taken for that of a sample where decisions are close.
_CLOSE = 0.95


@dataclass(frozen=True, kw_only=True)
class Allowance:
    """How far the outputs of a file may be from the network's.

    Attributes:
        weights, activations: dtypes in the file, the latter between operators.
        rounding: float files may be off by so many times the accumulated rounding.
        margin_db: quantized files may lie so far below the expected SQNR.
    """

    weights: str
    activations: str
    rounding: float
    margin_db: float


class Limits:
    """The limits of one output: from simulated noise where there is some, from the formats otherwise."""

    def __init__(
        self,
        output: str,
        allowance: Allowance,
        float32: Graph,
        step: float | None,
        reference: np.ndarray,
        simulated: Simulation | None,
    ) -> None:
        self._output, self._step = output, step
        self._margin = allowance.margin_db
        self._accumulated = tolerances.accumulated_rounding(float32)
        self._rounding = allowance.rounding * self._accumulated
        self._expected = tolerances.expected_sqnr(
            weights=allowance.weights, activations=allowance.activations, layers=tolerances.layers(float32)
        )
        self._ill = np.zeros(0, np.int64)
        self._said = ""
        # A float file has rounding alone.
        self._simulated = None if np.isinf(self._expected) else simulated
        if self._simulated is not None:
            ours, theirs = reference[self._simulated.numbers], self._simulated.outputs[output]
            self._expected = tolerances.simulated_sqnr(fidelity.measure(ours, theirs), step=step, rounding=self._rounding)
            self._noise = fidelity.largest_errors(ours, theirs)
            self._said = f"; {self._expected:.1f} dB simulated on {len(ours)} samples"

    def set_apart(
        self, reference: np.ndarray, predicted: np.ndarray, moves: Callable[[np.ndarray], Mapping[str, np.ndarray]] | None
    ) -> None:
        """Samples on which a float file is off, and the network itself moves as much: they are not judged.

        It moves by more than rounding accumulates to in any network: a limit below that is asked of every sample.

        Args:
            reference, predicted: outputs [n, ...], finite.
            moves: of `output_checks.compare`.
        """
        if moves is None or not np.isinf(self._expected):
            return
        error, peak = fidelity.largest_errors(reference, predicted), float(np.abs(reference).max(initial=0))
        over = np.flatnonzero(error > self._rounding * peak)
        if 0 < len(over) <= _FOLLOWED:
            moved = moves(over)[self._output]
            self._ill = over[(moved >= _AS_MUCH * error[over]) & (moved > self._accumulated * peak)]

    def judged(self, count: int) -> np.ndarray:
        """The numbers of the samples whose errors are judged, of so many: int64 [k]."""
        if self._simulated is not None:
            return self._simulated.numbers
        return np.setdiff1d(np.arange(count), self._ill)

    def why(self, ids: Sequence[str]) -> str:
        """Where the limits are from and what is not judged, to stand behind a reason."""
        if not len(self._ill):
            return self._said
        named = ", ".join(ids[i] for i in self._ill[:3]) + (", ..." if len(self._ill) > 3 else "")
        return (
            f"{self._said}; not judged: {len(self._ill)} ill-conditioned samples ({named}), on which the network itself moves as "
            "much when it is rounded otherwise"
        )

    def of(self, figures: Mapping[str, float | None]) -> dict[str, float]:
        return tolerances.derive(figures, sqnr=self._expected, rounding=self._rounding, margin_db=self._margin, step=self._step)

    def close(self, samples: np.ndarray, margins: np.ndarray, reference: np.ndarray) -> float:
        """Of the decisions that changed, how many noise within the limits can have changed.

        Two values decide, each of which may be off by the noise of its sample: the largest error there in the simulation, or in
        95 of 100 samples if that is larger.
        """
        if not len(samples):
            return 0.0
        of_sample = np.full(len(reference), self._typical(reference))
        at = np.unique(samples)
        at = at[fidelity.evenly(len(at), _FOLLOWED)]
        if self._simulated is not None:
            theirs = self._simulated.run(at)[self._output]
            of_sample[at] = np.maximum(of_sample[at], fidelity.largest_errors(reference[at], theirs))
        of_sample[self._ill] = np.inf
        known = np.isin(samples, at)
        factor = 1.0 if np.isinf(self._expected) else 10 ** (self._margin / 20)
        return float(np.mean(margins[known] <= 2 * factor * of_sample[samples[known]]) * len(samples))

    def _typical(self, reference: np.ndarray) -> float:
        """The noise of a sample of which nothing else is known, in the output's units."""
        if np.isinf(self._expected):
            return self._rounding * float(np.abs(reference).max(initial=0))
        if self._simulated is not None:
            # Where classes are close, noise is more than where they are not.
            return float(np.quantile(self._noise, _CLOSE))
        # Three standard deviations.
        return 3 * float(np.sqrt(np.mean(np.square(reference, dtype=np.float64)))) * 10 ** (-self._expected / 20)
