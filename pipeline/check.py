"""Stage `check`: is params.yaml a configuration, composed from the conf/ that is here, and are the model and the data there?

Names of variants and searches become commands and folders of other stages. So this one judges them, and every other waits for
its output, which never changes.
"""

from pipeline import config, files, paths
from pipeline.errors import UserError, run


def main() -> None:
    settings = config.read()
    if settings.conf_digest != files.folder_digest(paths.CONF):
        raise UserError("params.yaml was composed from another conf/; run `make params` (`make repro` does it for you)")
    config.require_files(settings)
    files.write_json(paths.CHECKED, {"checked": True})


if __name__ == "__main__":
    run(main)
