"""Stage `report`: one page that opens offline, a summary in Markdown, and the pictures."""

from pipeline import config
from pipeline.lib import files, page, paths, pictures, sufficiency
from pipeline.lib.errors import run


def main() -> None:
    settings = config.read()
    config.require(settings, ["matplotlib"])
    names = list(settings.variants)
    accuracy, metrics = files.read_json(paths.ACCURACY), files.read_json(paths.METRICS)
    decision = files.read_json(paths.SELECTED / "decision.json")
    picture = None
    if accuracy["labelled"]:
        deciding = accuracy["deciding"]
        picture = pictures.bytes_against_accuracy(
            metrics["variants"], metric=deciding, baseline=accuracy["original"][deciding], selected=decision["selected"]
        )
    latency = files.read_json(paths.LATENCY)["variants"]
    ranges, split = files.read_json(paths.RANGES), files.read_json(paths.SPLIT)
    pool = split["sets"]["calibration"]
    context = {
        "source": files.read_json(paths.SOURCE_FACTS),
        "accuracy": accuracy,
        "rows": {name: metrics["variants"][name] for name in names},
        "decision": decision,
        "verified": {name: files.read_json(paths.VERIFY_REPORTS / f"{name}.json") for name in names},
        "latency": {"threads": latency[names[0]]["threads"], "variants": latency},
        "ranges": ranges,
        "calibration": sufficiency.advice(
            ranges["stability"], samples=ranges["samples"], pool=pool["n"], classes=split["classes"], by_class=pool["by_class"]
        ),
        "picture": picture,
    }
    with files.replacing(paths.PICTURES) as folder:
        folder.mkdir()
        if picture is not None:
            (folder / "bytes_against_accuracy.svg").write_text(picture, encoding="utf-8", newline="\n")
    files.write_text(paths.PAGE, page.html(context))
    files.write_text(paths.SUMMARY, page.markdown(context))


if __name__ == "__main__":
    run(main)
