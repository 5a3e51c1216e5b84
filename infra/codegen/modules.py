"""The modules of a package."""

import importlib
import pkgutil
from collections.abc import Sequence
from types import ModuleType


def modules_of(package: str) -> Sequence[ModuleType]:
    """Imports the package and every module below it."""
    found = importlib.import_module(package)
    below = pkgutil.walk_packages(getattr(found, "__path__", []), f"{package}.")
    return [found, *(importlib.import_module(each.name) for each in below)]
