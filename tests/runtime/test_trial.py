from pathlib import Path
from typing import Any

from pipeline import paths
from pipeline.runtime import trial
from tests import faults


def int8(finished: Path) -> bytes:
    return (finished / paths.variant_model("int8")).read_bytes()


def test_a_sound_file_runs(finished: Path) -> None:
    assert trial.refusal(int8(finished)) is None


def test_what_litert_does_not_know_is_said(finished: Path) -> None:
    def edit(content: Any) -> None:
        content.operatorCodes[0].version = 99

    answer = trial.refusal(faults.edited(int8(finished), edit))
    assert answer is not None
    assert answer.startswith("LiteRT cannot run the file: Didn't find op for builtin opcode")


def test_a_file_that_ends_the_process_ends_the_child_only(finished: Path, monkeypatch: Any) -> None:
    script = "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"
    (finished.parent / "crash.py").write_text(script)
    monkeypatch.setattr(trial, "__file__", str(finished.parent / "crash.py"))
    assert trial.refusal(b"") == "LiteRT cannot run the file: it ends the process (SIGSEGV)"


def test_an_inference_without_an_end_is_given_up(finished: Path, monkeypatch: Any) -> None:
    (finished.parent / "wait.py").write_text("import time; time.sleep(60)")
    monkeypatch.setattr(trial, "__file__", str(finished.parent / "wait.py"))
    assert trial.refusal(b"", seconds=0.5) == "LiteRT cannot run the file: one inference has no end after 0.5 seconds"


def test_what_only_the_kernels_without_a_delegate_refuse_is_said(tmp_path: Path) -> None:
    """XNNPACK does not look at `alignCorners` beside `halfPixelCenters`; LiteRT's own kernel refuses both together."""
    import keras

    from tests.made import make

    image = keras.Input((3, 3, 2), name="image")
    model = keras.Model(image, keras.layers.UpSampling2D(2, interpolation="bilinear")(image))
    sound = make(model, tmp_path / "source").float32

    def edit(content: Any) -> None:
        faults.operators(content, "RESIZE_BILINEAR")[0].builtinOptions.alignCorners = True

    assert trial.refusal(sound) is None
    answer = trial.refusal(faults.edited(sound, edit))
    assert answer == (
        "LiteRT cannot run the file without XNNPACK: If half_pixel_centers is True, align_corners must be False."
        "Node number 0 (RESIZE_BILINEAR) failed to prepare."
    )


def test_an_output_that_nothing_computes(finished: Path) -> None:
    def edit(content: Any) -> None:
        content.subgraphs[0].operators = []

    answer = trial.refusal(faults.edited(int8(finished), edit))
    assert answer is not None
    assert "is computed by nothing" in answer
