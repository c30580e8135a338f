"""The typed schema of conf/, once: used when an experiment is composed and again when a stage starts.

It only validates. No field has a default: every value a stage uses stands in params.yaml.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

import msgspec
from msgspec import Meta

from pipeline import paths
from pipeline.errors import UserError
from pipeline.quantization import schemes
from pipeline.system import boundary

Count = Annotated[int, Meta(ge=1)]
Text = Annotated[str, Meta(min_length=1)]
Share = Annotated[float, Meta(gt=0, lt=1)]
Entry = TypeVar("Entry")
_SHOWN = 10  # faults at once
NAME = re.compile(r"[a-z][a-z0-9_]*")

# Names under which a library's version stands in `versions`, and the distributions that provide it.
DISTRIBUTIONS = {
    "tensorflow": ("tensorflow-cpu", "tensorflow"),
    "keras": ("keras",),
    "tf_keras": ("tf_keras",),
    "ai_edge_litert": ("ai-edge-litert",),
    "litert_quantizer": ("litert-quantizer",),
    "numpy": ("numpy",),
    "pillow": ("pillow",),
    "pandas": ("pandas",),
    "pyarrow": ("pyarrow",),
    "soundfile": ("soundfile",),
    "soxr": ("soxr",),
    "scipy": ("scipy",),
    "scikit_learn": ("scikit-learn",),
    "matplotlib": ("matplotlib",),
    "tflite_micro": ("tflite-micro",),
}
# What is no part of every installation, and what to do where it is missing.
_OPTIONAL = {
    "tflite_micro": (
        "select.target: tflite_micro needs the package tflite-micro, which is not installed; it exists for Linux on x86-64, where "
        "`make setup` installs it; elsewhere choose with select.target=null select.integer_only=true and run the target there"
    ),
}

# What to do where a key is missing whose absence has a reason of its own: of an empty list of variants nothing is composed.
_MISSING = {"variants": "none; choose some, as in `-S 'quantization=[float32,int8]'`"}


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of the configuration: unknown keys and wrong types are refused, and what `__post_init__` says (ValueError)."""


class Limits(Section, frozen=True):
    """What one file of the model or the data may take: seconds to read it, and gigabytes (10^9 bytes) once it is unpacked."""

    seconds: Annotated[float, Meta(gt=0)]
    gigabytes: Annotated[float, Meta(gt=0)]


class Model(Section, frozen=True):
    """The trained network: a file or folder, and what its exported signature fixes.

    `format`: "auto" looks inside. `signature`: key of a SavedModel's signature (None: the only one, or serving_default).
    `inputs`: shapes without the batch, for inputs that leave dimensions free. `input_dtypes`: for a subclassed model, whose file
    does not tell. `trust_code`: run Python bytecode, functions and operators that the file holds or names. `batch` of the
    export; None leaves it free.
    """

    name: Text
    path: Text
    format: Literal["auto", "keras", "keras3_h5", "keras2", "keras2_h5", "saved_model", "keras2_saved_model"]
    signature: str | None
    inputs: dict[str, list[Count]]
    input_dtypes: dict[str, Literal["float32", "int8", "uint8", "int16", "int32", "int64", "bool"]]
    trust_code: bool
    batch: Count | None


class Call(Section, frozen=True):
    """A function of a table by its name, with its keyword options, checked against the function's own signature.

    A preprocessing step also takes the option `inputs`: the names of the inputs it is for, all of them without it.
    """

    name: str
    options: dict[str, Any]


class Take(Section, frozen=True):
    """Which samples a set draws: from the declared splits `source` (None: any), a count, a share, or the rest."""

    source: list[str] | None
    take: Count | Share | Literal["rest"]


class Splits(Section, frozen=True):
    """`training` names the declared splits that the network was trained on: they go into no set."""

    training: list[str]
    calibration: Take
    tuning: Take
    evaluation: Take


class Data(Section, frozen=True):
    """The user's data: which function reads which path, how samples become the model's input, which set takes which.

    `classes` names the class indices (None: as the reader says). `limit` looks at so many samples only, drawn by the seed.
    """

    name: Text
    path: Text
    reader: Call
    preprocess: list[Call]
    classes: list[str] | None
    duplicates: Literal["error", "drop"]
    limit: Count | None
    splits: Splits


class Convert(Section, frozen=True):
    """`batch` of the shipped file; None leaves it free. The others allow operators that need more than LiteRT itself to run."""

    batch: Count | None
    select_tf_ops: bool
    custom_ops: bool


class Calibrate(Section, frozen=True):
    """How activation ranges are measured: on the first `samples` of the ordered pool, by `method`.

    `bins` is the resolution of the histograms that percentile, mse and entropy read; `percentile` the share of values in
    percent that the method of that name keeps inside the range.
    """

    samples: Count
    method: str
    bins: Annotated[int, Meta(ge=256, le=65536)]
    percentile: Annotated[float, Meta(gt=50, le=100)]


class Verify(Section, frozen=True):
    """How much more than the expected error a sound file may have (pipeline/verification/tolerances.py).

    `rounding` multiplies the accumulated rounding of float32; `margin_db` is taken off the expected SQNR; `worst` is how many of
    the worst samples are listed, and `divergence` on how many of them the network is followed operator by operator.
    """

    rounding: Annotated[float, Meta(gt=0)]
    margin_db: float
    worst: Count
    divergence: Count


class Benchmark(Section, frozen=True):
    """Counted and uncounted invocations, and threads of the interpreter."""

    runs: Count
    warmup: Count
    threads: Count


class Head(Section, frozen=True):
    """One output and what it is judged as.

    `output` and `labels` are names (None: the only one there is), `task_type` is a row of `tasks.TASK_TYPES` with its options, and
    `metrics` are rows of `METRICS` with theirs.
    """

    output: str | None
    labels: str | None
    task_type: Call
    metrics: Annotated[dict[str, dict[str, Any]], Meta(min_length=1)]


class Task(Section, frozen=True):
    """What the network decides, the metric that decides about a variant, and how sure an interval is to be."""

    name: str
    heads: Annotated[dict[str, Head], Meta(min_length=1)]
    primary_metric: str
    confidence: Share
    resamples: Count

    def __post_init__(self) -> None:
        for name in self.heads:
            if not NAME.fullmatch(name):
                raise ValueError(f"heads: {name!r} becomes part of a metric's name: use small letters, digits and _")
        if self.primary_metric not in reported(self):
            raise ValueError(f"primary_metric: {self.primary_metric!r} is not among metrics: {', '.join(reported(self))}")


def reported(task: Task) -> dict[str, tuple[str, str]]:
    """Head and metric by the name they are reported under: the metric's own, with several heads `HEAD.METRIC`."""
    several = len(task.heads) > 1
    return {f"{head}.{name}" if several else name: (head, name) for head, entry in task.heads.items() for name in entry.metrics}


class Beside(Section, frozen=True):
    """The sets besides evaluation that outputs are made for, or neutral files in their place; derived from `on`."""

    calibration: str
    tuning: str


class Evaluate(Section, frozen=True):
    """Figures on the evaluation samples, or (`on: all`) on the whole labelled set as well, which the choice never sees."""

    on: Literal["evaluation", "all"]
    reads: Beside

    def __post_init__(self) -> None:
        if self.reads != beside(self.on):
            raise ValueError("reads: is derived from `on`; remove it from your configuration")

    def sets(self) -> dict[str, Path]:
        """The folders of samples besides evaluation, by the name of the folder that outputs on them have within the others."""
        return {name: folder for name, (folder, _) in _BESIDE.items() if self.on == "all"}


# Each with a file in its place when it is not read: one that the stages which make outputs depend on anyway, through others.
_BESIDE = {"calibration": (paths.CALIBRATION, paths.LAYERS), "tuning": (paths.TUNING, paths.SOURCE_GRAPH)}


def beside(on: str) -> Beside:
    """What the stages read that make outputs, as dvc.yaml needs it."""
    return Beside(**{name: (folder if on == "all" else other).as_posix() for name, (folder, other) in _BESIDE.items()})


class Select(Section, frozen=True):
    """The choice: the best `objective` among variants that keep every constraint; None and false do not constrain.

    `max_drop` is compared with the upper end of the drop's interval, either of the one at which all variants' hold together
    ("simultaneous") or of that of one alone ("upper"), or with the drop itself. `target` is a runtime that has to run the file: it
    does so in the stage `simulate`. `max_arena_bytes` (memory beside the file) and `max_flash_bytes` (the file) are for it.
    """

    objective: Literal["bytes", "latency", "accuracy_per_byte"]
    max_drop: Annotated[float, Meta(ge=0)]
    drop_bound: Literal["upper", "simultaneous", "estimate"]
    max_bytes: Count | None
    max_latency_ms: Annotated[float, Meta(gt=0)] | None
    integer_only: bool
    target: Literal["tflite_micro"] | None
    max_arena_bytes: Count | None
    max_flash_bytes: Count | None

    def __post_init__(self) -> None:
        for field in ("max_arena_bytes", "max_flash_bytes"):
            if self.target is None and getattr(self, field) is not None:
                raise ValueError(f"{field}: is measured on a target; set select.target=tflite_micro, or leave it null")


class Simulation(Section, frozen=True):
    """Derived: the variants that the target runs (none without one), and where `select` reads of them: a dep that always exists."""

    variants: list[str]
    reports: str


def simulation(target: str | None, variants: Iterable[str]) -> Simulation:
    """What the stages `simulate` and `select` need to know, as dvc.yaml needs it.

    Args:
        target: `select.target`.
        variants: names of all.
    """
    # With nothing to read: a small neutral file, as DVC has no optional deps.
    reports = paths.SIMULATE_REPORTS if target else paths.SOURCE_FACTS
    return Simulation(variants=list(variants) if target else [], reports=reports.as_posix())


class Gate(Section, frozen=True):
    """Whether a run that may ship nothing fails (off for sweeps), and with `strict` one of whose variants cannot be, too."""

    enabled: bool
    strict: bool


class Reads(Section, frozen=True):
    """Files and library of the stage `quantize`, derived from engine, scheme and search."""

    network: str
    calibration: str
    recipe: str
    library: str


# What the stage `quantize` reads: a slot with nothing to read names a small neutral file, as DVC refuses lists in
# `deps: ${…}`, and the same path twice.
_NETWORK = {"litert": paths.FLOAT32, "converter": paths.SOURCE}
_LIBRARY = {"litert": "litert_quantizer", "converter": "tensorflow"}
_CALIBRATION = {schemes.NONE: paths.SOURCE_FACTS, schemes.RANGES: paths.RANGES, schemes.SAMPLES: paths.CALIBRATION}


def reads(engine: str, scheme: str, algorithm: str, search: str | None) -> Reads:
    """What the stage `quantize` reads for a variant, as dvc.yaml needs it.

    Args:
        engine: key of `schemes.SCHEMES`.
        scheme: key of `SCHEMES[engine]`.
        algorithm: of the scheme's.
        search: the search whose recipe the variant builds, if any.

    Raises:
        KeyError: when the engine has no such scheme.
    """
    return Reads(
        network=_NETWORK[engine].as_posix(),
        calibration=_CALIBRATION[schemes.calibration(engine, scheme, algorithm)].as_posix(),
        recipe=(paths.recipe(search) if search else paths.LAYERS).as_posix(),
        library=_LIBRARY[engine],
    )


class Variant(Section, frozen=True):
    """One way of storing the network."""

    engine: str
    scheme: str
    algorithm: str
    granularity: str
    io_dtype: str
    exclude: list[str]
    samples: Count | None
    search: str | None
    reads: Reads

    def __post_init__(self) -> None:
        if self.engine not in schemes.SCHEMES:
            raise ValueError(f"engine: got {self.engine!r}; allowed: {', '.join(schemes.SCHEMES)}")
        table = schemes.SCHEMES[self.engine]
        if self.scheme not in table:
            why = schemes.NOT_OFFERED.get(self.scheme)
            raise ValueError(
                f"scheme: engine {self.engine} has no {self.scheme!r}{f' ({why})' if why else ''}; allowed: {', '.join(table)}"
            )
        scheme = table[self.scheme]
        for field, allowed in (
            ("algorithm", scheme.algorithms),
            ("granularity", scheme.granularities),
            ("io_dtype", scheme.io_dtype),
        ):
            if (given := getattr(self, field)) not in allowed:
                why = schemes.NOT_OFFERED.get(given)
                raise ValueError(
                    f"{field}: {given!r} is not sound for {self.engine} {self.scheme}{f' ({why})' if why else ''}; "
                    f"allowed: {', '.join(allowed)}"
                )
        if self.engine == "litert" and (why := schemes.refusal(self.scheme, self.algorithm, self.granularity)):
            raise ValueError(f"{self.scheme} with algorithm {self.algorithm} and granularity {self.granularity}: refused: {why}")
        if (self.search is not None) != (self.scheme == "mixed"):
            raise ValueError("search: a variant of scheme mixed, and no other, names the search whose recipe it builds")
        if self.exclude and (self.engine != "litert" or self.scheme in ("float32", "mixed")):
            raise ValueError(
                f"exclude: {self.engine} {self.scheme} has no operators to choose from; it is for quantizing schemes of the litert "
                "engine (a search has an exclude of its own)"
            )
        if (self.samples is not None) != (schemes.calibration(self.engine, self.scheme, self.algorithm) == schemes.SAMPLES):
            needs = "reads samples: set it to ${calibrate.samples}" if self.samples is None else "reads no samples: set it to null"
            raise ValueError(f"samples: {self.engine} {self.scheme} {self.algorithm} {needs}")
        if self.reads != reads(self.engine, self.scheme, self.algorithm, self.search):
            raise ValueError("reads: is derived from engine, scheme, algorithm and search; remove it from your configuration")


class Search(Section, frozen=True):
    """A search for a mixed-precision recipe: what an operator may become, its budget, and its limit as a number of steps.

    `choices` are schemes of the litert engine. The budget is `max_drop` of the primary metric on the tuning split, held as
    `drop_bound` says (both as in `select` unless set), for `comparisons` variants at once; a floor `min_sqnr_db` on the fidelity to
    the float32 file; or both; null switches one off. `costs` weighs a multiply-accumulate in
    each choice and is what the objective `macs` adds up. `samples` is how many tuning samples sensitivity is measured on.
    """

    objective: Literal["bytes", "macs"]
    choices: list[str]
    costs: dict[str, Annotated[float, Meta(gt=0)]]
    algorithm: str
    granularity: str
    exclude: list[str]
    max_drop: Annotated[float, Meta(ge=0)] | None
    drop_bound: Literal["simultaneous", "upper", "estimate"]
    comparisons: Count
    min_sqnr_db: float | None
    samples: Count
    steps: Count

    def __post_init__(self) -> None:
        table = [name for name, scheme in schemes.SCHEMES["litert"].items() if scheme.granularities != ("recipe",)]
        if len(set(self.choices)) < 2 or len(set(self.choices)) != len(self.choices):
            raise ValueError("choices: name at least two schemes, each once")
        for choice in self.choices:
            if choice not in table:
                raise ValueError(f"choices: unknown {choice!r}; allowed: {', '.join(table)}")
            scheme = schemes.SCHEMES["litert"][choice]
            if scheme.algorithms == ("none",):
                continue
            if self.algorithm not in ("min_max", "mse", "octav") or self.granularity not in scheme.granularities:
                raise ValueError(
                    f"algorithm, granularity: {self.algorithm!r} and {self.granularity!r}; allowed: min_max, mse, octav and "
                    f"{', '.join(scheme.granularities)}"
                )
            if why := schemes.refusal(choice, self.algorithm, self.granularity):
                raise ValueError(f"choices: {choice} with {self.algorithm} and {self.granularity}: refused: {why}")
        if missing := sorted(set(self.choices) - set(self.costs)) + sorted(set(self.costs) - set(table)):
            raise ValueError(f"costs: one for each of choices is expected; missing or unknown: {', '.join(missing)}")
        if self.max_drop is None and self.min_sqnr_db is None:
            raise ValueError("max_drop, min_sqnr_db: both are null; a search needs a budget")


class Config(Section, frozen=True):
    """params.yaml as a whole. `variant_names` is what stages depend on that read all variants' files and no variant's options."""

    seed: Annotated[int, Meta(ge=0)]
    limits: Limits
    model: Model
    data: Data
    convert: Convert
    calibrate: Calibrate
    verify: Verify
    benchmark: Benchmark
    task: Task
    evaluate: Evaluate
    select: Select
    gate: Gate
    variants: dict[str, Variant]
    searches: dict[str, Search]
    simulation: Simulation
    versions: dict[str, str | None]
    variant_names: list[str]
    conf_digest: str
    checked: bool

    def __post_init__(self) -> None:
        for name in (*self.variants, *self.searches):
            if not NAME.fullmatch(name):
                raise ValueError(f"{name!r} becomes a folder: use small letters, digits and _, a letter first")
        if not self.variants:
            raise ValueError(f"variants: {_MISSING['variants']}")
        if self.model.batch != self.convert.batch:
            raise ValueError("model.batch: must be ${convert.batch}")
        pool = self.data.splits.calibration.take
        if isinstance(pool, int) and self.calibrate.samples > pool:
            raise ValueError(
                f"calibrate.samples: {self.calibrate.samples} is more than the calibration pool of "
                f"data.splits.calibration.take: {pool}"
            )
        for name, variant in self.variants.items():
            if variant.search is not None and variant.search not in self.searches:
                have = ", ".join(self.searches) or "none is configured"
                raise ValueError(f"variants.{name}.search: no search {variant.search!r}; have: {have}")
        if sorted(self.variant_names) != sorted(self.variants):
            raise ValueError(f"variant_names: expected the names of variants: {', '.join(self.variants)}; run `make params`")
        run = self.simulation.variants
        all_or_none = sorted(self.variants if self.select.target else ())
        if sorted(run) != all_or_none or self.simulation != simulation(self.select.target, run):
            raise ValueError("simulation: is derived from select.target and variants; run `make params`")
        if set(self.versions) != set(DISTRIBUTIONS):
            raise ValueError(f"versions: expected exactly {', '.join(DISTRIBUTIONS)}")
        if unknown := [name for name, version in self.versions.items() if version is None and name not in _OPTIONAL]:
            raise ValueError(f"versions.{unknown[0]}: is missing; run `make params`")


def validate(content: Any, *, source: str) -> Config:
    """Check a whole configuration.

    Args:
        content: nested dictionaries, as read from YAML.
        source: what is being checked, for the message.

    Raises:
        UserError: with the faults, a line each: where, what was given, what is allowed.
    """
    try:
        return msgspec.convert(content, Config)
    except msgspec.ValidationError:
        # It stops at the first fault; a user wants all of them.
        lines = [f"{source}: {fault}" for fault in _faults(content, Config, ())]
        more = [f"{source}: and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else []
        raise UserError("\n  ".join([*lines[:_SHOWN], *more])) from None


def read() -> Config:
    """params.yaml, checked.

    Raises:
        UserError: when it is missing, no YAML, or does not fit the schema.
    """
    try:
        text = paths.PARAMS.read_bytes()
    except FileNotFoundError:
        raise UserError(f"{paths.PARAMS}: no such file; run `make params` in the repository's root") from None
    with boundary.reading(paths.PARAMS, kind="YAML", remedy="run `make params` to compose it again"):
        try:
            content = msgspec.yaml.decode(text)
        except msgspec.DecodeError as error:  # in several lines
            raise ValueError(" ".join(str(error).split())) from None
    return validate(content, source=str(paths.PARAMS))


def variant(config: Config, name: str) -> Variant:
    """One variant of the configuration.

    Raises:
        UserError: when there is none of that name.
    """
    return _entry(config.variants, name, "variants")


def search(config: Config, name: str) -> Search:
    """One search of the configuration.

    Raises:
        UserError: when there is none of that name.
    """
    return _entry(config.searches, name, "searches")


def _entry(table: dict[str, Entry], name: str, where: str) -> Entry:
    if name not in table:
        raise UserError(f"{paths.PARAMS}: {where}: no {name!r}; have: {', '.join(table) or 'none'}")
    return table[name]


def installed(library: str) -> str:
    """The installed version of a key of `DISTRIBUTIONS`.

    Raises:
        UserError: when none of its distributions is installed.
    """
    import importlib.metadata  # takes longer than everything else here, and not every stage asks

    for distribution in DISTRIBUTIONS[library]:
        try:
            return importlib.metadata.version(distribution)
        except importlib.metadata.PackageNotFoundError:
            continue
    if library in _OPTIONAL:
        raise UserError(_OPTIONAL[library])
    raise UserError(f"{' or '.join(DISTRIBUTIONS[library])} is not installed; run `make setup`")


def require(config: Config, libraries: Iterable[str]) -> None:
    """Stop a stage whose libraries are not those that params.yaml was composed with.

    Raises:
        UserError: naming library and versions.
    """
    for library in libraries:
        if config.versions[library] != installed(library):
            raise UserError(
                f"{paths.PARAMS}: versions.{library} is {config.versions[library]}, installed is {installed(library)}; "
                "run `make params` to compose for what is installed, or `make setup` to install what is locked"
            )


def require_files(config: Config) -> None:
    """Stop where the model or the data is not there.

    Raises:
        UserError: naming the path.
    """
    for group, path in (("model", config.model.path), ("data", config.data.path)):
        if not Path(path).exists():
            raise UserError(f"{group}.path: no such file or folder: {path}; put it there, or set the path in conf/{group}/")


def require_samples(calibrate: Calibrate, held: int) -> None:
    """Refuse more calibration samples than the pool holds.

    Args:
        calibrate: how many are asked for.
        held: samples of the pool.

    Raises:
        UserError: naming both numbers.
    """
    if calibrate.samples > held:
        raise UserError(
            f"calibrate.samples: asks for {calibrate.samples}, the pool holds {held}; raise "
            "data.splits.calibration.take or ask for fewer"
        )


def _faults(value: Any, annotation: Any, place: tuple[str, ...]) -> Iterator[str]:
    """What is wrong with a value that is to be of a type, a line each: first inside of it, then with it as a whole."""
    from pipeline import options  # worth its time where something is refused

    where = f"{'.'.join(place)}: " if place else ""
    plain = get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation  # without its bounds
    inner: list[str] = []
    if isinstance(value, dict) and isinstance(annotation, type) and issubclass(annotation, Section):
        fields = {field.name: field.type for field in msgspec.structs.fields(annotation)}
        inner += [f"{'.'.join((*place, name))}: {options.unknown(name, fields)}" for name in map(str, value) if name not in fields]
        for name, expected in fields.items():
            if name not in value:
                key = ".".join((*place, name))
                inner.append(f"{key}: {_MISSING.get(key, 'is missing; run `make params`, or add it to conf/')}")
            else:
                inner += _faults(value[name], expected, (*place, name))
    elif isinstance(value, dict) and get_origin(plain) is dict:
        for name, entry in value.items():
            inner += _faults(entry, get_args(plain)[1], (*place, str(name)))
    elif isinstance(value, list) and get_origin(plain) is list:
        for number, entry in enumerate(value):
            inner += _faults(entry, get_args(plain)[0], (*place, str(number)))
    if inner:
        yield from inner
    elif value == "???":
        yield f"{where}has no value (???); give one with -S or in conf/"
    elif fault := options.complaint(value, annotation):
        yield f"{where}{fault}"
