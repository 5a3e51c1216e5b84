"""Logs do not grow for ever, and are quoted."""

import os
from pathlib import Path

from infra.dev_stack.local.logs import log_tail, open_log


def test_a_large_log_is_set_aside_before_the_next_start(tmp_path: Path) -> None:
    log = tmp_path / "program.log"
    log.touch()
    os.truncate(log, 10_000_001)
    with open_log(log) as file:
        file.write(b"begun anew\n")
    assert log.read_bytes() == b"begun anew\n"
    assert (tmp_path / "program.log.1").exists()


def test_the_last_words_of_a_log_are_its_last_lines_that_say_something(tmp_path: Path) -> None:
    log = tmp_path / "program.log"
    assert log_tail(log) == f"{log} ends:"
    log.write_text("".join(f"{number}\n\n" for number in range(20)))
    assert log_tail(log).splitlines() == [f"{log} ends:", *map(str, range(12, 20))]
