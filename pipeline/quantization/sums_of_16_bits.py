"""Additions and subtractions of 16 bits.

For scales that are powers of two LiteRT has an older kernel, which shifts instead of multiplying and refuses an operand whose scale
is above the result's (`input1_shift <= 0` in tensorflow/lite/kernels/add.cc). It takes a scale within 0.07 % for a power of two, as
1/32767 is: a picture brought from 0..255 to -1..1 would not run. The option `pot_scale_int16`, true where nothing else is said,
asks for it. TFLiteConverter says no (SetOperatorPropertyADDSUBOperator in tensorflow/lite/tools/optimize/quantize_model.cc),
litert-quantizer leaves it.
"""

from pipeline.tflite import flatbuffer

_KINDS = ("ADD", "SUB")


def general(model: bytes) -> bytes:
    """The file whose sums of 16 bits are computed by the kernel for scales of any kind.

    Args:
        model: .tflite file, as the quantizer wrote it.

    Returns:
        The same bytes when there is no such sum.
    """
    places = [
        (number, index)
        for number, subgraph in enumerate(flatbuffer.read(model).subgraphs)
        for index, operator in enumerate(subgraph.operators)
        if operator.name in _KINDS and subgraph.tensors[operator.outputs[0]].dtype == "int16"
    ]
    if not places:
        return model
    content = flatbuffer.editable(model)
    for number, index in places:
        operator = content.subgraphs[number].operators[index]
        # Without a table of options LiteRT takes the general kernel.
        if operator.builtinOptions is not None:
            operator.builtinOptions.potScaleInt16 = False
    return flatbuffer.packed(content)
