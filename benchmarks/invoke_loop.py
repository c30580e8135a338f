"""The least that running a .tflite file over samples can take: one interpreter, one thread, set_tensor, invoke, get_tensor.

python benchmarks/invoke_loop.py MODEL.tflite SAMPLES.npy COUNT

Rival of the stages `predict` and `calibrate` in `python -m pipeline.cli.bench`; nothing of the pipeline is imported here.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="a file with one input")
    parser.add_argument("samples", type=Path, help="an array [n, ...] in real units")
    parser.add_argument("count", type=int, help="the first so many are run")
    given = parser.parse_args()
    taken = seconds(given.model.read_bytes(), np.load(given.samples, mmap_mode="r")[: given.count])
    print(f"{given.count / taken:.1f} samples a second")


def seconds(model: bytes, samples: np.ndarray) -> float:
    """Wall time of the loop alone, after one sample that is not counted.

    Args:
        model: .tflite file with one input.
        samples: [n, ...] in real units; brought into the input's dtype before the clock starts.
    """
    interpreter = Interpreter(model_content=model, num_threads=1)
    interpreter.allocate_tensors()
    (detail,) = interpreter.get_input_details()
    scale, zero_point = detail["quantization"]
    if scale:
        limits = np.iinfo(detail["dtype"])
        samples = np.clip(np.round(samples / scale) + zero_point, limits.min, limits.max)
    inputs = samples.astype(detail["dtype"])[:, np.newaxis]
    wanted, given = detail["index"], [output["index"] for output in interpreter.get_output_details()]

    def one(sample: np.ndarray) -> None:
        interpreter.set_tensor(wanted, sample)
        interpreter.invoke()
        for index in given:
            interpreter.get_tensor(index)

    one(inputs[0])
    begun = time.perf_counter()
    for sample in inputs:
        one(sample)
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
