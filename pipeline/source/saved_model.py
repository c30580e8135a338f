"""SavedModels of any origin, TensorFlow 2 or 1: one of their signatures."""

from pathlib import Path
from typing import Any

import numpy as np

from pipeline.errors import UserError
from pipeline.source import graph_trust, rewrite
from pipeline.source.network import Network
from pipeline.source.tensorflow_setup import SIGNATURE, tf


def load(path: Path, *, signature: str | None, trust_code: bool = False) -> Network:
    """Load one signature of a SavedModel.

    Args:
        path: the folder.
        signature: its key; None when there is but one, or one called `serving_default`.
        trust_code: run operators that do more than compute.

    Raises:
        UserError: when the folder cannot be read, has no such signature, or holds such an operator and is not trusted.
    """
    try:
        if not trust_code:
            graph_trust.refuse(path)
        loaded = tf.saved_model.load(str(path))
    except (OSError, ValueError, RuntimeError, KeyError, IndexError, tf.errors.OpError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:300]
        raise UserError(
            f"model.path: {path} is not readable as a SavedModel: {reason}; it may be truncated, copy it again"
        ) from None
    concrete = loaded.signatures[_choose(loaded, path, signature)]
    frozen = rewrite.freeze(concrete)
    # The function's own keywords are in the order of its tensors, those of the structured signature need not be.
    inputs = {name: concrete.structured_input_signature[1][name] for name in concrete._arg_keywords}
    weights = _weights(loaded, concrete, frozen)
    return Network(
        inputs={name: tf.TensorSpec(spec.shape, spec.dtype) for name, spec in inputs.items()},
        outputs={name: tf.TensorSpec(value.shape, value.dtype) for name, value in sorted(concrete.structured_outputs.items())},
        call=lambda values: dict(concrete(**values)),
        variables=[],
        weights=weights,
        layers=_scopes(weights),
        parameters=int(sum(array.size for array in weights.values())),
        frozen=frozen,
    )


def _choose(loaded: Any, path: Path, wanted: str | None) -> str:
    known = sorted(key for key in loaded.signatures if not key.startswith("__"))
    if not known:
        raise UserError(
            f"model.path: {path} has no signature; save it with signatures=, as in "
            "tf.saved_model.save(model, PATH, signatures=model.FUNCTION.get_concrete_function(...))"
        )
    if wanted is None:
        if len(known) > 1 and SIGNATURE not in known:
            raise UserError(f"model.signature: {path} has several; choose one of {', '.join(known)}")
        return SIGNATURE if SIGNATURE in known else known[0]
    if wanted not in known:
        raise UserError(f"model.signature: {path} has no {wanted!r}; has: {', '.join(known)}")
    return wanted


def _weights(loaded: Any, concrete: Any, frozen: Any) -> dict[str, np.ndarray]:
    """Every variable by name without the `:0`, of the signature when the folder does not list them (TensorFlow 1)."""
    # Objects that no name leads to, such as those of Keras' optimizers, are not among the function's own variables.
    used = {variable.ref(): variable for variable in (*concrete.graph.variables, *_listed(loaded))}
    arrays: dict[str, np.ndarray] = {}
    for variable in used.values():
        name, again = variable.name.split(":")[0], 1
        key = name
        while key in arrays:
            key, again = f"{name}_{again}", again + 1
        arrays[key] = variable.numpy()
    # Reference variables of TensorFlow 1 exist in its graph only; freezing made constants of the same name of them.
    references = {operation.name for operation in concrete.graph.get_operations() if operation.type in ("VariableV2", "Variable")}
    for node in frozen.graph.as_graph_def().node:
        if node.name in references and node.op == "Const":
            arrays[node.name] = tf.make_ndarray(node.attr["value"].tensor)
    return {name: array.astype(np.float32) if array.dtype.name == "bfloat16" else array for name, array in arrays.items()}


def _listed(loaded: Any) -> list[Any]:
    return list(getattr(loaded, "variables", None) or [])


def _scopes(weights: dict[str, np.ndarray]) -> list[dict[str, Any]]:
    """A SavedModel knows no layers; the name scopes of its variables come nearest. None where variables have no scope."""
    scopes: dict[str, int] = {}
    for name, array in weights.items():
        if "/" in name:
            scope = name.rsplit("/", 1)[0]
            scopes[scope] = scopes.get(scope, 0) + int(array.size)
    return [{"path": scope, "class": "name scope", "parameters": count} for scope, count in scopes.items()]
