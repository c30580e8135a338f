"""Your own readers and preprocessing steps, added to the tables by the name conf/data/ calls them.

Example:
    def mine(path: Path, *, labels: str) -> Dataset: ...
    READERS["mine"] = mine
"""

from pipeline.lib.preprocess import STEPS
from pipeline.lib.readers import READERS

__all__ = ["READERS", "STEPS"]
