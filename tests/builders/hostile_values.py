"""Hostile and odd values for the fields of a request, by the kind of field that the OpenAPI document states.

A refused value is invalid for every field of its kind. An odd value may be accepted, in its normal form, or refused; never a server error.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Hostile:
    """`is_refused`: every field of the kind must refuse the value."""

    value: Any
    is_refused: bool = True

    def __str__(self) -> str:
        shown = json.dumps(self.value)
        return shown if len(shown) <= 60 else f"{shown[:50]}… ({len(shown)} characters)"


#: Half of a surrogate pair, which no database stores.
_UNENCODABLE = ("\ud800", "a\udc00b")
_NO_TEXT: tuple[Any, ...] = (0, -1, 2**63, 1e300, True, [], {}, ["text"], {"text": 1})
_NUMBERS_AS_DATES: tuple[Any, ...] = (0, -1, -62135596800, 1426464000, 1426464000000, 1e300, 0.5, True, [], {})
_DAYS = (
    *("", " ", "0", "-1", "1426464000", "1426464000000", "20150316", "2015-3-16", "16/03/2015", "03/16/2015", "2015-03-16T00:00:00Z"),
    *("2015-02-29", "2015-02-30", "2015-00-10", "2015-13-01", "2015-04-31", "0000-00-00", "0001-01-01", "0026-11-20", "1066-10-14"),
    *("2999-01-01", "9999-12-31", "10000-01-01", "-0001-01-01", "+2015-03-16", "٢٠١٥-٠٣-١٦", "２０１５-03-16", "2015-W12-1", "2015-075"),
    *("today", "infinity", "-infinity", "epoch", "now", "null", "NaN", "2015-03-16\n", " 2015-03-16", "2015-03-16; DROP TABLE person"),
    *_UNENCODABLE,
)
_INSTANTS = (
    *("", " ", "0", "1426464000", "1426464000000", "2015-03-16", "2015-03-16T09:00", "2015-03-16T09:00:00", "2015-03-16 09:00:00Z"),
    *("2015-03-16T09:00:00 01:00", "2015-03-16T24:00:00Z", "2015-03-16T25:00:00Z", "2015-03-16T09:60:00Z", "2015-03-16T09:00:61Z"),
    *("2015-02-29T09:00:00Z", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59-14:00"),
    *("2015-03-16T09:00:00+99:00", "2015-03-16T09:00:00+0100", "20150316T090000Z", "infinity", "now", "٢٠١٥-٠٣-١٦T09:00:00Z"),
    *_UNENCODABLE,
)
_UUIDS = (
    "",
    " ",
    "0",
    "1",
    "null",
    "0193a1f0",
    "0193a1f0-0000-7000-8000-00000000000g",
    "0193a1f0-0000-7000-8000-0000000000001",
    "../x",
    "*",
)
_INTEGERS: tuple[Any, ...] = ("", " ", "ten", "1.5", "1e3", "0x10", "NaN", "١٠", 1.5, 1e300, [], {}, 2**64, -(2**64), "9" * 5000)
_BOOLEANS: tuple[Any, ...] = ("", " ", "yes", "on", "true", "1", 0, 1, 2, 0.0, [], {}, "perhaps")
_NO_CODES = (
    *("", " ", "no code", "W 07", "W07/../W08", "é07", "-W07", "a" * 65, "9434765919", "943-476-5919", "943.476.5919", "W07'--"),
    *("Ꮃ07", "W０７", "W07;W08", "W07,W08", "%", "%00", "{}", "💥", *_UNENCODABLE),
)
#: Blank to a reader, in many ways.
BLANKS = (
    "",
    " ",
    "\t\n",
    "\u00a0",
    "\u2003\u2009",
    "\u200b",
    "\ufeff",
    "\u200e\u200f",
    "\x00",
    "\x1f\x7f",
    "\u3164",
    "\u2800",
    "\u202e",
    "\u00ad",
)
#: Texts that a person or a program may send.
ODD_TEXTS = (
    *(
        "O'Neill-Ó Súilleabháin",
        "Ngô Đình Diệm",
        "نام\u200cها",
        "שלום",
        "李小龍",
        "cafe\u0301",
        "Z\u0363\u0364\u0365a\u0366lgo",
        "👩\u200d⚕️",
    ),
    *("first\r\nsecond\rthird\u2028fourth", "tab\there", "a\x00b", "a\x1b[31mred", "\u202egnirts\u202c", "\ufeffmarked", "a" * 499),
    *(
        "' OR 1=1; DROP TABLE person; --",
        '"; SELECT pg_sleep(10); --',
        "<script>alert(1)</script>",
        "{{7*7}}",
        "${jndi:ldap://x}",
        "%s%n%x",
    ),
    *("=HYPERLINK(1)", "../../etc/passwd", "null", "None", "undefined", "NaN", "true", "0", "[]", "{}", "\\", '"', "`", "\\u0000", "%00"),
)
#: NHS number 943 476 5919 as people and programs write it.
TYPED_NUMBERS = (
    *("943 476 5919", "943-476-5919", " 9434765919 ", "943\u00a0476\u00a05919", "943\u2009476\u20095919", "943\u2013476\u20135919"),
    *("943\u2011476\u20115919", "\ufeff9434765919", "9434765919\u200b", "\u200e9434765919\u200f", "943\t476\t5919", "9434765919\n"),
    *("943.476.5919", "NHS 943 476 5919", "NHS No: 943 476 5919", "９４３ ４７６ ５９１９"),
)
#: Numbers that are none; an urgent referral is accepted with each.
WRONG_NUMBERS = (
    *("9434765918", "943 476 591", "943 476 59199", "9999999999", "943 476 5919 (not sure)", "943 476 591O", "unknown", "?", "٩٤٣٤٧٦٥٩١٩"),
    *("number 943 476 5919", "9.434765919e9", *BLANKS),
)
_LONG = "a" * 100_000
#: By format or type.
_REFUSED_AND_ODD: Mapping[str, tuple[tuple[Any, ...], tuple[Any, ...]]] = {
    "date": ((*_NUMBERS_AS_DATES, *_DAYS), ("1880-01-01", "1900-01-01", "1970-01-01", "2015-03-29", "2100-01-01")),
    "date-time": (
        (*_NUMBERS_AS_DATES, *_INSTANTS),
        ("2015-03-29T01:30:00+00:00", "2015-03-16T09:00:00.123456789Z", "1900-01-01T00:00:00Z", "2199-12-31T23:59:59Z"),
    ),
    "uuid": ((0, True, [], {}, *_UUIDS), ("00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff")),
    "boolean": (_BOOLEANS, ()),
    "array": ((0, True, "", "text", {}, {"0": 1}), ([], [None], [[]] * 3, ["x"] * 1000)),
    "object": ((0, True, "", "text", []), ({},)),
}


def values_of(schema: Schema) -> Iterator[Hostile]:
    """The values for a field, given its schema without references."""
    branches = [each for each in schema.get("anyOf", [schema]) if each.get("type") != "null"]
    if len(branches) > 1:  # a union: what one branch refuses, another may accept
        yield from (Hostile(each.value, is_refused=False) for branch in branches for each in values_of(branch))
        return
    is_nullable = "anyOf" in schema or "default" in schema
    refused, odd = _by_kind(branches[0])
    blank = {each for each in refused if isinstance(each, str) and each in BLANKS} if is_nullable else set()
    yield from (Hostile(each, is_refused=not (isinstance(each, str) and each in blank)) for each in refused)
    yield from (Hostile(each, is_refused=False) for each in (*odd, None))


def _by_kind(schema: Schema) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Refused and odd values."""
    if "enum" in schema or "const" in schema:
        return (*_NO_TEXT, "", " ", "no-such-value", "a" * 1000, *_UNENCODABLE), ()
    kind = schema.get("type", "object")
    if kind == "string" and "format" not in schema:
        return _texts(schema)
    if kind == "integer":
        return (*_INTEGERS, *_outside(schema)), ("1", 0)
    return _REFUSED_AND_ODD[schema.get("format", kind)]


def _texts(schema: Schema) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    if "pattern" in schema:
        fits = re.compile(schema["pattern"]).search
        return (*_NO_TEXT, *(each for each in _NO_CODES if not fits(each.strip())), _LONG), (
            *_NO_CODES,
            " w07 ",
            "W7O",
            "WO7",
            "W\x0007",
            "\u200bW07",
            "W07\n",
        )
    blanks = BLANKS if schema.get("minLength", 0) > 0 else ()
    return (*_NO_TEXT, *_UNENCODABLE, *blanks, *((_LONG,) if "maxLength" in schema else ())), (*ODD_TEXTS, *BLANKS)


def _outside(schema: Schema) -> Iterator[int]:
    if "minimum" in schema:
        yield schema["minimum"] - 1
    if "maximum" in schema:
        yield schema["maximum"] + 1
