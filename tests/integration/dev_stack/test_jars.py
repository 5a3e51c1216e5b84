"""Jars are downloaded once and completely, and only locked jars are used."""

import hashlib
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from infra.dev_stack.local.jar_download import Listener
from infra.dev_stack.local.jars import KAFKA_VERSION, Jar, read_lock, verified_jars, write_lock
from infra.errors import JarRefused, JarsUnavailable

_JARS = {"org.example:first:1.0": b"first", "org.example:second:2.0:linux": b"second"}


class _SilentHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the name in the library
        """Prints nothing."""


@pytest.fixture
def jar_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "published"
    for path, content in (("first/1.0/first-1.0.jar", b"first"), ("second/2.0/second-2.0-linux.jar", b"second")):
        jar = folder / "org/example" / path
        jar.parent.mkdir(parents=True)
        jar.write_bytes(content)
    return folder


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    path = tmp_path / "jars.lock"
    write_lock([Jar(coordinate, hashlib.sha256(content).hexdigest()) for coordinate, content in _JARS.items()], path)
    return path


@pytest.fixture(autouse=True)
def repository(jar_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A repository on this machine that publishes two jars, and an empty cache."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_SilentHandler, directory=jar_folder)) as server:
        thread = Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        monkeypatch.setenv("CARE_MAVEN_REPOSITORY", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("CARE_HOME", str(tmp_path / "home"))
        yield
        server.shutdown()
        thread.join()


@pytest.fixture
def listener() -> Listener:
    return Listener(report=lambda _: None)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "home" / f"kafka-{KAFKA_VERSION}"


def test_jars_are_cached_in_the_order_of_the_lock(lock: Path, listener: Listener, cache: Path) -> None:
    assert verified_jars(listener, lock=lock) == [cache / "first-1.0.jar", cache / "second-2.0-linux.jar"]


def test_cached_jars_need_no_repository(lock: Path, listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched = verified_jars(listener, lock=lock)
    monkeypatch.setenv("CARE_MAVEN_REPOSITORY", "http://127.0.0.1:9")
    assert verified_jars(listener, lock=lock) == fetched


def test_cached_jar_with_another_hash_is_refused(lock: Path, listener: Listener, cache: Path) -> None:
    verified_jars(listener, lock=lock)
    (cache / "second-2.0-linux.jar").write_bytes(b"other")
    with pytest.raises(JarRefused, match=r"second-2\.0-linux\.jar in .* is not the jar that infra/kafka/jars\.lock names"):
        verified_jars(listener, lock=lock)


def test_downloaded_jar_with_another_hash_is_not_cached(lock: Path, listener: Listener, cache: Path, jar_folder: Path) -> None:
    (jar_folder / "org/example/first/1.0/first-1.0.jar").write_bytes(b"other")
    with pytest.raises(JarRefused, match=r"first-1\.0\.jar"):
        verified_jars(listener, lock=lock)
    assert not cache.exists()


def test_partial_download_is_replaced(lock: Path, listener: Listener, cache: Path) -> None:
    partial_folder = cache.with_name(f"{cache.name}.partial")
    (partial_folder / "downloads/org/example/first/1.0").mkdir(parents=True)
    (partial_folder / "downloads/org/example/first/1.0/first-1.0.jar").write_bytes(b"fi")
    assert len(verified_jars(listener, lock=lock)) == 2
    assert not partial_folder.exists()


def test_absent_repository_makes_jars_unavailable(lock: Path, listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARE_MAVEN_REPOSITORY", "http://127.0.0.1:9")
    with pytest.raises(JarsUnavailable, match="could not be downloaded"):
        verified_jars(listener, lock=lock)


def test_cancelled_download_ends(lock: Path, listener: Listener, cache: Path) -> None:
    listener.cancelled.set()
    with pytest.raises(JarsUnavailable):
        verified_jars(listener, lock=lock)
    assert not cache.exists()


def test_committed_lock_is_sorted_and_contains_no_path() -> None:
    jars = read_lock()
    assert jars == sorted(jars)
    assert "org.apache.kafka:kafka_2.13:4.3.0" in {jar.coordinate for jar in jars}
    assert all(len(jar.sha256) == 64 and "/" not in jar.coordinate for jar in jars)
