"""TensorFlow, imported quietly and with reproducible arithmetic. Only load, reference, convert and the converter engine use it."""

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# oneDNN picks its order of summation by machine and thread count, and so do the plain kernels when they share an operator out over
# threads: one thread an operator gives the same bits on every machine. Cores are used by running several samples at once.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")


@contextmanager
def absent(*names: str) -> Iterator[None]:
    """Imports inside the block find no module of these names, as if it were not installed; what is imported already stays.

    Libraries that only look whether another one is there (`try: import sklearn`) then do not spend seconds on it.
    """
    hidden = [name for name in names if name not in sys.modules]
    # None means "not to be found" (The Python Language Reference, 5.3.1).
    sys.modules |= dict.fromkeys(hidden)  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


# What TensorFlow and Keras import when it is installed, for training and pictures: 2 s.
OPTIONAL = ("matplotlib", "pandas", "scipy", "sklearn")

_collecting = gc.isenabled()
gc.disable()
# TensorFlow imports all of Keras for its optimizers and goes on without; `tf.keras` still imports it when it is asked for.
with absent("keras.src.optimizers", "tf_keras.src.optimizers", *OPTIONAL):
    import tensorflow as tf

# The modules stay for good: the garbage collector need not look through their million objects time and again (1 s a stage).
gc.freeze()
if _collecting:
    gc.enable()

# Key of the one signature of models/source, and so of every .tflite file.
SIGNATURE = "serving_default"

__all__ = ["OPTIONAL", "SIGNATURE", "absent", "tf"]
