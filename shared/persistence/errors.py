"""Which failures are the machinery's: not the event's, not the caller's."""

import asyncpg

#: Trouble of the machinery, not of the event: the process ends, is restarted, and the event comes again.
INFRASTRUCTURE_ERRORS: tuple[type[Exception], ...] = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.exceptions.InternalClientError,
)

#: Two transactions got in each other's way: tried again in place.
CONTENTION_ERRORS: tuple[type[Exception], ...] = (
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.LockNotAvailableError,
)
