"""A faulty way from a request to its effect."""

import json
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Any

from infra.operations.verify.verdict import Verdict
from shared.kernel.ids import new_id
from shared.persistence.batching.group_commit import GroupCommit
from shared.persistence.database import Database, Handle
from shared.persistence.idempotency import claim_all
from shared.persistence.transaction import IdempotencyKey
from tests.builders.referrals import MONDAY, ReferralsClient, a_body, referrals
from tests.chaos.defects.stack import Ground

_ADMINISTRATOR, _KEY = "57P01", "asked-once"
_KNOWN = "SELECT count(*) FROM idempotency WHERE key = ANY($1::text[])"


class KeyAfterwards(Database[Any]):
    """Looks whether the keys are known, does the work, commits, and keeps the keys in a transaction of their own."""

    def group_commit(self, handle: Handle[Any, Any]) -> GroupCommit[Any, Any]:
        async def in_two_transactions(requests: Sequence[Any]) -> Sequence[Any]:
            asked = [(each.turn.actor, each.turn.once) for each in requests]
            is_known = await self.pool.fetchval(_KNOWN, [once.key for _, once in asked])
            async with self.transaction() as tx:
                outcomes = await handle(requests if is_known else [_under_another_key(each) for each in requests], tx)
            async with self.transaction() as later:
                await claim_all(later, asked)
            return outcomes

        return GroupCommit(in_two_transactions)


def _under_another_key(request: Any) -> Any:
    """One that nobody sends again."""
    once = IdempotencyKey(str(new_id()), request.turn.once.fingerprint)
    return replace(request, turn=replace(request.turn, once=once))


async def key_in_another_transaction(ground: Ground, *, is_seeded: bool) -> Verdict:
    """The database ends the connection when the key is kept; the client, who has heard nothing, asks again."""
    async with referrals(ground.owner_url, ground.keys, MONDAY) as desk:
        transport: Any = desk.context.http._transport
        opened = desk.context.database
        if is_seeded:
            transport.app.state.database = KeyAfterwards(opened.pool, clock=opened.clock, policy=opened.policy, secrets=opened.secrets)
        async with ground.raising("referrals.idempotency", _ADMINISTRATOR, when=f"NEW.key = '{_KEY}'", times=1):
            lines = [await _ask(desk), await _ask(desk)]
        log = ground.folder / "answers.jsonl"
        log.write_text("".join(json.dumps(line) + "\n" for line in lines))
        return await ground.judge(desk.context.clock, log)


async def _ask(desk: ReferralsClient) -> dict[str, Any]:
    """As a client's log has it: an answer of 500 and above says nothing of what was done."""
    body = json.dumps(a_body()).encode()
    headers = desk.gp() | {"Idempotency-Key": _KEY, "Content-Type": "application/json"}
    answer = await desk.context.http.post("/referrals", content=body, headers=headers)
    made = answer.json().get("id") if answer.is_success else None
    sent = sha256(b"POST /referrals?\n" + body).hexdigest()
    return {"actor": "gp-W07", "key": _KEY, "sent": sent, "status": answer.status_code, "id": made}
