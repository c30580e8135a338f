"""The one place that connects to Ray, which is optional and is imported only where somebody asks for a cluster."""

import importlib.util
import os
import platform
import shutil
import signal
import socket
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.errors import UserError
from pipeline.system import disk, leftovers

AUTO = "auto"
# A head that does not take a connection within these seconds is no cluster; Ray itself would ask for minutes.
_ANSWERS_WITHIN_S = 10.0
_START = "start one with `ray start --head` (docs/cluster.md)"
# Read by Ray when it is imported. Where something else listens, it asks as often as this says, 40 s each.
_SETTINGS = {"RAY_NUM_REDIS_GET_RETRIES": "1", "RAY_USAGE_STATS_ENABLED": "0"}
_LONGEST = 200


@contextmanager
def connected(address: str) -> Iterator[Any]:
    """Ray, connected to a running cluster for the block. This machine has to be a node of it.

    Tasks find this process's `pipeline` package, which is sent to them, whatever lies on their nodes; the folder that they begin in
    holds it and nothing else. What they print stays on their nodes.

    Args:
        address: HOST:PORT of the head, or "auto": what RAY_ADDRESS says, else the cluster that runs on this machine.

    Yields:
        The module `ray`.

    Raises:
        UserError: when Ray is not installed, no cluster answers there, or its versions of Ray or Python are others.
    """
    if importlib.util.find_spec("ray") is None:
        raise UserError(f"Ray ({address}): the library `ray` is not installed; run `make extras`")
    found = _running() if address == AUTO else address
    named = f"Ray ({address})" if address == found else f"Ray ({address}, {found})"
    _ask(found, named)
    ray, before = _imported(), signal.getsignal(signal.SIGTERM)
    with disk.temporary_folder() as code:
        shutil.copytree(Path(__file__).parents[1], code / "pipeline", ignore=shutil.ignore_patterns("__pycache__"))
        try:
            ray.init(address=found, log_to_driver=False, logging_level="error", runtime_env={"working_dir": str(code)})
        except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
            ray.shutdown()
            raise UserError(f"{named}: {_reason(str(error), here=ray.__version__)}") from None
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, before)  # Ray sets its own
    try:
        yield ray
    finally:
        ray.shutdown()


def _imported() -> Any:
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    # There `ray start` notes the cluster, in whichever folder this process has its temporary files.
    os.environ.setdefault("RAY_TMPDIR", str(leftovers.SHARED))
    import ray
    import ray._private.worker

    # What the nodes say of themselves, paragraphs long, Ray prints to standard output.
    ray._private.worker.print_to_stdstream = _tell
    return ray


def _tell(said: Mapping[str, Any], ignore_prefix: bool) -> None:
    """Print on stderr what a node says, such as that a worker has died, in a line each."""
    for line in said["lines"]:
        print(f"Ray: {line.strip().splitlines()[0][:_LONGEST]}", file=sys.stderr)


def _running() -> str:
    """HOST:PORT of the cluster that RAY_ADDRESS names or that runs on this machine."""
    _imported()
    from ray._private import services

    try:
        return str(services.get_ray_address_from_environment(AUTO, None))
    except ConnectionError:
        raise UserError(f"Ray ({AUTO}): no cluster runs on this machine, and RAY_ADDRESS names none; {_START}") from None


def _ask(address: str, named: str) -> None:
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or "/" in host:
        raise UserError(f"{named}: expected `{AUTO}` or HOST:PORT of the head, such as 192.0.2.1:6379")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_ANSWERS_WITHIN_S).close()
    except (OSError, OverflowError) as error:
        raise UserError(f"{named}: no cluster answers ({error}); {_START}, or give its address") from None


def _reason(said: str, *, here: str) -> str:
    """What Ray, of the version `here`, said of a cluster that it did not connect to, in a line, and what to do."""
    if said.startswith("Version mismatch"):
        ray, python = (line.split(":", 1)[1].strip() for line in said.splitlines()[1:3])
        return (
            f"the cluster runs Ray {ray} with Python {python}, here are Ray {here} and Python {platform.python_version()}; "
            "install the same on every node (`make extras`, the same PYTHON)"
        )
    first = said.strip().splitlines()[0]
    return f"{first}; is it a Ray cluster, with this machine's token if it has one, and with a node here (docs/cluster.md)?"
