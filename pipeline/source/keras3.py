"""Networks saved by Keras 3: .keras and .h5."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.errors import UserError
from pipeline.source.inference_graph import DRAWN
from pipeline.source.keras_common import layers, named, reading, refuse_code
from pipeline.source.network import Network, traced_outputs
from pipeline.source.tensorflow_setup import OPTIONAL, absent, tf

# keras must come after pipeline.source.tensorflow_setup, which sets how TensorFlow computes.
with absent(*OPTIONAL):
    import keras

# What Keras calls the variable of a random generator.
GENERATOR = "seed_generator_state"


def load(
    path: Path,
    *,
    format: str,
    custom: Mapping[str, Any],
    trust_code: bool,
    shapes: Mapping[str, Sequence[int]],
    dtypes: Mapping[str, str],
) -> Network:
    """Load a file without its optimizer.

    Args:
        path: the file.
        format: "keras" or "keras3_h5".
        custom: the user's classes by registered name.
        trust_code: run Python bytecode that the file holds, and whatever else it names.
        shapes: shape of inputs without the batch; a subclassed model that was saved without having been called needs them.
        dtypes: dtype of inputs of a subclassed model, whose file does not tell; float32 otherwise.

    Raises:
        UserError: when the file cannot be read as a Keras model, needs a class that is not registered, or holds code that is
            not trusted.
    """
    own = {*custom, *keras.saving.get_custom_objects()}
    refuse_code(path, format=format, trust_code=trust_code, own=own)
    with reading(path, format=format, custom=custom):
        # Keras goes by the ending, this pipeline by the content.
        model = keras.models.load_model(path, custom_objects=dict(custom), compile=False, safe_mode=not trust_code)
    if not model.built:
        raise UserError(
            f"model.path: {path} was saved before it was built, so it holds no weights; call it, train it, save it again"
        )
    return network_of(model, path=path, shapes=shapes, dtypes=dtypes)


def network_of(
    model: Any, *, path: Path, shapes: Mapping[str, Sequence[int]] | None = None, dtypes: Mapping[str, str] | None = None
) -> Network:
    """A Keras model as a network; `path` is where it came from, `shapes` and `dtypes` are those of `load`."""
    inputs, call, outputs = _functional(model) if _is_graph(model) else _subclassed(model, path, shapes or {}, dtypes or {})
    return Network(
        inputs=inputs,
        outputs=outputs,
        call=_undrawn(model, call),
        # The tf.Variables themselves: with Keras' wrappers the converter keeps them as mutable resources instead of constants.
        variables=[variable.value for variable in _of_the_network(model)],
        weights=_weights(model),
        layers=layers(model, keras.Model),
        parameters=int(model.count_params()),
    )


def _undrawn(model: Any, call: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """A call that neither reads nor changes the states of random generators.

    Many layers that draw in training draw at inference, too, and throw away what they drew. The states are constants instead, under
    a name that tells `inference_graph` when an output does depend on them. Keras draws new ones each time a file is loaded; here
    they are zeros, so that what is written of the network is the same each time.
    """
    generators = [variable for variable in model.variables if variable.path.split("/")[-1].startswith(GENERATOR)]
    states = [(variable, np.zeros_like(variable.numpy())) for variable in generators]

    def undrawn(values: dict[str, Any]) -> dict[str, Any]:
        if not states:
            return call(values)
        with keras.StatelessScope(state_mapping=[(state, tf.constant(value, name=DRAWN)) for state, value in states]):
            return call(values)

    return undrawn


def _is_graph(model: Any) -> bool:
    return isinstance(model, keras.Sequential) or (hasattr(model, "inputs") and hasattr(model, "output_names"))


def _functional(model: Any) -> tuple[dict[str, Any], Any, dict[str, Any]]:
    """A graph of layers: it knows its inputs and outputs."""
    # A Sequential knows its tensors, but not the structure of its input: that is always a single one.
    structure = model.inputs[0] if isinstance(model, keras.Sequential) else model.input
    inputs = named(structure, [tensor.name for tensor in model.inputs], single="input")
    order = [id(tensor) for tensor in keras.tree.flatten(structure)]
    by_id = {id(tensor): name for name, tensor in inputs.items()}
    output_names = getattr(model, "output_names", None) or [model.layers[-1].name]
    symbolic = model.outputs[0] if isinstance(model, keras.Sequential) else model.output

    def call(values: dict[str, Any]) -> dict[str, Any]:
        given = keras.tree.pack_sequence_as(structure, [values[by_id[key]] for key in order])
        return named(model(given, training=False), output_names, single="output")

    specs = {name: _spec(tensor) for name, tensor in inputs.items()}
    return specs, call, {name: _spec(tensor) for name, tensor in named(symbolic, output_names, single="output").items()}


def _subclassed(
    model: Any, path: Path, shapes: Mapping[str, Sequence[int]], dtypes: Mapping[str, str]
) -> tuple[dict[str, Any], Any, dict[str, Any]]:
    """A model with a `call` of its own: the file tells at most the shapes it was built with."""
    built = getattr(model, "_build_shapes_dict", None) or {}
    if not built and not shapes:
        raise UserError(
            f"model.path: {path} does not say what shapes its inputs have; give them, as in model.inputs: {{input: [64]}}"
        )
    known = {
        name: list(shape)
        for key, structure in built.items()
        for name, shape in _shapes(structure, "input" if len(built) == 1 else key.removesuffix("_shape")).items()
    } or {name: [None, *shape] for name, shape in shapes.items()}
    if unknown := sorted(set(dtypes) - set(known)):
        raise UserError(f"model.input_dtypes: the network has no input {unknown[0]!r}; has: {', '.join(known)}")
    specs = {name: tf.TensorSpec([None, *shape[1:]], dtypes.get(name, "float32"), name=name) for name, shape in known.items()}
    by_argument = len(built) > 1
    by_name = not by_argument and (len(known) > 1 or isinstance(next(iter(built.values()), None), Mapping))

    def call(values: dict[str, Any]) -> dict[str, Any]:
        if by_argument:
            result = model(**values, training=False)
        else:
            result = model(values if by_name else next(iter(values.values())), training=False)
        return named(result, None, single="output")

    return specs, call, traced_outputs(call, specs)


def _shapes(structure: Any, name: str) -> dict[str, Sequence[int | None]]:
    if isinstance(structure, Mapping):
        return {key: shape for part, inner in structure.items() for key, shape in _shapes(inner, str(part)).items()}
    return {name: structure}


def _spec(tensor: Any) -> Any:
    return tf.TensorSpec(tensor.shape, tensor.dtype)


def _of_the_network(model: Any) -> list[Any]:
    """`model.variables` without the states of random generators (and of metrics), which are no weights: Keras draws new seeds
    for them each time a file is loaded."""
    weights = {id(variable) for variable in model.weights}
    return [variable for variable in model.variables if id(variable) in weights]


def _weights(model: Any) -> dict[str, np.ndarray]:
    """Every variable by its path, in the order of `model.variables`; a path that occurs again gets `#2`, `#3` and so on."""
    found: dict[str, np.ndarray] = {}
    for variable in _of_the_network(model):
        count = sum(path.split("#")[0] == variable.path for path in found)
        found[f"{variable.path}#{count + 1}" if count else variable.path] = _array(variable)
    return found


def _array(variable: Any) -> np.ndarray:
    array = np.asarray(variable.numpy())
    # bfloat16 is no dtype of .npz files; float32 holds its values exactly.
    return array.astype(np.float32) if array.dtype.name == "bfloat16" else array
