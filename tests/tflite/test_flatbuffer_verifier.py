import pickle
import random
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import flatbuffers
import pytest
from ai_edge_litert import schema_py_generated as schema

from pipeline import paths
from pipeline.tflite import flatbuffer, flatbuffer_verifier
from tests import mutants

# In a process of its own: LiteRT may end it.
_LITERT = """
import pickle, sys
from ai_edge_litert.interpreter import Interpreter
answers = []
for model in pickle.load(sys.stdin.buffer):
    try:
        Interpreter(model_content=model, num_threads=1)
        answers.append("")
    except ValueError as error:
        answers.append(str(error))
sys.stderr.write("ANSWERS" + repr(answers))
"""


def refused_by_litert(models: list[bytes]) -> list[bool]:
    """Whether LiteRT's own verifier refuses each file."""
    done = subprocess.run([sys.executable, "-c", _LITERT], input=pickle.dumps(models), capture_output=True, check=True)
    answers: list[str] = eval(done.stderr.decode().partition("ANSWERS")[2])
    return ["not a valid Flatbuffer" in answer or "model identifier" in answer for answer in answers]


def refuses(model: bytes) -> bool:
    try:
        flatbuffer_verifier.verify(model)
    except ValueError:
        return True
    return False


@pytest.mark.parametrize("count", [600, pytest.param(20_000, marks=pytest.mark.slow)])
def test_says_what_the_verifier_of_litert_says(finished: Path, count: int) -> None:
    draw = random.Random(count)
    sound = [(finished / paths.variant_model(variant)).read_bytes() for variant in ("int8", "float16", "dynamic_int8")]
    models = [*sound, *(mutants.damaged(draw.choice(sound), draw)[1] for _ in range(count))]
    ours, theirs = [refuses(model) for model in models], refused_by_litert(models)
    assert ours == theirs
    assert Counter(ours)[True] > count / 4
    assert not any(ours[: len(sound)])


def test_a_file_cut_off_anywhere_is_refused(finished: Path) -> None:
    model = (finished / paths.variant_model("int8")).read_bytes()
    for length in range(0, len(model), 251):
        with pytest.raises(ValueError, match=r"^(the file is damaged|not a \.tflite file).*$"):
            flatbuffer.read(model[:length])


def test_every_field_of_the_schema_is_known() -> None:
    tables = [name for name, value in vars(schema).items() if hasattr(value, "GetRootAs")]
    assert len(tables) > 150
    for name in tables:
        ours = {field.name[0].lower() + field.name[1:] for field in flatbuffer_verifier._fields(name)}
        assert ours == set(vars(getattr(schema, f"{name}T")())), name


def test_every_union_of_the_schema_is_known() -> None:
    creators = {name.removesuffix("Creator") for name in vars(schema) if name.endswith("Creator")}
    assert set(flatbuffer_verifier._UNIONS.values()) == creators


def test_a_table_that_is_pointed_to_from_everywhere_is_refused() -> None:
    """A small file can hold so many tables that reading them has no end."""
    builder = flatbuffers.Builder(1 << 16)
    schema.OperatorStart(builder)
    operator = schema.OperatorEnd(builder)
    operators = _pointers(builder, operator, 1100)
    schema.SubGraphStart(builder)
    schema.SubGraphAddOperators(builder, operators)
    subgraphs = _pointers(builder, schema.SubGraphEnd(builder), 1100)
    schema.ModelStart(builder)
    schema.ModelAddSubgraphs(builder, subgraphs)
    builder.Finish(schema.ModelEnd(builder), b"TFL3")
    model = bytes(builder.Output())
    assert len(model) < 10_000
    with pytest.raises(ValueError, match="more than a million tables"):
        flatbuffer_verifier.verify(model)
    assert refused_by_litert([model]) == [True]


def _pointers(builder: flatbuffers.Builder, target: int, count: int) -> int:
    builder.StartVector(4, count, 4)
    for _ in range(count):
        builder.PrependUOffsetTRelative(target)
    return int(builder.EndVector())


def test_the_message_names_the_place(finished: Path) -> None:
    model = (finished / paths.variant_model("int8")).read_bytes()
    with pytest.raises(ValueError, match=re.escape("lies outside its 1,000 bytes")):
        flatbuffer_verifier.verify(model[:1000])
