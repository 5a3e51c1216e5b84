"""Translates the errors of a command into sentences for the user.

Invariant: a sentence contains no address, row or value of a variable, because each may be secret or personal.
"""

import ssl
import traceback
from collections.abc import Iterator, Sequence

import asyncpg
from aiokafka.errors import KafkaConnectionError, KafkaError
from asyncpg.exceptions import ClientConfigurationError
from pydantic import ValidationError
from sqlalchemy.exc import ArgumentError

from infra.errors import StackError
from infra.kafka_refusals import REFUSALS
from shared.deployment import ConfigurationError
from shared.kernel.errors import DomainError
from shared.telemetry.logs import frames

#: The first match applies. {kind} is the class of the error, {text} the message of the server without its details,
#: {server} its name.
_OF_A_SERVER: Sequence[tuple[tuple[type[BaseException], ...], str]] = (
    (
        (asyncpg.InsufficientPrivilegeError,),
        "The database refused this ({text}). Its owner needs CREATEROLE, the right to create schemas and, for a demo, CREATEDB.",
    ),
    (
        (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError),
        "The database refused the connection ({kind}): check the address, and whether `care migrate` has run.",
    ),
    ((ssl.SSLCertVerificationError,), "The certificate of {server} is not trusted: check sslrootcert and the host in the address."),
    ((asyncpg.PostgresError, asyncpg.InterfaceError), "The database failed ({kind})."),
    ((KafkaError,), "Kafka could not be reached or rejected the request ({kind})."),
    ((OSError, TimeoutError), "{server} does not respond ({kind})."),
)

#: The server of each client library.
_SERVERS = {"asyncpg": "PostgreSQL", "aiokafka": "Kafka", "faust": "Kafka"}


def describe(problem: BaseException) -> str:
    """Returns the sentence for an error, or for the first of its causes that has one."""
    links = list(_chain(problem))
    descriptions = (text for link in links if (text := _description_of(link)))
    return next(descriptions, None) or f"Unexpected error: {_names(links)}, at {', '.join(frames(links[-1])[-3:])}."


def _description_of(link: BaseException) -> str | None:
    match link:
        case StackError() | ConfigurationError():
            return str(link)
        case DomainError():
            return f"{link.detail} {link.advice}"
        case ValidationError():
            return f"A value is invalid ({link.title}): {'; '.join(error['type'].replace('_', ' ') for error in link.errors())}."
        case ArgumentError() | ClientConfigurationError():
            return "The address of the database is invalid. Its form is postgresql://owner:password@host:5432/database."
        case OSError() if link.filename:
            return f"{link.filename}: {link.strerror}."
        case _:
            return _description_of_a_server(link)


def _description_of_a_server(link: BaseException) -> str | None:
    if isinstance(link, KafkaConnectionError) and REFUSALS.sentence:
        return REFUSALS.sentence
    return next(
        (
            text.format(kind=type(link).__name__, text=next(iter(link.args), None), server=_server(link))
            for kinds, text in _OF_A_SERVER
            if isinstance(link, kinds)
        ),
        None,
    )


def _server(link: BaseException) -> str:
    """The server whose client library raised the error: the innermost library among the frames of the error and its causes."""
    found: str | None = None
    for each in _chain(link):
        for frame, _ in traceback.walk_tb(each.__traceback__):
            library = str(frame.f_globals.get("__name__")).partition(".")[0]
            found = _SERVERS.get(library, found)
        if found:
            return found
    return "A server"


def _chain(problem: BaseException) -> Iterator[BaseException]:
    """The error and its causes: libraries wrap the errors of servers."""
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
