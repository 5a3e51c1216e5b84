"""Safeguarding concerns in a test: the short form of each service, and the callers who read and decide."""

from dataclasses import dataclass
from typing import Any

import httpx

from shared.kernel.ids import new_id
from tests.builders.context_app import RunningContext

#: Words of an account, which no other answer, log or table may have.
WORDS = "The lodger has his bank card, and his purse is empty again."


def a_concern(person_id: str, **changes: Any) -> dict[str, Any]:
    """The JSON of the short form. A change to None leaves the field out."""
    body = {"person_id": person_id, "kind": "financial", "account": WORDS, "raiser_name": "Ada Nurse"} | changes
    return {name: value for name, value in body.items() if value is not None}


async def raise_concern(
    context: RunningContext, prefix: str, person_id: str, caller: dict[str, str], *, key: str | None = None, **changes: Any
) -> httpx.Response:
    """POSTs the short form of a service."""
    headers = caller | {"Idempotency-Key": key or str(new_id())}
    return await context.http.post(f"{prefix}/safeguarding-concerns", json=a_concern(person_id, **changes), headers=headers)


@dataclass(frozen=True)
class Safeguarding:
    """Reads and decides concerns at the Community Point of Access."""

    context: RunningContext

    @property
    def council(self) -> dict[str, str]:
        return self._staff("LBB", "council-1", "social-worker")

    @property
    def lead(self) -> dict[str, str]:
        return self._staff("CLCH", "lead-1", "safeguarding-lead")

    async def listed(self, caller: dict[str, str] | None = None, **query: Any) -> list[dict[str, Any]]:
        """The open concerns, or those of a query."""
        response = await self.context.http.get("/referrals/safeguarding-concerns", headers=caller or self.council, params=query or None)
        assert response.status_code == 200, response.text
        return list(response.json()["items"])

    async def only(self, caller: dict[str, str] | None = None) -> dict[str, Any]:
        """The file of the one open concern."""
        [concern] = await self.listed(caller)
        return await self.file(concern["id"], caller)

    async def file(self, concern_id: str, caller: dict[str, str] | None = None) -> dict[str, Any]:
        path = f"/referrals/safeguarding-concerns/{concern_id}"
        response = await self.context.http.get(path, headers=caller or self.council)
        assert response.status_code == 200, response.text
        found: dict[str, Any] = response.json()
        return found

    async def act(self, concern: dict[str, Any], act: str, body: Any = None, caller: dict[str, str] | None = None) -> httpx.Response:
        """Sends a command on the version of the concern that was read."""
        headers = (caller or self.council) | {"If-Match": f'W/"{concern["version"]}"'}
        return await self.context.http.post(f"/referrals/safeguarding-concerns/{concern['id']}/{act}", json=body, headers=headers)

    def _staff(self, organisation: str, actor: str, role: str) -> dict[str, str]:
        return self.context.token("referrals:safeguarding", organisation=organisation, actor=actor, role=role)
