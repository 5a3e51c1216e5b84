"""infra/k8s/<context>.yaml: the manifest of each context, which differ in names and in who derives ids from NHS numbers."""

from collections.abc import Mapping
from pathlib import Path
from string import Template

from infra.contexts import CONTEXTS, prefix, settings_of

FOLDER = Path("infra/k8s")
_SECRET_OF_IDS = f"{' ' * 14}- {{key: CARE_PERSON_ID_SECRET, path: CARE_PERSON_ID_SECRET}}\n"
_TEMPLATE = Path(__file__).parent / "pages" / "context-manifest.yaml"


def manifests() -> Mapping[Path, str]:
    return {FOLDER / f"{_name(context)}.yaml": _manifest(context) for context in CONTEXTS}


def _manifest(context: str) -> str:
    names = {"name": _name(context), "package": context, "variables": context.upper()}
    secret_of_ids = _SECRET_OF_IDS if settings_of(context).DERIVES_IDS else ""
    return Template(_TEMPLATE.read_text()).substitute(names, secret_of_ids=secret_of_ids)


def _name(context: str) -> str:
    return prefix(context).removeprefix("/")
