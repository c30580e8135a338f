"""Your own metrics, added to the table by the name conf/task/ calls them. Options are keyword arguments, given in conf/task/.

Example, for the task type classification (labels int [n], scores [n, c]):
    def off_by(labels, scores, *, most: int) -> float: return float((abs(scores.argmax(1) - labels) <= most).mean())
    METRICS["off_by"] = Metric(off_by, task_types=("classification",))
"""

from pipeline.evaluation.metric_type import Metric
from pipeline.evaluation.registry import METRICS

__all__ = ["METRICS", "Metric"]
