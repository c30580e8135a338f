"""Single objects of a configuration; whole files are in tests/test_trust.py."""

from typing import Any

import pytest

from pipeline.source import config_trust

DENSE = {"class_name": "Dense", "config": {"name": "y", "activation": "relu", "kernel_initializer": "zeros"}}


@pytest.mark.parametrize(
    "config",
    [
        DENSE,
        {**DENSE, "module": "keras.layers", "registered_name": None},
        {**DENSE, "module": "keras.layers", "registered_name": "Dense"},
        {"class_name": "Add", "module": "keras.src.ops.numpy", "config": {"name": "add"}, "registered_name": "Add"},
        {"class_name": "function", "module": "keras.ops", "config": "relu", "registered_name": "relu"},
        {"class_name": "function", "module": "builtins", "config": "gelu", "registered_name": "gelu"},
        {"class_name": "Constant", "module": "tensorflow.python.ops.init_ops_v2", "config": {"value": 0}},
        {"class_name": "TFOpLambda", "config": {"name": "a", "function": "__operators__.getitem"}},
        {"class_name": "TFOpLambda", "config": {"name": "a", "function": "compat.v1.transpose"}},
        {"class_name": "ClassMethod", "config": {"cls_symbol": "RaggedTensor", "method_name": "from_tensor"}},
        {"class_name": "InstanceMethod", "config": {"attr_name": "to_tensor"}},
        {"class_name": "TensorFlowOpLayer", "config": {"node_def": {"op": "Mul", "attr": {"T": {"type": "DT_FLOAT"}}}}},
        {"class_name": "StringLookup", "config": {"vocabulary": ["a", "b"]}},
        {"class_name": "Lambda", "config": {"function": "mine", "function_type": "function", "output_shape": [4]}},
        {"class_name": "Mine", "module": "my.layers", "registered_name": "mine>Mine", "config": {"activation": "odd"}},
        {"class_name": "__numpy__", "config": {"value": [1.0], "dtype": "float32"}},
        {"class_name": "__typespec__", "spec_name": "TensorSpec", "module": "tensorflow.python.framework.tensor", "config": []},
        [{"data": {"activation": None}}, 3, "text"],
    ],
)
def test_sound(config: Any) -> None:
    assert config_trust.places(config, own={"mine", "mine>Mine"}) == []


@pytest.mark.parametrize(
    ("config", "what"),
    [
        ({"class_name": ["Dense"], "config": {}}, "a class without a name"),
        ({**DENSE, "module": ["keras"]}, "a class without a name"),
        ({**DENSE, "registered_name": ["mine"]}, "a class without a name"),
        ({"class_name": "function", "module": "keras.ops", "config": ["relu"]}, "the function keras.ops.['relu']"),
        ({**DENSE, "module": "keras.layers", "registered_name": "get_file"}, "keras.layers.Dense"),
        ({**DENSE, "module": "keras_hub.layers"}, "keras_hub.layers.Dense"),
        # The name of a class of the user's own is looked up by the registered one.
        ({"class_name": "mine", "module": "shutil", "registered_name": "rmtree", "config": {}}, "shutil.mine"),
        (
            {"class_name": "function", "module": "builtins", "config": "eval", "registered_name": "relu"},
            "the function builtins.eval",
        ),
        (
            {"class_name": "function", "module": "keras.ops", "config": "relu", "registered_name": "eval"},
            "the function keras.ops.relu",
        ),
        ({"class_name": "function", "module": "keras.utils", "config": "relu"}, "the function keras.utils.relu"),
        ({"class_name": "function", "module": "keras.applications", "config": "VGG16"}, "the function keras.applications.VGG16"),
        ({"class_name": "function", "module": "keras.opsx", "config": "relu"}, "the function keras.opsx.relu"),
        ({"class_name": "TFOpLambda", "config": {"name": "a", "function": ["io.write_file"]}}, "a TFOpLambda layer"),
        ({"class_name": "TFOpLambda", "config": {"name": "a"}}, "that calls tf.None"),
        ({"class_name": "TensorFlowOpLayer", "config": {"node_def": "\n\x01a"}}, "a TensorFlowOpLayer"),
        (
            {"class_name": "TensorFlowOpLayer", "config": {"node_def": {"op": "If", "attr": {"a": {"func": {}}}}}},
            "calls a function",
        ),
        ({"class_name": "Lambda", "config": {"function": ["4wEA", None, None]}}, "a Lambda layer"),
        ({"class_name": "Lambda", "config": {"function": {"class_name": "__tuple__", "items": ["4wEA", None]}}}, "a Lambda layer"),
        ({"class_name": "Lambda", "config": {"function": "system"}}, "the function system"),
        (
            {"class_name": "Bidirectional", "config": {"layer": {"class_name": "TFSMLayer", "config": {"name": "t"}}}},
            "a TFSMLayer (t)",
        ),
        (
            {"class_name": "Mine", "registered_name": "mine>Mine", "config": {"f": {"class_name": "JaxLayer", "config": {}}}},
            "a JaxLayer",
        ),
        (
            {"class_name": "Dense", "config": {}, "build_config": {"a": [{"class_name": "FlaxLayer"}]}},
            "a FlaxLayer (a of the model)",
        ),
    ],
)
def test_refused(config: Any, what: str) -> None:
    places = config_trust.places([DENSE, {"nested": config}], own={"mine", "mine>Mine"})
    assert len(places) >= 1
    assert what in places[0].what


def test_what_nobody_knows_is_rebuilt_of_the_graph() -> None:
    """By SavedModels of Keras 2 only, which import nothing."""
    config = [{"class_name": "Unknown", "config": {"name": "u"}}, {"class_name": "TFOpLambda", "config": {"function": "print"}}]
    assert [place.missing for place in config_trust.places(config, own=())] == ["Unknown", ""]
    assert [place.what.split()[1] for place in config_trust.places(config, own=(), loose=True)] == ["TFOpLambda"]
