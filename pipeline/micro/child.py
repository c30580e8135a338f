"""TensorFlow Lite Micro in a process of its own, as it may abort: runs a file on samples and prints what its arena holds.

python -m pipeline.micro.child FOLDER JOB

FOLDER holds what `tflm` has written: model.tflite, input-N.npy, and JOB.json with `arena` (bytes), the samples from `start` to
`stop`, how many `inputs` and `outputs` there are, and the `tensors` to keep. Outputs go to FOLDER/JOB, TFLM's own words to stderr.
"""

import json
import sys
from pathlib import Path

import numpy as np

from pipeline import files
from pipeline.errors import UserError
from pipeline.system import disk, processes

# The exit code of a file that TFLM refuses: why stands on stderr.
REFUSED = 3
# That of a child which cannot write its outputs: the last line of stderr says why.
UNWRITTEN = 4


def main(folder: Path, name: str) -> None:
    # Here, as the parent imports this module where the package may be missing.
    from tflite_micro.python.tflite_micro import runtime

    job = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    inputs = [np.load(folder / f"input-{place}.npy", mmap_mode="r") for place in range(job["inputs"])]
    # TFLM either records what the arena holds or keeps all tensors.
    how = runtime.InterpreterConfig.kPreserveAllTensors if job["tensors"] else runtime.InterpreterConfig.kAllocationRecording
    seen: dict[str, list[np.ndarray]] = {}
    try:
        interpreter = runtime.Interpreter.from_file(str(folder / "model.tflite"), arena_size=job["arena"], intrepreter_config=how)
        for sample in range(job["start"], job["stop"]):
            if sample > job["start"]:
                interpreter.reset()
            for place, array in enumerate(inputs):
                interpreter.set_input(np.ascontiguousarray(array[sample : sample + 1]), place)
            interpreter.invoke()
            for place in range(job["outputs"]):
                seen.setdefault(f"output-{place}", []).append(interpreter.get_output(place))
            for number in job["tensors"]:
                seen.setdefault(f"tensor-{number}", []).append(interpreter.GetTensor(number, 0)["tensor_data"])
    except (RuntimeError, ValueError) as error:
        print(error, file=sys.stderr, flush=True)
        sys.exit(REFUSED)
    if not job["tensors"]:
        interpreter.print_allocations()
    try:
        with disk.writing_temporaries():
            files.write_arrays(folder / name, {key: np.stack(arrays) for key, arrays in seen.items()})
    except UserError as error:
        print(error, file=sys.stderr, flush=True)
        sys.exit(UNWRITTEN)


if __name__ == "__main__":
    processes.end_with_parent()
    main(Path(sys.argv[1]), sys.argv[2])
