"""All task metrics by name. A metric is one function and one row in the `METRICS` of its task type's module."""

from pipeline.evaluation import binary, classification, regression, segmentation
from pipeline.evaluation.metric_type import Metric

METRICS: dict[str, Metric] = {**classification.METRICS, **binary.METRICS, **regression.METRICS, **segmentation.METRICS}
