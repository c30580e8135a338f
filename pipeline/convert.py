"""Stage `convert`: the SavedModel as a float32 .tflite file, and which operators carry which layer."""

from pipeline import config
from pipeline.lib import converter, files, flatbuffer, layers, paths
from pipeline.lib.errors import run


def main() -> None:
    settings = config.read()
    config.require(settings, ["tensorflow"])
    facts = files.read_json(paths.SOURCE_FACTS)
    model = converter.convert_saved_model(paths.SOURCE)
    rows = layers.operators_by_layer(
        flatbuffer.read(model), [layer["path"] for layer in facts["layers"]], numbered=facts["format"] == "keras"
    )
    files.write_bytes(paths.FLOAT32, model)
    files.write_json(paths.LAYERS, {"operators": rows})


if __name__ == "__main__":
    run(main)
