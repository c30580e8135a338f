"""Where the stages meet, relative to the repository's root. dvc.yaml names the same files; a test compares the two."""

from pathlib import Path

PARAMS = Path("params.yaml")
CONF = Path("conf")
DVC = Path("dvc.yaml")
LOCK = Path("dvc.lock")

SOURCE = Path("models/source")
SOURCE_FACTS = Path("models/source.json")
SOURCE_WEIGHTS = Path("models/source_weights.npz")
SOURCE_GRAPH = Path("models/source_graph.npz")
FLOAT32 = Path("models/float32.tflite")
LAYERS = Path("models/layers.json")
CONVERSION = Path("models/conversion.json")
RANGES = Path("models/ranges.json")
RECIPES = Path("models/recipes")
VARIANTS = Path("models/variants")
SELECTED = Path("models/selected")
SEARCHED = Path(".cache/search")

SPLIT = Path("data/split.json")
CALIBRATION = Path("data/calibration")
TUNING = Path("data/tuning")
EVALUATION = Path("data/evaluation")
CHECKED = Path("data/check.json")
MATCHED = Path("data/match.json")
REFERENCE = Path("data/reference")
OUTPUTS = Path("data/outputs")

VERIFY_REPORTS = Path("reports/verify")
BENCHMARK_REPORTS = Path("reports/benchmark")
SIMULATE_REPORTS = Path("reports/simulate")
ACCURACY = Path("reports/accuracy.json")
METRICS = Path("reports/metrics.json")
LATENCY = Path("reports/latency.json")
PAGE = Path("reports/index.html")
SUMMARY = Path("reports/summary.md")
PICTURES = Path("reports/pictures")
PLOTS = Path("reports/plots")
GATE = Path("reports/gate.json")


def variant_model(name: str) -> Path:
    """The file of one variant."""
    return VARIANTS / name / "model.tflite"


def variant_outcome(name: str) -> Path:
    """What became of each operator of one variant."""
    return VARIANTS / name / "quantization.json"


def failure(folder: Path) -> Path:
    """Why there is not what a stage was to write into a folder for one variant; there is no such file when there is."""
    return folder / "failure.json"


def benchmark(name: str) -> Path:
    """What one variant costs."""
    return BENCHMARK_REPORTS / f"{name}.json"


def simulation(name: str) -> Path:
    """What the target's own runtime said of one variant."""
    return SIMULATE_REPORTS / f"{name}.json"


def recipe(search: str) -> Path:
    """What one search found."""
    return RECIPES / f"{search}.json"


def checkpoint(search: str, key: str) -> Path:
    """Every candidate that one search with the inputs `key` has measured; outside DVC's outputs, which it deletes."""
    return SEARCHED / f"{search}-{key}.jsonl"


def best_so_far(search: str) -> Path:
    """The best that a search found which could not meet its budget."""
    return SEARCHED / f"{search}-best.json"
