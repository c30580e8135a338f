"""Registers the schema's check and the resolvers of conf/ with OmegaConf, and better words for an unknown choice with Hydra,
also inside DVC's own composition.

DVC finds this file through `hydra.plugins_path` in .dvc/config and imports it before it composes. It takes the path away
again afterwards, so everything is imported here at the top.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from hydra._internal import defaults_list
from hydra.errors import MissingConfigException
from omegaconf import DictConfig, OmegaConf

from pipeline import config
from pipeline.cli import names
from pipeline.lib import files, schemes

_CONF = Path(__file__).parents[1] / "conf"


def _check(*, _root_: DictConfig) -> bool:
    """Validate the whole configuration; `checked: ${check:}` makes every composition call it."""
    content: Any = OmegaConf.to_container(_root_)
    del content["checked"]  # which is being resolved right now
    resolved: Any = OmegaConf.to_container(OmegaConf.create(content), resolve=True)
    names.check(config.validate({**resolved, "checked": True}, source="conf"))
    return True


def _reads(slot: str, engine: str, scheme: str, search: str | None) -> str:
    """One slot of what a variant reads; an unknown engine or scheme is left to `_check`, which says what is allowed."""
    if engine not in schemes.SCHEMES or scheme not in schemes.SCHEMES[engine]:
        return "unknown"
    return schemes.reads(engine, scheme, search)[slot]


def _samples(engine: str, scheme: str, samples: int) -> int | None:
    """The number of calibration samples, for variants that read samples themselves."""
    known: Any = schemes.SCHEMES.get(engine, {}).get(scheme)
    return samples if known and known.calibration == schemes.SAMPLES else None


_RESOLVERS: dict[str, Callable[..., Any]] = {
    "check": _check,
    "conf_digest": lambda: files.folder_digest(_CONF),
    "version": config.installed,
    "reads": _reads,
    "samples": _samples,
}
for _name, _resolver in _RESOLVERS.items():
    OmegaConf.register_new_resolver(_name, _resolver, replace=True)


_not_found = defaults_list.config_not_found_error


def _config_not_found(repo: Any, tree: Any) -> None:
    """Hydra lists a group's options for a misspelt choice, but not for an entry of a list such as `quantization`."""
    group, _, name = tree.node.get_config_path().rpartition("/")
    options = [option for option in repo.get_group_options(group) if not option.startswith("_")]
    if not options:
        _not_found(repo, tree)
    message = f"{group}: no {name!r}; allowed: {', '.join(options)}"
    raise MissingConfigException(missing_cfg_file=f"{group}/{name}", message=message, options=options)


defaults_list.config_not_found_error = _config_not_found
