"""There is always a trace to quote, also where a deployment switches spans off."""

import os
import subprocess
import sys

import pytest

PROGRAM = """
from shared.telemetry.tracing import span
with span("a", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01") as inside, span("b") as alone:
    print(inside, alone)
"""


@pytest.mark.parametrize("disabled", ["true", "false"])
def test_a_span_has_a_traceparent(disabled: str) -> None:
    environment = {**os.environ, "OTEL_SDK_DISABLED": disabled}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True)

    inside, alone = done.stdout.split()
    assert inside.startswith("00-4bf92f3577b34da6a3ce929d0e0e4736-")
    assert [len(part) for part in alone.split("-")] == [2, 32, 16, 2]
