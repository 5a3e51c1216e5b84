"""Schemas and examples, a file per event type and version."""

import json
from collections.abc import Mapping
from pathlib import Path

from infra.codegen.examples import example
from shared.contracts.event import Event
from shared.contracts.registry import registry

FOLDER = Path("shared/contracts")


def schemas() -> Mapping[Path, str]:
    return {FOLDER / "schemas" / f"{name}.json": _json(_schema(event)) for name, event in registry().items()}


def examples() -> Mapping[Path, str]:
    """Generates an example that is absent. An existing example stays unchanged, because it documents events that may have been sent."""
    made = {FOLDER / "examples" / f"{name}.json": event for name, event in registry().items()}
    return {path: path.read_text() if path.exists() else _json(example(event)) for path, event in made.items()}


def _schema(event: type[Event]) -> object:
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": f"urn:care-coordination:event:{event.TYPE}"}
    return head | event.model_json_schema(mode="serialization")


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
