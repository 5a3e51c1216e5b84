"""The verification reads every record, whatever wrote it."""

import subprocess
import sys

_READER = """
import infra.operations.verify.broker
from aiokafka.consumer import fetcher
print(fetcher.PartitionRecords.__module__)"""


def test_verification_reads_on_behind_unreadable_records() -> None:
    """In a process of its own: another module of this one may have prepared the client."""
    done = subprocess.run([sys.executable, "-c", _READER], check=True, capture_output=True, text=True)

    assert done.stdout.strip() == "shared.messaging.inbound.readable_records"
