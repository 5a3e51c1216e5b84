"""Distinct people to refer, and the requests. Every NHS number is valid and used once, the synthetic range first."""

import json
from collections.abc import Iterator, Mapping
from itertools import chain, count, islice
from typing import Any

from shared.kernel.ids import new_id
from tests.bench.load import Request
from tests.builders.referrals import a_body

_SYNTHETIC, _WHOLE = range(999_000_000, 999_999_999), range(400_000_000, 999_000_000)
_WEIGHTS = range(10, 1, -1)
_MARK = "0000000000"
_TEMPLATE = json.dumps(a_body(nhs_number=_MARK)).encode()


def nhs_numbers() -> Iterator[str]:
    """Distinct numbers with a valid check digit."""
    for digits in chain(_SYNTHETIC, _WHOLE):
        text = str(digits)
        check = -sum(int(digit) * weight for digit, weight in zip(text, _WEIGHTS, strict=True)) % 11
        if check < 10:
            yield f"{text}{check}"


def post(path: str, body: bytes, **headers: str) -> Request:
    """A request for the load generator, without the shared headers."""
    return _with_body("POST", path, body, headers)


def put(path: str, body: bytes) -> Request:
    return _with_body("PUT", path, body, {})


def get(path: str, **headers: str) -> Request:
    return f"GET {path} HTTP/1.1\r\n".encode(), f"{_lines(headers)}\r\n\r\n".encode()


class People:
    """Generates people without an earlier referral."""

    def __init__(self) -> None:
        self._numbers = nhs_numbers()
        self._keys = count()
        self._mark = new_id().hex

    def bodies(self, how_many: int) -> list[bytes]:
        """Each body is the referral of a new person, as a GP sends it."""
        return [_TEMPLATE.replace(_MARK.encode(), number.encode()) for number in islice(self._numbers, how_many)]

    def referrals(self, how_many: int) -> list[Request]:
        """One person for each request, with distinct idempotency keys."""
        return [post("/referrals", body, Idempotency_Key=self._key()) for body in self.bodies(how_many)]

    def batches(self, how_many: int, each: int) -> list[Request]:
        """`how_many` requests with `each` people in every request."""
        return [post("/referrals/batch", self._together(each), Idempotency_Key=self._key()) for _ in range(how_many)]

    def _together(self, each: int) -> bytes:
        return b'{"referrals": [' + b", ".join(self.bodies(each)) + b"]}"

    def _key(self) -> str:
        return f"{self._mark}-{next(self._keys)}"


def change(path: str, version: int, body: dict[str, Any]) -> Request:
    """A command with If-Match."""
    return post(path, json.dumps(body).encode(), If_Match=f'W/"{version}"')


def _with_body(method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Request:
    own = f"\r\nContent-Type: application/json\r\nContent-Length: {len(body)}{_lines(headers)}\r\n\r\n"
    return f"{method} {path} HTTP/1.1\r\n".encode(), own.encode() + body


def _lines(headers: Mapping[str, str]) -> str:
    return "".join(f"\r\n{name.replace('_', '-')}: {value}" for name, value in headers.items())
