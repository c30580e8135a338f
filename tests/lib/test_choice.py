from pipeline.lib.choice import Candidate, choose

SMALL = Candidate(verified=True, drop=0.004, bytes=100, latency_ms=2.0)
FAST = Candidate(verified=True, drop=0.0, bytes=300, latency_ms=1.0)
LOSSY = Candidate(verified=True, drop=0.02, bytes=50, latency_ms=0.5)
BROKEN = Candidate(verified=False, drop=0.0, bytes=10, latency_ms=0.1)
ALL = {"small": SMALL, "fast": FAST, "lossy": LOSSY, "broken": BROKEN}


def test_smallest_verified_within_the_budget() -> None:
    best, reasons = choose(ALL, objective="bytes", max_drop=0.01)
    assert best == "small"
    assert reasons["broken"] == "not verified"
    assert reasons["lossy"] == "drop 0.0200 is over the budget of 0.0100"
    assert reasons["fast"] == "200 bytes more than small"
    assert set(reasons) == set(ALL)


def test_the_objective_decides() -> None:
    assert choose(ALL, objective="latency", max_drop=0.01)[0] == "fast"


def test_nothing_qualifies() -> None:
    best, reasons = choose({"lossy": LOSSY, "broken": BROKEN}, objective="bytes", max_drop=0.0)
    assert best is None
    assert set(reasons) == {"lossy", "broken"}


def test_a_drop_at_the_budget_qualifies_and_ties_go_to_the_smaller_drop() -> None:
    twin = Candidate(verified=True, drop=0.001, bytes=100, latency_ms=9.0)
    assert choose({"small": SMALL, "twin": twin}, objective="bytes", max_drop=0.004)[0] == "twin"
    assert choose({"small": SMALL}, objective="bytes", max_drop=0.004)[0] == "small"


def test_without_labels_verification_alone_decides() -> None:
    unknown = Candidate(verified=True, drop=None, bytes=5, latency_ms=1.0)
    best, reasons = choose({"u": unknown}, objective="bytes", max_drop=0.0)
    assert best == "u"
    assert "no labels" in reasons["u"]
