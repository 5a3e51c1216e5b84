"""Compares a client's log with the database (I1 to I3): no acknowledged referral is lost, no refused request had an effect.

A client's log has one JSON line per response to `POST /referrals`, or per missing response, on disk before the client continues:
`{"actor": …, "key": …, "sent": …, "status": …, "id": …, "receipt": {…}}`. `actor` is the subject of the token; the log must have every
request of this actor. `key` is the idempotency key. `sent` is the SHA-256 of `METHOD path?query`, a line feed and the body. `status` is
null when no response came. `id` is the id of the referral. `receipt` has the fields of the response to compare, such as `reference` and
`received_at`.

`receipt` is compared with the receipt in the event log. `sent` is compared with the fingerprint of the stored response, while that is
retained. The story and the demographics are encrypted, so the fingerprint is their only evidence.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID
from zlib import crc32

import asyncpg

from infra.errors import StackError
from infra.operations.verify.check import since
from infra.operations.verify.finding import Finding, Tally
from infra.operations.verify.spill import BUCKETS, Spill
from shared.persistence.retention import DEFAULT_RETENTION, RetentionPolicy

_STORED = """
SELECT requested.actor, requested.key, fingerprint, status, headers ->> 'Location' AS location
FROM unnest($1::text[], $2::text[]) AS requested (actor, key)
JOIN referrals.idempotency ON right(caller, length(requested.actor) + 1) = ' ' || requested.actor
    AND idempotency.key = encode(sha256(convert_to(requested.key, 'UTF8')), 'hex')"""
_RECEIPTS = """
SELECT referral.id, referral.reference, convert_from(data, 'UTF8') AS receipt FROM referrals.referral
LEFT JOIN referrals.event ON subject = referral.id AND type = 'referrals.referral.received.v1' WHERE referral.id = ANY($1::uuid[])"""
#: The first audit entry of a referral names the actor that created it.
_CREATED = """
SELECT referral.id, first.actor_id, coalesce(recorded_at > {retained}, false) AS is_recent FROM referrals.referral
CROSS JOIN LATERAL (SELECT actor_id FROM referrals.audit WHERE subject = referral.id ORDER BY id LIMIT 1) AS first
LEFT JOIN referrals.event ON event.subject = referral.id AND type = 'referrals.referral.received.v1'
WHERE first.actor_id = ANY($1::text[])"""

#: The facts about a referral: a key of the log accounts for it, it is stored, or it is stored and recent.
_EXPLAINED, _STORED_ONCE, _RECENT = 0, 1, 2
_PREFETCH = 5_000

Lines = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class ClientCall:
    """All lines of one idempotency key."""

    actor: str
    key: str
    lines: Lines

    @property
    def created_ids(self) -> set[str]:
        return {line["id"] for line in self._created_lines}

    @property
    def sent(self) -> set[str]:
        return {line["sent"] for line in self._created_lines or self.lines}

    @property
    def receipts(self) -> list[dict[str, Any]]:
        """The receipt of each response."""
        return [line.get("receipt") or {} for line in self._created_lines]

    @property
    def is_refused(self) -> bool:
        """Every response is a refusal, and none is missing."""
        codes = [line["status"] for line in self.lines]
        return all(code is not None and HTTPStatus.BAD_REQUEST <= code < HTTPStatus.INTERNAL_SERVER_ERROR for code in codes)

    @property
    def _created_lines(self) -> Lines:
        return [line for line in self.lines if line["status"] == HTTPStatus.CREATED]


@dataclass(slots=True)
class _Comparison:
    """`referrals` has one row per referral and fact known of it. `unknown` counts the requests without any response."""

    referrals: Spill
    lost: Tally = field(default_factory=lambda: Tally("I1", "every referral that a client's log acknowledges is stored"))
    altered: Tally = field(default_factory=lambda: Tally("I1", "every acknowledged referral matches its request and its receipt"))
    refused: Tally = field(default_factory=lambda: Tally("I2", "no refused request had an effect"))
    repeated: Tally = field(default_factory=lambda: Tally("I3", "every repeated request got the same response and had one effect"))
    without_response: Tally = field(default_factory=lambda: Tally("I3", "every request without a response took effect once or not at all"))
    unexplained: Tally = field(
        default_factory=lambda: Tally("I3", "every referral of these clients was created by one of their requests, one by each")
    )
    unknown: int = 0

    async def compare_calls(self, owner: "asyncpg.Connection[asyncpg.Record]", calls: Sequence[ClientCall]) -> None:
        stored = {(row["actor"], row["key"]): row for row in await _stored(owner, calls)}
        locations = {key: _id_of(row["location"]) for key, row in stored.items() if row["location"]}
        ids = {UUID(one) for each in calls for one in each.created_ids} | set(locations.values())
        receipts = {str(row["id"]): row for row in await owner.fetch(_RECEIPTS, list(ids))}
        for each in calls:
            row, location = stored.get((each.actor, each.key)), locations.get((each.actor, each.key))
            self._compare(each, row, None if location is None else str(location), receipts)

    def _compare(self, each: ClientCall, row: asyncpg.Record | None, location: str | None, receipts: Mapping[str, asyncpg.Record]) -> None:
        self.repeated.checked += 1
        referrals = each.created_ids | ({location} if location else set())
        for one in referrals:
            self.referrals.add(UUID(one).bytes, _EXPLAINED)
        if each.created_ids:
            self._compare_created(each, row, receipts)
        elif each.is_refused:
            self.refused.checked += 1
            if row is not None:
                self.refused.record(each.key)
        else:
            self._compare_without_response(each, location, receipts)
        if len(referrals) > 1:
            self.repeated.record(each.key)

    def _compare_created(self, each: ClientCall, row: asyncpg.Record | None, receipts: Mapping[str, asyncpg.Record]) -> None:
        self.lost.checked, self.altered.checked = self.lost.checked + 1, self.altered.checked + 1
        if not each.created_ids <= receipts.keys():
            self.lost.record(each.key)
            return
        is_same_request = row is None or each.sent == {row["fingerprint"].hex()}
        if not is_same_request or not all(
            _matches_receipt(receipt, receipts[one]) for receipt in each.receipts for one in each.created_ids
        ):
            self.altered.record(each.key)

    def _compare_without_response(self, each: ClientCall, location: str | None, receipts: Mapping[str, asyncpg.Record]) -> None:
        self.without_response.checked, self.unknown = self.without_response.checked + 1, self.unknown + (location is None)
        if location is not None and location not in receipts:
            self.without_response.record(each.key)

    async def read_referrals(self, owner: "asyncpg.Connection[asyncpg.Record]", actors: Sequence[str], retention: RetentionPolicy) -> None:
        query = _CREATED.format(retained=since(retention.idempotency_keys))
        async for row in owner.cursor(query, actors, prefetch=_PREFETCH):
            self.referrals.add(row["id"].bytes, _RECENT if row["is_recent"] else _STORED_ONCE)

    def findings(self) -> list[Finding]:
        for number in range(BUCKETS):
            self._check_bucket(number)
        return [each.finding for each in (self.lost, self.altered, self.refused, self.repeated, self.without_response, self.unexplained)]

    def _check_bucket(self, number: int) -> None:
        """A referral whose stored response has expired may come from a request without a response, one from each."""
        known: dict[bytes, set[int]] = {}
        for identity, fact in self.referrals.bucket(number):
            known.setdefault(identity, set()).add(fact)
        for identity, facts in known.items():
            self.unexplained.checked += bool(facts & {_STORED_ONCE, _RECENT})
            if _EXPLAINED in facts:
                continue
            if _STORED_ONCE in facts and self.unknown:
                self.unknown -= 1
            else:
                self.unexplained.record(f"referral {UUID(bytes=identity)}")


async def compare(owner: "asyncpg.Connection[asyncpg.Record]", log: Path, retention: RetentionPolicy = DEFAULT_RETENTION) -> list[Finding]:
    """Compares in the transaction of the snapshot, one part of the log at a time. Raises StackError for a line that is no JSON object."""
    with TemporaryDirectory(prefix="care-verify-") as folder:
        parts, actors = _divide(log, Path(folder))
        with closing(Spill(Path(folder), "referrals", "B")) as referrals:
            comparison = _Comparison(referrals)
            for part in parts:
                await comparison.compare_calls(owner, _read(part))
            await comparison.read_referrals(owner, sorted(actors), retention)
            return comparison.findings()


def _divide(log: Path, folder: Path) -> tuple[list[Path], set[str]]:
    """Splits the log so that all lines of a key are in one part, in their order. Returns the parts and the actors."""
    actors, parts = set(), [folder / f"client-log-{number}" for number in range(BUCKETS)]
    with ExitStack() as files, log.open(errors="replace") as lines:
        written = [files.enter_context(part.open("w")) for part in parts]
        for number, text in enumerate(lines, start=1):
            line = _object(text, f"Line {number} of {log}")
            if line.get("key"):
                actors.add(line["actor"])
                written[crc32(f"{line['actor']} {line['key']}".encode()) % BUCKETS].write(text)
    return parts, actors


def _object(text: str, name: str) -> dict[str, Any]:
    with suppress(ValueError):
        if isinstance(line := json.loads(text), dict):
            return line
    raise StackError(f"{name} is not a JSON object.")


def _read(part: Path) -> list[ClientCall]:
    found: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    with part.open() as lines:
        for line in map(json.loads, lines):
            found.setdefault((line["actor"], line["key"]), []).append(line)
    return [ClientCall(actor, key, of_key) for (actor, key), of_key in found.items()]


async def _stored(owner: "asyncpg.Connection[asyncpg.Record]", calls: Sequence[ClientCall]) -> list[asyncpg.Record]:
    return await owner.fetch(_STORED, [each.actor for each in calls], [each.key for each in calls])


def _id_of(location: str) -> UUID:
    return UUID(location.rpartition("/")[2])


def _matches_receipt(receipt: Mapping[str, Any], stored: asyncpg.Record) -> bool:
    """Compares instants as instants, in any notation."""
    logged = json.loads(stored["receipt"] or "{}") | {"reference": stored["reference"]}
    return all(_parsed(value) == _parsed(logged[name]) for name, value in receipt.items() if name in logged)


def _parsed(value: Any) -> Any:
    try:
        return datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return value
