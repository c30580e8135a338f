import json
import subprocess
import sys
import time
from pathlib import Path

from pipeline.sweeping.machine import Machine

# A worker that says when it works, and for how long; started with its folder, whether alone, and seconds.
_WORKER = """
import json, sys, time
from pathlib import Path
from pipeline.sweeping.machine import Machine
with Machine(Path(sys.argv[1])) as machine:
    machine.enter(alone=sys.argv[2] == "alone")
    begun = time.monotonic()
    print("works", flush=True)
    time.sleep(float(sys.argv[3]))
    print(json.dumps([begun, time.monotonic()]), flush=True)
"""


def _worker(folder: Path, how: str, seconds: float) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", _WORKER, str(folder), how, str(seconds)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def _begun(worker: subprocess.Popen[str]) -> None:
    assert worker.stdout is not None
    assert worker.stdout.readline() == "works\n"


def _times(worker: subprocess.Popen[str]) -> tuple[float, float]:
    assert worker.stdout is not None
    text = worker.stdout.read().splitlines()[-1]
    assert worker.wait() == 0
    worker.stdout.close()
    begun, ended = json.loads(text)
    return begun, ended


def test_workers_work_together_and_a_benchmark_alone(tmp_path: Path) -> None:
    first = _worker(tmp_path, "together", 1.0)
    _begun(first)
    second = _worker(tmp_path, "together", 1.0)
    _begun(second)
    benchmark = _worker(tmp_path, "alone", 0.5)
    late = None
    try:
        time.sleep(0.4)  # it waits now, and who comes after it is not let in before it
        late = _worker(tmp_path, "together", 0.1)
        together, again, alone, after = map(_times, (first, second, benchmark, late))
    finally:
        for worker in (first, second, benchmark, late):
            if worker is not None:
                worker.kill()
    assert again[0] < together[1]  # at once
    assert alone[0] >= max(together[1], again[1])
    assert after[0] >= alone[1]


def test_who_is_killed_gives_it_back(tmp_path: Path) -> None:
    killed = _worker(tmp_path, "alone", 60)
    _begun(killed)
    killed.kill()
    killed.communicate()
    with Machine(tmp_path) as machine:
        machine.enter(alone=True)
        machine.leave()
        machine.enter(alone=False)
