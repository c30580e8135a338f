import csv
import json
import re
import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest

from pipeline import files, paths
from pipeline.reporting import page
from tests import records
from tests.browser import Browser
from tests.helpers import call, stages_run

EVIL = "<script>alert(1)</script>|"


@pytest.fixture(scope="module")
def flipped(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy in which int8 decides 30 samples differently and float16 gives NaN, judged and reported anew."""
    target = Path(shutil.copytree(finished, tmp_path_factory.mktemp("flipped") / "project", symlinks=True))
    outputs = {name: np.load(target / paths.OUTPUTS / name / "probabilities.npy") for name in ("int8", "float16")}
    outputs["int8"][:30] = np.roll(outputs["int8"][:30], 1, axis=1)
    outputs["float16"][3, 2] = np.nan
    for name, array in outputs.items():
        path = target / paths.OUTPUTS / name / "probabilities.npy"
        path.unlink()  # a link into DVC's cache
        np.save(path, array)
        call("python", "-m", "pipeline.verify", name, cwd=target)
    for stage in ("evaluate", "select", "report"):
        call("python", "-m", f"pipeline.{stage}", cwd=target)
    return target


def shown(text: str, variant: str) -> dict[str, str]:
    """The cells of a variant's row on the page, by figure."""
    row = re.search(rf'<tr data-variant="{variant}".*?</tr>', text, re.DOTALL)
    assert row is not None
    return dict(re.findall(r'data-figure="([^"]+)"[^>]*>([^<]*)<', row[0]))


def expected(project: Path, variant: str) -> dict[str, str]:
    """The same cells, from reports/metrics.json and reports/accuracy.json."""
    row = files.read_json(project / paths.METRICS)["variants"][variant]
    p_holm = files.read_json(project / paths.ACCURACY)["variants"][variant]["p_holm"]
    cells = {
        name: page.number(row[name], digits) for name, digits in (("bytes", 0), ("accuracy", 4), ("sqnr_db", 1), ("agreement", 4))
    }
    cells["drop"] = page.difference(row["drop"], True)
    cells |= {"drop_low": page.low_end(row["drop_low"], True)} if row["drop_low"] is not None else {}
    cells |= {"drop_high": page.high_end(row["drop_high"], True)} if row["drop_high"] is not None else {}
    return cells | {"p_holm": page.number(p_holm, 3), "verified": "yes" if row["verified"] else "no"}


def test_one_page_that_asks_nothing_of_the_network(finished: Path) -> None:
    text = (finished / paths.PAGE).read_text(encoding="utf-8")
    # Names of XML vocabularies look like addresses; nobody asks them for anything.
    vocabularies = ("http://www.w3.org/", "http://purl.org/", "http://creativecommons.org/")
    assert not [found for found in re.findall(r"https?://[^\s\"'<>]+", text) if not found.startswith(vocabularies)]
    assert "<script" not in text
    assert not re.findall(r"<(?:img|link|iframe)[^>]+(?:src|href)=\"(?!data:)", text)
    assert "default-src 'none'" in text


def test_the_figures_are_those_of_metrics_json(finished: Path) -> None:
    text, metrics = (finished / paths.PAGE).read_text(encoding="utf-8"), files.read_json(finished / paths.METRICS)
    decision = files.read_json(finished / paths.SELECTED / "decision.json")
    assert f'id="sentence">{decision["sentence"]}<' in text
    for name in metrics["variants"]:
        assert shown(text, name) == expected(finished, name)
        for width in ("wide", "narrow"):
            assert f">{name}<" in (finished / paths.PICTURES / f"bytes_against_accuracy_{width}.svg").read_text(encoding="utf-8")


def test_the_summary_has_a_row_for_each_variant(finished: Path) -> None:
    summary, metrics = (finished / paths.SUMMARY).read_text(encoding="utf-8"), files.read_json(finished / paths.METRICS)
    for name, row in metrics["variants"].items():
        shown_name = f"**{name}**" if name == metrics["selected"] else name
        assert f"| {shown_name} | {row['bytes']:,} | {row['accuracy']:.4f} |" in summary


def test_changed_predictions_is_shown_as_images(flipped: Path) -> None:
    text = (flipped / paths.PAGE).read_text(encoding="utf-8")
    labels = np.load(flipped / paths.EVALUATION / "labels.npy")
    before = np.load(flipped / paths.REFERENCE / "probabilities.npy").argmax(1)
    lost = int((before[:30] == labels[:30]).sum())
    after = np.load(flipped / paths.OUTPUTS / "int8" / "probabilities.npy").argmax(1)
    won = int(((after == labels) & (before != labels)).sum())
    assert f"<strong>int8</strong>: 30 of 450 decisions flipped, {lost} from right to wrong, {won} from wrong to right" in text
    assert text.count('<img src="data:image/png;base64,') == 24
    assert re.search(r'alt="sample digits\[\d+\], labelled \d"', text)
    assert "24 of 30 shown" in text
    assert shown(text, "int8") == expected(flipped, "int8")
    decision = files.read_json(flipped / paths.SELECTED / "decision.json")
    assert re.fullmatch(r"loses 6\.\d points, drop \d\.\d to \d\.\d \(95 %\)", decision["verdicts"]["int8"])


def test_outputs_that_are_not_finite_are_a_row_and_not_a_crash(flipped: Path) -> None:
    row = files.read_json(flipped / paths.METRICS)["variants"]["float16"]
    assert row["verified"] is False
    assert row["accuracy"] is row["drop"] is row["p_value"] is None
    decision = files.read_json(flipped / paths.SELECTED / "decision.json")
    assert "its drop is unknown: NaN or infinity in the outputs" in decision["reasons"]["float16"]
    assert decision["verdicts"]["float16"] == "no figure: NaN or infinity in the outputs"
    assert shown((flipped / paths.PAGE).read_text(encoding="utf-8"), "float16")["accuracy"] == "–"


def test_user_text_is_escaped_on_the_page_and_in_the_summary(project: Path) -> None:
    facts, split = files.read_json(project / paths.SOURCE_FACTS), files.read_json(project / paths.SPLIT)
    decision = files.read_json(project / paths.SELECTED / "decision.json")
    (project / paths.SOURCE_FACTS).unlink()
    files.write_json(project / paths.SOURCE_FACTS, facts | {"name": EVIL})
    split["classes"][0] = EVIL
    split["sets"]["calibration"]["by_class"] = {EVIL: 200}
    files.write_json(project / paths.SPLIT, split)
    decision["reasons"]["int8"] = EVIL
    files.write_json(project / paths.SELECTED / "decision.json", decision)
    call("python", "-m", "pipeline.report", cwd=project)
    text = (project / paths.PAGE).read_text(encoding="utf-8")
    assert "<script" not in text
    assert text.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 4
    assert "&lt;script>alert(1)&lt;/script>\\| |" in (project / paths.SUMMARY).read_text(encoding="utf-8")


def test_without_labels_everything_still_runs_and_says_so(project: Path) -> None:
    (project / paths.EVALUATION / "labels.npy").unlink()
    for stage in ("evaluate", "select", "report", "gate"):
        call("python", "-m", f"pipeline.{stage}", cwd=project)
    assert "The data has no labels" in (project / paths.PAGE).read_text(encoding="utf-8")
    assert "450 evaluation samples without labels" in (project / paths.SUMMARY).read_text(encoding="utf-8")
    assert files.read_json(project / paths.METRICS)["selected"] == "dynamic_int8"
    assert "nothing is known about accuracy" in (project / paths.SELECTED / "MODEL_CARD.md").read_text(encoding="utf-8")


def test_certificate_and_divergence_are_shown(project: Path) -> None:
    path = project / paths.VERIFY_REPORTS / "int8.json"
    report = files.read_json(path)
    assert report["certificate"]["summary"].startswith("17,802 of 17,802 parameters accounted for")
    followed = records.divergence(records.diverging("CONV_2D", layers=("conv",), sqnr_db=31.5))
    report["divergence"] = msgspec.to_builtins(followed)
    report["certificate"]["not_compared"] = ["SHAPE (flatten): no <numbers>"]
    report["certificate"]["also"] = ["metadata notes, 16 bytes", "description: of & by"]
    files.write_json(path, report)
    call("python", "-m", "pipeline.report", cwd=project)
    text = (project / paths.PAGE).read_text(encoding="utf-8")
    assert report["certificate"]["summary"] in text
    assert "Not compared by running: SHAPE (flatten): no &lt;numbers&gt;." in text
    assert "Also in the file: metadata notes, 16 bytes; description: of &amp; by." in text
    summary = (project / paths.SUMMARY).read_text(encoding="utf-8")
    assert "`int8`: not compared by running: SHAPE (flatten): no &lt;numbers>." in summary
    assert summary.count("not compared by running") == 1
    assert "Where it diverges" in text
    assert "31.5" in text


def test_a_comment_in_dvc_yaml_runs_nothing_and_the_report_still_works(project: Path) -> None:
    call("dvc", "repro", cwd=project)  # brings back what a test that ran a stage by hand has written
    before = (project / paths.PAGE).read_bytes()
    with (project / "dvc.yaml").open("a", encoding="utf-8") as stream:
        stream.write("# edited\n")
    assert stages_run(call("dvc", "repro", cwd=project).stdout) == set()
    call("python", "-m", "pipeline.report", cwd=project)
    assert (project / paths.PAGE).read_bytes() == before


def test_dvc_plots_shows_the_same_figures(finished: Path) -> None:
    shown_plots = json.loads(call("dvc", "plots", "show", "--json", cwd=finished).stdout)["data"]
    assert set(shown_plots) == {"tradeoff", "latency", "divergence", "confusion"}
    values = {row["variant"]: row for row in shown_plots["tradeoff"][0]["content"]["data"]["values"]}
    for name, row in files.read_json(finished / paths.METRICS)["variants"].items():
        assert values[name]["value"] == row["accuracy"]
        assert values[name]["kilobytes"] == row["bytes"] / 1000
    with (finished / paths.PLOTS / "confusion.csv").open(encoding="utf-8") as stream:
        samples = list(csv.DictReader(stream))
    metrics = files.read_json(finished / paths.METRICS)
    assert np.mean([row["actual"] == row["predicted"] for row in samples]) == pytest.approx(metrics["accuracy"])


@pytest.mark.slow
@pytest.mark.parametrize("width", [1200, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_in_a_real_browser(flipped: Path, tmp_path: Path, width: int, scheme: str) -> None:
    with Browser(tmp_path / "profile") as browser:
        metrics = {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": width < 500}
        browser.call("Emulation.setDeviceMetricsOverride", **metrics)
        browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        browser.open(flipped / paths.PAGE)
        # Nothing in the console, nothing thrown, and the page itself is all that was asked for.
        assert not browser.events.get("Runtime.consoleAPICalled")
        assert not browser.events.get("Runtime.exceptionThrown")
        assert not browser.events.get("Log.entryAdded")
        asked = [event["request"]["url"] for event in browser.events["Network.requestWillBeSent"]]
        assert [url for url in asked if not url.startswith("data:")] == [(flipped / paths.PAGE).resolve().as_uri()]
        # Pictures can be read without being seen.
        assert browser.value("[...document.images].every(image => image.alt && image.complete && image.naturalWidth)")
        assert browser.value("document.images.length") == 24
        assert browser.value("[...document.querySelectorAll('svg')].every(svg => svg.closest('[role=img]')?.ariaLabel)")
        # The visible numbers are those of reports/metrics.json.
        cells = browser.value(
            "Object.fromEntries([...document.querySelectorAll('tr[data-variant]')].map(row => [row.dataset.variant, "
            "Object.fromEntries([...row.querySelectorAll('[data-figure]')].map(cell => [cell.dataset.figure, cell.innerText]))]))"
        )
        assert cells == {name: expected(flipped, name) for name in files.read_json(flipped / paths.METRICS)["variants"]}
        # It fits the screen: only tables scroll, within themselves; one of the two pictures is seen.
        assert browser.value("document.documentElement.scrollWidth") <= width
        visible = "[...document.querySelectorAll('.chart svg')].filter(svg => svg.checkVisibility()).length"
        assert browser.value(visible) == 1
        paper = browser.value("getComputedStyle(document.documentElement).backgroundColor")
        assert (sum(map(int, re.findall(r"\d+", paper))) > 600) == (scheme == "light")


@pytest.mark.slow
def test_the_browser_sees_what_a_bad_page_does(tmp_path: Path) -> None:
    """The companion: a page that logs, throws and asks is caught at each."""
    (tmp_path / "bad.html").write_text("<script>console.error('x'); fetch('http://127.0.0.1:9/'); throw new Error('y')</script>")
    with Browser(tmp_path / "profile") as browser:
        browser.open(tmp_path / "bad.html")
        browser.value("1")
        assert browser.events["Runtime.consoleAPICalled"]
        assert browser.events["Runtime.exceptionThrown"]
        assert any("127.0.0.1:9" in event["request"]["url"] for event in browser.events["Network.requestWillBeSent"])
