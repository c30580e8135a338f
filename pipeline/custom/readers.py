"""Your own readers and preprocessing steps, added to the tables by the name conf/data/ calls them.

Example:
    def mine(path: Path, *, labels: str) -> Dataset: ...
    READERS["mine"] = mine

    def halve(sample: np.ndarray, *, times: int) -> np.ndarray: ...
    STEPS["halve"] = halve
"""

from pipeline.dataset.preprocess import STEPS
from pipeline.dataset.readers import READERS, Dataset

__all__ = ["READERS", "STEPS", "Dataset"]
