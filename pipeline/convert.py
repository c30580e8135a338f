"""Stage `convert`: the SavedModel as a float32 .tflite file, and which operators carry which layer."""

import msgspec

from pipeline import config, files, paths
from pipeline.errors import run
from pipeline.source import converter
from pipeline.source.source_record import Source
from pipeline.tflite import control_flow, flatbuffer, layer_names
from pipeline.tflite.layers_record import Layers


def main() -> None:
    settings = config.read()
    config.require(settings, ["tensorflow"])
    source = files.read_record(paths.SOURCE_FACTS, Source)
    options = settings.convert
    model = converter.convert_saved_model(paths.SOURCE, select_tf_ops=options.select_tf_ops, custom_ops=options.custom_ops)
    graph = flatbuffer.read(model)
    rows = layer_names.operators_by_layer(
        graph,
        [layer.path for layer in source.layers],
        numbered=source.format in layer_names.NUMBERED,
    )
    carried = {row.tensor: ", ".join(row.layers) or row.tensor for row in rows}
    for loop in control_flow.found(graph):
        place = carried[graph.tensors[loop.outputs[0]].name]
        print(f"convert: {loop.name} at {place}: no static scheme can quantize it; such variants will be rows without a file")
    files.write_bytes(paths.FLOAT32, model)
    files.write_json(paths.LAYERS, msgspec.to_builtins(Layers(operators=rows)))


if __name__ == "__main__":
    run(main)
