"""Registers the schema's check and the resolvers of conf/ with OmegaConf, and better words for an unknown choice or key with
Hydra, also inside DVC's own composition.

DVC finds this file through `hydra.plugins_path` in .dvc/config and imports it before it composes. It takes the path away
again afterwards, so everything is imported here at the top.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from hydra._internal import defaults_list
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.errors import ConfigCompositionException, MissingConfigException
from omegaconf import DictConfig, OmegaConf, open_dict

from pipeline import config, files
from pipeline.cli import names
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
    return schemes.reads(engine, scheme, algorithm, search)[slot]


def _samples(engine: str, scheme: str, algorithm: str, samples: int) -> int | None:
    """The number of calibration samples, for variants that read samples themselves."""
    if engine not in schemes.SCHEMES or scheme not in schemes.SCHEMES[engine]:
        return None
    return samples if schemes.calibration(engine, scheme, algorithm) == schemes.SAMPLES else None


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


_apply_overrides = ConfigLoaderImpl._apply_overrides_to_config


def _apply_any_override(overrides: list[Any], cfg: DictConfig) -> None:
    """A misspelt key gets as far as the schema, which says what is allowed; Hydra would only suggest to add it.

    A section that is not there, such as a variant that `quantization` does not list, is not made up for it.
    """
    for override in overrides:
        *parents, _ = override.key_or_group.split(".")
        if override.is_delete() or override.is_add() or override.is_force_add() or override.package is not None:
            continue
        node: Any = cfg
        for depth, name in enumerate(parents):
            if not isinstance(node, DictConfig):
                break
            if name not in node:
                where = ".".join(parents[:depth]) or "conf"
                raise ConfigCompositionException(f"{where}: no {name!r}; allowed: {', '.join(map(str, node))}")
            node = node._get_node(name)
    with open_dict(cfg):
        _apply_overrides(overrides, cfg)


ConfigLoaderImpl._apply_overrides_to_config = staticmethod(_apply_any_override)  # type: ignore[method-assign]
