"""Random valid bodies of commands, from the schemas of the OpenAPI documents and the values of a small world."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

from shared.clock import LONDON
from tests.builders.hostile_values import Schema
from tests.builders.mdt import QUORUM

NAVIGATORS = ("clch-navigator-1", "clch-navigator-2")
CLINICIANS = ("clch-enp-1", "clch-nurse-2")
PROFESSIONALS = ("clch-community-nurse-1", "lbb-social-worker-1", "gp-W07")
#: Services by route, each of another organisation where possible.
SERVICES: Mapping[str, Sequence[str]] = {
    "rapid-care": ("rapid-care",),
    "mdt": ("mdt",),
    "navigation": ("care-navigation",),
    "service": ("district-nursing", "falls-clinic", "carers-centre", "ambulance", "health-elsewhere"),
}
_POOLS: Mapping[str, Sequence[Any]] = {
    "service_code": [code for codes in SERVICES.values() for code in codes],
    "suggestion": ["district-nursing", "care-navigation"],
    "navigator_id": NAVIGATORS,
    "clinician_id": CLINICIANS,
    "professional_id": PROFESSIONALS,
    "organisation": ("CLCH", "LBB"),
    "practice_code": ("W07", "B03"),
    "telephone": ("020 7946 0999",),
    "owner_role": ("care-navigator", "care-navigator", "community-nurse", "gp"),
}
#: Values of fields of one operation that its rules mostly accept.
_POOLS_OF_OPERATION: Mapping[tuple[str, str], Sequence[Any]] = {
    ("CancelTask", "reason"): ("created-in-error", "duplicate", "no-longer-needed", "person-died"),
    ("CancelHomeCheck", "reason"): ("created-in-error", "duplicate", "no-longer-needed"),
    ("HoldMeeting", "attended"): ([*QUORUM, "mental-health"],) * 9 + (["gp"],),
}
#: Probability that an optional field is absent, by name.
_ABSENT = {
    "action_id": 0.8, "joint_plan": 0.02, "lead": 0.1, "actions": 0.02, "override_reason": 0.1,
    "has_red_flag": 0.9, "information": 0.1, "meeting_id": 0.97, "is_agreed_by_person": 0.5,
}  # fmt: skip
#: Minutes from now of an instant, and days from now of a day.
_MINUTES = {"contacted_at": (-40, 0), "due_at": (60, 20_000), "until": (30, 15_000)}
_DAYS = {"died_on": (-3, 0), "moved_on": (-3, 0), "discharged_on": (-60, 0), "due_on": (1, 40)}


@dataclass(frozen=True)
class BodyMaker:
    """`pools` are values of this item, by the name of the field."""

    random: Random
    now: datetime
    pools: Mapping[str, Sequence[Any]]

    def body(self, operation: str, schema: Schema) -> Any:
        """A body of the operation that its schema permits, and mostly its rules too."""
        made = self._value(schema, "")
        pools = {field: pool for (name, field), pool in _POOLS_OF_OPERATION.items() if name == operation}
        made |= {field: self.random.choice(pool) for field, pool in pools.items()}
        if operation == "RouteReferral" and "route" in self.pools and self.random.random() < 0.9:
            made["route"] = self.random.choice(self.pools["route"])
            made["service_code"] = self.random.choice(SERVICES[made["route"]])
        if made.get("is_available") or made.get("until") is None:
            made.pop("until", None)
        return made

    def _value(self, schema: Schema, name: str) -> Any:
        schema = next(each for each in schema.get("anyOf", [schema]) if each.get("type") != "null")
        if pool := self.pools.get(name) or _POOLS.get(name):
            return self.random.choice(pool)
        if "const" in schema or "enum" in schema:
            return self.random.choice(schema.get("enum") or [schema["const"]])
        if schema.get("type") in {"boolean", "integer", "number"}:
            return self.random.random() < 0.5 if schema["type"] == "boolean" else 1
        parts = {"object": self._object, "array": self._list}
        return parts.get(schema.get("type", ""), self._text)(schema, name)

    def _object(self, schema: Schema, _: str) -> dict[str, Any]:
        required = schema.get("required", ())
        chosen = [name for name in schema.get("properties", {}) if name in required or self.random.random() > _ABSENT.get(name, 0.3)]
        return {name: self._value(schema["properties"][name], name) for name in chosen}

    def _list(self, schema: Schema, name: str) -> list[Any]:
        values = [self._value(schema["items"], name) for _ in range(self.random.randint(1, 2))]
        return [value for number, value in enumerate(values) if value not in values[:number]]

    def _text(self, schema: Schema, name: str) -> str:
        if schema.get("format") == "date":
            day = self.now.astimezone(LONDON).date() + timedelta(days=self.random.randint(*_DAYS.get(name, (-3, 30))))
            return day.isoformat()
        if schema.get("format") == "date-time":
            return (self.now + timedelta(minutes=self.random.randint(*_MINUTES.get(name, (-60, 600))))).isoformat()
        if schema.get("format") == "uuid":
            return "0193a1f0-0000-7000-8000-000000000001"
        codes = ("seen-at-home", "W07", "020 7946 0999")
        return next((code for code in codes if "pattern" not in schema or re.search(schema["pattern"], code)), "text")
