"""What is said of conf/ that cannot be read; what is said of overrides is in tests/test_config.py and tests/test_experiments.py."""

import logging
import re
import shutil
import sys
from pathlib import Path

import pytest

from pipeline.cli import composition_errors
from pipeline.cli.compose import compose
from pipeline.errors import UserError
from tests.helpers import ROOT


@pytest.mark.parametrize(
    ("added", "message"),
    [
        (b"a: !foo 1\n", "conf/gate/default.yaml: line 5, column 4: could not determine a constructor for the tag '!foo'"),
        (b"a: !!python/object/apply:os.system [ls]\n", "could not determine a constructor for the tag 'tag:yaml.org,2002:python/"),
        (
            b"a: [1\n",
            "conf/gate/default.yaml: line 6, column 1: expected ',' or ']', but got '<stream end>'; correct the YAML there",
        ),
        (b"enabled: true\n", "conf/gate/default.yaml: line 5, column 1: found duplicate key enabled; correct the YAML there"),
        (b"a: *x\n", "conf/gate/default.yaml: line 5, column 4: found undefined alias 'x'; correct the YAML there"),
        (b"\ta: 1\n", "found character '\\t' that cannot start any token"),
        (b"a: '\xff'\n", "conf/gate/default.yaml: not readable as UTF-8 text; save it again as UTF-8"),
        (b"a: \x07\n", "conf/gate/default.yaml: special characters are not allowed"),
        (b"- a\n", "conf/gate/default.yaml: line 5, column 1: "),
    ],
)
def test_a_file_of_conf_that_is_no_yaml(tmp_path: Path, added: bytes, message: str) -> None:
    shutil.copytree(ROOT / "conf", tmp_path / "conf")
    for folder in ("hydra_plugins", "pipeline"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    with (tmp_path / "conf/gate/default.yaml").open("ab") as stream:
        stream.write(added)
    with pytest.raises(UserError, match=re.escape(message)) as raised:
        compose(tmp_path, [])
    assert len(str(raised.value).splitlines()) == 1


def caught(function: object, error: Exception) -> logging.LogRecord:
    """What DVC logs of an error that a function of this name let through."""
    namespace = {"error": error}
    exec(f"def {function}():\n    raise error\n", namespace)
    try:
        namespace[str(function)]()  # type: ignore[operator]
    except Exception:
        return logging.LogRecord("dvc", logging.ERROR, "", 0, "unexpected error", (), sys.exc_info())
    raise AssertionError


def test_dvc_ends_with_the_words_where_composing_fails_and_only_there(tmp_path: Path) -> None:
    words = composition_errors.OneLine(tmp_path)
    with pytest.raises(SystemExit, match="error: conf: no such thing"):
        words.filter(caught("compose_and_dump", ValueError("no such thing.\nmore")))
    assert words.filter(caught("something_of_dvc", ValueError("no such thing")))
    assert words.filter(caught("compose_and_dump", KeyError("a fault of ours")))
    assert words.filter(logging.LogRecord("dvc", logging.ERROR, "", 0, "another error", (), None))


def test_no_handler_answers_twice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    handler = logging.NullHandler()
    monkeypatch.setattr(logging.getLogger("dvc"), "handlers", [handler])
    composition_errors.answer_in_dvc(tmp_path)
    composition_errors.answer_in_dvc(tmp_path)
    assert len(handler.filters) == 1
