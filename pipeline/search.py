"""Stage `search@S`: a mixed-precision recipe within a budget. Its place and configuration exist; the algorithm does not yet."""

import argparse

from pipeline import config
from pipeline.lib.errors import UserError, run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("search")
    name = parser.parse_args().search
    config.search(config.read(), name)
    raise UserError(f"searches.{name}: mixed-precision search is not built yet; remove it from `search` in your configuration")


if __name__ == "__main__":
    run(main)
