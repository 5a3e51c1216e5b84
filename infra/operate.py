"""What an operator does to a context from outside: look at what is parked, and replay it."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from pydantic import TypeAdapter

from infra.environment import environment
from infra.keys import load_or_make
from infra.local.errors import StackError
from infra.local.home import stack_folders
from infra.running import whereabouts
from infra.wiring import POLICIES, WIRINGS
from shared.deployment import Deployment
from shared.messaging.intake import Intake
from shared.persistence import parked
from shared.persistence.database import Database
from shared.persistence.parked import Parked


@asynccontextmanager
async def database_of(context: str, name: str) -> AsyncIterator[Database[Any]]:
    """A context's database under its own role. Raises StackError for a context that does not exist."""
    if context not in WIRINGS:
        raise StackError(f"There is no context “{context}”; there are {', '.join(WIRINGS)}.")
    where = whereabouts(name)
    variables = environment(where.database_url, where.kafka_bootstrap, load_or_make(stack_folders(name).root))
    os.environ.update({variable: value for variable, value in variables.items() if variable not in os.environ})
    policy = TypeAdapter(POLICIES[context]).validate_json(os.environ.get(f"{context.upper()}_POLICY", "{}"))
    database = await Deployment().database(os.environ[f"{context.upper()}_DATABASE_URL"], policy, size=2)
    try:
        yield database
    finally:
        await database.close()


async def list_parked(context: str, name: str) -> list[Parked]:
    async with database_of(context, name) as database, database.reading() as reader:
        return await parked.waiting(reader)


async def replay_parked(context: str, first: int, name: str) -> int:
    """Applies the record `first` and those of its key behind it, oldest first; says how many. Stops at one that fails again."""
    async with database_of(context, name) as database:
        intake = Intake(database, WIRINGS[context])
        async with database.reading() as reader:
            waiting = await parked.waiting(reader, first)
        for done, each in enumerate(waiting):
            try:
                await intake.replay(each)
            except Exception as problem:
                raise StackError(f"Record {each.id} failed again ({type(problem).__name__}); {done} were applied before it.") from problem
        return len(waiting)
