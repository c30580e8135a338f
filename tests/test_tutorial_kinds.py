"""Kinds of network as tutorials convert them, batch and lengths free and with other names, given to `audit`: none is accused."""

from pathlib import Path

import keras
import pytest

from pipeline.cli import audit
from pipeline.errors import UserError
from tests import certified, foreign, helpers
from tests.kinds import table

pytestmark = pytest.mark.filterwarnings("ignore:.*does not support masking:UserWarning", "ignore::DeprecationWarning")

# Each was refused once: zeros that depend on the batch, state that is left of random numbers, a zero point that ReLU shares, tables
# with the range of what was looked up, floats that are looked up.
QUICK = {"LSTM unroll", "GRUCell", "MixUp", "ReLU slope threshold", "U-Net, free batch", "ReversibleEmbedding"}
# Not answered, exit code 2: Keras 3.15 does not load what it saved, LiteRT does not run the file, or it holds what is not read.
UNREADABLE = {
    **dict.fromkeys(("dead variable: zero", "dead variable: branch", "dead variable: difference"), "needs the class"),
    **dict.fromkeys(("fake quantization", "fake quantization per channel", "subclassed"), "needs the class"),
    "AutoContrast": "LiteRT cannot run the file.*by its content it is the network",
    "Equalization": "is not readable as a Keras model",
    "Layer": "needs the class",
    "LSTM masked unroll": "LiteRT cannot run the file.*by its content it is the network",
    "ops bitwise_xor": "is not readable as a Keras model",
    "ops heaviside": "is not readable as a Keras model",
    "ops reciprocal": "LiteRT cannot run the file.*by its content it is the network",
    "RandomShear": "is not readable as a Keras model",
    "squeeze and excite": "LiteRT cannot run the file.*by its content it is the network",
    "StringLookup": "a constant of dtype string, which is not read",
    "TFSMLayer": "which loads another SavedModel from a path",
    "Wrapper": "needs the class",
}
# The converter's own faults. It gives MINIMUM's range to what others read as well: nothing positive is left of CELU, and no excess
# of a histogram (up to 16 on samples). And the zero of ONE_HOT has a scale of its own, which the kernel does not read: it is 0.5.
_NARROWED = "as MINIMUM does, and {} reads it as well"
BROKEN = {
    **dict.fromkeys(
        ("Discretization one_hot", "CategoryEncoding one_hot", "ops one_hot", "ops multi_hot"),
        "off_value: ONE_HOT hands on its codes, but scale or zero point of input and output differ",
    ),
    "activation celu": _NARROWED.format("RELU"),
    "ContrastLimitedAdaptiveHistogramEqualization": _NARROWED.format("SUB"),
}
# Accused, and sound: the pipeline's own float32 file holds a CAST from float to float, which is not looked through; and it
# exports double precision as float32, so that a constant folded in double is not found again.
BROKEN |= {"ops scan": "CAST is missing", "ops quantile": "MUL input 1: one of 1 entries differs"}
# TensorFlow's calibrator ends the process with it.
_ENDS = "LSTM stateful"
CELLS = [
    pytest.param(name, marks=[] if name in QUICK else [pytest.mark.slow])
    for name, row in table.KINDS.items()
    if not row.slow and " order " not in f" {name}" and name != _ENDS
]


@pytest.mark.parametrize("name", CELLS)
def test_kind(name: str, tmp_path: Path) -> None:
    """As int8: that its float32 file is the network is part of it. What is not converted so is with a batch of one, as float32."""
    row = table.KINDS[name]
    keras.backend.clear_session()
    model = row.build()
    if not isinstance(model, keras.Model):
        return  # a plain module, which from_keras_model does not take
    model = model if row.untrained else certified.randomised(model)
    try:
        with helpers.quiet():
            model.save(tmp_path / "network.keras")
        content = _converted(model)
    except Exception:
        return  # what Keras does not save, or the converter does not convert, gives no file
    (tmp_path / "model.tflite").write_bytes(content)
    refused = UNREADABLE.get(name)
    if refused is not None:
        with pytest.raises(UserError, match=refused):
            audit.audit(tmp_path / "network.keras", tmp_path / "model.tflite")
        return
    report = audit.audit(tmp_path / "network.keras", tmp_path / "model.tflite", trust_code=True)
    reasons = [fault["reason"] for fault in report["certificate"]["faults"]]
    wanted = BROKEN.get(name)
    if wanted is None:
        assert report["passed"], reasons
    else:
        assert any(wanted in reason for reason in reasons)


def _converted(model: keras.Model) -> bytes:
    try:
        return foreign.from_keras(model, "int8")
    except Exception:
        # Recurrent layers need to know how many samples there are.
        return foreign.one_at_a_time(model, "float32")
