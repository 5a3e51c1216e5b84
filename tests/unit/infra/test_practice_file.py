"""The file of practices is checked as a whole: each fault is named with its line, and nothing is loaded (A15)."""

from pathlib import Path

import pytest

from infra.reference.practice_file import COLUMNS, PracticeFileRefused, parse, read_practices
from shared.contracts.codes import Locality

HEADER = ",".join(COLUMNS)


def line(code: str, *, locality: str = "west", opened: str = "2013-04-01", closed: str = "", successor: str = "") -> str:
    return f"{code},Surgery {code},{locality},1 High Road,020 7946 0201,{opened},{closed},{successor},synthetic"


def faults_of(*lines: str) -> list[tuple[int, str]]:
    return parse("\n".join([HEADER, *lines]) + "\n")[1]


def test_file_has_67_practices_in_three_localities() -> None:
    practices = read_practices()

    counts = {locality: sum(practice.locality is locality for practice in practices) for locality in Locality}
    assert counts == {Locality.WEST: 20, Locality.LOCALITY_B: 24, Locality.LOCALITY_C: 23}
    assert all(practice.address and practice.telephone.startswith("020 7946 0") for practice in practices)


def test_lines_are_read_in_one_form() -> None:
    practices, faults = parse(
        f'{HEADER}\n w07 ,Surgery,west,"1  High Road, nw4 4bq",020 7946 0207,2013-04-01,2014-12-01,w08,NHS ODS\n{line("W08")}\n'
    )

    assert faults == []
    assert (practices[0].code, practices[0].successor, str(practices[0].valid_until)) == ("W07", "W08", "2014-12-01")


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([line("W01"), line("W02", locality="north")], [(3, "locality")]),
        ([line("W0O")], [(2, "code")]),
        ([line("W01", opened="01/04/2013")], [(2, "valid_from")]),
        ([line("W01") + ",more"], [(2, "too many values")]),
        (["W01,Surgery W01"], [(2, "locality"), (2, "telephone"), (2, "valid_from"), (2, "source"), (2, "address")]),
        ([line("W01"), line("B01"), line("W01", opened="2014-01-01")], [(4, "W01 is valid on 2014-01-01 by line 2 already")]),
        ([line("W01"), line("W01")], [(3, "W01 is valid on 2013-04-01 by line 2 already")]),
        ([line("W01", closed="2013-04-01")], [(2, "valid_until must be after valid_from")]),
        ([line("W01", successor="W02"), line("W02")], [(2, "a successor needs valid_until")]),
        ([line("W01", closed="2014-12-01", successor="W99")], [(2, "the successor W99 is no practice of the file")]),
        ([line("W01", closed="2014-12-01", successor="W01")], [(2, "the successors of W01 lead back to it")]),
        (
            [line("W01", closed="2014-12-01", successor="W02"), line("W02", closed="2014-12-01", successor="W01")],
            [(2, "the successors of W01 lead back to it"), (3, "the successors of W02 lead back to it")],
        ),
        (
            [line("W01", closed="2014-12-01", successor="W02"), line("W02", closed="2014-11-01")],
            [(2, "W02 is no open practice on 2014-12-01")],
        ),
        ([], [(2, "the file has no practice")]),
    ],
)  # fmt: skip
def test_fault_is_named_with_its_line(lines: list[str], expected: list[tuple[int, str]]) -> None:
    found = faults_of(*lines)

    assert sorted({number for number, _ in found}) == sorted({number for number, _ in expected})
    assert len(found) == len(expected)
    assert all(any(number == at and text in fault for at, fault in found) for number, text in expected), found


def test_circle_over_years_is_refused() -> None:
    lines = [line("W01", closed="2014-12-01", successor="W02"), line("W02", closed="2015-12-01", successor="W01")]

    assert [number for number, _ in faults_of(*lines)] == [3]


def test_code_may_be_used_again_after_it_closed() -> None:
    lines = [
        line("W01", closed="2014-12-01", successor="W02"),
        line("W01", opened="2015-12-01"),
        line("W02", closed="2015-12-01", successor="W01"),
    ]

    assert faults_of(*lines) == []


def test_other_columns_are_refused() -> None:
    assert parse("code,name\nW01,Surgery\n")[1] == [(1, f"the columns must be {HEADER}.")]


def test_refusal_names_file_and_all_lines(tmp_path: Path) -> None:
    path = tmp_path / "practices.csv"
    path.write_text("\n".join([HEADER, line("W01", locality="north"), line("W02"), line("W0O")]), encoding="utf-8")

    with pytest.raises(PracticeFileRefused, match=r"practices\.csv was refused as a whole\. Line 2: locality.* Line 4: code"):
        read_practices(path)


def test_file_in_another_encoding_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "practices.csv"
    path.write_bytes(HEADER.encode("utf-16"))

    with pytest.raises(PracticeFileRefused, match="not UTF-8"):
        read_practices(path)
