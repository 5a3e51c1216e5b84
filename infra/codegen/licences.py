"""docs/licences.md: the licence of each package in the image, as the package states it."""

import re
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import Any

FILE_NAME = Path("docs/licences.md")
LOCK = Path(__file__).parents[1] / "requirements-image.lock"
_LOCKED = re.compile(r"^([\w.-]+)==([^\s;]+)(?: ; (.+?))?(?: \\)?$", re.MULTILINE)
_HEAD = """# Licences

Generated from `infra/requirements-image.lock` and the metadata of the packages by `make generate`. `make sbom` writes their bill of
materials in CycloneDX; `make audit` compares them with the list of known vulnerabilities. The product itself has the licence in `LICENSE`.

| package | version | licence |
|---|---|---|
"""
_CLASSIFIER = "License :: OSI Approved :: "
#: Read in the archives of packages for another operating system, which are not installed here, and of those whose metadata has no licence.
_READ: Mapping[str, str] = {"colorama": "BSD License", "tzdata": "Apache-2.0", "pyrage": "MIT"}


def licences() -> Mapping[Path, str]:
    rows = (f"| `{name}` | {version} | {licence_of(name)} |\n" for name, version in packages())
    return {FILE_NAME: _HEAD + "".join(rows)}


def packages() -> Sequence[tuple[str, str]]:
    """Name and version of each package of the image."""
    return [(name, version) for name, version, _ in _LOCKED.findall(LOCK.read_text())]


def licence_of(name: str) -> str:
    """As an SPDX expression where the package has one. Raises ValueError for a package without a licence."""
    try:
        found = _stated(metadata(name))
    except PackageNotFoundError:
        found = ""
    if not (found := found or _READ.get(name, "")):
        raise ValueError(f"{name} states no licence: read it, and decide whether the product may use it")
    return found


def _stated(package: Any) -> str:
    if expression := package.get("License-Expression"):
        return str(expression)
    classifiers = [each.removeprefix(_CLASSIFIER) for each in package.get_all("Classifier") or [] if each.startswith(_CLASSIFIER)]
    return "; ".join(classifiers) or str(package.get("License") or "").partition("\n")[0]
