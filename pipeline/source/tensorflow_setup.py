"""TensorFlow, imported quietly and with reproducible arithmetic. Only load, reference, convert and the converter engine use it."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# oneDNN picks its order of summation by machine and thread count; the plain kernels give the same bits every time.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")

import tensorflow as tf

# Key of the one signature of models/source, and so of every .tflite file.
SIGNATURE = "serving_default"

__all__ = ["SIGNATURE", "tf"]
