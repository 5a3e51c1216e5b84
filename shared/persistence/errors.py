"""The errors of infrastructure and of concurrency, as opposed to errors of an event or a caller."""

import asyncpg

#: The fault lies in the infrastructure: the process ends, its supervisor restarts it, and the event is delivered again.
INFRASTRUCTURE_ERRORS: tuple[type[Exception], ...] = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.exceptions.InternalClientError,
)

#: Two transactions conflicted: the transaction is retried in place.
CONTENTION_ERRORS: tuple[type[Exception], ...] = (
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.LockNotAvailableError,
)
