"""One run of one scenario by the bench of the checkout in the current folder, for a comparison of two checkouts.

Run as `python side.py REQUEST` with the interpreter of that checkout. REQUEST is JSON: `names` lists pairs of a scenario name and the
constants to set in its module, in order of preference; `size` is the form; `json` is the file for the result. The bench of an earlier
commit may know a scenario under another name, or at another rate.
"""

import json
import os
import sys
from importlib import import_module
from typing import Any


def main() -> None:
    request = json.loads(sys.argv[1])
    sys.path[0] = os.getcwd()  # noqa: PTH109  instead of the folder of this file
    known = {scenario.name: scenario for scenario in import_module("tests.bench.scenarios").ALL}
    name, constants = next(((name, constants) for name, constants in request["names"] if name in known), (None, {}))
    if name is None:
        sys.exit(f"This checkout has none of the scenarios {[name for name, _ in request['names']]}.")
    _set(known[name], constants)
    has_yardsticks = hasattr(import_module("tests.bench.__main__").Bench, "has_yardsticks")
    sys.argv = ["tests.bench", f"--{request['size']}", "--runs", "1", "--json", request["json"], "--only", name]
    sys.argv += ["--no-yardsticks"] if has_yardsticks else []
    import_module("tests.bench.__main__").main()


def _set(scenario: Any, constants: dict[str, object]) -> None:
    for constant, value in constants.items():
        module = sys.modules[scenario.measure.__module__]
        if not hasattr(module, constant):
            sys.exit(f"{module.__name__} has no {constant}.")
        setattr(module, constant, value)


if __name__ == "__main__":
    main()
