"""Your own metrics, added to the table by the name conf/task/ calls them. Options are keyword arguments, given in conf/task/.

Example, for the kind classification (labels int [n], scores [n, c]):
    def off_by(labels, scores, *, most: int) -> float: return float((abs(scores.argmax(1) - labels) <= most).mean())
    METRICS["off_by"] = Metric(off_by, kinds=("classification",))
"""

from pipeline.lib.metric import Metric
from pipeline.lib.metrics import METRICS

__all__ = ["METRICS", "Metric"]
