import xml.etree.ElementTree as ET
from typing import Any

import yaml

from pipeline.reporting import stage_graph
from tests.helpers import ROOT


def own() -> dict[str, list[str]]:
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    variants: list[Any] = list(yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))["variants"].values())
    return stage_graph.edges({name: stage for name, stage in stages.items() if name != "search"}, variants)


def test_the_edges_are_those_dvc_sees() -> None:
    """By hand from dvc.yaml; what a longer way implies is left out: `select` reads the models that `benchmark` read."""
    graph = own()
    assert graph["load"] == ["sample", "convert"]
    assert graph["sample"] == ["reference", "calibrate"]
    assert graph["reference"] == ["verify", "evaluate"]
    assert graph["convert"] == ["calibrate"]
    assert graph["calibrate"] == ["quantize"]
    assert graph["quantize"] == ["predict", "benchmark"]
    assert graph["select"] == ["report", "gate"]
    assert graph["check"] == graph["report"] == graph["gate"] == []


def test_every_stage_is_a_box_right_of_what_it_reads() -> None:
    graph = own()
    root = ET.fromstring(stage_graph.svg(graph, {"predict": 5}))
    space = "{http://www.w3.org/2000/svg}"
    names = [text.text for text in root.iter(f"{space}text")]
    assert names == [f"{name} ×5" if name == "predict" else name for name in graph]
    corner = {name: float(box.attrib["x"]) for name, box in zip(graph, root.iter(f"{space}rect"), strict=True)}
    assert all(corner[name] < corner[other] for name, after in graph.items() for other in after)
    assert len(list(root.iter(f"{space}path"))) == sum(map(len, graph.values()))
    boxes = [(float(box.attrib["x"]), float(box.attrib["y"])) for box in root.iter(f"{space}rect")]
    assert len(set(boxes)) == len(boxes)


def test_user_text_is_escaped() -> None:
    assert "<b>" not in stage_graph.svg({"<b>": []}, {})
