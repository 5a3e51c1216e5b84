"""The practice for which a code stands on a day: dates, successors, chains (A15, B11)."""

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.contracts.codes import Locality
from shared.contracts.practices import Practice, Practices

OPENED, CLOSED = date(2013, 4, 1), date(2014, 12, 1)
_CODES = st.sampled_from(["W01", "W02", "W03", "B01", "C01"])
_DAYS = st.integers(0, 40).map(lambda number: OPENED + timedelta(days=number))


def entry(code: str, opened: date = OPENED, closed: date | None = None, successor: str | None = None) -> Practice:
    return Practice(code, f"Surgery {code}", Locality.WEST, "1 High Road", "020 7946 0201", opened, closed, successor)


def code_on(practices: Practices, code: str, day: date) -> str | None:
    found = practices.on(code, day)
    return found.code if found else None


@st.composite
def tables(draw: st.DrawFn) -> Practices:
    """Any table, also with circles and successors that do not exist."""
    rows = draw(st.lists(st.tuples(_CODES, _DAYS, st.none() | st.integers(1, 20), st.none() | _CODES), max_size=6))
    return Practices([entry(code, day, day + timedelta(days=length) if length else None, then) for code, day, length, then in rows])


@pytest.mark.parametrize(
    ("day", "expected"),
    [(OPENED - timedelta(days=1), None), (OPENED, "W07"), (CLOSED - timedelta(days=1), "W07"), (CLOSED, "W08"), (date(2099, 1, 1), "W08")],
)
def test_code_stands_for_successor_from_closing_day(day: date, expected: str | None) -> None:
    practices = Practices([entry("W07", closed=CLOSED, successor="W08"), entry("W08")])

    assert code_on(practices, "W07", day) == expected


def test_code_follows_chain_of_successors() -> None:
    later = CLOSED + timedelta(days=30)
    practices = Practices([entry("W07", closed=CLOSED, successor="W08"), entry("W08", closed=later, successor="B01"), entry("B01")])

    found = [code_on(practices, "W07", day) for day in (CLOSED - timedelta(days=1), CLOSED, later)]

    assert found == ["W07", "W08", "B01"]


def test_practice_that_opens_again_stands_for_itself() -> None:
    again = CLOSED + timedelta(days=30)
    practices = Practices([entry("W07", closed=CLOSED, successor="W08"), entry("W07", again), entry("W08")])

    assert [code_on(practices, "W07", day) for day in (CLOSED, again)] == ["W08", "W07"]


def test_practice_closed_without_successor_stands_for_nobody() -> None:
    practices = Practices([entry("W07", closed=CLOSED)])

    assert practices.on("W07", CLOSED) is None
    assert practices.acting("W07", CLOSED) is None
    assert practices.codes_of("W07", CLOSED) == frozenset()


def test_unknown_code_has_no_practice_and_stands_for_itself() -> None:
    practices = Practices([entry("W07")])

    assert practices.on("W7O", CLOSED) is None
    assert practices.acting("E85001", CLOSED) == "E85001"
    assert practices.codes_of("E85001", CLOSED) == {"E85001"}


@pytest.mark.parametrize("code", ["W06", "W07", "W08"])
def test_practice_is_the_same_under_each_code(code: str) -> None:
    """Two that closed for one successor are the same too, before that day they were not."""
    closing = [entry(each, closed=CLOSED, successor="W08") for each in ("W06", "W07")]
    practices = Practices([*closing, entry("W08"), entry("B01", closed=CLOSED)])

    assert practices.same_as(code, CLOSED) == {"W06", "W07", "W08"}
    assert practices.same_as(code, OPENED) == {code}
    assert [practices.same_as(each, CLOSED) for each in ("B01", "ZZZ")] == [{"B01"}, {"ZZZ"}]


def test_successor_cares_for_people_of_predecessors() -> None:
    practices = Practices([entry("W07", closed=CLOSED, successor="W08"), entry("W08"), entry("B01")])

    assert practices.codes_of("W08", CLOSED - timedelta(days=1)) == {"W08"}
    assert practices.codes_of("W08", CLOSED) == {"W07", "W08"}
    assert practices.codes_of("W07", CLOSED) == frozenset()


@settings(deadline=None)
@given(practices=tables(), code=_CODES, day=_DAYS)
def test_resolution_ends_at_valid_practice_or_at_none(practices: Practices, code: str, day: date) -> None:
    found = practices.on(code, day)

    assert found is None or (found.is_valid_on(day) and practices.on(found.code, day) == found)


@settings(deadline=None)
@given(practices=tables(), code=_CODES, day=_DAYS)
def test_one_acting_practice_at_most_has_a_code(practices: Practices, code: str, day: date) -> None:
    acting = practices.acting(code, day)
    caring = {each for each in ("W01", "W02", "W03", "B01", "C01") if code in practices.codes_of(each, day)}

    assert caring == ({acting} if acting else set())


@settings(deadline=None)
@given(practices=tables(), code=_CODES, day=_DAYS)
def test_chain_names_each_code_once(practices: Practices, code: str, day: date) -> None:
    chain = list(practices.chain(code, day))

    assert chain[0] == code
    assert len(chain) == len(set(chain))


@pytest.mark.parametrize(
    ("professional_id", "organisation", "expected"),
    [("gp-W07", "W07", True), ("gp-W08", "W08", False), ("dr-1", "W07", False), ("gp-E85001", "E85001", False)],
)
def test_only_practice_of_the_table_closes_as_lead(professional_id: str, organisation: str, *, expected: bool) -> None:
    practices = Practices([entry("W07", closed=CLOSED, successor="W08"), entry("W08")])

    assert practices.has_closed(professional_id, organisation, CLOSED) is expected
    assert not practices.has_closed(professional_id, organisation, OPENED)


def test_first_known_code_decides() -> None:
    practices = Practices([entry("W07", closed=CLOSED, successor="W08"), entry("W08")])

    found = practices.first_on([None, "E85001", "W07", "W08"], CLOSED)
    assert found
    assert found.code == "W08"
    assert practices.first_on([None, "E85001"], CLOSED) is None
