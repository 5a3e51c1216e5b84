"""Logs as events: `log.info("referral.routed", referral_id=...)`, one JSON object a line, redacted before it is written."""

import logging
import re
import time
import traceback
from collections.abc import MutableMapping
from datetime import date
from functools import lru_cache
from typing import Any
from uuid import UUID

import orjson
import structlog

REDACTED = "[redacted]"
_PRIVATE = re.compile(r"name|narrative|story|nhs|address|telephone|born|contact|token|authorization|secret|password|dsn", re.IGNORECASE)
#: Distinguishes ids of events, aggregates and traces from ten digits that may be an NHS number.
_ID_OR_NUMBER = re.compile(
    r"(?P<id>(?<![0-9a-f])(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|00-[0-9a-f]{32}-[0-9a-f]{16}|[0-9a-f]{32})(?![0-9a-f]))"
    r"|(?<!\d)\d{3}[\s._/-]{0,2}\d{3}[\s._/-]{0,2}\d{4}(?!\d)",
    re.IGNORECASE,
)
_HARMLESS = (bool, float, UUID, date, type(None))
_MAX_SENTENCES = 1000
#: Loggers that uvicorn configures, also from its command line; their lines contain texts of exceptions, and addresses with queries.
_SERVER_LOGS = ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi")
#: Keys whose values no caller controls; a caller's trace context is accepted only in its exact form.
_MADE_HERE = frozenset({"level", "timestamp", "trace_id", "traceparent", "audit_head", "audit_signature"})
_OWN_KEYS = frozenset({"event", "level", "timestamp", "logger_name", "context_name"})


#: The permitted levels, lowest first. The list of `logging` is no measure: libraries add levels to it.
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


def configure(level: str = "INFO") -> None:
    """Configures the logs of the process, of its libraries, and of the HTTP server. Each process calls it once."""
    logging.basicConfig(level=logging.WARNING, handlers=[StdlibLogHandler()])
    for name in _SERVER_LOGS:
        server = logging.getLogger(name)
        server.handlers.clear()
        server.propagate = True
        server.setLevel(logging.WARNING)
    structlog.configure(
        processors=_PROCESSORS,
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        cache_logger_on_first_use=True,
    )


def level(name: str) -> str:
    """Raises ValueError when there is no such level."""
    if name not in LEVELS:
        raise ValueError(f"there is no such level; there are {', '.join(LEVELS)}")
    return name


class StdlibLogHandler(logging.Handler):
    """Logs the records of libraries as JSON lines, without the texts of exceptions.

    A repeated message is logged once in `every` seconds.
    """

    def __init__(self, every: float = 10.0) -> None:
        super().__init__()
        self._every, self._logged_at = every, dict[tuple[str, str], float]()

    def emit(self, record: logging.LogRecord) -> None:
        if self._is_news(record):
            problem = record.exc_info[1] if record.exc_info else None
            more = {} if problem is None else {"problem": type(problem).__name__, "at": frames(problem)}
            structlog.get_logger().log(record.levelno, "library.log", logger_name=record.name, sentence=_sentence(record), **more)

    def _is_news(self, record: logging.LogRecord) -> bool:
        """Whether the message was not logged recently: a client without its broker logs sixty times a second."""
        sentence, now = (record.name, str(record.msg)), time.monotonic()
        if now - self._logged_at.get(sentence, -self._every) < self._every:
            return False
        if len(self._logged_at) >= _MAX_SENTENCES:
            self._logged_at.clear()
        self._logged_at[sentence] = now
        return True


def redact(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Redacts values under sensitive keys, and everything that looks like an NHS number."""
    return {key: value if key in _MADE_HERE else _clean(key, value) for key, value in event.items()}


def frames(problem: BaseException) -> list[str]:
    """The frames of an exception, without its text, which may quote personal data."""
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(problem.__traceback__)[-6:]]


def _sentence(record: logging.LogRecord) -> str:
    """The first line of the message, with exceptions replaced by their class. asyncio's messages are cut before the exception's text."""
    if isinstance(record.msg, BaseException):
        return type(record.msg).__name__
    arguments = record.args if isinstance(record.args, tuple) else ()
    arguments = tuple(type(each).__name__ if isinstance(each, BaseException) else each for each in arguments)
    try:
        sentence = str(record.msg) % arguments if arguments else str(record.msg)
    except (TypeError, ValueError):
        sentence = str(record.msg)
    problem = record.exc_info[1] if record.exc_info else None
    if problem is not None and str(problem):
        sentence = sentence.replace(repr(problem), type(problem).__name__).replace(str(problem), type(problem).__name__)
    ends = r"[\n(<]" if record.name == "asyncio" else r"\n"
    return re.split(ends, sentence, maxsplit=1)[0]


def _clean(key: str, value: Any) -> Any:
    if _is_private(key):
        return REDACTED
    match value:
        case dict():
            return {_plain(str(inner)): _clean(str(inner), each) for inner, each in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_clean("", each) for each in value]
        case BaseException():
            return type(value).__name__
        case bytes() | bytearray():
            return _plain(value.decode(errors="replace"))
        case _:
            return _plain(value)


@lru_cache(maxsize=1024)
def _is_private(key: str) -> bool:
    return key not in _OWN_KEYS and _PRIVATE.search(key) is not None


def _json(event: Any, default: Any) -> str:
    return orjson.dumps(event, default=default).decode()


def _plain(value: Any) -> Any:
    """A value that JSON cannot hold becomes its Python representation."""
    if isinstance(value, _HARMLESS):
        return value
    text = value if isinstance(value, str) else repr(value)
    redacted = _ID_OR_NUMBER.sub(lambda found: found["id"] or REDACTED, text)
    return value if redacted == text and isinstance(value, int) else redacted


#: One list for the process: a logger keeps the list that it was first used with.
_PROCESSORS: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
    redact,
    structlog.processors.JSONRenderer(serializer=_json),
]
