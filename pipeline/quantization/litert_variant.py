"""One variant of the engine `litert`, from the float32 file to the finished one and the outcome of each operator."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from pipeline.errors import Impossible, UserError
from pipeline.quantization import operator_plan, quantizer, recipes, remedies, result, schemes
from pipeline.quantization.quantization_report import Operator, QuantizationReport, Settings
from pipeline.tflite import control_flow, flatbuffer, operators
from pipeline.tflite.flatbuffer import Graph


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is to be made.

    Attributes:
        variant: its name.
        settings: as they are configured.
        layers: of each operator, by the name of its first output tensor.
        exclude: operators that stay in float32, by the same name.
        recipe: that a search found; None: the scheme's own.
        ranges: measured, under "8" and "16"; where the scheme needs them.
        infinite: tensors that have none (`operator_plan.ranges`).
        samples: inputs by name, with a batch dimension; where the algorithm reads them.
    """

    variant: str
    settings: Settings
    layers: Mapping[str, Sequence[str]]
    exclude: Collection[str] = ()
    recipe: recipes.Recipe | None = None
    ranges: Mapping[str, Mapping[str, tuple[float, float]]] | None = None
    infinite: Collection[str] = ()
    samples: Iterable[Mapping[str, np.ndarray]] = field(default_factory=list)


def make(model: bytes, request: Request) -> tuple[bytes, QuantizationReport]:
    """The file, and what became of each operator.

    Args:
        model: the float32 .tflite file.
        request: with a quantizing scheme.

    Raises:
        Impossible: when there is no such file of this network; with the operators whose exclusion makes one, where it was tried
            and does.
        UserError: when what is excluded leaves nothing of the variant.
    """
    graph = flatbuffer.read(model)
    if schemes.SCHEMES["litert"][request.settings.scheme].activations not in ("float32", "any"):
        control_flow.refuse(graph, scheme=request.settings.scheme)
    try:
        return _made(model, graph, request)
    except Impossible as error:
        # A search chose the recipe; and where an operator is named already, so is what to do.
        if request.recipe is not None or error.places:
            raise
        first = error  # a name that lives on
    found = _cure(model, graph, request, first)
    raise first if found is None else found


def _made(model: bytes, graph: Graph, request: Request) -> tuple[bytes, QuantizationReport]:
    settings = request.settings
    asked: dict[str, Any] = {"scheme": settings.scheme, "algorithm": settings.algorithm, "granularity": settings.granularity}
    recipe = request.recipe
    if recipe is None:
        asked["exclude"] = request.exclude
        recipe = recipes.whole(graph, **asked, io_dtype=settings.io_dtype)
    rows = operator_plan.describe(graph, recipe, **asked)
    known = None
    if request.ranges is not None:
        known = quantizer.ranges_as_statistics(operator_plan.ranges(graph, rows, request.ranges, infinite=request.infinite))
    elif schemes.calibration(settings.engine, settings.scheme, settings.algorithm) == schemes.SAMPLES:
        known = quantizer.statistics(model, request.samples, recipe=recipe, signature=graph.signature)
    made = quantizer.quantize(model, recipe, known=known)
    outcome = [Operator(**vars(row), layers=list(request.layers[row.tensor])) for row in rows]
    return made, result.checked(made, outcome, variant=request.variant, settings=settings, original=graph)


def _cure(model: bytes, graph: Graph, request: Request, first: Impossible) -> Impossible | None:
    """The same refusal with the operators that cause it and the `exclude` that helps, which was tried; None when no one type does.

    Where the network has operators of that type which are no trouble, the places are those without which the file can be made.
    """

    def works(exclude: Collection[str], io_dtype: str) -> bool:
        settings = msgspec.structs.replace(request.settings, exclude=["tried"], io_dtype=io_dtype)
        tried = Request(**{**vars(request), "exclude": {*request.exclude, *exclude}, "settings": settings})
        try:
            _made(model, graph, tried)
        except UserError:
            return False
        return True

    named = {index: graph.tensors[operator.outputs[0]].name for index, operator in enumerate(graph.operators)}
    kinds = {operator.name for operator in graph.operators if operator.name in operators.QUANTIZABLE}
    for kind in sorted(kinds, key=lambda kind: (sum(operator.name == kind for operator in graph.operators), kind)):
        places = [named[index] for index, operator in enumerate(graph.operators) if operator.name == kind]
        for io_dtype in dict.fromkeys((request.settings.io_dtype, "float32")):
            if not works(places, io_dtype):
                continue
            alone = [place for place in places if works([place], io_dtype)]
            return Impossible(
                first.happened,
                remedies.exclude([kind], variant=request.variant, settings=request.settings, io_dtype=io_dtype),
                tuple((kind, place) for place in alone or places),
            )
    return None
