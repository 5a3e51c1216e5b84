"""The transaction of a command, event or deadline.

Handlers change state through it; it writes events, outbox, deadlines and audit at its end.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Generic, Literal, TypeVar
from uuid import UUID

from shared.contracts.envelope import encode
from shared.contracts.event import Event
from shared.kernel.actor import SYSTEM, Actor
from shared.kernel.decision import Deadline
from shared.kernel.errors import RuleBroken
from shared.kernel.ids import new_id
from shared.persistence.batch_interfaces import Batch, NewBatch
from shared.persistence.deployment_secrets import Secrets
from shared.persistence.statements import Connection, Query, ReadSession, Statement

P = TypeVar("P")

#: The refusal of a search or a lookup that found nothing.
NOTHING_FOUND = "nothing-found"
#: Kafka accepts a megabyte; this leaves room for the key and the headers.
_MAX_EVENT_BYTES = 1_000_000

_LOCK = """
SELECT pg_advisory_xact_lock(key) FROM (
    SELECT DISTINCT hashtextextended(current_schema() || ' ' || name, 0) AS key FROM unnest($1::text[]) AS name ORDER BY key) AS keys"""

_CANCEL_DEADLINES = """
UPDATE deadline SET state = 'cancelled', resolved_at = $1
FROM unnest($2::uuid[], $3::text[]) AS cancelled (subject, kind)
WHERE deadline.subject = cancelled.subject AND deadline.kind = cancelled.kind AND deadline.state IN ('pending', 'parked')"""

#: One statement, because a round trip costs more than a part without rows: events and outbox, audit, responses, deadlines. The subqueries
#: hide the number of rows from the planner, as `any_of` does: PostgreSQL would plan the statement again for each.
_WRITE = """
WITH recorded AS (
    INSERT INTO event (id, type, topic, subject, sequence, key, occurred_at, correlation_id, causation_id,
                       actor_org, actor_role, traceparent, data, data_key, partition_day)
    SELECT a, b, c, d, e, f, g, h, i, j, k, l, m, n,
           CASE WHEN n IS NOT NULL THEN 'infinity' ELSE (clock_timestamp() AT TIME ZONE 'UTC')::date END
    FROM unnest((SELECT $1::uuid[]), $2::text[], $3::text[], $4::uuid[], $5::int[], $6::uuid[], $7::timestamptz[],
                $8::uuid[], $9::uuid[], $10::text[], $11::text[], $12::text[], $13::bytea[], $14::bytea[])
         AS new (a, b, c, d, e, f, g, h, i, j, k, l, m, n)
    RETURNING seq),
queued AS (INSERT INTO outbox (seq) SELECT seq FROM recorded),
stored_responses AS (
    UPDATE idempotency
    SET status = stored.status, headers = stored.headers::jsonb, body = stored.body, event_keys = stored.event_keys::uuid[]
    FROM unnest((SELECT $28::text[]), $29::text[], $30::int[], $31::text[], $32::bytea[], $33::text[])
         AS stored (caller, key, status, headers, body, event_keys)
    WHERE idempotency.caller = stored.caller AND idempotency.key = stored.key),
set_deadlines AS (
    INSERT INTO deadline (subject, kind, due_at, correlation_id)
    SELECT * FROM unnest((SELECT $34::uuid[]), $35::text[], $36::timestamptz[], $37::uuid[])
    ON CONFLICT (subject, kind, due_at) WHERE state IN ('pending', 'parked') DO NOTHING)
SELECT append_audit($15::timestamptz[], $16::text[], $17::text[], $18::text[], $19::text[], $20::text[], $21::text[], $22::uuid[],
                    $23::int[], $24::text[], $25::text[], $26::text[], $27::int[])
WHERE cardinality($15::timestamptz[]) > 0"""
#: A read writes its audit alone.
_WRITE_AUDIT = """
SELECT append_audit($1::timestamptz[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::uuid[],
                    $9::int[], $10::text[], $11::text[], $12::text[], $13::int[])"""
#: The columns of a new event, in order.
_EVENT = (
    "id", "type", "topic", "subject", "sequence", "key", "occurred_at", "correlation_id", "causation_id",
    "actor_org", "actor_role", "traceparent", "data", "data_key",
)  # fmt: skip
_CHANGES_NOTHING = "a read changes nothing"
_EVENT_COLUMNS, _AUDIT_COLUMNS, _RESPONSE_COLUMNS, _DEADLINE_COLUMNS = len(_EVENT), 13, 6, 4


class EventTooLarge(RuleBroken):
    """The event that the request would cause is larger than Kafka accepts."""

    code = "event-too-large"
    advice = "Shorten the text."


@dataclass(frozen=True, slots=True)
class Cause:
    """The cause of a transaction: the command, event type or deadline, the event before it, and the trace context."""

    action: str
    event_id: UUID | None = None
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """A digest of the caller's idempotency key, which may be an NHS number, and one of the request."""

    key: str
    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class RequestContext:
    """The actor, the cause and the idempotency key of one request, event or deadline."""

    actor: Actor
    cause: Cause
    idempotency_key: IdempotencyKey | None = None

    @property
    def caller(self) -> str:
        """The identity of the actor as one text, for keys: another organisation may use the same subject."""
        return f"{self.actor.issuer} {self.actor.organisation} {self.actor.id}"

    @classmethod
    def of_system(cls, action: str, event_id: UUID | None = None, traceparent: str | None = None) -> "RequestContext":
        """The context of an event, a deadline or a start-up step, which have no caller."""
        return cls(SYSTEM, Cause(action, event_id, traceparent))


@dataclass(frozen=True, slots=True)
class EventSubject:
    """The aggregate of a recorded event or deadline. `key` decides the Kafka partition; `correlation_id` identifies the chain of events."""

    id: UUID
    key: UUID
    correlation_id: UUID


class Transaction(ReadSession, Generic[P]):
    """`now` is one instant for the whole transaction; `policy` has the context's configured values."""

    #: None is the default of PostgreSQL: each statement sees what was committed when it began.
    ISOLATION: ClassVar[Literal["repeatable_read"] | None] = None

    def __init__(
        self,
        driver: Connection,
        *,
        now: datetime,
        request: RequestContext,
        policy: P,
        secrets: Secrets,
        new_batch: NewBatch | None = None,
    ) -> None:
        super().__init__(driver)
        self.now = now
        self.request = request
        self.policy = policy
        self.secrets = secrets
        self.batch: Batch | None = None
        self._new_batch = new_batch
        self._basis: str | None = None
        self._events: list[tuple[Any, ...]] = []
        self._audit: list[tuple[Any, ...]] = []
        self._responses: list[tuple[Any, ...]] = []
        self._event_keys: dict[IdempotencyKey, set[UUID]] = {}
        self._deadlines: dict[tuple[UUID, str], list[tuple[UUID, str, datetime, UUID]]] = {}
        self._cancelled: dict[tuple[UUID, str], None] = {}

    @property
    def actor(self) -> Actor:
        return self.request.actor

    @property
    def cause(self) -> Cause:
        return self.request.cause

    @contextmanager
    def acting_as(self, request: RequestContext) -> Iterator[None]:
        """Attributes the changes inside the block to this request: a group of requests shares one transaction."""
        before = self.request, self._basis
        self.request, self._basis = request, None
        try:
            yield
        finally:
            self.request, self._basis = before

    def start_batch(self) -> None:
        """From this call on, defers writes and remembers loaded aggregates, for a batch that succeeds or fails as a whole."""
        self.batch = self._new_batch(self.driver) if self._new_batch else None

    async def defer_write(self, statement: Statement, **values: Any) -> None:
        """Writes without returning a result. A batch sends it with others of the same statement."""
        if self.batch:
            self.batch.defer(statement, values)
        else:
            await self.execute(statement, **values)

    async def lock(self, *names: str) -> None:
        """Takes advisory locks until the transaction ends, in one order, so that two transactions never wait for each other."""
        if new := self.batch.new_locks(names) if self.batch else names:
            await self.driver.execute(_LOCK, list(new))

    @property
    def connection(self) -> Connection:
        """Asyncpg's own connection. Raises RuntimeError in a batch, which must see each statement to flush before it."""
        if self.batch:
            raise RuntimeError("a batch runs statements: write the SQL as a Statement or as Sql with its tables")
        return self.driver

    async def _ready(self, query: Query) -> Statement:
        statement = await super()._ready(query)
        if self.batch:
            await self.batch.autoflush(statement)
        return statement

    def record(self, about: EventSubject, event: Event, sequence: int) -> None:
        """Appends one event to the log, and to the outbox, when the transaction ends. Raises EventTooLarge."""
        identity = new_id()
        data, data_key = encode(event, about.id, identity, self.secrets.key_ring)
        if len(data) > _MAX_EVENT_BYTES:
            raise EventTooLarge("The event is larger than Kafka accepts.")
        actor, cause = self.actor, self.cause
        if self.request.idempotency_key is not None:
            self._event_keys.setdefault(self.request.idempotency_key, set()).add(about.key)
        self._events.append(
            (identity, event.TYPE, event.TOPIC, about.id, sequence, about.key, self.now, about.correlation_id, cause.event_id,
             actor.organisation, actor.role, cause.traceparent, data, data_key)
        )  # fmt: skip

    def audit(
        self, subject: UUID | None, version: int | None = None, *, basis: str | None = None, refusal: str | None = None, times: int = 1
    ) -> None:
        """Adds an audit entry: the actor, the action and its object. Reads of a person's record have one too.

        `basis` is the code of what permits it: unless stated, the relationship that the access policy found last. `refusal` is the code of
        the problem when nothing was given, and `times` the number of refused requests that the entry stands for.
        """
        who, why = self.actor, self.cause
        actor = (who.issuer, who.id, who.organisation, who.role, who.system)
        self._audit.append((self.now, *actor, why.action, subject, version, why.traceparent, basis or self._basis, refusal, times))

    def rely_on(self, basis: str) -> None:
        """States on which relationship the caller sees the person, for the audit entries that follow."""
        self._basis = basis

    def audit_all(self, subjects: Iterable[UUID], *, basis: str | None = None) -> None:
        """Adds one entry for each of the subjects: the people of a page."""
        for subject in set(subjects):
            self.audit(subject, basis=basis)

    def store_response(self, status: int, headers: str, body: bytes) -> None:
        """Stores the encrypted response for repetitions of the request, with the keys of its events, by which a person's are erased.

        A request without an idempotency key stores none.
        """
        key = self.request.idempotency_key
        if key is not None:
            event_keys = f"{{{','.join(map(str, self._event_keys.get(key, ())))}}}"
            self._responses.append((self.request.caller, key.key, status, headers, body, event_keys))

    def set_deadline(self, about: EventSubject, deadline: Deadline) -> None:
        row = (about.id, deadline.kind, deadline.due_at, about.correlation_id)
        self._deadlines.setdefault((about.id, deadline.kind), []).append(row)

    def cancel_deadlines(self, subject: UUID, kind: str) -> None:
        """Cancels stored deadlines, and those set earlier in this transaction."""
        self._deadlines.pop((subject, kind), None)
        self._cancelled[subject, kind] = None

    def recorded(self, subject: UUID, topic: str) -> int:
        """The number of events of this transaction about `subject` on `topic`."""
        return sum(row[2:4] == (topic, subject) for row in self._events)

    def pending(self, topic: str) -> list[Mapping[str, Any]]:
        """The events of this transaction on `topic`, which enter the log at its end, as rows of the log."""
        rows = (dict(zip(_EVENT, row, strict=True)) for row in self._events)
        return [row for row in rows if row["topic"] == topic]

    def has_cancelled(self, subject: UUID, kind: str) -> bool:
        return (subject, kind) in self._cancelled

    @property
    def has_recorded(self) -> bool:
        return bool(self._events)

    @property
    def changes(self) -> int:
        """The number of changes that this transaction has recorded. A refusal must leave it unchanged."""
        return len(self._events) + len(self._audit) + len(self._responses)

    async def flush(self) -> None:
        """Writes the recorded changes. `Database` calls it at the end of the block; handlers never do."""
        if self.batch:
            await self.batch.flush()
        if self._cancelled:
            await self.driver.execute(_CANCEL_DEADLINES, self.now, *_columns(list(self._cancelled), 2))
        deadlines = [row for those in self._deadlines.values() for row in those]
        if self._events or self._responses or deadlines:
            await self.driver.execute(
                _WRITE,
                *_columns(self._events, _EVENT_COLUMNS),
                *_columns(self._audit, _AUDIT_COLUMNS),
                *_columns(self._responses, _RESPONSE_COLUMNS),
                *_columns(deadlines, _DEADLINE_COLUMNS),
            )
        elif self._audit:
            await self.driver.execute(_WRITE_AUDIT, *_columns(self._audit, _AUDIT_COLUMNS))


class Read(Transaction[P]):
    """A reader's statements, and the audit of the read. A change raises RuntimeError before it is made."""

    ISOLATION = "repeatable_read"

    async def lock(self, *names: str) -> None:  # noqa: ARG002  every lock is refused
        raise RuntimeError(_CHANGES_NOTHING)

    async def _ready(self, query: Query) -> Statement:
        statement = await super()._ready(query)
        if statement.writes is not None:
            raise RuntimeError(_CHANGES_NOTHING)
        return statement

    async def flush(self) -> None:
        if self._events or self._responses or self._deadlines or self._cancelled:
            raise RuntimeError(_CHANGES_NOTHING)
        await super().flush()


def _columns(rows: Sequence[tuple[Any, ...]], count: int) -> list[Sequence[Any]]:
    """The rows as columns; `count` empty ones without rows."""
    return list(zip(*rows, strict=True)) or [()] * count
