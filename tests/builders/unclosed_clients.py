"""The Kafka clients that a test left open."""

import gc

import pytest


def unclosed_clients(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Returns the log lines about them. An open client that Python deletes calls asyncio's exception handler, which writes to the log.

    The test must ignore the ResourceWarning that precedes the call; as an error it would take the place of the call.
    """
    gc.collect()
    return [line for line in caplog.messages if "unclosed" in line.lower()]
