"""The types of typed values, for bodies, query parameters, columns of files and events alike.

Each type normalises first and checks its bounds afterwards. Days and instants have one written form; numbers are none.
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, StrictBool, StringConstraints
from pydantic_core import PydanticKnownError

from shared.kernel import normalisation
from shared.kernel.normalisation import is_blank

T = TypeVar("T")

_NHS_DIGITS = 10
DAY_FORM = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INSTANT_FORM = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})", re.IGNORECASE)
#: No living person was born earlier; no plan reaches further. A policy states narrower limits (`shared.kernel.date_limits`).
FIRST_DAY, LAST_DAY = date(1880, 1, 1), date(2199, 12, 31)
FIRST_INSTANT, LAST_INSTANT = datetime.combine(FIRST_DAY, time.min, UTC), datetime.combine(LAST_DAY, time.max, UTC)
MAX_LINE, MAX_LONG_TEXT, MAX_TYPED_NUMBER = 500, 20_000, 100
_FLAGS = ("true", "false")


def _normalised(form: Callable[[str], str]) -> BeforeValidator:
    """Other values than strings are left to the type that follows."""
    return BeforeValidator(lambda value: form(value) if isinstance(value, str) else value)


def _day(value: Any) -> Any:
    if isinstance(value, datetime) or (not isinstance(value, date) and not _is_form(value, DAY_FORM)):
        raise PydanticKnownError("date_parsing", {"error": "form"})
    return value


def _instant(value: Any) -> Any:
    if not isinstance(value, datetime) and not _is_form(value, _INSTANT_FORM):
        raise PydanticKnownError("datetime_parsing", {"error": "form"})
    return value


def _flag(value: Any) -> Any:
    if not isinstance(value, bool) and value not in _FLAGS:
        raise PydanticKnownError("bool_parsing")
    return value


def _is_form(value: Any, form: re.Pattern[str]) -> bool:
    return isinstance(value, str) and form.fullmatch(value) is not None


def _within_calendar(day: date) -> date:
    _require_limits(day, FIRST_DAY, LAST_DAY)
    return day


def _utc(instant: datetime) -> datetime:
    _require_limits(instant, FIRST_INSTANT, LAST_INSTANT)
    return instant.astimezone(UTC)


def _require_limits(value: Any, earliest: Any, latest: Any) -> None:
    if value < earliest:
        raise PydanticKnownError("greater_than_equal", {"ge": earliest.isoformat()})
    if value > latest:
        raise PydanticKnownError("less_than_equal", {"le": latest.isoformat()})


def _no_nhs_number(code: str) -> str:
    digits = re.sub("[_.-]", "", code)
    if len(digits) == _NHS_DIGITS and digits.isdigit():
        raise ValueError("a code cannot be ten digits")
    return code


def _absent_if_blank(value: Any) -> Any:
    return None if isinstance(value, str) and is_blank(value) else value


def _without_blanks(values: Any) -> Any:
    """JSON and Python lists alike; other values are left to the type that follows."""
    return [each for each in values if not (isinstance(each, str) and is_blank(each))] if isinstance(values, list | tuple) else values


#: A calendar day in Europe/London, as `2015-03-16`.
Day = Annotated[date, BeforeValidator(_day), AfterValidator(_within_calendar)]
#: A point in time by RFC 3339 with an offset, as `2015-03-16T09:00:00Z`; in UTC.
Instant = Annotated[AwareDatetime, BeforeValidator(_instant), AfterValidator(_utc)]

CODE_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
PRACTICE_PATTERN = r"^[A-Z][0-9]{2,5}$"
ODS_PATTERN, _SERVICE_PATTERN = CODE_PATTERN.replace("a-z", ""), CODE_PATTERN.replace("A-Z", "")
_ONE_LINE, _PARAGRAPHS = StringConstraints(min_length=1, max_length=MAX_LINE), StringConstraints(min_length=1, max_length=MAX_LONG_TEXT)
_NUMBER = StringConstraints(min_length=1, max_length=MAX_TYPED_NUMBER)
_no_person = AfterValidator(_no_nhs_number)

# `_normalised` is last, so that it is the outermost: it runs first.
#: A code of a code list, or of a member of staff: letters, digits and hyphens; never prose, never an NHS number.
Code = Annotated[str, StringConstraints(pattern=CODE_PATTERN), _no_person, _normalised(normalisation.code)]
#: The code of an organisation or a practice, in capitals.
OdsCode = Annotated[str, StringConstraints(pattern=ODS_PATTERN), _no_person, _normalised(normalisation.ods_code)]
#: The code of a GP practice: a capital and two to five digits.
PracticeCode = Annotated[str, StringConstraints(pattern=PRACTICE_PATTERN), _normalised(normalisation.ods_code)]
#: A practice code as typed, in capitals: an urgent referral keeps one that no practice can have.
TypedPracticeCode = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{1,9}$"), _normalised(normalisation.ods_code)]
#: A code of the directory of services, in small letters.
ServiceCode = Annotated[str, StringConstraints(pattern=_SERVICE_PATTERN), _no_person, _normalised(normalisation.service_code)]

#: A required short text such as a name: one line.
Line = Annotated[str, _ONE_LINE, _normalised(normalisation.line)]
#: A required text of several lines, which its door or its domain bounds.
Text = Annotated[str, StringConstraints(min_length=1), _normalised(normalisation.text)]
#: A required text of several lines.
LongText = Annotated[str, _PARAGRAPHS, _normalised(normalisation.text)]
#: An address on one line, with its postcode in capitals.
Address = Annotated[str, _ONE_LINE, _normalised(normalisation.address)]
#: A telephone number with the words beside it.
Telephone = Annotated[str, _NUMBER, _normalised(normalisation.telephone)]
#: An NHS number as typed, words included: the domain parses it, and an urgent referral keeps it when it is wrong.
TypedNhsNumber = Annotated[str, _NUMBER, _normalised(normalisation.line)]
#: JSON's true or false.
Flag = StrictBool
#: `true` or `false` in the query of a URL.
QueryFlag = Annotated[bool, BeforeValidator(_flag)]

#: `OrAbsent[Line]`: a blank text is absent.
OrAbsent = Annotated[T | None, BeforeValidator(_absent_if_blank)]
#: `Texts[Line]`: blank texts are absent.
Texts = Annotated[tuple[T, ...], BeforeValidator(_without_blanks)]
