"""Stage `check`: was params.yaml composed from the conf/ that is here?"""

from pipeline import config
from pipeline.lib import files, paths
from pipeline.lib.errors import UserError, run


def main() -> None:
    settings = config.read()
    if settings.conf_digest != files.folder_digest(paths.CONF):
        raise UserError("params.yaml was composed from another conf/; run `make params` (`make repro` does it for you)")


if __name__ == "__main__":
    run(main)
