"""A cached pipeline from a trained network to a TFLite model you can trust. One verb is one stage; a folder is a subject."""

import importlib.util
import sys

from pipeline import errors, stale
from pipeline.system import leftovers, processes

# First of all: the wrong Python, or an import of the user's own code, may end the stage.
if (_stage := stale.stage_of(sys.orig_argv)) is not None:
    processes.end_with_dvc()
    leftovers.remove()
    leftovers.own_folder()
    try:
        stale.remove(_stage)
    except errors.UserError as _error:
        sys.exit(f"error: {_error}")

# `python` in a stage's command is whatever comes first on PATH. Say so before an import fails with a traceback.
if importlib.util.find_spec("msgspec") is None or importlib.util.find_spec("ai_edge_litert") is None:
    sys.exit(
        f"error: {sys.executable} does not have the pipeline's packages; run `make repro`, "
        "or put the project's environment first: . .venv/bin/activate"
    )
