"""Large logs are rotated, and errors quote the end of a log."""

import os
from pathlib import Path

from infra.dev_stack.local.logs import log_size, log_tail, open_log


def test_large_log_is_renamed_before_the_next_start(tmp_path: Path) -> None:
    log = tmp_path / "program.log"
    log.touch()
    os.truncate(log, 10_000_001)
    with open_log(log) as file:
        file.write(b"new log\n")
    assert log.read_bytes() == b"new log\n"
    assert (tmp_path / "program.log.1").exists()


def test_log_tail_contains_last_non_empty_lines(tmp_path: Path) -> None:
    log = tmp_path / "program.log"
    assert log_tail(log) == f"{log} ends:"
    log.write_text("".join(f"{number}\n\n" for number in range(20)))
    assert log_tail(log).splitlines() == [f"{log} ends:", *map(str, range(12, 20))]


def test_log_tail_contains_this_start_alone(tmp_path: Path) -> None:
    log = tmp_path / "program.log"
    log.write_text("earlier start\n")
    size = log_size(log)
    assert log_tail(log, size).splitlines() == [f"{log} ends:"]
    with log.open("a") as file:
        file.write("this start\n")
    assert log_tail(log, size).splitlines() == [f"{log} ends:", "this start"]
    log.write_text("renamed\n")  # shorter than before
    assert log_tail(log, size).splitlines() == [f"{log} ends:", "renamed"]
