"""Typed values: one written form of days and instants, bounded texts, one form of each code."""

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError

from shared.contracts.input_types import (
    FIRST_DAY,
    FIRST_INSTANT,
    LAST_DAY,
    LAST_INSTANT,
    Address,
    Code,
    Day,
    Flag,
    Instant,
    Line,
    LongText,
    OdsCode,
    OrAbsent,
    PracticeCode,
    ServiceCode,
    Telephone,
    Texts,
    TypedNhsNumber,
)

TEXTS: list[Any] = [Line, LongText, Address, Telephone, TypedNhsNumber]
CODES: list[Any] = [Code, OdsCode, PracticeCode, ServiceCode]
_NO_TEXT: tuple[Any, ...] = (0, -1, 1426464000, 1426464000000, 1.5, True, [], {})
_OFFSETS = st.integers(min_value=-14 * 60, max_value=14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
_INSTANTS = st.datetimes(
    min_value=FIRST_INSTANT.replace(tzinfo=None) + timedelta(days=1),
    max_value=LAST_INSTANT.replace(tzinfo=None) - timedelta(days=1),
    timezones=_OFFSETS,
)


def _read(kind: Any, value: Any) -> Any:
    return TypeAdapter(kind).validate_python(value)


@given(st.dates(min_value=FIRST_DAY, max_value=LAST_DAY))
def test_every_day_returns_as_written(day: date) -> None:
    adapter: TypeAdapter[date] = TypeAdapter(Day)

    assert adapter.validate_json(adapter.dump_json(day)) == adapter.validate_python(day.isoformat()) == adapter.validate_python(day) == day


@given(_INSTANTS)
def test_every_instant_returns_in_utc(instant: datetime) -> None:
    adapter: TypeAdapter[datetime] = TypeAdapter(Instant)

    found = adapter.validate_python(instant.isoformat())

    assert (found, found.tzinfo) == (instant, UTC)
    assert adapter.validate_json(adapter.dump_json(found)) == found


@pytest.mark.parametrize(
    "value",
    [
        *(*_NO_TEXT, "0", "1426464000", "", " ", "20150316", "2015-3-16", "16/03/2015", "2015-03-16T00:00:00Z", "2015-02-29", "2015-00-10"),
        *("2015-13-01", "+2015-03-16", "٢٠١٥-٠٣-١٦", "2015-W12-1", "2015-03-16\n", " 2015-03-16", datetime(2015, 3, 16, tzinfo=UTC)),
    ],
)
def test_other_form_of_a_day_is_refused(value: object) -> None:
    with pytest.raises(ValidationError):
        _read(Day, value)


@pytest.mark.parametrize(
    "value",
    [
        *(*_NO_TEXT, "0", "1426464000", "", "2015-03-16", "2015-03-16T09:00", "2015-03-16T09:00:00", "2015-03-16 09:00:00Z"),
        *("2015-03-16T09:00:00 01:00", "2015-03-16T24:00:00Z", "2015-03-16T09:00:61Z", "2015-03-16T09:00:00+0100", date(2015, 3, 16)),
        *("2015-03-16T09:00:00+99:00", "20150316T090000Z", "2015-02-29T09:00:00Z", "٢٠١٥-٠٣-١٦T09:00:00Z"),
    ],
)
def test_other_form_of_an_instant_is_refused(value: object) -> None:
    with pytest.raises(ValidationError):
        _read(Instant, value)


@pytest.mark.parametrize("day", ["0001-01-01", "0026-11-20", "1879-12-31", "2200-01-01", "9999-12-31"])
def test_day_outside_every_life_is_refused(day: str) -> None:
    for kind, value in ((Day, day), (Instant, f"{day}T12:00:00Z"), (Instant, f"{day}T12:00:00+11:59"), (Instant, f"{day}T11:00:00-11:59")):
        with pytest.raises(ValidationError):
            _read(kind, value)


@pytest.mark.parametrize("kind", TEXTS)
@pytest.mark.parametrize("blank", ["", " ", "\t\n", "\u00a0", "\u200b\ufeff", "\x00", "\u202e", "\u3164"])
def test_required_text_is_never_blank(kind: Any, blank: str) -> None:
    with pytest.raises(ValidationError):
        _read(kind, blank)


@pytest.mark.parametrize("kind", TEXTS)
@pytest.mark.parametrize("value", [0, True, None, [], {}, b"text"])
def test_text_is_a_string(kind: Any, value: object) -> None:
    with pytest.raises(ValidationError):
        _read(kind, value) if not isinstance(value, bytes) else TypeAdapter(kind).validate_python(value, strict=True)


@pytest.mark.parametrize(("kind", "most"), [(Line, 500), (Address, 500), (LongText, 20_000), (Telephone, 100), (TypedNhsNumber, 100)])
def test_text_has_an_upper_bound_after_trimming(kind: Any, most: int) -> None:
    assert _read(kind, f"  {'a' * most}\u200b ") == "a" * most
    with pytest.raises(ValidationError):
        _read(kind, "a" * (most + 1))


class _Optional(BaseModel):
    name: OrAbsent[Line] = None
    needs: Texts[Line] = ()


def test_blank_text_is_absent_where_it_is_optional() -> None:
    found = [_Optional.model_validate({"name": name}).name for name in ("", " \u200b", None, " Sam ")]

    assert found == [None, None, None, "Sam"]
    assert _Optional.model_validate({"needs": ["", "hearing aid ", " \ufeff"]}).needs == ("hearing aid",)
    with pytest.raises(ValidationError):
        _Optional.model_validate({"needs": "hearing aid"})


@pytest.mark.parametrize(
    ("kind", "typed", "code"),
    [
        (PracticeCode, " w07", "W07"),
        (OdsCode, "clch", "CLCH"),
        (ServiceCode, "District-Nursing ", "district-nursing"),
        (Code, "gp-W07 ", "gp-W07"),
    ],
)
def test_code_has_one_form(kind: Any, typed: str, code: str) -> None:
    assert _read(kind, typed) == code


@pytest.mark.parametrize("kind", CODES)
@pytest.mark.parametrize(
    "typed", ["", " ", "no code", "W 07", "W07/1", "é07", "-W07", "a" * 65, "9434765919", "943-476-5919", "943.476_5919", 7, None]
)
def test_prose_and_nhs_number_are_no_code(kind: Any, typed: object) -> None:
    with pytest.raises(ValidationError):
        _read(kind, typed)


@pytest.mark.parametrize("typed", ["W7O", "WO7", "W", "W7", "07W", "W123456"])
def test_practice_code_is_a_letter_and_digits(typed: str) -> None:
    with pytest.raises(ValidationError):
        _read(PracticeCode, typed)


@pytest.mark.parametrize("value", ["yes", "true", 1, 0, "on", None])
def test_flag_is_true_or_false_only(value: object) -> None:
    assert [_read(Flag, True), _read(Flag, False)] == [True, False]
    with pytest.raises(ValidationError):
        _read(Flag, value)


def test_schema_states_the_form_and_the_bounds() -> None:
    class Body(BaseModel):
        day: Day
        at: Instant
        practice: PracticeCode
        name: Line
        telephone: OrAbsent[Telephone] = None

    found = Body.model_json_schema()["properties"]

    assert (found["day"]["format"], found["at"]["format"]) == ("date", "date-time")
    assert found["practice"]["pattern"] == "^[A-Z][0-9]{2,5}$"
    assert (found["name"]["minLength"], found["name"]["maxLength"]) == (1, 500)
    assert found["telephone"]["anyOf"][0]["maxLength"] == 100
