from pathlib import Path
from typing import Any

from pipeline.lib import files, page, paths


def context(finished: Path, **changes: Any) -> dict[str, Any]:
    metrics = files.read_json(finished / paths.METRICS)
    latency = files.read_json(finished / paths.LATENCY)["variants"]
    return {
        "source": files.read_json(finished / paths.SOURCE_FACTS),
        "accuracy": files.read_json(finished / paths.ACCURACY),
        "rows": metrics["variants"],
        "decision": files.read_json(finished / paths.SELECTED / "decision.json"),
        "verified": {name: files.read_json(finished / paths.VERIFY_REPORTS / f"{name}.json") for name in metrics["variants"]},
        "latency": {"threads": 1, "variants": latency},
        "ranges": files.read_json(finished / paths.RANGES),
        "picture": "<svg></svg>",
    } | changes


def test_a_figure_that_does_not_exist_is_a_dash() -> None:
    assert page.number(None) == "–"
    assert page.number(0.123456) == "0.1235"


def test_user_text_is_escaped(finished: Path) -> None:
    source = {**files.read_json(finished / paths.SOURCE_FACTS), "name": "<script>alert(1)</script>"}
    text = page.html(context(finished, source=source))
    assert "<script>" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text


def test_without_labels_the_page_says_so(finished: Path) -> None:
    accuracy = {"labelled": False, "n": 450, "task": "classification", "deciding": "accuracy"}
    assert "The data has no labels" in page.html(context(finished, accuracy=accuracy, picture=None))
    assert "450 evaluation samples without labels" in page.markdown(context(finished, accuracy=accuracy, picture=None))
