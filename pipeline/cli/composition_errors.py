"""What is wrong where conf/ or an override cannot be composed, in one line, for `make params` and for DVC's own commands."""

import logging
import sys
from pathlib import Path
from typing import Any

import yaml
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf import DictConfig
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException

from pipeline import options
from pipeline.errors import UserError

# What Hydra raises for what a user wrote: errors of its own, of OmegaConf and of the YAML reader, and plain ones: ValueError for
# an option that is no name, TypeError for a file that is no mapping.
RAISED = (HydraException, OmegaConfBaseException, yaml.YAMLError, UnicodeDecodeError, ValueError, TypeError, RecursionError)


def words(error: Exception, conf: Path) -> str:
    """One line: where, what was given, what is expected.

    Args:
        error: one of `RAISED`.
        conf: the folder.
    """
    cause = error.__cause__ or error.__context__  # OmegaConf raises its own error for one inside a resolver, Hydra for OmegaConf's
    if isinstance(cause, UserError):
        return str(cause)
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        group, _, name = str(error.missing_cfg_file).rpartition("/")
        allowed = sorted(path.stem for path in (conf / group).glob("[!_]*.yaml"))
        return f"{group}: no {name!r}; allowed: {', '.join(allowed)}"
    if isinstance(error, OverrideParseException):
        return f"{error.override}: not readable as KEY=VALUE; a list is KEY=[A,B], and quotes hold text that is more than a word"
    if isinstance(cause, (ConfigAttributeError, ConfigKeyError)) and isinstance(cause.parent_node, DictConfig):
        return f"{cause.full_key}: {options.unknown(str(cause.key), set(map(str, cause.parent_node)) - {'hydra', 'checked'})}"
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        return f"{_below(mark.name, conf)}: line {mark.line + 1}, column {mark.column + 1}: {error.problem}; correct the YAML there"
    if isinstance(error, yaml.reader.ReaderError):
        return f"{_below(error.name, conf)}: {error.reason}; correct the YAML there"
    if isinstance(error, UnicodeDecodeError) and (found := _unreadable(conf)):
        return f"{found}: not readable as UTF-8 text; save it again as UTF-8"
    if isinstance(error, OmegaConfBaseException):
        place = f"{error.full_key}: " if error.full_key else ""
        return f"conf: {place}{_first_line(error)}"
    return f"conf: {_first_line(error)}"


def _first_line(error: Exception) -> str:
    """Further lines of Hydra and OmegaConf list their search path and their own types."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")


def _below(name: str, conf: Path) -> str:
    path = Path(name)
    return path.relative_to(conf.parent).as_posix() if path.is_relative_to(conf.parent) else name


def _unreadable(conf: Path) -> str | None:
    for path in sorted(conf.rglob("*.yaml")):
        try:
            path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            return _below(str(path), conf)
    return None


class OneLine(logging.Filter):
    """Ends DVC with `words` where composing fails in one of its commands.

    DVC takes such an error for a fault of its own and asks the user to report it. Nothing is lost by ending here: DVC does no more
    than print what it caught, and what it had begun has been undone on the way out.
    """

    def __init__(self, conf: Path) -> None:
        super().__init__()
        self._conf = conf

    def filter(self, record: logging.LogRecord) -> bool:
        error: Any = record.exc_info[1] if record.exc_info else None
        if record.levelno >= logging.ERROR and isinstance(error, RAISED) and _of_composition(error):
            sys.exit(f"error: {words(error, self._conf)}")
        return True


def _of_composition(error: Exception) -> bool:
    """Whether it was raised while DVC composed conf/."""
    traceback = error.__traceback__
    while traceback is not None:
        if traceback.tb_frame.f_code.co_name == "compose_and_dump":
            return True
        traceback = traceback.tb_next
    return False


def answer_in_dvc(conf: Path) -> None:
    """Let DVC, when it is this process, answer so. No other process has its handlers."""
    for handler in logging.getLogger("dvc").handlers:
        if not any(isinstance(entry, OneLine) for entry in handler.filters):
            handler.addFilter(OneLine(conf))
