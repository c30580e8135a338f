"""`audit` on files that this pipeline did not make: sound ones pass, each with a broken twin that does not."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from pipeline.cli import audit, audit_network, audit_text
from pipeline.equivalence import conversion_record
from pipeline.errors import UserError
from pipeline.tflite import flatbuffer
from pipeline.verification import end_matching
from tests import certified, faults, foreign
from tests.helpers import ROOT, published

DIGITS = ROOT / "models" / "digits_cnn.keras"
CONVERTERS = ROOT / "tests" / "data" / "converters"

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras saving a model


@pytest.fixture(scope="module")
def digits() -> Any:
    return keras.models.load_model(DIGITS, compile=False)


def judged(model: Path, content: bytes, folder: Path, **options: Any) -> dict[str, Any]:
    (folder / "file.tflite").write_bytes(content)
    return audit.audit(model, folder / "file.tflite", **options)


def reasons(report: dict[str, Any]) -> list[str]:
    return [fault["reason"] for fault in report["certificate"]["faults"]]


# What is exported first is converted alike.
TUTORIALS = [("from_keras", kind) for kind in foreign.KINDS]
TUTORIALS += [("exported", kind) for kind in ("float32", "int8_io")]


@pytest.mark.parametrize(("made", "kind"), TUTORIALS)
def test_the_lines_of_the_tutorials(digits: Any, made: str, kind: str, tmp_path: Path) -> None:
    how: dict[str, Callable[[], bytes]] = {
        "from_keras": lambda: foreign.from_keras(digits, kind),
        "exported": lambda: foreign.exported(digits, tmp_path / "saved", kind),
    }
    content = how[made]()
    report = judged(DIGITS, content, tmp_path)
    assert report["passed"], reasons(report)
    assert "changed: name of output probabilities: output_0" in report["notes"]
    if made == "from_keras":
        assert not judged(DIGITS, foreign.broken(content), tmp_path)["passed"]
    else:
        report = judged(tmp_path / "saved", content, tmp_path)
        assert report["passed"], reasons(report)


@pytest.mark.parametrize("batch", [None, 1, 2])
def test_a_saved_model_with_names_of_its_own(digits: Any, batch: int | None, tmp_path: Path) -> None:
    content = foreign.signed(digits, tmp_path / "saved", key="predict", batch=batch)
    for model in (DIGITS, tmp_path / "saved") if batch is None else (DIGITS,):
        report = judged(model, content, tmp_path)
        assert report["passed"], reasons(report)
        assert "changed: signature key: predict" in report["notes"]
    if batch is None:
        assert not judged(tmp_path / "saved", foreign.broken(content), tmp_path)["passed"]


def test_a_file_without_its_variables(digits: Any, tmp_path: Path) -> None:
    """What comes of a function whose model the converter cannot find: it runs, and computes with nothing."""
    content = foreign.signed(digits, tmp_path / "saved", key="predict", batch=1, tracked=False)
    report = judged(DIGITS, content, tmp_path)
    assert not report["passed"]
    assert audit_text.text(report).startswith("NOT PASSED: the file: it reads variables that nothing gives a value")


def test_a_file_without_signature_and_data_by_either_name(digits: Any, tmp_path: Path) -> None:
    content = foreign.unsigned(foreign.from_keras(digits, "float32"))
    assert flatbuffer.read(content).signature == ""
    images = np.random.default_rng(0).random((12, 8, 8, 1)).astype(np.float32)
    found = []
    for name in ("image", "x_0"):
        np.savez(tmp_path / "data.npz", **{name: images})  # type: ignore[arg-type]
        report = judged(DIGITS, content, tmp_path, data=tmp_path / "data.npz")
        assert report["passed"], reasons(report)
        assert report["n"] == 12
        found.append(report["outputs"]["probabilities"])
    assert found[0] == found[1]
    assert found[0]["max_abs_error"] > 0
    np.savez(tmp_path / "data.npz", picture=images)
    with pytest.raises(UserError, match=r"has arrays picture; the network's inputs are image \(or, as in the file: x_0\)"):
        judged(DIGITS, content, tmp_path, data=tmp_path / "data.npz")
    np.savez(tmp_path / "data.npz", image=images[..., 0])
    with pytest.raises(UserError, match=r"samples of image are \[8, 8\]; the network takes \[8, 8, 1\]"):
        judged(DIGITS, content, tmp_path, data=tmp_path / "data.npz")


def swapped(content: Any) -> None:
    """The order of inputs and outputs in the subgraph: that of the converter says nothing."""
    graph = content.subgraphs[0]
    graph.inputs, graph.outputs = list(graph.inputs)[::-1], list(graph.outputs)[::-1]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    model = foreign.two_inputs()
    path = tmp_path_factory.mktemp("pair") / "pair.keras"
    model.save(path)
    return path, foreign.from_keras(model, "float32")


def test_which_input_is_which_is_what_the_file_computes(pair: tuple[Path, bytes], tmp_path: Path) -> None:
    model, content = pair
    for turned in (False, True):
        file = foreign.unsigned(faults.edited(content, swapped) if turned else content)
        report = judged(model, file, tmp_path)
        assert report["passed"], reasons(report)
        left = next(note for note in report["notes"] if "input left" in note)

        def exchanged(content: Any) -> None:
            for operator in faults.operators(content, "FULLY_CONNECTED"):
                graph = content.subgraphs[0]
                inputs = list(graph.inputs)
                if operator.inputs[0] in inputs:
                    operator.inputs = [inputs[1 - inputs.index(operator.inputs[0])], *operator.inputs[1:]]

        # Both inputs exchanged is another name for the same; only one of them is another network.
        report = judged(model, faults.edited(file, exchanged), tmp_path)
        assert report["passed"], reasons(report)
        assert next(note for note in report["notes"] if "input left" in note) != left

        def subtracted(content: Any) -> None:
            (operator,) = faults.operators(content, "SUB")
            operator.inputs = list(operator.inputs)[::-1]

        assert not judged(model, faults.edited(file, subtracted), tmp_path)["passed"]


def test_what_is_said_of_inputs_and_outputs_counts(pair: tuple[Path, bytes], tmp_path: Path) -> None:
    model, content = pair
    file = foreign.unsigned(content)
    notes = judged(model, file, tmp_path)["notes"]
    right = {note.split()[4].rstrip(":"): note.split()[5] for note in notes if "name of input" in note}
    assert judged(model, file, tmp_path, inputs=right)["passed"]
    wrong = {"left": right["right"], "right": right["left"]}
    assert not judged(model, file, tmp_path, inputs=wrong)["passed"]
    with pytest.raises(UserError, match=r"the file has no input 'x_7'; it has x_0, x_1; say which is which: --inputs NETWORK=FILE"):
        judged(model, file, tmp_path, inputs={"left": "x_7"})
    with pytest.raises(UserError, match="the network has no output 'third'; it has difference, alone"):
        judged(model, file, tmp_path, outputs={"third": "Identity"})


def test_too_many_ways_are_asked_for(tmp_path: Path) -> None:
    inputs = [keras.Input((2,), name=f"input_{letter}") for letter in "abcde"]
    model = keras.Model(inputs, keras.layers.Concatenate(name="all")(inputs))
    model.save(tmp_path / "many.keras")
    file = foreign.unsigned(foreign.from_keras(model, "float32"))
    (tmp_path / "file.tflite").write_bytes(file)
    with pytest.raises(UserError, match="more than 24 ways to pair the inputs of file and network; say which is which: --inputs"):
        audit.audit(tmp_path / "many.keras", tmp_path / "file.tflite")
    names = dict(zip((tensor.name for tensor in inputs), flatbuffer.read(file).inputs, strict=True))
    assert audit.audit(tmp_path / "many.keras", tmp_path / "file.tflite", inputs=dict(list(names.items())[:3]))


@pytest.mark.parametrize("arguments", [["--inputs", "image"], ["--outputs", "=a"], ["--inputs", "a=b", "a=c"]])
def test_a_pair_that_is_none(arguments: list[str], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pipeline.cli.audit", "--model", str(DIGITS), "--tflite", str(tmp_path / "x"), *arguments]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {arguments[0]}: ")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("length", [None, 9])
def test_free_lengths(length: int | None, tmp_path: Path) -> None:
    """A network that leaves a length free, and a file that leaves it free or does not."""
    image = keras.Input((length, length, 3), name="image")
    x = keras.layers.Conv2D(4, 3, padding="same", activation="relu", name="conv")(image)
    x = keras.layers.GlobalAveragePooling2D(name="mean")(x)
    model = certified.randomised(keras.Model(image, keras.layers.Dense(3, name="out")(x)))
    content = foreign.from_keras(model, "float32")
    free = keras.Input((None, None, 3), name="image")
    network = keras.Model(free, model(free))
    network.save(tmp_path / "network.keras")
    model.save(tmp_path / "same.keras")
    for path in ("same.keras", "network.keras"):
        report = judged(tmp_path / path, content, tmp_path)
        assert report["passed"], reasons(report)


def test_sizes_that_only_a_run_tells(tmp_path: Path) -> None:
    """A fully convolutional network: before any run its output seems to be of one pixel, where it cannot be run at all."""
    image = keras.Input((None, None, 3), name="image")
    x = keras.layers.Conv2D(4, 3, strides=2, name="one")(keras.layers.Conv2D(4, 3, strides=2, name="two")(image))
    model = certified.randomised(keras.Model(image, keras.layers.UpSampling2D(4, name="out")(x)))
    model.save(tmp_path / "network.keras")
    report = judged(tmp_path / "network.keras", foreign.from_keras(model, "float32"), tmp_path)
    assert report["passed"], reasons(report)
    assert report["certificate"]["not_compared"] == []


def test_a_file_that_goes_wrong_with_several_samples_only(tmp_path: Path) -> None:
    """Its operators are others than the installed converter writes, so that it is judged by running: one sample shows nothing."""
    model = foreign.sliced()
    model.save(tmp_path / "network.keras")
    content = foreign.from_keras(model, "float32")
    wrong = faults.edited(content, foreign.turned_around)
    assert judged(tmp_path / "network.keras", content, tmp_path)["passed"]
    report = judged(tmp_path / "network.keras", wrong, tmp_path)
    assert not report["passed"]
    # Beside the network itself: each operator makes of one sample what it should.
    source = audit_network.export(tmp_path / "network.keras", tmp_path / "source", batch=None)
    ends = end_matching.Ends(inputs={"image": "image"}, outputs={"out": "output_0"})
    alone = audit_network.conversion(tmp_path / "source", source, wrong, ends)
    assert {part.verdict for part in alone.parts} == {conversion_record.SAME}
    assert [value is not None and value > 1e3 for value in alone.together.values()] == [True]


def test_a_file_that_reads_only_the_first_steps(tmp_path: Path) -> None:
    """Of 32 it reads all, and each operator makes what it should."""
    steps = keras.Input((None, 3), name="steps")
    x = keras.layers.Conv1D(4, 3, padding="same", name="conv")(steps[:, :10_000])
    model = certified.randomised(keras.Model(steps, keras.layers.GlobalAveragePooling1D(name="mean")(x)))
    model.save(tmp_path / "network.keras")
    content = foreign.from_keras(model, "float32")
    opened = flatbuffer.opened(content)
    source, (ends,) = audit_network.export_like(
        tmp_path / "network.keras",
        tmp_path / "source",
        opened.graph,
        format="auto",
        shapes=flatbuffer.end_shapes(opened),
        inputs={},
        outputs={},
    )

    def first(content: Any) -> None:
        operator = foreign.the_slice(content, 3)
        faults.array(content, faults.constant(content, operator, 2), "int32")[1] = 32

    for edit, sound in ((None, True), (first, False)):
        file = content if edit is None else faults.edited(content, edit)
        found = audit_network.conversion(tmp_path / "source", source, file, ends)
        assert {part.verdict for part in found.parts} == {conversion_record.SAME}
        assert [value is not None and value <= 1 for value in found.lengths.values()] == [sound]


def test_another_network_altogether(pair: tuple[Path, bytes], digits: Any, tmp_path: Path) -> None:
    """Other shapes, other counts: an answer, not an error."""
    assert not judged(pair[0], foreign.from_keras(digits, "float32"), tmp_path)["passed"]
    assert not judged(DIGITS, pair[1], tmp_path)["passed"]


def _is_quick(path: Path) -> bool:
    """The oldest converter and the newest; of the second network the oldest alone."""
    network, version = path.stem.split("-")[:2]
    return (version in ("2.12", "2.18") if network == "conv" else version == "2.12") and "keras" not in path.stem


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, id=path.stem, marks=[] if _is_quick(path) else [pytest.mark.slow])
        for path in sorted(CONVERTERS.glob("*.tflite"))
    ],
)
def test_converters_of_other_years(path: Path, tmp_path: Path) -> None:
    network = CONVERTERS / f"{path.stem.split('-')[0]}.h5"
    report = audit.audit(network, path)
    assert report["passed"], reasons(report)
    assert ("changed: signature key: none" in report["notes"]) == ("-v1-" in path.stem)
    if path.stem.startswith("conv"):
        assert not judged(network, foreign.broken(path.read_bytes()), tmp_path)["passed"]


def folded_otherwise(content: bytes, units: int, seed: int = 0) -> bytes:
    """Constants of convolutions moved by so many units in the last place at most, as the folding of another converter does."""
    rng = np.random.default_rng(seed)

    def edit(content: Any) -> None:
        for operator in faults.operators(content, "CONV_2D"):
            for place in (1, 2):
                tensor = faults.tensor_of(content, operator, place)
                values = faults.array(content, tensor, "float32")
                values += np.spacing(values) * rng.integers(-units, units + 1, values.shape).astype(np.float32)

    return faults.edited(content, edit)


def test_folding_may_round_otherwise_but_not_more(digits: Any, tmp_path: Path) -> None:
    """A convolution with batch normalisation: its constants are products of five float32 operations."""
    content = foreign.from_keras(digits, "float32")
    report = judged(DIGITS, folded_otherwise(content, 2), tmp_path)
    assert report["passed"], reasons(report)
    kinds = {row["reason"] for row in report["certificate"]["tensors"] if row["operator"] == "CONV_2D"}
    assert "within float32 rounding" in kinds
    assert not judged(DIGITS, folded_otherwise(content, 64), tmp_path)["passed"]

    def unfolded(content: Any) -> None:
        kernel = faults.tensor_of(content, faults.operators(content, "FULLY_CONNECTED")[0], 1)
        values = faults.array(content, kernel, "float32")
        values[5] = np.nextafter(values[5], np.float32(9))

    # Nothing was computed for this one: it lies in the network as it is.
    assert not judged(DIGITS, faults.edited(content, unfolded), tmp_path)["passed"]


@pytest.mark.parametrize(
    ("network", "file", "first"),
    [
        ("vww_96.h5", "vww_96_float.tflite", None),
        ("vww_96.h5", "vww_96_int8.tflite", None),
        ("ad01.h5", "ad01_fp32.tflite", "NOT PASSED: the bias of dense is missing (its kernel and batch_normalization are right)"),
        ("ad01.h5", "ad01_int8.tflite", "NOT PASSED: the bias of dense is missing (its kernel and batch_normalization are right)"),
    ],
)
def test_published_networks(network: str, file: str, first: str | None) -> None:
    report = audit.audit(published() / network, published() / file)
    assert report["passed"] == (first is None), reasons(report)
    assert audit_text.text(report).startswith(first or "PASSED")


def autoencoder() -> Any:
    """As ad01: dense layers, each with batch normalisation and ReLU."""
    x = features = keras.Input((20,), name="features")
    for number, units in enumerate((12, 4, 12)):
        x = keras.layers.Dense(units, name=f"dense_{number}")(x)
        x = keras.layers.BatchNormalization(name=f"norm_{number}")(x)
        x = keras.layers.ReLU(name=f"relu_{number}")(x)
    return certified.randomised(keras.Model(features, keras.layers.Dense(20, name="out")(x)))


@pytest.mark.parametrize("kind", [pytest.param("float32", marks=pytest.mark.slow), "int8_io"])
def test_folded_by_hand_with_and_without_the_dense_biases(kind: str, tmp_path: Path) -> None:
    model = autoencoder()
    model.save(tmp_path / "network.keras")
    norms = {f"dense_{number}": f"norm_{number}" for number in range(3)}
    for biases in (True, False):
        folded = foreign.folded_by_hand(model, norms, biases=biases)
        report = judged(tmp_path / "network.keras", foreign.from_keras(folded, kind), tmp_path)
        assert report["passed"] == biases, reasons(report)
    assert audit_text.cause(report) == "the bias of dense_0 is missing (its kernel and norm_0 are right) (and 2 more)"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, bytes]]:
    model = foreign.quantization_aware()
    folder = tmp_path_factory.mktemp("trained")
    model.save(folder / "trained.keras")
    return folder / "trained.keras", {kind: foreign.from_keras(model, kind) for kind in ("float32", "dynamic")}


@pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", ["float32", "dynamic"])
def test_training_with_fake_quantization(trained: tuple[Path, dict[str, bytes]], kind: str, every: bool, tmp_path: Path) -> None:
    """DEFAULT alone makes integers of it (`dynamic`), no optimization makes pairs of QUANTIZE and DEQUANTIZE."""
    model, files = trained
    report = judged(model, files[kind], tmp_path)
    assert report["passed"], reasons(report)
    assert report["certificate"]["parameters"]["share"] == 1
    assert (report["scheme"] == "static_wi8_ai8") == (kind == "dynamic")
    quantized = [number for number, one in enumerate(flatbuffer.read(files[kind]).operators) if one.name in ("QUANTIZE", "CONV_2D")]
    # The first and the last, or every one.
    for number in quantized if every else quantized[:: len(quantized) - 1]:

        def rescaled(content: Any, number: int = number) -> None:
            graph = content.subgraphs[0]
            output = graph.tensors[graph.operators[number].outputs[0]]
            if output.quantization is not None and output.quantization.scale is not None:
                faults.rescaled(output, 0, 1.01)
            else:
                graph.operators[number].inputs = list(graph.operators[number].inputs)
                faults.rescaled(graph.tensors[graph.operators[number - 2].outputs[0]], 0, 1.01)

        found = judged(model, faults.edited(files[kind], rescaled), tmp_path)
        assert not found["passed"]
        assert any("the network's fake quantization asks for scale" in reason for reason in reasons(found)), reasons(found)


def test_a_rounding_that_was_trained_and_is_gone(trained: tuple[Path, dict[str, bytes]], tmp_path: Path) -> None:
    model, files = trained

    def edit(content: Any) -> None:
        operators = content.subgraphs[0].operators
        place = next(i for i, one in enumerate(operators) if faults.kind(content, one) == "MAX_POOL_2D")
        before, after = operators[place - 2 : place]
        operators[place].inputs = list(before.inputs)
        assert list(before.outputs) == list(after.inputs)
        del operators[place - 2 : place]

    assert "the network rounds these values (fake quantization), and the file does not" in reasons(
        judged(model, faults.edited(files["float32"], edit), tmp_path)
    )


def test_samples_that_do_not_unpack_are_an_answer(tmp_path: Path) -> None:
    """As a user starts it: exit code 2, for the question could not be answered, and one line."""
    data = tmp_path / "d.npz"
    np.savez_compressed(data, x=np.random.default_rng(0).normal(size=(20, 4)))
    content = bytearray(data.read_bytes())
    at = content.index(b"x.npy") + 25
    content[at : at + 20] = b"\xff" * 20
    data.write_bytes(content)
    file = CONVERTERS / "conv-2.18-saved-int8.tflite"
    command = [sys.executable, "-m", "pipeline.cli.audit", "--model", str(DIGITS), "--tflite", str(file), "--data", str(data)]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 2
    said = f"error: --data: {data} is not readable as .npz: Error -3 while decompressing data: "
    assert done.stderr.startswith(said)
    assert done.stderr.endswith("; it may be damaged or truncated, copy it again\n")
    assert done.stderr.count("\n") == 1
