"""What clients were answered against what is stored (I1 to I3): nothing acknowledged is lost, nothing refused was done.

A client's log is JSON lines about `POST /referrals`, one per answer or missing answer, on disk before the client goes on:
`{"actor": …, "key": …, "sent": …, "status": …, "id": …, "told": {…}}`. `actor` is the subject of the token, and all that
this actor ever asked is in the log; `key` is the Idempotency-Key, `sent` the SHA-256 of `METHOD path?query`, a line feed and
the body; `status` is null when no answer came. `id` is of what was made, `told` whatever of the answer is to be compared:
`reference`, `received_at` and other fields of the receipt.

What is compared: `told` with the receipt in the event log, for ever; `sent` with the fingerprint of the stored answer, as
long as answers are kept. What a person told travels encrypted and cannot be read here: its fingerprint is all there is.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID
from zlib import crc32

import asyncpg

from infra.operations.verify.check import since
from infra.operations.verify.finding import Finding, Tally
from infra.operations.verify.spill import BUCKETS, Spill
from shared.persistence.retention import DEFAULT_RETENTION, RetentionPolicy

_STORED = """
SELECT wanted.actor, wanted.key, fingerprint, status, headers ->> 'Location' AS location
FROM unnest($1::text[], $2::text[]) AS wanted (actor, key)
JOIN referrals.idempotency ON actor_id = wanted.actor AND idempotency.key = wanted.key"""
_RECEIPTS = """
SELECT referral.id, referral.reference, convert_from(data, 'UTF8') AS receipt FROM referrals.referral
LEFT JOIN referrals.event ON subject = referral.id AND type = 'referrals.referral.received.v1' WHERE referral.id = ANY($1::uuid[])"""
#: Who made a referral is in the first line that the audit has of it.
_MADE = """
SELECT referral.id, made.actor_id, coalesce(recorded_at > {kept}, false) AS is_recent FROM referrals.referral
CROSS JOIN LATERAL (SELECT actor_id FROM referrals.audit WHERE subject = referral.id ORDER BY id LIMIT 1) AS made
LEFT JOIN referrals.event ON event.subject = referral.id AND type = 'referrals.referral.received.v1'
WHERE made.actor_id = ANY($1::text[])"""

_ASKED, _DONE, _RECENT = 0, 1, 2
_AT_ONCE = 5_000

Lines = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class ClientCall:
    """Everything that was heard of one key."""

    actor: str
    key: str
    lines: Lines

    @property
    def made(self) -> set[str]:
        return {line["id"] for line in self._created}

    @property
    def sent(self) -> set[str]:
        return {line["sent"] for line in self._created or self.lines}

    @property
    def receipts(self) -> list[dict[str, Any]]:
        """What each answer said."""
        return [line.get("told") or {} for line in self._created]

    @property
    def is_refused(self) -> bool:
        """Every answer was a refusal, and none is missing."""
        codes = [line["status"] for line in self.lines]
        return all(code is not None and HTTPStatus.BAD_REQUEST <= code < HTTPStatus.INTERNAL_SERVER_ERROR for code in codes)

    @property
    def _created(self) -> Lines:
        return [line for line in self.lines if line["status"] == HTTPStatus.CREATED]


@dataclass(slots=True)
class _Judgement:
    """`done` are referrals with what is known of them: that a key accounts for one, that it was made, and how lately."""

    done: Spill
    lost: Tally = field(default_factory=lambda: Tally("I1", "every referral that was acknowledged to a client is there"))
    altered: Tally = field(default_factory=lambda: Tally("I1", "what is there is what the client had sent, and was told"))
    effects: Tally = field(default_factory=lambda: Tally("I2", "what was refused had no effect"))
    twice: Tally = field(default_factory=lambda: Tally("I3", "a request that was repeated was answered alike, and done once"))
    torn: Tally = field(default_factory=lambda: Tally("I3", "a request without an answer was done once, or not at all"))
    unasked: Tally = field(
        default_factory=lambda: Tally("I3", "every referral of these clients was made by one of their requests, and one by each")
    )
    unknown: int = 0

    async def take(self, owner: "asyncpg.Connection[asyncpg.Record]", asked: Sequence[ClientCall]) -> None:
        stored = {(row["actor"], row["key"]): row for row in await _stored(owner, asked)}
        locations = {key: _id_of(row["location"]) for key, row in stored.items() if row["location"]}
        ids = {UUID(one) for each in asked for one in each.made} | set(locations.values())
        receipts = {str(row["id"]): row for row in await owner.fetch(_RECEIPTS, list(ids))}
        for each in asked:
            row, location = stored.get((each.actor, each.key)), locations.get((each.actor, each.key))
            self._judge(each, row, None if location is None else str(location), receipts)

    def _judge(self, each: ClientCall, row: asyncpg.Record | None, location: str | None, receipts: Mapping[str, asyncpg.Record]) -> None:
        self.twice.checked += 1
        answers = each.made | ({location} if location else set())
        for one in answers:
            self.done.add(UUID(one).bytes, _ASKED)
        if each.made:
            self._judge_made(each, row, receipts)
        elif each.is_refused:
            self.effects.checked += 1
            if row is not None:
                self.effects.note(each.key)
        else:
            self._judge_unknown(each, location, receipts)
        if len(answers) > 1:
            self.twice.note(each.key)

    def _judge_made(self, each: ClientCall, row: asyncpg.Record | None, receipts: Mapping[str, asyncpg.Record]) -> None:
        self.lost.checked, self.altered.checked = self.lost.checked + 1, self.altered.checked + 1
        if not each.made <= receipts.keys():
            self.lost.note(each.key)
            return
        is_as_sent = row is None or each.sent == {row["fingerprint"].hex()}
        if not is_as_sent or not all(_matches_receipt(told, receipts[one]) for told in each.receipts for one in each.made):
            self.altered.note(each.key)

    def _judge_unknown(self, each: ClientCall, location: str | None, receipts: Mapping[str, asyncpg.Record]) -> None:
        self.torn.checked, self.unknown = self.torn.checked + 1, self.unknown + (location is None)
        if location is not None and location not in receipts:
            self.torn.note(each.key)

    async def take_effects(self, owner: "asyncpg.Connection[asyncpg.Record]", actors: Sequence[str], keep: RetentionPolicy) -> None:
        async for row in owner.cursor(_MADE.format(kept=since(keep.idempotency_keys)), actors, prefetch=_AT_ONCE):
            self.done.add(row["id"].bytes, _RECENT if row["is_recent"] else _DONE)

    def findings(self) -> list[Finding]:
        for number in range(BUCKETS):
            self._judge_bucket(number)
        return [each.finding for each in (self.lost, self.altered, self.effects, self.twice, self.torn, self.unasked)]

    def _judge_bucket(self, number: int) -> None:
        """Whose answer is no longer kept may be what a request without an answer made; each made one at most."""
        known: dict[bytes, set[int]] = {}
        for identity, what in self.done.bucket(number):
            known.setdefault(identity, set()).add(what)
        for identity, whats in known.items():
            self.unasked.checked += bool(whats & {_DONE, _RECENT})
            if _ASKED in whats:
                continue
            if _DONE in whats and self.unknown:
                self.unknown -= 1
            else:
                self.unasked.note(f"referral {UUID(bytes=identity)}")


async def compare(owner: "asyncpg.Connection[asyncpg.Record]", log: Path, keep: RetentionPolicy = DEFAULT_RETENTION) -> list[Finding]:
    """Within the snapshot; in little memory, however long the log is."""
    with TemporaryDirectory(prefix="care-verify-") as folder:
        parts, actors = _divide(log, Path(folder))
        with closing(Spill(Path(folder), "done", "B")) as done:
            judgement = _Judgement(done)
            for part in parts:
                await judgement.take(owner, _read(part))
            await judgement.take_effects(owner, sorted(actors), keep)
            return judgement.findings()


def _divide(log: Path, folder: Path) -> tuple[list[Path], set[str]]:
    """All lines of a key in one part, in their order; and who asked."""
    actors, parts = set(), [folder / f"answers-{number}" for number in range(BUCKETS)]
    with ExitStack() as files, log.open() as lines:
        written = [files.enter_context(part.open("w")) for part in parts]
        for text in lines:
            line = json.loads(text)
            if line.get("key"):
                actors.add(line["actor"])
                written[crc32(f"{line['actor']} {line['key']}".encode()) % BUCKETS].write(text)
    return parts, actors


def _read(part: Path) -> list[ClientCall]:
    found: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    with part.open() as lines:
        for line in map(json.loads, lines):
            found.setdefault((line["actor"], line["key"]), []).append(line)
    return [ClientCall(actor, key, heard) for (actor, key), heard in found.items()]


async def _stored(owner: "asyncpg.Connection[asyncpg.Record]", asked: Sequence[ClientCall]) -> list[asyncpg.Record]:
    return await owner.fetch(_STORED, [each.actor for each in asked], [each.key for each in asked])


def _id_of(location: str) -> UUID:
    return UUID(location.rpartition("/")[2])


def _matches_receipt(told: Mapping[str, Any], stored: asyncpg.Record) -> bool:
    """Instants are compared as instants, however they are written."""
    receipt = json.loads(stored["receipt"] or "{}") | {"reference": stored["reference"]}
    return all(_plain(value) == _plain(receipt[name]) for name, value in told.items() if name in receipt)


def _plain(value: Any) -> Any:
    try:
        return datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return value
