"""What is mutated and how: a project that a command reads, the files in it that somebody else wrote, and the attacks on them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

# From the bytes of a sound file to those of a damaged one; everything is drawn from the generator.
Change = Callable[[bytes, np.random.Generator], bytes]


@dataclass(frozen=True, kw_only=True)
class Case:
    """A sound project.

    Attributes:
        project: its folder, of which each mutation gets a copy.
        targets: the files that are mutated, relative to the folder.
        command: what reads them, a key of `commands.COMMANDS`.
        named: a message must hold one of these, so that the user knows which file is meant, or which setting.
    """

    project: Path
    targets: tuple[str, ...]
    command: str
    named: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Attack:
    """A kind of damage: one of `changes` is drawn, and one of the case's targets that ends with `suffix`."""

    name: str
    changes: Sequence[Change]
    suffix: str = ""


@dataclass(frozen=True, kw_only=True)
class Format:
    """A format that is read.

    Attributes:
        title: what it is called in the table.
        make: writes its sound cases into a folder, by the libraries that users write such files with.
        attacks: on it, each drawn as often as the others.
        share: of all mutations, relative to other formats.
    """

    title: str
    make: Callable[[Path], list[Case]]
    attacks: tuple[Attack, ...]
    share: int


@dataclass(frozen=True, kw_only=True)
class Mutation:
    """A damaged file: the case it belongs to, where it stands there, and its bytes."""

    case: Case
    attack: str
    target: str
    content: bytes


def draw(cases: Sequence[Case], attacks: Sequence[Attack], *, seed: Sequence[int]) -> Mutation:
    """The mutation that these numbers stand for."""
    rng = np.random.default_rng(seed)
    case = cases[int(rng.integers(len(cases)))]
    fitting = [attack for attack in attacks if any(target.endswith(attack.suffix) for target in case.targets)]
    attack = fitting[int(rng.integers(len(fitting)))]
    targets = [target for target in case.targets if target.endswith(attack.suffix)]
    target = targets[int(rng.integers(len(targets)))]
    content = (case.project / target).read_bytes()
    change = attack.changes[int(rng.integers(len(attack.changes)))]
    return Mutation(case=case, attack=attack.name, target=target, content=change(content, rng))
