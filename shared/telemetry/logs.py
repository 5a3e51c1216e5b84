"""Logs as events: `log.info("referral.routed", referral_id=...)`, one JSON object a line, redacted before it is written."""

import logging
import re
import traceback
from collections.abc import MutableMapping
from typing import Any

import structlog

REDACTED = "[redacted]"
_PRIVATE = re.compile(r"name|narrative|story|nhs|address|telephone|born|contact|token|authorization|secret|password|dsn", re.IGNORECASE)
_NHS_NUMBER = re.compile(r"\b\d{3}[ -]?\d{3}[ -]?\d{4}\b")
_OWN_KEYS = frozenset({"event", "level", "timestamp", "logger_name", "context_name"})


def configure(level: str = "INFO") -> None:
    """Called once by each process; also tames the logs of libraries."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            redact,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        cache_logger_on_first_use=True,
    )


def redact(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Hides values under telling keys, and anything that looks like an NHS number wherever it stands."""
    return {key: _clean(key, value) for key, value in event.items()}


def frames(problem: BaseException) -> list[str]:
    """Where it happened, without the exception's text, which may quote what somebody wrote."""
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(problem.__traceback__)[-6:]]


def _clean(key: str, value: Any) -> Any:
    if key not in _OWN_KEYS and _PRIVATE.search(key):
        return REDACTED
    match value:
        case str():
            return _NHS_NUMBER.sub(REDACTED, value)
        case dict():
            return {inner: _clean(str(inner), each) for inner, each in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_clean("", each) for each in value]
        case _:
            return value
