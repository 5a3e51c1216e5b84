"""What an operator does to a context from outside: look at what is parked, replay it, say that it was seen."""

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter

from infra.dev_stack.dev_secrets import load
from infra.dev_stack.external_secrets import external_secrets, require
from infra.dev_stack.local.paths import stack_folders
from infra.dev_stack.process_environment import environment
from infra.dev_stack.stack_state import endpoints
from infra.errors import StackError
from infra.wiring import POLICIES, SUBSCRIPTIONS
from shared.deployment import Deployment, policy, read
from shared.messaging.event_processor import EventProcessor
from shared.messaging.subscriptions import Subscriptions
from shared.persistence import deadlines, parked
from shared.persistence.database import Database
from shared.persistence.deadlines import ParkedDeadline
from shared.persistence.parked import Parked

#: Asked for by every process of a deployment, and used by no command of an operator.
_UNUSED = {"KAFKA_BOOTSTRAP_SERVERS": "unused:9092", "CARE_JWKS": '{"keys": []}'}
_OBJECT = TypeAdapter(dict[str, Any])


@asynccontextmanager
async def database_of(context: str, name: str) -> AsyncIterator[Database[Any]]:
    """A context's database under its own role. Raises StackError for a context that does not exist, and without its secrets."""
    if context not in SUBSCRIPTIONS:
        raise StackError(f"There is no context “{context}”; there are {', '.join(SUBSCRIPTIONS)}.")
    os.environ.update(_variables(context, name))
    variable = f"{context.upper()}_POLICY"
    numbers = policy(POLICIES[context], _OBJECT.validate_json(os.environ.get(variable, "{}")), variable)
    database = await read(Deployment).database(os.environ[f"{context.upper()}_DATABASE_URL"], numbers, size=2)
    try:
        yield database
    finally:
        await database.close()


@dataclass(slots=True)
class Replayed:
    """How many records were applied, and a sentence for each that failed again; those behind one of these still wait."""

    applied: int = 0
    failed: list[str] = field(default_factory=list)


async def list_parked(context: str, name: str) -> tuple[list[Parked], list[ParkedDeadline]]:
    """Records and deadlines."""
    async with database_of(context, name) as database, database.read_only() as reader:
        return await parked.waiting(reader), await deadlines.parked(reader)


async def acknowledge_parked(context: str, name: str) -> None:
    """What is parked stays parked, but no longer holds up the consumer."""
    async with database_of(context, name) as database, database.transaction() as tx:
        await parked.acknowledge(tx)


async def replay_deadlines(context: str, name: str, deadline_id: int | None) -> int:
    """One, or all of them: how many are pending again."""
    async with database_of(context, name) as database, database.transaction() as tx:
        return await deadlines.replay(tx, deadline_id)


async def replay_records(context: str, name: str, *, record: int | None = None, topic: str | None = None) -> Replayed:
    """The record of this id, those of this topic, or all."""
    async with database_of(context, name) as database:
        async with database.read_only() as reader:
            chosen = [each for each in await parked.waiting(reader) if _is_meant(each, record, topic)]
        return await replay(database, SUBSCRIPTIONS[context], chosen)


async def replay(database: Database[Any], wiring: Subscriptions, chosen: Sequence[Parked]) -> Replayed:
    """Each with everything of its key, oldest first, until none of the key waits."""
    intake, result = EventProcessor(database, wiring), Replayed()
    for key in dict.fromkeys(each.record.key for each in chosen if each.record.key is not None):
        while (queue := await _queue(database, key)) and await _replay(intake, queue, result):
            pass  # the consumer may have parked another one behind these meanwhile
    for each in chosen:
        if each.record.key is None:
            await _replay(intake, [each], result)
    return result


def _is_meant(each: Parked, record: int | None, topic: str | None) -> bool:
    return record in {None, each.id} and topic in {None, each.record.topic}


async def _queue(database: Database[Any], key: bytes) -> list[Parked]:
    async with database.read_only() as reader:
        return await parked.of_key(reader, key)


async def _replay(intake: EventProcessor, queue: list[Parked], result: Replayed) -> bool:
    """False at the first that fails again."""
    for each in queue:
        try:
            await intake.replay(each)
        except Exception as problem:
            result.failed.append(f"Record {each.id} failed again ({type(problem).__name__}).")
            return False
        result.applied += 1
    return True


def _variables(context: str, name: str) -> dict[str, str]:
    """What is given goes before what the stack `name` was made with; nothing is invented. Raises StackError."""
    where, url = endpoints(name), f"{context.upper()}_DATABASE_URL"
    keys = load(stack_folders(name).root)
    known = environment(where.database_url, where.kafka_bootstrap, keys) if keys else {}
    known |= {variable: value for variable in known if (value := os.environ.get(variable))}
    known |= external_secrets()
    if given := os.environ.get(url):
        known[url] = given
    require((url, "CARE_PERSON_ID_SECRET", "CARE_ENCRYPTION_KEYS", "CARE_ENCRYPTION_KEY_ID"), known, f"the context “{context}”")
    return _UNUSED | {variable: value for variable, value in known.items() if value}
