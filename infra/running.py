"""Where a local stack is running: written when it is up, read by the commands that operate it."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from infra.local.errors import StackError
from infra.local.home import stack_folders


@dataclass(frozen=True, slots=True)
class Whereabouts:
    url: str
    database_url: str
    kafka_bootstrap: str


@contextmanager
def announced(name: str, whereabouts: Whereabouts) -> Iterator[None]:
    path = _file(name)
    path.write_text(json.dumps(asdict(whereabouts)))
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def whereabouts(name: str) -> Whereabouts:
    """Raises StackError when no such stack is running. DATABASE_URL and KAFKA_BOOTSTRAP_SERVERS go before."""
    path = _file(name)
    found = Whereabouts(**json.loads(path.read_text())) if path.exists() else Whereabouts("", "", "")
    database = os.environ.get("DATABASE_URL") or found.database_url
    kafka = os.environ.get("KAFKA_BOOTSTRAP_SERVERS") or found.kafka_bootstrap
    if not database:
        raise StackError(f"The stack “{name}” is not running: start it with `care up`, or name a server in DATABASE_URL.")
    return Whereabouts(found.url, database, kafka)


def _file(name: str) -> Path:
    return stack_folders(name).root / "running.json"
