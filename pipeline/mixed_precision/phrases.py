"""What a search says when it ends."""

from pipeline.mixed_precision.record import Improvement, Options, Result


def met(result: Result) -> str:
    """One line about a search that kept its budget."""
    ran_out = "" if result.finished else ", which ran out"
    return f"searches.{result.search}: {figures(result.figures)} after {result.steps} steps{ran_out}"


def missed(result: Result, *, kept_in: str) -> str:
    """What nothing that was tried could keep, how near the best came, and what to do.

    Args:
        result: of the search.
        kept_in: file that holds it.
    """
    remedy = "add float32 or static_wi8_ai16 to choices" if result.finished else "raise steps"
    return (
        f"searches.{result.search}: nothing tried in {result.steps} steps keeps the budget ({budget(result.asked)}); the best so "
        f"far has {figures(result.figures)} and is kept in {kept_in}; relax the budget, or {remedy}"
    )


def too_few(options: Options, *, search: str, n: int, needed: int | None) -> str:
    """Why no candidate can keep the budget, before any is tried.

    Args:
        options: of the search.
        search: its name.
        n: tuning samples there are.
        needed: with fewer the upper end of the drop is over the budget though no decision changed; None: no number would do.
    """
    why = "no number of tuning samples keeps" if needed is None else f"{n} tuning samples are too few to keep"
    budget = f"a budget of {options.max_drop:g} (drop_bound: {options.drop_bound})"
    remedy = "" if needed is None else f"take {needed:,} in data.splits.tuning, "
    return (
        f"searches.{search}: {why} {budget} even when no decision changes; {remedy}raise max_drop, or set "
        f"searches.{search}.drop_bound to estimate, whose result select may then refuse"
    )


def budget(options: Options) -> str:
    """The budget of a search, as in `drop at most 0.01 and at least 30 dB`."""
    held = "drop" if options.drop_bound == "estimate" else "upper end of the drop"
    parts = [] if options.max_drop is None else [f"{held} at most {options.max_drop:g}"]
    return " and ".join([*parts, *([] if options.min_sqnr_db is None else [f"at least {options.min_sqnr_db:g} dB"])])


def figures(row: Improvement) -> str:
    """What a candidate is worth, as in `15,144 bytes, drop 0.0067, 34.0 dB`."""
    drop = "" if row.drop is None else f", drop {row.drop:.4f}"
    drop += "" if row.drop_high is None else f" (upper end {row.drop_high:.4f})"
    return f"{row.bytes:,} bytes{drop}, {'no noise' if row.sqnr_db is None else format(row.sqnr_db, '.1f') + ' dB'}"
