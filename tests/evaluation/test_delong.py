import numpy as np
import pytest

from pipeline.evaluation import binary, studentized
from pipeline.evaluation.delong import delong


@pytest.mark.parametrize("ties", [False, True])
def test_delong_s_variance_against_its_definition_pair_by_pair(ties: bool) -> None:
    """Structural components from the kernel of every pair, as in the paper, without ranks."""
    rng = np.random.default_rng(7)
    labels = (rng.random(60) < 0.4).astype(np.int64)
    first = rng.normal(size=60) + labels
    second = first + 0.5 * rng.normal(size=60)
    if ties:
        first, second = np.round(first), np.round(second)
    yes, no = labels == 1, labels == 0

    def kernel(scores: np.ndarray) -> np.ndarray:
        above, below = scores[yes][:, None], scores[no][None]
        return (above > below) + 0.5 * (above == below)

    difference = kernel(first) - kernel(second)
    expected = difference.mean(1).var(ddof=1) / yes.sum() + difference.mean(0).var(ddof=1) / no.sum()
    spread = delong(labels, first, second)
    assert spread.error() ** 2 == pytest.approx(expected)
    assert spread.freedom == min(yes.sum(), no.sum()) - 1
    # Of two labels: the variance of the mean of both differences, which are of the same samples.
    twice = delong(np.stack([labels, labels], 1), np.stack([first, first], 1), np.stack([second, second], 1))
    assert twice.error() ** 2 == pytest.approx(expected)


def test_delong_s_variance_is_nearly_the_jackknife_s() -> None:
    rng = np.random.default_rng(8)
    labels = (rng.random(200) < 0.3).astype(np.int64)
    first = rng.normal(size=200) + labels
    second = first + 0.7 * rng.normal(size=200)
    drops = [
        binary.roc_auc(np.delete(labels, i), np.delete(first, i)) - binary.roc_auc(np.delete(labels, i), np.delete(second, i))
        for i in range(200)
    ]
    assert delong(labels, first, second).error() == pytest.approx(studentized.jackknife(np.array(drops)).error(), rel=0.01)
