"""YAML files of many commits that differ in a few places: each distinct block is parsed once, by the C parser."""

import re
from functools import cache
from typing import Any, ClassVar

import yaml

_NUMBER = "-+.0123456789"


class _Yaml12(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Plain words as DVC writes them: in YAML 1.2 `on` and `no` are text, and 1e-07 is a number."""

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}


for _tag, _words, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?(0|[1-9][0-9]*)|0o[0-7]+|0x[0-9a-fA-F]+", _NUMBER),
    (
        "float",
        r"[-+]?(\.[0-9]+|[0-9]+\.[0-9]*)([eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        _NUMBER,
    ),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("merge", r"<<", "<"),
):
    _Yaml12.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_words})$"), list(_first))
# A key at the left margin begins a block; items of a list may stand there, too, and belong to the key before.
_TOP = re.compile(r"(?m)^(?=[^\s#-])")
# A stage of dvc.lock, which DVC always writes in the same way.
_STAGE = re.compile(r"(?m)^  (?=\S)")
_DEPS = re.compile(r"(?ms)^    deps:\n.*?(?=^    [^\s-])")


def mapping(text: str) -> dict[str, Any]:
    """A YAML file with a mapping, as `yaml.safe_load` reads it. What it returns is shared between files: do not change it.

    Raises:
        ValueError: when it is no YAML, or no mapping.
    """
    try:
        blocks = [_parsed(block) for block in _TOP.split(text)]
    except yaml.YAMLError:
        blocks = [None, False]  # an anchor of another block, or no YAML at all: as a whole
    found: dict[str, Any] = {}
    for block in blocks:
        if block is not None and not isinstance(block, dict):
            return _whole(text)
        found.update(block or {})
    return found if found else _whole(text)


def _whole(text: str) -> dict[str, Any]:
    try:
        content = _parsed(text)
    except yaml.YAMLError as error:
        raise ValueError(f"no YAML ({' '.join(str(error).split())[:150]})") from None
    if not isinstance(content, dict):
        raise ValueError("no YAML mapping")
    return content


def locked(text: str, stages: list[str]) -> dict[str, dict[str, Any]]:
    """Those of the named stages that a dvc.lock has, without their `deps`, which are most of it; only they are parsed.

    Raises:
        ValueError: when one of them is no YAML.
    """
    wanted = {f"{name}:": name for name in stages}
    blocks = {block.split("\n", 1)[0].rstrip(): block for block in _STAGE.split(text)[1:]}
    try:
        return {name: _parsed(_DEPS.sub("", "  " + blocks[line]))[name] for line, name in wanted.items() if line in blocks}
    except (yaml.YAMLError, TypeError, KeyError):
        raise ValueError("not as DVC writes it") from None


def value(text: str) -> Any:
    """One value, as these files are read.

    Raises:
        ValueError: when it is no YAML.
    """
    try:
        return _parsed(text)
    except yaml.YAMLError:
        raise ValueError("no YAML") from None


@cache
def _parsed(text: str) -> Any:
    return yaml.load(text, _Yaml12)
