"""Java is called the same way every time, with the class cache once it has been made."""

import subprocess
from pathlib import Path

import pytest

from infra.dev_stack.local.java import cache_file, java_command

_JARS = [Path("/jars/first.jar"), Path("/jars/second.jar")]


@pytest.fixture(autouse=True)
def empty_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARE_HOME", str(tmp_path))


def test_without_a_class_cache_java_starts_without_one() -> None:
    command = java_command(_JARS, "kafka.Kafka", "settings")
    assert command[-4:] == ["-cp", "/jars/first.jar:/jars/second.jar", "kafka.Kafka", "settings"]
    assert not any("AOT" in argument for argument in command)


def test_the_class_cache_is_used_once_it_is_there() -> None:
    cache_file(_JARS).touch()
    assert f"-XX:AOTCache={cache_file(_JARS)}" in java_command(_JARS, "kafka.Kafka")


def test_other_jars_need_another_class_cache() -> None:
    assert cache_file(_JARS) != cache_file(_JARS[:1])


def test_java_ignores_a_class_cache_that_a_power_cut_damaged(tmp_path: Path) -> None:
    cache = cache_file([tmp_path])
    subprocess.run([*java_command([tmp_path], flags=[f"-XX:AOTCacheOutput={cache}"]), "-version"], check=True, capture_output=True)
    size = cache.stat().st_size
    with cache.open("r+b") as file:
        file.seek(size // 2)
        file.write(bytes(size // 2))
    command = java_command([tmp_path], "-version")
    assert f"-XX:AOTCache={cache}" in command
    assert subprocess.run(command, check=False, capture_output=True, cwd=tmp_path).returncode == 0  # Java writes of a crash where it is


def test_flags_that_are_given_reach_java_and_nobody_who_makes_a_class_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARE_KAFKA_JAVA_OPTS", "-Xmx256m -Dname='two words'")
    assert {"-Xmx256m", "-Dname=two words"} <= {*java_command(_JARS, "kafka.Kafka")}
    assert "-Xmx256m" not in java_command(_JARS, "kafka.Kafka", flags=["-XX:AOTMode=record"])
