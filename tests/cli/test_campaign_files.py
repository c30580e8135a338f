"""The files of the campaign."""

from collections.abc import Callable

from pipeline.cli import campaign_files
from pipeline.cli.campaign_files import File
from pipeline.runtime import interpreter
from pipeline.tflite import flatbuffer


def test_both_engines_and_files_of_others_are_there(files: Callable[[str], list[File]]) -> None:
    found = files("dense")
    assert {file.engine for file in found} == {"litert", "converter", "foreign"}
    assert {"float32", "float16", "static_wi8_ai8"} <= {file.scheme for file in found}


def test_every_file_runs(files: Callable[[str], list[File]]) -> None:
    for file in files("dense"):
        interpreter.opened(file.content, delegate=True)


def test_renamed_and_unsigned_change_the_names_alone(files: Callable[[str], list[File]]) -> None:
    model = files("dense")[0].network.float32
    graph = flatbuffer.read(model)
    other = flatbuffer.read(campaign_files.renamed(model))
    assert list(other.outputs) == [f"output_{number}" for number in range(len(graph.outputs))]
    unsigned = flatbuffer.read(campaign_files.unsigned(model))
    assert sorted(unsigned.outputs.values()) == sorted(other.outputs.values()) == sorted(graph.outputs.values())
    assert [operator.name for operator in unsigned.operators] == [operator.name for operator in graph.operators]
