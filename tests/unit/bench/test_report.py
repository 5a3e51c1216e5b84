"""The page of measured figures."""

from tests.bench.report import document

_RESULT = {"machine": {}, "versions": {}, "load_before": 0.0, "command": "make bench", "scenarios": {}}
_AGAINST = {"commit": "aea64b3", "date": "2026-11-28", "load_before": 0.0, "scenarios": {}}


def test_comparison_names_the_poll_of_the_earlier_commit() -> None:
    page = document(_RESULT | {"against": _AGAINST})

    assert "## Comparison with aea64b3" in page
    assert "`timers` runs with this commit's poll of overdue deadlines" in page


def test_page_without_comparison_names_no_poll() -> None:
    assert "poll of overdue deadlines" not in document(_RESULT)


def test_page_without_whole_run_judges_no_limit() -> None:
    assert "## Missed targets\n\nNo limit was judged" in document(_RESULT)
