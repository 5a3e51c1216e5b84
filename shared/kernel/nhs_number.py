"""The NHS number: ten digits, the last a check digit modulus 11, and never ten times the same digit (IG1)."""

import struct
from collections.abc import Sequence
from functools import lru_cache

import nhs_number

from shared.kernel.errors import InvalidField
from shared.kernel.normalisation import nhs_digits

_DIGITS = 10
_SAME_DIGITS = frozenset(digit * _DIGITS for digit in "0123456789")
#: Sums of ten weighted ASCII digits that mean a correct check digit.
_CORRECT_SUMS = frozenset(sum(ord("0") * weight for weight in range(1, _DIGITS + 1)) + 11 * times for times in range(46))


class InvalidNhsNumber(InvalidField):
    """The NHS number does not have ten digits with a correct check digit (IG1)."""

    code = "invalid-nhs-number"
    advice = "Check the ten digits with the person or their GP record; an urgent referral with demographics may be sent without a number."
    field = "nhs_number"


@lru_cache(maxsize=1_000)  # one request reads its number several times
def parse_nhs_number(text: str) -> str:
    """The ten digits of `text`, in any form that `nhs_digits` reads. Raises InvalidNhsNumber; never repeats the number."""
    digits = nhs_digits(text)
    if not (digits.isascii() and digits.isdigit() and nhs_number.is_valid(digits)) or digits in _SAME_DIGITS:
        raise InvalidNhsNumber(_fault_of(digits))
    return digits


def _fault_of(digits: str) -> str:
    """The sentence for an invalid number, without the number."""
    if not (digits.isascii() and digits.isdigit() and len(digits) == _DIGITS):
        return "The NHS number does not have ten digits."
    if nhs_number.calculate_checksum(digits[:-1]) != int(digits[-1]):
        return "The check digit of the NHS number is wrong: at least one of the ten digits is mistyped."
    return "No person can have this NHS number, although its check digit is correct."


def are_plainly_valid(numbers: Sequence[str]) -> bool:
    """For whole populations: True only if `parse_nhs_number` returns each number unchanged.

    False is inconclusive. Numbers that begin with 0 to 3 need that function: they may be Scottish, and then contain a date of birth.
    """
    if set(map(len, numbers)) != {_DIGITS} or min(numbers) < "4" or not _SAME_DIGITS.isdisjoint(numbers):
        return False
    joined = "".join(numbers)
    return joined.isascii() and joined.isdigit() and _CORRECT_SUMS.issuperset(_weighted_sums(joined.encode()))


def _weighted_sums(digits: bytes) -> Sequence[int]:
    """The sum of every ten digits, weighted 10 to 1. Each sum occupies 16 bits of one long integer, so ten additions compute all sums."""
    count = len(digits) // _DIGITS
    total = 0
    for position in range(_DIGITS):
        lanes = bytearray(2 * count)
        lanes[::2] = digits[position::_DIGITS]
        total += int.from_bytes(lanes, "little") * (_DIGITS - position)
    return struct.unpack(f"<{count}H", total.to_bytes(2 * count, "little"))
