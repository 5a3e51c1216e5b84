"""Imports modules with one more member in an enumeration, each in a separate process.

An argument `module:name:target` imports `target` after the class `name` of `module` got a member. The output has one line for each
argument: the file that raised TypeError and its text, or nothing when the import succeeds.
"""

import importlib
import os
import sys
import traceback
from importlib.util import find_spec, module_from_spec
from pathlib import Path

import pydantic  # noqa: F401  imported once, before the processes fork

from tests.architecture.widened_source import widened


def _error(module: str, name: str, target: str) -> str:
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        return ""
    loaded = sys.modules[module] = module_from_spec(spec)
    try:
        exec(compile(widened(Path(spec.origin).read_text(), name), spec.origin, "exec"), vars(loaded))  # noqa: S102  the module's text
        importlib.import_module(target)
    except TypeError as error:
        files = [frame.filename for frame in traceback.extract_tb(error.__traceback__) if "/kernel/" not in frame.filename]
        return f"{files[-1]} {error}"
    return ""


def main() -> None:
    for argument in sys.argv[1:]:
        child = os.fork()
        if child == 0:
            sys.stdout.write(f"{_error(*argument.split(':'))}\n")
            sys.stdout.flush()
            os._exit(0)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main()
