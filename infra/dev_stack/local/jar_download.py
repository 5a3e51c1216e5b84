"""Downloads jars with `jgo`, which needs neither Maven nor Java and here reads nothing but the public repository.

`CARE_MAVEN_REPOSITORY` names another repository, for machines that reach only their organisation's own.

Invariant: says nothing about the jars' content; whoever asked compares them with the lock.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

import truststore
from jgo.maven import MavenContext, PythonResolver

from infra.errors import JarsUnavailable

_AT_ONCE = 8


@dataclass(slots=True)
class Listener:
    """Hears how far a download is, and can end it from another thread by setting `given_up`."""

    tell: Callable[[str], None] = print
    given_up: Event = field(default_factory=Event)
    _bytes: int = field(default=0, init=False)

    @contextmanager
    def hear(self, _file_name: str, _size: int) -> Iterator[Callable[[int], None]]:
        """What jgo calls for each file: it reports every piece to what this yields."""
        yield self._piece

    def _piece(self, size: int) -> None:
        if self.given_up.is_set():
            raise JarsUnavailable("The download was given up.")
        self._bytes += size
        self.tell(f"{self._bytes / 1e6:.0f} MB downloaded")


def repository(cache: Path, listener: Listener | None = None) -> Any:
    """A repository whose files are kept in `cache` only."""
    truststore.inject_into_ssl()
    resolver = PythonResolver(progress_callback=listener.hear if listener else None)
    mirror = os.environ.get("CARE_MAVEN_REPOSITORY")
    return MavenContext(resolver, repo_cache=cache, remote_repos={"mirror": mirror.rstrip("/")} if mirror else None)


def download(coordinates: Sequence[str], cache: Path, listener: Listener) -> list[Path]:
    """The paths of the jars, in the order of `coordinates`. Raises JarsUnavailable."""
    source = repository(cache, listener)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        running = [pool.submit(_download_one, source, coordinate) for coordinate in coordinates]
        try:
            for finished in as_completed(running):
                finished.result()
        except (OSError, RuntimeError) as trouble:
            pool.shutdown(cancel_futures=True)
            raise JarsUnavailable(f"Apache Kafka's jars could not be downloaded ({type(trouble).__name__}).") from trouble
        return [each.result() for each in running]


def _download_one(source: Any, coordinate: str) -> Path:
    group, artifact, version, *classifier = coordinate.split(":")
    component = source.project(group, artifact).at_version(version)
    path: Path = component.artifact(*classifier).resolve()
    return path
