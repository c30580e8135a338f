"""Run model.tflite on samples in real units, preprocessed as MODEL_CARD.md says. Needs only numpy and ai-edge-litert.

python predict.py SAMPLES.npy OUTPUTS.npz     samples [n, ...]; for several inputs an .npz with one array by name for each
"""

import sys
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

run = Interpreter(str(Path(__file__).with_name("model.tflite")), num_threads=1).get_signature_runner()
ins, outs = run.get_input_details(), run.get_output_details()


def quantized(x, detail):
    (scale, zero), dtype = detail["quantization"], detail["dtype"]
    return np.clip(np.round(x / scale) + zero, np.iinfo(dtype).min, np.iinfo(dtype).max).astype(dtype) if scale else x.astype(dtype)


def real(q, detail):
    scale, zero = detail["quantization"]
    return ((q.astype(np.float64) - zero) * scale).astype(np.float32) if scale else q


loaded = np.load(sys.argv[1])
samples = dict(loaded) if sys.argv[1].endswith(".npz") else {next(iter(ins)): loaded}
rows = []
for i in range(len(next(iter(samples.values())))):
    batch = {k: np.repeat(samples[k][i : i + 1].astype(np.float64), max(1, d["shape_signature"][0]), 0) for k, d in ins.items()}
    rows.append({k: real(y, outs[k])[0] for k, y in run(**{k: quantized(x, ins[k]) for k, x in batch.items()}).items()})
np.savez(sys.argv[2], **{k: np.stack([row[k] for row in rows]) for k in outs})
