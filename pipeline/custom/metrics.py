"""Your own metrics, added to the table by the name conf/task/ calls them.

Example:
    METRICS["off_by_one"] = Metric(lambda labels, scores: float((abs(scores.argmax(1) - labels) <= 1).mean()))
"""

from pipeline.lib.metrics import METRICS

__all__ = ["METRICS"]
