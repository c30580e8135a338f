from collections.abc import Callable

from tests.made import Made


def test_what_became_of_each_layer(nets: Callable[[str], Made]) -> None:
    made = nets("convolutions")
    reasons = {row["path"]: row["reason"] for row in made.proof.layers}
    assert all(row["passed"] for row in made.proof.layers)
    assert reasons["conv"] == "present as CONV_2D"
    assert reasons["bn_full"] == reasons["relu6"] == "part of CONV_2D of conv"
    assert reasons["separable"] == "present as DEPTHWISE_CONV_2D, CONV_2D"
    assert reasons["bn_alone"] == "present as MUL, ADD"
    assert reasons["dropout"] == "computes nothing at inference"
    assert reasons["flatten"] == "present as RESHAPE"
    assert reasons["first"] == "present as FULLY_CONNECTED, SOFTMAX"


def test_a_shared_layer_is_looked_for_at_each_call(nets: Callable[[str], Made]) -> None:
    rows = {row["path"]: row for row in nets("shared").proof.layers}
    assert rows["twice"]["calls"] == 2
    assert len(rows["twice"]["operators"]) == 2
