"""The risk file: the values read from each line, and the lines refused (S07, G07)."""

from collections.abc import Sequence
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.mdt.domain.risk_file import BadRow, Columns, NotARiskFile, Reason, RiskFile, RiskFileTally
from shared.kernel.ids import pseudonymiser
from tests.builders.population import BAD_LINES, Resident, population
from tests.builders.risk import POLICY, TODAY

_HEADER = "nhs_number,practice,ratio,level,valid_from"
_DALE = "9990548609,W07,9.80,,2015-03-02"
_pseudonyms = pseudonymiser(b"secret")


def _read(text: str | bytes) -> tuple[Columns, RiskFileTally]:
    file = RiskFile(text.encode() if isinstance(text, str) else text, POLICY, _pseudonyms, TODAY)
    rows = [row for block in file.blocks() for row in zip(*block, strict=True)]
    columns: Sequence[Sequence[object]] = list(zip(*rows, strict=True)) if rows else [[]] * len(Columns._fields)
    return Columns(*map(list, columns)), file.tally  # type: ignore[arg-type]


def test_line_gives_person_practice_ratio_level_and_day() -> None:
    columns, tally = _read(f"{_HEADER}\n{_DALE}\n")

    assert columns == Columns(_pseudonyms(["9990548609"]), ["W07"], ["9.80"], ["2"], ["2015-03-02"])
    assert (tally.rows, tally.levels, tally.mismatched, tally.bad_rows) == (1, [0, 0, 1, 0], 0, [])


@pytest.mark.parametrize(
    "text",
    [
        f"\ufeff{_HEADER}\r\n{_DALE}\r\n",
        f"{_HEADER.upper()}\n{_DALE}",
        f"{_HEADER}\n\n{_DALE}\n\n",
        f'{_HEADER}\n"9990548609","W07","9.80","","2015-03-02"\n',
        f"{_HEADER}\n999 054 8609,W07,9.80,,2015-03-02\n",
        f"{_HEADER}\n999-054-8609,W07,9.80,2,2015-03-02\n",
        f"{_HEADER}\n999\u00a0054\u20098609\u200b,W07,9.80,,2015-03-02\n",
        f"{_HEADER}\n9990548609,w07,9.80,,2015-03-02\n",
        f"{_HEADER}\n 9990548609 , W07\u00a0, 9.80 , , 2015-03-02 \n",
        f"\ufeff {_HEADER.replace(',', ' , ')} \n9990548609,W07,9.80,\u200b,\ufeff2015-03-02\n",
        "nhs_number,practice,ratio,valid_from\n9990548609,W07,9.80,2015-03-02\n",
        "valid_from,level,practice,ratio,nhs_number\n2015-03-02,,W07,9.80,9990548609\n",
    ],
)
def test_spreadsheet_variants_give_the_same_line(text: str) -> None:
    columns, tally = _read(text)

    assert columns == Columns(_pseudonyms(["9990548609"]), ["W07"], ["9.80"], ["2"], ["2015-03-02"])
    assert (tally.rows, tally.bad_rows) == (1, [])


@pytest.mark.parametrize(
    "header", ["", "nhs_number;practice;ratio;level;valid_from", "nhs,practice,ratio,level,valid_from", f"{_HEADER},x"]
)
def test_file_without_columns_is_refused(header: str) -> None:
    with pytest.raises(NotARiskFile):
        _read(f"{header}\n{_DALE}\n")


@pytest.mark.parametrize(("line", "reason"), BAD_LINES)
def test_bad_line_is_reported_and_others_are_read(line: str, reason: str) -> None:
    before, after = population(counts={0: 5}), population(seed=3, counts={1: 5})
    text = "\n".join([_HEADER, *map(_line, before), line.format(day="2015-03-02"), *map(_line, after)])

    columns, tally = _read(text)

    assert columns.person_ids == _pseudonyms([resident.nhs_number for resident in (*before, *after)])
    assert (tally.rows, tally.bad_rows, tally.refused) == (11, [BadRow(7, Reason(reason))], {reason: 1})


@pytest.mark.parametrize("ratio", ["", "1,5", "1.5e3", "1. 5", "+1", "١.٥", "inf", "1_000", "0x1", "1.", ".5", "1234567"])
def test_ratio_allows_digits_and_one_point(ratio: str) -> None:
    _, tally = _read(f'{_HEADER}\n9990548609,W07,"{ratio}",,2015-03-02\n')

    assert tally.bad_rows == [BadRow(2, Reason.RATIO)]


def test_first_line_of_duplicate_person_counts() -> None:
    columns, tally = _read(f"{_HEADER}\n{_DALE}\n999 054 8609,W07,27.10,,2015-03-02\n")

    assert columns.ratios == ["9.80"]
    assert tally.bad_rows == [BadRow(3, Reason.DUPLICATE)]


def test_given_level_wins_and_mismatch_is_counted() -> None:
    columns, tally = _read(f"{_HEADER}\n9990548609,W07,9.80,3,2015-03-02\n9000000009,W07,9.80,2,2015-03-02\n")

    assert columns.levels == ["3", "2"]
    assert (tally.mismatched, tally.levels) == (1, [0, 0, 1, 1])


@pytest.mark.parametrize("junk", ['"', '9990548609,"W07', "\x00", "\udcff", '"' + "x" * 200_000])
def test_malformed_line_does_not_stop_others(junk: str) -> None:
    columns, tally = _read(f"{_HEADER}\n{junk}\n{_DALE}\n".encode("utf-8", "surrogateescape"))

    assert (columns.ratios, [row.line for row in tally.bad_rows]) == (["9.80"], [2])


def test_bad_lines_are_listed_to_a_thousand_and_counted() -> None:
    _, tally = _read("\n".join([_HEADER, *["unknown"] * 1500]))

    assert (len(tally.bad_rows), tally.refused) == (1000, {Reason.COLUMN_COUNT: 1500})


@given(st.lists(st.sampled_from([_DALE, "9000000009,W07,0.30,1,2015-03-02", "", *(line for line, _ in BAD_LINES)]), max_size=12))
def test_lines_give_same_result_alone_and_in_file(lines: list[str]) -> None:
    texts = [line.format(day="2015-03-02") for line in lines]

    in_file, tally = _read("\n".join([_HEADER, *texts]))

    seen: list[str] = []
    bad = [_alone(number, text, seen) for number, text in enumerate(texts, 2)]
    assert tally.bad_rows == [row for row in bad if row]
    assert in_file.person_ids == _pseudonyms(seen)


def _alone(number: int, text: str, seen: list[str]) -> BadRow | None:
    """The refusal of a line read alone, or as a duplicate of a person in `seen`."""
    _, tally = _read(f"{_HEADER}\n{text}")
    if tally.bad_rows:
        return BadRow(number, tally.bad_rows[0].reason)
    if text and text[:10] in seen:
        return BadRow(number, Reason.DUPLICATE)
    if text:
        seen.append(text[:10])
    return None


def _line(resident: Resident) -> str:
    return f"{resident.nhs_number},{resident.practice},{resident.thousandths / 1000:.3f},,2015-03-02"


@pytest.mark.parametrize(
    ("day", "reason"),
    [
        (TODAY + timedelta(days=1), Reason.VALID_FROM_IN_FUTURE),
        (date.max, Reason.VALID_FROM_IN_FUTURE),
        (TODAY - POLICY.scores_within - timedelta(days=1), Reason.VALID_FROM_TOO_OLD),
        (date(26, 11, 20), Reason.VALID_FROM_TOO_OLD),
        (date.min, Reason.VALID_FROM_TOO_OLD),
    ],
)
def test_score_outside_the_period_is_refused_alone(day: date, reason: Reason) -> None:
    _, tally = _read(f"{_HEADER}\n{_DALE}\n9000000009,W07,0.30,3,{day.isoformat()}\n")

    assert (tally.levels, tally.bad_rows) == ([0, 0, 1, 0], [BadRow(3, reason)])


def test_score_of_first_and_last_permitted_day_is_read() -> None:
    days = [(TODAY - POLICY.scores_within).isoformat(), TODAY.isoformat()]

    columns, _ = _read(f"{_HEADER}\n9990548609,W07,9.80,,{days[0]}\n9000000009,W07,9.80,,{days[1]}\n")

    assert columns.days == days


@given(day=st.dates(), practice=st.sampled_from(["W07", "w07", " W07", "w7"]))
def test_line_is_read_or_refused_by_its_own_reason(day: date, practice: str) -> None:
    columns, tally = _read(f"{_HEADER}\n9990548609,{practice},9.80,3,{day.isoformat()}\n")

    assert (columns.practices, len(tally.bad_rows)) in (([], 1), (["W07"], 0))
    assert all(TODAY - POLICY.scores_within <= date.fromisoformat(each) <= TODAY for each in columns.days)
