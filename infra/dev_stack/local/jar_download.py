"""Downloads jars with `jgo`, which needs neither Maven nor Java, from the public repository.

`CARE_MAVEN_REPOSITORY` names another repository, for machines that reach only the one of their organisation.

Invariant: the content of the jars is not checked here; the caller compares their hashes with the lock.
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

_PARALLEL = 8


@dataclass(slots=True)
class Listener:
    """Reports the progress of a download; another thread cancels it by setting `cancelled`."""

    report: Callable[[str], None] = print
    cancelled: Event = field(default_factory=Event)
    _bytes: int = field(default=0, init=False)

    @contextmanager
    def on_file(self, _file_name: str, _size: int) -> Iterator[Callable[[int], None]]:
        """Called by jgo for each file; jgo calls the yielded function for each chunk."""
        yield self._on_chunk

    def _on_chunk(self, size: int) -> None:
        if self.cancelled.is_set():
            raise JarsUnavailable("The download was cancelled.")
        self._bytes += size
        self.report(f"{self._bytes / 1e6:.0f} MB downloaded")


def repository(cache: Path, listener: Listener | None = None) -> Any:
    """Returns a repository that stores files in `cache` only."""
    truststore.inject_into_ssl()
    resolver = PythonResolver(progress_callback=listener.on_file if listener else None)
    mirror = os.environ.get("CARE_MAVEN_REPOSITORY")
    return MavenContext(resolver, repo_cache=cache, remote_repos={"mirror": mirror.rstrip("/")} if mirror else None)


def download(coordinates: Sequence[str], cache: Path, listener: Listener) -> list[Path]:
    """Returns the paths of the jars in the order of `coordinates`. Raises JarsUnavailable."""
    source = repository(cache, listener)
    with ThreadPoolExecutor(_PARALLEL) as pool:
        running = [pool.submit(_download_one, source, coordinate) for coordinate in coordinates]
        try:
            for finished in as_completed(running):
                finished.result()
        except (OSError, RuntimeError) as problem:
            pool.shutdown(cancel_futures=True)
            raise JarsUnavailable(f"Apache Kafka's jars could not be downloaded ({type(problem).__name__}).") from problem
        return [each.result() for each in running]


def _download_one(source: Any, coordinate: str) -> Path:
    group, artifact, version, *classifier = coordinate.split(":")
    component = source.project(group, artifact).at_version(version)
    path: Path = component.artifact(*classifier).resolve()
    return path
