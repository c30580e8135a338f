import pytest

from pipeline.quantization import quantizer_support


def found(
    name: str, scheme: str, algorithm: str = "min_max", granularity: str = "channel", **options: bool
) -> tuple[str, str, str] | None:
    answer = quantizer_support.nearest(name, scheme=scheme, algorithm=algorithm, granularity=granularity, **options)
    if answer is None:
        return None
    weights = answer[1].weight_tensor_config
    return (
        answer[0],
        quantizer_support.dtype_of(weights),
        quantizer_support.GRANULARITY_OF[str(quantizer_support.plain(weights.granularity))],
    )


@pytest.mark.parametrize(
    ("name", "asked", "nearest"),
    [
        ("CONV_2D", ("dynamic_wi4_afp32", "octav", "channel"), ("octav", "int4", "channel")),
        ("CONV_2D", ("dynamic_wi4_afp32", "gptq", "channel"), ("min_max", "int4", "channel")),
        ("CONV_2D", ("dynamic_wi4_afp32", "octav", "block32"), ("octav", "int4", "channel")),
        ("FULLY_CONNECTED", ("dynamic_wi4_afp32", "gptq", "block64"), ("gptq", "int4", "block64")),
        ("DEPTHWISE_CONV_2D", ("dynamic_wi4_afp32", "octav", "channel"), ("octav", "int8", "channel")),
        ("DEPTHWISE_CONV_2D", ("dynamic_wi8_afp32", "min_max", "tensor"), ("min_max", "int8", "channel")),
        ("DEPTHWISE_CONV_2D", ("static_wi8_ai8", "min_max", "tensor"), ("min_max", "int8", "tensor")),
        ("BATCH_MATMUL", ("dynamic_wi8_afp32", "mse", "channel"), ("min_max", "int8", "channel")),
        ("BATCH_MATMUL", ("float16", "none", "none"), None),
        ("HARD_SWISH", ("static_wi8_ai16", "min_max", "channel"), None),
    ],
)
def test_the_nearest_there_is(name: str, asked: tuple[str, str, str], nearest: tuple[str, str, str] | None) -> None:
    assert found(name, *asked) == nearest


def test_a_search_gets_the_widths_it_asks_for_or_nothing() -> None:
    assert found("DEPTHWISE_CONV_2D", "dynamic_wi4_afp32", narrower=False) is None


def test_activations_are_symmetric_where_litert_wants_them() -> None:
    """int16 kernels take no zero point; int8 ones do, and uint8 has none that is 0 for all."""
    symmetric = {
        scheme: quantizer_support.config(scheme, bits=8, granularity="channel").activation_tensor_config.symmetric
        for scheme in ("static_wi8_ai8", "static_wi8_ai16")
    }
    assert symmetric == {"static_wi8_ai8": False, "static_wi8_ai16": True}
    assert quantizer_support.io_config("uint8").activation_tensor_config.dtype == "UINT"


def test_plain_values_for_json() -> None:
    config = quantizer_support.config("dynamic_wi4_afp32", bits=4, granularity="block32")
    weights = quantizer_support.plain(config.to_dict())["weight_tensor_config"]
    assert weights == {"num_bits": 4, "symmetric": True, "granularity": "BLOCKWISE_32", "dtype": "INT"}
    assert [type(value) for value in weights.values()] == [int, bool, str, str]


def test_names_of_algorithms() -> None:
    assert quantizer_support.key(None) == "no_quantize"
    assert quantizer_support.key("gptq") == "GPTQ"
    assert not quantizer_support.is_static("dynamic_wi8_afp32")
    assert quantizer_support.is_static("static_wi4_ai16")
