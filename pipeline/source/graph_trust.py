"""What the graphs inside a SavedModel would do beside computing tensors, judged before TensorFlow loads it.

Loading runs some of a graph (initializers of tables, the main operation and the restoring of TensorFlow 1), `reference` runs the
rest.
"""

import contextlib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from google.protobuf import message

from pipeline.errors import UserError
from pipeline.source import allowed_calls
from pipeline.source.tensorflow_setup import tf

# Not public, but the only place that says whether an operator is stateful. After pipeline.source.tensorflow_setup.
from tensorflow.core.framework import variable_pb2  # isort: skip
from tensorflow.core.protobuf import meta_graph_pb2  # isort: skip
from tensorflow.python.framework import op_def_registry  # isort: skip

TRUST = "if you trust its author set model.trust_code: true (--trust-code of audit)"
# Operators that reach outside of the process although TensorFlow calls many of them stateless, by what they do.
_REASONS = {
    "which reads or writes files": "ReadFile WriteFile MatchingFiles .*Reader(V2)? Reader.* LoadAndRemapMatrix "
    "GenerateVocabRemapping ImmutableConst Skipgram RecordInput FixedUnigramCandidateSampler FileSystem.* DecodeProtoV2 "
    "EncodeProto DumpTensor CalibrationStatisticsSaver InitializeTableFromTextFile(V2)? .*Summary(File)?Writer CreateSummary.* "
    "Write.*Summary Save(V2|Slices)? DistributedSave MergeV2Checkpoints Restore(V2|Slice)? DTensorRestoreV2 PrintV2",
    "which reads data of its own or runs a graph hidden in a constant": ".*Dataset.* .*Iterator.* .*Snapshot.+",
    "which calls Python": "(Eager)?PyFunc(Stateless)?",
    "which runs a program that cannot be judged here": "XlaCustomCall.* XlaCallModule XlaLaunch.* MlirPassthroughOp .*TPU.* _.*",
    "which talks to other processes or machines": "Infeed.* Outfeed.* Debug.* Rpc.* Collective.* Nccl.* RemoteCall "
    "(Host)?(Send|Recv) Xla(Send|Recv).* DTensor.*",
    "which ends the process": "Abort",
}
_PATTERNS = {words: re.compile("|".join(f"({pattern})" for pattern in patterns.split())) for words, patterns in _REASONS.items()}
# Operators of checkpoints, which only the two functions of the saver may hold, and the one that reads a vocabulary.
_SAVING = ("Save", "SaveSlices", "SaveV2", "MergeV2Checkpoints")
_RESTORING = ("Restore", "RestoreSlice", "RestoreV2")
_VOCABULARY = ("InitializeTableFromTextFile", "InitializeTableFromTextFileV2")
_OUTSIDE = "which reads or writes files where saving and restoring do not need it"
_NO_ASSET = "which reads a file that is no asset of the folder"
_CALLS = ("PartitionedCall", "StatefulPartitionedCall")


@cache
def reason(operator: str) -> str:
    """Why an operator may not run, in words that follow its name; "" when it may."""
    for words, pattern in _PATTERNS.items():
        if pattern.fullmatch(operator):
            return words
    definition = op_def_registry.get(operator)
    if definition is None:
        return "which TensorFlow does not know"
    if definition.is_stateful and operator not in allowed_calls.STATEFUL_OPERATORS:
        return "which does more than compute"
    return ""


def refuse(path: Path) -> None:
    """Stop before TensorFlow loads a SavedModel that would do more than compute.

    Raises:
        UserError: naming the operator, its node and function; whatever TensorFlow raises for a damaged file.
    """
    content = tf.__internal__.saved_model.parse_saved_model(str(path))
    found = [place for graph in content.meta_graphs for place in places(graph, alone=len(content.meta_graphs) == 1)]
    if found:
        more = f" and {len(found) - 1} more" if len(found) > 1 else ""
        raise UserError(
            f"model.path: {path} holds {found[0]}{more}; it would run while the network is loaded or run; {TRUST}, or export the "
            "network without it"
        )


def places(graph: Any, *, alone: bool) -> list[str]:
    """What a MetaGraphDef holds that may not run, in words.

    Args:
        graph: the MetaGraphDef.
        alone: it is the only one of its SavedModel.
    """
    # TensorFlow runs the functions that the objects name, or, where there are none, the graph itself (load.py: load_partial).
    objects = alone and graph.HasField("object_graph_def")
    calls = _calls(graph, objects=objects)
    found = [
        _words(scope, node, words)
        for scope, nodes in calls.scopes.items()
        for node in nodes.values()
        if (words := _reason_of(node, calls.scopes))
    ]
    found += [f"the asset {name!r}, a file outside of its folder" for name in _asset_names(graph) if not _inside(name)]
    return list(dict.fromkeys(found + (_of_objects(graph, calls) if objects else _of_root(graph, calls))))


def _words(scope: str, node: Any, words: str) -> str:
    return f"the operator {node.op} (node {node.name}{f' of function {scope}' if scope else ''}), {words}"


def _reason_of(node: Any, functions: Collection[str]) -> str:
    """Of one node, without those whose place decides. TensorFlow 1 calls functions as if they were operators."""
    if node.op in (*_SAVING, *_RESTORING, *_VOCABULARY) or (node.op in functions and op_def_registry.get(node.op) is None):
        return ""
    if node.op == "PrintV2":
        stream = node.attr["output_stream"].s
        sound = not stream or re.fullmatch(rb"stdout|stderr|log\(\w+\)", stream)
        return "" if sound else f"which writes to {stream.decode(errors='replace')}"
    return reason(node.op)


def _assets(graph: Any) -> list[Any]:
    assets = list(graph.asset_file_def)
    if not assets and "saved_model_assets" in graph.collection_def:
        for packed in graph.collection_def["saved_model_assets"].any_list.value:
            asset = meta_graph_pb2.AssetFileDef()
            packed.Unpack(asset)
            assets.append(asset)
    return assets


def _asset_names(graph: Any) -> list[str]:
    return [asset.filename for asset in _assets(graph)]


def _inside(name: str) -> bool:
    """Whether the name of an asset stays in the folder of assets."""
    path = PurePosixPath(name.replace("\\", "/"))
    return bool(name) and not path.is_absolute() and ".." not in path.parts and ":" not in name


def _bare(reference: str) -> str:
    """Name of the node or argument that an input refers to."""
    return reference.lstrip("^").split(":")[0]


def _called(node: Any, functions: Collection[str]) -> list[str]:
    """Functions that a node calls, or hands to one that does."""
    found = [node.op] if node.op in functions else []
    todo = list(node.attr.values())
    while todo:
        value = todo.pop()
        kind = value.WhichOneof("value")
        for function in [value.func] if kind == "func" else value.list.func if kind == "list" else []:
            found.append(function.name)
            todo += function.attr.values()
    return found


# A node of the graph itself, or of a function, by its scope ("" is the graph) and name; also an argument of a function.
_Origin = tuple[str, str]
_ASSET = ("", "an asset")


class _Calls(NamedTuple):
    """The graph and the functions of a MetaGraphDef.

    Attributes:
        scopes: nodes by name, of each function by its name, of the graph itself by "".
        arguments: names of each function's arguments.
        callers: scope and node of each call of a function that may run.
        bound: what an argument is where the objects call the function.
    """

    scopes: dict[str, dict[str, Any]]
    arguments: dict[str, list[str]]
    callers: dict[str, list[tuple[str, Any]]]
    bound: dict[_Origin, _Origin]

    def reached(self, nodes: Iterable[Any], functions: Iterable[str] = ()) -> Iterator[tuple[str, Any]]:
        """Scope and node of all that runs when these nodes of the graph and these functions do."""
        todo, seen = list(functions), set()
        for node in nodes:
            yield "", node
            todo += _called(node, self.scopes)
        while todo:
            scope = todo.pop()
            if scope and scope not in seen and scope in self.scopes:
                seen.add(scope)
                for node in self.scopes[scope].values():
                    yield scope, node
                    todo += _called(node, self.scopes)

    def origins(self, scope: str, reference: str, seen: frozenset[_Origin] = frozenset()) -> set[_Origin]:
        """Where a value may come from: nodes, arguments that nothing gives, or `_ASSET`."""
        at = (scope, _bare(reference))
        node = self.scopes[scope].get(at[1])
        if at in seen:
            return set()
        seen |= {at}
        if node is not None:
            return self.origins(scope, node.input[0], seen) if node.op == "Identity" and node.input else {at}
        if at[1] not in self.arguments.get(scope, ()):
            return {at}
        found = {self.bound[at]} if at in self.bound else set()
        position = self.arguments[scope].index(at[1])
        for caller, node in self.callers.get(scope, ()):
            direct = (node.op in _CALLS or node.op == scope) and position < len(node.input)
            found |= self.origins(caller, node.input[position], seen) if direct else {(caller, node.name)}
        return found or {at}


def _calls(graph: Any, *, objects: bool) -> _Calls:
    library = graph.graph_def.library.function
    scopes = {"": {node.name: node for node in graph.graph_def.node}}
    scopes |= {function.signature.name: {node.name: node for node in function.node_def} for function in library}
    arguments = {function.signature.name: [argument.name for argument in function.signature.input_arg] for function in library}
    callers: dict[str, list[tuple[str, Any]]] = {}
    for scope, nodes in scopes.items():
        for node in nodes.values():
            # The graph beside the objects is for other readers.
            for name in _called(node, scopes) if scope or not objects else ():
                callers.setdefault(name, []).append((scope, node))
    return _Calls(scopes, arguments, callers, _bound(graph.object_graph_def, arguments) if objects else {})


def _bound(objects: Any, arguments: Mapping[str, Sequence[str]]) -> dict[_Origin, _Origin]:
    """The arguments of functions that belong to objects: the last ones are objects, the others come from whoever calls it."""
    found: dict[_Origin, _Origin] = {}
    for name, function in objects.concrete_functions.items():
        names, bound = arguments.get(name, ()), list(function.bound_inputs)
        found |= {(name, argument): (name, argument) for argument in names}
        for argument, number in zip(names[len(names) - len(bound) :], bound, strict=True) if len(bound) <= len(names) else ():
            if number < len(objects.nodes) and objects.nodes[number].WhichOneof("kind") == "asset":
                found[name, argument] = _ASSET
    return found


def _of_objects(graph: Any, calls: _Calls) -> list[str]:
    """Of a SavedModel of TensorFlow 2: functions that belong to objects."""
    objects = graph.object_graph_def
    running = set(objects.concrete_functions)
    for entry in objects.nodes:
        kind = entry.WhichOneof("kind")
        if kind == "function":
            running |= set(entry.function.concrete_functions)
        elif kind == "bare_concrete_function":
            running.add(entry.bare_concrete_function.concrete_function_name)
    found = []
    for scope, node in calls.reached((), running):
        if node.op in (*_SAVING, *_RESTORING):
            found.append(_words(scope, node, _OUTSIDE))
        elif node.op in _VOCABULARY and calls.origins(scope, node.input[1]) != {_ASSET}:
            found.append(_words(scope, node, _NO_ASSET))
    return found


def _of_root(graph: Any, calls: _Calls) -> list[str]:
    """Of a SavedModel of TensorFlow 1: one graph, whose nodes are run by name."""
    saver, root = graph.saver_def, calls.scopes[""]
    filename = {("", _bare(saver.filename_tensor_name))}
    assets = {("", _bare(asset.tensor_info.name)) for asset in _assets(graph)}
    restored = list(calls.reached(_closure(root, [saver.restore_op_name])))
    signed = list(calls.reached(_closure(root, _of_signatures(graph))))
    begun = list(calls.reached(_closure(root, _of_collections(graph))))
    found = []
    for scope, node in restored:
        # The name is fed, whatever stands there.
        if node.op in _SAVING or (node.op in _RESTORING and calls.origins(scope, node.input[0]) != filename):
            found.append(_words(scope, node, _OUTSIDE))
    found += [_words(scope, node, _OUTSIDE) for scope, node in signed + begun if node.op in (*_SAVING, *_RESTORING)]
    # The path of an asset is fed where tables are initialized, and nowhere else.
    found += [_words(scope, node, _NO_ASSET) for scope, node in restored + signed if node.op in _VOCABULARY]
    for scope, node in calls.reached(root.values()):
        if node.op in _VOCABULARY and not calls.origins(scope, node.input[1]) <= assets:
            found.append(_words(scope, node, _NO_ASSET))
    return found


def _closure(nodes: Mapping[str, Any], names: Iterable[str]) -> list[Any]:
    """Nodes of the graph that these depend on, themselves included."""
    found: dict[str, Any] = {}
    todo = [_bare(name) for name in names]
    while todo:
        name = todo.pop()
        if name not in found and name in nodes:
            found[name] = nodes[name]
            todo += [_bare(entry) for entry in nodes[name].input]
    return list(found.values())


def _of_signatures(graph: Any) -> Iterator[str]:
    """Tensors that running a signature computes."""
    for key, signature in graph.signature_def.items():
        for tensor in signature.outputs.values() if not key.startswith("__") else ():
            sparse = tensor.coo_sparse
            yield from (tensor.name, sparse.values_tensor_name, sparse.indices_tensor_name, sparse.dense_shape_tensor_name)
            yield from (component.name for component in tensor.composite_tensor.components)


def _of_collections(graph: Any) -> Iterator[str]:
    """Operations that loading runs: the main one, and initializers of tables and variables."""
    for key, signature in graph.signature_def.items():
        yield from (tensor.name for tensor in signature.outputs.values() if key.startswith("__"))
    for collection in graph.collection_def.values():
        yield from collection.node_list.value
        for packed in collection.bytes_list.value:
            variable = variable_pb2.VariableDef()
            with contextlib.suppress(message.DecodeError):  # other things are packed, too
                variable.ParseFromString(packed)
                yield from (variable.initializer_name, variable.initial_value_name, variable.snapshot_name)
