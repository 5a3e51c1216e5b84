"""Plain names of components: `ReferralPage` for `Page_ReferralView_`, `CaseStatus` for `services__mdt__domain__case__Status`."""

import re
from typing import Any

_CLASH = re.compile(r"(?:\w+?__)+(\w+)__(\w+)")
_PAGE = re.compile(r"Page_(\w+?)(?:View)?_")
_REFERENCE = "#/components/schemas/"


def rename_components(document: dict[str, Any]) -> None:
    """Renames the components in place. Two components get one name only when they are equal."""
    schemas = document["components"]["schemas"]
    names = {name: _plain(name, schemas) for name in schemas}
    document["components"]["schemas"] = {names[name]: schema for name, schema in schemas.items()}
    _rename_references(document, names)


def _plain(name: str, schemas: dict[str, Any]) -> str:
    if name.endswith("-Input"):
        equal = (other for other, schema in schemas.items() if other != name and schema == schemas[name])
        return _plain(next(equal, name.removesuffix("-Input")), schemas)
    if page := _PAGE.fullmatch(name):
        return f"{page[1]}Page"
    if clash := _CLASH.fullmatch(name):
        module = "".join(word.capitalize() for word in clash[1].split("_"))
        return module + clash[2]
    return name


def _rename_references(part: Any, names: dict[str, str]) -> None:
    for value in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        _rename_references(value, names)
    if isinstance(part, dict) and isinstance(reference := part.get("$ref"), str):
        name = reference.removeprefix(_REFERENCE)
        part["$ref"] = _REFERENCE + names.get(name, name)  # the framework's refusals have no component
