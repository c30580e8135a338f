from pipeline.tflite import layer_names
from pipeline.tflite.flatbuffer import Graph, Operator, Tensor


def tensor(name: str) -> Tensor:
    return Tensor(name=name, shape=(1,), dtype="float32", data=None, scales=None, zero_points=None, quantized_dimension=0)


def carried(names: list[str], paths: list[str], *, numbered: bool = True) -> list[object]:
    operators = [Operator(name="ADD", inputs=(), outputs=(i,)) for i in range(len(names))]
    graph = Graph(signature="s", inputs={}, outputs={}, tensors=[tensor(name) for name in names], operators=operators)
    return [row.layers for row in layer_names.operators_by_layer(graph, paths, numbered=numbered)]


def test_all_layers_fused_into_an_operator_are_named() -> None:
    name = "net_1/relu_1/Relu;net_1/bn_1/batchnorm/add_1;net_1/conv_1/convolution"
    assert carried([name], ["conv", "bn", "relu", "dense"]) == [["conv", "bn", "relu"]]


def test_a_layer_named_with_a_number_is_not_the_one_without() -> None:
    assert carried(["net_1/conv_1/convolution", "net_1/conv_1_1/convolution"], ["conv", "conv_1"]) == [["conv"], ["conv_1"]]


def test_a_shared_layer_s_second_call_is_the_same_layer() -> None:
    assert carried(["net_1/dense_1/MatMul", "net_1/dense_3/MatMul"], ["dense"]) == [["dense"], ["dense"]]


def test_names_of_keras_2_and_of_nested_models() -> None:
    assert carried(["model/conv/Conv2D", "model/conv_1/Conv2D"], ["conv", "conv_1"], numbered=False) == [["conv"], ["conv_1"]]
    assert carried(["net_1/inner_1/conv_1/convolution"], ["inner", "inner/conv", "conv2"]) == [["inner", "inner/conv"]]
