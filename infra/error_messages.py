"""What a person can run into at the command line, as a sentence: the one place that translates.

Invariant: no address, row or value of a variable appears in a sentence, because any of them may hold what is nobody's business.
"""

from collections.abc import Iterator, Sequence

import asyncpg
from aiokafka.errors import KafkaError
from pydantic import ValidationError
from sqlalchemy.exc import ArgumentError

from infra.errors import StackError
from shared.deployment import ConfigurationError
from shared.kernel.errors import DomainError
from shared.telemetry.logs import frames

#: The first that fits; {kind} is the class of the problem, {text} what the server said without its details.
_OF_A_SERVER: Sequence[tuple[tuple[type[BaseException], ...], str]] = (
    (
        (asyncpg.InsufficientPrivilegeError,),
        "The database lets its owner not do that ({text}). It needs CREATEROLE, the right to make schemas and, for a demo, databases.",
    ),
    (
        (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError),
        "The database does not let us in ({kind}): is the address right, and did `care migrate` run?",
    ),
    ((asyncpg.PostgresError, asyncpg.InterfaceError), "The database could not do that ({kind})."),
    ((KafkaError,), "Kafka could not be reached or could not do that ({kind})."),
    ((OSError, TimeoutError), "A server does not answer ({kind})."),
)


def describe(problem: BaseException) -> str:
    """For whoever gave the command."""
    links = list(_chain(problem))
    descriptions = (text for link in links if (text := _description_of(link)))
    return next(descriptions, None) or f"Something unforeseen happened: {_names(links)}, at {', '.join(frames(links[-1])[-3:])}."


def _description_of(link: BaseException) -> str | None:
    match link:
        case StackError() | ConfigurationError():
            return str(link)
        case DomainError():
            return f"{link.detail} {link.advice}"
        case ValidationError():
            return f"A value cannot be read ({link.title}): {'; '.join(error['type'].replace('_', ' ') for error in link.errors())}."
        case ArgumentError():
            return "The database's address cannot be read: it looks like postgresql://owner:password@host:5432/database."
        case OSError() if link.filename:
            return f"{link.filename}: {link.strerror}."
        case _:
            return next(
                (
                    text.format(kind=type(link).__name__, text=next(iter(link.args), None))
                    for kinds, text in _OF_A_SERVER
                    if isinstance(link, kinds)
                ),
                None,
            )


def _chain(problem: BaseException) -> Iterator[BaseException]:
    """The problem and what it came from: libraries wrap what a server said."""
    seen: set[int] = set()
    waiting = [problem]
    while waiting:
        link = waiting.pop(0)
        if id(link) not in seen:
            seen.add(id(link))
            yield link
            inside = link.exceptions if isinstance(link, BaseExceptionGroup) else (getattr(link, "orig", None), link.__cause__)
            waiting += [each for each in inside if each is not None]


def _names(links: list[BaseException]) -> str:
    return " from ".join(type(link).__name__ for link in links)
