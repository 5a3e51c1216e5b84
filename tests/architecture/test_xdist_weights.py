"""The list of long test files is current."""

import re

from tests.architecture.sources import ROOT, written_tests
from tests.xdist_weights import LONGEST, STORY


def test_long_test_files_exist() -> None:
    assert [file for file in LONGEST if not (ROOT / file).is_file()] == []
    assert len(set(LONGEST)) == len(LONGEST)


def test_story_tests_run_in_one_process() -> None:
    assert {source.name for source in written_tests() if re.search(r"def test_\w+\(story: StoryRun", source.text)} == set(STORY)
