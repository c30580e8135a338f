"""Work on many samples, cut into shards that the nodes of a Ray cluster compute. Results do not depend on how they are cut.

Asked for by the environment and by no parameter, as it changes nothing of what is written. A node needs no file of this machine:
the rows of a shard, and what all shards need, travel through Ray's object store.
"""

import os
import platform
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pipeline.cluster import connection
from pipeline.errors import UserError

# "auto" or HOST:PORT of a Ray cluster; unset or empty: everything is computed here.
ASKED = "TFLITE_PIPELINE_RAY"
# A shard holds so much of inputs and known outputs at the most: this machine reads one at a time, and a node holds two.
_SHARD_BYTES = 1 << 24
# Each core gets so many shards at the least, so that none waits long for the last one.
_SHARDS_A_CORE = 4
# How often Ray computes a shard again whose worker or node has died.
_RETRIES = 5
# What the last bits of an output may depend on, of what /proc/cpuinfo says.
_INSTRUCTIONS = ("avx", "fma", "f16c", "sse4", "amx", "asimd", "sve", "i8mm", "bf16")

Part = tuple[slice, Any]


class Share(NamedTuple):
    """A connection to a cluster.

    Attributes:
        ray: the module, connected.
        versions: of the libraries that make results, here.
        installed: the version of a library where it is called.
    """

    ray: Any
    versions: Mapping[str, str]
    installed: Callable[[str], str]

    def over(
        self,
        function: Callable[..., Any],
        arrays: Mapping[Any, np.ndarray],
        *common: Any,
        multiple: int = 1,
        made_bytes: int = 0,
        memory: int,
    ) -> Iterator[Part]:
        """What a function makes of each shard, in order. One task, of one core, a shard.

        Args:
            function: of a module of the pipeline, called with the rows by name and `common`.
            arrays: [n, ...] by name, memory-mapped.
            common: what all shards need, such as a model's bytes; sent once to each node.
            multiple: shards begin at multiples of this, as batches do.
            made_bytes: known size of what is made of one sample.
            memory: bytes that a task needs besides its shard.

        Yields:
            Which samples, and what the function returned for them.

        Raises:
            UserError: the same that the function raised; when no node has core and memory for a task, has other versions of the
                libraries, or its workers die time and again.
        """
        count = len(next(iter(arrays.values())))
        each = sum(array.nbytes for array in arrays.values()) // count + made_bytes
        memory += 4 * max(_SHARD_BYTES, each * multiple) + sum(len(part) for part in common if isinstance(part, bytes))
        cores = _cores(self.ray.nodes(), memory)
        length = shard_length(count, bytes_each=each, multiple=multiple, cores=cores)
        task = self.ray.remote(num_cpus=1, memory=memory, max_retries=_RETRIES)(shard)
        sent = [self.ray.put(part) for part in common]
        waiting: deque[tuple[slice, Any]] = deque()
        told: set[str] = set()
        for start in range(0, count, length):
            rows = slice(start, min(start + length, count))
            cut = {name: np.array(array[rows]) for name, array in arrays.items()}
            waiting.append((rows, task.remote(function, cut, self.versions, self.installed, *sent)))
            del cut
            # More than run at a time, so that no core waits; few, so that the object store holds few.
            if len(waiting) > 2 * cores:
                yield self._next(waiting, told)
        while waiting:
            yield self._next(waiting, told)

    def _next(self, waiting: deque[tuple[slice, Any]], told: set[str]) -> Part:
        rows, reference = waiting.popleft()
        try:
            answered, content, node, instructions = self.ray.get(reference)
        except self.ray.exceptions.RayTaskError:  # a bug, with the traceback of the node
            raise
        except self.ray.exceptions.RayError as error:
            raise UserError(
                f"Ray: samples {rows.start} to {rows.stop - 1} could not be computed in {_RETRIES + 1} attempts: "
                f"{str(error).strip().splitlines()[0]}; look at memory and logs of the nodes"
            ) from None
        if not answered:
            raise content
        if instructions != instructions_here() and node not in told:
            told.add(node)
            print(f"Ray: {node} has other instructions than this machine: last bits of its results may differ", file=sys.stderr)
        return rows, content


@contextmanager
def sharing(libraries: Sequence[str], installed: Callable[[str], str]) -> Iterator[Share | None]:
    """The cluster that the environment variable `ASKED` names, for the block; None when it names none.

    Args:
        libraries: that make results: each node needs the same versions.
        installed: (library) to its version where it is called; a function of a module.

    Raises:
        UserError: as `connection.connected`.
    """
    address = os.environ.get(ASKED)
    if not address:
        yield None
        return
    with connection.connected(address) as ray:
        yield Share(ray, {name: installed(name) for name in libraries}, installed)


def stored(
    parts: Iterable[Part],
    *,
    count: int,
    store: Callable[[str, tuple[int, ...], np.dtype], Any],
    done: Callable[[int], object] = lambda count: None,
) -> None:
    """Write outputs as their shards come, so that no more than one is held.

    Args:
        parts: samples, and their outputs [shard, ...] by name.
        count: of all samples.
        store: makes what takes rows by slices, of an output's name, shape [count, ...] and dtype.
        done: told how many samples were written.
    """
    made: dict[str, Any] = {}
    for rows, outputs in parts:
        for name, values in outputs.items():
            if name not in made:
                made[name] = store(name, (count, *values.shape[1:]), values.dtype)
            made[name][rows] = values
        done(rows.stop - rows.start)


def shard_length(count: int, *, bytes_each: int, multiple: int, cores: int) -> int:
    """Samples of a shard: as many as fit into it, but few enough for every core to get several.

    Args:
        count: of all samples.
        bytes_each: of one.
        multiple: that it is one of.
        cores: that compute.
    """
    most = min(_SHARD_BYTES // max(1, bytes_each), -(-count // (_SHARDS_A_CORE * cores)))
    return max(1, most // multiple) * multiple


def shard(
    function: Callable[..., Any],
    rows: Mapping[Any, np.ndarray],
    versions: Mapping[str, str],
    installed: Callable[[str], str],
    *common: Any,
) -> tuple[bool, Any, str, str]:
    """The task: whether there is a result, it or the `UserError`, and the node and its instructions."""
    node = platform.node()
    try:
        for name, version in versions.items():
            if (found := installed(name)) != version:
                raise UserError(
                    f"Ray: node {node} has {name} {found}, this run {version}; install the same on every node (requirements.lock)"
                )
        return True, function(rows, *common), node, instructions_here()
    except UserError as error:
        return False, error, node, ""


def instructions_here() -> str:
    """The kinds of instructions of this machine's processor that libraries choose kernels by; outside of Linux its name alone."""
    info = Path("/proc/cpuinfo")
    words = set(info.read_text(encoding="utf-8").split()) if info.exists() else set()
    return " ".join([platform.machine(), *sorted(word for word in words if word.startswith(_INSTRUCTIONS))])


def _cores(nodes: Sequence[Mapping[str, Any]], memory: int) -> int:
    """How many tasks the nodes can run at a time."""
    given = [node["Resources"] for node in nodes if node["Alive"]]
    found = sum(int(min(one.get("CPU", 0), one.get("memory", 0) // memory)) for one in given)
    if found == 0:
        best = max((one.get("memory", 0) for one in given), default=0) / 1e9
        raise UserError(
            f"Ray: a shard needs 1 CPU and {memory / 1e9:.2g} GB of memory, no node offers both (the largest {best:.2g} GB); "
            "see `ray start --num-cpus --memory`"
        )
    return found
