"""Lists, replays, acknowledges and discards the parked records and deadlines of a context, for an operator."""

import os
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from infra.contexts import CONTEXTS, policy_of, settings_of, subscribed_types, subscriptions_of
from infra.database_owner import connected_owner
from infra.dev_stack.dev_secrets import load
from infra.dev_stack.external_secrets import external_secrets, require
from infra.dev_stack.local.paths import stack_folders
from infra.dev_stack.process_environment import environment
from infra.dev_stack.stack_state import endpoints
from infra.errors import StackError
from shared.contracts.authentication import NO_MAC_KEYS
from shared.contracts.envelope import UnauthenticRecord, UndecodableRecord
from shared.deployment import Deployment, PseudonymSettings, read
from shared.kernel.actor import Actor
from shared.messaging.event_processor import EventProcessor
from shared.messaging.subscriptions import Subscriptions
from shared.persistence import deadlines, parked_records
from shared.persistence.database import Database
from shared.persistence.deadlines import ParkedDeadline
from shared.persistence.errors import INFRASTRUCTURE_ERRORS
from shared.persistence.parked_records import ParkedRecord
from shared.persistence.transaction import Cause, RequestContext

#: Required settings of every process that these commands do not use.
_UNUSED = {"KAFKA_BOOTSTRAP_SERVERS": "unused:9092"}
_PSEUDONYMS = "CARE_PERSON_ID_SECRET"
_LOGGED = "SELECT type FROM {context}.event WHERE id = $1"
_APPLIED = "SELECT EXISTS (SELECT FROM {context}.inbox WHERE event_id = $1)"
_LONGEST_REASON = 200


@asynccontextmanager
async def database_of(context: str, name: str, *, derives_ids: bool = False) -> AsyncIterator[Database[Any]]:
    """Opens the database of a context under its role; inside, the environment has the variables of the stack.

    With `derives_ids` transactions have the secret of the pseudonyms.

    Raises StackError for an unknown context and for missing secrets, ConfigurationError for an invalid variable.
    """
    if context not in CONTEXTS:
        raise StackError(f"There is no context “{context}”; there are {', '.join(CONTEXTS)}.")
    with _environment(_variables(context, name, [_PSEUDONYMS] if derives_ids else [])):
        settings = read(settings_of(context))
        policy, url = settings.policy_values(policy_of(context)), settings.database_url.get_secret_value()
        mac_keys = settings.record_keys(subscriptions_of(context)) if settings.mac_keys else NO_MAC_KEYS
        pseudonyms = read(PseudonymSettings) if derives_ids else None
        database = await read(Deployment).database(url, policy, size=2, mac_keys=mac_keys, pseudonyms=pseudonyms, is_service=True)
        try:
            yield database
        finally:
            await database.close()


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@dataclass(slots=True)
class ReplayResult:
    """The number of applied records, and a sentence for each that stays parked; behind a failing event its key stays blocked."""

    applied: int = 0
    failed: list[str] = field(default_factory=list)
    is_blocked: bool = False


def absent(what: str, context: str, parked_id: int) -> StackError:
    return StackError(f"No parked {what} of {context} has the id {parked_id}: list the {what}s with `care parked {context}` first.")


async def list_parked(context: str, name: str) -> tuple[list[ParkedRecord], list[ParkedDeadline]]:
    """Returns the parked records and deadlines."""
    async with database_of(context, name) as database, database.read_only() as reader:
        return await parked_records.waiting(reader), await deadlines.parked(reader)


async def acknowledge_parked(context: str, name: str) -> int:
    """Acknowledges parked records and returns their number: they remain parked and no longer stop the consumer."""
    async with database_of(context, name) as database, database.transaction() as tx:
        return await parked_records.acknowledge(tx)


async def discard_parked(context: str, name: str, record_id: int, *, by: str, reason: str) -> tuple[ParkedRecord, ReplayResult]:
    """Removes a foreign record with an audit entry of person, time and reason, and replays the records that waited behind it.

    Raises StackError for an absent record and for an event of a log.
    """
    why = required_reason(reason)
    async with database_of(context, name) as database:
        parked = await _discard(database, context, name, record_id, by=by, reason=why)
        waiting = [parked] if parked.blocks_key and parked.record.key is not None else []
        return parked, await replay(database, subscriptions_of(context), waiting)


async def replay_deadlines(context: str, name: str, deadline_id: int | None) -> int:
    """Makes one parked deadline, or all, pending again; returns their number. Raises StackError for an absent deadline."""
    async with database_of(context, name) as database, database.transaction() as tx:
        count = await deadlines.replay(tx, deadline_id)
    if deadline_id is not None and not count:
        raise absent("deadline", context, deadline_id)
    return count


async def replay_records(context: str, name: str, *, record: int | None = None, topic: str | None = None) -> ReplayResult:
    """Replays the record of this id, those of this topic, or all. Raises StackError for a topic that the context does not read."""
    async with database_of(context, name) as database:
        async with database.read_only() as reader:
            chosen = [each for each in await parked_records.waiting(reader) if _is_chosen(each, record, topic)]
        subscriptions = subscriptions_of(context)
        if topic is not None and not chosen and topic not in subscriptions.topics:
            topics = ", ".join(subscriptions.topics)
            raise StackError(f"The context “{context}” does not read the topic “{topic}”; it reads {topics}.")
        return await replay(database, subscriptions, chosen)


async def replay(database: Database[Any], subscriptions: Subscriptions, chosen: Sequence[ParkedRecord]) -> ReplayResult:
    """Replays each record with all parked records of its key, oldest first, until none of the key is parked."""
    processor, result = EventProcessor(database, subscriptions), ReplayResult()
    for key in dict.fromkeys(each.record.key for each in chosen if each.record.key is not None):
        await _replay_key(processor, database, key, result)
    for each in chosen:
        if each.record.key is None:
            await _replay(processor, each, result)
    return result


async def _discard(database: Database[Any], context: str, name: str, record_id: int, *, by: str, reason: str) -> ParkedRecord:
    async with database.transaction() as tx:
        parked = await parked_records.lock(tx, record_id)
        if parked is None:
            raise absent("record", context, record_id)
        await _require_foreign(database, context, parked, endpoints(name).database_url)
        where = f"{parked.record.topic} {parked.record.partition}@{parked.record.offset}"
        operator = Actor(id=by, organisation="CARE", role="operator")  # a command has no token
        with tx.acting_as(RequestContext(operator, Cause(f"discard {where}: {reason}"))):
            await parked_records.discard(tx, parked)
        return parked


def required_reason(reason: str) -> str:
    """Raises StackError for a blank or an overlong reason."""
    stripped = " ".join(reason.split())
    if not 1 <= len(stripped) <= _LONGEST_REASON:
        raise StackError(f"State the reason with `--reason TEXT`, in at most {_LONGEST_REASON} characters.")
    return stripped


async def _require_foreign(database: Database[Any], context: str, parked: ParkedRecord, owner_url: str) -> None:
    """Raises StackError when the discard could lose an event: an event log contains it, and the context has not applied it.

    An unauthentic record is no event, but may bear the id of one. Reads as the owner of the database: the role of a context has no
    rights in the schemas of the producers.
    """
    if not parked.is_authentic:
        _require_unauthentic(database, context, parked)
    if parked.event_id is None:
        return
    async with connected_owner(owner_url) as owner:
        for producer in CONTEXTS:
            logged = await owner.fetchval(_LOGGED.format(context=producer), parked.event_id)
            if logged and parked.is_authentic:
                raise StackError(
                    f"Record {parked.id} is an event: the event log of {producer} contains its id. Apply it with `care replay`. "
                    "`--discard` removes only records whose event id is in no event log."
                )
            is_missing = logged in subscribed_types(context, producer)
            if is_missing and not await owner.fetchval(_APPLIED.format(context=context), parked.event_id):
                raise StackError(
                    f"{context} has not applied the event whose id record {parked.id} bears. Publish the event again with "
                    f"`care republish {producer} --since DATE`; once it is applied, the record can be discarded."
                )


def _require_unauthentic(database: Database[Any], context: str, parked: ParkedRecord) -> None:
    """Raises StackError when the record is authentic under the present keys, and when they are absent."""
    if database.secrets.mac_keys is NO_MAC_KEYS:
        raise StackError(f"Set {context.upper()}_MAC_KEYS and {context.upper()}_MAC_KEY_ID: without them no record can be verified.")
    with suppress(UnauthenticRecord):
        EventProcessor(database, subscriptions_of(context)).require_authentic(parked.record)
        raise StackError(f"Record {parked.id} is authentic under the present keys. Apply it with `care replay`.")


def _is_chosen(each: ParkedRecord, record: int | None, topic: str | None) -> bool:
    return record in {None, each.id} and topic in {None, each.record.topic}


async def _queue(database: Database[Any], key: bytes) -> list[ParkedRecord]:
    async with database.read_only() as reader:
        return await parked_records.of_key(reader, key)


async def _replay_key(processor: EventProcessor, database: Database[Any], key: bytes, result: ReplayResult) -> None:
    """Replays the key until only unauthentic and undecodable records of it are parked; a failing event keeps those behind it parked.

    The consumer may park another record of the key during the replay.
    """
    staying: set[int] = set()
    while queue := [each for each in await _queue(database, key) if each.id not in staying]:
        for each in queue:
            if not await _replay(processor, each, result):
                if each.blocks_key:
                    result.is_blocked = True
                    return
                staying.add(each.id)


async def _replay(processor: EventProcessor, each: ParkedRecord, result: ReplayResult) -> bool:
    """Returns False for a record that stays parked."""
    try:
        await processor.replay(each)
    except UnauthenticRecord as problem:
        result.failed.append(f"Record {each.id} is not applied: {problem}.")
        return False
    except UndecodableRecord as problem:
        result.failed.append(f"Record {each.id} stays undecodable: {problem}.")
        return False
    except Exception as problem:
        result.failed.append(f"Record {each.id} failed again: {_reason(problem)}.")
        return False
    result.applied += 1
    return True


def _reason(problem: Exception) -> str:
    """The reason that a parked event would have; quotes nothing of the record."""
    is_infrastructure = isinstance(problem, INFRASTRUCTURE_ERRORS)
    return type(problem).__name__ if is_infrastructure else f"{type(problem).__name__} in its handler"


def _variables(context: str, name: str, further: Sequence[str]) -> dict[str, str]:
    """Returns the variables of the environment, then those of the stack `name`; generates none.

    Raises StackError when one is missing that every command needs, or one of `further`.
    """
    found, url = endpoints(name), f"{context.upper()}_DATABASE_URL"
    keys = load(stack_folders(name).root)
    known = environment(found.database_url, found.kafka_bootstrap, keys) if keys else {}
    known |= {variable: value for variable in known if (value := os.environ.get(variable))}
    known |= external_secrets()
    if address := os.environ.get(url):
        known[url] = address
    require((url, *further, "CARE_ENCRYPTION_KEYS", "CARE_ENCRYPTION_KEY_ID"), known, f"the context “{context}”")
    return _UNUSED | {variable: value for variable, value in known.items() if value}
