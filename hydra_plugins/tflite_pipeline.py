"""Registers the resolvers of conf/ with OmegaConf, the schema's check among them, also inside DVC's own composition.

DVC finds this file through `hydra.plugins_path` in .dvc/config and imports it before it composes. It takes the path away
again afterwards, so everything is imported here at the top.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from pipeline import config, files
from pipeline.cli import composition_errors, names
from pipeline.quantization import schemes

_CONF = Path(__file__).parents[1] / "conf"


def _check(*, _root_: DictConfig) -> bool:
    """Validate the whole configuration; `checked: ${check:}` makes every composition call it."""
    content: Any = OmegaConf.to_container(_root_)
    del content["checked"]  # which is being resolved right now
    resolved: Any = OmegaConf.to_container(OmegaConf.create(content), resolve=True)
    names.check(config.validate({**resolved, "checked": True}, source="conf"))
    return True


def _reads(slot: str, engine: str, scheme: str, algorithm: str, search: str | None) -> str:
    """One slot of what a variant reads; an unknown engine or scheme is left to `_check`, which says what is allowed."""
    if engine not in schemes.SCHEMES or scheme not in schemes.SCHEMES[engine]:
        return "unknown"
    return str(getattr(config.reads(engine, scheme, algorithm, search), slot))


def _samples(engine: str, scheme: str, algorithm: str, samples: int) -> int | None:
    """The number of calibration samples, for variants that read samples themselves."""
    if engine not in schemes.SCHEMES or scheme not in schemes.SCHEMES[engine]:
        return None
    return samples if schemes.calibration(engine, scheme, algorithm) == schemes.SAMPLES else None


def _comparisons(*, _root_: DictConfig) -> int:
    """How many variants the choice is among: float32 is the original but for rounding, and no comparison."""
    return max(1, sum(variant.get("scheme") != "float32" for variant in (_root_.get("variants") or {}).values()))


def _simulation(slot: str, *, _root_: DictConfig) -> Any:
    found = getattr(config.simulation(_target(_root_), list(_root_.get("variants") or {})), slot)
    return OmegaConf.create(found) if isinstance(found, list) else found


def _simulator(*, _root_: DictConfig) -> str | None:
    """The version of what runs the target; None without one, so that what is composed is the same where it cannot be installed."""
    return config.installed("tflite_micro") if _target(_root_) == "tflite_micro" else None


def _target(root: DictConfig) -> str | None:
    target: str | None = OmegaConf.select(root, "select.target")
    return target


_RESOLVERS: dict[str, Callable[..., Any]] = {
    "check": _check,
    "conf_digest": lambda: files.folder_digest(_CONF),
    "version": config.installed,
    "variant_names": lambda *, _root_: OmegaConf.create(list(_root_.get("variants") or {})),
    "beside": lambda slot, on: str(getattr(config.beside(on), slot)),
    "comparisons": _comparisons,
    "reads": _reads,
    "samples": _samples,
    "simulation": _simulation,
    "simulator": _simulator,
}
for _name, _resolver in _RESOLVERS.items():
    OmegaConf.register_new_resolver(_name, _resolver, replace=True)
composition_errors.answer_in_dvc(_CONF)
