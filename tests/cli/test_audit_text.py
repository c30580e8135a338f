from typing import Any

from pipeline.cli import audit_text


def report(*faults: dict[str, Any], checks: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    return {"certificate": {"faults": list(faults)}, "checks": list(checks)}


def fault(reason: str, layers: tuple[str, ...] = (), tensor: str | None = None) -> dict[str, Any]:
    return {"check": "weights", "layers": list(layers), "tensor": tensor, "reason": reason}


def check(name: str, output: str) -> dict[str, Any]:
    return {"name": name, "output": output, "value": 0.5, "limit": 1.0, "bound": "at least", "passed": False, "reason": "too low"}


def test_the_first_line_is_the_cause_with_its_place() -> None:
    assert audit_text.cause(report(fault("is wrong", ("conv", "norm")))) == "conv, norm: is wrong"
    assert audit_text.cause(report(fault("is wrong", (), "t"), fault("too"), fault("also"))) == "t: is wrong (and 2 more)"
    assert audit_text.cause(report(fault("it is damaged"))) == "the file: it is damaged"
    # It names its layer itself.
    assert audit_text.cause(report(fault("the bias of a is missing", ("a", "b")))) == "the bias of a is missing"


def test_without_faults_a_check_is_the_cause() -> None:
    assert audit_text.cause(report(checks=(check("agreement", "y"),))) == "agreement of y: too low"
    assert audit_text.cause(report(checks=(check("parameters", ""),))) == "parameters: too low"
