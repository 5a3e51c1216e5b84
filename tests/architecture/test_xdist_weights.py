"""Files of tests are shared out among processes by what is written about them."""

import re

from tests.architecture.sources import ROOT, written_tests
from tests.xdist_weights import LONGEST, STORY


def test_every_file_that_is_begun_early_is_there() -> None:
    assert [file for file in LONGEST if not (ROOT / file).is_file()] == []
    assert len(set(LONGEST)) == len(LONGEST)


def test_all_who_share_the_story_are_tested_by_one_process() -> None:
    assert {source.name for source in written_tests() if re.search(r"def test_\w+\(story: StoryRun", source.text)} == set(STORY)
