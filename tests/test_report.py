import re
from pathlib import Path

from pipeline.lib import files, paths


def test_one_page_that_asks_nothing_of_the_network(finished: Path) -> None:
    page = (finished / paths.PAGE).read_text(encoding="utf-8")
    # Names of XML vocabularies look like addresses; nobody asks them for anything.
    vocabularies = ("http://www.w3.org/", "http://purl.org/", "http://creativecommons.org/")
    assert not [found for found in re.findall(r"https?://[^\s\"'<>]+", page) if not found.startswith(vocabularies)]
    assert "<script" not in page
    assert not re.findall(r"<(?:img|link|iframe)[^>]+(?:src|href)=\"(?!data:)", page)


def test_the_figures_are_those_of_metrics_json(finished: Path) -> None:
    page, metrics = (finished / paths.PAGE).read_text(encoding="utf-8"), files.read_json(finished / paths.METRICS)
    assert f"Ship <strong>{metrics['selected']}</strong>" in page
    for name, row in metrics["variants"].items():
        assert f"<td>{name}</td><td>{row['bytes']}</td><td>{row['accuracy']:.4f}</td>" in page
        assert f">{name}<" in (finished / paths.PICTURES / "bytes_against_accuracy.svg").read_text(encoding="utf-8")


def test_the_summary_has_a_row_for_each_variant(finished: Path) -> None:
    summary, metrics = (finished / paths.SUMMARY).read_text(encoding="utf-8"), files.read_json(finished / paths.METRICS)
    for name, row in metrics["variants"].items():
        assert f"| {name} | {row['bytes']} |" in summary
