"""What the project relies on of libraries beyond what they document: an upgrade fails here first, and says where to look."""

import ast
import importlib.metadata
import inspect
from pathlib import Path
from typing import Any

import dvc.stage
import dvc.stage.cache
import dvc.stage.run
import numpy as np
import pytest
from dvc.config import Config
from dvc.data_cloud import DataCloud
from dvc.utils.hydra import compose_and_dump
from dvc_data.hashfile.hash_info import HashInfo
from hydra.errors import MissingConfigException
from litert_quantizer import algorithm_manager, calibrator, qtyping, recipe_manager
from litert_quantizer import quantizer as library
from litert_quantizer.utils import tfl_flatbuffer_utils

from pipeline.quantization import quantizer, quantizer_support, recipes, schemes
from pipeline.tflite import flatbuffer
from tests import certified
from tests.helpers import ROOT
from tests.made import Made, make, measured

# --- litert-quantizer: its package exports `Quantizer` alone, and its messages are nobody's promise.

KNOWING = ("quantizer", "quantizer_support")


@pytest.mark.parametrize("distribution", sorted(schemes.MEASURED_WITH))
def test_what_schemes_says_was_measured_with_what_is_installed(distribution: str) -> None:
    """After an upgrade: try every refusal anew (tests/quantization/test_schemes.py, `-m slow`), then change the version there."""
    assert importlib.metadata.version(distribution) == schemes.MEASURED_WITH[distribution]


def _imports(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    return names | {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}


def test_two_modules_know_the_quantizer_and_none_of_its_underscores() -> None:
    known = [
        path for path in (ROOT / "pipeline").rglob("*.py") if any(name.startswith("litert_quantizer") for name in _imports(path))
    ]
    assert sorted(path.stem for path in known) == sorted(KNOWING)
    for path in known:
        attributes = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Attribute)]
        assert not [node.attr for node in attributes if node.attr.startswith("_") and not node.attr.endswith("__")], path.name


@pytest.mark.parametrize(
    ("function", "parameters"),
    [
        (library.Quantizer.__init__, {"float_model", "quantization_recipe"}),
        (library.Quantizer.quantize, {"calibration_result", "enable_progress_bar", "enable_progress_report"}),
        (calibrator.Calibrator.__init__, {"float_tflite", "num_threads", "mode", "qsv_update_func"}),
        (calibrator.Calibrator.calibrate, {"calibration_dataset", "model_recipe_manager"}),
        (calibrator.Calibrator.get_model_qsvs, set()),
        (recipe_manager.RecipeManager.load_quantization_recipe, set()),
        (recipe_manager.RecipeManager.get_quantization_configs, set()),
        (algorithm_manager.is_op_registered, set()),
        (algorithm_manager.check_op_quantization_config, set()),
    ],
    ids=lambda value: getattr(value, "__qualname__", ""),
)
def test_the_functions_that_are_called_are_there(function: Any, parameters: set[str]) -> None:
    assert parameters <= set(inspect.signature(function).parameters)


def test_the_names_that_are_used_are_there() -> None:
    assert calibrator.CalibrationMode.CALIBRATION_PROFILER_BASED
    assert {called.value for called in qtyping.TFLOperationName} >= {"*", "INPUT", "OUTPUT"}
    assert set(quantizer_support.ALGORITHMS.values()) | {algorithm_manager.AlgorithmName.NO_QUANTIZE} <= set(
        algorithm_manager.AlgorithmName
    )
    # These only the tests read: of operators' names and axes (tests/tflite/test_operators.py).
    assert tfl_flatbuffer_utils.TFL_OP_NAME_TO_CODE
    assert tfl_flatbuffer_utils.TFL_OP_TO_WEIGHT_QUANTIZED_DIM


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make(certified.wide(), tmp_path_factory.mktemp("wide") / "saved")


@pytest.mark.filterwarnings("ignore:.*experimental_preserve_all_tensors.*")  # as `quantizer` does
def test_messages_about_a_missing_range_hold_the_words_we_look_for(wide: Made) -> None:
    """Without any range and without each one in turn: every refusal is recognised, and each of the words is needed."""
    graph, ranges = flatbuffer.read(wide.float32), measured(wide)["8"]
    recipe = recipes.whole(graph, scheme="static_wi8_ai8", algorithm="min_max", granularity="channel", io_dtype="int8")
    partial = [{name: value for name, value in ranges.items() if name != left_out} for left_out in ranges]
    said = []
    for known in ({}, *partial):
        with pytest.raises((ValueError, RuntimeError)) as caught:
            library.Quantizer(bytearray(wide.float32), recipe).quantize(
                quantizer.ranges_as_statistics(known), enable_progress_bar=False, enable_progress_report=False
            )
        said.append(str(caught.value))
    assert [message for message in said if not any(words in message for words in quantizer.NO_RANGE)] == []
    assert [words for words in quantizer.NO_RANGE if not any(words in message for message in said)] == []


def test_statistics_have_the_keys_we_read_and_write(wide: Made) -> None:
    """`observe` and `ranges_as_statistics` speak of `min` and `max`; `statistics` drops these and keeps what GPTQ and OSCAR add."""
    graph = flatbuffer.read(wide.float32)
    rows = [{name: array[i : i + 1] for name, array in wide.samples.items()} for i in range(3)]
    kept = {}
    for algorithm in ("min_max", "gptq", "oscar"):
        recipe = recipes.whole(graph, scheme="dynamic_wi8_afp32", algorithm=algorithm, granularity="channel", io_dtype="float32")
        found = quantizer.statistics(wide.float32, rows, recipe=recipe, signature=graph.signature)
        kept[algorithm] = {key for qsv in found.values() for key in qsv}
    assert "hessian" in kept["gptq"]
    assert kept["gptq"] != kept["oscar"]
    for keys in kept.values():
        assert not keys & {"min", "max"}


# --- TensorFlow: the network is run in parts by what its graphs were before functions, which is old and stays, it is said.


def test_a_frozen_graph_can_be_read_and_fed_anywhere() -> None:
    from pipeline.source.tensorflow_setup import tf

    traced = tf.function(lambda x: tf.nn.relu(x * 2.0), input_signature=[tf.TensorSpec([3], tf.float32, name="x")])
    concrete = traced.get_concrete_function()
    assert concrete._arg_keywords == ["x"]
    graph = tf.Graph()
    with graph.as_default():
        tf.graph_util.import_graph_def(concrete.graph.as_graph_def(), name="")
    options = tf.compat.v1.ConfigProto()
    options.graph_options.rewrite_options.disable_meta_optimizer = True
    session = tf.compat.v1.Session(graph=graph, config=options)
    (middle,) = [operation.outputs[0].name for operation in graph.get_operations() if operation.type == "Mul"]
    (end,) = [operation.outputs[0].name for operation in graph.get_operations() if operation.type == "Relu"]
    np.testing.assert_array_equal(session.run(middle, {"x:0": [1, -1, 2]}), [2, -2, 4])
    np.testing.assert_array_equal(session.run(end, {middle: [1, -1, 2]}), [1, 0, 2])
    with pytest.raises(ValueError, match="Cannot feed value of shape"):
        session.run(end, {middle: [1, 2]})


# --- DVC composes conf/ for `dvc exp run`; `make params` calls the same function, so that both write the same bytes.


def test_dvc_composes_with_the_function_that_make_params_calls() -> None:
    assert list(inspect.signature(compose_and_dump).parameters) == [
        "output_file",
        "config_dir",
        "config_module",
        "config_name",
        "plugins_path",
        "overrides",
    ]


def test_compare_finds_the_cache_and_fetches_by_hash() -> None:
    """`pipeline.cli.compare` asks DVC's configuration for the cache, as `dvc cache dir` does, and its remote for files by hash."""
    assert Config.from_cwd()["cache"].get("dir") is None
    assert next(iter(inspect.signature(DataCloud.pull).parameters)) == "self"
    assert "objs" in inspect.signature(DataCloud.pull).parameters
    assert HashInfo("md5", "0" * 32).value == "0" * 32


# --- DVC has no place for what a sweep does before a stage runs. What stage_runs.py and remote_runs.py of pipeline/sweeping do with
# these functions is tested there, on DVC itself; here is where to look after an upgrade.


def test_every_stage_that_is_not_up_to_date_goes_through_the_two_functions_that_a_sweep_wraps() -> None:
    assert "self.run(" in inspect.getsource(dvc.stage.Stage.reproduce)
    assert "unlocked_repo(cmd_run)" in inspect.getsource(dvc.stage.run.run_stage)
    assert {"pull"} <= set(inspect.signature(dvc.stage.cache.StageCache.restore).parameters)


def test_the_run_cache_keeps_an_entry_under_its_key_and_value() -> None:
    assert '"runs"' in inspect.getsource(dvc.stage.cache.StageCache.__init__)
    assert "key[:2], key" in inspect.getsource(dvc.stage.cache.StageCache._get_cache_dir)


def test_hydra_names_the_file_that_it_misses() -> None:
    assert MissingConfigException("m", "quantization/int7").missing_cfg_file == "quantization/int7"


def test_nothing_of_hydra_is_replaced_or_private() -> None:
    for folder in ("pipeline", "hydra_plugins"):
        for path in (ROOT / folder).rglob("*.py"):
            assert not [name for name in _imports(path) if name.startswith(("hydra._", "hydra.core", "omegaconf._"))], path.name
