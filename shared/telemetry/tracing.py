"""Trace context: every request and every event carries a W3C `traceparent`, so one referral can be followed everywhere.

A deployment that exports spans calls `export` in its composition root. Otherwise no span is created, only a span id for the `traceparent`
of later events.
"""

import random
import re
from collections.abc import Iterator
from contextlib import contextmanager

import nhs_number
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_PROPAGATOR = TraceContextTextMapPropagator()
#: A separate provider, which no library of the process can change.
_PROVIDER = TracerProvider()
_TRACER = _PROVIDER.get_tracer("care")
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})(-.*)?")
_TEN_DIGITS = re.compile(r"\d{10}")
#: Also those that begin within others.
_EACH_TEN_DIGITS = re.compile(r"(?=(\d{10}))")
_exporters: list[SpanProcessor] = []


def export(processor: SpanProcessor) -> None:
    """Creates spans from now on, and passes them to `processor`."""
    _PROVIDER.add_span_processor(processor)
    _exporters.append(processor)


def of_caller(traceparent: str | None) -> str | None:
    """The caller's trace context, unless it may hold an NHS number, which logs and events would repeat.

    One random id in sixty looks as if it did; that trace begins here.
    """
    if traceparent is None or not _TEN_DIGITS.search(traceparent):
        return traceparent
    return None if any(nhs_number.is_valid(found[1]) for found in _EACH_TEN_DIGITS.finditer(traceparent)) else traceparent


@contextmanager
def span(name: str, parent: str | None = None) -> Iterator[str]:
    """A child span of `parent`, which may be absent. Yields the span's traceparent, also when no span is exported."""
    if not _exporters:
        yield _below(parent)
        return
    context = _PROPAGATOR.extract({"traceparent": parent}) if parent else None
    # The text of an exception may quote what a person said, so spans never record exceptions.
    with _TRACER.start_as_current_span(name, context=context, record_exception=False, set_status_on_exception=False):
        carrier: dict[str, str] = {}
        _PROPAGATOR.inject(carrier)
        yield carrier.get("traceparent") or _below(parent)


def _below(parent: str | None) -> str:
    """A traceparent in the trace of `parent`, with its flags; a malformed parent is ignored."""
    match = _TRACEPARENT.fullmatch(parent) if parent else None
    trace, flags = (match[1], match[2]) if match and not match[0].startswith("ff") else (_random_id(128), "01")
    return f"00-{trace}-{_random_id(64)}-{flags}"


def _random_id(bits: int) -> str:
    """Python seeds the generator again in a forked process, so two processes never repeat an id."""
    return f"{random.getrandbits(bits) or 1:0{bits // 4}x}"
