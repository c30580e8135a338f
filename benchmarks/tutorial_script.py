"""What a user's own script does instead of the pipeline: convert once a mode, predict, compare with the original, score.

python benchmarks/tutorial_script.py --model MODEL.keras --data DATA.npz --modes float32 float16 dynamic int8 --out FOLDER

One process, as in TensorFlow's own tutorials, and no slower than it must be: the network is exported once for all modes. The
exported network and the original's outputs stay in FOLDER, so a later run with another mode starts from them, as this
pipeline does. Rival of `python -m pipeline.cli.bench`; nothing of the pipeline is imported here.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

MODES = ("float32", "float16", "dynamic", "int8", "int16x8")
OPS = tf.lite.OpsSet


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="the trained network, .keras")
    parser.add_argument("--data", type=Path, required=True, help="an .npz with images, labels and, if it likes, split")
    parser.add_argument("--scale", type=float, default=1.0, help="what the images are multiplied with")
    parser.add_argument("--offset", type=float, default=0.0, help="what is added to them then")
    parser.add_argument("--calibration", type=int, default=100, help="samples of the representative dataset")
    parser.add_argument("--evaluation", type=int, default=200, help="samples to predict and to score")
    parser.add_argument("--modes", nargs="+", choices=MODES, required=True)
    parser.add_argument("--out", type=Path, required=True, help="where files are written and what is there is used again")
    given = parser.parse_args()

    with np.load(given.data) as data:
        held_out = np.flatnonzero(data["split"] != "train") if "split" in data else np.arange(len(data["labels"]))
        images, labels = data["images"][held_out], data["labels"][held_out]
    calibration = prepared(images[: given.calibration], given.scale, given.offset)
    evaluation, labels = prepared(images[-given.evaluation :], given.scale, given.offset), labels[-given.evaluation :]

    given.out.mkdir(parents=True, exist_ok=True)
    saved, kept = given.out / "saved_model", given.out / "original.npy"
    if not (saved.exists() and kept.exists()):
        model = tf.keras.models.load_model(given.model, compile=False)
        np.save(kept, model.predict(evaluation, verbose=0))
        model.export(saved, verbose=False)
    original = np.load(kept)

    scores = {"original": {"accuracy": accuracy(original, labels)}}
    for mode in given.modes:
        content = convert(saved, mode, calibration)
        (given.out / f"{mode}.tflite").write_bytes(content)
        outputs = predict(content, evaluation)
        scores[mode] = {
            "accuracy": accuracy(outputs, labels),
            "agreement": float(np.mean(outputs.argmax(1) == original.argmax(1))),
            "max_error": float(np.abs(outputs - original).max()),
            "bytes": len(content),
        }
    print(json.dumps(scores))


def prepared(images: np.ndarray, scale: float, offset: float) -> np.ndarray:
    """Images [n, ...] as the network wants them, float32."""
    return images.astype(np.float32) * np.float32(scale) + np.float32(offset)


def accuracy(outputs: np.ndarray, labels: np.ndarray) -> float:
    """The share of samples whose greatest output [n, classes] is that of their label [n]."""
    return float(np.mean(outputs.argmax(1) == labels))


def convert(saved: Path, mode: str, calibration: np.ndarray) -> bytes:
    """The bytes of the .tflite file in one of `MODES`; integer modes have integer inputs and outputs."""
    converter = tf.lite.TFLiteConverter.from_saved_model(str(saved))

    def representative_dataset() -> Iterator[list[np.ndarray]]:
        for image in calibration:
            yield [image[np.newaxis]]

    if mode != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if mode == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if mode in ("int8", "int16x8"):
        operators = {"int8": OPS.TFLITE_BUILTINS_INT8, "int16x8": OPS.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8}
        converter.representative_dataset = representative_dataset
        converter.target_spec.supported_ops = [operators[mode]]
        converter.inference_input_type = converter.inference_output_type = tf.int8 if mode == "int8" else tf.int16
    return bytes(converter.convert())


def predict(content: bytes, images: np.ndarray) -> np.ndarray:
    """Outputs [n, classes] in real units, one image after the other."""
    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    (taken,), (given,) = interpreter.get_input_details(), interpreter.get_output_details()
    outputs = []
    for image in images:
        scale, zero_point = taken["quantization"]
        if scale:
            limits = np.iinfo(taken["dtype"])
            image = np.clip(np.round(image / scale) + zero_point, limits.min, limits.max)
        interpreter.set_tensor(taken["index"], image[np.newaxis].astype(taken["dtype"]))
        interpreter.invoke()
        output = interpreter.get_tensor(given["index"])[0]
        scale, zero_point = given["quantization"]
        outputs.append((output.astype(np.float32) - zero_point) * scale if scale else output)
    return np.stack(outputs)


if __name__ == "__main__":
    main()
