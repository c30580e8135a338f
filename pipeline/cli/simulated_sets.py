"""Evaluation sets drawn from known truths: what the statistics should find is known before they look."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pipeline.evaluation.metric_type import Metric
from pipeline.evaluation.registry import METRICS

# Labels, scores of the original network, scores of the variant.
Drawn = tuple[np.ndarray, np.ndarray, np.ndarray]
# A set so large that its own drop is the truth, where there is no formula.
_LARGE = 2_000_000
_MARGIN = 1.5  # of the scores of yes above those of no, in their standard deviation


@dataclass(frozen=True, kw_only=True)
class Case:
    """A metric and a way of drawing sets; `truth` where there is a formula for the drop.

    `reachable` is False where no interval can hold the truth as often as it says.
    """

    what: str
    metric: str
    draw: Callable[[int, np.random.Generator], Drawn]
    truth: float | None = None
    options: dict[str, Any] = field(default_factory=dict)
    reachable: bool = True

    def measured(self) -> Metric:
        """The metric."""
        return METRICS[self.metric]

    def drop(self) -> float:
        """The true drop."""
        if self.truth is not None:
            return self.truth
        labels, before, after = self.draw(_LARGE, np.random.default_rng(0))
        metric = self.measured()
        difference = metric.compute(labels, before, **self.options) - metric.compute(labels, after, **self.options)
        return float(difference if metric.higher_is_better else -difference)


def decisions(n: int, rng: np.random.Generator, *, lost: float, won: float) -> Drawn:
    """Right or wrong, 95 of 100 right before; these shares are lost and won."""
    change = rng.choice(3, n, p=[1 - lost - won, lost, won])
    before = np.where(change == 0, rng.random(n) < 0.95, change == 1)
    return of_decisions(before, np.where(change == 0, before, change == 2))


def of_decisions(before: np.ndarray, after: np.ndarray) -> Drawn:
    """Labels and scores of two classes, of right decisions bool [n]."""
    classes = np.eye(2) * 0.8 + 0.1
    return np.zeros(len(before), np.int64), classes[np.where(before, 0, 1)], classes[np.where(after, 0, 1)]


def ranked(n: int, rng: np.random.Generator, *, yes: float, noise: float) -> Drawn:
    """Scores of yes and no, normal; the variant's have normal noise. At least two samples of each class, as users choose theirs."""
    labels = (rng.random(n) < yes).astype(np.int64)
    while not 2 <= labels.sum() <= n - 2:
        labels = (rng.random(n) < yes).astype(np.int64)
    scores = _MARGIN * labels + rng.normal(size=n)
    return labels, scores, scores + noise * rng.normal(size=n)


def area(noise: float) -> float:
    """The true drop of the area under the ROC curve of `ranked`."""
    from scipy.stats import norm

    return float(norm.cdf(_MARGIN / np.sqrt(2)) - norm.cdf(_MARGIN / np.sqrt(2 * (1 + noise**2))))


def errors(n: int, rng: np.random.Generator, *, tails: str, change: str) -> Drawn:
    """Errors of a regression, standard normal or Student's t with 3 degrees of freedom, whose fourth moment is infinite.

    The variant's: the same with normal noise of 0.2 (`noise`), others that are 10 % larger (`other`), or 10 % larger (`larger`).
    """

    def drawn() -> np.ndarray:
        return rng.normal(size=n) if tails == "normal" else rng.standard_t(3, n)

    before = drawn()
    after = {"noise": lambda: before + 0.2 * rng.normal(size=n), "other": lambda: 1.1 * drawn(), "larger": lambda: 1.1 * before}
    return np.zeros((n, 1)), before[:, None], after[change]()[:, None]


def masks(n: int, rng: np.random.Generator) -> Drawn:
    """Confusion matrices of images of 64 pixels and 3 classes, some images harder than others, pixels changed at random."""
    share, hard, noise = rng.dirichlet([1.8, 0.9, 0.3], n), rng.beta(2, 8, n), rng.beta(1, 30, n)
    before, after = np.zeros((2, n, 3, 3), np.int64)
    pixels = rng.multinomial(64, share)
    for real in range(3):
        others = [one for one in range(3) if one != real]
        wrong = rng.binomial(pixels[:, real], hard)
        before[:, real, real] = pixels[:, real] - wrong
        before[:, real, others[0]] = half = rng.binomial(wrong, 0.5)
        before[:, real, others[1]] = wrong - half
        for chosen in range(3):
            targets = [one for one in range(3) if one != chosen]
            changed = rng.binomial(before[:, real, chosen], noise)
            half = rng.binomial(changed, 0.5)
            after[:, real, chosen] += before[:, real, chosen] - changed
            after[:, real, targets[0]] += half
            after[:, real, targets[1]] += changed - half
    return before.sum(2), before, after


def _decisions(what: str, lost: float, won: float) -> Case:
    return Case(what=what, metric="accuracy", draw=lambda n, rng: decisions(n, rng, lost=lost, won=won), truth=round(lost - won, 9))


def _ranked(what: str, metric: str, yes: float, noise: float, **options: Any) -> Case:
    truth = area(noise) if metric == "roc_auc" else None
    return Case(what=what, metric=metric, draw=lambda n, rng: ranked(n, rng, yes=yes, noise=noise), truth=truth, options=options)


def _errors(what: str, metric: str, tails: str, change: str, *, reachable: bool = True) -> Case:
    deviation = 1.0 if tails == "normal" else np.sqrt(3)
    mean = np.sqrt(2 / np.pi) if tails == "normal" else 2 * np.sqrt(3) / np.pi  # of the absolute value
    size = deviation if metric == "rmse" else mean
    truth = 0.1 * size if change != "noise" else np.sqrt(deviation**2 + 0.04) - deviation if metric == "rmse" else None
    if metric == "mae" and change == "noise" and tails == "normal":
        truth = mean * (np.sqrt(1.04) - 1)
    return Case(
        what=what,
        metric=metric,
        draw=lambda n, rng: errors(n, rng, tails=tails, change=change),
        truth=None if truth is None else float(truth),
        reachable=reachable,
    )


CASES = (
    _decisions("accuracy, 3 % lost and 1 % won", 0.03, 0.01),
    _decisions("accuracy, 10 % lost and 8 % won", 0.10, 0.08),
    _decisions("accuracy, 1 % lost", 0.01, 0.0),
    _ranked("AUC, half yes, noise", "roc_auc", 0.5, 0.3),
    _ranked("AUC, half yes, very small noise", "roc_auc", 0.5, 0.03),
    _ranked("AUC, a fifth yes, noise", "roc_auc", 0.2, 0.3),
    _ranked("average precision, noise", "average_precision", 0.3, 0.3),
    _ranked("F1, noise", "f1", 0.3, 0.3, threshold=0.75),
    Case(what="mean IoU", metric="mean_iou", draw=masks),
    _errors("RMSE, normal errors, noise", "rmse", "normal", "noise"),
    _errors("RMSE, t3 errors, noise", "rmse", "t3", "noise"),
    _errors("RMSE, t3 errors, other errors", "rmse", "t3", "other"),
    _errors("MAE, normal errors, noise", "mae", "normal", "noise"),
    _errors("MAE, t3 errors, noise", "mae", "t3", "noise"),
    _errors("MAE, t3 errors, other errors", "mae", "t3", "other"),
    _errors("RMSE, t3 errors, the same 10 % larger", "rmse", "t3", "larger", reachable=False),
)
