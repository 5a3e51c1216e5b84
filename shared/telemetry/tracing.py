"""Trace context: every request and every event carries a W3C `traceparent`, so one referral can be followed everywhere.

A deployment that wants the spans adds an exporter to PROVIDER in its composition root.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_PROPAGATOR = TraceContextTextMapPropagator()
#: A provider of our own, so that ids are made whether or not a deployment exports spans.
PROVIDER = TracerProvider()
_TRACER = PROVIDER.get_tracer("care")


@contextmanager
def span(name: str, parent: str | None = None) -> Iterator[str]:
    """A span below `parent`, which may be absent; gives its own traceparent, also where spans are switched off."""
    context = _PROPAGATOR.extract({"traceparent": parent}) if parent else None
    # The text of an exception may quote what a person said, so spans never record exceptions.
    with _TRACER.start_as_current_span(name, context=context, record_exception=False, set_status_on_exception=False):
        carrier: dict[str, str] = {}
        _PROPAGATOR.inject(carrier)
        yield carrier.get("traceparent") or f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-00"
