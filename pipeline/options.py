"""Options from conf/ against the signature of the function they are for."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from pipeline.errors import UserError


def check_step(function: Callable[..., Any], options: Mapping[str, Any], *, name: str, where: str) -> None:
    """The same for a preprocessing step, which also takes `inputs`: the names of the inputs that it is for.

    Raises:
        UserError: on an unknown or missing option, or one of a wrong type, with what is allowed.
    """
    inputs = options.get("inputs", [])
    if not (isinstance(inputs, list) and all(isinstance(entry, str) for entry in inputs)):
        raise UserError(f"{where}.inputs: got {inputs!r}; a list of names of inputs is expected")
    check(function, {key: value for key, value in options.items() if key != "inputs"}, name=name, where=where)


def check(function: Callable[..., Any], options: Mapping[str, Any], *, name: str, where: str, given: int = 1) -> None:
    """Compare options with a function's keyword parameters: names, and types where they are annotated.

    Args:
        function: takes them.
        options: by name.
        name: of the function, for the message.
        where: the options stand, for the message.
        given: how many of its first parameters the pipeline itself fills.

    Raises:
        UserError: on an unknown or missing option, or one of a wrong type, with what is allowed.
    """
    parameters = {parameter.name: parameter for parameter in list(inspect.signature(function).parameters.values())[given:]}
    needed = [key for key, parameter in parameters.items() if parameter.default is inspect.Parameter.empty]
    if unknown := sorted(set(options) - set(parameters)):
        raise UserError(f"{where}: {name} takes no {unknown[0]!r}; allowed: {', '.join(sorted(parameters)) or 'none'}")
    if missing := sorted(set(needed) - set(options)):
        raise UserError(f"{where}: {name} needs {missing[0]!r}")
    for key, value in options.items():
        annotation = parameters[key].annotation
        if annotation is inspect.Parameter.empty:
            continue
        if fault := complaint(value, annotation):
            raise UserError(f"{where}.{key}: {fault}")


def complaint(value: Any, annotation: Any) -> str | None:
    """Why a value is not of a type, as in "got 'x'; expected a whole number (at least 1)"; None when it is.

    Args:
        value: as read from YAML.
        annotation: of a function's parameter or a record's field; bounds as `Annotated[int, msgspec.Meta(ge=1)]`.
    """
    try:
        msgspec.convert(value, annotation)
    except msgspec.ValidationError as error:
        # What a record says itself, of values that are each of their type.
        if isinstance(error.__cause__, ValueError):
            return str(error.__cause__)
        return f"got {value!r}; expected {expected(annotation)}"
    return None


def unknown(name: str, allowed: Iterable[str]) -> str:
    """What to say of a key that is none of `allowed`: the nearest of them, and all."""
    import difflib  # worth its time where something is refused

    near = difflib.get_close_matches(name, allowed, n=1)
    return f"unknown key{f' (did you mean {near[0]!r}?)' if near else ''}; allowed: {', '.join(sorted(allowed)) or 'none'}"


def expected(annotation: Any) -> str:
    """A type in words: "a whole number (at least 1)"."""
    return _words(msgspec.inspect.type_info(annotation))


def _words(kind: msgspec.inspect.Type) -> str:
    if isinstance(kind, msgspec.inspect.UnionType):
        return " or ".join(map(_words, kind.types))
    if isinstance(kind, msgspec.inspect.LiteralType):
        return " or ".join(map(repr, kind.values))
    if isinstance(kind, msgspec.inspect.CustomType):
        return str(kind.cls.__name__)
    if isinstance(kind, msgspec.inspect.StrType) and kind.min_length == 1:
        return "a text that is not empty"
    words = _WORDS.get(type(kind), type(kind).__name__)
    bounds = [f"{said} {getattr(kind, bound)}" for bound, said in _BOUNDS.items() if getattr(kind, bound, None) is not None]
    return f"{words} ({' and '.join(bounds)})" if bounds else words


_WORDS: dict[type, str] = {
    msgspec.inspect.IntType: "a whole number",
    msgspec.inspect.FloatType: "a number",
    msgspec.inspect.StrType: "a text",
    msgspec.inspect.BoolType: "true or false",
    msgspec.inspect.NoneType: "null",
    msgspec.inspect.ListType: "a list",
    msgspec.inspect.DictType: "a mapping",
    msgspec.inspect.StructType: "a mapping",
}
_BOUNDS = {
    "ge": "at least",
    "gt": "above",
    "le": "at most",
    "lt": "below",
    "min_length": "with entries, at least",
}
