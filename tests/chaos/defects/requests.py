"""A faulty way from a request to its effect."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import Any

from infra.verify.verdict import Verdict
from shared.kernel.actor import SYSTEM, Actor
from shared.persistence.database import Database
from shared.persistence.idempotency import claim
from shared.persistence.transaction import Cause, Once, Transaction
from tests.builders.referrals import MONDAY, Desk, a_body, referrals
from tests.chaos.defects.ground import Ground

_ADMINISTRATOR, _KEY = "57P01", "asked-once"
_IS_KNOWN = "SELECT EXISTS (SELECT FROM idempotency WHERE actor_id = $1 AND key = $2)"


class KeyAfterwards(Database[Any]):
    """Looks whether a key is known, does the work, commits, and keeps the key in a transaction of its own."""

    @asynccontextmanager
    async def transaction(
        self, actor: Actor = SYSTEM, cause: Cause | None = None, once: Once | None = None
    ) -> AsyncIterator[Transaction[Any]]:
        if once is None or await self.pool.fetchval(_IS_KNOWN, actor.id, once.key):
            async with super().transaction(actor, cause, once) as tx:
                yield tx
            return
        async with super().transaction(actor, cause) as tx:
            yield tx
        async with super().transaction(actor, cause) as later:
            await claim(later, once)


async def key_in_another_transaction(ground: Ground, *, is_seeded: bool) -> Verdict:
    """The database ends the connection when the key is kept; the client, who has heard nothing, asks again."""
    async with referrals(ground.owner_url, ground.keys, MONDAY) as desk:
        transport: Any = desk.context.http._transport
        opened = desk.context.database
        if is_seeded:
            transport.app.state.database = KeyAfterwards(opened.pool, clock=opened.clock, policy=opened.policy, secrets=opened.secrets)
        async with ground.failing_once("referrals.idempotency", _ADMINISTRATOR):
            lines = [await _ask(desk), await _ask(desk)]
        log = ground.folder / "answers.jsonl"
        log.write_text("".join(json.dumps(line) + "\n" for line in lines))
        return await ground.judge(desk.context.clock, log)


async def _ask(desk: Desk) -> dict[str, Any]:
    """As a client's log has it: an answer of 500 and above says nothing of what was done."""
    body = json.dumps(a_body()).encode()
    headers = desk.gp() | {"Idempotency-Key": _KEY, "Content-Type": "application/json"}
    answer = await desk.context.http.post("/referrals", content=body, headers=headers)
    made = answer.json().get("id") if answer.is_success else None
    sent = sha256(b"POST /referrals?\n" + body).hexdigest()
    return {"actor": "gp-W07", "key": _KEY, "sent": sent, "status": answer.status_code, "id": made}
