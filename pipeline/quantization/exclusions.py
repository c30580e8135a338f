"""Which operators a user means by the names of Keras layers or of operator types."""

import difflib
from collections.abc import Iterable, Sequence

from pipeline.errors import UserError
from pipeline.tflite.layers_record import OperatorLayers


def tensors(rows: Sequence[OperatorLayers], names: Iterable[str], *, where: str) -> list[str]:
    """The operators that the names stand for, by their first output tensors.

    Args:
        rows: `operators` of models/layers.json.
        names: an operator type (`CONV_2D`), a layer's path (`encoder/conv`) or its last part (`conv`), which may name several.
        where: of the names in the configuration, for the message.

    Raises:
        UserError: when a name matches nothing, with the nearest names.
    """
    found: list[str] = []
    for name in names:
        matched = [row.tensor for row in rows if name == row.operator or any(_is(name, path) for path in row.layers)]
        if not matched:
            known = sorted({row.operator for row in rows} | {path for row in rows for path in row.layers})
            near = difflib.get_close_matches(name, known, n=3) or difflib.get_close_matches(name.upper(), known, n=3) or known[:8]
            raise UserError(
                f"{where}: {name!r} is no layer that an operator carries and no operator type; did you mean {', '.join(near)}?"
            )
        found += [tensor for tensor in matched if tensor not in found]
    return found


def _is(name: str, path: str) -> bool:
    return name in (path, path.rsplit("/", 1)[-1])
