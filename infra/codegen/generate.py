"""`python -m infra.codegen.generate` writes the generated files; with `--check` it prints the stale ones, and fails if there is one."""

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from infra.codegen.access_lists import access_lists
from infra.codegen.asyncapi import asyncapi
from infra.codegen.catalogue import catalogue
from infra.codegen.configuration import configuration
from infra.codegen.contracts import examples, schemas
from infra.codegen.data_inventory import data_inventory
from infra.codegen.data_model import data_model
from infra.codegen.decisions import decisions
from infra.codegen.error_catalogue import error_catalogue
from infra.codegen.licences import licences
from infra.codegen.manifests import manifests
from infra.codegen.scope_table import scope_table
from infra.codegen.states import states

#: In this order: the catalogue shows the examples.
MAKERS: Sequence[Callable[[], Mapping[Path, str]]] = (
    schemas,
    examples,
    catalogue,
    asyncapi,
    states,
    error_catalogue,
    data_model,
    scope_table,
    decisions,
    configuration,
    access_lists,
    data_inventory,
    licences,
    manifests,
)
FOLDERS = (Path("shared/contracts/schemas"), Path("shared/contracts/examples"), Path("docs/states"), Path("docs/data"))


def stale() -> list[Path]:
    """Files whose content differs from the code, and files that no code generates."""
    generated = {path: text for make in MAKERS for path, text in make().items()}
    changed = [path for path, text in generated.items() if not path.exists() or path.read_text() != text]
    return changed + [path for folder in FOLDERS for path in folder.glob("*") if path not in generated]


def write() -> None:
    for make in MAKERS:
        for path, text in make().items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)


def main() -> int:
    if "--check" not in sys.argv:
        write()
        return 0
    found = stale()
    for path in found:
        print(f"stale: {path} (run `make generate`)")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
