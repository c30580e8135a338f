"""Options from conf/ against the signature of the function they are for."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError

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
        try:
            TypeAdapter(annotation, config=ConfigDict(strict=True, arbitrary_types_allowed=True)).validate_python(value)
        except ValidationError as error:
            message = error.errors()[0]["msg"]
            raise UserError(f"{where}.{key}: got {value!r}; {message[0].lower()}{message[1:]}") from None
