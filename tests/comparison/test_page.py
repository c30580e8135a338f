import json
import math
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from plotly.offline import get_plotlyjs

from pipeline.comparison import page, parameters, summary
from pipeline.comparison.rows import Kind, Row, wilson
from pipeline.selection.ranking import pareto
from tests.browser import Browser
from tests.comparison.test_summary import row

SHARE = Kind(True, True, True)
# What users name, and a page must not run.
EVIL = "<img src=x onerror=alert(1)>"
NAMES = [f"a{EVIL}</script><script>alert(2)</script>", "it's $(touch x) & <b>bold</b>", "%{x} ${1} &lt;i&gt;"]


# What the commit has; of the parameter that is HTML none of the values that were tried.
USUAL = {"calibrate.samples": 200, "seed": 0, f"calibrate.{EVIL}": "another"}


def grid() -> list[Row]:
    """12 points of two variants: three values of a parameter that are HTML, two of another, two of one that follows that."""
    made = []
    for place, (word, samples, seed) in enumerate((w, s, z) for w in NAMES for s in (50, 200) for z in (0, 1)):
        params = {f"calibrate.{EVIL}": word, "calibrate.samples": samples, "calibrate.copy": f"c{samples}", "seed": seed}
        for variant, size in (("int8", 20000), (f"other{EVIL}", 70000)):
            drop = round(math.sin(place * 7 + size) * 9) / 450
            value = 0.98 - drop
            low, high = wilson(value, 450, level=0.95)
            made.append(
                row(
                    f"point-{place}{'<i>' if place == 0 else ''}",
                    params,
                    variant=variant,
                    value=value,
                    value_low=low,
                    value_high=high,
                    drop=drop,
                    drop_low=drop - 0.01,
                    drop_high=drop + 0.012,
                    bytes=size + 100 * ((place * 5) % 12),
                    sqnr_db=40.0 + place,
                    latency_ms=0.01 + place / 1000,
                    shipped=variant == "int8",
                    verified=place != 11,
                )
            )
    return made


def write(folder: Path, found: Sequence[Row], kind: Kind = SHARE) -> Path:
    said, lost = summary.constants(found, kind, sweep=None), {f"lost{EVIL}": "<b>why</b>"}
    text = page.html(found, kind, said, lost, usual=USUAL, plotly=get_plotlyjs())
    path = folder / "compare.html"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_data_of_the_page_is_that_of_the_rows() -> None:
    found = grid()
    data = page.data(found, SHARE, USUAL)
    assert [entry["label"] for entry in data["parameters"]] == [EVIL, "samples", "copy", "seed"]
    assert {entry["name"]: entry["follows"] for entry in data["parameters"]}["calibrate.copy"] == "calibrate.samples"
    assert [entry["key"] for entry in data["figures"]] == ["bytes", "latency_ms", "value", "drop", "sqnr_db"]
    for drawn, made in zip(data["rows"], found, strict=True):
        assert (drawn["experiment"], drawn["variant"], drawn["shipped"]) == (made.experiment, made.variant, made.shipped)
        assert drawn["bytes"] == made.bytes
        assert drawn["drop"] == made.drop * 100  # type: ignore[operator]
        assert drawn["params"] == [parameters.shown(value) for value in made.params.values()]
    assert data["rows"][0]["apply"] == "python -m pipeline.cli.apply 'point-0<i>'"


def test_intervals_stay_with_what_they_are_of() -> None:
    """The primary metric has an interval of its own or none; that of the difference belongs to the drop alone."""
    figures = {entry["key"]: entry["ends"] for entry in page.data(grid(), SHARE, USUAL)["figures"]}
    assert figures["value"] == ("value_low", "value_high")
    assert figures["drop"] == ("drop_low", "drop_high")
    assert {ends for key, ends in figures.items() if key not in ("value", "drop")} == {None}
    rms = page.data([row(), row("b")], Kind(False, False, False), {})
    assert {entry["key"]: entry["ends"] for entry in rms["figures"]}["value"] is None
    assert {entry["key"]: entry["less"] for entry in rms["figures"]}["value"] is True


def test_names_are_text_in_the_page(tmp_path: Path) -> None:
    text = write(tmp_path, grid()).read_text(encoding="utf-8")
    assert "<img" not in text.replace(get_plotlyjs(), "")
    assert "<b>why" not in text
    assert text.count("</script>") == 3
    (data,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert json.loads(data)["rows"][0]["params"][0] == NAMES[0]
    assert "connect-src" not in text
    assert "default-src 'none'" in text
    assert json.loads(data)["rows"][0]["baseline"] == "b" * 7


# What the test asks of the page, each a function by its name.
PROBES = Path(__file__).with_name("probes.js").read_text(encoding="utf-8")


def _ask(browser: Browser, name: str, *arguments: Any) -> Any:
    return browser.value(f"probes.{name}(...{json.dumps(arguments)})")


def _open(browser: Browser, path: Path, *, rows: int = 24) -> None:
    browser.open(path)
    browser.value(f"(() => {{ {PROBES} return true; }})()")
    _until(browser, ("says", "#count"), f"{rows} of {rows} rows")


def _quiet(browser: Browser, path: Path) -> None:
    """Nothing was asked for, logged or thrown."""
    assert [event["request"]["url"] for event in browser.events["Network.requestWillBeSent"]] == [path.resolve().as_uri()]
    for kind in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded", "Page.javascriptDialogOpening"):
        assert not browser.events.get(kind), kind


def _mouse(browser: Browser, kind: str, x: float, y: float, **more: Any) -> None:
    browser.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)


def _until(browser: Browser, asked: tuple[Any, ...], expected: Any) -> None:
    """Wait for what follows an event after a moment."""
    for _ in range(100):
        if (found := _ask(browser, *asked)) == expected:
            return
        time.sleep(0.05)
    assert found == expected


@pytest.mark.slow
def test_in_a_real_browser(tmp_path: Path) -> None:
    found = grid()
    path = write(tmp_path, found)
    with Browser(tmp_path / "profile") as browser:
        for width, scheme in ((390, "dark"), (1280, "light")):
            browser.call("Emulation.setDeviceMetricsOverride", width=width, height=1000, deviceScaleFactor=1, mobile=width < 500)
            browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
            _open(browser, path)
            _quiet(browser, path)
            # It fits the screen, and so does the picture that does not scroll.
            assert browser.value("document.documentElement.scrollWidth") <= width
            assert browser.value("document.getElementById('scatter').getBoundingClientRect().right") <= width
            assert browser.value("document.querySelectorAll('.plot .main-svg').length") >= 5
            assert browser.value("document.querySelectorAll('img, main b, main i, svg a').length") == 0
        _charts(browser, found)
        _points(browser, found)
        _filters(browser, found)
        _effects(browser, found)
        _quiet(browser, path)
        # Little or nothing to draw: one row alone, rows without a figure.
        lost: dict[str, Any] = {"value": None, "drop": None, "drop_low": None, "bytes": None, "sqnr_db": None, "verified": False}
        for few in ([row()], [row(**lost)], [row(**lost), row("b", {"n": 1}), row("c", {"n": 2}, variant="int4")]):
            path = write(tmp_path, few)
            _open(browser, path, rows=len(few))
            _quiet(browser, path)
            assert len(_ask(browser, "table")) == len(few)


def _charts(browser: Browser, found: Sequence[Row]) -> None:
    """What is drawn are the figures of the rows; the axes can be picked, the interval goes with its figure, the front is right."""
    for x, y, ends in (
        ("bytes", "value", ("value_low", "value_high")),
        ("latency_ms", "drop", ("drop_low", "drop_high")),
        ("bytes", "sqnr_db", None),
    ):
        _ask(browser, "set", "x", x, "change")
        _ask(browser, "set", "y", y, "change")
        scale = 1 if y == "sqnr_db" else 100
        for (place, across, up, below, above), made in zip(_ask(browser, "drawn"), found, strict=True):
            assert found[place] is made
            assert across == getattr(made, x)
            assert up == pytest.approx(getattr(made, y) * scale)
            assert ([below, above] == [None, None]) == (ends is None)
            if ends is not None:
                assert [up - below, up + above] == pytest.approx([getattr(made, end) * scale for end in ends])
        sign = -1 if y == "drop" else 1
        able = {str(at): made for at, made in enumerate(found) if made.verified}
        points = {name: (float(getattr(made, x)), sign * getattr(made, y) * scale) for name, made in able.items()}
        expected = [points[name] for name in pareto(points)]
        *front, end = [(across, sign * up) for across, up in _ask(browser, "frontier")]
        assert np.array(sorted(front)) == pytest.approx(np.array(sorted(expected)))
        assert end == pytest.approx((max(getattr(made, x) for made in found), expected[-1][1]))
        assert _ask(browser, "upside_down") == (y == "drop")
    _ask(browser, "set", "colour", "1", "change")
    assert browser.value("probes.points().map((one) => one.name)") == ["50", "200"]
    _ask(browser, "set", "colour", "0", "change")
    legend = browser.value("[...document.querySelectorAll('#scatter .legendtext')].map((one) => one.textContent)")
    assert "%{x} ${1} &lt;i&gt;" in legend
    _ask(browser, "set", "colour", "-1", "change")


def _points(browser: Browser, found: Sequence[Row]) -> None:
    """Pointing at a row shows it, with its name as text; a click keeps it, and tells how to bring it back."""
    x, y = _ask(browser, "place", 1)
    _mouse(browser, "mouseMoved", x - 40, y - 40)
    _mouse(browser, "mouseMoved", x, y)
    _until(browser, ("says", "#point h3"), "point-0<i>")
    assert "point-0<i>" in _ask(browser, "says", "#scatter .hovertext")
    assert found[1].experiment == "point-0<i>"
    _mouse(browser, "mousePressed", x, y, button="left", clickCount=1)
    _mouse(browser, "mouseReleased", x, y, button="left", clickCount=1)
    _until(browser, ("says", "tr.chosen td"), "point-0<i>")
    assert _ask(browser, "says", "#point pre") == "python -m pipeline.cli.apply 'point-0<i>'\ndvc repro"
    told = _ask(browser, "told")
    assert told["bytes"] == f"{found[1].bytes:,}"
    assert NAMES[0] in told.values()
    _ask(browser, "press", '#table tbody tr[data-place="4"]')
    assert _ask(browser, "says", "#point pre") == f"make apply NAME={found[4].experiment}\ndvc repro"


def _filters(browser: Browser, found: Sequence[Row]) -> None:
    """What is asked for narrows table and pictures alike; a box over an axis keeps the lines that pass it."""
    keeps: dict[str, Callable[[Any], bool]] = {
        "samples=50": lambda made: made.params["calibrate.samples"] == 50,
        "drop<0.5 bold": lambda made: made.drop * 100 < 0.5 and "bold" in made.params[f"calibrate.{EVIL}"],
        "variant=int8 seed=1 sqnr>44": lambda made: made.variant == "int8" and made.params["seed"] == 1 and made.sqnr_db > 44,
        "point-11": lambda made: made.experiment == "point-11",
        "nothing-has-this": lambda made: False,
    }
    for text, keep in keeps.items():
        _ask(browser, "set", "filter", text, "input")
        expected = [place for place, made in enumerate(found) if keep(made)]
        _until(browser, ("says", "#count"), f"{len(expected)} of 24 rows")
        assert _ask(browser, "table") == expected
        assert [row[0] for row in _ask(browser, "drawn")] == expected
    _ask(browser, "press", "#reset")
    _ask(browser, "press", "#variants button")
    assert _ask(browser, "table") == [place for place, made in enumerate(found) if made.variant != "int8"]
    _ask(browser, "press", "#reset")
    browser.value("document.getElementById('lines').scrollIntoView({block: 'center'})?.x ?? true")
    (left, top), (right, bottom) = _ask(browser, "on_screen", "lines", 1.7, 1.05), _ask(browser, "on_screen", "lines", 2.3, 0.8)
    _mouse(browser, "mouseMoved", left, top)
    _mouse(browser, "mousePressed", left, top, button="left", clickCount=1)
    for share in (0.3, 0.6, 1):
        _mouse(browser, "mouseMoved", left + share * (right - left), top + share * (bottom - top), button="left", buttons=1)
        time.sleep(0.1)
    _mouse(browser, "mouseReleased", right, bottom, button="left", clickCount=1)
    _until(browser, ("says", "#count"), "12 of 24 rows")
    assert _ask(browser, "table") == [place for place, made in enumerate(found) if made.params["calibrate.samples"] == 200]
    _ask(browser, "press", "#reset")
    _ask(browser, "press", "#table th:nth-child(7) button")
    assert _ask(browser, "table") == sorted(range(24), key=lambda place: (found[place].bytes, place))


def _effects(browser: Browser, found: Sequence[Row]) -> None:
    """Each mean is that of the differences between rows that differ in nothing else."""
    told = _ask(browser, "means")
    assert set(told) == {f"calibrate.{EVIL}", "calibrate.samples", "seed"}
    for name, values in ((f"calibrate.{EVIL}", NAMES), ("calibrate.samples", [50, 200]), ("seed", [0, 1])):
        usual = USUAL[name] if USUAL[name] in values else values[0]
        own = {name, "calibrate.copy"} if name == "calibrate.samples" else {name}
        drops: dict[tuple[Any, ...], float] = {}
        for made in found:
            same = (*(str(value) for key, value in made.params.items() if key not in own), made.variant)
            drops[*same, made.params[name]] = 100 * (made.drop or 0.0)
        rest = {key[:-1] for key in drops}
        expected = [np.mean([drops[*same, value] - drops[*same, usual] for same in rest]) for value in values]
        count, drawn = told[name]
        assert drawn == pytest.approx(expected, abs=1e-9)
        assert count == 24 - 24 // len(values)
    _ask(browser, "set", "effect", "sqnr_db", "change")
    assert _ask(browser, "means")["seed"][1] == pytest.approx([0, 1])
