"""docs/events.md: every event with its meaning, its producer and its consumers."""

import json
from collections.abc import Mapping
from pathlib import Path

import yaml

from infra.codegen.contracts import FOLDER
from infra.contexts import CONTEXTS, subscriptions_of
from infra.deploy.topics import FILE
from shared.contracts.event import Event, producer
from shared.contracts.registry import topics

FILE_NAME = Path("docs/events.md")

_HEAD = """# Events

Generated from `shared/contracts` by `make generate`. Envelope: CloudEvents 1.0, Kafka binary mode: `ce_*` headers beside a JSON value.
The key is the person's pseudonym where there is a person; `ce_subject` is the aggregate,
`ce_sequence` counts its events from 1 without a gap,
`ce_correlationid` is the referral (or the case finding) that began the chain. A restricted event's value is a JWE under the data
key in the header `care-data-key`, which the key ring wraps. Without a value its words were erased: erase what you stored of its subject.
Compare `ce_id` to drop duplicates; ignore fields that you do not know.
"""


def catalogue() -> Mapping[Path, str]:
    declared = yaml.safe_load(FILE.read_text())["topics"]
    parts = [_HEAD]
    for topic, events in topics().items():
        about = declared[topic]
        parts.append(
            f"\n## `{topic}`\n{about['description']} Key: `{about['key']}`. Access: {about['access']}. Owner: `{about['owner']}`.\n"
        )
        parts += [_entry(event) for event in events]
    return {FILE_NAME: "".join(parts)}


def consumers(event: type[Event]) -> list[str]:
    return [context for context in CONTEXTS if event in subscriptions_of(context).on_event]


def meaning(event: type[Event]) -> str:
    return " ".join((event.__doc__ or "").split())


def _entry(event: type[Event]) -> str:
    listening = ", ".join(f"`{name}`" for name in consumers(event)) or "subscribers outside"
    fields = ", ".join(f"`{name}`" for name in event.model_fields) or "none"
    example_json = json.dumps(json.loads((FOLDER / "examples" / f"{event.TYPE}.json").read_text()), ensure_ascii=False)
    lines = [f"\n### `{event.TYPE}`", meaning(event), "", f"- from `{producer(event)}` to {listening}", f"- fields: {fields}"]
    return "\n".join([*lines, f"- example: `{example_json}`", ""])
