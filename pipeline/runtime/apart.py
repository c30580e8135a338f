"""A function in a process of its own: a library that ends the process gives an answer so, and does not end the stage."""

import multiprocessing
import signal
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from pipeline.errors import Impossible, UserError
from pipeline.system import processes

Result = TypeVar("Result")

# Signals that a process gets for what it does itself. Others come from outside: a person, or a system that is out of memory.
_OWN = {signal.SIGSEGV, signal.SIGABRT, signal.SIGFPE, signal.SIGILL, signal.SIGBUS, signal.SIGTRAP}


def run(function: Callable[..., Result], *arguments: Any, library: str, remedy: str) -> Result:
    """What a function returns.

    Args:
        function: of a module; what it imports stays in its process. On Linux it starts from a copy of this one, in a millisecond.
        arguments: its own; on other systems they are sent, as the result is.
        library: what ends the process, if it is ended, and `remedy`: what to do then; for the message.

    Raises:
        Impossible: when it ended the process by a fault of its own, such as SIGSEGV.
        UserError: the same that it raised; or when the process was ended from outside.
        RuntimeError: when it raised anything else, whose traceback is printed.
    """
    context: Any = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_answer, args=(sender, function, arguments), daemon=True)
    child.start()
    sender.close()
    try:
        answered, content = receiver.recv()
    except EOFError:  # it ended without an answer
        answered, content = None, None
    child.join()
    if answered is None:
        if child.exitcode >= 0:
            raise RuntimeError(f"{function.__name__} failed; its traceback stands above")
        number = -child.exitcode
        if number in _OWN:
            raise Impossible(f"{library} ends the process ({signal.Signals(number).name})", remedy)
        raise UserError(
            f"{function.__name__} was ended from outside ({signal.Signals(number).name}); by nobody? then memory was short"
        )
    if not answered:
        raise content
    return content


def _answer(sender: Connection, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    processes.end_with_parent()
    try:
        answer: tuple[bool, Any] = True, function(*arguments)
    except UserError as error:
        answer = False, error
    sender.send(answer)
    sender.close()
