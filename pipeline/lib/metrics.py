"""All task metrics by name. A metric is one function and one row in the `METRICS` of its kind's module."""

from pipeline.lib import classification, detection, regression, segmentation
from pipeline.lib.metric import Metric

METRICS: dict[str, Metric] = {**classification.METRICS, **detection.METRICS, **regression.METRICS, **segmentation.METRICS}
