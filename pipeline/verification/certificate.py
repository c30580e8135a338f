"""The certificate: is a .tflite file the network it was made from? Everything that can be said without running it.

Three links are followed. The constants of the float32 file are recomputed from the network's variables; the file in question
is laid beside the float32 file, operator by operator; and its constants are compared in its own format.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.quantization.schemes import Scheme
from pipeline.tflite import flatbuffer, macs, operators
from pipeline.tflite.flatbuffer import Graph
from pipeline.verification import activation_scales, architecture, constant_folding, constant_origin, graph_alignment, stored_values
from pipeline.verification.graph_alignment import Place

# From worst to best: what a parameter counts as when several operators hold it.
_ORDER = ("rewritten", "quantized", "cast", "folded", "exact")
# Algorithms that write other weights than the nearest codes, to make up for errors elsewhere: nothing but the outputs can judge
# them. Those that also turn or scale the data put operators in front.
_REWRITING = frozenset(("gptq", "oscar", "hadamard", "hadamard_decomposed"))
_ADDING = _REWRITING - {"gptq"}
_WIDER = {"int4": ("int8",), "any": ("int4", "int8", "float16")}


@dataclass(frozen=True, kw_only=True)
class Source:
    """The network: its graph and constants (`graphdef.read`), variables by path, layers and signature (models/source.json).

    `numbered`: Keras 3 made the names of its operations (`layers.scope`).
    """

    graph: Mapping[str, Any]
    constants: Mapping[str, np.ndarray]
    weights: Mapping[str, np.ndarray]
    layers: Sequence[Mapping[str, Any]]
    signature: Mapping[str, Any]
    numbered: bool


@dataclass(frozen=True, kw_only=True)
class Proof:
    """The first link, which is the same for every variant: the float32 file explained by the network."""

    graph: Graph
    rows: list[constant_origin.Row]
    mapped: architecture.Map
    layers: list[dict[str, Any]]
    faults: list[architecture.Fault]


def prove(source: Source, float32: bytes) -> Proof:
    """Explain the float32 file by the network.

    Args:
        source: the network.
        float32: a file without quantization, made from the network.
    """
    graph = flatbuffer.read(float32)
    known = constant_folding.evaluate(source.graph["nodes"], source.constants, _single(source.weights))
    rows = constant_origin.account(
        graph, constant_folding.linears(source.graph["nodes"], known), constant_folding.operands(source.graph["nodes"], known)
    )
    mapped = architecture.identify(graph, source.graph, [layer["path"] for layer in source.layers], rows, numbered=source.numbered)
    constant = {reference.split(":")[0] for reference in known}
    return Proof(
        graph=graph,
        rows=rows,
        mapped=mapped,
        layers=architecture.table(graph, source.graph, source.layers, mapped, constant),
        faults=architecture.check(graph, source.graph, mapped),
    )


def _single(variables: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The variables as the exported network computes with them: half and double precision was rewritten to float32."""
    return {path: value.astype(np.float32) if value.dtype.kind == "f" else value for path, value in variables.items()}


def certify(
    source: Source,
    proof: Proof,
    model: bytes,
    *,
    scheme: Scheme | None,
    io_dtype: str | None,
    algorithm: str | None,
    measured: Mapping[str, activation_scales.Ranges] | None = None,
) -> dict[str, Any]:
    """The certificate of one file.

    Args:
        source: the network.
        proof: of `prove`.
        model: the file in question.
        scheme: what the file is meant to be; None: not said, and so not checked.
        io_dtype: dtype of inputs and outputs it is meant to have; None: not said.
        algorithm: how its scales were chosen; None: not said, then "min_max" when most of the scales say so themselves.
        measured: `bits` of models/ranges.json, of which the scales of its activations were made; None: not known, and so not
            compared.

    Returns:
        `summary` in one sentence, `passed`, `checks` (as in `verdict`), `faults` (`check`, `layers`, `tensor`, `reason`), and the
        tables behind them: `parameters`, `variables`, `tensors`, `layers`, `signature`, `operators`, `macs`, `format`.
    """
    found = flatbuffer.read(model)
    aligned = graph_alignment.align(proof.graph, found)
    tensors, faults = _tensors(proof, found, aligned, algorithm)
    faults += [_fault("architecture", fault.layers, _tensor_name(proof.graph, fault.place), fault.reason) for fault in proof.faults]
    faults += [
        _difference(difference, proof, found, aligned)
        for difference in aligned.differences
        if not (algorithm in _ADDING and difference.expected is None)
    ]
    layers = _layers(proof, aligned)
    faults += [_fault("layers", (row["path"],), None, row["reason"]) for row in layers if not row["passed"]]
    behind = {theirs: ours for ours, theirs in aligned.operators.items()}
    faults += [
        _fault("scales", proof.mapped.layers.get(behind.get(place, place), ()), _tensor_name(found, place), reason)
        for place, reason in stored_values.relations(found)
    ]
    if measured is not None:
        faults += [
            _fault("scales", () if place is None else proof.mapped.layers.get(behind.get(place, place), ()), tensor, reason)
            for place, tensor, reason in activation_scales.unexplained(proof.graph, found, aligned.tensors, measured)
        ]
    rule, off = _scales(proof, found, aligned, algorithm)
    faults += off
    signature = architecture.signature(found, source.signature)
    faults += [
        _fault("signature", (), None, f"{row['what']}: found {row['found']}, expected {row['expected']}")
        for row in signature
        if not row["passed"]
    ]
    form = _format(found, scheme, io_dtype)
    faults += [_fault("format", (), row["tensor"], row["reason"]) for row in form if not row["passed"]]
    variables, parameters = _variables(source, tensors)
    checks = _checks(parameters, tensors, layers, faults)
    compared = [row for row in tensors if row["kind"] != "rewritten"]
    steps = [row["steps"] for row in compared if row["steps"] is not None and row["bits"] <= 16]
    return {
        "summary": _sentence(parameters, steps, absent=_absent(source)),
        "passed": all(row["passed"] for row in checks),
        "checks": checks,
        "faults": faults,
        "parameters": parameters | {"worst_step": max(steps, default=None), "scales": rule},
        "variables": variables,
        "tensors": tensors,
        "layers": layers,
        "signature": signature,
        "operators": {"float32": architecture.histogram(proof.graph), "file": architecture.histogram(found)},
        "macs": {"float32": sum(macs.macs(proof.graph).values()), "file": sum(macs.macs(found).values())},
        "format": _dtypes(found),
        "float_operators": _left_in_float(found, proof, behind),
    }


def _fault(check: str, layers: Sequence[str], tensor: str | None, reason: str) -> dict[str, Any]:
    return {"check": check, "layers": list(layers), "tensor": tensor, "reason": reason}


def _tensor_name(graph: Graph, place: Place | None) -> str | None:
    if place is None:
        return None
    subgraph = graph.subgraphs[place[0]]
    outputs = subgraph.operators[place[1]].outputs
    return subgraph.tensors[outputs[0]].name if outputs else None


def _tensors(
    proof: Proof, found: Graph, aligned: graph_alignment.Alignment, algorithm: str | None
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """A row for each constant of the float32 file as its operators read it, and the faults among them."""
    rows, faults = [], []
    for row in proof.rows:
        place = (row.subgraph, row.operator)
        layers = proof.mapped.layers.get(place, [])
        expected = proof.graph.subgraphs[row.subgraph].tensors[
            proof.graph.subgraphs[row.subgraph].operators[row.operator].inputs[row.input]
        ]
        entry: dict[str, Any] = {
            "operator": row.type,
            "input": row.input,
            "layers": layers,
            "variables": row.variables,
            "elements": row.elements,
            "transformation": row.transformation,
            "kind": row.kind,
            "expected_tensor": row.tensor,
        }
        at = aligned.constants.get((row.subgraph, row.operator, row.input))
        if at is None:
            entry |= {"tensor": None, "passed": False, "reason": "the file's operators differ: no constant stands in its place"}
            entry |= dict.fromkeys(("dtype", "steps", "clipped", "rule", "max_error", "relative", "sqnr_db")) | {"bits": 0}
        else:
            tensor = found.subgraphs[at[0]].tensors[at[1]]
            check = stored_values.compare(flatbuffer.values(expected), tensor)
            entry |= {
                "tensor": tensor.name,
                "dtype": check.dtype,
                "bits": int("".join(filter(str.isdigit, check.dtype)) or 0),
                "steps": check.steps,
                "clipped": check.clipped,
                "rule": check.rule,
                # Of the whole way from the network's variables.
                "max_error": max(check.max_error, row.max_error or 0.0),
                "relative": check.relative,
                "sqnr_db": check.sqnr_db,
                "passed": row.passed and check.passed,
                "reason": row.reason
                if not row.passed
                else check.reason
                if check.how != stored_values.EQUAL or not check.passed
                else row.reason,
            }
            if check.how != stored_values.EQUAL and row.kind != constant_origin.CONVERTER:
                word = {stored_values.CAST: f"cast to {check.dtype}", stored_values.QUANTIZED: f"quantized to {check.dtype}"}[
                    check.how
                ]
                entry["transformation"] = f"{row.transformation}, {word}"
                entry["kind"] = {stored_values.CAST: "cast", stored_values.QUANTIZED: "quantized"}[check.how]
            if algorithm in _REWRITING and row.passed and not check.passed and check.how == stored_values.QUANTIZED:
                entry |= {"kind": "rewritten", "passed": True, "reason": f"rewritten by {algorithm}: the outputs judge it"}
        entry["kind"] = "exact" if entry["kind"] == constant_origin.LAYOUT else entry["kind"]
        rows.append(entry)
        if not entry["passed"]:
            faults.append(
                _fault("weights", layers, entry["tensor"] or row.tensor, f"{row.type} input {row.input}: {entry['reason']}")
            )
    return rows, faults


def _difference(
    difference: graph_alignment.Difference, proof: Proof, found: Graph, aligned: graph_alignment.Alignment
) -> dict[str, Any]:
    """A difference between the two files, with the layers of the operator it concerns or of its neighbours."""
    place = difference.expected
    if place is None and difference.found is not None:
        # An operator that was added: name the layers of the operators that read from it.
        subgraph = found.subgraphs[difference.found[0]]
        outputs = set(subgraph.operators[difference.found[1]].outputs)
        readers = {
            ours
            for ours, theirs in aligned.operators.items()
            if outputs & set(found.subgraphs[theirs[0]].operators[theirs[1]].inputs)
        }
        layers = [layer for ours in sorted(readers) for layer in proof.mapped.layers.get(ours, ())]
        return _fault("architecture", list(dict.fromkeys(layers)), _tensor_name(found, difference.found), difference.reason)
    layers = proof.mapped.layers.get(place, []) if place is not None else []
    return _fault("architecture", layers, _tensor_name(proof.graph, place), difference.reason)


def _layers(proof: Proof, aligned: graph_alignment.Alignment) -> list[dict[str, Any]]:
    """The layers' table with the operators of the file in question."""
    missing = {difference.expected: difference.reason for difference in aligned.differences if difference.expected is not None}
    rows = []
    for row in proof.layers:
        lost = [place for place in row["operators"] if place not in aligned.operators]
        carried = [list(aligned.operators[place]) for place in row["operators"] if place in aligned.operators]
        entry = {**row, "operators": carried}
        if lost and row["passed"]:
            entry |= {"passed": False, "how": "missing", "reason": missing.get(lost[0], "an operator of it was not found")}
        rows.append(entry)
    return rows


def _scales(
    proof: Proof, found: Graph, aligned: graph_alignment.Alignment, algorithm: str | None
) -> tuple[str | None, list[dict[str, Any]]]:
    """Do the scales of quantized kernels follow from the weights by min/max?"""
    kernels = []
    for (number, index, place), (subgraph, tensor) in aligned.constants.items():
        operator = proof.graph.subgraphs[number].operators[index]
        quantized = found.subgraphs[subgraph].tensors[tensor]
        if (
            operator.name in stored_values.KERNELS
            and stored_values.KERNELS[operator.name][0] == place
            and quantized.scales is not None
        ):
            expected = proof.graph.subgraphs[number].tensors[operator.inputs[place]]
            if expected.shape == quantized.shape and expected.dtype == "float32":
                kernels.append(((number, index), quantized, *stored_values.kernel_scales(quantized, flatbuffer.values(expected))))
    if not kernels:
        return None, []
    ratios = np.concatenate([ratio for *_, ratio in kernels])
    known = ratios[~np.isnan(ratios)]
    follows = algorithm == "min_max" or (algorithm is None and known.size > 0 and np.mean(np.abs(known - 1) < 1e-2) > 0.5)
    if not follows:
        return algorithm or "other", []
    faults = []
    for at, weight, kind, ratio in kernels:
        if kind != "symmetric":
            worst = int(np.nanargmax(np.abs(ratio - 1)))
            reason = f"scale {worst} of the kernel is {ratio[worst]:.6g} times what its largest weight asks for"
            faults.append(_fault("scales", proof.mapped.layers.get(at, []), weight.name, reason))
    return "min_max", faults


def _format(found: Graph, scheme: Scheme | None, io_dtype: str | None) -> list[dict[str, Any]]:
    """Is the file what its name says: dtypes of weights, activations, inputs and outputs."""
    rows = []
    ends = {*found.inputs.values(), *found.outputs.values()}
    if io_dtype is not None:
        for name, number in {**found.inputs, **found.outputs}.items():
            dtype = found.tensors[number].dtype
            # Integer inputs such as tokens have no real units and keep their dtype.
            if dtype != io_dtype and (dtype in ("float32", "float16") or found.tensors[number].scales is not None):
                rows.append(_row(found.tensors[number].name, f"{name} is {dtype}; the variant says {io_dtype}"))
    if scheme is None:
        return rows
    # What has no int4 kernel gets an int8 one, and a search may choose any.
    allowed = {scheme.weights, "float32", *_WIDER.get(scheme.weights, ())}
    for number, subgraph in enumerate(found.subgraphs):
        for operator in subgraph.operators:
            if operator.name in stored_values.KERNELS:
                at = stored_values.KERNELS[operator.name][0]
                kernel = subgraph.tensors[operator.inputs[at]]
                if kernel.data is not None and kernel.dtype not in allowed:
                    rows.append(_row(kernel.name, f"weights are {kernel.dtype}; the variant says {scheme.weights}"))
        strict = scheme.integer_only and io_dtype in ("int8", "int16")
        for operator in subgraph.operators:
            # An operator without a kernel that the engine cannot quantize may stay in float; one with a kernel may not.
            if strict and operator.name in stored_values.KERNELS:
                data = subgraph.tensors[operator.inputs[stored_values.KERNELS[operator.name][2]]]
                if data.dtype.startswith("float"):
                    rows.append(
                        _row(
                            subgraph.tensors[operator.outputs[0]].name,
                            f"{operator.name} computes in {data.dtype}; the variant says integers",
                        )
                    )
        for index, tensor in enumerate(subgraph.tensors):
            inside = number != found.main or index not in ends
            if scheme.activations == "float32" and inside and tensor.data is None and tensor.scales is not None:
                rows.append(_row(tensor.name, f"an activation is {tensor.dtype}; the variant says float32"))
            elif scheme.weights in ("float32", "float16") and tensor.data is not None and tensor.scales is not None:
                rows.append(_row(tensor.name, f"is quantized to {tensor.dtype}; the variant says {scheme.weights}"))
    return rows


def _left_in_float(found: Graph, proof: Proof, behind: Mapping[Place, Place]) -> list[dict[str, Any]]:
    """Operators that compute in float between integers: the engine knows no integer kernel for them."""
    rows = []
    for number, subgraph in enumerate(found.subgraphs):
        integers = any(tensor.scales is not None and tensor.data is None for tensor in subgraph.tensors)
        for index, operator in enumerate(subgraph.operators):
            dtypes = {subgraph.tensors[output].dtype for output in operator.outputs}
            if integers and dtypes & {"float32", "float16"} and operator.name not in operators.CONVERSIONS:
                layers = proof.mapped.layers.get(behind.get((number, index), (-1, -1)), [])
                rows.append({"operator": operator.name, "layers": layers})
    return rows


def _row(tensor: str, reason: str) -> dict[str, Any]:
    return {"tensor": tensor, "reason": reason, "passed": False}


def _dtypes(graph: Graph) -> dict[str, Any]:
    """What the file holds: entries of constants and number of activations by dtype, and the dtype of each input and output."""
    stored: dict[str, int] = {}
    between: dict[str, int] = {}
    for subgraph in graph.subgraphs:
        for tensor in subgraph.tensors:
            if tensor.data is not None:
                stored[tensor.dtype] = stored.get(tensor.dtype, 0) + int(np.prod(tensor.shape, dtype=np.int64))
            else:
                between[tensor.dtype] = between.get(tensor.dtype, 0) + 1
    ends = {name: graph.tensors[number].dtype for name, number in {**graph.inputs, **graph.outputs}.items()}
    return {
        "constants": dict(sorted(stored.items())),
        "activations": dict(sorted(between.items())),
        "io_dtypes": dict(sorted(ends.items())),
    }


def _variables(source: Source, tensors: Sequence[Mapping[str, Any]]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """A row for each variable of the network, and how many parameters count as what."""
    read = {node["path"] for node in source.graph["nodes"] if node["op"] == "Variable"}
    holders: dict[str, list[Mapping[str, Any]]] = {}
    for tensor in tensors:
        for variable in tensor["variables"]:
            holders.setdefault(variable, []).append(tensor)
    rows = []
    for path, array in source.weights.items():
        held = holders.get(path, [])
        row: dict[str, Any] = {"path": path, "parameters": int(array.size)}
        if path not in read:
            row |= {"status": "absent", "passed": True, "reason": _absent(source), "tensors": []}
        elif not held and not np.any(array) and _only_added(path, source.graph["nodes"]):
            row |= {"status": "exact", "passed": True, "reason": "zeros that are only added: left out", "tensors": []}
        elif not held:
            row |= {"status": "missing", "passed": False, "reason": "no constant of the file comes from it", "tensors": []}
        else:
            wrong = [entry for entry in held if not entry["passed"]]
            kinds = {"exact" if entry["kind"] == constant_origin.CONVERTER else entry["kind"] for entry in held}
            status = "wrong" if wrong else next(kind for kind in _ORDER if kind in kinds)
            reason = wrong[0]["reason"] if wrong else ", ".join(dict.fromkeys(entry["transformation"] for entry in held))
            names = dict.fromkeys(entry["tensor"] or entry["expected_tensor"] for entry in held)
            row |= {"status": status, "passed": not wrong, "reason": reason, "tensors": list(names)}
        rows.append(row)
    counts = {
        kind: sum(row["parameters"] for row in rows if row["status"] == kind)
        for kind in (*_ORDER[::-1], "absent", "missing", "wrong")
    }
    total = sum(row["parameters"] for row in rows)
    accounted = total - counts["missing"] - counts["wrong"]
    return rows, {"total": total, "accounted": accounted, "share": accounted / total if total else 1.0, **counts}


def _absent(source: Source) -> str:
    """Why the exported graph does not read a variable."""
    return "unused, or folded when the network was rewritten" if source.graph["frozen"] else "not used at inference"


def _only_added(path: str, nodes: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a variable does nothing but be added, possibly in another shape."""
    names = {node["name"] for node in nodes if node.get("path") == path}
    added = False
    for node in nodes:  # behind what they read
        if any(reference.split(":")[0] in names for reference in node["inputs"]):
            if node["op"] in ("Reshape", "ExpandDims", "Squeeze", "Cast", "BroadcastTo"):
                names.add(node["name"])
            elif node["op"] in ("Add", "AddV2", "BiasAdd"):
                added = True
            else:
                return False
    return added


def _sentence(parameters: Mapping[str, Any], steps: Sequence[float], *, absent: str) -> str:
    parts = [f"{parameters[kind]:,} {kind}" for kind in ("exact", "folded", "cast") if parameters[kind]]
    if parameters["rewritten"]:
        parts.append(f"{parameters['rewritten']:,} rewritten by the algorithm and not compared")
    if parameters["quantized"]:
        parts.append(f"{parameters['quantized']:,} quantized" + (f" (worst {max(steps):.2f} step)" if steps else ""))
    if parameters["absent"]:
        parts.append(f"{parameters['absent']:,} {absent}")
    lost = parameters["missing"] + parameters["wrong"]
    if lost:
        parts.append(f"{lost:,} not accounted for")
    return (
        f"{parameters['accounted']:,} of {parameters['total']:,} parameters accounted for: {', '.join(parts) or 'there are none'}"
    )


def _checks(
    parameters: Mapping[str, Any],
    tensors: Sequence[Mapping[str, Any]],
    layers: Sequence[Mapping[str, Any]],
    faults: Sequence[Mapping[str, Any]],
) -> list[dict[str, Any]]:
    def first(*kinds: str) -> str | None:
        found = [fault for fault in faults if fault["check"] in kinds]
        if not found:
            return None
        fault = found[0]
        where = ", ".join(fault["layers"]) or fault["tensor"] or "the file"
        return f"{where}: {fault['reason']}" + (f" (and {len(found) - 1} more)" if len(found) > 1 else "")

    def row(name: str, value: float, limit: float, reason: str, *, most: bool) -> dict[str, Any]:
        passed = value <= limit if most else value >= limit
        return {
            "name": name,
            "output": "",
            "value": value,
            "limit": limit,
            "bound": "at most" if most else "at least",
            "passed": passed,
            "reason": reason,
        }

    def none(name: str, number: int, kind: str, fine: str) -> dict[str, Any]:
        return row(name, float(number), 0.0, first(kind) or fine, most=True)

    count = {kind: sum(fault["check"] == kind for fault in faults) for kind in ("architecture", "scales", "signature", "format")}
    bad = sum(not entry["passed"] for entry in tensors)
    gone = sum(not entry["passed"] for entry in layers)
    return [
        row("parameters", parameters["share"], 1.0, first("weights") or "every parameter is accounted for", most=False),
        none("constants", bad, "weights", f"all {len(tensors)} constants are explained"),
        none("layers", gone, "layers", f"all {len(layers)} layers are present, fused, or not needed at inference"),
        none("architecture", count["architecture"], "architecture", "the same operators, options and connections"),
        none("scales", count["scales"], "scales", "scales and zero points follow from each other"),
        none("signature", count["signature"], "signature", "names, order and shapes of inputs and outputs"),
        none("format", count["format"], "format", "dtypes are those of the variant"),
    ]
