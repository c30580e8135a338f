"""Stage `verify@V`: is the converted file still the network? The verdict is in the report; the stage itself always succeeds."""

import argparse

from pipeline import config
from pipeline.lib import fidelity, files, paths, verdict
from pipeline.lib.errors import UserError, run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("variant")
    name = parser.parse_args().variant
    settings = config.read()
    scheme = config.variant(settings, name).scheme
    limits = settings.verify.limits[scheme].model_dump()
    reference, predicted = files.read_arrays(paths.REFERENCE), files.read_arrays(paths.OUTPUTS / name)
    if set(reference) != set(predicted):
        raise UserError(f"variants.{name}: its outputs are {', '.join(predicted)}, the network's are {', '.join(reference)}")
    figures = {output: fidelity.measure(reference[output], predicted[output]) for output in reference}
    checks = [row for output, measured in figures.items() for row in verdict.judge(measured, limits, output=output)]
    files.write_json(
        paths.VERIFY_REPORTS / f"{name}.json",
        {
            "variant": name,
            "scheme": scheme,
            "n": len(next(iter(reference.values()))),
            "passed": all(row["passed"] for row in checks),
            "checks": checks,
            "outputs": figures,
        },
    )


if __name__ == "__main__":
    run(main)
