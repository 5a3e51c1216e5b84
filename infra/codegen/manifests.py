"""infra/k8s/<context>.yaml: the manifest of each context, which differ in names only."""

from collections.abc import Mapping
from pathlib import Path
from string import Template

from infra.contexts import CONTEXTS, prefix

FOLDER = Path("infra/k8s")
_TEMPLATE = Path(__file__).parent / "pages" / "context-manifest.yaml"


def manifests() -> Mapping[Path, str]:
    return {FOLDER / f"{_name(context)}.yaml": _manifest(context) for context in CONTEXTS}


def _manifest(context: str) -> str:
    return Template(_TEMPLATE.read_text()).substitute(name=_name(context), package=context, variables=context.upper())


def _name(context: str) -> str:
    return prefix(context).removeprefix("/")
