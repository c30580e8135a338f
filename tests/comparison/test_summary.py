from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.comparison import rows, summary
from pipeline.comparison.rows import Kind, Row
from pipeline.comparison.text_table import wide
from tests.made_experiments import figures

SHARE = Kind(True, True, True)
ODD = st.text("abc漢_-.<b>|`*\n\x1b\\ 012", min_size=1, max_size=50)


def row(experiment: str = "lucky-boar", params: dict[str, Any] | None = None, **fields: Any) -> Row:
    given = figures()
    common: dict[str, Any] = {
        "variant": "int8",
        "shipped": False,
        "metric": "accuracy",
        "confidence": 0.95,
        "verified": True,
        "baseline": "b" * 40,
    }
    common |= {"value": given["accuracy"], "value_low": None, "value_high": None, "original": 0.982, "n": 450, "latency_ms": None}
    common |= {name: given[name] for name in ("drop", "drop_low", "drop_high", "bytes", "sqnr_db")} | {
        "arena_bytes": None,
        "figures": given,
    }
    return Row(**{**common, "experiment": experiment, "commit": f"c-{experiment}", "params": params or {}, **fields})


def lines(*found: Row, **options: Any) -> list[str]:
    return summary.lines(
        found, options.pop("kind", SHARE), options.pop("unread", {}), **{"sweep": None, "markdown": False, **options}
    )


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(ODD, ODD, st.dictionaries(ODD, ODD | st.integers() | st.none(), max_size=9)), min_size=1, max_size=4),
    st.booleans(),
)
def test_no_line_is_wider_than_100_columns_whatever_is_in_a_name(made: list[tuple[str, str, dict]], markdown: bool) -> None:
    found = [
        row(
            f"{place}{name}",
            params,
            variant=variant,
            metric=name,
            bytes=10**9,
            latency_ms=12345.678,
            arena_bytes=10**9,
            shipped=place == 0,
        )
        for place, (name, variant, params) in enumerate(made)
    ]
    text = lines(*found, markdown=markdown, unread={name: variant for name, variant, _ in made})
    assert max(map(wide, text)) <= 100
    assert not any("\x1b" in line or "\n" in line for line in text)
    assert sum("1,000,000,000" in line for line in text) == len(found)


def test_a_sweep_of_three_parameters_fits_with_every_figure_uncut() -> None:
    params = {"calibrate.samples": 200, "calibrate.method": "min_max", "variants.int8.algorithm": "octav"}
    other = {"calibrate.samples": 50, "calibrate.method": "entropy", "variants.int8.algorithm": "min_max"}
    text = lines(
        row("algorithms-0123abcd", params, variant="dynamic_int8", latency_ms=0.00512, shipped=True),
        row("algorithms-0123abce", other, variant="int8", latency_ms=0.1),
        sweep="algorithms",
    )
    assert text[7:10] == [
        "  point    variant      samples method  algorithm bytes accuracy drop    interval   dB   µs",
        "+ 0123abcd dynamic_int8     200 min_max octav     1,000   0.9800 0.20 −0.4 to 0.9 40.0 5.12",
        "  0123abce int8              50 entropy min_max   1,000   0.9800 0.20 −0.4 to 0.9 40.0  100",
    ]


def test_what_is_the_same_everywhere_is_said_once() -> None:
    text = lines(row("a", {"s.n": 1}), row("b", {"s.n": 2}, drop=-0.01))
    assert text == [
        "2 experiments of commit bbbbbbb, 2 rows.",
        "accuracy: higher is better; the original network has 0.9820 on 450 samples; drop: what is lost",
        "against the original, in points, with its 95 % interval.",
        "All rows are of the variant int8.",
        "All are verified.",
        "Parameters that differ: s.n.",
        "dB: SQNR.",
        "",
        "experiment  n  bytes  accuracy   drop     interval    dB",
        "a           1  1,000    0.9800   0.20  −0.4 to 0.9  40.0",
        "b           2  1,000    0.9800  −1.00  −0.4 to 0.9  40.0",
        "",
        "To bring one back: `make apply NAME=EXPERIMENT`, then `dvc repro`.",
    ]


def test_marks_and_gaps() -> None:
    text = lines(
        row("a", shipped=True),
        row("b", verified=False, bytes=None, value=None, drop=None, drop_low=None, sqnr_db=None),
        notes=["Noted."],
    )
    assert "+  a           1,000    0.9800  0.20  −0.4 to 0.9  40.0" in text
    assert "!  b               –         –     –            –     –" in text
    assert text[-4:] == [
        "+ is what an experiment chose to ship.",
        "! was not verified.",
        "To bring one back: `make apply NAME=EXPERIMENT`, then `dvc repro`.",
        "Noted.",
    ]


def test_an_interval_as_written_holds_the_one_that_was_measured() -> None:
    text = lines(row("a", drop=0.0012, drop_low=-0.00311, drop_high=0.00811), row("b", drop_low=0.0, drop_high=0.1))
    assert text[-4].endswith("0.12  −0.4 to 0.9  40.0")
    assert text[-3].endswith("0.20  0.0 to 10.0  40.0")
    text = lines(row(drop=0.5, drop_low=-0.31, drop_high=1.22), kind=Kind(False, False, False))
    assert "lower is better" in text[1]
    assert text[-3].endswith("0.50  −0.4 to 1.3  40.0")


def test_without_labels() -> None:
    text = lines(row(value=None, drop=None, drop_low=None, drop_high=None))
    assert text[1] == "No row has a figure for accuracy: the data has no labels, or it is undefined there."
    assert text[-4:-2] == ["experiment  bytes    dB", "lucky-boar  1,000  40.0"]


def test_what_there_is_no_room_for_is_named() -> None:
    letters = "abcdefghij"
    places = [0, *(1 << at for at in range(10))]
    points = [
        {f"section.of_{letter}": f"value {letter} {(place >> at) & 1}" for at, letter in enumerate(letters)} for place in places
    ]
    text = lines(*(row(f"e{place}", point) for place, point in enumerate(points)))
    (heading,) = (line.split() for line in text if line.startswith("exp"))
    kept = [name for name in heading if name.startswith("of_")]
    assert heading == [heading[0], *kept, "bytes", heading[-4], "drop", "interval", "dB"]
    assert kept == [f"of_{letter}" for letter in letters[: len(kept)]]
    left = ", ".join(f"section.of_{letter}" for letter in letters[len(kept) :])
    assert f"Not shown, for want of room: {left}. `--csv FILE` has everything." in " ".join(text)


def test_problems_are_named_up_to_a_number() -> None:
    said = summary.problems({f"e{n}": "it failed" for n in range(25)})
    assert said[0] == "e0: it failed"
    assert said[-1] == "… and 5 more without figures."
    assert len(said) == 21


def test_units_of_latency() -> None:
    assert "dB: SQNR; ms: median latency." in lines(row(latency_ms=12.345))
    for latency, shown in {12.345: "12.3", 1.0: "1.00", 0.0053: "5.30", 0.1: "100", 4321.0: "4,321"}.items():
        assert lines(row(latency_ms=latency))[-3].endswith(f"  {shown}")


def test_rows_of_the_module_are_what_is_shown() -> None:
    assert set(rows.ORDERS) == {"bytes", "drop", "sqnr", "latency", "arena"}
