"""Seeded defect of the idempotency key."""

import json
from dataclasses import replace
from hashlib import sha256
from typing import Any

from infra.operations.verify.verdict import Verdict
from shared.kernel.ids import new_id
from shared.persistence.database import Database
from shared.persistence.idempotency import claim_all
from shared.persistence.transaction import IdempotencyKey, RequestContext
from tests.builders.referrals import MONDAY, ReferralsClient, a_body, referrals
from tests.chaos.defects.stack import DefectStack

_ADMIN_SHUTDOWN, _KEY = "57P01", "asked-once"
_KNOWN = "SELECT count(*) FROM idempotency WHERE key = ANY($1::text[])"


class LateKeyDatabase(Database[Any]):
    """Checks the key, commits the work, and stores the key in a second transaction."""

    async def submit(self, request: RequestContext, work: Any, command: Any) -> Any:
        key = request.idempotency_key
        is_known = await self.pool.fetchval(_KNOWN, [key.key if key else None])
        unused = IdempotencyKey(str(new_id()), key.fingerprint if key else b"")
        async with self.transaction(request if is_known else replace(request, idempotency_key=unused)) as tx:
            response = await work(command, tx)
        async with self.transaction() as later:
            await claim_all(later, [request])
        return response


async def key_in_another_transaction(stack: DefectStack, *, is_seeded: bool) -> Verdict:
    """PostgreSQL terminates the session that stores the key; the client gets no receipt and repeats its request."""
    async with referrals(stack.owner_url, stack.keys, MONDAY) as client:
        transport: Any = client.context.http._transport
        opened = client.context.database
        if is_seeded:
            transport.app.state.database = LateKeyDatabase(opened.pool, clock=opened.clock, policy=opened.policy, secrets=opened.secrets)
        async with stack.raising(
            "referrals.idempotency", _ADMIN_SHUTDOWN, when=f"NEW.key = '{sha256(_KEY.encode()).hexdigest()}'", times=1
        ):
            lines = [await _send(client), await _send(client)]
        log = stack.folder / "client-log.jsonl"
        log.write_text("".join(json.dumps(line) + "\n" for line in lines))
        return await stack.verify(client.context.clock, log)


async def _send(client: ReferralsClient) -> dict[str, Any]:
    """Returns the line of the client's log. A response of 500 or above leaves the outcome unknown."""
    body = json.dumps(a_body()).encode()
    headers = client.gp() | {"Idempotency-Key": _KEY, "Content-Type": "application/json"}
    response = await client.context.http.post("/referrals", content=body, headers=headers)
    created = response.json().get("id") if response.is_success else None
    sent = sha256(b"POST /referrals?\n" + body).hexdigest()
    return {"actor": "gp-W07", "key": _KEY, "sent": sent, "status": response.status_code, "id": created}
