"""Every span has a traceparent, also when a deployment disables spans."""

import os
import subprocess
import sys

import pytest

from shared.telemetry.tracing import of_caller, span

PROGRAM = """
import sys
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from shared.telemetry.tracing import export, span
seen = InMemorySpanExporter()
if "exporting" in sys.argv:
    export(SimpleSpanProcessor(seen))
with span("a", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01") as inside, span("b") as alone:
    pass
print(inside, alone, *[f"00-{each.context.trace_id:032x}-{each.context.span_id:016x}-01" for each in seen.get_finished_spans()])
"""
INVALID = ("junk", "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", f"00-{'0' * 32}-00f067aa0ba902b7-01")


def run(*arguments: str, **environment: str) -> list[str]:
    program = [sys.executable, "-c", PROGRAM, *arguments]
    return subprocess.run(program, env={**os.environ, **environment}, capture_output=True, text=True, check=True).stdout.split()


@pytest.mark.parametrize("disabled", ["true", "false"])
@pytest.mark.parametrize("exporting", ["exporting", "alone"])
def test_span_has_a_traceparent(disabled: str, exporting: str) -> None:
    inside, alone, *_ = run(exporting, OTEL_SDK_DISABLED=disabled)

    assert inside.startswith("00-4bf92f3577b34da6a3ce929d0e0e4736-")
    assert [len(part) for part in alone.split("-")] == [2, 32, 16, 2]


def test_exported_span_has_the_returned_traceparent() -> None:
    inside, alone, *exported = run("exporting")

    assert set(exported) == {inside, alone}


@pytest.mark.parametrize("parent", INVALID)
def test_invalid_traceparent_is_not_continued(parent: str) -> None:
    with span("a", parent) as traceparent:
        assert traceparent.split("-")[1] not in parent
        assert traceparent.startswith("00-")


@pytest.mark.parametrize(
    "parent",
    [
        "00-00000000000000000000009990548609-00f067aa0ba902b7-01",
        "00-4bf92f3577b34d19990548609929d0e0-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-9990548609a902b7-01",
    ],
)
def test_trace_with_an_nhs_number_is_not_continued(parent: str) -> None:
    assert of_caller(parent) is None


@pytest.mark.parametrize(
    "parent", [None, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "00-12345678901234567890a6a3ce929d0e-00f067aa0ba902b7-01"]
)
def test_other_traces_are_continued(parent: str | None) -> None:
    assert of_caller(parent) == parent
