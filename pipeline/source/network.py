"""A trained network whatever it was saved as: fixing its shapes, exporting it for inference only."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pipeline.errors import REFUSALS, UserError
from pipeline.source import rewrite
from pipeline.source.tensorflow_setup import SIGNATURE, tf

# After pipeline.source.tensorflow_setup, which sets how TensorFlow computes.
from tensorflow.core.protobuf import saved_model_pb2  # isort: skip


@dataclass(frozen=True, kw_only=True)
class Network:
    """A loaded network.

    Attributes:
        inputs: tf.TensorSpec of each input by name, batch first, None where free.
        outputs: the same of each output.
        call: inputs by name to outputs by name, inference only; traced by `export`.
        variables: the tf.Variables that `call` reads, those that the SavedModel must track, in the order of `weights`; none when
            the network is a finished graph.
        weights: the value of every variable by its path; the states of random generators are none.
        layers: path, class and number of parameters of every layer; empty when the file does not tell.
        parameters: how many numbers were trained or measured; the state of random generators is none.
        frozen: of `rewrite.freeze` when the network is a finished graph, whose shapes can only be fixed by rewriting it.
    """

    inputs: dict[str, Any]
    outputs: dict[str, Any]
    call: Callable[[dict[str, Any]], dict[str, Any]]
    variables: Sequence[Any]
    weights: dict[str, np.ndarray]
    layers: list[dict[str, Any]]
    parameters: int
    frozen: Any = None


class Traced(NamedTuple):
    """A network as a graph with fixed shapes.

    Attributes:
        function: the concrete function.
        module: tracks what the function needs when it is saved.
        variables: the tf.Variables that it reads by their path; None when it was rewritten with its weights as constants.
        outputs: tf.TensorSpec of each output by name.
        rewritten: the precisions other than float32 that it was rewritten from.
    """

    function: Any
    module: Any
    variables: dict[str, Any] | None
    outputs: dict[str, Any]
    rewritten: list[str]


def fixed(inputs: Mapping[str, Any], *, shapes: Mapping[str, Sequence[int]], batch: int | None) -> dict[str, Any]:
    """The inputs with every dimension known but the batch, which may stay free.

    Args:
        inputs: tf.TensorSpec by name, batch first.
        shapes: shape of an input without the batch, for those that leave dimensions free.
        batch: of the export; None leaves it free.

    Raises:
        UserError: when a name matches no input, a shape contradicts the network's, a dimension is left free, or the network
            was saved with another batch.
    """
    if unknown := sorted(set(shapes) - set(inputs)):
        raise UserError(f"model.inputs: the network has no input {unknown[0]!r}; has: {', '.join(inputs)}")
    return {name: _fixed(name, spec, shapes.get(name), batch) for name, spec in inputs.items()}


def _fixed(name: str, spec: Any, wanted: Sequence[int] | None, batch: int | None) -> Any:
    if not (spec.dtype.is_floating or spec.dtype.is_integer or spec.dtype.is_bool):
        raise UserError(f"model.path: input {name} is {spec.dtype.name}; a .tflite file takes numbers: export the part after it")
    if spec.shape.rank is None:
        have: list[int | None] = [None, *(wanted or [])]
    else:
        have = list(spec.shape)
    if not have:
        raise UserError(f"model.path: input {name} is a scalar; the first dimension of every input must count samples")
    if have[0] not in (None, batch):
        raise UserError(
            f"model.batch: the network was saved with a batch of {have[0]}, asked for is {batch}; set convert.batch: {have[0]}"
        )
    shape = have[1:]
    if wanted is not None:
        if len(wanted) != len(shape) or any(own not in (None, new) for own, new in zip(shape, wanted, strict=True)):
            raise UserError(
                f"model.inputs.{name}: {list(wanted)} does not fit the network's {shape} (without the batch; None is free)"
            )
        shape = list(wanted)
    if None in shape:
        raise UserError(
            f"model.inputs: input {name} leaves dimensions free: {shape}; fix them in conf/model/, as in "
            f"inputs: {{{name}: {[64 if length is None else length for length in shape]}}}"
        )
    return tf.TensorSpec([batch, *shape], spec.dtype, name=name)


def export(network: Network, folder: Path, *, inputs: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """`trace` and `save`: what the outputs are, and the precisions other than float32 that the network was rewritten from."""
    traced = trace(network, inputs=inputs)
    save(traced, folder)
    return traced.outputs, traced.rewritten


def save(traced: Traced, folder: Path) -> None:
    """Write an inference-only SavedModel with one signature into a folder that does not exist yet: the same bytes each time.

    Raises:
        OSError: when the system does not let it be written, whatever TensorFlow calls that.
    """
    # Inference needs no gradients; those of a SavedModel's own functions (swish) hold captures that cannot be written again.
    options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
    try:
        tf.saved_model.save(traced.module, str(folder), signatures={SIGNATURE: traced.function}, options=options)
    except tf.errors.OpError as error:
        for code in REFUSALS:
            if os.strerror(code) in str(error):
                raise OSError(code, os.strerror(code), str(folder)) from None
        raise
    # Holds a random number to tell exports apart, and checksums which TensorFlow computes where they are missing.
    (folder / "fingerprint.pb").unlink()
    content, file = saved_model_pb2.SavedModel(), folder / "saved_model.pb"
    content.ParseFromString(file.read_bytes())
    for graph in content.meta_graphs:
        _number_interfaces(graph.graph_def.library)
    # Attributes are a map, written in the order of its hash.
    file.write_bytes(content.SerializeToString(deterministic=True))


def _number_interfaces(library: Any) -> None:
    """Keras 2 gives functions that may stand for each other a name in common, such as lstm_UUID: a number does as well.

    TFLiteConverter fuses what begins with lstm_.
    """
    numbers: dict[bytes, int] = {}
    for function in library.function:
        if "api_implements" in function.attr:
            name = function.attr["api_implements"]
            kind, _, _ = name.s.rpartition(b"_")
            name.s = b"%s_%d" % (kind, numbers.setdefault(name.s, len(numbers)))


def trace(network: Network, *, inputs: Mapping[str, Any]) -> Traced:
    """The network as a graph for inference only on these inputs.

    Shapes are fixed here, where the network is traced, because recurrent layers only convert when every shape inside them was
    known at that time. A network that computes in half or double precision is rewritten to float32.

    Args:
        network: as loaded.
        inputs: of `fixed`.

    Raises:
        UserError: when an output has no batch dimension, or the network keeps a state between calls or looks up a table.
    """
    if network.frozen is None:
        concrete = _trace(network.call, inputs)
        _refuse_other_resources(concrete, network.variables)
        foreign = sorted(rewrite.dtypes(concrete) & rewrite.RETYPED)
        frozen, order = (rewrite.freeze(concrete), list(concrete.structured_input_signature[1])) if foreign else (None, [])
    else:
        frozen, order = network.frozen, list(network.inputs)
        foreign = sorted(rewrite.dtypes(frozen) & rewrite.RETYPED)
    module, variables = tf.Module(), None
    if frozen is not None:
        specs = [_float32(inputs[name]) for name in order]
        rewritten = rewrite.reshaped(frozen, specs)
        # Outputs of a traced function are in the order of their names.
        names = sorted(network.outputs)
        module.rewritten = rewritten
        concrete = _trace(
            lambda values: dict(zip(names, rewritten(*(values[name] for name in order)), strict=True)),
            {spec.name: spec for spec in specs},
        )
    else:
        module.network_variables = list(network.variables)
        variables = dict(zip(network.weights, network.variables, strict=True))
    outputs = dict(concrete.structured_outputs)
    batch = next(iter(inputs.values())).shape[0]
    for name, output in outputs.items():
        if output.shape.rank == 0 or (batch is not None and output.shape.rank and output.shape[0] not in (None, batch)):
            raise UserError(
                f"model.path: output {name} has shape {output.shape}; its first dimension must count samples, {batch} of them"
            )
    return Traced(concrete, module, variables, {name: outputs[name] for name in network.outputs}, foreign)


def traced_outputs(call: Callable[[dict[str, Any]], dict[str, Any]], inputs: Mapping[str, Any]) -> dict[str, Any]:
    """tf.TensorSpec of each output by name, for networks whose file does not tell."""
    return dict(_trace(call, inputs).structured_outputs)


def _trace(call: Callable[[dict[str, Any]], dict[str, Any]], inputs: Mapping[str, Any]) -> Any:
    def infer(**values: Any) -> dict[str, Any]:
        return {name: tf.convert_to_tensor(value) for name, value in call(values).items()}

    return tf.function(infer, autograph=False).get_concrete_function(**inputs)


def _refuse_other_resources(concrete: Any, variables: Sequence[Any]) -> None:
    """Resources that are no weights: the state of a stateful recurrent layer, the table of a look-up layer."""
    known = {variable.handle._id for variable in variables}
    if all(outer._id in known for outer, _ in concrete.graph.captures if outer.dtype == tf.resource):
        return
    rewrite.refuse_tables(concrete)
    names = sorted(variable.name.split(":")[0] for variable in concrete.graph.variables if variable.handle._id not in known)
    raise UserError(
        f"model.path: the network keeps a state between calls ({', '.join(names)}), which is no weight, and a .tflite file would "
        "start each from the same; give it to the network as an input, or build recurrent layers with stateful=False"
    )


def in_float32(specs: Mapping[str, Any]) -> dict[str, Any]:
    """The same tf.TensorSpecs with half and double precision replaced by float32."""
    return {name: _float32(spec) for name, spec in specs.items()}


def _float32(spec: Any) -> Any:
    return tf.TensorSpec(spec.shape, tf.float32, name=spec.name) if spec.dtype.name in rewrite.RETYPED else spec


def signature(named: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Name, shape (batch first, None where free; None when the rank is unknown) and dtype of each tensor, in order."""
    return [
        {
            "name": name,
            "shape": None if tensor.shape.rank is None else list(tensor.shape),
            "dtype": tf.as_dtype(tensor.dtype).name,
        }
        for name, tensor in named.items()
    ]
